//! Throw-away hosts on this machine: booted Debian, real systemd, real sshd, an own network.
//!
//! A host is `systemd-nspawn -b` over an overlay: the lower layer is a root file system that mmdebstrap made once and
//! that all labs share, the upper layer is the host's own and is thrown away. So a host is up in a few seconds and
//! costs only what it writes.
//!
//! What a container cannot show, a real kernel does: with [`LabOptions::vm`] a host is a virtual machine (`vm`), slower to
//! boot and the same in all else.
//!
//! Nothing may stay behind, also after `kill -9`, hence these rules:
//!
//! - The overlay is mounted in a mount namespace of its own, and the host runs in a PID namespace of its own. When that
//!   namespace's first process dies, every process and every mount of the host goes with it.
//! - What the kernel keeps by name can be found without our state: cgroups `fitout-lab/STATE/LAB/HOST`, links with the
//!   alias `fitout-lab STATE LAB`, mounts below the state directory (STATE is a hash of the state directory, so two state
//!   directories never touch each other's hosts).
//! - State is written before the thing it describes exists. `down` reads it, then looks for what it does not name.
//!
//! What is absent: no registration with systemd-machined, no bridge address outside `10.213.0.0/16`, no change to the
//! machine's configuration but forwarding, which the last lab to leave puts back.

pub mod cli;

mod apt;
mod cgroup;
mod error;
mod host;
mod initrd;
mod net;
mod root;
mod rootfs;
mod ssh;
mod state;
mod sweep;
mod tools;
mod vm;

use std::path::PathBuf;
use std::time::Duration;

pub use error::LabError;
pub use root::Root;
pub use state::StateDir;
pub use vm::VmOptions;

pub(crate) use error::io;
use tools::supported;
pub(crate) use tools::{MAKER, MEMBER, find_tool, run};

/// What a lab is made of.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// Lower-case letters, digits and dashes, at most 24 characters. Labs of different names live side by side.
    pub name: String,
    /// Number of hosts, 1 to 250; they are named node1, node2, …
    pub hosts: usize,
    /// Debian suite, e.g. `bookworm`.
    pub suite: String,
    /// Packages beside those that make a minimal host with systemd and sshd.
    pub packages: Vec<String>,
    /// Install python3 and python3-apt, which other tools need on a host.
    pub with_python: bool,
    /// Password of the user `pw`, who may sudo only with it.
    pub password: String,
    /// The lab belongs to this process: `sweep_orphans` takes it down when the process is gone.
    pub ephemeral: bool,
    /// The hosts are virtual machines with a kernel of their own, not containers.
    pub vm: Option<VmOptions>,
    /// The hosts boot from this root file system (a folder, e.g. an unpacked image with systemd and sshd) and not from the
    /// lab's own; the folder itself is not changed. `suite`, `packages` and `with_python` say nothing then, and `root` is
    /// the only user that the lab's key opens.
    pub root: Option<PathBuf>,
    /// How long a host may take to boot, at first and when it is renewed; a virtual machine gets at least five minutes.
    pub boot_limit: Duration,
}

impl Default for LabOptions {
    fn default() -> Self {
        LabOptions {
            name: "lab".into(),
            hosts: 1,
            suite: "bookworm".into(),
            packages: Vec::new(),
            with_python: false,
            password: "lab-password".into(),
            ephemeral: false,
            vm: None,
            root: None,
            boot_limit: Duration::from_secs(90),
        }
    }
}

/// One booted host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name in the inventory, and its hostname.
    pub name: String,
    /// IPv4 address, reachable from this machine.
    pub address: String,
    /// An ssh configuration with the lab's key and known hosts: `ssh -F FILE NAME`.
    pub ssh_config: PathBuf,
    /// Holds the host's key alone; ssh trusts nothing else.
    pub known_hosts: PathBuf,
    /// This machine's end of the host's link.
    pub veth: String,
    /// The host's first process, as a process id of this machine: its systemd, or the emulator of a virtual machine;
    /// `None` when it is not running.
    pub leader: Option<u32>,
    /// Where the host keeps what it needs on this machine (upper layer, console log).
    pub dir: PathBuf,
    /// It is a virtual machine.
    pub vm: bool,
}

impl Host {
    /// The host's file system as this machine sees it, while the host runs; a virtual machine's is its own affair.
    pub fn root_dir(&self) -> Option<PathBuf> {
        self.leader.filter(|_| !self.vm).map(|pid| PathBuf::from(format!("/proc/{pid}/root")))
    }

    /// Takes the link down (`false`) or up again: packets are lost, connections are not reset.
    pub fn link(&self, up: bool) -> Result<(), LabError> {
        net::set_link(&self.veth, up)
    }

    /// A command over ssh as root, with the lab's key and verified host keys.
    pub fn ssh(&self) -> std::process::Command {
        let mut command = std::process::Command::new("ssh");
        command.arg("-F").arg(&self.ssh_config).arg(&self.name);
        command
    }
}

/// A lab that is up. Dropping it leaves it up; see [`Guard`] for tests.
#[derive(Debug)]
pub struct Lab {
    state: StateDir,
    record: state::Record,
}

impl Lab {
    /// Brings the hosts up, in parallel, in the default state directory. The first lab of a kind builds its root file
    /// system (half a minute and a network); later ones take a few seconds. On failure nothing is left.
    pub fn up(options: &LabOptions) -> Result<Lab, LabError> {
        Self::up_in(StateDir::from_env(), options)
    }

    /// As [`Lab::up`], with the state elsewhere.
    pub fn up_in(state: StateDir, options: &LabOptions) -> Result<Lab, LabError> {
        supported()?;
        state::check_options(options)?;
        match options.vm.is_some() {
            true => vm::supported()?,
            false => state::check_watches(options.hosts)?,
        }
        sweep::orphans(&state)?;
        let rootfs = rootfs::ensure(&state, options)?;
        let record = state.claim(options, &rootfs)?;
        let lab = Lab { state, record };
        match lab.start(&options.password) {
            Ok(()) => Ok(lab),
            Err(error) => {
                // The first error is the one worth reading; a second one would only say that cleaning was hard, and
                // `lab down` will say that again.
                let _ = sweep::lab(&lab.state, &lab.record.name);
                Err(error)
            }
        }
    }

    /// A lab that an earlier process brought up.
    pub fn open(name: &str) -> Result<Lab, LabError> {
        Self::open_in(StateDir::from_env(), name)
    }

    /// As [`Lab::open`], with the state elsewhere.
    pub fn open_in(state: StateDir, name: &str) -> Result<Lab, LabError> {
        supported()?;
        let record = state.read(name)?.ok_or_else(|| LabError::NoLab { name: name.into() })?;
        Ok(Lab { state, record })
    }

    /// Names of all labs of the default state directory, up or half up.
    pub fn names() -> Result<Vec<String>, LabError> {
        StateDir::from_env().names()
    }

    /// As given to `--name`: part of the machines' and the network's names.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The lab's folder: inventory, key, known hosts, ssh configuration.
    pub fn dir(&self) -> PathBuf {
        self.state.lab_dir(&self.record.name)
    }

    /// An INI inventory with group `lab` holding all hosts.
    pub fn inventory_path(&self) -> PathBuf {
        self.dir().join("inventory.ini")
    }

    /// The private key that opens `root`, `deploy` and `pw` on every host.
    pub fn key_path(&self) -> PathBuf {
        self.dir().join("id_ed25519")
    }

    /// All hosts by number, from 1, with their addresses; they need not answer yet.
    pub fn hosts(&self) -> Vec<Host> {
        (1..=self.record.hosts).map(|index| self.host_at(index)).collect()
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Result<Host, LabError> {
        let missing = || LabError::NoHost { lab: self.record.name.clone(), host: name.into() };
        self.hosts().into_iter().find(|h| h.name == name).ok_or_else(missing)
    }

    fn host_at(&self, index: usize) -> Host {
        let dir = self.dir();
        let plan = host::HostPlan::new(&self.state, &self.record, index);
        Host {
            leader: plan.leader(),
            vm: self.record.vm.is_some(),
            name: plan.name,
            address: plan.address,
            ssh_config: dir.join("ssh_config"),
            known_hosts: dir.join("known_hosts"),
            veth: plan.veth,
            dir: plan.dir,
        }
    }

    fn start(&self, password: &str) -> Result<(), LabError> {
        let net = net::Net::new(&self.state, &self.record);
        net.open_nat()?;
        ssh::write_lab_files(&self.dir(), &self.record)?;
        let secret = host::password_hash(password)?;
        self.in_parallel(|plan| {
            net.add_host(&plan)?;
            plan.prepare(&self.dir(), &secret)?;
            plan.boot(self.record.boot_limit())
        })?;
        ssh::write_known_hosts(&self.dir(), &self.record)
    }

    /// Puts every host back to the state after its first boot, by throwing away its upper layer and booting again.
    /// Addresses and host keys stay.
    pub fn reset(&self) -> Result<(), LabError> {
        self.in_parallel(|plan| self.renew(&plan))
    }

    /// A new machine in the place of one host: the old one is lost at once, with all it had. Name, address and host key
    /// are the same.
    pub fn replace(&self, name: &str) -> Result<Host, LabError> {
        self.host(name)?;
        let index = self.hosts().iter().position(|h| h.name == name).map_or(0, |i| i + 1);
        self.renew(&host::HostPlan::new(&self.state, &self.record, index))?;
        self.host(name)
    }

    fn renew(&self, plan: &host::HostPlan) -> Result<(), LabError> {
        plan.stop()?;
        plan.restore()?;
        net::set_link(&plan.veth, true)?;
        plan.boot(self.record.boot_limit())
    }

    fn in_parallel(
        &self,
        act: impl Fn(host::HostPlan) -> Result<(), LabError> + Sync,
    ) -> Result<(), LabError> {
        let plans = (1..=self.record.hosts).map(|i| host::HostPlan::new(&self.state, &self.record, i));
        let act = &act;
        std::thread::scope(|scope| {
            let running: Vec<_> = plans.map(|plan| scope.spawn(move || act(plan))).collect();
            let results: Vec<_> = running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect();
            results.into_iter().collect()
        })
    }

    /// Takes the hosts down and removes everything they had. Downloaded packages stay in the lab's cache.
    pub fn down(self) -> Result<(), LabError> {
        sweep::lab(&self.state, &self.record.name)
    }
}

/// Takes the named lab down, whatever is left of it: also what a killed `up` had half made.
pub fn down(name: &str) -> Result<(), LabError> {
    supported()?;
    sweep::lab(&StateDir::from_env(), name)
}

/// Takes down every lab of the default state directory; returns their names.
pub fn down_all() -> Result<Vec<String>, LabError> {
    supported()?;
    sweep::all(&StateDir::from_env())
}

/// Takes down the ephemeral labs whose process is gone.
pub fn sweep_orphans() -> Result<(), LabError> {
    supported()?;
    sweep::orphans(&StateDir::from_env())
}

/// Takes the lab down at the end of a scope.
#[derive(Debug)]
pub struct Guard(Lab);

impl Guard {
    /// From here on the lab goes down with this value, also when a test fails.
    pub fn new(lab: Lab) -> Self {
        Guard(lab)
    }
}

impl std::ops::Deref for Guard {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = sweep::lab(&self.0.state, &self.0.record.name) {
            note!("{error}");
        }
    }
}
