//! `gc`: removes what nobody wants any more, found by tags.

use super::args::{CloudArgs, HostArgs, LockArgs, OutputArgs, RunArgs, VarArgs};
use super::execute::{Prepared, runtime};
use super::fail::{Done, Fail, code};
use super::outputs::{Kind, sinks};
use super::session::Session;
use super::signals;
use crate::cloud::expiry;
use crate::exec::Cancel;
use crate::exec::cloud::gc::{self, Gc};
use crate::exec::cloud::orphans::Orphans;
use crate::exec::options::{Confirm, Mode};
use crate::image::amazon::keys;
use crate::image::disk;
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// Remove cloud things that expired or that nobody wants any more, found by their tags from any machine
///
/// Without a playbook: what its tag `fitout:expires` says is over (temporary stacks, what a killed bake left), and folders
/// that killed bakes left on this machine, beside finished images and with keys. With one:
/// also what its stacks have of tasks that it no longer has; give it the variables that `apply` gets. It is shown, asked
/// about, and removed in reverse. Things without fitout's tags are never touched.
#[derive(Debug, Args)]
pub struct GcArgs {
    #[arg(value_name = "PLAYBOOK", conflicts_with_all = ["stack", "region", "all_regions", "profile", "endpoint_url"])]
    playbooks: Vec<PathBuf>,
    /// Temporary things at least so old (2h, 3d) count as expired
    #[arg(long, value_name = "AGE")]
    older_than: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show only
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Folder of finished images
    #[arg(long, default_value = "images", value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    vars: VarArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(args: GcArgs) -> Done {
    if !args.yes && !args.plan && !std::io::stdin().is_terminal() {
        let fail = Fail::input("gc asks before it removes anything, and there is no terminal to ask on");
        return Err(fail.hint("give --yes, or --plan to see what it would remove"));
    }
    let older_than = args.older_than.as_deref().map(expiry::duration).transpose();
    let older_than = older_than.map_err(|why| Fail::input(format!("--older-than: {why}")))?;
    let orphans = Orphans { older_than };
    let (yes, plan) = (args.yes, args.plan);
    let ask = move |count: usize| count > 0 && !plan && (yes || super::execute::confirmed().unwrap_or(false));
    let confirm = Confirm(Arc::new(ask));
    let (left, interrupted) = match args.playbooks.is_empty() {
        true => {
            let disks = disk::dead(&args.out);
            let only_disks = !disks.is_empty() && no_cloud(&args);
            let kept = folders(&args, disks, keys::dead(older_than), &confirm)?;
            let (left, interrupted) = match only_disks {
                // Whoever only bakes disks has no cloud to look at.
                true => (0, false),
                false => anywhere(&args, orphans, confirm)?,
            };
            (left + kept, interrupted)
        }
        false => of_playbooks(args, orphans, confirm)?,
    };
    Ok(match (left, interrupted) {
        (_, true) => code::INTERRUPTED,
        (0, _) => code::DONE,
        _ if plan => code::CHANGES,
        _ => code::FAILED,
    })
}

/// Folders of disks and of keys that killed bakes left: how many of them are there still.
fn folders(args: &GcArgs, disks: Vec<PathBuf>, keys: Vec<PathBuf>, confirm: &Confirm) -> Result<usize, Fail> {
    let dead: Vec<&PathBuf> = disks.iter().chain(&keys).collect();
    let tell = |what: &str| dead.iter().for_each(|folder| told!("{what} {}", folder.display()));
    if args.plan {
        tell("would remove");
        return Ok(dead.len());
    }
    if !args.yes {
        tell("left by a killed bake:");
    }
    if !dead.is_empty() && !(confirm.0)(dead.len()) {
        return Ok(dead.len());
    }
    disk::sweep(&args.out).map_err(|e| Fail::failed(e.to_string()))?;
    for folder in &keys {
        std::fs::remove_dir_all(folder).map_err(|e| Fail::failed(format!("{}: {e}", folder.display())))?;
    }
    tell("removed");
    Ok(0)
}

/// Nothing here says where a cloud would be.
fn no_cloud(args: &GcArgs) -> bool {
    let named = !args.cloud.region.is_empty() || args.cloud.all_regions || args.cloud.profile.is_some();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".aws"));
    let known = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"].map(std::env::var_os);
    !named && known.iter().all(Option::is_none) && !home.is_some_and(|folder| folder.exists())
}

fn anywhere(args: &GcArgs, orphans: Orphans, confirm: Confirm) -> Result<(usize, bool), Fail> {
    let session = Session::begin(&args.output, &args.vars.vault)?;
    let sink = sinks(&session, &args.output, Kind::Collect);
    let gc = Gc {
        place: args.cloud.place(),
        orphans,
        confirm,
        run_dir: PathBuf::from(".fitout"),
        lock: args.lock.place()?,
    };
    runtime()?.block_on(async {
        let cancel = Cancel::default();
        let signals = signals::watch(&cancel).map_err(|e| Fail::failed(format!("signals: {e}")))?;
        let left = gc::collect(&gc, sink, &cancel).await;
        signals.abort();
        left.map(|left| (left, cancel.requested())).map_err(Fail::failed)
    })
}

/// The walk of `destroy`, of which only orphans go.
fn of_playbooks(args: GcArgs, orphans: Orphans, confirm: Confirm) -> Result<(usize, bool), Fail> {
    let lock = args.lock.place()?;
    let run = RunArgs { hosts: args.hosts, vars: args.vars, output: args.output, ..RunArgs::default() };
    let mut prepared = Prepared::new(args.playbooks, run, Mode::Destroy)?;
    // What the configuration leaves out of a run is no less a part of the playbook.
    prepared.options.tags.clear();
    prepared.options.skip_tags.clear();
    prepared.options.lock = lock;
    prepared.options.confirm = Some(confirm);
    prepared.options.orphans = Some(orphans);
    let (compiled, inventory) = prepared.compiled()?;
    let report = prepared.run(prepared.options.clone(), compiled, inventory, Kind::Collect)?;
    Ok((report.left, report.interrupted))
}
