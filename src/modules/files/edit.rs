//! What the modules share that rewrite one text file: probe, reading, writing back.

use super::{Put, seen};
use crate::base::Map;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::files::{FileKind, FileStat, FolderAttributes, folders_job, stat_job};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// What a module makes of the text of a file, from its arguments and the output of the probe.
pub type Decide = fn(&Args, &[Output]) -> Result<Decision, Failure>;

/// The behaviour of a module that rewrites the text of the file at `path`.
pub fn behaviour(decide: Decide) -> Behaviour {
    Behaviour::Staged(Arc::new(Editor(decide)))
}

struct Editor(Decide);

impl Staged for Editor {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        super::claims(spec, args)
    }

    /// The file with its content, and the folder it would be made in.
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let path = args.str("path");
        Ok(vec![stat_job([path, super::parent(path)], &Put::probe(args, true, true, true))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        (self.0)(args, seen)
    }

    fn rests_on_text(&self, _: &Args) -> bool {
        true
    }

    /// `backup` is Ansible's name for the copy in these modules.
    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        let mut result = super::finish(decision, done)?;
        if let Some(name) = result.get("backup_file").cloned() {
            result.insert("backup".into(), name);
        }
        Ok(result)
    }
}

/// A file as it is, to be edited.
pub struct Edit {
    /// As the task names it.
    pub path: String,
    /// As the probe found it; also that it is not there.
    pub now: FileStat,
    /// All of it; empty where it is not there. Bytes that are no UTF-8 are characters of their own.
    pub text: String,
    /// Whether the text has such characters.
    stands_for_bytes: bool,
    /// The folder that is made first, where it is missing.
    pub folder: Option<String>,
}

/// A failure by the number that playbooks know it by: `failed_when: r.rc not in [0, 257]`.
fn numbered(rc: i64, message: String) -> Failure {
    Failure { message, result: Map::from_iter([("rc".into(), rc.into())]) }
}

impl Edit {
    /// Reads the probe. Fails for folders, unreadable files, and, unless `create`, for a file that is not
    /// there.
    pub fn read(path: &str, outputs: &[Output], create: bool) -> Result<Edit, Failure> {
        let mut stats = seen(outputs.first())?;
        let now = stats.remove(path.as_bytes()).unwrap_or_default();
        let mut folder = None;
        if now.exists && now.kind == FileKind::Directory {
            return Err(numbered(256, format!("Path {path} is a directory !")));
        }
        if !now.exists {
            if !create {
                return Err(numbered(257, format!("Destination {path} does not exist !")));
            }
            let parent = super::parent(path);
            let there = stats.remove(parent.as_bytes()).unwrap_or_default();
            folder = (!there.exists).then(|| parent.to_string());
        }
        if now.unreadable {
            let why = "cannot be read by this user; does the task need `become`?";
            return Err(Failure::new(format!("{path} {why}")));
        }
        let bytes = match &now.content {
            Some(bytes) => bytes.clone(),
            None if !now.exists || now.size == 0 => Vec::new(),
            None => return Err(Failure::new(format!("{path} is too large to be edited"))),
        };
        let (text, stands_for_bytes) = super::bytes::text(bytes);
        Ok(Edit { path: path.to_string(), now, text, stands_for_bytes, folder })
    }

    /// The decision for a new text; `why` tells what differs. Attributes are compared in any case.
    pub fn decide(
        &self,
        args: &Args,
        new: Option<String>,
        why: &str,
        result: Map,
    ) -> Result<Decision, Failure> {
        if new.is_none() && !self.now.exists {
            return Ok(Decision::unchanged(result));
        }
        let content = new.unwrap_or_else(|| self.text.clone());
        let content = super::bytes::bytes(content, self.stands_for_bytes);
        let mut put = Put::new(args, &self.path, &self.now, content);
        put.follow = true;
        put.reason = why;
        let mut bare = result.clone();
        bare.insert("path".into(), self.path.as_str().into());
        let mut decision = put.decide(bare)?;
        // These modules tell nothing of the file but what they did to it.
        decision.effects.retain(|job| !job.script.each);
        if let Some(folder) = &self.folder {
            decision.effects.insert(0, folders_job([folder], FolderAttributes::default()));
        }
        if args.has("mode") || args.has("owner") || args.has("group") {
            let attributes = decision.change.as_ref().is_some_and(|c| c.diffs.len() > 1);
            let only = decision.effects.first().is_some_and(|j| &*j.script.name == "files.attributes");
            if attributes || only {
                let text = decision.result.get("msg").and_then(|m| m.as_str()).unwrap_or_default();
                let told = "ownership, perms or SE linux context changed";
                let text = if text.is_empty() { told.to_string() } else { format!("{text} and {told}") };
                decision.result.insert("msg".into(), text.into());
            }
        }
        Ok(decision)
    }
}
