//! Programs of this machine, as the steps of a bake run them.

use super::BakeError;
use crate::exec::Cancel;
use crate::exec::cancel::Stop;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A program and the Debian package that brings it.
pub type Tool = (&'static str, &'static str);

/// Where a program is; the administrator's folders too, which a user's PATH may lack.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(extra).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// An error that names what has to be installed, where something has.
pub fn need(tools: &[Tool]) -> Result<(), BakeError> {
    let missing: Vec<&Tool> = tools.iter().filter(|(tool, _)| find(tool).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(tool, _)| *tool).collect();
    let packages: BTreeSet<&str> = missing.iter().map(|(_, package)| *package).collect();
    let packages = packages.into_iter().collect::<Vec<_>>().join(" ");
    let why = format!("not installed here: {}\nhint: apt-get install {packages}", names.join(", "));
    Err(BakeError::Input(why))
}

/// A program that ends with this process, however that ends, in a process group of its own, so that Ctrl-C reaches it
/// through us only.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(find("setpriv").unwrap_or_else(|| "setpriv".into()));
    command.args(["--pdeathsig", "KILL"]).arg(find(program).unwrap_or_else(|| program.into())).args(args);
    command.process_group(0).kill_on_drop(true);
    command
}

/// As [`command`], with all its children: they are in namespaces that end with it, as do their mounts.
pub fn enclosed(program: &str, args: &[&str]) -> Command {
    let mut all =
        vec!["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
    all.push("--");
    all.push(program);
    all.extend(args);
    command("unshare", &all)
}

/// Runs to its end, or until the user wants to stop; what it printed.
pub async fn run(mut command: Command, input: Option<&str>, cancel: &Cancel) -> Result<String, BakeError> {
    let shown = shown(&command);
    let failed = |why: String| BakeError::failed(format!("`{shown}`"), why);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child: Child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| failed(e.to_string()))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).await.map_err(|e| failed(e.to_string()))?;
    }
    let output = tokio::select! {
        output = child.wait_with_output() => output.map_err(|e| failed(e.to_string()))?,
        () = cancel.wait(Stop::Cleanly) => return Err(BakeError::Interrupted),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both);
    let lines: Vec<&str> = text.lines().collect();
    Err(failed(format!("{}\n{}", output.status, lines[lines.len().saturating_sub(15)..].join("\n"))))
}

/// The program itself, without what it is wrapped in.
fn shown(command: &Command) -> String {
    let words = command.as_std().get_args().map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.skip(2).collect();
    let words = words.iter().position(|w| w == "--").map_or(&words[..], |at| &words[at + 1..]);
    let text = words.join(" ");
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_packages_that_bring_it() {
        let tools = [("sh", "dash"), ("no-mmd", "mtools"), ("no-mcopy", "mtools"), ("no-such", "a-package")];
        assert_eq!(
            need(&tools).unwrap_err().to_string(),
            "not installed here: no-mmd, no-mcopy, no-such\nhint: apt-get install a-package mtools"
        );
        assert!(need(&tools[..1]).is_ok());
    }
}
