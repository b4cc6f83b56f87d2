//! `fitout playbook`, also called `ansible-playbook`: that command's flags, output and exit codes.

use super::args::RunArgs;
use super::execute::Prepared;
use super::fail::{Done, Fail, code};
use super::lists::{self, ListArgs};
use super::outputs::Kind;
use crate::exec::options::{Mode, RunReport};
use crate::ui::Console;
use clap::Args;
use std::path::PathBuf;

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
    #[command(flatten)]
    lists: ListArgs,
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
    let mut prepared = Prepared::new(args.playbooks, args.run, Mode::Playbook)?;
    prepared.session.forgiving = true;
    if args.lists.any() {
        return lists::show(&prepared, args.lists);
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
