//! A shell on a host: jobs go out pipelined, their outputs come back framed and in order.

mod batch;
mod container;
pub mod fake;
pub mod files;
mod frame;
mod host;
pub mod job;
mod login;
mod quote;
mod session;
mod shell;
mod ssh_error;
mod survey;
pub mod target;
mod upload;
mod watch;

#[cfg(test)]
mod tests;

pub use container::{enter, entering};
pub use host::connect;
pub use job::{Content, Job, Output, Script, Status};
pub use survey::Survey;
pub use target::{Connection, HostKeyChecking, SshOptions, Target};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Ends the processes of a shell: variables `shell` (its pid), `group` (of one job, else all of them and the shell itself),
/// `signal`.
pub const END_JOBS: &str = include_str!("scripts/kill.sh");

/// Who runs a job on the host. Each distinct value gets one long-lived `sh`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Become {
    /// The login user.
    #[default]
    No,
    /// Another user through `method`. Passwords are held by the connection, never here.
    User {
        /// The program that changes the user.
        method: BecomeMethod,
        /// The user's name.
        user: Arc<str>,
        /// Words for the program, as a command line has them; may be empty.
        flags: Arc<str>,
        /// The command, as a command line has it, where it is not the program's name; else empty.
        exe: Arc<str>,
    },
}

/// The program that changes the user; `flags` go to it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum BecomeMethod {
    /// `sudo`, which may ask only where there is a password.
    Sudo,
    /// `su`, which cannot be told not to ask.
    Su,
    /// `doas`; where it has to ask it needs `script` on the host, for a terminal.
    Doas,
}

impl BecomeMethod {
    /// Its command where nothing else is said.
    pub fn program(self) -> &'static str {
        match self {
            BecomeMethod::Sudo => "sudo",
            BecomeMethod::Su => "su",
            BecomeMethod::Doas => "doas",
        }
    }
}

/// Why a job has no output.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// No session could be had: name resolution, refused, host key, authentication.
    #[error("{0}")]
    Unreachable(String),
    /// The session broke while the job was queued or running; whether it ran is not known.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The change of user was refused.
    #[error("{0}")]
    Become(String),
    /// The host has no usable `sh`, or answers out of protocol.
    #[error("{0}")]
    Protocol(String),
}

/// A job's output, once it has come back. An error says that there is none, not that the job failed.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<Output, RemoteError>> + Send>>;

/// One host to run jobs on. Jobs of one [`Become`] run in the order they were submitted; all that is
/// submitted before the first answer travels in one round trip.
pub trait Remote: Send + Sync {
    /// Queues the job and returns at once; it is sent with all that is queued. Dropping the future does not
    /// take it back.
    ///
    /// # Errors
    /// No session, a lost one (the job may have run), a refused change of user, or a host that answers out of
    /// protocol.
    fn submit(&self, who: &Become, job: Job) -> JobFuture;
    /// Writes since the session began after which an answer was waited for; the handshake is not counted.
    fn round_trips(&self) -> u64;
    /// Ends all shells and the session; used by `meta: reset_connection` and reboot. The next job reconnects.
    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// Ends what runs as this user after the jobs it has: a user that still has processes cannot be removed.
    fn leave(&self, _user: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}
