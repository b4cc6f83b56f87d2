//! A host with a kernel of its own: qemu's software emulation on the lab's bridge.
//!
//! It is a host like the others: its address, keys and names come from the same record, its processes are in the same
//! cgroups, its link has the same name, so whatever finds and removes a container finds and removes it too. What differs
//! is what it is made of: a copy-on-write disk over the cached one, and an initrd that carries its identity.
//!
//! Hardware virtualisation is not used: where labs run it is often absent, or there but unable to run a stock kernel, and
//! a test that passes only on some machines is worth little.

use super::host::HostPlan;
use super::{LabError, find_tool, initrd, io, run};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

const SCRIPT: &str = concat!(include_str!("enter.sh"), include_str!("vm.sh"));

/// What a virtual machine has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmOptions {
    /// Memory in MiB.
    pub memory: u32,
    /// Processors.
    pub cpus: u32,
}

impl Default for VmOptions {
    fn default() -> Self {
        VmOptions { memory: 1024, cpus: 2 }
    }
}

/// Kernel, initrd and disk as they are cached.
pub(super) struct Parts {
    dir: PathBuf,
}

impl Parts {
    pub(super) fn at(dir: &Path) -> Self {
        Parts { dir: dir.to_owned() }
    }

    /// What the disk was made from, as far as hosts are prepared by it: accounts and folders.
    pub(super) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }

    pub(super) fn initrd(&self) -> PathBuf {
        self.dir.join("initrd")
    }

    pub(super) fn disk(&self) -> PathBuf {
        self.dir.join("disk.raw")
    }
}

/// The machine of one host, from the cached parts and the host's own folder.
pub(super) struct Machine {
    pub options: VmOptions,
    pub parts: Parts,
    pub mac: String,
}

/// What the host runs `ip -batch` with at boot.
pub(super) fn network(address: &str, net: u8) -> String {
    format!(
        "link set dev lo up\nlink set dev eth0 up\naddr add {address}/24 brd + dev eth0\n\
         route add default via 10.213.{net}.1\n"
    )
}

impl Machine {
    fn disk(dir: &Path) -> PathBuf {
        dir.join("disk.qcow2")
    }

    /// A fresh disk over the cached one, and an initrd with the host's identity.
    pub(super) fn restore(&self, dir: &Path) -> Result<(), LabError> {
        let disk = Self::disk(dir);
        let (disk, base) = (disk.display().to_string(), self.parts.disk().display().to_string());
        run("qemu-img", &["create", "-q", "-f", "qcow2", "-b", &base, "-F", "raw", &disk], None)?;
        let archive = dir.join("identity.tar");
        let (from, to) = (dir.join("pristine").display().to_string(), archive.display().to_string());
        run("tar", &["-C", &from, "--numeric-owner", "-cf", &to, "."], None)?;
        let identity = fs::read(&archive).map_err(io("cannot read", &archive))?;
        let cached = self.parts.initrd();
        let base = fs::read(&cached).map_err(io("cannot read", &cached))?;
        let own = dir.join("initrd");
        fs::write(&own, initrd::with_file(base, "fitout-lab.tar", &identity))
            .map_err(io("cannot write", &own))
    }

    fn command(&self, plan: &HostPlan) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let file = |name: &str| text(plan.dir.join(name));
        // Of the newest processor's features those are left out that only make a kernel load drivers for them.
        let processor = "max,-svm,-aes,-pclmulqdq,-la57";
        let words = [
            ("-accel", "tcg,thread=multi".into()),
            ("-cpu", processor.into()),
            ("-smp", self.options.cpus.to_string()),
            ("-m", self.options.memory.to_string()),
            ("-display", "none".into()),
            ("-kernel", text(self.parts.kernel())),
            ("-initrd", file("initrd")),
            (
                "-append",
                "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off systemd.show_status=auto"
                    .into(),
            ),
            // Thrown away with the host, so nothing waits for this machine's disk.
            ("-drive", format!("file={},format=qcow2,if=virtio,cache=unsafe", text(Self::disk(&plan.dir)))),
            ("-netdev", format!("tap,id=net,ifname={},script=no,downscript=no", plan.veth)),
            ("-device", format!("virtio-net-pci,netdev=net,mac={},romfile=", self.mac)),
            ("-serial", format!("file:{}", file("kernel.log"))),
            ("-serial", format!("file:{}", file("ready"))),
        ];
        let mut command =
            vec!["qemu-system-x86_64".to_owned(), "-nodefaults".into(), "-no-user-config".into()];
        command.extend(words.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
        command
    }

    /// Starts the machine and waits until its systemd has reached multi-user, sshd included.
    pub(super) fn boot(&self, plan: &HostPlan, limit: Duration) -> Result<(), LabError> {
        let ready = plan.dir.join("ready");
        fs::write(&ready, "").map_err(io("cannot write", &ready))?;
        let mut child = plan.launch(SCRIPT, &self.command(plan), None)?;
        let outcome = await_ready(plan, &ready, &mut child, Instant::now() + limit);
        // The host outlives this function; this only takes note of its end, so that no zombie stays.
        std::thread::spawn(move || child.wait());
        outcome
    }
}

fn await_ready(plan: &HostPlan, ready: &Path, child: &mut Child, deadline: Instant) -> Result<(), LabError> {
    let console = || {
        let text = |name: &str| fs::read(plan.dir.join(name)).unwrap_or_default();
        let both = [text("console.log"), text("kernel.log")].concat();
        String::from_utf8_lossy(&both).into_owned()
    };
    loop {
        if fs::read_to_string(ready).is_ok_and(|text| text.contains("READY=1")) {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(plan.failed(format!("it ended with {status}"), &console()));
        }
        if Instant::now() > deadline {
            return Err(plan.failed("it took too long".into(), &console()));
        }
        // qemu writes a file; a boot takes some hundred times as long.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the lab needs beside its usual tools.
pub(super) fn supported() -> Result<(), LabError> {
    let tools = [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("qemu-img", "qemu-utils"),
        ("mke2fs", "e2fsprogs"),
        ("tar", "tar"),
    ];
    for (tool, package) in tools {
        if find_tool(tool).is_none() {
            return Err(LabError::MissingTool { tool: tool.into(), package: package.into() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_network_is_that_of_its_lab() {
        let text = network("10.213.7.3", 7);
        assert!(text.contains("addr add 10.213.7.3/24 brd + dev eth0\n"), "{text}");
        assert!(text.ends_with("route add default via 10.213.7.1\n"), "{text}");
    }
}
