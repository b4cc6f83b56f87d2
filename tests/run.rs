//! Playbooks run for real on this machine's own shell; each file in tests/run says itself what must come of it.
//!
//! After the playbook stand the expectations as comments: `# == HOST | TASK | OUTCOME [| part of the message]`, one
//! for each finished task in order by host, and optional lines `# round_trips: N`, `# mode: plan` and `# tags: a,b`.

#![allow(clippy::unwrap_used)]

use fitout::base::{Diags, Sources};
use fitout::eval::Engine;
use fitout::exec::event::{Event, Sink, TaskDone};
use fitout::exec::{Cancel, Mode, RunOptions, Work};
use fitout::resolve::{CompileOptions, compile};
use fitout::syntax::inventory;
use fitout::syntax::vault::Keyring;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Seen(Mutex<(Vec<(String, String)>, u64)>);

impl Sink for Seen {
    fn event(&self, event: &Event) {
        let mut seen = self.0.lock().unwrap();
        match event {
            Event::TaskDone(done) => seen.0.push((done.task.host.to_string(), line(done))),
            Event::RunDone { round_trips, .. } => seen.1 = *round_trips,
            _ => {}
        }
    }
}

fn line(done: &TaskDone) -> String {
    let said = match done.result.get("msg").map(|m| m.to_json()) {
        Some(serde_json::Value::String(text)) if done.message.is_empty() => text,
        Some(other) if done.message.is_empty() => other.to_string(),
        _ => done.message.clone(),
    };
    // A warning that no case expects is a fault.
    let warnings = done.items.iter().flat_map(|item| &item.warnings);
    let warnings: String = warnings.map(|w| format!(" warning: {w}")).collect();
    format!(
        "{} | {} | {} | {}{warnings}",
        done.task.host,
        done.task.name,
        done.outcome.word(),
        said.lines().next().unwrap_or("")
    )
}

fn run(path: &Path, dir: &Path) -> Result<(Vec<String>, u64), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let inventory_file = dir.join("hosts");
    let connection = "ansible_connection=local";
    let groups = format!(
        "[web]\nh1 {connection}\nh2 {connection} own=two\n[db]\nh3 {connection}\n[all:vars]\nscratch={}\n",
        dir.display()
    );
    std::fs::write(&inventory_file, groups).unwrap();
    let (sources, keyring) = (Sources::default(), Arc::new(Keyring::default()));
    let mut diags = Diags::default();
    let hosts = inventory::load(&[inventory_file.display().to_string()], &sources, &keyring, &mut diags);
    let options = CompileOptions::new(path, Arc::clone(&keyring), sources.clone());
    let compiled = compile(&options).map_err(|diags| {
        diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect::<Vec<_>>().join("\n")
    })?;
    let work = Work {
        program: compiled.program,
        includer: compiled.includer,
        inventory: Arc::new(hosts),
        engine: Arc::new(Engine::new(sources)),
        keyring,
        redactor: Arc::default(),
    };
    let mode = if text.contains("# mode: plan") { Mode::Plan } else { Mode::Apply };
    let tags =
        text.lines().find_map(|l| l.strip_prefix("# tags: ")).map(|t| t.split(',').map(str::to_string));
    let tags = tags.map(Iterator::collect).unwrap_or_default();
    let options = RunOptions { mode, tags, run_dir: dir.join("state"), ..RunOptions::default() };
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sink = Arc::<Seen>::clone(&seen);
    runtime.block_on(fitout::exec::run(options, work, sink, Cancel::default()))?;
    let seen = seen.0.lock().unwrap();
    let mut lines = seen.0.clone();
    // Hosts run at their own pace; the order of tasks is each host's own.
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((lines.into_iter().map(|(_, line)| line).collect(), seen.1))
}

fn check(path: &Path) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let expected: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("# == ")).collect();
    assert!(!expected.is_empty(), "{} expects nothing", path.display());
    let (got, trips) = run(path, dir.path())?;
    let fits = |got: &String, wanted: &&str| {
        let wanted: Vec<&str> = wanted.splitn(4, " | ").collect();
        let parts: Vec<&str> = got.splitn(4, " | ").collect();
        let told = wanted.get(3).map_or("", |w| w.trim());
        parts[..3] == wanted[..3.min(wanted.len())]
            && parts[3].contains(told)
            && (told.contains("warning: ") || !parts[3].contains("warning: "))
    };
    if got.len() != expected.len() || !got.iter().zip(&expected).all(|(g, e)| fits(g, e)) {
        let list =
            |lines: &[String]| lines.iter().map(|l| format!("# == {l}")).collect::<Vec<_>>().join("\n");
        return Err(format!("expected:\n# == {}\ngot:\n{}", expected.join("\n# == "), list(&got)));
    }
    if let Some(limit) = text.lines().find_map(|l| l.strip_prefix("# round_trips: ")) {
        let limit: u64 = limit.parse().unwrap();
        if trips != limit {
            return Err(format!("expected {limit} round trips, took {trips}"));
        }
    }
    Ok(())
}

#[test]
fn playbooks_do_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "yml"));
    files.sort();
    let only = std::env::var("ONLY").unwrap_or_default();
    let failures: Vec<String> = files
        .iter()
        .filter(|p| p.display().to_string().contains(&only))
        .filter_map(|p| check(p).err().map(|why| format!("{}:\n{why}", p.file_name().unwrap().display())))
        .collect();
    assert!(files.len() > 10, "the cases are gone");
    assert!(failures.is_empty(), "{} of {} fail\n\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

/// Examples and playbooks are read as a user's would be: no finding that is an error.
#[test]
fn examples_and_playbooks_compile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["examples", "playbooks"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "yml") {
                continue;
            }
            let sources = Sources::default();
            let options = CompileOptions::new(&path, Arc::new(Keyring::default()), sources.clone());
            if let Err(diags) = compile(&options) {
                let text: Vec<String> =
                    diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect();
                panic!("{}:\n{}", path.display(), text.join("\n"));
            }
            count += 1;
        }
    }
    assert!(count >= 4, "the examples are gone");
}
