//! Commands on the instance: what the bake itself does there, beside the plays.

use crate::base::Map;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

const MACHINE: &str = include_str!("machine.sh");
const CLEAN: &str = include_str!("../disk/clean.sh");

/// Why a command on the instance did not do: ssh's or the command's own last words, and its exit status where it had one.
#[derive(Debug)]
pub struct Refused(pub String, pub Option<i32>);

/// ssh's own exit status: no connection, or one that was lost.
const LOST: i32 = 255;

/// Runs a command on the host that these inventory variables reach; what it printed.
pub async fn run(host: &Map, command: &str, input: &str) -> Result<Vec<u8>, Refused> {
    let text = |name: &str| host.get(name).map(crate::spec::to_text).unwrap_or_default();
    let arguments =
        shell_words::split(&text("ansible_ssh_common_args")).map_err(|e| Refused(e.to_string(), None))?;
    let mut ssh = tokio::process::Command::new("ssh");
    ssh.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5"])
        .args(&arguments)
        .args(["-p", &text("ansible_port"), "-l", &text("ansible_user")]);
    let key = text("ansible_ssh_private_key_file");
    if !key.is_empty() {
        ssh.args(["-i", &key]);
    }
    ssh.args(["--", &text("ansible_host"), command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C is for this process, which then decides.
        .process_group(0);
    let failed = |e: std::io::Error| Refused(format!("ssh: {e}"), None);
    let mut child = ssh.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A host that does not take all of it says why in its output.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let ended = child.wait_with_output().await.map_err(failed)?;
    if ended.status.success() {
        return Ok(ended.stdout);
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let last: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = last[last.len().saturating_sub(3)..].join("; ");
    Err(Refused(if last.is_empty() { ended.status.to_string() } else { last }, ended.status.code()))
}

/// Tries to log in until the host lets us, and then until what runs at its first boot has ended.
pub async fn answered(host: &Map, limit: Duration) -> Result<(), String> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(200);
    let wait = "if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null 2>&1; fi; :";
    loop {
        let Err(Refused(why, _)) = run(host, wait, "").await else { return Ok(()) };
        if began.elapsed() > limit {
            let address = host.get("ansible_host").map(crate::spec::to_text).unwrap_or_default();
            if is_another_key(&why) {
                return Err(format!(
                    "{address} shows another host key than the one that the instance was given at its start: {why}\nhint: \
                     nothing was sent to it. The source image must take host keys from user data (cloud-init does), and \
                     nothing else may answer at that address"
                ));
            }
            return Err(format!(
                "no login to {address} within {} s: {why}\nhint: is this machine let in? \
                 (`temporary_security_group_source_cidrs`, or the rules of the groups that are named)",
                limit.as_secs()
            ));
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.5).min(Duration::from_secs(3));
    }
}

/// Whether these last words of ssh are about the key of the host, or its kind.
fn is_another_key(why: &str) -> bool {
    why.contains("Host key verification failed") || why.contains("no matching host key type")
}

/// Until every unit that was to start has started.
pub async fn running(host: &Map) -> Result<(), String> {
    let asks = "systemctl is-system-running --wait; systemctl --failed --plain --no-legend; :";
    let said = run(host, asks, "").await.map_err(|e| e.0)?;
    let said = String::from_utf8_lossy(&said).into_owned();
    match said.lines().next() {
        Some("running") => Ok(()),
        _ => Err(format!("systemd is not `running`: {}", said.trim())),
    }
}

/// What is on a machine's disk.
#[derive(Debug, Default)]
pub struct Inspected {
    pub files: super::super::manifest::Listing,
    pub packages: BTreeMap<String, String>,
    /// Files of sysctl.d by name, later folders over earlier ones.
    pub sysctl: BTreeMap<String, String>,
    /// What should have been cleaned and was not.
    pub unclean: Vec<String>,
}

/// Looks at the machine.
pub async fn inspect(host: &Map) -> Result<Inspected, String> {
    machine(host, &["look"]).await
}

/// Takes out what belongs to one machine or to the bake, as its last act, and looks what is left. `key`: the public key
/// that the bake logs in with; `keep`: parts that stay.
pub async fn seal(host: &Map, key: &str, keep: &[String]) -> Result<Inspected, String> {
    let mut words = vec!["seal", key];
    words.extend(keep.iter().map(String::as_str));
    machine(host, &words).await
}

/// Switches the host off; its connection may go before the command has ended.
pub async fn switch_off(host: &Map) -> Result<(), String> {
    match run(host, &format!("{}systemctl poweroff", sudo(host)), "").await {
        Err(Refused(why, status)) if status != Some(LOST) => Err(why),
        _ => Ok(()),
    }
}

/// What stands before a command that needs root.
fn sudo(host: &Map) -> &'static str {
    let root = host.get("ansible_user").is_some_and(|u| crate::spec::to_text(u) == "root");
    if root { "" } else { "sudo -n " }
}

async fn machine(host: &Map, words: &[&str]) -> Result<Inspected, String> {
    let script = shell_words::quote(MACHINE);
    let words: Vec<String> = words.iter().map(|w| shell_words::quote(w).into_owned()).collect();
    let sudo = sudo(host);
    let command = format!("{sudo}sh -c {script} machine {}", words.join(" "));
    let said = run(host, &command, CLEAN).await.map_err(|e| format!("looking at the instance: {}", e.0))?;
    Ok(read(&said))
}

/// Records that end with NUL; the first character says of what kind.
fn read(said: &[u8]) -> Inspected {
    let mut seen = Inspected::default();
    for record in said.split(|b| *b == 0) {
        let record = String::from_utf8_lossy(record);
        let record = record.trim_start_matches('\n');
        let Some((kind, rest)) = record.split_at_checked(1) else { continue };
        match kind {
            "f" => seen.files.extend(file(rest)),
            "p" => seen.packages.extend(rest.split_once(' ').map(|(n, v)| (n.to_string(), v.to_string()))),
            "s" => seen.sysctl.extend(rest.split_once('\n').map(|(n, t)| (n.to_string(), t.to_string()))),
            "!" => seen.unclean.extend(rest.lines().map(str::to_string)),
            _ => {}
        }
    }
    seen
}

/// `MODE UID GID SIZE SECONDS.FRACTION PATH`
fn file(record: &str) -> Option<(std::path::PathBuf, (u32, u32, u32, u64, i64, i64))> {
    let mut words = record.splitn(6, ' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let (uid, gid, size) =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (seconds, fraction) = words.next()?.split_once('.')?;
    let at = (seconds.parse().ok()?, fraction.get(..9).unwrap_or(fraction).parse().ok()?);
    Some((words.next()?.trim_start_matches('/').into(), (mode, uid, gid, size, at.0, at.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_says_is_read() {
        let seen = read(
            b"f644 0 0 12 1700000000.5000000000 /etc/a b\0pcurl 7.88\0s60-x.conf\nvm.swappiness = 1\n\0!logs: /x\0",
        );
        assert_eq!(
            seen.files[std::path::Path::new("etc/a b")],
            (0o644, 0, 0, 12, 1_700_000_000, 500_000_000)
        );
        assert_eq!(seen.packages["curl"], "7.88");
        assert_eq!(seen.sysctl["60-x.conf"], "vm.swappiness = 1\n");
        assert_eq!(seen.unclean, ["logs: /x"]);
    }
}
