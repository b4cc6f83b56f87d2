//! Where outputs write: one lock, whole texts at a time, progress lines kept out of the way.

use indicatif::MultiProgress;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A shared writer. A reader that went away (`| head`) is not an error of the run.
#[derive(Clone)]
pub struct Console {
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    bars: Option<MultiProgress>,
}

impl Console {
    /// A console without colour or progress lines, for any writer. Copies share its lock.
    pub fn new(writer: impl Write + Send + 'static) -> Console {
        Console { writer: Arc::new(Mutex::new(Box::new(writer))), bars: None }
    }

    /// For data. A write that fails (a closed pipe) is passed over.
    pub fn stdout() -> Console {
        Console::new(std::io::stdout())
    }

    /// For talk: progress, warnings, errors.
    pub fn stderr() -> Console {
        Console::new(std::io::stderr())
    }

    /// Texts are from now on written above these bars.
    pub fn above(mut self, bars: MultiProgress) -> Console {
        self.bars = Some(bars);
        self
    }

    /// Writes the text and a newline.
    pub fn line(&self, text: &str) {
        let write = || {
            let mut writer = self.writer.lock().unwrap_or_else(|e| e.into_inner());
            // Nothing can be told to a reader that is gone, and the hosts' work goes on.
            let _ = writer.write_all(format!("{text}\n").as_bytes()).and_then(|()| writer.flush());
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// A console that keeps what is written, for tests.
#[cfg(test)]
pub fn captured() -> (Console, Arc<Mutex<Vec<u8>>>) {
    #[derive(Clone)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);
    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let bytes = Arc::new(Mutex::new(Vec::new()));
    (Console::new(Buffer(Arc::clone(&bytes))), bytes)
}
