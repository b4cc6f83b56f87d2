//! Content too large for the shell's own stream: another channel of the session fills the job's fifo.

use super::host::Context;
use super::job::Content;
use super::session::{Connection, Writer, fill_command};
use super::{Become, RemoteError, shell};
use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{self, Read, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

const CHUNK: usize = 64 << 10;

/// Streams `content` into the fifo at `path`; memory stays within some chunks.
pub async fn fill(
    context: &Context,
    who: &Become,
    content: Content,
    path: &str,
    gzip: bool,
) -> Result<(), RemoteError> {
    let host = &context.target.inventory_hostname;
    let failed = |e: io::Error| RemoteError::Lost(format!("{host}: sending content: {e}"));
    let far = matches!(context.target.connection, Connection::Ssh(_));
    let packed = gzip && far && pays(&content).map_err(failed)?;
    let nonce = context.nonce();
    let command = fill_command(path, packed);
    let mut channel = shell::admitted(context, who, &nonce, Some(&command)).await?;
    let (send, chunks) = mpsc::channel(8);
    let reader = tokio::task::spawn_blocking(move || produce(content, packed, send));
    let sent = consume(&mut channel.stdin, chunks).await;
    let read = reader.await.map_err(|e| failed(io::Error::other(e)))?;
    if sent.is_ok() {
        read.map_err(failed)?;
        // Where nobody reads any more the status says it.
        let _ = channel.stdin.shutdown().await;
    }
    channel.stdin = Box::new(tokio::io::sink());
    let (mut status, mut said) = (Vec::new(), Vec::new());
    tokio::try_join!(channel.stdout.read_to_end(&mut status), channel.stderr.read_to_end(&mut said))
        .map_err(failed)?;
    match DONE.contains(&status.trim_ascii()) {
        true => Ok(()),
        false => Err(failed(io::Error::other(String::from_utf8_lossy(&said).into_owned()))),
    }
}

/// How it may end: the last byte has reached the fifo, or the job does not want the rest (SIGPIPE). What is said on stderr
/// decides nothing: a login there may have its own words, a terminal echoes.
const DONE: [&[u8]; 2] = [b"0", b"141"];

/// Whether the beginning of the content shrinks by a third.
fn pays(content: &Content) -> io::Result<bool> {
    let mut sample = vec![0; CHUNK];
    let got = open(content)?.read(&mut sample)?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&sample[..got])?;
    Ok(packer.finish()?.len() * 3 < got * 2)
}

fn open(content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
    Ok(match content {
        Content::Bytes(bytes) => Box::new(&bytes[..]),
        Content::File(path) => Box::new(File::open(path)?),
    })
}

fn produce(content: Content, packed: bool, send: mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    let mut source = open(&content)?;
    let mut sink = Chunks { send, buffer: Vec::with_capacity(CHUNK) };
    if packed {
        let mut packer = GzEncoder::new(&mut sink, Compression::fast());
        io::copy(&mut source, &mut packer)?;
        packer.finish()?;
    } else {
        io::copy(&mut source, &mut sink)?;
    }
    sink.flush()
}

/// Collects what is written into chunks and hands them over; blocks while the other side is behind.
struct Chunks {
    send: mpsc::Sender<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.send.blocking_send(chunk).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

async fn consume(stdin: &mut Writer, mut chunks: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(chunk) = chunks.recv().await {
        stdin.write_all(&chunk).await?;
    }
    stdin.flush().await
}
