//! Every code that a finding can have is explained in docs/diagnostics.md.

#![allow(clippy::unwrap_used)]

use std::path::Path;

fn texts(dir: &Path, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, out);
        } else if path.extension().is_some_and(|x| x == "rs") {
            out.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The text of the first argument after each `call`, where it is a literal.
fn literals<'t>(text: &'t str, call: &str) -> Vec<&'t str> {
    let after = text.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    after.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    texts(&root.join("src"), &mut all);
    let documented = std::fs::read_to_string(root.join("docs/diagnostics.md")).unwrap();
    let mut codes: Vec<&str> = Vec::new();
    for text in &all {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for call in ["Diag::error(", "Diag::warning(", " missing("] {
            codes.extend(literals(text, call));
        }
    }
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 40, "the codes are not where they are looked for: {codes:?}");
    let lost: Vec<_> = codes.iter().filter(|c| !documented.contains(&format!("| `{c}` |"))).collect();
    assert!(lost.is_empty(), "not in docs/diagnostics.md: {lost:?}");
}
