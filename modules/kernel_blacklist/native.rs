//! kernel_blacklist: one line of a file of modprobe.d.

use crate::modules::kit::{only, result};
use crate::modules::text::{edit_text, read_text, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, spec_claims};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is the file: a line `blacklist NAME`.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(KernelBlacklist))
}

struct KernelBlacklist;

impl Staged for KernelBlacklist {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        spec_claims(spec, args)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        match args.str("name") {
            name if name.is_empty() || name.contains(char::is_whitespace) => {
                Err(Failure::new(format!("{name:?} is no name of a kernel module")))
            }
            _ => Ok(vec![read_text([args.str("blacklist_file")])]),
        }
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let name = args.str("name");
        let was = text_file(only(seen)?, args.str("blacklist_file"))?;
        let out = result([("name", name.into()), ("state", args.str("state").into())]);
        // modprobe takes `-` and `_` for the same.
        let plain = |name: &str| name.replace('-', "_");
        let names = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["blacklist", other] => plain(other) == plain(name),
            _ => false,
        };
        let listed = was.content.lines().any(names);
        let content: String = match (args.str("state"), listed) {
            ("present", false) => {
                let end = if was.content.is_empty() || was.content.ends_with('\n') { "" } else { "\n" };
                format!("{}{end}blacklist {name}\n", was.content)
            }
            ("absent", true) => was.content.split_inclusive('\n').filter(|line| !names(line)).collect(),
            _ => return Ok(Decision::unchanged(out)),
        };
        let is = if listed { "is" } else { "is not" };
        let mode = (!was.exists).then_some("0644");
        Ok(edit_text(&was, &content, mode, &format!("{name} {is} on the list"), out))
    }
}
