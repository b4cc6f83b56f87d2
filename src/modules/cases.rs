//! Runs the cases.yml of every module that probes, decides and applies: arguments and observed records → the decision,
//! with no host. Those of other modules have another form and are played, by tests/cases.rs.
//!
//! One case:
//! ```yaml
//! - name: a package that is there needs nothing
//!   args: {name: vim}                # as in a playbook; a string is the free form
//!   check: true                      # check mode; diff, facts, files (path: content on the controller) likewise
//!   probe: [{script: x.probe}]       # optional: what the probe jobs must look like
//!   seen:                            # one output for each probe job
//!     - records: [[vim, state, present]]
//!     - {rc: 1, stdout: text, stderr: text}
//!     - stats: {/etc/x: {content: text, mode: "0600"}, /etc/y: absent}   # as the stat job reports
//!   change: create                   # or update, replace, delete, run, none
//!   reason: state is absent          # whole text
//!   diff: {before: a, after: b}      # of the first diff
//!   effects: [{script: x.apply, vars: {a: b}, args: [c], stdin: text}]
//!   result: {dest: /x}               # a part of the return values; {key: {secret: x}}: x, known as secret
//!   fails: not a directory           # a part of the message; instead of all of the above; with `done`, of `finish`
//!   warns: will be lost              # a part of a warning; `none`: there is none
//!   claims: {reads: [], writes: []}
//!   done: [{stdout: x}]              # outputs of the effects; `result` is then that of `finish`
//! ```

mod given;

use super::registry::generated::ENTRIES;
use super::{Args, Behaviour, Failure, Staged, coerce, registry};
use crate::base::{Map, Value};
use crate::plan::{Action, Decision};
use crate::remote::{Content, Job, Output};
use crate::spec::{ModuleSpec, split_free_form};
use given::{Case, Effect, Fake, Seen, text};

fn arguments(spec: &ModuleSpec, given: &serde_yaml::Value) -> Result<Args, Failure> {
    let mut map = Map::new();
    match crate::spec::from_yaml(given) {
        Value::Map(given) => map = given.as_ref().clone(),
        Value::Str(line) => {
            let form = split_free_form(spec, &line).map_err(Failure::new)?;
            map.extend(form.words.into_iter().map(|w| (w.key.into(), w.value.into())));
            if let Some(key) = spec.free_form.as_ref().filter(|_| !form.rest.is_empty()) {
                map.insert(key.as_str().into(), form.rest.into());
            }
        }
        _ => {}
    }
    coerce(spec, map)
}

fn run(spec: &ModuleSpec, module: &dyn Staged, case: &Case) -> Result<(), String> {
    match (decide(spec, module, case), &case.fails) {
        (Err(failure), Some(part)) if failure.message.contains(part.as_str()) => Ok(()),
        (Err(failure), _) => Err(format!("failed: {}", failure.message)),
        (Ok((args, _, decision)), Some(part)) => finish_fails(module, &args, decision, case, part),
        (Ok((args, probes, decision)), None) => {
            let claims = module.claims(spec, &args);
            if let Some(wanted) = &case.claims {
                let list = |k: &str| wanted.get(k).cloned().unwrap_or_default();
                equal("claims", &(claims.reads, claims.writes), &(list("reads"), list("writes")))?;
            }
            if let Some(wanted) = &case.probe {
                check_jobs("probe", wanted, &probes)?;
            }
            check(case, module, &args, decision)
        }
    }
}

/// With `done`, `fails` may be what `finish` makes of it.
fn finish_fails(
    module: &dyn Staged,
    args: &Args,
    decision: Decision,
    case: &Case,
    part: &str,
) -> Result<(), String> {
    let done: Vec<Output> = case.done.iter().map(Seen::output).collect();
    let missing = Err(format!("should have failed with `{part}`"));
    if done.is_empty() {
        return missing;
    }
    match module.finish(args, decision, &done) {
        Err(failure) if failure.message.contains(part) => Ok(()),
        Err(failure) => Err(format!("finish failed: {}", failure.message)),
        Ok(_) => missing,
    }
}

type Decided = (Args, Vec<Job>, Decision);

fn decide(spec: &ModuleSpec, module: &dyn Staged, case: &Case) -> Result<Decided, Failure> {
    let args = arguments(spec, &case.args)?;
    let fake = Fake(case);
    let probes = module.probe(&args, &fake)?;
    if probes.len() != case.seen.len() {
        let message = format!("{} probe jobs, but {} outputs in `seen`", probes.len(), case.seen.len());
        return Err(Failure::new(message));
    }
    let seen: Vec<Output> = case.seen.iter().map(Seen::output).collect();
    let decision = module.decide(&args, &seen, &fake)?;
    Ok((args, probes, decision))
}

fn check(case: &Case, module: &dyn Staged, args: &Args, decision: Decision) -> Result<(), String> {
    let action = match decision.change.as_ref().map(|c| c.action) {
        None => "none",
        Some(Action::Create) => "create",
        Some(Action::Update) => "update",
        Some(Action::Replace) => "replace",
        Some(Action::Delete) => "delete",
        Some(Action::Run) => "run",
    };
    if let Some(wanted) = &case.change {
        equal("change", &action, &wanted.as_str())?;
    }
    if decision.change.is_none() && !decision.effects.is_empty() {
        return Err("effects without a change".into());
    }
    if let (Some(wanted), Some(change)) = (&case.reason, &decision.change) {
        equal("reason", &change.reason, wanted)?;
    }
    if let Some(wanted) = &case.diff {
        let diff = decision.change.as_ref().and_then(|c| c.diffs.first()).cloned().unwrap_or_default();
        for (key, is) in
            [("before", diff.before), ("after", diff.after), ("before_header", diff.before_header)]
        {
            if let Some(wanted) = wanted.get(key) {
                equal(key, &is, wanted)?;
            }
        }
    }
    if case.warns.as_deref() == Some("none") && !decision.warnings.is_empty() {
        return Err(format!("warns: {:?}", decision.warnings));
    }
    if let Some(part) = case.warns.as_ref().filter(|part| *part != "none")
        && !decision.warnings.iter().any(|w| w.contains(part.as_str()))
    {
        return Err(format!("no warning has `{part}`: {:?}", decision.warnings));
    }
    if let Some(wanted) = &case.effects {
        check_jobs("effect", wanted, &decision.effects)?;
    }
    let result = if case.done.is_empty() {
        decision.result
    } else {
        let done: Vec<Output> = case.done.iter().map(Seen::output).collect();
        module.finish(args, decision, &done).map_err(|f| format!("finish failed: {}", f.message))?
    };
    part_of("result", &crate::spec::from_yaml(&case.result), &Value::from(result))
}

fn check_jobs(what: &str, wanted: &[Effect], jobs: &[Job]) -> Result<(), String> {
    let names: Vec<&str> = jobs.iter().map(|j| &*j.script.name).collect();
    let expected: Vec<&str> = wanted.iter().map(|w| w.script.as_str()).collect();
    equal(&format!("{what} scripts"), &names, &expected)?;
    for (wanted, job) in wanted.iter().zip(jobs) {
        for (name, value) in &wanted.vars {
            let is = job.value(name).map(|v| String::from_utf8_lossy(v).into_owned());
            let value = (!value.is_null()).then(|| text(value));
            equal(&format!("{what} {}: ${name}", wanted.script), &is, &value)?;
        }
        if let Some(args) = &wanted.args {
            let is: Vec<String> = job.args.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
            equal(&format!("{what} arguments"), &is, &args.iter().map(text).collect())?;
        }
        if let Some(stdin) = &wanted.stdin {
            let is = match &job.stdin {
                // What is no UTF-8: each byte as a character.
                Some(Content::Bytes(bytes)) => String::from_utf8(bytes.to_vec())
                    .unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect()),
                Some(Content::File(path)) => format!("@{}", path.display()),
                None => String::new(),
            };
            equal(&format!("{what} stdin"), &is, stdin)?;
        }
    }
    Ok(())
}

fn part_of(path: &str, wanted: &Value, is: &Value) -> Result<(), String> {
    match (wanted, is) {
        (Value::Null, _) if path == "result" => Ok(()),
        (Value::Map(wanted), Value::Map(is)) => wanted.iter().try_for_each(|(key, wanted)| {
            let is = is.get(key).ok_or_else(|| format!("{path}.{key} is missing"))?;
            part_of(&format!("{path}.{key}"), wanted, is)
        }),
        (Value::List(wanted), Value::List(is)) if wanted.len() == is.len() => {
            wanted.iter().zip(is.iter()).try_for_each(|(w, i)| part_of(&format!("{path}[]"), w, i))
        }
        // `{secret: TEXT}`: a value that is known as secret, and what it hides.
        (Value::Map(wanted), Value::Secret(is)) if wanted.len() == 1 => {
            equal(path, &is.reveal().unwrap_or_default().into(), wanted.get("secret").unwrap_or(&Value::Null))
        }
        _ => equal(path, is, wanted),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, wanted: &T) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}\n      is     {is:?}\n      should {wanted:?}")) }
}

#[test]
fn every_case_of_every_module_holds() {
    let only = std::env::var("FITOUT_CASES").ok();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in ENTRIES.iter().filter(|e| only.as_deref().is_none_or(|o| o == e.name)) {
        let (Some(cases), Some(module)) = (entry.cases, registry().get(entry.name)) else { continue };
        // The cases of others are played (tests/cases.rs).
        let Behaviour::Staged(staged) = &module.behaviour else { continue };
        let cases: Vec<Case> = match serde_yaml::from_str(cases) {
            Ok(cases) => cases,
            Err(e) => {
                wrong.push(format!("{}/cases.yml: {e}", entry.name));
                continue;
            }
        };
        for case in &cases {
            count += 1;
            if let Err(why) = run(&module.spec, staged.as_ref(), case) {
                wrong.push(format!("{}: {}\n    {why}", entry.name, case.name));
            }
        }
    }
    assert!(only.is_some() || count > 400, "the cases are gone: {count}");
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_module_is_complete() {
    for entry in ENTRIES {
        let Some(module) = registry().get(entry.name) else { panic!("{} is not found", entry.name) };
        let spec = &module.spec;
        let cloud = matches!(module.behaviour, Behaviour::Cloud(_));
        assert!(cloud || entry.cases.is_some(), "{} has no cases.yml", entry.name);
        assert!(!spec.summary.is_empty() && !spec.summary.ends_with('.'), "{}: summary", entry.name);
        assert!(!spec.examples.is_empty(), "{} has no examples", entry.name);
        if let Some(key) = &spec.free_form {
            assert!(spec.open || spec.args.contains_key(key), "{}: free_form `{key}`", entry.name);
        }
        let groups = spec.mutually_exclusive.iter().chain(&spec.required_together);
        let groups = groups.chain(&spec.required_one_of).chain(spec.required_if.iter().map(|r| &r.2));
        for name in groups.flatten().chain(spec.required_if.iter().map(|r| &r.0)) {
            assert!(spec.args.contains_key(name), "{}: rule about unknown `{name}`", entry.name);
        }
        for (name, arg) in &spec.args {
            if let Some(default) = &arg.default {
                let given = Map::from_iter([(name.as_str().into(), crate::spec::from_yaml(default))]);
                let open = ModuleSpec { args: [(name.clone(), arg.clone())].into(), ..bare(spec) };
                assert!(crate::spec::coerce(&open, given).is_ok(), "{}: default of {name}", entry.name);
            }
        }
    }
}

/// The spec without its rules between arguments.
fn bare(spec: &ModuleSpec) -> ModuleSpec {
    ModuleSpec {
        mutually_exclusive: Vec::new(),
        required_together: Vec::new(),
        required_one_of: Vec::new(),
        required_if: Vec::new(),
        ..spec.clone()
    }
}
