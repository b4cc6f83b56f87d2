//! Says when generated pages are old, and that every event is documented.

#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn reference_pages_are_as_the_program_makes_them() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = fitout::cli::reference::pages(fitout::cli::command());
    let is_old = |(path, text): &&(std::path::PathBuf, String)| {
        std::fs::read_to_string(docs.join(path)).ok().as_ref() != Some(text)
    };
    let old: Vec<_> = pages.iter().filter(is_old).map(|(path, _)| path).collect();
    assert!(old.is_empty(), "old: {old:?}\nrenew them with: cargo run -- reference --out docs");
    for entry in std::fs::read_dir(docs.join("modules")).unwrap() {
        let name = Path::new("modules").join(entry.unwrap().file_name());
        assert!(
            pages.iter().any(|(path, _)| *path == name),
            "docs/{} has no module any more: delete it",
            name.display()
        );
    }
}

#[test]
fn every_event_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/events.md")).unwrap();
    let source = std::fs::read_to_string(root.join("src/exec/event/json.rs")).unwrap();
    let body = source.split("pub fn kind(").nth(1).and_then(|s| s.split("pub fn json(").next()).unwrap();
    let kinds: Vec<&str> = body.lines().filter_map(|l| l.split("=> \"").nth(1)?.split('"').next()).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for kind in kinds {
        assert!(page.contains(&format!("## {kind}\n")), "docs/events.md has no section `## {kind}`");
    }
}

#[test]
fn every_test_binary_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/testing.md")).unwrap();
    let files = std::fs::read_dir(root.join("tests")).unwrap().map(|e| e.unwrap().path());
    let names = files.filter(|p| p.extension().is_some_and(|e| e == "rs")).map(|p| {
        let stem = p.file_stem().unwrap().to_string_lossy().into_owned();
        // Some are named by the folder of what they run.
        (format!("`tests/{stem}.rs`"), format!("`tests/{stem}/"), format!("`tests/{stem}`"))
    });
    let missing: Vec<_> = names
        .filter(|(file, within, folder)| ![file, within, folder].iter().any(|n| page.contains(*n)))
        .collect();
    assert!(missing.is_empty(), "docs/testing.md has no row for {missing:?}");
}

/// A role's variables are those of its defaults: README.md has every one and no other, argument_specs where there are any.
#[test]
fn every_variable_of_a_role_is_documented() {
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/roles");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(roles).unwrap() {
        let role = entry.unwrap().path();
        let read = |file: &str| std::fs::read_to_string(role.join(file)).unwrap_or_default();
        let yaml = |file: &str| serde_yaml::from_str::<serde_yaml::Value>(&read(file)).unwrap();
        let names = |value: &serde_yaml::Value| -> Vec<String> {
            value
                .as_mapping()
                .into_iter()
                .flat_map(|m| m.keys())
                .map(|k| k.as_str().unwrap().to_string())
                .collect()
        };
        let defaults = names(&yaml("defaults/main.yml"));
        let specs = yaml("meta/argument_specs.yml");
        let specified = names(&specs["argument_specs"]["main"]["options"]);
        let page = read("README.md");
        let described: Vec<&str> =
            page.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
        let role = role.file_name().unwrap().to_string_lossy().into_owned();
        for name in &defaults {
            count += 1;
            if !specs.is_null() && !specified.contains(name) {
                wrong.push(format!("{role}: {name} is not in meta/argument_specs.yml"));
            }
            if !described.contains(&name.as_str()) {
                wrong.push(format!("{role}: {name} is not in README.md"));
            }
        }
        for name in described.iter().copied().filter(|n| !defaults.iter().any(|d| d == n)) {
            wrong.push(format!("{role}: README.md has {name}, which is not in defaults/main.yml"));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(count > 50, "{count} variables");
}
