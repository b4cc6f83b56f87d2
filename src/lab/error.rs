//! What can go wrong with a lab, in words for whoever runs it.

use std::path::{Path, PathBuf};

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Not Linux, or not root; which of both.
    #[error("the lab needs root on Linux: {0}")]
    Unsupported(String),
    /// The name is empty, too long, or has other characters.
    #[error("`{name}` is no name for a lab: use up to 24 lower-case letters, digits and dashes")]
    BadName {
        /// As given.
        name: String,
    },
    /// The number that was asked for.
    #[error("a lab has 1 to 250 hosts, not {0}")]
    BadCount(usize),
    /// There is no state of such a lab.
    #[error(
        "no lab `{name}` is up\nhint: `fitout lab list` shows the labs, `fitout lab up --name {name}` starts one"
    )]
    NoLab {
        /// As given.
        name: String,
    },
    /// A lab of this name has state; it may be half up.
    #[error(
        "lab `{name}` is up already\nhint: `fitout lab reset` renews its hosts, `fitout lab down` removes it"
    )]
    Exists {
        /// As given.
        name: String,
    },
    /// The lab is up, and has no host of this name.
    #[error("lab `{lab}` has no host `{host}`")]
    NoHost {
        /// The lab's name.
        lab: String,
        /// As given.
        host: String,
    },
    /// A program that the lab calls is neither in `PATH` nor in the usual folders.
    #[error("{tool} is not installed\nhint: `make deps` or `apt-get install {package}`")]
    MissingTool {
        /// The program.
        tool: String,
        /// Debian's package that has it.
        package: String,
    },
    /// A program that the lab called failed or could not be started.
    #[error("`{command}` failed: {output}")]
    Command {
        /// With its arguments.
        command: String,
        /// What it wrote, or why it could not be started.
        output: String,
    },
    /// A host was not ready in time, or its machine ended.
    #[error("{host} did not boot: {why}\n{console}")]
    Boot {
        /// Its name.
        host: String,
        /// How far it came.
        why: String,
        /// The last lines of its console; may be empty.
        console: String,
    },
    /// Something on this machine's file system.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What could not be done: `cannot read`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The machine's limit of inotify instances is too low: each systemd wants some.
    #[error(
        "{hosts} hosts watch more files than this machine allows: fs.inotify.max_user_instances is {limit}\n\
         hint: `sysctl -w fs.inotify.max_user_instances={needed}`, or fewer hosts"
    )]
    Watches {
        /// How many were asked for.
        hosts: usize,
        /// `fs.inotify.max_user_instances`, as it is.
        limit: usize,
        /// A value that suffices, a power of two.
        needed: usize,
    },
    /// Every network of the lab's range is taken.
    #[error("no free network of 10.213.N.0/24 on this machine")]
    NoNetwork,
    /// `down` could not remove everything; what is left is found again by the next one.
    #[error("cannot remove what lab `{lab}` left: {what}")]
    Leftover {
        /// The lab's name.
        lab: String,
        /// Processes that do not end or cgroups that do not go, in words.
        what: String,
    },
}

/// Shorthand for `map_err` on file operations.
pub(crate) fn io<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> LabError + 'a {
    move |source| LabError::Io { doing, path: path.to_owned(), source }
}
