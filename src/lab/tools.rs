//! The programs that a lab is made with: whether they are there, and how they are run.

use super::LabError;
use crate::base::maker::Maker;
use std::path::PathBuf;

/// The lab works on namespaces and overlays, so on Linux as root.
pub(super) fn supported() -> Result<(), LabError> {
    if !cfg!(target_os = "linux") {
        return Err(LabError::Unsupported(format!("this is {}", std::env::consts::OS)));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::Unsupported("you are not root\nhint: sudo fitout lab …".into()));
    }
    let tools = [
        ("mmdebstrap", "mmdebstrap"),
        ("systemd-nspawn", "systemd-container"),
        ("ip", "iproute2"),
        ("iptables", "iptables"),
        ("ssh-keygen", "openssh-client"),
        ("unshare", "util-linux"),
    ];
    for (tool, package) in tools {
        if find_tool(tool).is_none() {
            return Err(LabError::MissingTool { tool: tool.into(), package: package.into() });
        }
    }
    Ok(())
}

/// Where a program is; the administrator's folders too, which a user's PATH may lack.
pub(crate) fn find_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(extra).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Environment variable that marks the programs a process runs to make labs: when it is killed, they are still at work.
pub(crate) const MAKER: &str = "FITOUT_LAB_MAKER";

/// Environment variable that marks a host's first processes, before they have entered its cgroup.
pub(crate) const MEMBER: &str = "FITOUT_LAB_MEMBER";

/// Runs a program to its end; its output is the error when it fails. `input` goes to its stdin.
pub(crate) fn run(program: &str, args: &[&str], input: Option<&str>) -> Result<String, LabError> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let shown = || format!("{program} {}", args.join(" "));
    let failed = |output: String| LabError::Command { command: shown(), output };
    let file = find_tool(program).unwrap_or_else(|| program.into());
    let mut child = Command::new(file)
        .args(args)
        .env(MAKER, Maker::this().mark())
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(e.to_string()))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).map_err(|e| failed(e.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|e| failed(e.to_string()))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.into_owned());
    }
    Err(failed(format!("{}{}", stdout, String::from_utf8_lossy(&output.stderr)).trim().to_owned()))
}
