//! transparent_hugepages: the kernel's switches now, and lines of tmpfiles.d for boot.

use crate::base::Value;
use crate::modules::kernel::place::{self, Live, Place};
use crate::modules::kernel::settings::Found;
use crate::modules::kit::{claims, diff, only, result};
use crate::modules::text::{remove_file, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{placed_script, script};
use std::sync::Arc;

/// The truth is /sys/kernel/mm/transparent_hugepage (kernel's admin-guide/mm/transhuge) now, and
/// tmpfiles.d(5) for the next boot.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(HugePages))
}

struct HugePages;

const FILE: &str = "/etc/tmpfiles.d/fitout-transparent-hugepages.conf";
const SYS: &str = "/sys/kernel/mm/transparent_hugepage";

/// The chosen word of `always [madvise] never`.
fn chosen(text: &str) -> &str {
    text.split_whitespace().find_map(|w| w.strip_prefix('[')?.strip_suffix(']')).unwrap_or(text.trim())
}

fn wanted(args: &Args) -> Vec<(&'static str, &str)> {
    ["enabled", "defrag"].into_iter().filter_map(|which| Some((which, args.opt_str(which)?))).collect()
}

impl Staged for HugePages {
    fn claims(&self, _: &ModuleSpec, _: &Args) -> Claims {
        claims::<&str, _>(&[], &[format!("file:{FILE}"), format!("file:{SYS}")])
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.str("state") != "absent" && wanted(args).is_empty() {
            return Err(Failure::new("one of these is needed: enabled, defrag"));
        }
        Ok(vec![Job::new(placed_script!("transparent_hugepages.probe", "probe.sh")).var("file", FILE)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let (whose, live) = (Place::of(output), Live::of(args));
        let was = text_file(output, FILE)?;
        let mut found = Found::default();
        let is = |which: &str| output.field("live", which).map(|text| chosen(&text).to_string());
        let told = ["enabled", "defrag"].map(|which| (which, is(which).map_or(Value::Null, Value::from)));
        found.result = result([("running", told.into_iter().collect::<Value>())]);
        if args.str("state") == "absent" {
            if was.exists {
                found.reasons.push(format!("{FILE} is there"));
                found.effects.push(remove_file(FILE));
                found.warnings.push("the running values stay until the next boot".into());
            }
            return Ok(found.decision());
        }
        let mut content = String::new();
        for (which, value) in wanted(args) {
            content.push_str(&format!("w {SYS}/{which} - - - - {value}\n"));
            if !live.touches(whose) || is(which).as_deref() == Some(value) {
                continue;
            }
            if output.field("writable", which).is_some() {
                let shown = is(which).unwrap_or_default();
                found.reasons.push(format!("{which} is {shown}, not {value}"));
                found.effects.push(
                    Job::new(script!("transparent_hugepages.apply", "apply.sh"))
                        .var("which", which)
                        .var("value", value),
                );
                found.diffs.push(diff(&format!("{SYS}/{which}"), shown + "\n", format!("{value}\n")));
            } else if live.forgives(whose) {
                found.warnings.push(format!(
                    "this is a container, where the machine's kernel decides: {which} is not set here"
                ));
            } else {
                let shown = is(which).unwrap_or_else(|| "not known to this kernel".into());
                return Err(Failure::new(format!(
                    "{which} is {shown}, not {value}, and cannot be set here; `live: possible` accepts that of a container"
                )));
            }
        }
        if was.content != content {
            found.reasons.push(format!("{FILE} {}", if was.exists { "differs" } else { "is absent" }));
            found.effects.extend(place::write(output, FILE, &was, &content));
            found.diffs.push(diff(FILE, was.content.as_str(), content));
        }
        Ok(found.decision())
    }
}
