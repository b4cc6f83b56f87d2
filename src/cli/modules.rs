//! `fitout modules`: what there is, and the page of one.

use super::fail::{Done, code};
use crate::modules::registry::registry;
use crate::ui::console::Console;
use clap::Args;

/// List the modules, or show one's documentation
#[derive(Debug, Args)]
pub struct ModulesArgs {
    /// A module, by any of its names
    name: Option<String>,
}

pub fn run(args: &ModulesArgs) -> Done {
    let out = Console::stdout();
    let Some(name) = &args.name else {
        let names = registry().names();
        let width = names.iter().map(|n| n.len()).max().unwrap_or_default();
        for name in names {
            if let Some(module) = registry().get(name) {
                out.line(&format!("{name:<width$}  {}", module.spec.summary));
            }
        }
        return Ok(code::DONE);
    };
    let module = super::adhoc::module(name)?;
    out.line(super::reference::module_page(&module.spec).trim_end());
    Ok(code::DONE)
}
