//! Who takes part, and how each is called: with its own means to be fast, and with a home that is thrown away.

use crate::Fallible;
use crate::measure::{self, Sample};
use crate::site::Way;
use std::path::{Path, PathBuf};
use std::process::Command;

enum Kind {
    Ssh(String),
    /// All of these at once.
    AtOnce(Vec<String>),
    ByHand,
    Tool(PathBuf),
    Cluster(PathBuf),
    Ansible(PathBuf),
    Mitogen(PathBuf),
    Pyinfra(PathBuf),
}

pub struct Contender {
    pub name: &'static str,
    kind: Kind,
}

impl Contender {
    /// `ssh HOST true`: the unit.
    pub fn ssh(host: &str) -> Self {
        Contender { name: "ssh HOST true", kind: Kind::Ssh(host.into()) }
    }

    /// `ssh HOST true` for each of these hosts, all at the same time.
    pub fn at_once(hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| host.to_string()).collect();
        Contender { name: "ssh to all at once", kind: Kind::AtOnce(hosts) }
    }

    /// A shell script over one session.
    pub fn by_hand() -> Self {
        Contender { name: "script over ssh", kind: Kind::ByHand }
    }

    pub fn tool(program: &Path) -> Self {
        Contender { name: "fitout", kind: Kind::Tool(program.into()) }
    }

    /// The tool with `playbooks/cluster.yml`, on the groups of the way's `groups.ini`.
    pub fn cluster(program: &Path) -> Self {
        Contender { name: "fitout", kind: Kind::Cluster(program.into()) }
    }

    /// The unit first, then the tool, then the peers when there is an environment with them.
    pub fn all(program: &Path, venv: Option<&Path>) -> Vec<Self> {
        let mut all = vec![Self::ssh("node1"), Self::tool(program)];
        if let Some(venv) = venv {
            let venv = venv.to_path_buf();
            all.push(Contender { name: "pyinfra 3.10.0", kind: Kind::Pyinfra(venv.clone()) });
            all.push(Contender {
                name: "ansible-core 2.19.14 + mitogen 0.3.54",
                kind: Kind::Mitogen(venv.clone()),
            });
            all.push(Contender { name: "ansible-core 2.19.14, pipelining", kind: Kind::Ansible(venv) });
        }
        all
    }

    /// Runs until there is nothing left to change for this tool, and says so when there always is.
    pub fn converge(&self, way: &Way) -> Fallible<()> {
        if matches!(self.kind, Kind::Ssh(_) | Kind::AtOnce(_) | Kind::ByHand) {
            return Ok(());
        }
        let mut said = String::new();
        for _ in 0..3 {
            said = measure::run(&self.command(way), None)?.said;
            if self.changed_nothing(&said) {
                return Ok(());
            }
        }
        Err(format!("{}: changes something in every run:\n{said}", self.name).into())
    }

    fn changed_nothing(&self, said: &str) -> bool {
        if matches!(self.kind, Kind::Pyinfra(_)) {
            // Operations, successes, errors, unchanged; `-` stands for none.
            let total = said.lines().find_map(|line| line.trim().strip_prefix("Grand total"));
            return total.is_some_and(|total| total.split_whitespace().nth(1) == Some("-"));
        }
        let mut recaps = said.split("changed=").skip(1).peekable();
        recaps.peek().is_some() && recaps.all(|rest| rest.starts_with("0 "))
    }

    pub fn run(&self, way: &Way) -> Fallible<Sample> {
        let (trips, connections) = way.counts();
        let script = way.file("converge/by_hand.sh");
        let input = matches!(self.kind, Kind::ByHand).then_some(script.as_path());
        let mut sample = measure::run(&self.command(way), input)?.sample;
        let after = way.counts();
        sample.trips = after.0 - trips;
        sample.connections = after.1 - connections;
        Ok(sample)
    }

    fn command(&self, way: &Way) -> Command {
        let ssh = |words: &[&str]| {
            let mut command = Command::new("ssh");
            command.arg("-F").arg(way.file("ssh")).args(words);
            command
        };
        let apply = |program: &Path| {
            let mut command = Command::new(program);
            command.args(["apply", "--yes", "-i"]).arg(way.file("hosts.ini"));
            command
        };
        let mut command = match &self.kind {
            Kind::Ssh(host) => ssh(&[host, "true"]),
            Kind::AtOnce(hosts) => {
                let mut command = Command::new("sh");
                let each = "config=$1; shift; for host do ssh -F \"$config\" \"$host\" true & done; wait";
                command.args(["-c", each, "sh"]).arg(way.file("ssh")).args(hosts);
                command
            }
            Kind::ByHand => ssh(&["node1", "sh", "-s"]),
            Kind::Tool(program) => {
                let mut command = apply(program);
                command.arg("site.yml");
                command
            }
            Kind::Cluster(program) => {
                let mut command = apply(program);
                command.arg("-i").arg(way.file("groups.ini"));
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/cluster.yml"));
                command
            }
            Kind::Ansible(venv) => ansible(venv, way),
            Kind::Mitogen(venv) => {
                let mut command = ansible(venv, way);
                let found =
                    format!("{}/lib/python3*/site-packages/ansible_mitogen/plugins/strategy", venv.display());
                command
                    .env("ANSIBLE_STRATEGY_PLUGINS", unique(&found))
                    .env("ANSIBLE_STRATEGY", "mitogen_linear");
                command
            }
            Kind::Pyinfra(venv) => {
                let mut command = Command::new(venv.join("bin/pyinfra"));
                command
                    .arg("-y")
                    .arg(way.file("hosts.py"))
                    .arg("deploy.py")
                    .env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        };
        let home = way.file("home");
        command.current_dir(way.file("converge")).env("HOME", &home);
        for name in ["XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, home.join(name));
        }
        command
    }
}

fn ansible(venv: &Path, way: &Way) -> Command {
    let mut command = Command::new(venv.join("bin/ansible-playbook"));
    command.arg("-i").arg(way.file("hosts.ini")).arg("site.yml");
    command.env("ANSIBLE_HOME", way.file("home")).env("ANSIBLE_SSH_CONTROL_PATH_DIR", way.file("home"));
    command.env("ANSIBLE_PIPELINING", "1").env("ANSIBLE_FORKS", "50").env("LC_ALL", "C.UTF-8");
    command
}

/// The one folder that a pattern with a single `*` matches; the pattern itself when there is none, which then fails.
fn unique(pattern: &str) -> PathBuf {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    let parent = Path::new(before).parent().unwrap_or(Path::new("/"));
    let found = std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let full = |folder: PathBuf| PathBuf::from(format!("{}{after}", folder.display()));
    found
        .filter(|p| p.to_string_lossy().starts_with(before))
        .map(full)
        .find(|p| p.is_dir())
        .unwrap_or(pattern.into())
}
