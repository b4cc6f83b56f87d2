//! What a case says, as types, and the fakes made of it: outputs of jobs, and the controller.

use crate::base::Value;
use crate::modules::{Args, Controller, Failure};
use crate::remote::Output;
use crate::spec::to_text;
use indexmap::IndexMap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub args: serde_yaml::Value,
    #[serde(default)]
    pub check: bool,
    #[serde(default)]
    pub diff_mode: bool,
    #[serde(default)]
    pub facts: serde_yaml::Value,
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    #[serde(default)]
    pub probe: Option<Vec<Effect>>,
    #[serde(default)]
    pub seen: Vec<Seen>,
    #[serde(default)]
    pub change: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub diff: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub effects: Option<Vec<Effect>>,
    #[serde(default)]
    pub result: serde_yaml::Value,
    #[serde(default)]
    pub fails: Option<String>,
    #[serde(default)]
    pub warns: Option<String>,
    #[serde(default)]
    pub claims: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pub done: Vec<Seen>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Seen {
    pub rc: i32,
    pub stdout: String,
    pub stderr: String,
    pub records: Vec<[serde_yaml::Value; 3]>,
    pub stats: IndexMap<String, Stat>,
}

/// A path as the stat job of [`crate::remote::files`] reports it. Files without content are empty.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Stat {
    Word(String),
    There(There),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct There {
    pub kind: String,
    pub mode: String,
    pub owner: String,
    pub group: String,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub inode: u64,
    pub links: u32,
    pub content: String,
    /// Content that is no UTF-8: each character is a byte.
    pub bytes: Option<String>,
    pub target: Option<String>,
    pub unreadable: bool,
    pub flags: Option<String>,
}

impl Default for There {
    fn default() -> There {
        There {
            kind: "file".into(),
            mode: "0644".into(),
            owner: "root".into(),
            group: "root".into(),
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            inode: 7,
            links: 1,
            content: String::new(),
            bytes: None,
            target: None,
            unreadable: false,
            flags: None,
        }
    }
}

impl There {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let kind = match self.kind.as_str() {
            "directory" => 0o040_000,
            "link" => 0o120_000,
            "fifo" => 0o010_000,
            _ => 0o100_000,
        };
        let raw = kind | u32::from_str_radix(&self.mode, 8).expect("mode is octal");
        let content = match &self.bytes {
            Some(bytes) => bytes.chars().map(|c| u8::try_from(c).expect("a byte")).collect(),
            None => self.content.clone().into_bytes(),
        };
        let (time, size) = (self.mtime, content.len());
        let (uid, gid, inode, links) = (self.uid, self.gid, self.inode, self.links);
        let (owner, group) = (&self.owner, &self.group);
        let stat = format!(
            "{raw:x}\n{uid}\n{gid}\n{size}\n{time}\n{time}\n{time}\n{inode}\n1\n{links}\n{owner}\n{group}"
        );
        let mut out = vec![("exists", "1".to_string()), ("stat", stat)];
        out.extend(self.target.iter().map(|t| ("link", t.clone())));
        out.extend(self.flags.iter().map(|f| ("flags", f.clone())));
        if self.unreadable {
            out.push(("unreadable", "1".into()));
        } else if self.kind == "file" {
            out.push(("sha1", crate::modules::files::sha1(&content)));
            let hex: Vec<String> = content.iter().map(|b| format!("{b:02x}")).collect();
            out.push(("contentx", hex.join(" ")));
        }
        out
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    pub script: String,
    #[serde(default)]
    pub vars: BTreeMap<String, serde_yaml::Value>,
    #[serde(default)]
    pub args: Option<Vec<serde_yaml::Value>>,
    #[serde(default)]
    pub stdin: Option<String>,
}

/// The controller of a case: its files and facts.
pub struct Fake<'a>(pub &'a Case);

impl Controller for Fake<'_> {
    fn check_mode(&self) -> bool {
        self.0.check
    }
    fn diff_mode(&self) -> bool {
        self.0.diff_mode
    }
    fn find_file(&self, _: &str, name: &str) -> Result<PathBuf, Failure> {
        let below = |f: &&String| f.strip_prefix(name).is_some_and(|r| r.starts_with('/'));
        let there = self.0.files.contains_key(name) || self.0.files.keys().any(|f| below(&f));
        if there { Ok(name.into()) } else { Err(Failure::new(format!("`{name}` was not found"))) }
    }
    fn read_file(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Failure> {
        let found = path.to_str().and_then(|p| self.0.files.get(p));
        found.map(|t| t.as_bytes().into()).ok_or_else(|| Failure::new("not found"))
    }
    fn render(&self, path: &Path, _: &Args) -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&self.read_file(path, false)?).into_owned())
    }
    fn fact(&self, name: &str) -> Option<Value> {
        crate::spec::from_yaml(&self.0.facts).get(name).cloned()
    }
    fn inventory_hostname(&self) -> &str {
        "host"
    }
}

impl Seen {
    pub fn output(&self) -> Output {
        let mut stdout = self.stdout.clone().into_bytes();
        for field in self.records.iter().flatten() {
            stdout.extend(text(field).bytes());
            stdout.push(0);
        }
        for (path, stat) in &self.stats {
            let fields = match stat {
                Stat::Word(word) => {
                    assert_eq!(word, "absent", "{path}: neither `absent` nor a mapping");
                    vec![("exists", "0".to_string())]
                }
                Stat::There(there) => there.fields(),
            };
            for (key, value) in fields {
                stdout.extend(format!("{path}\0{key}\0{value}\0").bytes());
            }
        }
        Output::done(self.rc, stdout, self.stderr.as_bytes())
    }
}

pub fn text(value: &serde_yaml::Value) -> String {
    to_text(&crate::spec::from_yaml(value))
}
