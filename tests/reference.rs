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
    let source = std::fs::read_to_string(root.join("src/exec/event.rs")).unwrap();
    let body = source.split("pub fn kind(").nth(1).and_then(|s| s.split("pub fn json(").next()).unwrap();
    let kinds: Vec<&str> = body.lines().filter_map(|l| l.split("=> \"").nth(1)?.split('"').next()).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for kind in kinds {
        assert!(page.contains(&format!("## {kind}\n")), "docs/events.md has no section `## {kind}`");
    }
}
