//! Sessions and the channels on them: each channel runs one command with three piped streams.

use super::container::{self, Container};
use super::quote::quote;
pub use super::target::Connection;
use super::target::{SshOptions, Target};
use super::{RemoteError, ssh_error};
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A running command. Dropping it ends the command, or for a shell closes its input.
pub struct Channel {
    pub stdin: Writer,
    pub stdout: Reader,
    pub stderr: Reader,
    /// Whether this channel carries the session itself.
    pub main: bool,
    /// Keeps the command alive.
    pub hold: Hold,
}

pub enum Hold {
    /// The guard goes first, so that it takes no normal end for a death.
    Process {
        _guard: Option<Child>,
        _child: Child,
    },
    Session {
        _session: Arc<Session>,
    },
    Mux {
        _child: openssh::Child<Arc<openssh::Session>>,
        _session: Arc<Session>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Connecting,
    /// The first channel's user was refused, the login was not: the next channel may be the first.
    Vacant,
    Ready,
    Failed(RemoteErrorKind),
}

#[derive(Clone, Debug, PartialEq)]
enum RemoteErrorKind {
    Unreachable(String),
    Lost(String),
}

/// One connection to a host. For ssh the first channel is the ssh process itself, which also serves the
/// control socket through which all further channels go.
pub struct Session {
    target: Target,
    claimed: AtomicBool,
    phase: watch::Sender<Phase>,
    ssh: Mutex<Option<SshMaster>>,
    /// The container of a directory.
    container: tokio::sync::Mutex<Option<Container>>,
}

struct SshMaster {
    child: Child,
    mux: Arc<openssh::Session>,
    _dir: tempfile::TempDir,
}

impl Session {
    pub fn new(target: Target) -> Arc<Session> {
        Arc::new(Session {
            target,
            claimed: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Connecting),
            ssh: Mutex::new(None),
            container: tokio::sync::Mutex::new(None),
        })
    }

    /// Whether new channels may be asked for.
    pub fn usable(&self) -> bool {
        !matches!(*self.phase.borrow(), Phase::Failed(_))
    }

    /// The first channel's shell has answered.
    pub fn ready(&self) {
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Connecting;
            if first {
                *phase = Phase::Ready;
            }
            first
        });
    }

    /// The first channel has ended; nobody gets a channel of this session any more.
    pub fn failed(&self, error: &RemoteError) {
        let kind = match error {
            RemoteError::Unreachable(text) => RemoteErrorKind::Unreachable(text.clone()),
            other => RemoteErrorKind::Lost(other.to_string()),
        };
        self.phase.send_replace(Phase::Failed(kind));
    }

    /// The first channel ended with an error. Where its shell could not become its user that says nothing
    /// about other users.
    pub fn refused(&self, error: &RemoteError) {
        if !matches!(error, RemoteError::Become(_)) {
            return self.failed(error);
        }
        *self.ssh.lock().unwrap_or_else(|e| e.into_inner()) = None;
        self.claimed.store(false, Ordering::SeqCst);
        self.phase.send_replace(Phase::Vacant);
    }

    /// What ssh or the login said before there was a shell, in a user's words.
    pub fn explain(&self, said: &str) -> RemoteError {
        let host = &self.target.inventory_hostname;
        match &self.target.connection {
            Connection::Ssh(options) => RemoteError::Unreachable(ssh_error::explain(said, host, options)),
            _ => RemoteError::Unreachable(format!("{host}: cannot start a shell: {}", said.trim())),
        }
    }

    /// Starts `command` (sh syntax) on the host.
    pub async fn open(self: &Arc<Self>, command: &str) -> Result<Channel, RemoteError> {
        let local = match &self.target.connection {
            Connection::Ssh(options) => return self.open_ssh(options, command).await,
            Connection::Local => shell_command(command),
            Connection::Chroot(dir) => {
                let mut c = Command::new("chroot");
                c.arg(dir).args(["/bin/sh", "-c", command]);
                container::without_preloads(&mut c);
                c
            }
            Connection::Nspawn(name) => self.nspawn(name, command).await?,
        };
        self.ready();
        let (child, channel) = spawn(apart(local)).map_err(|e| self.explain(&e.to_string()))?;
        Ok(channel.hold(Hold::Process { _guard: super::watch::over(&child), _child: child }, false))
    }

    /// A command in a running machine (by name, or as `/proc/PID/root` by its first process), or in a directory that is a
    /// container for the session.
    async fn nspawn(&self, name: &str, command: &str) -> Result<Command, RemoteError> {
        let first = name.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/root")?.parse().ok());
        if let Some(leader) = first {
            return Ok(container::enter(leader, command));
        }
        if name.starts_with('/') {
            let mut container = self.container.lock().await;
            let running = container.as_mut().and_then(Container::leader);
            let leader = match running {
                Some(leader) => leader,
                None => {
                    let started = Container::start(name).await.map_err(|said| self.explain(&said))?;
                    container.insert(started).leader().unwrap_or_default()
                }
            };
            return Ok(container::enter(leader, command));
        }
        let state = std::fs::read_to_string(format!("/run/systemd/machines/{name}"))
            .map_err(|e| self.explain(&format!("no machine `{name}` runs here: {e}")))?;
        let leader = state.lines().find_map(|l| l.strip_prefix("LEADER=")?.parse().ok());
        let leader = leader.ok_or_else(|| self.explain(&format!("machine `{name}` has no leader")))?;
        Ok(container::enter(leader, command))
    }

    async fn open_ssh(self: &Arc<Self>, options: &SshOptions, command: &str) -> Result<Channel, RemoteError> {
        loop {
            if !self.claimed.swap(true, Ordering::SeqCst) {
                return self.open_first(options, command);
            }
            let mut phase = self.phase.subscribe();
            let now = phase.wait_for(|p| *p != Phase::Connecting).await.map(|p| p.clone());
            match now {
                Ok(Phase::Failed(RemoteErrorKind::Unreachable(text))) => {
                    return Err(RemoteError::Unreachable(text));
                }
                Ok(Phase::Failed(RemoteErrorKind::Lost(text))) => return Err(RemoteError::Lost(text)),
                Err(_) => return Err(RemoteError::Lost("the session ended".into())),
                Ok(Phase::Vacant) => {}
                Ok(_) => return self.open_further(command).await,
            }
        }
    }

    fn open_first(self: &Arc<Self>, options: &SshOptions, command: &str) -> Result<Channel, RemoteError> {
        self.phase.send_replace(Phase::Connecting);
        let (pipes, master) = self.start_ssh(options, command).map_err(|e| {
            let text = format!("{}: cannot run ssh: {e}", self.target.inventory_hostname);
            let error = RemoteError::Unreachable(text);
            self.failed(&error);
            error
        })?;
        *self.ssh.lock().unwrap_or_else(|e| e.into_inner()) = Some(master);
        Ok(pipes.hold(Hold::Session { _session: Arc::clone(self) }, true))
    }

    async fn open_further(self: &Arc<Self>, command: &str) -> Result<Channel, RemoteError> {
        let mux = self.ssh.lock().unwrap_or_else(|e| e.into_inner()).as_ref().map(|m| Arc::clone(&m.mux));
        let mux = mux.ok_or_else(|| RemoteError::Lost("the session ended".into()))?;
        let host = &self.target.inventory_hostname;
        let lost = |e: openssh::Error| RemoteError::Lost(format!("{host}: no further channel: {e}"));
        let mut command = mux.arc_raw_command(command);
        command
            .stdin(openssh::Stdio::piped())
            .stdout(openssh::Stdio::piped())
            .stderr(openssh::Stdio::piped());
        let mut child = command.spawn().await.map_err(lost)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin().take(), child.stdout().take(), child.stderr().take())
        else {
            return Err(RemoteError::Protocol(format!("{host}: a channel without streams")));
        };
        let pipes = Pipes { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr) };
        Ok(pipes.hold(Hold::Mux { _child: child, _session: Arc::clone(self) }, false))
    }

    fn start_ssh(&self, options: &SshOptions, command: &str) -> io::Result<(Pipes, SshMaster)> {
        let dir = tempfile::Builder::new().prefix("fitout-").tempdir()?;
        let socket = dir.path().join("s");
        let mut ssh = Command::new(options.executable.as_deref().unwrap_or("ssh"));
        ssh.arg("-M").arg("-S").arg(&socket).arg("-oControlPersist=no");
        ssh.args(options.arguments(self.target.connect_timeout));
        ssh.arg("--").arg(&options.host).arg(command);
        // A Ctrl-C at the terminal is for fitout to handle.
        ssh.process_group(0);
        let (child, pipes) = spawn(ssh)?;
        let mux = Arc::new(openssh::Session::resume_mux(socket.into_boxed_path(), None));
        Ok((pipes, SshMaster { child, mux, _dir: dir }))
    }

    /// Ends the connection at once, without waiting for the host.
    pub async fn close(&self) {
        self.failed(&RemoteError::Lost("the connection was closed".into()));
        let master = self.ssh.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(mut master) = master {
            // It may have ended already.
            let _ = master.child.kill().await;
        }
        if let Some(container) = self.container.lock().await.take() {
            container.stop().await;
        }
    }
}

struct Pipes {
    stdin: Writer,
    stdout: Reader,
    stderr: Reader,
}

impl Pipes {
    fn hold(self, hold: Hold, main: bool) -> Channel {
        let Pipes { stdin, stdout, stderr } = self;
        Channel { stdin, stdout, stderr, main, hold }
    }
}

fn shell_command(command: &str) -> Command {
    let mut c = Command::new("/bin/sh");
    c.args(["-c", command]);
    c
}

/// A command in a session of its own, as sshd starts one: with our terminal in sight, a shell that turns job control on
/// waits until it is in the foreground, which is for ever.
#[expect(unsafe_code, reason = "the standard library has no other way to a session")]
fn apart(mut command: Command) -> Command {
    // SAFETY: setsid(2) may be called between fork and exec: it neither allocates nor takes a lock.
    unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    command
}

fn spawn(mut command: Command) -> io::Result<(Child, Pipes)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let mut child = command.spawn()?;
    let missing = || io::Error::other("a child without streams");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    Ok((child, Pipes { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr) }))
}

/// The shell command that fills a fifo from its stdin, and says on stdout with which status that ended.
pub fn fill_command(path: &str, gunzip: bool) -> String {
    let tool = if gunzip { "gzip -dc" } else { "cat" };
    format!("{tool} >{}; echo $?", quote(path))
}
