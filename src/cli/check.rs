//! `fitout check`: compiles, shows every finding, touches no host.

use super::args::RunArgs;
use super::fail::{Done, code};
use super::lists;
use super::program::{compile, variable_files};
use super::session::Session;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: &CheckArgs) -> Done {
    let session = Session::begin(&args.run.output, &args.run.vars.vault)?;
    let extra = session.extra_vars(&args.run.vars)?;
    let given = !args.run.hosts.inventory.is_empty() || !session.config.inventory.is_empty();
    let inventory = if given { Some(session.inventory(&args.run.hosts)?) } else { None };
    let found = session.keyring.without_closed(variable_files(&session, &args.playbooks, inventory.as_ref()));
    let warnings = found.clone();
    let compiled = compile(&session, &args.playbooks, &args.run, &extra, inventory.as_ref(), found)?;
    session.show(warnings);
    let plays = compiled.program.plays.len();
    let tasks: usize = compiled.program.plays.iter().map(|p| lists::tasks(&p.body).len()).sum();
    if args.run.output.json {
        told!("{}", serde_json::json!({"event": "checked", "plays": plays, "tasks": tasks}));
        return Ok(code::DONE);
    }
    let word = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    told!("{}, {}: no errors", word(plays, "play"), word(tasks, "task"));
    Ok(code::DONE)
}
