//! The command line: one file a command, one dispatch.

mod adhoc;
mod args;
mod bake;
mod check;
pub mod config;
mod destroy;
mod execute;
pub mod fail;
mod gc;
mod graph;
mod images;
mod inventory;
mod lists;
mod log;
mod modules;
mod options;
mod outputs;
mod playbook;
mod program;
pub mod reference;
pub mod schema;
mod session;
mod signals;
mod state;
mod unlock;
mod vars;
mod vault;
mod verify;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use fail::{Done, code};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Declarative provisioning: Ansible's dialect compiled into one graph and run over SSH.
///
/// Exit codes: 0 done, 1 failed, 2 changes pending (plan, verify), 3 bad input, 4 unreachable, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "fitout", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile playbooks and show every finding; touches no host
    Check(check::CheckArgs),
    /// Show what apply would do (exit code 2: there are changes)
    Plan(execute::PlanArgs),
    /// Plan, show, ask, and do it; or execute a saved plan
    Apply(execute::ApplyArgs),
    /// Succeed only if there is nothing to do (exit code 2: there is)
    Verify(verify::VerifyArgs),
    Destroy(destroy::DestroyArgs),
    State(state::StateArgs),
    Gc(gc::GcArgs),
    Unlock(unlock::UnlockArgs),
    /// Make machine images of a play that has `image:`, or of a template of Packer's
    Bake(bake::BakeArgs),
    /// List, compare and prune the images of a folder
    Images(images::ImagesArgs),
    /// Show the graph of a playbook, or why two tasks are ordered
    Graph(graph::GraphArgs),
    /// Show the facts of hosts as JSON
    Facts(adhoc::FactsArgs),
    Inventory(inventory::InventoryArgs),
    Modules(modules::ModulesArgs),
    /// Run one module on hosts, as `ansible` does
    Run(adhoc::AdHocArgs),
    /// Run playbooks as `ansible-playbook` does, with its flags, output and exit codes
    Playbook(playbook::PlaybookArgs),
    /// Encrypt and decrypt files and values, compatible with ansible-vault
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    Log(log::LogArgs),
    /// Throw-away hosts on this machine, to try playbooks on (needs root on Linux)
    #[command(subcommand)]
    Lab(crate::lab::cli::LabCommand),
    /// Print a JSON Schema of playbooks for editors
    Schema,
    /// Print completions for a shell
    Completions {
        shell: clap_complete::Shell,
    },
    /// Write the reference pages
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
}

/// `ansible-playbook`: the same as `fitout playbook`.
#[derive(Debug, Parser)]
#[command(name = "ansible-playbook", version = concat!("(fitout ", env!("CARGO_PKG_VERSION"), ")"), max_term_width = 110)]
struct AnsiblePlaybook {
    #[command(flatten)]
    args: playbook::PlaybookArgs,
}

/// The whole command, for the reference pages.
pub fn command() -> clap::Command {
    // `bake -b` is a builder, as it has always been called; nobody has to become root on a machine that is being made.
    let bake = |command: clap::Command| {
        command.mut_arg("become_", |arg| arg.short(None)).mut_arg("builders", |arg| arg.short('b'))
    };
    Cli::command().mut_subcommand("bake", bake)
}

fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(bake::words(words))?)
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let called =
        words.first().and_then(|w| Path::new(w).file_stem()).is_some_and(|n| n == "ansible-playbook");
    let done = if called {
        AnsiblePlaybook::try_parse_from(words).map(|c| playbook::run(c.args)).unwrap_or_else(|e| usage(&e, 2))
    } else {
        parse(words).map(dispatch).unwrap_or_else(|e| usage(&e, code::INPUT))
    };
    let exit = done.unwrap_or_else(|fail| {
        if !fail.message.is_empty() {
            note!("{fail}");
        }
        fail.code
    });
    ExitCode::from(exit)
}

/// Help and version are what was asked for; everything else is bad input.
fn usage(error: &clap::Error, code: u8) -> Done {
    // Nothing is left to be done where even this cannot be written.
    let _ = error.print();
    Ok(if error.use_stderr() { code } else { code::DONE })
}

fn dispatch(cli: Cli) -> Done {
    match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => execute::plan(args),
        Command::Apply(args) => execute::apply(args),
        Command::Verify(args) => verify::run(args),
        Command::Destroy(args) => destroy::run(args),
        Command::State(args) => state::run(&args),
        Command::Gc(args) => gc::run(args),
        Command::Unlock(args) => unlock::run(&args),
        Command::Bake(args) => bake::run(args),
        Command::Images(args) => images::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Facts(args) => adhoc::facts(args),
        Command::Inventory(args) => inventory::run(&args),
        Command::Modules(args) => modules::run(&args),
        Command::Run(args) => adhoc::run(args),
        Command::Playbook(args) => playbook::run(args),
        Command::Vault(command) => vault::run(command),
        Command::Log(args) => log::run(&args),
        Command::Lab(command) => lab(command),
        Command::Schema => schema::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "fitout", &mut script);
            // Whoever reads may have read enough.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
            Ok(code::DONE)
        }
        Command::Reference(args) => reference::run(&args, command()),
    }
}

/// `lab` gives exit codes of its own (those of a remote command).
fn lab(command: crate::lab::cli::LabCommand) -> Done {
    match crate::lab::cli::run(command) {
        Ok(exit) if exit == ExitCode::SUCCESS => Ok(code::DONE),
        Ok(exit) => Ok((0..=255).find(|n| ExitCode::from(*n) == exit).unwrap_or(code::FAILED)),
        Err(error) => Err(fail::Fail::failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
        AnsiblePlaybook::command().debug_assert();
    }
}
