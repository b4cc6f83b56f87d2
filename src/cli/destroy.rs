//! `destroy`: removes what a playbook's cloud tasks made.

use super::args::RunArgs;
use super::execute::Prepared;
use super::fail::{Done, Fail, code};
use super::outputs::Kind;
use crate::exec::options::{Confirm, Mode};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// Remove what a playbook's cloud tasks made, in reverse; hosts are not touched
///
/// What carries the stack's tag is shown, then asked about, then removed. Things of tasks with `prevent_destroy: true`
/// stay.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show only
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: DestroyArgs) -> Done {
    if !args.yes && !args.plan && !std::io::stdin().is_terminal() {
        let fail = Fail::input("destroy asks before it removes anything, and there is no terminal to ask on");
        return Err(fail.hint("give --yes, or --plan to see what it would remove"));
    }
    let mut prepared = Prepared::new(args.playbooks, args.run, Mode::Destroy)?;
    let (yes, plan) = (args.yes, args.plan);
    let ask = move |count: usize| count > 0 && !plan && (yes || super::execute::confirmed().unwrap_or(false));
    prepared.options.confirm = Some(Confirm(Arc::new(ask)));
    let (compiled, inventory) = prepared.compiled()?;
    let report = prepared.run(prepared.options.clone(), compiled, inventory, Kind::Destroy)?;
    Ok(match (report.left, report.interrupted) {
        (_, true) => code::INTERRUPTED,
        (0, _) => code::DONE,
        _ if plan => code::CHANGES,
        _ => code::FAILED,
    })
}
