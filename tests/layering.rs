//! The layers import downward only; docs/architecture.md has the table.

#![allow(clippy::unwrap_used)]

use std::path::Path;

/// From the lowest up. Layers of one row do not see each other.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["syntax"],
    &["spec"],
    &["eval"],
    &["plan", "remote", "cloud"],
    &["modules"],
    &["graph", "resolve"],
    &["exec"],
    &["ui", "lab", "image"],
    &["cli"],
];

/// Rows whose members know each other: the resolver makes the program that the graph describes; a decision is made of
/// jobs, and a job is what a remote runs.
const FRIENDS: &[(&str, &str)] = &[("resolve", "graph"), ("plan", "remote")];

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer))
}

fn may(from: &str, to: &str) -> bool {
    from == to || FRIENDS.contains(&(from, to)) || rank(to) < rank(from)
}

fn sources(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|x| x == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn layers_import_downward_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "the sources are not where they are looked for");
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let layer = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        // Tests may use what they like; lib.rs, main.rs and bin/ stand above all layers.
        let is_test = inside.components().any(|c| {
            let name = c.as_os_str().to_str().unwrap_or_default();
            name == "tests" || name == "bin" || name.ends_with("tests.rs")
        });
        if is_test || layer.ends_with(".rs") {
            continue;
        }
        assert!(rank(layer).is_some(), "the layer `{layer}` has no place in LAYERS");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        for part in code.join("\n").split("crate::").skip(1) {
            let to: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if rank(&to).is_some() && !may(layer, &to) {
                wrong.push(format!("{} imports {to}", inside.display()));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_in_the_documentation_names_every_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    for layer in LAYERS.iter().flat_map(|row| row.iter()) {
        assert!(text.contains(&format!("`src/{layer}`")), "docs/architecture.md does not name src/{layer}");
    }
}
