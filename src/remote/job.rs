//! Jobs as values: a constant script, quoted inputs, content over stdin; and what comes back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Constant POSIX sh text, sent once a session as a function and then called by name.
///
/// It runs in a subshell under `LC_ALL=C`, with the job's `vars` as shell variables, its `args` as `"$@"`
/// and its `stdin` (else /dev/null). To report it calls `emit ITEM KEY VALUE`; other output of its commands
/// must be redirected, unless the raw stdout is the result.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// `module.act`, e.g. `apt.probe`; for messages and the function's name.
    pub name: Arc<str>,
    /// What goes to the shell, as it is; also of data it never holds any.
    pub text: Arc<str>,
    /// It only reads, looks at each of its arguments by itself, and emits what it finds under the argument as the item.
    pub each: bool,
    /// Variables that may differ from argument to argument of such a script (see [`Script::for_each_with`]).
    pub own: &'static [&'static str],
}

/// The variable that tells a script that each argument brings its [own](Script::own) variables.
pub const MIXED: &str = "mixed";

impl Script {
    /// A constant script. The name stands in errors and in the fakes of tests; `text` is POSIX sh and holds
    /// no data.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Script> {
        Arc::new(Script { name: name.into(), text: text.into(), each: false, own: &[] })
    }

    /// A script that only reads, and whose arguments have nothing to do with each other (see [`Script::each`]).
    pub fn for_each(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Script> {
        Script::for_each_with(name, text, &[])
    }

    /// A script as [`Script::for_each`] which takes, where `mixed` is `1`, the values of these variables in front of each
    /// argument, in this order and each with a colon behind it. Its jobs have the variable, and no colon in the others.
    pub fn for_each_with(
        name: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
        own: &'static [&'static str],
    ) -> Arc<Script> {
        Arc::new(Script { name: name.into(), text: text.into(), each: true, own })
    }
}

/// Bytes for a job's stdin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Held in memory, shared between jobs.
    Bytes(Arc<[u8]>),
    /// A file on the controller, streamed with bounded memory.
    File(PathBuf),
}

/// One script to run on a host, with its inputs. It is a value: nothing happens before it is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Sent once a session; later jobs call it by name.
    pub script: Arc<Script>,
    /// Names are `[a-z_][a-z0-9_]*`; values are any bytes but NUL, and may be secret: they travel in the
    /// stream to the shell and are in no argv and no environment.
    pub vars: Vec<(Arc<str>, Vec<u8>)>,
    /// `"$@"`; any bytes but NUL, quoted on their way.
    pub args: Vec<Vec<u8>>,
    /// Exported to the script's commands: a task's `environment`. Names as the shell takes them.
    pub env: Vec<(Arc<str>, Vec<u8>)>,
    /// `None`: the script reads nothing.
    pub stdin: Option<Content>,
    /// After this the job's process group is ended and the status is [`Status::TimedOut`].
    pub timeout: Option<Duration>,
    /// Jobs of one chain stop at the first that exits other than 0: the rest come back as
    /// [`Status::Skipped`]. So effects can be pipelined and still end at the first failure.
    pub chain: Option<u64>,
}

impl Job {
    /// Without inputs and time limit, and in no chain.
    pub fn new(script: &Arc<Script>) -> Job {
        Job {
            script: Arc::clone(script),
            vars: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: None,
            timeout: None,
            chain: None,
        }
    }

    /// Sets a shell variable. Any bytes but NUL; quoted on its way, so that the script sees exactly these.
    pub fn var(mut self, name: &str, value: impl AsRef<[u8]>) -> Job {
        self.vars.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// What a shell variable is set to.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.vars.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.as_slice())
    }

    /// A variable that stays unset when there is no value.
    pub fn opt(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Job {
        match value {
            Some(v) => self.var(name, v),
            None => self,
        }
    }

    /// `1` or the empty text, for `[ "$name" ]`.
    pub fn flag(self, name: &str, on: bool) -> Job {
        self.var(name, if on { "1" } else { "" })
    }

    /// Adds words to `"$@"`, any bytes but NUL, after those that are there.
    pub fn args<I: IntoIterator<Item = T>, T: AsRef<[u8]>>(mut self, args: I) -> Job {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_vec()));
        self
    }

    /// Bytes for the script's stdin; without them it is empty, never the session's own.
    pub fn stdin(mut self, content: Content) -> Job {
        self.stdin = Some(content);
        self
    }

    /// How long the job may run, from its begin on the host; `None`: without end.
    pub fn timeout(mut self, limit: Option<Duration>) -> Job {
        self.timeout = limit;
        self
    }

    /// Makes it part of a chain; the number only has to differ from those of other chains of the session.
    pub fn chain(mut self, chain: u64) -> Job {
        self.chain = Some(chain);
        self
    }
}

/// How a job ended on the host. A connection that was lost is an error instead.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It ran to its end; `rc` says how.
    Done,
    /// An earlier job of the chain failed; this one did not run.
    Skipped,
    /// Its limit was over, and its process group was ended.
    TimedOut,
}

/// What a job left. `rc` is the script's exit status; it means something only when `Done`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Whether it ran, and to its end.
    pub status: Status,
    /// 0 where it went well.
    pub rc: i32,
    /// What `emit` wrote, or the script's own output; at most [`OUTPUT_LIMIT`].
    pub stdout: Vec<u8>,
    /// At most [`OUTPUT_LIMIT`].
    pub stderr: Vec<u8>,
    /// Whether a stream was longer than [`OUTPUT_LIMIT`] and the rest of it was dropped.
    pub truncated: bool,
}

/// How many bytes of each stream of a job are kept.
pub const OUTPUT_LIMIT: usize = 64 << 20;

impl Output {
    /// The output of a script that ran to its end.
    pub fn done(rc: i32, stdout: impl Into<Vec<u8>>, stderr: impl Into<Vec<u8>>) -> Output {
        Output { status: Status::Done, rc, stdout: stdout.into(), stderr: stderr.into(), truncated: false }
    }

    /// It ran to its end and exited with 0.
    pub fn ok(&self) -> bool {
        self.status == Status::Done && self.rc == 0
    }

    /// The records `emit ITEM KEY VALUE` wrote, in order.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
        let mut fields = self.stdout.split(|b| *b == 0);
        std::iter::from_fn(move || Some((fields.next()?, fields.next()?, fields.next()?)))
    }

    /// The last value emitted for a key of an item, as text (invalid UTF-8 replaced).
    pub fn field(&self, item: &str, key: &str) -> Option<String> {
        let found = self.records().filter(|(i, k, _)| *i == item.as_bytes() && *k == key.as_bytes()).last();
        found.map(|(_, _, v)| String::from_utf8_lossy(v).into_owned())
    }

    /// Lossy UTF-8 without line ends at its end: for messages, not for data.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_triples_and_the_last_one_counts() {
        let stdout = b"vim\0state\0absent\0vim\0state\0present\0vim\0version\0\0".to_vec();
        let output = Output::done(0, stdout, "");
        assert_eq!(output.records().count(), 3);
        assert_eq!(output.field("vim", "state").as_deref(), Some("present"));
        assert_eq!(output.field("vim", "version").as_deref(), Some(""));
        assert_eq!(output.field("vim", "size"), None);
    }
}
