//! The image is booted as it is, but for three things written into a copy: a key to log in with, a host key to know it
//! by, and a file that says that this machine is only to be looked at.

use super::super::BakeError;
use super::super::plays::host_vars;
use super::super::tools::{command, run};
use super::State;
use super::layout::{ROOT_START, SECTOR};
use super::options::Firmware;
use crate::base::{Map, Value};
use crate::exec::options::Mode;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// EFI as distributions package it.
const FIRMWARE: [&str; 3] =
    ["/usr/share/ovmf/OVMF.fd", "/usr/share/edk2/ovmf/OVMF.fd", "/usr/share/qemu/OVMF.fd"];

/// Software emulation on a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(600);

/// What must not happen on a machine that is booted only to be looked at (joining a cluster, say) has this file as its
/// condition.
const VERIFIED: &str = "/etc/fitout-image-verify";

/// A machine that runs the image.
pub struct Machine {
    child: Child,
    port: u16,
}

fn failed(why: impl ToString) -> BakeError {
    BakeError::failed("booting the image", why)
}

/// Boots it with each firmware in turn; with the last it stays up.
pub async fn boot(state: &mut State) -> Result<(), BakeError> {
    for firmware in state.options.firmware.clone() {
        end(state).await.map_err(failed)?;
        start(state, firmware).await?;
        await_running(state).await?;
        if firmware == Firmware::Efi {
            let asks = "test -d /sys/firmware/efi";
            let port = state.machine.as_ref().map_or(0, |m| m.port);
            run(ssh(state, port, asks), None, &state.order.plays.cancel).await?;
        }
    }
    Ok(())
}

async fn start(state: &mut State, firmware: Firmware) -> Result<(), BakeError> {
    let order = state.order.clone();
    let cancel = &order.plays.cancel;
    let file = |name: &str| state.draft.join(name);
    let text = |path: PathBuf| path.display().to_string();
    let (disk, copy) = (text(state.disk()), text(file("boot.raw")));
    run(command("cp", &["--sparse=always", &disk, &copy]), None, cancel).await?;
    for name in ["user_key", "host_key"] {
        let path = text(file(name));
        for old in [path.clone(), format!("{path}.pub")] {
            let _ = fs::remove_file(old);
        }
        let args = ["-q", "-t", "ed25519", "-N", "", "-C", "fitout bake", "-f", &path];
        run(command("ssh-keygen", &args), None, cancel).await?;
    }
    let mark = file("mark");
    fs::write(&mark, "").map_err(failed)?;
    let writes = [
        (mark, VERIFIED, "0100644"),
        (file("user_key.pub"), "/root/.ssh/authorized_keys", "0100600"),
        (file("host_key"), "/etc/ssh/ssh_host_ed25519_key", "0100600"),
        (file("host_key.pub"), "/etc/ssh/ssh_host_ed25519_key.pub", "0100644"),
    ];
    let mut script = String::from("mkdir /root/.ssh\nset_inode_field /root/.ssh mode 040700\n");
    for (from, to, mode) in writes {
        script += &format!("rm {to}\nwrite {} {to}\nset_inode_field {to} mode {mode}\n", from.display());
    }
    let place = format!("{copy}?offset={}", ROOT_START * SECTOR);
    run(command("debugfs", &["-w", "-f", "-", &place]), Some(&script), cancel).await?;
    let port = free_port().map_err(failed)?;
    let key = fs::read_to_string(file("host_key.pub")).map_err(failed)?;
    let words: Vec<&str> = key.split_whitespace().take(2).collect();
    fs::write(file("known_hosts"), format!("[127.0.0.1]:{port} {}\n", words.join(" "))).map_err(failed)?;
    let mut qemu = machine(&copy, order.image.memory, port, &text(file("console.log")));
    if firmware == Firmware::Efi {
        let found = FIRMWARE.iter().find(|path| Path::new(path).exists());
        qemu.arg("-bios")
            .arg(found.ok_or_else(|| failed("there is no EFI firmware\nhint: apt-get install ovmf"))?);
    }
    qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    state.machine = Some(Machine { child: qemu.spawn().map_err(failed)?, port });
    Ok(())
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn machine(disk: &str, memory: u32, port: u16, console: &str) -> Command {
    let drive = format!("file={disk},format=raw,if=none,id=disk,cache=unsafe");
    let net = format!("user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22");
    let (memory, console) = (memory.to_string(), format!("file:{console}"));
    let args = [
        "-nodefaults",
        "-no-user-config",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max,-svm,-la57",
        "-smp",
        "2",
        "-m",
        &memory,
        "-display",
        "none",
        "-drive",
        &drive,
        "-device",
        "virtio-blk-pci,drive=disk,bootindex=0",
        "-netdev",
        &net,
        "-device",
        "virtio-net-pci,netdev=net,romfile=",
        "-serial",
        &console,
    ];
    command("qemu-system-x86_64", &args)
}

/// What ssh needs to reach it.
fn ssh_args(draft: &Path) -> Vec<String> {
    let known = format!("-oUserKnownHostsFile={}", draft.join("known_hosts").display());
    let fixed = ["-oGlobalKnownHostsFile=/dev/null", "-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes"];
    [known].into_iter().chain(fixed.map(String::from)).collect()
}

fn ssh(state: &State, port: u16, remote: &str) -> Command {
    let mut args =
        vec!["-F".to_string(), "/dev/null".into(), "-oBatchMode=yes".into(), "-oConnectTimeout=10".into()];
    args.extend(ssh_args(&state.draft));
    args.extend([
        "-i".into(),
        state.draft.join("user_key").display().to_string(),
        "-p".into(),
        port.to_string(),
    ]);
    args.extend(["root@127.0.0.1".into(), remote.into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    command("ssh", &args)
}

/// Until systemd says `running`: every unit that was to start has started.
async fn await_running(state: &mut State) -> Result<(), BakeError> {
    let order = state.order.clone();
    let cancel = &order.plays.cancel;
    let deadline = Instant::now() + LIMIT;
    let Some(port) = state.machine.as_ref().map(|m| m.port) else { return Ok(()) };
    let asks = "systemctl is-system-running --wait; systemctl --failed --plain --no-legend";
    let mut last;
    let said = loop {
        match run(ssh(state, port, asks), None, cancel).await {
            Ok(said) => break said,
            Err(BakeError::Interrupted) => return Err(BakeError::Interrupted),
            Err(error) => last = error.to_string(),
        }
        let ended = state.machine.as_mut().and_then(|m| m.child.try_wait().ok().flatten());
        if ended.is_some() || Instant::now() > deadline {
            return Err(failed(format!("{last}\n{}", console(state))));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    match said.lines().next() {
        Some("running") => Ok(()),
        _ => Err(failed(format!("systemd is not `running`: {}\n{}", said.trim(), console(state)))),
    }
}

/// The end of what the machine wrote on its console.
fn console(state: &State) -> String {
    let bytes = fs::read(state.draft.join("console.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// The plays have nothing to do on the booted machine, and their own checks pass.
pub async fn verify(state: &mut State) -> Result<(), BakeError> {
    let plays = &state.order.plays;
    let report = plays.run(Mode::Plan, reach(state)).await?;
    if report.changes {
        let why = "the plays would change the booted image; what they would do is shown above";
        return Err(BakeError::failed("verifying the image", why));
    }
    plays.verify(reach(state)).await?;
    state.manifest.verified = true;
    Ok(())
}

fn reach(state: &State) -> Map {
    let port = state.machine.as_ref().map_or(0, |m| i64::from(m.port));
    let key = state.draft.join("user_key").display().to_string();
    let vars: [(&str, Value); 6] = [
        ("ansible_connection", "ssh".into()),
        ("ansible_host", "127.0.0.1".into()),
        ("ansible_port", port.into()),
        ("ansible_user", "root".into()),
        ("ansible_ssh_private_key_file", key.into()),
        ("ansible_ssh_common_args", ssh_args(&state.draft).join(" ").into()),
    ];
    host_vars("disk", "verify", &vars)
}

/// Cuts the machine's power.
pub async fn end(state: &mut State) -> Result<(), String> {
    let Some(mut machine) = state.machine.take() else { return Ok(()) };
    machine.child.kill().await.map_err(|e| format!("the emulator: {e}"))
}
