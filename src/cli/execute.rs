//! `plan` and `apply`, and what every run of playbooks begins with.

use super::args::RunArgs;
use super::fail::{Done, Fail, code};
use super::lists::{self, ListArgs};
use super::options::options;
use super::outputs::{Kind, sinks};
use super::program::{compile, variable_files};
use super::session::Session;
use super::signals;
use crate::eval::Engine;
use crate::exec::event::Sink;
use crate::exec::options::{Mode, RunOptions, RunReport};
use crate::exec::saved::{self, SavedPlan, VERSION};
use crate::exec::{Cancel, Redactor, Resume, Work};
use crate::resolve::Compiled;
use crate::syntax::inventory::Inventory;
use clap::{Args, Parser};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Save the plan; `fitout apply FILE` executes it, or says what drifted
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub lists: ListArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Playbooks, or one saved plan
    #[arg(required = true, value_name = "PLAYBOOK|PLAN")]
    pub playbooks: Vec<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Change nothing: the same as `fitout plan`
    #[arg(short = 'C', long, conflicts_with = "resume")]
    pub check: bool,
    /// Go on where an earlier run stopped: the last one, or the one whose name begins so (`fitout log`)
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub resume: Option<String>,
    #[command(flatten)]
    pub lists: ListArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// A plan's flags as they were saved with it.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct SavedInvocation {
    #[command(flatten)]
    args: PlanArgs,
}

/// What a run of playbooks needs, made anew for each run since the executor consumes it.
pub struct Prepared {
    pub session: Session,
    pub playbooks: Vec<PathBuf>,
    pub args: RunArgs,
    pub options: RunOptions,
}

impl Prepared {
    pub fn new(playbooks: Vec<PathBuf>, args: RunArgs, mode: Mode) -> Result<Prepared, Fail> {
        let session = Session::begin(&args.output, &args.vars.vault)?;
        let extra = session.extra_vars(&args.vars)?;
        let mut options = options(&session, &args, mode, extra)?;
        if let Some(name) = playbooks.first().and_then(|p| p.file_stem()) {
            options.stack = name.to_string_lossy().into_owned();
        }
        Ok(Prepared { session, playbooks, args, options })
    }

    pub fn compiled(&self) -> Result<(Compiled, Inventory), Fail> {
        let inventory = self.session.inventory(&self.args.hosts)?;
        let extra = &self.options.extra_vars;
        let found = variable_files(&self.session, &self.playbooks, Some(&inventory));
        let compiled = compile(&self.session, &self.playbooks, &self.args, extra, Some(&inventory), found)?;
        Ok((compiled, inventory))
    }

    pub fn run(
        &self,
        options: RunOptions,
        compiled: Compiled,
        inventory: Inventory,
        kind: Kind,
    ) -> Result<RunReport, Fail> {
        block_on(&self.session, options, compiled, inventory, sinks(&self.session, &self.args.output, kind))
    }

    /// Looks at the hosts and says what would be done; changes nothing.
    pub fn plan(&self) -> Result<RunReport, Fail> {
        let (compiled, inventory) = self.compiled()?;
        let options = RunOptions { mode: Mode::Plan, check: true, resume: None, ..self.options.clone() };
        self.run(options, compiled, inventory, Kind::Plan)
    }
}

/// Runs the executor to its end; Ctrl-C is heard meanwhile.
pub fn block_on(
    session: &Session,
    options: RunOptions,
    compiled: Compiled,
    inventory: Inventory,
    sinks: Arc<dyn Sink>,
) -> Result<RunReport, Fail> {
    let work = Work {
        program: compiled.program,
        includer: compiled.includer,
        inventory: Arc::new(inventory),
        engine: Arc::new(Engine::new(session.sources.clone())),
        keyring: Arc::clone(&session.keyring),
        redactor: Arc::new(Redactor::default()),
    };
    runtime()?.block_on(async {
        let cancel = Cancel::default();
        let signals = signals::watch(&cancel).map_err(|e| Fail::failed(format!("signals: {e}")))?;
        let report = crate::exec::run(options, work, sinks, cancel).await;
        signals.abort();
        report.map_err(Fail::failed)
    })
}

pub fn runtime() -> Result<tokio::runtime::Runtime, Fail> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Fail::failed(format!("the runtime did not start: {e}")))
}

pub fn plan(args: PlanArgs) -> Done {
    let mut prepared = Prepared::new(args.playbooks, args.run, Mode::Plan)?;
    if args.lists.any() {
        return lists::show(&prepared, args.lists);
    }
    prepared.options.salt = args.out.is_some().then(saved::salt);
    let report = prepared.plan()?;
    if let Some(path) = &args.out {
        if report.failed || report.unreachable || report.interrupted {
            return Err(Fail {
                code: exit(&report),
                ..Fail::failed("the plan is not whole and was not saved")
            });
        }
        let invocation = invocation(std::env::args().skip(1));
        let saved = SavedPlan { version: VERSION, invocation, ..report.saved.clone() };
        save(path, &saved)?;
        note!("saved to {}; execute it with `fitout apply {}`", path.display(), path.display());
    }
    Ok(pending(&report))
}

pub fn apply(args: ApplyArgs) -> Done {
    if let [file] = args.playbooks.as_slice()
        && let Some(saved) = saved_plan(file)?
    {
        if args.check || args.lists.any() {
            let fail = Fail::input(format!(
                "{} is a saved plan: it says already what would be done",
                file.display()
            ));
            return Err(fail.hint("`fitout plan PLAYBOOK` makes a plan anew"));
        }
        return apply_saved(saved, &args);
    }
    if args.check || args.lists.any() {
        return plan(PlanArgs { playbooks: args.playbooks, out: None, lists: args.lists, run: args.run });
    }
    if args.run.output.json && !args.yes {
        let fail = Fail::input("apply --json asks nothing, so it must be told that it may change hosts");
        return Err(fail.hint("give --yes too; `fitout plan --json` shows what would be done"));
    }
    if args.resume.as_deref() == Some("")
        && let Some(lost) = args.playbooks.iter().find(|playbook| !playbook.exists())
    {
        let fail = Fail::input(format!("the playbook {} is not there", lost.display()));
        return Err(fail.hint(format!("if that is a run, name it so: --resume={}", lost.display())));
    }
    let asks = !args.yes;
    // A playbook that is not there is told as such.
    let there = args.playbooks.iter().all(|playbook| playbook.exists());
    if asks && there && !std::io::stdin().is_terminal() {
        let fail = Fail::input("apply asks before it changes hosts, and there is no terminal to ask on");
        return Err(fail.hint("give --yes, or save a plan with `fitout plan --out FILE` and apply that"));
    }
    let mut prepared = Prepared::new(args.playbooks, args.run, Mode::Apply)?;
    if let Some(wanted) = &args.resume {
        prepared.options.resume = Some(Arc::new(resumed(&prepared, wanted)?));
    }
    if asks {
        let report = prepared.plan()?;
        if report.failed || report.unreachable || report.interrupted {
            return Ok(exit(&report));
        }
        if !report.changes {
            return Ok(code::DONE);
        }
        if !confirmed()? {
            note!("nothing was changed");
            return Ok(code::FAILED);
        }
    }
    let (compiled, inventory) = prepared.compiled()?;
    let report = prepared.run(prepared.options.clone(), compiled, inventory, Kind::Apply)?;
    if (report.failed || report.unreachable || report.interrupted) && !prepared.args.output.json {
        note!(
            "hint: the same command with --resume goes on where this run ended; `fitout log last` tells it again"
        );
    }
    Ok(exit(&report))
}

/// The run to go on with: of the same playbook, with the same inputs.
fn resumed(prepared: &Prepared, wanted: &str) -> Result<Resume, Fail> {
    let wanted = Some(wanted).filter(|w| !w.is_empty());
    let resume = Resume::read(&prepared.options.run_dir, wanted)
        .map_err(|why| Fail::input(why).hint("`fitout log` lists the runs"))?;
    let (compiled, _) = prepared.compiled()?;
    if compiled.program.hash != resume.program {
        let fail =
            Fail::input(format!("the playbook, its variables or inventory changed since run {}", resume.run));
        return Err(fail.hint("apply it whole: what is done already costs only a look"));
    }
    note!("resuming run {}", resume.run);
    Ok(resume)
}

pub fn confirmed() -> Result<bool, Fail> {
    eprint!("\nDo this? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Fail::failed(format!("no answer: {e}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Looks at the hosts again, and goes on only where the plan is still what would be done. The flags of the saved plan
/// are those of the run; only how it is shown and how secrets are had may differ.
fn apply_saved(saved: SavedPlan, args: &ApplyArgs) -> Done {
    let parsed = SavedInvocation::try_parse_from(&saved.invocation).map_err(|_| {
        Fail::input("the saved plan holds flags that this version does not know").hint("plan again")
    })?;
    chooses_nothing(args)?;
    let mut run = parsed.args.run;
    run.output = args.run.output.clone();
    run.vars.vault = args.run.vars.vault.clone();
    run.login.ask_become_pass |= args.run.login.ask_become_pass;
    run.login.become_password_file =
        args.run.login.become_password_file.clone().or(run.login.become_password_file);
    let mut prepared = Prepared::new(parsed.args.playbooks, run, Mode::Apply)?;
    prepared.options.salt = Some(saved.salt.clone());
    let now = prepared.plan()?;
    if now.failed || now.unreachable || now.interrupted {
        return Ok(exit(&now));
    }
    let drift = saved.drift(&now.saved);
    if !drift.is_empty() {
        let message = format!("the saved plan is stale, nothing was changed:\n  {}", drift.join("\n  "));
        return Err(Fail::failed(message).hint("plan again with `fitout plan --out`"));
    }
    prepared.options.saved = Some(Arc::new(saved));
    let (compiled, inventory) = prepared.compiled()?;
    let report = prepared.run(prepared.options.clone(), compiled, inventory, Kind::Apply)?;
    Ok(exit(&report))
}

/// A saved plan is carried out as it was made: only how it is shown and how secrets are had may be said anew.
fn chooses_nothing(args: &ApplyArgs) -> Result<(), Fail> {
    let none = SavedInvocation::try_parse_from(["PLAN"]).map_err(|e| Fail::input(e.to_string()))?.args.run;
    let mut chosen = args.run.clone();
    (chosen.output, chosen.vars.vault) = (none.output.clone(), none.vars.vault.clone());
    chosen.login.ask_become_pass = none.login.ask_become_pass;
    chosen.login.become_password_file = none.login.become_password_file.clone();
    if chosen == none && args.resume.is_none() {
        return Ok(());
    }
    let message = "a saved plan is carried out as it was made: its hosts, tasks, variables and logins were chosen by `fitout plan`";
    Err(Fail::input(message).hint("leave those flags away, or plan again with them"))
}

/// The words after `plan`, without where the plan is written to.
fn invocation(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.skip_while(|w| w != "plan").skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--out" => {
                words.next();
            }
            joined if joined.starts_with("--out=") => {}
            _ => kept.push(word),
        }
    }
    kept
}

fn save(path: &Path, plan: &SavedPlan) -> Result<(), Fail> {
    let json =
        serde_json::to_vec_pretty(plan).map_err(|e| Fail::failed(format!("{}: {e}", path.display())))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&json)?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|e| Fail::io(path, &e))
}

/// The plan in a file, or `None` where the file is a playbook. JSON objects are plans.
fn saved_plan(path: &Path) -> Result<Option<SavedPlan>, Fail> {
    let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let plan: SavedPlan = serde_json::from_slice(&bytes).map_err(|e| {
        Fail::input(format!("{}: not a saved plan: {e}", path.display()))
            .hint("plan again with `fitout plan --out`")
    })?;
    match plan.version {
        VERSION => Ok(Some(plan)),
        other => Err(Fail::input(format!(
            "{}: a plan of format {other}; this fitout reads {VERSION}",
            path.display()
        ))
        .hint("plan again with this version")),
    }
}

/// The exit code of a run.
pub fn exit(report: &RunReport) -> u8 {
    match report {
        r if r.interrupted => code::INTERRUPTED,
        r if r.unreachable => code::UNREACHABLE,
        r if r.failed || r.left > 0 => code::FAILED,
        _ => code::DONE,
    }
}

/// The exit code of a plan.
pub fn pending(report: &RunReport) -> u8 {
    match exit(report) {
        code::DONE if report.changes => code::CHANGES,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_plan_keeps_its_flags_but_not_its_file() {
        let words =
            ["-v", "plan", "site.yml", "--out", "x.plan", "-i", "hosts", "--out=y"].map(str::to_string);
        assert_eq!(invocation(words.into_iter()), ["site.yml", "-i", "hosts"]);
    }

    #[test]
    fn a_playbook_is_no_plan_and_a_broken_plan_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| {
            let path = dir.path().join("f");
            std::fs::write(&path, text).unwrap();
            saved_plan(&path)
        };
        assert_eq!(write("- hosts: all\n"), Ok(None));
        assert!(write("{\"version\": 1").is_err());
        let newer = SavedPlan { version: 9, ..SavedPlan::default() };
        assert!(write(&serde_json::to_string(&newer).unwrap()).unwrap_err().message.contains("format 9"));
    }

    #[test]
    fn exit_codes_put_the_worst_first() {
        let report =
            |failed, unreachable, changes| RunReport { failed, unreachable, changes, ..RunReport::default() };
        assert_eq!(exit(&report(true, true, true)), code::UNREACHABLE);
        assert_eq!(exit(&report(true, false, true)), code::FAILED);
        assert_eq!(exit(&report(false, false, true)), code::DONE);
        assert_eq!(exit(&RunReport { left: 1, ..RunReport::default() }), code::FAILED);
        assert_eq!(pending(&report(false, false, true)), code::CHANGES);
        assert_eq!(pending(&report(true, false, true)), code::FAILED);
    }
}
