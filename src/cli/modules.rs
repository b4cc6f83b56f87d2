//! `fitout modules`: what there is, and the page of one.

use super::fail::{Done, Fail, code};
use crate::base::diag::nearest;
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
    let Some(module) = registry().get(name) else {
        let fail = Fail::input(format!("there is no module `{name}`"));
        return Err(match nearest(name, registry().all_names()) {
            Some(right) => fail.hint(format!("did you mean `{right}`?")),
            None => fail.hint("`fitout modules` lists them"),
        });
    };
    out.line(super::reference::module_page(&module.spec).trim_end());
    Ok(code::DONE)
}
