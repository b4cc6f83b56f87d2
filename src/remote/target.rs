//! What is needed to reach a host: the kind of connection and its options.

use crate::base::value::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// One host as the inventory describes it.
#[derive(Clone, Debug)]
pub struct Target {
    /// For messages.
    pub inventory_hostname: String,
    /// How its shell is reached.
    pub connection: Connection,
    /// Given to sudo or su when they ask, at most once a shell.
    pub become_password: Option<Secret>,
    /// `ansible_shell_executable`; a POSIX shell.
    pub shell: String,
    /// How long the network part of a connection may take (`timeout`, 10 s in Ansible).
    pub connect_timeout: Duration,
}

/// The way to a host's shell.
#[derive(Clone, Debug)]
pub enum Connection {
    /// Over the network, with OpenSSH's own client.
    Ssh(SshOptions),
    /// This machine.
    Local,
    /// A directory with a root file system; needs root.
    Chroot(PathBuf),
    /// A running container's machine name, or the directory of one that is started for the session.
    Nspawn(String),
}

/// All of it optional: what is not given is as the user's own ssh configuration says.
#[derive(Clone, Debug, Default)]
pub struct SshOptions {
    /// The name or address to connect to; an alias of the ssh configuration will do.
    pub host: String,
    /// `None`: 22, or what the ssh configuration says.
    pub port: Option<u16>,
    /// The login.
    pub user: Option<String>,
    /// The key to log in with; the agent's may be offered too.
    pub private_key_file: Option<PathBuf>,
    /// `ansible_ssh_common_args` and `ansible_ssh_extra_args`, split into words.
    pub args: Vec<String>,
    /// What an unknown or changed host key does.
    pub host_key_checking: HostKeyChecking,
    /// Instead of `~/.ssh/config`.
    pub config_file: Option<PathBuf>,
    /// Instead of `~/.ssh/known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// `ProxyJump`, in order.
    pub jump_hosts: Vec<String>,
    /// `ansible_ssh_executable`.
    pub executable: Option<String>,
    /// After this long without a sign of life the connection counts as lost; 30 s when not given.
    pub silence_limit: Option<Duration>,
}

/// What is done about the host's key, where the user's ssh configuration is not to decide alone.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum HostKeyChecking {
    /// As the user's ssh configuration says; ssh's own default refuses unknown keys without a terminal.
    #[default]
    Config,
    /// Only keys that are known already.
    Strict,
    /// New hosts are added to known_hosts; a changed key is refused.
    AcceptNew,
    /// No check at all.
    Off,
}

impl Target {
    /// A host with `/bin/sh` as its shell, no password for becoming, and ten seconds to connect.
    pub fn new(inventory_hostname: impl Into<String>, connection: Connection) -> Target {
        Target {
            inventory_hostname: inventory_hostname.into(),
            connection,
            become_password: None,
            shell: "/bin/sh".into(),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl SshOptions {
    /// OpenSSH's own defaults: user, port, keys and jumps are as the user's configuration has them.
    pub fn new(host: impl Into<String>) -> SshOptions {
        SshOptions { host: host.into(), ..SshOptions::default() }
    }

    /// The arguments before the destination, without those of multiplexing.
    pub(super) fn arguments(&self, connect_timeout: Duration) -> Vec<String> {
        let mut out: Vec<String> =
            ["-T", "-x", "-oBatchMode=yes", "-oRemoteCommand=none"].map(String::from).into();
        out.push(format!("-oConnectTimeout={}", connect_timeout.as_secs().max(1)));
        // A link that is cut is noticed after three unanswered questions.
        let silence = self.silence_limit.unwrap_or(Duration::from_secs(30)).as_secs().max(3);
        out.push(format!("-oServerAliveInterval={}", silence / 3));
        out.push("-oServerAliveCountMax=3".into());
        match self.host_key_checking {
            HostKeyChecking::Config => {}
            HostKeyChecking::Strict => out.push("-oStrictHostKeyChecking=yes".into()),
            HostKeyChecking::AcceptNew => out.push("-oStrictHostKeyChecking=accept-new".into()),
            HostKeyChecking::Off => {
                out.push("-oStrictHostKeyChecking=no".into());
                out.push("-oUserKnownHostsFile=/dev/null".into());
                out.push("-oGlobalKnownHostsFile=/dev/null".into());
            }
        }
        if let Some(file) = &self.known_hosts {
            out.push(format!("-oUserKnownHostsFile=\"{}\"", file.display()));
        }
        if let Some(file) = &self.config_file {
            out.push("-F".into());
            out.push(file.display().to_string());
        }
        if let Some(file) = &self.private_key_file {
            out.push("-i".into());
            out.push(file.display().to_string());
        }
        if let Some(port) = self.port {
            out.push(format!("-p{port}"));
        }
        if let Some(user) = &self.user {
            out.push("-l".into());
            out.push(user.clone());
        }
        if !self.jump_hosts.is_empty() {
            out.push("-J".into());
            out.push(self.jump_hosts.join(","));
        }
        out.extend(self.args.iter().cloned());
        out
    }
}
