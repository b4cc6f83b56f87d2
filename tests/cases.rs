//! Plays the cases.yml of every module that the executor carries out itself or whose work is a procedure: nothing is
//! observed there that a case could be given, so its task is really run, on this machine's own shell. (Modules that probe,
//! decide and apply have cases of the other form, which src/modules/cases.rs runs; those of a cloud have tests/cloud_*.)
//!
//! One case:
//! ```yaml
//! - name: a message is printed as it is
//!   task: {debug: {msg: hi}}          # of host h1; or `tasks:`, where the last one is the case and must be of the module
//!   vars: {a: 1}                      # the play's variables; below, those that every case has
//!   files: {vars/x.yml: "b: 2"}       # beside the playbook; one that begins with `#!` can be executed
//!   check: true                       # as `ansible-playbook --check`; `plan: true`: as `fitout plan`
//!   verbosity: 2                      # as -vv
//!   outcome: ok                       # or changed, skipped, ignored, unknown
//!   result: {msg: hi}                 # a part of what `register` would have
//!   fails: must be a number           # instead of outcome: the task fails; a part of the message
//!   refused: unknown argument         # instead: the playbook is not run; a part of what is found in it
//!   warns: will be lost               # a part of a warning; a warning that is not expected is a fault
//!   then: {"a + 1": 2}                # in a play after this one: expressions, and what they come to
//!   leaves: {out.txt: text, x: null}  # files beside the playbook afterwards; null: there is none
//! ```
//!
//! Variables: `here` is the playbook's folder; `web`, `web_port`, `web_socket`, `banner_port`, `silent_port` and
//! `closed_port` are the servers of [`world`]. `{{ here }}` and the others stand for themselves in expectations too.
//! `FITOUT_CASES=uri cargo test --test cases` plays one module's.

#![allow(clippy::unwrap_used)]

#[path = "support/played.rs"]
mod played;
#[path = "cases/world.rs"]
mod world;

use fitout::exec::event::{Outcome, TaskDone};
use fitout::exec::{Mode, RunOptions};
use fitout::modules::registry::generated::ENTRIES;
use fitout::modules::{Behaviour, registry};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    task: Option<serde_yaml::Value>,
    #[serde(default)]
    tasks: Vec<serde_yaml::Value>,
    #[serde(default)]
    vars: serde_yaml::Mapping,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    check: bool,
    #[serde(default)]
    plan: bool,
    #[serde(default)]
    verbosity: u8,
    outcome: Option<String>,
    result: Option<Json>,
    fails: Option<String>,
    refused: Option<String>,
    warns: Option<String>,
    #[serde(default)]
    then: BTreeMap<String, Json>,
    #[serde(default)]
    leaves: BTreeMap<String, Option<String>>,
}

/// Names that texts of a case may have, and what they are in this run.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn text(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_string(), |text, (name, is)| text.replace(&format!("{{{{ {name} }}}}"), is))
    }

    fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => self.text(text).into(),
            Json::Array(items) => items.iter().map(|i| self.json(i)).collect(),
            Json::Object(map) => map.iter().map(|(k, v)| (self.text(k), self.json(v))).collect(),
            other => other.clone(),
        }
    }
}

/// How the tasks of the second play are told from the case's own.
const THEN: &str = "then: ";

fn playbook(case: &Case) -> String {
    let yaml = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).unwrap();
    let play = |tasks: Vec<serde_yaml::Value>, vars: &serde_yaml::Mapping| {
        let mut play = yaml("{hosts: h1, gather_facts: false}");
        let map = play.as_mapping_mut().unwrap();
        map.insert("vars".into(), vars.clone().into());
        map.insert("tasks".into(), tasks.into());
        play
    };
    let look = |expression: &String| {
        let mut task = yaml("{debug: {}}");
        task["name"] = format!("{THEN}{expression}").into();
        task["debug"]["msg"] = format!("{{{{ {expression} }}}}").into();
        task
    };
    let own = case.tasks.iter().chain(&case.task).cloned().collect();
    let mut plays = vec![play(own, &case.vars)];
    if !case.then.is_empty() {
        plays.push(play(case.then.keys().map(look).collect(), &serde_yaml::Mapping::new()));
    }
    serde_yaml::to_string(&plays).unwrap()
}

fn write(dir: &Path, case: &Case) {
    use std::os::unix::fs::PermissionsExt;
    for (name, text) in &case.files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if text.starts_with("#!") {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

fn run(module: &str, case: &Case, world: &world::World) -> Result<(), String> {
    let wanted = [case.outcome.is_some(), case.fails.is_some(), case.refused.is_some()];
    if wanted.iter().filter(|w| **w).count() != 1 {
        return Err("a case has one of `outcome`, `fails` and `refused`".into());
    }
    let dir = tempfile::tempdir().unwrap();
    // The run's own things are not among the case's.
    let (here, own) = (dir.path().join("here"), dir.path().join("own"));
    for folder in [&here, &own] {
        std::fs::create_dir(folder).unwrap();
    }
    write(&here, case);
    let site = here.join("site.yml");
    std::fs::write(&site, playbook(case)).unwrap();
    let mut names = world.vars();
    names.push(("here", here.display().to_string()));
    let vars: String = names.iter().map(|(name, is)| format!("{name}={is}\n")).collect();
    let hosts = format!("h1 ansible_connection=local\n[all:vars]\n{vars}");
    let names = Names(names);
    let mode = match (case.plan, case.check) {
        (true, _) => Mode::Plan,
        (false, true) => Mode::Playbook,
        (false, false) => Mode::Apply,
    };
    let options = RunOptions { mode, check: case.check, verbosity: case.verbosity, ..RunOptions::default() };
    let played = match (played::play(&site, &own, &hosts, options), &case.refused) {
        (Err(found), Some(part)) if found.contains(&names.text(part)) => return Ok(()),
        (Err(found), _) => return Err(format!("refused: {found}")),
        (Ok(_), Some(part)) => return Err(format!("should have been refused with `{part}`")),
        (Ok(played), None) => played,
    };
    let (after, before): (Vec<_>, Vec<_>) =
        played.done.iter().filter(|d| &*d.task.host == "h1").partition(|d| d.task.name.starts_with(THEN));
    let done = before.last().ok_or("no task was run")?;
    check(module, case, done, &names)?;
    for (expression, wanted) in &case.then {
        let title = format!("{THEN}{expression}");
        let done = after.iter().find(|d| d.task.name == title).ok_or("the play after it was not run")?;
        if done.outcome != Outcome::Ok {
            return Err(format!("{title}: {}", done.message));
        }
        let is = done.result.to_json();
        equal(&title, is.get("msg").unwrap_or(&Json::Null), &names.json(wanted))?;
    }
    for (name, wanted) in &case.leaves {
        let is = std::fs::read_to_string(here.join(name)).ok();
        equal(name, &is, &wanted.as_ref().map(|w| names.text(w)))?;
    }
    Ok(())
}

fn check(module: &str, case: &Case, done: &TaskDone, names: &Names) -> Result<(), String> {
    let said = format!("{} ({})", done.message, done.result.to_json());
    if done.task.action != module {
        return Err(format!("the last task is {} `{}`: {said}", done.task.action, done.task.name));
    }
    match &case.fails {
        Some(part) if done.outcome != Outcome::Failed || !done.message.contains(&names.text(part)) => {
            return Err(format!("should have failed with `{part}`: {}: {said}", done.outcome.word()));
        }
        None if Some(done.outcome.word()) != case.outcome.as_deref() => {
            return Err(format!("{}: {said}", done.outcome.word()));
        }
        _ => {}
    }
    let mut warnings = done.items.iter().flat_map(|item| &item.warnings);
    match &case.warns {
        Some(part) if !warnings.any(|w| w.contains(part)) => return Err(format!("no warning has `{part}`")),
        None => {
            if let Some(warning) = warnings.next() {
                return Err(format!("it warns: {warning}"));
            }
        }
        Some(_) => {}
    }
    match &case.result {
        Some(wanted) => part_of("result", &done.result.to_json(), &names.json(wanted)),
        None => Ok(()),
    }
}

/// Maps may have more than is wanted; all else is compared whole.
fn part_of(path: &str, is: &Json, wanted: &Json) -> Result<(), String> {
    match (is, wanted) {
        (Json::Object(is), Json::Object(wanted)) => wanted.iter().try_for_each(|(key, wanted)| {
            let Some(value) = is.get(key) else {
                return Err(format!("{path}.{key} is missing in {}", Json::from(is.clone())));
            };
            part_of(&format!("{path}.{key}"), value, wanted)
        }),
        _ => equal(path, is, wanted),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, wanted: &T) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}\n      is     {is:?}\n      should {wanted:?}")) }
}

/// Read when they are played, so that another case needs no compiler; a list without a case where there is no file.
fn cases_of(module: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules").join(module).join("cases.yml");
    std::fs::read_to_string(path).unwrap_or_else(|_| "[]".into())
}

#[test]
fn played_cases_hold() {
    let only = std::env::var("FITOUT_CASES").ok();
    let (mut wrong, mut cases) = (Vec::new(), Vec::new());
    for entry in ENTRIES.iter().filter(|e| only.as_deref().is_none_or(|o| o == e.name)) {
        let behaviour = &registry().get(entry.name).unwrap().behaviour;
        if !matches!(behaviour, Behaviour::Control | Behaviour::Procedure(_)) {
            continue;
        }
        match serde_yaml::from_str::<Vec<Case>>(&cases_of(entry.name)) {
            Ok(of) => cases.extend(of.into_iter().map(|case| (entry.name, case))),
            Err(why) => wrong.push(format!("{}/cases.yml: {why}", entry.name)),
        }
    }
    // Most of a case's time is spent waiting for a shell.
    let (world, next, found) = (world::World::new(), AtomicUsize::new(0), Mutex::new(&mut wrong));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((module, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(module, case, &world) {
                        found.lock().unwrap().push(format!("{module}: {}\n    {why}", case.name));
                    }
                }
            });
        }
    });
    assert!(only.is_some() || cases.len() > 60, "the cases are gone");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Those of a cloud have tests of their own, which say what is missing (tests/cloud_arguments).
#[test]
fn every_module_has_cases() {
    let without = |e: &&fitout::modules::registry::Entry| {
        let cloud = matches!(registry().get(e.name).unwrap().behaviour, Behaviour::Cloud(_));
        !cloud && !cases_of(e.name).contains("- name: ")
    };
    let names: Vec<&str> = ENTRIES.iter().filter(without).map(|e| e.name).collect();
    assert!(names.is_empty(), "modules without cases.yml: {}", names.join(", "));
}
