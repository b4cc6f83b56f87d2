//! The protocol against real shells on this machine.

mod batch;
mod files;
mod protocol;
mod survey;

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Shells to speak to: `sh` under its own name and busybox's under a link.
pub fn shells() -> Vec<String> {
    // Beside the tests: what is made there once serves them all.
    let tests = std::env::current_exe().unwrap();
    let links = tests.parent().unwrap().join("shells");
    let named = [("busybox", "/bin/busybox"), ("bash", "/bin/bash")].map(|(name, path)| {
        let link = links.join(name).join("sh");
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        match std::os::unix::fs::symlink(path, &link) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => panic!("{}: {e}", link.display()),
            _ => link,
        }
    });
    let present = named.into_iter().filter(|p| p.exists()).map(|p| p.display().to_string());
    ["/bin/sh".to_string()].into_iter().chain(present).collect()
}

/// A program of these lines of shell, which may stand in a shell's place: its path.
pub fn program(dir: &tempfile::TempDir, name: &str, lines: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

pub fn local(shell: &str) -> Arc<dyn Remote> {
    let mut target = Target::new("here", Connection::Local);
    target.shell = shell.to_string();
    connect(target)
}

pub fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(120), future).await.expect("it hangs") })
}
