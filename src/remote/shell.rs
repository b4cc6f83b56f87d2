//! One long-lived `sh` on a host: jobs go down its stdin as they come, outputs are cut at their marks.
//!
//! A task of its own drives each shell. It writes all that is queued in one burst and waits for nothing in
//! between, so that independent jobs cost one round trip. Three things make it wait: a password that has to
//! be asked for, content too large to be inlined (another channel fills a fifo that the job reads), and a
//! job past its time, whose process group is ended over another channel.

mod aside;
mod wire;

use super::frame::{Kind, Mark, Stream};
use super::host::Context;
use super::job::{Content, Job, Output, Script, Status};
use super::login::{self, Login};
use super::session::Channel;
use super::{Become, RemoteError, quote};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use wire::Running;

const PREAMBLE: &str = include_str!("scripts/preamble.sh");

/// Content up to this size goes in the stream itself.
const INLINE_LIMIT: usize = 256 << 10;
pub type Reply = oneshot::Sender<Result<Output, RemoteError>>;

pub enum Request {
    Run(Box<Job>, Reply),
    /// Ends the running job and the shell.
    Stop(oneshot::Sender<()>),
    /// Ends the shell after the jobs it has.
    Leave(oneshot::Sender<()>),
}

/// The sending end; when it is dropped the shell ends after its last job.
#[derive(Clone)]
pub struct Shell {
    requests: mpsc::UnboundedSender<Request>,
}

impl Shell {
    pub fn start(context: Arc<Context>, who: Become) -> Shell {
        let (requests, queue) = mpsc::unbounded_channel();
        tokio::spawn(drive(context, who, queue));
        Shell { requests }
    }

    pub fn alive(&self) -> bool {
        !self.requests.is_closed()
    }

    pub fn send(&self, request: Request) -> Result<(), Request> {
        self.requests.send(request).map_err(|e| e.0)
    }
}

/// A boxed future, because a shell starts others to end its jobs.
fn drive(
    context: Arc<Context>,
    who: Become,
    mut queue: mpsc::UnboundedReceiver<Request>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let nonce = context.nonce();
        let error = match admitted(&context, &who, &nonce, None).await {
            Ok(channel) => return Driver::prepare(context, who, &nonce, channel).run(queue).await,
            Err(error) => error,
        };
        queue.close();
        while let Some(request) = queue.recv().await {
            match request {
                Request::Run(_, reply) => drop(reply.send(Err(error.clone()))),
                Request::Stop(done) | Request::Leave(done) => drop(done.send(())),
            }
        }
    })
}

/// Opens a channel and gives the password if it is asked for; after this the shell reads its stdin, unless
/// nobody asks at all, when it is not waited for.
pub async fn admitted(
    context: &Context,
    who: &Become,
    nonce: &str,
    inner: Option<&str>,
) -> Result<Channel, RemoteError> {
    if let Some(error) = context.distrusted(who) {
        return Err(error);
    }
    let Login { command, ask } = login::login(&context.target, who, nonce, inner)?;
    let mut channel = context.session.open(&command).await?;
    let Some(ask) = ask else { return Ok(channel) };
    let outcome = tokio::time::timeout(context.login_limit(), login::answer(&mut channel, &ask, nonce)).await;
    let said = match outcome {
        Ok(Ok(())) => {
            if channel.main {
                context.session.ready();
            }
            return Ok(channel);
        }
        Ok(Err(said)) => said,
        Err(_) => "no answer in time".into(),
    };
    let error = login::refusal(who, &said, &context.target.inventory_hostname)
        .unwrap_or_else(|| context.session.explain(&said));
    if channel.main {
        context.session.refused(&error);
    }
    if ask.password.is_some() && login::wrong_password(&said) {
        context.distrust(who, &error);
    }
    Err(error)
}

struct Pending {
    seq: u64,
    script: Arc<Script>,
    stdin: Option<Content>,
    /// Held as long as the job runs: what fills its fifo sees by it that nobody reads any more.
    filled: Option<oneshot::Receiver<()>>,
    timeout: Option<Duration>,
    reply: Reply,
    out: Option<Mark>,
    err: Option<Mark>,
    group: Option<String>,
    deadline: Option<Instant>,
    /// How many signals were sent because the time is over.
    signals: u8,
}

struct Driver {
    context: Arc<Context>,
    who: Become,
    out: Stream,
    err: Stream,
    input: Option<mpsc::UnboundedSender<Vec<u8>>>,
    burst: Vec<u8>,
    slots: HashMap<Arc<str>, usize>,
    next: u64,
    pending: VecDeque<Pending>,
    shell_pid: String,
    /// Hellos seen on stdout and stderr.
    greeted: (bool, bool),
    /// What was said on stderr before the hello.
    said: Vec<u8>,
    killer: Option<Shell>,
    opened: Instant,
    main: bool,
    failure: Option<RemoteError>,
}

impl Driver {
    fn prepare(context: Arc<Context>, who: Become, nonce: &str, channel: Channel) -> Running {
        let (input, bursts) = mpsc::unbounded_channel();
        let mut burst = b"fo_n=".to_vec();
        quote::quote_into(&mut burst, nonce.as_bytes());
        burst.push(b'\n');
        burst.extend_from_slice(PREAMBLE.as_bytes());
        let driver = Driver {
            context,
            who,
            out: Stream::new(nonce.as_bytes()),
            err: Stream::new(nonce.as_bytes()),
            input: Some(input),
            burst,
            slots: HashMap::new(),
            next: 1,
            pending: VecDeque::new(),
            shell_pid: String::new(),
            greeted: (false, false),
            said: Vec::new(),
            killer: None,
            opened: Instant::now(),
            main: channel.main,
            failure: None,
        };
        Running { driver, channel, bursts }
    }

    fn take(&mut self, job: Job, reply: Reply) {
        if let Some(why) = quote::fault(&job) {
            // Nobody may be waiting any more.
            let _ = reply.send(Err(RemoteError::Protocol(why)));
            return;
        }
        let next_slot = self.slots.len();
        let slot = *self.slots.entry(Arc::clone(&job.script.text)).or_insert_with(|| {
            quote::define(&mut self.burst, next_slot, &job.script.text);
            next_slot
        });
        let input = match &job.stdin {
            None => quote::Input::Null,
            Some(Content::Bytes(bytes)) if bytes.len() <= INLINE_LIMIT => quote::Input::Inline(bytes),
            Some(_) => quote::Input::Fifo,
        };
        let seq = self.next;
        self.next += 1;
        quote::job(&mut self.burst, seq, slot, &job, &input);
        let large = matches!(input, quote::Input::Fifo);
        self.pending.push_back(Pending {
            seq,
            script: job.script,
            stdin: job.stdin.filter(|_| large),
            filled: None,
            timeout: job.timeout,
            reply,
            out: None,
            err: None,
            group: None,
            deadline: None,
            signals: 0,
        });
    }

    fn flush(&mut self) {
        if let (Some(input), false) = (&self.input, self.burst.is_empty()) {
            // A broken pipe shows as the end of stdout.
            let _ = input.send(std::mem::take(&mut self.burst));
        }
    }

    fn find(&mut self, seq: u64) -> Option<&mut Pending> {
        let first = self.pending.front()?.seq;
        self.pending.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    fn on_out(&mut self, mark: Mark) {
        match mark.kind {
            Kind::Hello => {
                self.shell_pid = mark.rest;
                self.greeted.0 = true;
                if self.main {
                    self.context.session.ready();
                }
            }
            Kind::Group => {
                if let Some(pending) = self.find(mark.seq) {
                    pending.group = Some(mark.rest);
                    pending.deadline = pending.timeout.map(|t| Instant::now() + t);
                }
            }
            Kind::Fifo => self.start_upload(&mark),
            Kind::End | Kind::Skipped => {
                if let Some(pending) = self.find(mark.seq) {
                    pending.out = Some(mark);
                }
            }
        }
    }

    fn on_err(&mut self, mark: Mark) {
        match mark.kind {
            Kind::Hello => self.greeted.1 = true,
            Kind::End | Kind::Skipped => {
                if let Some(pending) = self.find(mark.seq) {
                    pending.err = Some(mark);
                }
            }
            _ => {}
        }
    }

    /// Replies to those at the front that are complete.
    fn settle(&mut self) {
        while self.pending.front().is_some_and(|p| p.out.is_some() && p.err.is_some()) {
            let Some(Pending { out: Some(out), err: Some(err), reply, signals, .. }) =
                self.pending.pop_front()
            else {
                return;
            };
            let status = match (out.kind, signals) {
                (Kind::Skipped, _) => Status::Skipped,
                (_, 0) => Status::Done,
                _ => Status::TimedOut,
            };
            let rc = out.rest.parse().unwrap_or(-1);
            let truncated = out.truncated || err.truncated;
            let output = Output { status, rc, stdout: out.body, stderr: err.body, truncated };
            // Nobody may be waiting any more.
            let _ = reply.send(Ok(output));
        }
    }

    /// The shell is gone: everybody who waits learns why.
    fn bury(mut self) {
        let said = [self.said.as_slice(), &self.err.leftover()].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let host = &self.context.target.inventory_hostname;
        let error = match self.failure.take() {
            Some(error) => error,
            None if !self.greeted.0 => {
                login::refusal(&self.who, &said, host).unwrap_or_else(|| self.context.session.explain(&said))
            }
            None => {
                let last = said.trim().lines().last().unwrap_or("the shell on the host ended").to_string();
                let running = self.pending.front().map(|p| format!(", while `{}` ran", p.script.name));
                let last = last.trim_end_matches('.');
                RemoteError::Lost(format!("{last}{} on {host}", running.unwrap_or_default()))
            }
        };
        if self.main {
            self.context.session.refused(&error);
        }
        for pending in self.pending {
            let result = match pending.signals {
                0 => Err(error.clone()),
                _ => Ok(Output { status: Status::TimedOut, ..Output::done(-1, "", "") }),
            };
            // Nobody may be waiting any more.
            let _ = pending.reply.send(result);
        }
    }
}
