//! `fitout playbook`, also called `ansible-playbook`: that command's flags, output and exit codes.

use super::args::RunArgs;
use super::execute::{Prepared, runtime};
use super::fail::{Done, Fail, code};
use super::lists::{self, Wanted};
use super::outputs::Kind;
use super::program::compile;
use crate::base::Diags;
use crate::eval::Engine;
use crate::exec::listing::Listing;
use crate::exec::options::{Mode, RunReport};
use crate::exec::{Redactor, Work};
use crate::ui::Console;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;

/// ansible-playbook's exit codes where they are not ours.
mod ansible_code {
    pub const FAILED: u8 = 2;
    pub const UNREACHABLE: u8 = 4;
    pub const BAD_PLAYBOOK: u8 = 4;
    pub const ERROR: u8 = 1;
}

#[derive(Debug, Args)]
pub struct PlaybookArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Change nothing; tell what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// Show the playbook's tasks and do nothing
    #[arg(long)]
    list_tasks: bool,
    /// Show the hosts of each play and do nothing
    #[arg(long)]
    list_hosts: bool,
    /// Show the playbook's tags and do nothing
    #[arg(long)]
    list_tags: bool,
    /// Compile only
    #[arg(long)]
    syntax_check: bool,
    /// Not supported: see the hint it prints
    #[arg(long, hide = true)]
    step: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: PlaybookArgs) -> Done {
    inner(args).map_err(|fail| match fail.code {
        code::INPUT if fail.message.is_empty() => Fail { code: ansible_code::BAD_PLAYBOOK, ..fail },
        code::INPUT => Fail { code: ansible_code::ERROR, ..fail },
        _ => fail,
    })
}

fn inner(args: PlaybookArgs) -> Done {
    if args.step {
        return Err(Fail::input("--step is not supported")
            .hint("`fitout plan` shows all steps; `-t` and --start-at-task choose"));
    }
    let wanted = Wanted { tasks: args.list_tasks, hosts: args.list_hosts, tags: args.list_tags };
    let mut prepared = Prepared::new(args.playbooks, args.run, Mode::Playbook)?;
    prepared.session.forgiving = true;
    if wanted.tasks || wanted.hosts || wanted.tags || args.syntax_check {
        return list(&prepared, wanted);
    }
    prepared.options.check = args.check;
    let (compiled, inventory) = prepared.compiled()?;
    if let ([book], 2..) = (prepared.playbooks.as_slice(), prepared.options.verbosity) {
        Console::stdout().line(&format!("{} plays in {}", compiled.program.plays.len(), book.display()));
    }
    let report = prepared.run(prepared.options.clone(), compiled, inventory, Kind::Ansible)?;
    Ok(exit(&report))
}

fn exit(report: &RunReport) -> u8 {
    match report {
        r if r.interrupted => code::INTERRUPTED,
        r => {
            (if r.failed || r.left > 0 { ansible_code::FAILED } else { 0 })
                | (if r.unreachable { ansible_code::UNREACHABLE } else { 0 })
        }
    }
}

fn list(prepared: &Prepared, wanted: Wanted) -> Done {
    let (session, args) = (&prepared.session, &prepared.args);
    let inventory = session.inventory(&args.hosts)?;
    // What a run has in it is made inside one.
    let runtime = runtime()?;
    let _inside = runtime.enter();
    for playbook in &prepared.playbooks {
        let one = std::slice::from_ref(playbook);
        let compiled =
            compile(session, one, args, &prepared.options.extra_vars, Some(&inventory), Diags::default())?;
        let title = playbook.display().to_string();
        let limit = args.hosts.limit.as_deref();
        let work = Work {
            program: compiled.program.clone(),
            includer: compiled.includer,
            inventory: Arc::new(inventory.clone()),
            engine: Arc::new(Engine::new(session.sources.clone())),
            keyring: Arc::clone(&session.keyring),
            redactor: Arc::new(Redactor::default()),
        };
        let listing = Listing::new(prepared.options.clone(), work);
        let text = lists::text(&title, &compiled.program, &listing, &inventory, limit, wanted)?;
        let nothing_else = !(wanted.tasks || wanted.hosts || wanted.tags);
        told!("{}", if nothing_else { format!("\nplaybook: {title}") } else { text.trim_end().to_string() });
    }
    Ok(code::DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_ansibles() {
        let report = |failed, unreachable| RunReport { failed, unreachable, ..RunReport::default() };
        let codes =
            [(false, false), (true, false), (false, true), (true, true)].map(|(f, u)| exit(&report(f, u)));
        assert_eq!(codes, [0, 2, 4, 6]);
    }
}
