//! `verify`: nothing to do; with `--reboot`, nothing to do after a reboot either.

use super::adhoc;
use super::args::RunArgs;
use super::execute::{Prepared, exit, pending};
use super::fail::{Done, Fail, code};
use super::outputs::Kind;
use crate::base::{Map, Value};
use crate::exec::options::{Mode, RunReport};
use crate::graph::{PlayPlan, Program, Sequence, Step, TaskKeywords};
use crate::resolve::Compiled;
use crate::syntax::inventory::Inventory;
use clap::Args;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Then reboot the hosts, wait for a new boot and look again; with `--limit` only some, as a canary
    #[arg(long)]
    pub reboot: bool,
    /// Seconds that a reboot may take
    #[arg(long, default_value_t = 600, requires = "reboot", value_name = "SECONDS")]
    pub reboot_timeout: u32,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: VerifyArgs) -> Done {
    let prepared = Prepared::new(args.playbooks, args.run, Mode::Plan)?;
    let before = pending(&prepared.plan()?);
    if before == code::CHANGES {
        note!("verify: the hosts are not as the playbook says");
        if args.reboot {
            note!("hint: apply it first; nothing was rebooted");
        }
    }
    if before != code::DONE || !args.reboot {
        return Ok(before);
    }
    let report = reboot(&prepared, args.reboot_timeout)?;
    let ended = exit(&report);
    if ended != code::DONE {
        note!("verify: not every host came back from its reboot");
        return Ok(ended);
    }
    let after = pending(&prepared.plan()?);
    let hosts = report.recap.values().filter(|counts| counts.changed > 0).count();
    let noun = if hosts == 1 { "host" } else { "hosts" };
    match after {
        code::DONE => note!("verify: {hosts} {noun} rebooted, and all is as the playbook says"),
        code::CHANGES => {
            note!("verify: {hosts} {noun} rebooted, and what is listed above did not survive it")
        }
        _ => {}
    }
    Ok(after)
}

/// Reboots every host of the playbooks once and waits until each runs a new boot.
fn reboot(prepared: &Prepared, limit: u32) -> Result<RunReport, Fail> {
    let (compiled, inventory) = prepared.compiled()?;
    let compiled = reboots(compiled, &inventory, prepared.args.hosts.limit.as_deref(), limit)?;
    if compiled.program.plays.is_empty() {
        return Err(Fail::input("the playbook has no host that could be rebooted"));
    }
    let mut options = prepared.options.clone();
    (options.mode, options.check) = (Mode::Apply, false);
    // They chose tasks of the playbook.
    (options.tags, options.skip_tags, options.start_at_task) = (Vec::new(), Vec::new(), None);
    prepared.run(options, compiled, inventory, Kind::Apply)
}

/// Until all that starts at boot has started: a login is possible long before, and a service that is on its way up would
/// look like one that did not survive. A boot that does not end is looked at as it is.
const BOOTED: &str = "timeout 180 systemctl is-system-running --wait 2>&1 || :";

/// The same plays, with the same ways to their hosts, whose only task is a reboot; each host in the first that has it.
fn reboots(
    compiled: Compiled,
    inventory: &Inventory,
    limit: Option<&str>,
    seconds: u32,
) -> Result<Compiled, Fail> {
    let module = adhoc::module("reboot")?;
    let mut seen = HashSet::new();
    let mut plays = Vec::new();
    for play in &compiled.program.plays {
        if play.keywords.connection.as_ref().and_then(Value::as_str) == Some("local") {
            continue;
        }
        let pattern = match &play.hosts {
            Value::List(list) => list.iter().map(crate::spec::to_text).collect::<Vec<_>>().join(","),
            one => crate::spec::to_text(one),
        };
        let chosen = inventory.select_limited(&pattern, limit).map_err(|e| Fail::input(e.to_string()))?.hosts;
        let names: Vec<&str> = chosen.iter().map(|id| &*inventory[*id].name).collect();
        let new: Vec<Value> = names
            .into_iter()
            .filter(|n| *n != "localhost" && seen.insert(n.to_string()))
            .map(Value::from)
            .collect();
        if new.is_empty() {
            continue;
        }
        let mut args = Map::new();
        args.insert("reboot_timeout".into(), i64::from(seconds).into());
        args.insert("test_command".into(), BOOTED.into());
        let keywords =
            Arc::new(TaskKeywords { tags: Vec::new(), when: Vec::new(), ..(*play.keywords).clone() });
        let task = adhoc::task(play.span, Arc::clone(&module), args, Arc::clone(&keywords));
        plays.push(Arc::new(PlayPlan {
            name: "Reboot".into(),
            hosts: Value::from(new),
            gather_facts: Some(false.into()),
            body: Arc::new(Sequence { steps: vec![Step::Task(Arc::new(task))] }),
            handlers: Vec::new(),
            keywords,
            ..play.as_ref().clone()
        }));
    }
    Ok(Compiled { program: Program { plays, hash: String::new() }, ..compiled })
}
