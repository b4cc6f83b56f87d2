//! `fitout lab …`: the lab's command line.

use super::{Guard, Lab, LabError, LabOptions, VmOptions};
use clap::{Args, Subcommand};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Throw-away hosts on this machine, to try playbooks on (needs root on Linux).
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Bring hosts up and print the inventory's path.
    Up(Up),
    /// Take a lab down and remove all it had.
    Down {
        /// Which one; `--all` needs none.
        #[command(flatten)]
        lab: Named,
        /// Every lab, and what is left of killed ones.
        #[arg(long)]
        all: bool,
    },
    /// Show the labs and their hosts.
    List,
    /// Log in to a host, or run a command there.
    Ssh {
        /// Which one.
        #[command(flatten)]
        lab: Named,
        /// Name of the host, e.g. node1.
        #[arg(default_value = "node1")]
        host: String,
        /// Command and its arguments; a login shell when there is none.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Put every host back to the state after its first boot.
    Reset {
        /// Which one.
        #[command(flatten)]
        lab: Named,
    },
    /// Try a playbook on fresh hosts: check, apply, apply again (must change nothing), verify.
    Test(Test),
}

/// Which lab.
#[derive(Debug, Args)]
pub struct Named {
    /// Name of the lab; labs of different names live side by side.
    #[arg(long, default_value = "lab")]
    name: String,
}

/// Bring hosts up and print the inventory's path.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    lab: Named,
    #[command(flatten)]
    kind: Kind,
}

/// What hosts a new lab has.
#[derive(Debug, Args)]
pub struct Kind {
    /// Number of hosts.
    #[arg(short = 'n', long, default_value_t = 1)]
    hosts: usize,
    /// Debian suite.
    #[arg(long, default_value = "bookworm")]
    suite: String,
    /// Packages to have beside the minimum; may be given more than once.
    #[arg(long = "package")]
    packages: Vec<String>,
    /// Have python3 and python3-apt, which other tools need.
    #[arg(long)]
    with_python: bool,
    /// Virtual machines (software emulation) instead of containers: a kernel of their own, half a minute to boot.
    #[arg(long)]
    vm: bool,
    /// Memory of each virtual machine in MiB.
    #[arg(long, default_value_t = 1024, requires = "vm", value_name = "MIB")]
    memory: u32,
}

/// Try a playbook on fresh hosts: check, apply, apply again (must change nothing), verify.
#[derive(Debug, Args)]
pub struct Test {
    playbook: PathBuf,
    #[command(flatten)]
    kind: Kind,
    /// Leave the hosts up when something fails, to look at them.
    #[arg(long)]
    keep: bool,
    /// Variables, as `fitout apply -e` takes them.
    #[arg(short = 'e', long = "extra-vars")]
    extra_vars: Vec<String>,
}

impl Kind {
    fn options(self, name: String, ephemeral: bool) -> LabOptions {
        LabOptions {
            name,
            hosts: self.hosts,
            suite: self.suite,
            packages: self.packages,
            with_python: self.with_python,
            vm: self.vm.then(|| VmOptions { memory: self.memory, ..VmOptions::default() }),
            ephemeral,
            ..LabOptions::default()
        }
    }
}

/// Runs one `fitout lab` command. Exit codes: 0 done, 1 failed; `ssh` gives that of the remote command.
pub fn run(command: LabCommand) -> Result<ExitCode, LabError> {
    match command {
        LabCommand::Up(up) => self::up(up),
        LabCommand::Down { all: true, .. } => super::down_all().map(|names| {
            names.iter().for_each(|name| note!("lab {name}: down"));
            ExitCode::SUCCESS
        }),
        LabCommand::Down { lab, .. } => {
            let known = Lab::names()?.contains(&lab.name);
            super::down(&lab.name)?;
            note!("lab {}: {}", lab.name, if known { "down" } else { "there is none of that name" });
            Ok(ExitCode::SUCCESS)
        }
        LabCommand::List => list(),
        LabCommand::Ssh { lab, host, command } => ssh(&lab.name, &host, &command),
        LabCommand::Reset { lab } => Lab::open(&lab.name)?.reset().map(|()| ExitCode::SUCCESS),
        LabCommand::Test(test) => self::test(test),
    }
}

fn up(up: Up) -> Result<ExitCode, LabError> {
    let started = std::time::Instant::now();
    let lab = Lab::up(&up.kind.options(up.lab.name, false))?;
    note!("lab {}: {} hosts up in {:.1} s", lab.name(), lab.hosts().len(), started.elapsed().as_secs_f32());
    told!("{}", lab.inventory_path().display());
    Ok(ExitCode::SUCCESS)
}

fn list() -> Result<ExitCode, LabError> {
    for name in Lab::names()? {
        match Lab::open(&name) {
            Ok(lab) => {
                told!("{name}\t{}", lab.inventory_path().display());
                for host in lab.hosts() {
                    let state = if host.leader.is_some() { "up" } else { "not running" };
                    told!("  {}\t{}\t{state}", host.name, host.address);
                }
            }
            Err(LabError::NoLab { .. }) => {
                told!("{name}\thalf up; `fitout lab down --name {name}` removes it")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ssh(lab: &str, host: &str, command: &[String]) -> Result<ExitCode, LabError> {
    let host = Lab::open(lab)?.host(host)?;
    let error = host.ssh().arg("--").args(command).exec();
    Err(LabError::Command { command: "ssh".into(), output: error.to_string() })
}

fn test(test: Test) -> Result<ExitCode, LabError> {
    let name = format!("test-{}", std::process::id());
    let keep = test.keep;
    let guard = Guard::new(Lab::up(&test.kind.options(name, !keep))?);
    let failed = try_playbook(&guard, &test.playbook, &test.extra_vars)?;
    let Some(step) = failed else {
        note!("lab test: passed");
        return Ok(ExitCode::SUCCESS);
    };
    note!("lab test: `{step}` failed");
    if keep {
        note!("hint: the hosts are up: fitout lab ssh --name {0}; fitout lab down --name {0}", guard.name());
        // Not dropped, so not taken down.
        std::mem::forget(guard);
    }
    Ok(ExitCode::FAILURE)
}

/// Runs the steps; gives the first that failed.
fn try_playbook(lab: &Lab, playbook: &Path, extra: &[String]) -> Result<Option<&'static str>, LabError> {
    let steps: [(&str, &[&str]); 4] = [
        ("check", &["check"]),
        ("apply", &["apply", "--yes"]),
        ("apply again", &["apply", "--yes", "--json"]),
        ("verify", &["verify"]),
    ];
    for (title, words) in steps {
        note!("lab test: {title}");
        let mut command = fitout()?;
        command.args(words).arg("-i").arg(lab.inventory_path()).arg(playbook);
        for vars in extra {
            command.arg("-e").arg(vars);
        }
        let failed =
            |e: std::io::Error| LabError::Command { command: words.join(" "), output: e.to_string() };
        let passed = if words.contains(&"--json") {
            // Events are read rather than shown: only what changed is worth a line.
            let output = command.stderr(Stdio::inherit()).output().map_err(failed)?;
            let changed = changed_tasks(&String::from_utf8_lossy(&output.stdout));
            changed.iter().for_each(|task| note!("lab test: the second run changed {task}"));
            output.status.success() && changed.is_empty()
        } else {
            command.status().map_err(failed)?.success()
        };
        if !passed {
            return Ok(Some(title));
        }
    }
    Ok(None)
}

/// The tasks that report a change, from events one a line; without a recap the run's end was not seen, which is no
/// proof that nothing changed.
fn changed_tasks(events: &str) -> Vec<String> {
    let mut changed = Vec::new();
    let mut total = None;
    for event in events.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        let word = |key: &str| event[key].as_str().unwrap_or_default();
        if word("outcome") == "changed" {
            changed.push(format!("{}: {} ({})", word("host"), word("task"), word("place")));
        }
        if let Some(recap) = event["recap"].as_object() {
            total = Some(recap.values().filter_map(|host| host["changed"].as_u64()).sum::<u64>());
        }
    }
    match total {
        None => changed.push("something it did not tell: its events have no recap".into()),
        Some(1..) if changed.is_empty() => changed.push("something, says its recap".into()),
        Some(_) => {}
    }
    changed
}

fn fitout() -> Result<Command, LabError> {
    let exe = std::env::current_exe();
    exe.map(Command::new).map_err(super::io("cannot find", Path::new("fitout itself")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_passes_only_when_its_recap_says_so() {
        let quiet = r#"{"event":"run_done","recap":{"node1":{"changed":0}}}"#;
        assert_eq!(changed_tasks(quiet), [""; 0]);
        let task =
            r#"{"event":"task_done","host":"node1","task":"T","place":"p.yml:3:5","outcome":"changed"}"#;
        assert_eq!(changed_tasks(&format!("{task}\n{quiet}")), ["node1: T (p.yml:3:5)"]);
        let loud = quiet.replace("\"changed\":0", "\"changed\":2");
        assert_eq!(changed_tasks(&loud).len(), 1);
        assert_eq!(changed_tasks("").len(), 1, "a run that tells nothing proves nothing");
    }
}
