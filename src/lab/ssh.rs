//! Keys, and the files that let ssh and an inventory find the hosts and verify them.

use super::state::Record;
use super::{LabError, io, run};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A fresh ed25519 key pair without a passphrase.
pub(super) fn generate(path: &Path, comment: &str) -> Result<(), LabError> {
    let file = path.display().to_string();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &file], None).map(drop)
}

fn hosts(record: &Record) -> impl Iterator<Item = (String, String)> {
    let net = record.net;
    (1..=record.hosts).map(move |index| (format!("node{index}"), format!("10.213.{net}.{}", index + 1)))
}

/// The lab's key, inventory and ssh configuration.
pub(super) fn write_lab_files(dir: &Path, record: &Record) -> Result<(), LabError> {
    generate(&dir.join("id_ed25519"), &format!("fitout-lab {}", record.name))?;
    let (key, known) = (dir.join("id_ed25519"), dir.join("known_hosts"));
    let (key, known) = (key.display(), known.display());
    let mut inventory = String::from("[lab]\n");
    let mut config = String::new();
    for (name, address) in hosts(record) {
        let _ = writeln!(inventory, "{name} ansible_host={address}");
        let _ = writeln!(config, "Host {name} {address}\n  HostName {address}");
    }
    let _ = write!(
        inventory,
        "\n[lab:vars]\nansible_user=root\nansible_ssh_private_key_file={key}\n\
         ansible_ssh_common_args='-o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes'\n"
    );
    let _ = write!(
        config,
        "Host *\n  User root\n  IdentityFile {key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n  \
         GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n"
    );
    for (name, text) in [("inventory.ini", inventory), ("ssh_config", config)] {
        let path = dir.join(name);
        fs::write(&path, text).map_err(io("cannot write", &path))?;
    }
    Ok(())
}

/// The hosts' real keys, read from where they were made rather than asked for over the network.
pub(super) fn write_known_hosts(dir: &Path, record: &Record) -> Result<(), LabError> {
    let mut known = String::new();
    for (name, address) in hosts(record) {
        let path = dir.join(&name).join("pristine/etc/ssh/ssh_host_ed25519_key.pub");
        let public = fs::read_to_string(&path).map_err(io("cannot read", &path))?;
        let key: Vec<&str> = public.split_whitespace().take(2).collect();
        let _ = writeln!(known, "{address},{name} {}", key.join(" "));
    }
    let path = dir.join("known_hosts");
    fs::write(&path, known).map_err(io("cannot write", &path))
}
