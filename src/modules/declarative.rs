//! The engine of modules without code: probe.sh reports, `observe` compares, apply.sh gets what differs.

use super::forecast::{Forecast, record};
use super::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, spec_claims};
use crate::base::{Key, Map, Value};
use crate::plan::{Action, Change, Claims, Decision, Diff};
use crate::remote::{Job, Output, Script};
use crate::spec::{Comparator, ModuleSpec, to_text};
use std::sync::Arc;

struct Declarative {
    spec: Arc<ModuleSpec>,
    probe: Arc<Script>,
    apply: Option<Arc<Script>>,
}

/// The behaviour of a folder that has scripts only.
///
/// Both scripts get every argument that has a value as a shell variable (booleans as `1` or empty, lists with
/// one element a line, mappings as JSON) and the items as `"$@"`: the elements of the argument named by `each`,
/// or one empty item. probe.sh emits (item, property, value); apply.sh gets only the items that differ.
pub fn behaviour(spec: Arc<ModuleSpec>, probe: Option<&str>, apply: Option<&str>) -> Behaviour {
    let Some(probe) = probe else { return Behaviour::Control };
    let script = |act: &str, text: &str| Script::new(format!("{}.{act}", spec.name), text);
    let module =
        Declarative { probe: script("probe", probe), apply: apply.map(|t| script("apply", t)), spec };
    Behaviour::Staged(Arc::new(module))
}

impl Staged for Declarative {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        spec_claims(spec, args)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![self.job(&self.probe, args, &self.items(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [output] = seen else { return Err(Failure::new("the probe left no output")) };
        if !output.ok() {
            return Err(Failure::from_output(output));
        }
        let mut found = Vec::new();
        for item in self.items(args) {
            let observed = observed(output, &item);
            let differences = self.differences(args, &observed);
            found.push((item, observed, differences));
        }
        let result = self.result(&found);
        found.retain(|(_, _, differences)| !differences.is_empty());
        let Some(apply) = self.apply.as_ref().filter(|_| !found.is_empty()) else {
            return Ok(Decision::unchanged(result));
        };
        let items: Vec<String> = found.iter().map(|(item, _, _)| item.clone()).collect();
        let effects = vec![self.job(apply, args, &items)];
        Ok(Decision { change: Some(self.change(args, &found)), effects, result, warnings: Vec::new() })
    }

    /// What was wanted will be there.
    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        if decision.change.is_none() {
            return Vec::new();
        }
        let wanted = self.spec.observe.keys().filter_map(|key| {
            let value = args.value(key).filter(|v| !v.is_null())?;
            Some((key.as_str().into(), variable(value).into()))
        });
        let wanted: Map = wanted.collect();
        self.items(args).iter().map(|item| (self.claim(args, item), Some(wanted.clone()))).collect()
    }

    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let Some(output) = seen.first_mut() else { return false };
        let mut foreseen = false;
        for item in self.items(args) {
            let Some(Some(thing)) = forecast.thing(&self.claim(args, &item)) else { continue };
            foreseen = true;
            thing
                .iter()
                .for_each(|(key, value)| record(output, &item, &key.to_string(), to_text(value).as_bytes()));
        }
        foreseen
    }
}

type Found = (String, Map, Vec<Difference>);

struct Difference {
    key: String,
    is: String,
    wanted: String,
}

impl Declarative {
    /// Under which the forecast knows an item; where there are none, what is not observed says which thing it is.
    fn claim(&self, args: &Args, item: &str) -> String {
        let which = match self.spec.each {
            Some(_) => item.to_string(),
            None => {
                let named = |(key, _): &(&Key, &Value)| {
                    !key.as_str().is_some_and(|k| self.spec.observe.contains_key(k))
                };
                let given = args.iter().filter(|(_, value)| !value.is_null()).filter(named);
                given.map(|(key, value)| format!("{key}={} ", variable(value))).collect()
            }
        };
        format!("{}:{which}", self.spec.name)
    }

    fn items(&self, args: &Args) -> Vec<String> {
        match &self.spec.each {
            None => vec![String::new()],
            Some(each) => match args.value(each) {
                Some(Value::List(items)) => items.iter().map(to_text).collect(),
                Some(Value::Null) | None => Vec::new(),
                Some(one) => vec![to_text(one)],
            },
        }
    }

    fn job(&self, script: &Arc<Script>, args: &Args, items: &[String]) -> Job {
        let mut job = Job::new(script).args(items);
        for (name, value) in args {
            let each = self.spec.each.as_deref() == name.as_str();
            if !value.is_null() && !each {
                job = job.var(&name.to_string(), variable(value));
            }
        }
        job
    }

    fn differences(&self, args: &Args, observed: &Map) -> Vec<Difference> {
        let absent = args.str("state") == "absent";
        let mut out = Vec::new();
        for (key, comparator) in &self.spec.observe {
            if absent && key != "state" {
                continue;
            }
            let Some(wanted) = args.value(key).filter(|v| !v.is_null()) else { continue };
            let is = observed.get(key.as_str()).map(to_text).unwrap_or_default();
            if !same(*comparator, wanted, &is) {
                out.push(Difference { key: key.clone(), is, wanted: variable(wanted) });
            }
        }
        out
    }

    fn change(&self, args: &Args, found: &[Found]) -> Change {
        let state = |wanted: &str| {
            found.iter().all(|(_, _, d)| d.iter().any(|d| d.key == "state" && d.wanted == wanted))
        };
        let action = match args.str("state") {
            "absent" if state("absent") => Action::Delete,
            "present" if state("present") => Action::Create,
            _ => Action::Update,
        };
        let (mut reasons, mut diff) = (Vec::new(), Diff::default());
        for (item, _, differences) in found {
            let lead = if item.is_empty() { String::new() } else { format!("{item}: ") };
            for d in differences {
                let hidden = self.spec.args.get(&d.key).is_some_and(|a| a.secret);
                if hidden {
                    reasons.push(format!("{lead}{} differs", d.key));
                    continue;
                }
                let is = if d.is.is_empty() { "not set" } else { &d.is };
                reasons.push(format!("{lead}{} is {is}, not {}", d.key, d.wanted));
                diff.before.push_str(&format!("{lead}{}: {}\n", d.key, d.is));
                diff.after.push_str(&format!("{lead}{}: {}\n", d.key, d.wanted));
            }
        }
        Change { action, reason: reasons.join("; "), diffs: vec![diff] }
    }

    /// One item: its properties. Several: a mapping of them under the name of `each`.
    fn result(&self, found: &[Found]) -> Map {
        let returned = |observed: &Map| -> Map {
            let keep = observed
                .iter()
                .filter(|(k, _)| k.as_str().is_some_and(|k| self.spec.returns.contains_key(k)));
            keep.map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        match (found, &self.spec.each) {
            ([(_, observed, _)], _) => returned(observed),
            (many, Some(each)) => {
                let items = many.iter().map(|(item, o, _)| (item.as_str(), Value::from(returned(o))));
                Map::from_iter([(each.as_str().into(), items.collect::<Value>())])
            }
            _ => Map::new(),
        }
    }
}

fn observed(output: &Output, item: &str) -> Map {
    let records = output.records().filter(|(i, _, _)| *i == item.as_bytes());
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    records.map(|(_, k, v)| (text(k).into(), text(v).into())).collect()
}

/// A value as the scripts get it.
fn variable(value: &Value) -> String {
    match value {
        Value::Bool(b) => if *b { "1" } else { "" }.to_string(),
        Value::List(items) => items.iter().map(to_text).collect::<Vec<_>>().join("\n"),
        other => to_text(other),
    }
}

fn same(comparator: Comparator, wanted: &Value, is: &str) -> bool {
    let text = variable(wanted);
    match comparator {
        Comparator::Never => true,
        Comparator::Equal => text == is,
        Comparator::Mode => text.trim_start_matches('0') == is.trim_start_matches('0'),
        // A pinned `1.2*` fits every version that begins so.
        Comparator::Version => match text.strip_suffix('*') {
            Some(prefix) => is.starts_with(prefix),
            None => text == is,
        },
        Comparator::Subset => {
            let there: Vec<&str> = is.split(['\n', ',']).map(str::trim).collect();
            text.lines().all(|w| there.contains(&w.trim()))
        }
    }
}
