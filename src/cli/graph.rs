//! `fitout graph`: the graph of a playbook, and why two of its nodes wait for each other or do not.

use super::args::RunArgs;
use super::fail::{Done, Fail, code};
use super::program::compile;
use super::session::Session;
use crate::base::Diags;
use crate::ui::console::Console;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct GraphArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Say what orders two tasks: their names, numbers, or FILE:LINE
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    why: Option<Vec<String>>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
}

pub fn run(args: &GraphArgs) -> Done {
    let session = Session::begin(&args.run.output, &args.run.vars.vault)?;
    let extra = session.extra_vars(&args.run.vars)?;
    let compiled = compile(&session, &args.playbooks, &args.run, &extra, None, Diags::default())?;
    let graph = crate::graph::build(&compiled.program).map_err(|diags| {
        session.show(diags);
        Fail::told(code::INPUT)
    })?;
    let out = Console::stdout();
    if let Some([a, b]) = args.why.as_deref() {
        let why = graph.why(a, b, &session.sources).map_err(|why| {
            Fail::input(why).hint("`fitout graph PLAYBOOK` lists the nodes with their numbers")
        })?;
        out.line(why.trim_end());
        return Ok(code::DONE);
    }
    // The flag that has events printed elsewhere.
    let format = if args.run.output.json { Format::Json } else { args.format };
    match format {
        Format::Text => out.line(graph.dump_text(&session.sources).trim_end()),
        Format::Dot => out.line(graph.dump_dot().trim_end()),
        Format::Json => out.line(&format!("{:#}", graph.dump_json(&session.sources))),
    }
    Ok(code::DONE)
}
