//! Findings as they are shown. Each playbook in tests/compile (a file, or a folder with `site.yml`) has beside it, with
//! the ending `.err`, the findings it must come to; `UPDATE=1` writes them anew.
//!
//! Comments at the top of a playbook say what the command line would: `# inventory: WHAT` (a list of hosts, or a path
//! from the playbook's folder), `# tags: a,b`, `# start_at: TASK`, `# extra: {a: 1}`.

#![allow(clippy::unwrap_used)]

use fitout::base::{Diags, Map, Sources, Value};
use fitout::resolve::{CompileOptions, compile};
use fitout::syntax::inventory;
use fitout::syntax::vault::Keyring;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    PathBuf::from("tests/compile")
}

/// The playbooks, and the file of findings of each.
fn cases() -> Vec<(PathBuf, PathBuf)> {
    let mut cases: Vec<(PathBuf, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let expected = path.with_extension("err");
        if path.is_dir() {
            cases.push((path.join("site.yml"), expected));
        } else if path.extension().is_some_and(|e| e == "yml") {
            cases.push((path, expected));
        }
    }
    cases.sort();
    cases
}

fn header<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let prefix = format!("# {word}: ");
    text.lines().take_while(|l| l.starts_with('#')).find_map(|l| l.strip_prefix(prefix.as_str()))
}

fn findings(playbook: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(playbook).unwrap()).into_owned();
    let (sources, keyring) = (Sources::default(), Arc::new(Keyring::default()));
    let mut options = CompileOptions::new(playbook, Arc::clone(&keyring), sources.clone());
    options.roles_path = Vec::new();
    options.collections_path = Vec::new();
    let mut diags = Diags::default();
    if let Some(what) = header(&text, "inventory") {
        let what = match what.contains(',') {
            true => what.to_string(),
            false => playbook.parent().unwrap().join(what).display().to_string(),
        };
        let hosts = inventory::load(&[what], &sources, &keyring, &mut diags);
        options.inventory = Some(Arc::new(hosts));
    }
    let tags = header(&text, "tags").into_iter().flat_map(|w| w.split(','));
    options.tags = tags.map(str::to_string).collect();
    options.start_at_task = header(&text, "start_at").map(str::to_string);
    if let Some(extra) = header(&text, "extra") {
        let value: serde_json::Value = serde_yaml::from_str(extra).unwrap();
        options.extra_vars = match Value::from_json(&value) {
            Value::Map(map) => Arc::unwrap_or_clone(map),
            _ => Map::new(),
        };
    }
    match compile(&options) {
        Ok(compiled) => {
            diags.extend(compiled.warnings);
            if let Err(found) = fitout::graph::build(&compiled.program) {
                diags.extend(found);
            }
        }
        Err(found) => diags.extend(found),
    }
    let shown: Vec<String> = diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect();
    let shown = if shown.is_empty() { "no findings".to_string() } else { shown.join("\n\n") };
    // The path of the checkout is nobody's business.
    shown.replace(env!("CARGO_MANIFEST_DIR"), "…") + "\n"
}

#[test]
fn findings_are_what_is_written_beside() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for (playbook, expected) in cases() {
        let shown = findings(&playbook);
        if update {
            std::fs::write(&expected, &shown).unwrap();
        }
        let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
        if shown != wanted {
            wrong.push(format!("{}:\n--- expected\n{wanted}--- shown\n{shown}", playbook.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// A file of findings whose playbook is gone, or a code that no playbook shows, would be noticed by nobody else.
#[test]
fn every_code_has_a_playbook_that_shows_it() {
    let all: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    let files: Vec<&PathBuf> = all.iter().filter(|p| p.extension().is_some_and(|e| e == "err")).collect();
    let expected: Vec<PathBuf> = cases().into_iter().map(|(_, expected)| expected).collect();
    let lost: Vec<_> = files.iter().filter(|f| !expected.contains(f)).collect();
    assert!(lost.is_empty(), "without a playbook: {lost:?}");
    let mut shown: String = files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    // Templates of Packer have their own.
    for refused in std::fs::read_dir("src/image/packer/translate/snapshots").unwrap() {
        shown.push_str(&std::fs::read_to_string(refused.unwrap().path()).unwrap());
    }
    let documented = std::fs::read_to_string("docs/diagnostics.md").unwrap();
    let codes = documented.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next());
    // Packer's templates are no playbooks; their findings are tested beside their reader.
    let codes = codes.filter(|c| !c.starts_with("packer-"));
    let unseen: Vec<&str> = codes.filter(|c| !shown.contains(&format!("[{c}]"))).collect();
    assert!(unseen.is_empty(), "no playbook in tests/compile shows {unseen:?}");
}
