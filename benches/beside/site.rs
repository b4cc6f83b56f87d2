//! The hosts, the ways to them, and the files that tell each tool about both.

use crate::Fallible;
use crate::proxy::LatencyProxy;
use fitout::lab::{self, Guard, Lab, LabOptions};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A lab with all that the playbook's packages task asks for, so that no mirror's speed is measured.
pub struct Site {
    lab: Guard,
}

/// The way to the hosts at one latency; its folder holds inventories, keys and what the tools write at home.
pub struct Way {
    proxies: Vec<LatencyProxy>,
    folder: TempDir,
}

impl Site {
    pub fn up(hosts: usize) -> Fallible<Self> {
        lab::sweep_orphans()?;
        let packages = ["ca-certificates", "iproute2", "kmod", "procps", "sudo"];
        let lab = Lab::up(&LabOptions {
            name: format!("bench-{}", std::process::id()),
            hosts,
            packages: packages.map(String::from).to_vec(),
            with_python: true,
            ephemeral: true,
            boot_limit: Duration::from_secs(300),
            ..LabOptions::default()
        })?;
        Ok(Site { lab: Guard::new(lab) })
    }

    /// All hosts as after their first boot.
    pub fn reset(&self) -> Fallible<()> {
        Ok(self.lab.reset()?)
    }

    /// Proxies to every host, each of its own.
    pub fn way(&self, rtt_ms: u64) -> Fallible<Way> {
        // Short: sockets live below it, and their names have a limit.
        let folder = tempfile::Builder::new().prefix("fb").tempdir_in("/tmp")?;
        let known = fs::read_to_string(self.lab.dir().join("known_hosts"))?;
        let mut files = Files::new(folder.path(), &self.lab.key_path());
        let mut proxies = Vec::new();
        for host in self.lab.hosts() {
            let target = format!("{}:22", host.address).parse()?;
            let proxy = LatencyProxy::start(target, Duration::from_micros(rtt_ms * 500))?;
            let port = proxy.address().port();
            let key = known.lines().find_map(|line| {
                let (names, key) = line.split_once(' ')?;
                names.split(',').any(|name| name == host.address).then_some(key)
            });
            files.host(
                &host.name,
                port,
                key.ok_or_else(|| format!("no host key of {} known", host.name))?,
            )?;
            proxies.push(proxy);
        }
        files.write()?;
        Ok(Way { proxies, folder })
    }
}

impl Way {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Round trips and connections so far, over all hosts.
    pub fn counts(&self) -> (usize, usize) {
        let sum = |count: fn(&LatencyProxy) -> usize| self.proxies.iter().map(count).sum();
        (sum(LatencyProxy::round_trips), sum(LatencyProxy::connections))
    }
}

/// What the tools read, gathered host by host.
struct Files {
    folder: PathBuf,
    key: String,
    known: String,
    ini: String,
    python: String,
    config: String,
}

impl Files {
    fn new(folder: &Path, key: &Path) -> Self {
        let key = key.display().to_string();
        let python = String::from("hosts = [\n");
        Files {
            folder: folder.into(),
            key,
            known: String::new(),
            ini: String::new(),
            python,
            config: String::new(),
        }
    }

    fn host(&mut self, name: &str, port: u16, key: &str) -> Fallible<()> {
        let known = self.folder.join("known_hosts").display().to_string();
        let private = &self.key;
        writeln!(self.known, "[127.0.0.1]:{port} {key}")?;
        writeln!(
            self.ini,
            "{name} ansible_host=127.0.0.1 ansible_port={port} ansible_user=root \
             ansible_ssh_private_key_file={private} ansible_python_interpreter=/usr/bin/python3 \
             ansible_ssh_common_args='-o UserKnownHostsFile={known} -o IdentitiesOnly=yes'"
        )?;
        writeln!(
            self.python,
            "    (\"{name}\", {{\"ssh_hostname\": \"127.0.0.1\", \"ssh_port\": {port}, \"ssh_user\": \"root\", \
             \"ssh_key\": \"{private}\", \"ssh_known_hosts_file\": \"{known}\", \
             \"ssh_strict_host_key_checking\": \"yes\"}}),"
        )?;
        writeln!(
            self.config,
            "Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {private}\n  \
             IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n  BatchMode yes"
        )?;
        Ok(())
    }

    fn write(mut self) -> Fallible<()> {
        self.python.push_str("]\n");
        let files = [
            ("known_hosts", &self.known),
            ("hosts.ini", &self.ini),
            ("hosts.py", &self.python),
            ("ssh", &self.config),
        ];
        for (name, text) in files {
            fs::write(self.folder.join(name), text)?;
        }
        fs::create_dir(self.folder.join("home"))?;
        // A copy, since tools write beside the playbook.
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/converge");
        fs::create_dir_all(self.folder.join("converge/templates"))?;
        for entry in walkdir::WalkDir::new(&here) {
            let entry = entry?;
            if entry.file_type().is_file() {
                fs::copy(entry.path(), self.folder.join("converge").join(entry.path().strip_prefix(&here)?))?;
            }
        }
        Ok(())
    }
}
