//! What black-box tests share: throw-away hosts, plain roots, slow networks. `mod support;` in a test takes it in.
//!
//! Every test has hosts of its own. A host boots in less time than it takes to clean one that another test has used,
//! and two tests never wait for each other. What a killed test left is taken down by the next test that wants a host.
#![allow(dead_code, clippy::unwrap_used)]

pub mod answers;
pub mod cloud;
pub mod cloud_http;
pub mod cloud_plays;
pub mod cloud_proxy;
pub mod metadata;
pub mod place;
pub mod proxy;
pub mod terminal;
pub mod watch;

use fitout::lab::{self, Guard, Host, Lab, LabOptions, Root};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The password of the user `pw` on test hosts; odd on purpose, so that a test can look for it in what is left behind.
pub const PASSWORD: &str = "pw-7f!$ \"q'x";

/// Makes an image `pause:1` for the engine on a host, of what the host itself has, as no registry is at hand.
pub const IMAGE: &str = "d=$(mktemp -d) && mkdir -p $d/bin $d/lib/x86_64-linux-gnu $d/lib64 && cp /bin/sleep /bin/cat $d/bin/ && \
    cp /lib/x86_64-linux-gnu/libc.so.6 $d/lib/x86_64-linux-gnu/ && cp /lib64/ld-linux-x86-64.so.2 $d/lib64/ && \
    tar -C $d -c . | docker import - pause:1 >/dev/null";

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// `n` fresh hosts for one test; taken down at the end of the scope.
pub fn lab(n: usize) -> Guard {
    lab_with(LabOptions { hosts: n, ..LabOptions::default() })
}

/// As [`lab`], with further packages or python.
pub fn lab_with(options: LabOptions) -> Guard {
    lab::sweep_orphans().unwrap_or_else(|error| panic!("{error}"));
    let name = format!("t-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let options = LabOptions { name, ephemeral: true, password: PASSWORD.into(), ..options };
    Guard::new(Lab::up(&options).unwrap_or_else(|error| panic!("{error}")))
}

/// A fresh root directory for tests that need no booted host, for the chroot connection.
pub fn root() -> Root {
    lab::sweep_orphans().unwrap_or_else(|error| panic!("{error}"));
    Root::new(&LabOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The program under test.
pub fn fitout() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fitout"))
}

/// Runs a command to its end; a program that cannot be started fails the test.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Output of a shell command on a host, as root; the test fails when the command does.
pub fn on(host: &Host, command: &str) -> String {
    let output = output(host.ssh().arg(command));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: `{command}`: {}\n{said}", host.name, output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Mounts a file system on the host that is full after `kib` KiB.
pub fn small_disk(host: &Host, path: &str, kib: u32) {
    on(host, &format!("mkdir -p {path} && mount -t tmpfs -o size={kib}k,mode=0755 small {path}"));
}

/// Makes a folder of the host read-only, as after a disk error.
pub fn read_only(host: &Host, path: &str) {
    on(host, &format!("mkdir -p {path} && mount --bind {path} {path} && mount -o remount,ro,bind {path}"));
}

/// What of a lab can still be seen on this machine: mounts, links, processes, cgroups, files. Empty after `down`.
pub fn traces(lab: &str) -> Vec<String> {
    let state = lab::StateDir::from_env();
    let dir = state.path().join("labs").join(lab);
    let mut found = Vec::new();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let below = |line: &&str| line.contains(&format!("{}/", dir.display()));
    found.extend(mounts.lines().filter(below).map(|line| format!("mount {line}")));
    for entry in entries(Path::new("/sys/class/net")) {
        let alias = std::fs::read_to_string(entry.join("ifalias")).unwrap_or_default();
        if alias.trim_end().ends_with(&format!(" {lab}")) {
            found.push(format!("link {}", entry.display()));
        }
    }
    for entry in entries(Path::new("/proc")) {
        let groups = std::fs::read_to_string(entry.join("cgroup")).unwrap_or_default();
        // What has ended and waits for its parent to take note holds nothing.
        let stat = std::fs::read_to_string(entry.join("stat")).unwrap_or_default();
        if stat.contains(") Z ") || stat.contains(") X ") {
            continue;
        }
        if groups.contains("/fitout-lab/") && groups.contains(&format!("/{lab}/")) {
            found.push(format!("process {}", entry.display()));
        }
    }
    let cgroups = walkdir::WalkDir::new("/sys/fs/cgroup").max_depth(4).into_iter().flatten();
    found.extend(cgroups.filter(|e| e.file_name() == lab).map(|e| format!("cgroup {}", e.path().display())));
    if dir.exists() {
        found.push(format!("folder {}", dir.display()));
    }
    found
}

fn entries(dir: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}
