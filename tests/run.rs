//! Playbooks run for real on this machine's own shell; each file in tests/run says itself what must come of it.
//!
//! After the playbook stand the expectations as comments: `# == HOST | TASK | OUTCOME [| part of the message]`, one
//! for each finished task in order by host, and optional lines `# round_trips: N`, `# mode: plan` or `check`, `# tags: a,b`,
//! `# limit: PATTERN`, `# forks: N` and `# start_at: TASK`, `# recap: HOST NAME=N …` (of those that are named), `# ends: well` or `failed`,
//! `# configured: any_errors_fatal`.

#![allow(clippy::unwrap_used)]

#[path = "support/played.rs"]
mod played;

use fitout::base::Sources;
use fitout::exec::event::TaskDone;
use fitout::exec::{Mode, RunOptions};
use fitout::resolve::{CompileOptions, compile};
use fitout::syntax::vault::Keyring;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

fn run(path: &Path, dir: &Path) -> Result<(Vec<String>, played::Played), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let connection = "ansible_connection=local";
    let groups = format!(
        "[web]\nh1 {connection}\nh2 {connection} own=two\n[db]\nh3 {connection}\n[all:vars]\nscratch={}\n",
        dir.display()
    );
    let check = text.contains("# mode: check");
    let mode = match () {
        () if check => Mode::Playbook,
        () if text.contains("# mode: plan") => Mode::Plan,
        () => Mode::Apply,
    };
    let option = |name: &str| text.lines().find_map(|l| l.strip_prefix(name));
    let tags = option("# tags: ").map(|t| t.split(',').map(str::to_string).collect()).unwrap_or_default();
    let limit = option("# limit: ").map(str::to_string);
    let start_at_task = option("# start_at: ").map(str::to_string);
    let forks = option("# forks: ").map_or(RunOptions::default().forks, |n| n.parse().unwrap());
    let any_errors_fatal = option("# configured: ") == Some("any_errors_fatal");
    let options = RunOptions {
        any_errors_fatal,
        forks,
        check,
        mode,
        tags,
        limit,
        start_at_task,
        ..RunOptions::default()
    };
    let mut seen = played::play(path, dir, &groups, options)?;
    // Hosts run at their own pace; the order of tasks is each host's own.
    seen.done.sort_by(|a, b| a.task.host.cmp(&b.task.host));
    Ok((seen.done.iter().map(line).collect(), seen))
}

/// What the recap and the end of the run are not as they should be.
fn wrong_end(text: &str, seen: &played::Played) -> Option<String> {
    let recap: Vec<String> = seen
        .recap
        .iter()
        .map(|(host, r)| {
            let counts = [
                ("ok", r.ok),
                ("changed", r.changed),
                ("unreachable", r.unreachable),
                ("failed", r.failed),
                ("skipped", r.skipped),
                ("rescued", r.rescued),
                ("ignored", r.ignored),
            ];
            counts.iter().fold(format!("{host} "), |line, (name, count)| format!("{line}{name}={count} "))
        })
        .collect();
    for wanted in text.lines().filter_map(|l| l.strip_prefix("# recap: ")) {
        let words: Vec<String> = wanted.split(' ').map(|word| format!("{word} ")).collect();
        if !recap
            .iter()
            .any(|line| line.starts_with(&words[0]) && words.iter().all(|word| line.contains(word)))
        {
            return Some(format!("expected the recap {wanted}, got\n{}", recap.join("\n")));
        }
    }
    let ends = text.lines().find_map(|l| l.strip_prefix("# ends: "))?;
    (seen.failed != (ends == "failed")).then(|| format!("expected it to end {ends}"))
}

fn check(path: &Path) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let expected: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("# == ")).collect();
    assert!(!expected.is_empty(), "{} expects nothing", path.display());
    let (got, seen) = run(path, dir.path())?;
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
        if seen.round_trips != limit {
            return Err(format!("expected {limit} round trips, took {}", seen.round_trips));
        }
    }
    wrong_end(&text, &seen).map_or(Ok(()), Err)
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
