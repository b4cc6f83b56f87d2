//! debconf: one question's answer.

use crate::base::{Map, Value};
use crate::modules::kit::{changed, claims, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, bytes, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::{ModuleSpec, to_text};
use std::sync::Arc;

/// The truth is debconf-show; of a password debconf-communicate, as the former does not show it.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Debconf))
}

struct Debconf;

impl Staged for Debconf {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        claims(&["package:*"], &["file:/var/cache/debconf/*", "lock:dpkg"])
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.str("name").contains(char::is_whitespace)
            || args.str("question").contains(char::is_whitespace)
        {
            return Err(Failure::new("name and question hold no blanks"));
        }
        let job = Job::new(script!("debconf.probe", "probe.sh"));
        let password = args.str("vtype") == "password";
        Ok(vec![
            job.var("name", args.str("name"))
                .var("question", args.str("question"))
                .flag("password", password),
        ])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        if output.field("", "tool").is_some() {
            return Err(Failure::new("the host has no debconf"));
        }
        let question = args.str("question");
        let current = answers(&output.field("", "show").unwrap_or_default());
        let secret = args.str("vtype") == "password";
        let mut out = result([("name", args.str("name").into()), ("question", question.into())]);
        let all: Map = current.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect();
        out.insert("current".into(), all.into());
        let Some(value) = args.value("value").filter(|_| !question.is_empty()) else {
            return Ok(Decision::unchanged(out));
        };
        let vtype = args.opt_str("vtype").ok_or_else(|| {
            Failure::new("when supplying a question and value you must supply a valid vtype")
        })?;
        let wanted = match value {
            Value::Secret(s) => s.reveal().map_err(Failure::new)?.to_string(),
            Value::Bool(b) => b.to_string(),
            Value::List(items) => items.iter().map(to_text).collect::<Vec<_>>().join(", "),
            other if vtype == "boolean" => to_text(other).to_lowercase(),
            other => to_text(other),
        };
        let has = if secret {
            output.field("", "password").and_then(|p| Some(p.trim().strip_prefix("0 ")?.to_string()))
        } else {
            current.iter().find(|(k, _)| k == question).map(|(_, v)| v.clone())
        };
        if has.as_deref().is_some_and(|has| same(vtype, has, &wanted)) {
            return Ok(Decision::unchanged(out));
        }
        if wanted.contains('\n') {
            return Err(Failure::new("the value is one line"));
        }
        let reason = match &has {
            Some(has) if !secret => format!("{question} is `{has}`, not `{wanted}`"),
            Some(_) => format!("{question} differs"),
            None => format!("{question} has no answer"),
        };
        let answer = |text: &str| Value::from(Map::from_iter([(question.into(), Value::from(text))]));
        if !secret {
            out.insert("current".into(), answer(&wanted));
            out.insert("previous".into(), has.as_deref().map_or_else(|| Map::new().into(), answer));
        }
        let line = format!("{} {question} {vtype} {wanted}\n", args.str("name"));
        let job = Job::new(script!("debconf.apply", "apply.sh"))
            .flag("unseen", args.bool("unseen"))
            .stdin(bytes(line));
        Ok(changed(Action::Update, reason, vec![job], out))
    }
}

/// Several choices are the same in any order.
fn same(vtype: &str, has: &str, wanted: &str) -> bool {
    let choices = |text: &str| {
        let mut all: Vec<String> = text.split(',').map(|c| c.trim().to_string()).collect();
        all.sort();
        all
    };
    has == wanted || vtype == "multiselect" && choices(has) == choices(wanted)
}

/// `* postfix/mailname: host` lines; the star marks a question that was seen.
fn answers(show: &str) -> Vec<(String, String)> {
    let lines = show.lines().filter_map(|l| l.trim_start_matches(['*', ' ']).split_once(':'));
    lines.map(|(k, v)| (k.trim().to_string(), v.trim().to_string())).collect()
}
