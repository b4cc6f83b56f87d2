//! Every argument of the cloud's modules reaches the service, and is no difference afterwards.

#![allow(clippy::unwrap_used)]

mod access;
mod groups;
mod images;
mod machines;
mod networks;
mod scaling;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;

/// Words of module.yml that a list of the tests' own would only repeat.
const EVERYWHERE: [&str; 3] = ["state", "wait", "wait_timeout"];

/// Nobody adds an argument that nothing runs.
#[test]
fn every_argument_is_in_some_test() {
    let tests: String = ["tests", "playbooks"].iter().map(|folder| texts(Path::new(folder))).collect();
    let words: BTreeSet<&str> = tests
        .split(|c: char| !(c.is_alphanumeric() || "_:".contains(c)))
        .filter_map(|word| word.strip_suffix(':'))
        .collect();
    let mut missing = Vec::new();
    for folder in std::fs::read_dir("modules").unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if ["ec2_", "autoscaling_", "iam_", "ssm_", "aws_"].iter().any(|prefix| name.starts_with(prefix)) {
            let text = std::fs::read_to_string(folder.join("module.yml")).unwrap();
            let module: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
            arguments(&name, &module["args"], &words, &mut missing);
        }
    }
    assert!(missing.is_empty(), "no test has {missing:#?}");
}

/// Files of this folder, and of those in it, that are about the cloud.
fn texts(folder: &Path) -> String {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => texts(&path),
        false => std::fs::read_to_string(path).unwrap(),
    };
    paths.filter(|path| path.to_string_lossy().contains("cloud")).map(text).collect()
}

fn arguments(place: &str, args: &serde_yaml::Value, words: &BTreeSet<&str>, missing: &mut Vec<String>) {
    for (name, argument) in args.as_mapping().into_iter().flatten() {
        let name = name.as_str().unwrap();
        let aliases = argument["aliases"].as_sequence().into_iter().flatten().filter_map(|a| a.as_str());
        if !EVERYWHERE.contains(&name) && !aliases.chain([name]).any(|name| words.contains(name)) {
            missing.push(format!("{place}.{name}"));
        }
        arguments(&format!("{place}.{name}"), &argument["options"], words, missing);
    }
}
