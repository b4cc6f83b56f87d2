//! pam_limits: one line of a limits file, compared by its words.

use crate::modules::kit::{claims, only, result};
use crate::modules::text::{edit_text, read_text, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(PamLimits))
}

struct PamLimits;

/// Domain, type, item, value of a line; `None` for comments and what is no limit.
fn fields(line: &str) -> Option<[&str; 4]> {
    let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
    <[&str; 4]>::try_from(words).ok()
}

/// No limit is more than any number.
fn size(value: &str) -> i64 {
    match value {
        "unlimited" | "infinity" | "-1" => i64::MAX,
        number => number.parse().unwrap_or(0),
    }
}

impl Staged for PamLimits {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        claims::<&str, _>(&[], &[format!("file:{}", args.str("dest"))])
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let value = args.str("value");
        let known = matches!(value, "unlimited" | "infinity" | "-1") || value.parse::<i64>().is_ok();
        if !known {
            return Err(Failure::new("Argument 'value' can be one of 'unlimited', 'infinity', '-1' or a number"));
        }
        if ["domain", "limit_item", "comment"].iter().any(|a| args.str(a).contains('\n')) {
            return Err(Failure::new("a limit is one line"));
        }
        Ok(vec![read_text([args.str("dest")])])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let was = text_file(only(seen)?, args.str("dest"))?;
        let key = [args.str("domain"), args.str("limit_type"), args.str("limit_item")];
        let ours = |line: &str| fields(line).filter(|f| f[..3] == key).map(|f| f[3].to_string());
        // The last line of a key is the one that counts.
        let has = was.content.lines().filter_map(ours).next_back();
        let wanted = match &has {
            Some(has) if args.bool("use_max") && size(has) > size(args.str("value")) => has.as_str(),
            Some(has) if args.bool("use_min") && size(has) < size(args.str("value")) => has.as_str(),
            _ => args.str("value"),
        };
        if has.as_deref() == Some(wanted) {
            return Ok(Decision::unchanged(result([])));
        }
        let remark = Some(args.str("comment")).filter(|c| !c.is_empty()).map(|c| format!("\t#{c}")).unwrap_or_default();
        let line = format!("{}\t{}\t{}\t{wanted}{remark}\n", key[0], key[1], key[2]);
        let last = was.content.lines().collect::<Vec<_>>().iter().rposition(|l| ours(l).is_some());
        let mut content = String::new();
        for (i, old) in was.content.lines().enumerate() {
            match last {
                Some(at) if at == i => content.push_str(&line),
                _ => content.push_str(&format!("{old}\n")),
            }
        }
        if last.is_none() {
            content.push_str(&line);
        }
        let reason = match &has {
            Some(has) => format!("{} is {has}, not {wanted}", key.join(" ")),
            None => format!("{} is not limited", key.join(" ")),
        };
        let mut decision = edit_text(&was, &content, None, &reason, result([]));
        if args.bool("backup") && was.exists {
            let mut write = write_text(&was, &content);
            write.backup = true;
            decision.effects = vec![write_file_job(write)];
        }
        Ok(decision)
    }
}
