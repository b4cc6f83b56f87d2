//! The script's output, taken apart once: files by path, records by key.

use crate::remote::Output;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Raw {
    pub sections: Vec<String>,
    files: BTreeMap<String, Vec<String>>,
    records: Vec<(String, String, String)>,
}

impl Raw {
    pub fn read(output: &Output) -> Raw {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let mut raw = Raw::default();
        for (item, key, value) in output.records() {
            match (item, key) {
                (b"run", b"files") => raw.add_files(&text(value)),
                (b"want", b"sections") => {
                    raw.sections = text(value).split_whitespace().map(str::to_string).collect();
                }
                _ => raw.records.push((text(item), text(key), text(value))),
            }
        }
        raw
    }

    fn add_files(&mut self, dump: &str) {
        for line in dump.lines() {
            if let Some((path, line)) = line.split_once(':') {
                self.files.entry(path.to_string()).or_default().push(line.to_string());
            }
        }
    }

    pub fn has(&self, section: &str) -> bool {
        self.sections.iter().any(|s| s == section)
    }

    /// The lines of a file; none where it is missing or empty.
    pub fn lines(&self, path: &str) -> &[String] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }

    /// The first line of a file, trimmed; `None` where the file is missing or the line empty.
    pub fn first(&self, path: &str) -> Option<&str> {
        self.lines(path).first().map(|l| l.trim()).filter(|l| !l.is_empty())
    }

    /// Paths and lines of the files below a folder.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a [String])> {
        self.files.iter().filter_map(move |(p, l)| Some((p.strip_prefix(folder)?, l.as_slice())))
    }

    pub fn field(&self, item: &str, key: &str) -> Option<&str> {
        let found = self.records.iter().find(|(i, k, _)| i == item && k == key);
        found.map(|(_, _, v)| v.trim_end()).filter(|v| !v.is_empty())
    }

    pub fn exists(&self, path: &str) -> bool {
        self.field("exists", path).is_some()
    }

    /// Keys and values of one item.
    pub fn all<'a>(&'a self, item: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.records.iter().filter(move |(i, _, _)| i == item).map(|(_, k, v)| (k.as_str(), v.as_str()))
    }
}
