//! A guard beside each shell on this machine: when fitout is killed, what the shell runs ends too.
//!
//! A shell that waits for a command does not see that its input is gone. The guard does nothing but read a pipe that
//! only fitout holds; its end is fitout's, and then the guard ends the shell's jobs. In the usual course it is killed
//! first, with the channel it belongs to. Over ssh the host's sshd is who notices.

use std::process::Stdio;
use tokio::process::{Child, Command};

/// Reads until the end, then ends all below the shell whose pid is its argument.
const SCRIPT: &str =
    concat!("shell=$1 group= signal=TERM\ncat >/dev/null\n", include_str!("scripts/kill.sh"));

/// The guard of a shell; it watches as long as the value lives, and as fitout does not.
pub fn over(shell: &Child) -> Option<Child> {
    let pid = shell.id()?.to_string();
    let mut guard = Command::new("/bin/sh");
    guard.args(["-c", SCRIPT, "fitout-guard", &pid]);
    guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Without it everything works but that.
    guard.process_group(0).kill_on_drop(true).spawn().ok()
}
