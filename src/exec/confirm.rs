//! `confirm: SECONDS`: a change that might cut the connection is taken back by the host itself, unless a new
//! connection says in time that the host can still be reached.
//!
//! Before the effects, what the task writes (files and kernel parameters) is kept on the host and a supervisor is
//! started there, which does not hang on any connection; a unit does the same where the host boots meanwhile, for who
//! has lost a host switches it off and on. After the effects a **new** connection confirms: the one that is open may
//! live on where no other can be made. Whoever renames a mark first decides, so a host is either confirmed or
//! restored, never both. A restored host is a failed task.

use super::flight::Flying;
use super::host::{Host, TaskContext};
use super::landing::NotDone;
use super::outcome::{Status, UnitOutcome};
use super::scope::TaskScope;
use super::unit::Prepared;
use crate::modules::kernel::key;
use crate::modules::{ArgsExt, Failure, bytes};
use crate::remote::{Become, Job, Remote};
use crate::script;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Where a host keeps what it may have to put back: not in /run, which ends with a boot.
const FOLDER: &str = "/var/lib/fitout-confirm";

/// A host that will restore itself.
pub struct Armed {
    dir: String,
    seconds: u64,
    until: Instant,
    who: Become,
    open: Arc<dyn Remote>,
    /// Never the connection that the task runs over.
    fresh: Arc<dyn Remote>,
}

impl Host {
    /// Starts the supervisor where the task asks for one.
    ///
    /// # Errors
    /// The outcome of the task, which then has changed nothing.
    pub async fn arm(
        &mut self,
        ready: &Prepared,
        effects: &[Job],
        cx: &TaskContext,
        scope: &Arc<TaskScope>,
    ) -> Result<Option<Armed>, Box<UnitOutcome>> {
        let seconds = u64::try_from(ready.args.int("confirm")).unwrap_or(0);
        if seconds == 0 || ready.check {
            return Ok(None);
        }
        let fail = |message: String| Box::new(UnitOutcome::failed(Failure::new(message)));
        let command = ready.args.str("confirm_restore");
        let kept = kept(&ready.claims.writes, effects);
        if command.is_empty() && (kept.is_empty() || ready.claims.writes.iter().any(|w| w == "*")) {
            return Err(fail(
                "confirm: what this task changes is not known; `confirm_restore` has to undo it".into(),
            ));
        }
        let fresh =
            super::connect::separate(&self.run, &cx.keywords, scope).map_err(|e| Box::new(e.into()))?;
        let dir = format!("{FOLDER}/{:032x}", rand::random::<u128>());
        let job = Job::new(script!("confirm.arm", "confirm/arm.sh"))
            .var("dir", &dir)
            .var("seconds", seconds.to_string())
            .var("command", command)
            .args(kept)
            .stdin(bytes(include_str!("confirm/restore.sh")));
        match ready.remote.submit(&ready.who, job).await {
            Ok(output) if output.ok() => {}
            Ok(output) => return Err(Box::new(UnitOutcome::failed(Failure::from_output(&output)))),
            Err(error) => return Err(Box::new(super::flight::remote_failure(error))),
        }
        let until = Instant::now() + Duration::from_secs(seconds);
        let open = Arc::clone(&ready.remote);
        Ok(Some(Armed { dir, seconds, until, who: ready.who.clone(), open, fresh }))
    }

    /// Waits for the effects and confirms them over a new connection, or has the host restored.
    pub async fn confirm(&mut self, armed: Armed, flying: Flying) -> UnitOutcome {
        let landed = timeout(armed.until.saturating_duration_since(Instant::now()), self.land(flying)).await;
        let landed = landed.map(|landed| landed.unwrap_or_else(NotDone::outcome));
        let (outcome, why) = match landed {
            Ok(outcome) if matches!(outcome.status, Status::Changed | Status::Ok) => {
                match armed.confirmed().await {
                    Ok(()) => return outcome,
                    Err(why) => (
                        Some(outcome),
                        format!("no new connection could confirm it within {} s ({why})", armed.seconds),
                    ),
                }
            }
            Ok(outcome) if outcome.status == Status::Unreachable => (None, outcome.message),
            Ok(outcome) => {
                // It did not work out: nothing to wait for.
                let note = armed.restored("fire", Duration::from_secs(30)).await;
                let message = format!("{}; {note}", outcome.message);
                return UnitOutcome { message, ..outcome };
            }
            Err(_) => (None, format!("it did not end within {} s, or the connection is gone", armed.seconds)),
        };
        // What was open is of no use where packets vanish.
        let _ = timeout(Duration::from_secs(5), armed.open.reset()).await;
        sleep(armed.until.saturating_duration_since(Instant::now())).await;
        let note = armed.restored("look", Duration::from_secs(30)).await;
        let mut failed = UnitOutcome::failed(Failure::new(format!("{why}; {note}")));
        if let Some(outcome) = outcome {
            failed.warnings = outcome.warnings;
        }
        failed
    }
}

impl Armed {
    fn job(&self, act: &str) -> Job {
        Job::new(script!("confirm.disarm", "confirm/disarm.sh")).var("act", act).var("dir", &self.dir)
    }

    /// Tries until the time is over.
    async fn confirmed(&self) -> Result<(), String> {
        let mut last = "no answer".to_string();
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(last);
            }
            match timeout(left, self.fresh.submit(&self.who, self.job("confirm"))).await {
                Ok(Ok(output)) if output.ok() => {
                    let _ = timeout(Duration::from_secs(5), self.fresh.reset()).await;
                    return Ok(());
                }
                Ok(Ok(_)) => return Err("the host had restored itself already".into()),
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => return Err(last),
            }
            let _ = timeout(Duration::from_secs(1), self.fresh.reset()).await;
            sleep(Duration::from_millis(500).min(left)).await;
        }
    }

    /// What became of the host, in words.
    async fn restored(&self, act: &str, limit: Duration) -> String {
        let until = Instant::now() + limit;
        let mut act = act;
        while Instant::now() < until {
            let _ = timeout(Duration::from_secs(1), self.fresh.reset()).await;
            let left = until.saturating_duration_since(Instant::now());
            if let Ok(Ok(output)) = timeout(left, self.fresh.submit(&self.who, self.job(act))).await {
                if output.field("", "restored").is_some() {
                    let _ = timeout(Duration::from_secs(5), self.fresh.reset()).await;
                    return "the former values are restored".into();
                }
                act = "look";
            }
            sleep(Duration::from_millis(500)).await;
        }
        let dir = &self.dir;
        format!(
            "whether the host restored its former values is not known: it cannot be reached, or not all could be put back \
             (what is left of it is in {dir} there)"
        )
    }
}

/// What can be kept and put back, as arm.sh takes it: what the task claims by name, and the files that its effects write
/// or remove where it claims a whole folder.
fn kept(writes: &[String], effects: &[Job]) -> Vec<String> {
    let one = |claim: &String| match claim.split_once(':')? {
        ("file", path) if path.starts_with('/') && !path.contains('*') => Some(claim.clone()),
        ("sysctl", name) if name != "*" => Some(format!("sysctl:{}", key::path(name))),
        _ => None,
    };
    let mut out: Vec<String> = writes.iter().filter_map(one).collect();
    for path in effects.iter().flat_map(touched).filter(|path| path.starts_with(b"/")) {
        let file = format!("file:{}", String::from_utf8_lossy(path));
        if !out.contains(&file) {
            out.push(file);
        }
    }
    out
}

/// The files that an effect writes or removes.
fn touched(job: &Job) -> Vec<&[u8]> {
    match &*job.script.name {
        "files.write" => job.vars.iter().filter(|(n, _)| &**n == "path").map(|(_, v)| v.as_slice()).collect(),
        "kit.remove" => job.args.iter().map(Vec::as_slice).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::text::remove_file;
    use crate::remote::files::{WriteFile, write_file_job};

    #[test]
    fn files_and_parameters_are_kept() {
        let writes = [
            "file:/etc/x",
            "file:/etc/y/*",
            "sysctl:net.ipv4.conf.*.rp_filter",
            "sysctl:*",
            "service:x",
            "*",
        ];
        let writes: Vec<String> = writes.map(str::to_string).into();
        let write = |path: &str| write_file_job(WriteFile::new(path, bytes("")));
        let effects = [write("/etc/y/a"), write("/etc/x"), remove_file("/etc/y/b")];
        assert_eq!(
            kept(&writes, &effects),
            ["file:/etc/x", "sysctl:net/ipv4/conf/*/rp_filter", "file:/etc/y/a", "file:/etc/y/b"]
        );
    }

    #[test]
    fn what_cannot_be_put_back_is_kept_and_not_called_restored() {
        for (folder, restored) in [("there", true), ("gone", false)] {
            let temp = tempfile::tempdir().unwrap();
            let at = |name: &str| temp.path().join(name);
            let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
            std::fs::create_dir(at("there")).unwrap();
            std::fs::create_dir(at("kept")).unwrap();
            let path = at(folder).join("file");
            write("kept/armed", "");
            write("kept/command", "");
            write("kept/1.file", "former\n");
            write("kept/1.path", &format!("{}\n", path.display()));
            let mut sh = std::process::Command::new("sh");
            sh.args(["-c", include_str!("confirm/restore.sh"), "restore"]).arg(at("kept"));
            sh.output().unwrap();
            assert_eq!(at("kept/restored").exists(), restored, "{folder}");
            let left = if restored { path } else { at("kept/1.file") };
            assert_eq!(std::fs::read_to_string(left).unwrap(), "former\n");
            assert_eq!(at("kept/1.file").exists(), !restored, "{folder}");
        }
    }

    #[test]
    fn a_boot_goes_on_with_what_was_cut_short() {
        // (what is there, when the host boots or the timer ends, whether it is put back)
        for (mark, when, back) in [
            ("fired", "boot", true),
            ("armed", "boot", true),
            ("armed", "", true),
            // The other one is at it.
            ("fired", "", false),
            ("confirmed", "boot", false),
            ("restored", "boot", false),
        ] {
            let temp = tempfile::tempdir().unwrap();
            let at = |name: &str| temp.path().join(name);
            let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
            std::fs::create_dir(at("kept")).unwrap();
            write("file", "later\n");
            write(&format!("kept/{mark}"), "");
            write("kept/command", "");
            // It was cut off behind the first of two.
            write("kept/1.path", &format!("{}\n", at("file").display()));
            write("kept/1.file", "former\n");
            write("kept/2.path", &format!("{}\n", at("new").display()));
            write("new", "later\n");
            let mut sh = std::process::Command::new("sh");
            sh.args(["-c", include_str!("confirm/restore.sh"), "restore"]).arg(at("kept")).arg(when);
            sh.output().unwrap();
            let now = std::fs::read_to_string(at("file")).unwrap();
            assert_eq!((now == "former\n", at("new").exists()), (back, !back), "{mark} {when}");
            assert_eq!(at("kept/restored").exists(), back || mark == "restored", "{mark} {when}");
        }
    }
}
