//! A root directory as a container: started once for a session, entered by each of its channels.
//!
//! What runs in it as its first process only reads a pipe that fitout holds. So the container ends with the session,
//! and also when fitout is killed.

use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

pub struct Container {
    /// systemd-nspawn; its stdin is the pipe.
    nspawn: Child,
    /// The first process of the container, as this machine numbers it.
    leader: u32,
}

impl Container {
    /// # Errors
    /// What systemd-nspawn said.
    pub async fn start(directory: &str) -> Result<Container, String> {
        let mut command = Command::new("systemd-nspawn");
        command.args(["-q", "--register=no", "--keep-unit", "--pipe", "-D", directory]);
        command.args(["/bin/sh", "-c", "echo up; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        without_preloads(&mut command);
        let spawned = command.process_group(0).kill_on_drop(true).spawn();
        let mut nspawn = spawned.map_err(|e| format!("systemd-nspawn cannot be run: {e}"))?;
        let mut line = String::new();
        if let Some(stdout) = nspawn.stdout.take() {
            // The end of the stream leaves the line empty.
            let _ = BufReader::new(stdout).read_line(&mut line).await;
        }
        let leader = nspawn.id().and_then(child_of).filter(|_| line.trim() == "up");
        match leader {
            Some(leader) => Ok(Container { nspawn, leader }),
            None => {
                let mut said = String::new();
                if let Some(mut stderr) = nspawn.stderr.take() {
                    let _ = stderr.read_to_string(&mut said).await;
                }
                Err(if said.trim().is_empty() { "the container did not start".into() } else { said })
            }
        }
    }

    /// The process whose namespaces are the container's; `None` when it has ended.
    pub fn leader(&mut self) -> Option<u32> {
        matches!(self.nspawn.try_wait(), Ok(None)).then_some(self.leader)
    }

    /// Ends it, and all that runs in it.
    pub async fn stop(mut self) {
        drop(self.nspawn.stdin.take());
        // It may have ended already.
        let _ = self.nspawn.kill().await;
    }
}

/// The only child of a process.
fn child_of(parent: u32) -> Option<u32> {
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1).and_then(|p| p.parse().ok()) == Some(parent)
    })
}

/// Libraries that this machine loads into every program are not in another root.
pub fn without_preloads(command: &mut Command) {
    command.env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH");
}

/// The arguments by which nsenter runs `sh -c command` in the namespaces of a process.
///
/// nsenter stops itself when what it runs is stopped, and nobody lets it go on; a machine that shuts down stops all its
/// programs before it ends them. So a shell waits instead, which is not among them and does not mind.
pub fn entering(leader: u32, command: &str) -> Vec<String> {
    let wait = "/bin/sh -c \"$1\"; exit";
    let leader = leader.to_string();
    ["-F", "-a", "-t", &leader, "/bin/sh", "-c", wait, "sh", command].map(str::to_string).to_vec()
}

/// The command that runs `sh -c command` in the namespaces of a process.
pub fn enter(leader: u32, command: &str) -> Command {
    let mut enter = Command::new("nsenter");
    enter.args(entering(leader, command));
    without_preloads(&mut enter);
    enter
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_stopped_for_a_while_is_waited_for() {
        let script = "{ until grep -q '^State:.T' /proc/$$/status; do :; done; kill -CONT $$; } & kill -STOP $$; exit 7";
        let mut command = enter(std::process::id(), script).into_std();
        assert_eq!(command.status().unwrap().code(), Some(7));
    }
}
