//! systemd_limits: a drop-in with limits, and what the service's process really has.

mod limits;

use crate::base::{Map, Value};
use crate::modules::kit::{claims, diff, only, result};
use crate::modules::text::{text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::{ModuleSpec, to_text};
use limits::{Limit, bound, show};
use std::sync::Arc;

/// The truth is `systemctl show` (systemd.exec(5)), the drop-in, and /proc/PID/limits of the service's first
/// process.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(SystemdLimits))
}

struct SystemdLimits;

fn unit(args: &Args) -> String {
    let name = args.str("name");
    if name.ends_with(".service") { name.to_string() } else { format!("{name}.service") }
}

fn file(args: &Args) -> String {
    format!("/etc/systemd/system/{}.d/{}", unit(args), args.str("dropin"))
}

fn wanted(args: &Args) -> Result<Vec<Limit>, Failure> {
    let given = args.map("limits").into_iter().flatten();
    given
        .map(|(name, value)| {
            Limit::new(&to_text(&Value::from(name.as_str().unwrap_or_default())), &to_text(value))
                .map_err(Failure::new)
        })
        .collect()
}

impl Staged for SystemdLimits {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let name = unit(args);
        let short = name.trim_end_matches(".service");
        let writes = [format!("file:{}", file(args)), format!("service:{name}"), format!("service:{short}")];
        claims(&[format!("file:/etc/systemd/system/{name}"), "package:*".into()], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let bad =
            |text: &str| text.is_empty() || text.starts_with(['-', '.']) || text.contains(['/', ' ', '\n']);
        let dropin = args.str("dropin");
        if bad(args.str("name")) || bad(dropin) || !dropin.ends_with(".conf") {
            return Err(Failure::new(format!(
                "`{}` is no unit, or `{dropin}` no name of a drop-in (`….conf`)",
                args.str("name")
            )));
        }
        let other = ["socket", "timer", "mount", "swap", "slice", "target", "scope", "path"];
        if let Some((_, kind)) = args.str("name").rsplit_once('.').filter(|(_, kind)| other.contains(kind)) {
            return Err(Failure::new(format!("`{}` is a {kind}: limits are a service's", args.str("name"))));
        }
        wanted(args)?;
        Ok(vec![
            Job::new(script!("systemd_limits.probe", "probe.sh"))
                .var("unit", unit(args))
                .var("file", file(args)),
        ])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let shown = Shown(output.field("", "show").unwrap_or_default());
        let systemd = output.field("", "systemd").is_some();
        let path = file(args);
        let was = text_file(output, &path)?;
        let wanted = wanted(args)?;
        let job = |act: &str| {
            Job::new(script!("systemd_limits.apply", "apply.sh"))
                .var("act", act)
                .var("file", &path)
                .var("unit", unit(args))
        };
        let mut decision = Todo::default();
        if args.str("state") == "absent" {
            if was.exists {
                decision.say(format!("{path} is there"), vec![job("remove")]);
                decision.diffs.push(diff(&path, was.content.as_str(), ""));
                if systemd {
                    decision.effects.push(job("reload"));
                }
            }
            return Ok(decision.done(Action::Delete, result([("restart_needed", false.into())])));
        }
        let lines: String = wanted.iter().map(|l| format!("{}={}\n", l.property(), l.text)).collect();
        let content = format!("[Service]\n{lines}");
        let written = was.content == content;
        if !written {
            let why = if was.exists { "differs" } else { "is absent" };
            decision
                .say(format!("{path} {why}"), vec![job("mkdir"), write_file_job(write_text(&was, &content))]);
            decision.diffs.push(diff(&path, was.content.as_str(), content.as_str()));
        }
        let stale = shown.get("NeedDaemonReload") == Some("yes");
        if systemd && (!written || stale) {
            if written {
                decision.say("systemd has not read it yet".into(), Vec::new());
            }
            decision.effects.push(job("reload"));
        } else if systemd && shown.get("LoadState") == Some("loaded") {
            overruled(&wanted, &shown, &path, &output.field("", "others").unwrap_or_default())?;
        }
        let table = output.field("", "limits");
        let other = table.as_deref().map(|t| differing(&wanted, t)).unwrap_or_default();
        let restart = args.bool("restart") && !other.is_empty();
        if restart {
            decision.say(format!("{} runs with {}", unit(args), other.join(", ")), vec![job("restart")]);
        } else if !other.is_empty() {
            decision.warnings.push(format!(
                "{} runs with {} until it is restarted",
                unit(args),
                other.join(", ")
            ));
        }
        if wanted.iter().any(|l| l.name == "nofile" && l.soft.is_none()) {
            decision.warnings.push(
                "no limit of open files: some programs walk through all they might have open, and hang"
                    .into(),
            );
        }
        let mut out = result([("restart_needed", (!other.is_empty() && !restart).into())]);
        out.insert("running".into(), running(&wanted, table.as_deref().unwrap_or_default()));
        Ok(decision.done(if was.exists { Action::Update } else { Action::Create }, out))
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let table = done.iter().find_map(|o| o.field("", "limits"));
        let other = table.map(|t| differing(&wanted(args).unwrap_or_default(), &t)).unwrap_or_default();
        if !other.is_empty() {
            let message = format!("{} was restarted and still runs with {}", unit(args), other.join(", "));
            return Err(Failure { message, result: decision.result });
        }
        Ok(decision.result)
    }
}

#[derive(Default)]
struct Todo {
    reasons: Vec<String>,
    effects: Vec<Job>,
    diffs: Vec<Diff>,
    warnings: Vec<String>,
}

impl Todo {
    fn say(&mut self, reason: String, effects: Vec<Job>) {
        self.reasons.push(reason);
        self.effects.extend(effects);
    }

    fn done(self, action: Action, result: Map) -> Decision {
        let reason = self.reasons.join("; ");
        let change = (!reason.is_empty()).then_some(Change { action, reason, diffs: self.diffs });
        Decision { change, effects: self.effects, result, warnings: self.warnings }
    }
}

/// What `systemctl show` said.
struct Shown(String);

impl Shown {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Limits that the process has otherwise, with what it has.
fn differing(wanted: &[Limit], table: &str) -> Vec<String> {
    let other = wanted.iter().filter_map(|l| Some((l, l.of_process(table)?))).filter(|(l, is)| !l.holds(*is));
    other.map(|(l, is)| format!("{} {}, not {}", l.name, show(is), l.text)).collect()
}

fn running(wanted: &[Limit], table: &str) -> Value {
    wanted.iter().filter_map(|l| Some((l.name.as_str(), Value::from(show(l.of_process(table)?))))).collect()
}

/// # Errors
/// systemd read the drop-in, and yet comes to another limit.
fn overruled(wanted: &[Limit], shown: &Shown, path: &str, others: &str) -> Result<(), Failure> {
    for limit in wanted {
        let property = limit.property();
        let hard = shown.get(&property).and_then(bound);
        let soft = shown.get(&format!("{property}Soft")).and_then(bound).or(hard);
        let (Some(soft), Some(hard)) = (soft, hard) else { continue };
        if limit.holds((soft, hard)) {
            continue;
        }
        let sets = |line: &&str| {
            line.split_once(':').is_some_and(|(f, text)| f != path && text.trim().starts_with(&property))
        };
        let by = others
            .lines()
            .rfind(sets)
            .and_then(|l| l.split_once(':'))
            .map(|(f, text)| format!(": {f} sets {}", text.trim()));
        return Err(Failure::new(format!(
            "{path} has {property}={}, and systemd comes to {}{}; choose a `dropin` that is read later",
            limit.text,
            show((soft, hard)),
            by.unwrap_or_default()
        )));
    }
    Ok(())
}
