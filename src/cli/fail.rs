//! Exit codes, and errors that end a command.

use crate::syntax::vault::VaultError;
use crate::syntax::yaml::io_words;
use std::fmt;

/// Exit codes: 0 done, 1 failed, 2 changes pending, 3 bad input, 4 unreachable, 130 interrupted.
pub mod code {
    /// Everything was done; of `plan`, that nothing is to be done.
    pub const DONE: u8 = 0;
    /// Something failed, on a host or here, and every host was reached.
    pub const FAILED: u8 = 1;
    /// Of `plan` and its like: something would be changed.
    pub const CHANGES: u8 = 2;
    /// Bad flags, playbook, inventory or vault password: no host was touched.
    pub const INPUT: u8 = 3;
    /// At least one host could not be reached, whatever else failed.
    pub const UNREACHABLE: u8 = 4;
    /// Ended by a signal, as shells report SIGINT (128 + 2).
    pub const INTERRUPTED: u8 = 130;
}

/// Why a command ends early. An empty message: all was told already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail {
    /// What the process ends with, one of [`code`].
    pub code: u8,
    /// May have several lines; without a full stop.
    pub message: String,
    /// What to do about it, each a line of its own.
    pub hints: Vec<String>,
}

/// What a command comes to: an exit code.
pub type Done = Result<u8, Fail>;

impl Fail {
    /// The user's input cannot be used.
    pub fn input(message: impl Into<String>) -> Fail {
        Fail { code: code::INPUT, message: message.into(), hints: Vec::new() }
    }

    /// The command could not do what was asked, though the input was good: exit code 1.
    pub fn failed(message: impl Into<String>) -> Fail {
        Fail { code: code::FAILED, message: message.into(), hints: Vec::new() }
    }

    /// All was told already.
    pub fn told(code: u8) -> Fail {
        Fail { code, message: String::new(), hints: Vec::new() }
    }

    /// Adds a line that says what to do, below the message.
    pub fn hint(mut self, hint: impl Into<String>) -> Fail {
        self.hints.push(hint.into());
        self
    }

    /// Adds "did you mean …" when one of `known` is near `word`.
    pub fn did_you_mean<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Fail {
        match crate::base::diag::nearest(word, known) {
            Some(right) => self.hint(format!("did you mean `{right}`?")),
            None => self,
        }
    }

    /// A file of the user's that cannot be read or written: exit code 3.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Fail {
        Fail::input(format!("{}: {}", path.display(), io_words(error)))
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl From<VaultError> for Fail {
    fn from(error: VaultError) -> Fail {
        Fail::input(error.to_string())
    }
}
