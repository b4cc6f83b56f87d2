//! Finished images in a folder: found again, listed, compared, pruned.

use super::BakeError;
use super::manifest::Manifest;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The finished image of this name, when all of its files are there.
pub fn find(folder: &Path, name: &str) -> Option<Manifest> {
    let text = fs::read(folder.join(format!("{name}.json"))).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let whole = manifest
        .artifacts
        .iter()
        .filter(|a| !a.file.is_empty())
        .all(|a| fs::metadata(folder.join(&a.file)).is_ok_and(|meta| meta.len() == a.bytes));
    whole.then_some(manifest)
}

/// All finished images, the newest last.
pub fn list(folder: &Path) -> Vec<Manifest> {
    let mut found: Vec<Manifest> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            find(folder, name.strip_suffix(".json")?)
        })
        .collect();
    found.sort_by(|a, b| (&a.made, &a.name).cmp(&(&b.made, &b.name)));
    found
}

/// Packages, kernel parameters and files in which two images differ, one a line.
pub fn diff(a: &Manifest, b: &Manifest) -> Vec<String> {
    let mut lines = pairs("package", &a.packages, &b.packages);
    lines.extend(pairs("sysctl", &a.sysctl, &b.sysctl));
    let only = |these: &Manifest, others: &Manifest, sign: &str| -> Vec<String> {
        let missing = these.changed.iter().filter(|line| !others.changed.contains(line));
        missing.map(|line| format!("{sign} file {line}")).collect()
    };
    lines.extend(only(a, b, "-"));
    lines.extend(only(b, a, "+"));
    // What only one of them has is told already.
    let other = |path: &&String| b.contents.get(*path).is_some_and(|content| *content != a.contents[*path]);
    let told = |path: &String| lines.iter().any(|line| line.ends_with(&format!(" {path}")));
    let differ: Vec<String> = a
        .contents
        .keys()
        .filter(other)
        .filter(|path| !told(path))
        .map(|path| format!("~ file {path}"))
        .collect();
    lines.extend(differ);
    lines
}

fn pairs(what: &str, a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let line = |name: &&String| match (a.get(*name), b.get(*name)) {
        (Some(x), Some(y)) if x == y => None,
        (Some(x), Some(y)) => Some(format!("~ {what} {name}: {x} → {y}")),
        (Some(x), None) => Some(format!("- {what} {name} {x}")),
        (None, Some(y)) => Some(format!("+ {what} {name} {y}")),
        (None, None) => None,
    };
    names.iter().filter_map(line).collect()
}

/// Removes an image: its manifest first, so that half of one is never found.
pub fn remove(folder: &Path, manifest: &Manifest) -> Result<(), BakeError> {
    let name = &manifest.name;
    let mut files = vec![format!("{name}.json"), format!("{name}.spdx.json")];
    files.extend(manifest.artifacts.iter().map(|a| a.file.clone()).filter(|f| !f.is_empty()));
    for file in files {
        let path = folder.join(file);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(BakeError::failed(format!("removing {}", path.display()), e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Images to remove: all but the newest `keep` of each name without its hash, as far as they are older than `days`.
pub fn prunable(images: &[Manifest], keep: usize, days: u64, now: jiff::Timestamp) -> Vec<Manifest> {
    let mut by_name: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    // What is in a cloud is pruned there.
    for image in images.iter().filter(|i| i.artifacts.iter().all(|a| a.id.is_empty())) {
        by_name.entry(image.name.rsplit_once('-').map_or(&*image.name, |(n, _)| n)).or_default().push(image);
    }
    let old = |image: &&&Manifest| {
        let made = image.made.parse::<jiff::Timestamp>().ok();
        made.is_some_and(|made| {
            now.as_second() - made.as_second() >= i64::try_from(days * 86400).unwrap_or(i64::MAX)
        })
    };
    let mut out = Vec::new();
    for mut group in by_name.into_values() {
        group.sort_by(|a, b| b.made.cmp(&a.made));
        out.extend(group.iter().skip(keep).filter(old).map(|image| (*image).clone()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Artifact;
    use super::*;

    fn image(name: &str, made: &str) -> Manifest {
        Manifest { name: name.into(), made: made.into(), ..Manifest::default() }
    }

    #[test]
    fn the_newest_of_each_name_stay_and_the_young_too() {
        let images = [
            image("node-aa", "2026-01-01T00:00:00Z"),
            image("node-bb", "2026-01-02T00:00:00Z"),
            image("node-cc", "2026-01-09T00:00:00Z"),
            image("other-aa", "2026-01-01T00:00:00Z"),
            Manifest {
                artifacts: vec![Artifact { id: "ami-1".into(), ..Artifact::default() }],
                ..image("node-dd", "2025-01-01T00:00:00Z")
            },
        ];
        let now = "2026-01-10T00:00:00Z".parse().unwrap();
        let names = |keep, days| -> Vec<String> {
            prunable(&images, keep, days, now).into_iter().map(|m| m.name).collect()
        };
        assert_eq!(names(1, 0), ["node-bb", "node-aa"]);
        assert_eq!(names(1, 9), ["node-aa"]);
        assert_eq!(names(0, 5), ["node-bb", "node-aa", "other-aa"]);
    }

    #[test]
    fn differences_are_packages_parameters_and_files() {
        let mut a = image("a", "");
        let mut b = image("b", "");
        a.packages = BTreeMap::from([("x".into(), "1".into()), ("y".into(), "1".into())]);
        b.packages = BTreeMap::from([("x".into(), "2".into()), ("z".into(), "1".into())]);
        b.sysctl = BTreeMap::from([("vm.swappiness".into(), "1".into())]);
        a.changed = vec!["+ /etc/a".into(), "+ /etc/b".into(), "+ /etc/c".into()];
        b.changed = vec!["+ /etc/b".into(), "+ /etc/c".into()];
        let content =
            |of: &str| BTreeMap::from([("/etc/b".into(), of.into()), ("/etc/c".into(), "3 bytes".into())]);
        (a.contents, b.contents) = (content("sha256:1"), content("sha256:2"));
        assert_eq!(
            diff(&a, &b),
            [
                "~ package x: 1 → 2",
                "- package y 1",
                "+ package z 1",
                "+ sysctl vm.swappiness 1",
                "- file + /etc/a",
                "~ file /etc/b"
            ]
        );
        assert_eq!(diff(&a, &a), [""; 0]);
    }

    #[test]
    fn an_image_without_its_files_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut one = image("n-1", "");
        one.artifacts.push(super::super::manifest::Artifact {
            file: "n-1.raw".into(),
            bytes: 3,
            ..Default::default()
        });
        fs::write(dir.path().join("n-1.json"), serde_json::to_vec(&one).unwrap()).unwrap();
        assert_eq!(find(dir.path(), "n-1"), None);
        fs::write(dir.path().join("n-1.raw"), "abc").unwrap();
        assert_eq!(list(dir.path()), [one.clone()]);
        remove(dir.path(), &one).unwrap();
        assert_eq!(list(dir.path()), []);
    }

    #[test]
    fn an_image_is_found_while_its_files_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = Artifact { file: "node.raw".into(), bytes: 3, ..Artifact::default() };
        let made = Manifest { artifacts: vec![file], ..image("node", "2026-01-01T00:00:00Z") };
        made.write(dir.path()).unwrap();
        for (content, found) in [(None, false), (Some("ab"), false), (Some("abc"), true)] {
            if let Some(content) = content {
                fs::write(dir.path().join("node.raw"), content).unwrap();
            }
            assert_eq!(find(dir.path(), "node").is_some(), found, "{content:?}");
        }
    }
}
