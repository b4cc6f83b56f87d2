//! Template files that tasks name: read at compile time for faults of their own and for the names they use.

use super::unit::{Noted, Unit};
use super::{constants, template_hints};
use crate::base::{Diags, Severity, Span, Value};
use crate::eval::{self, NameUse, TemplateOptions};
use crate::graph::Act;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// A template file as one task uses it.
pub(crate) struct TemplateFile {
    pub path: PathBuf,
    pub text: Arc<str>,
    pub used: Result<NameUse, eval::EvalError>,
}

/// Told of what a file uses, how an offset in it becomes a place, and whether the task may be skipped.
pub(crate) type Told<'t> = &'t mut dyn FnMut(&Unit, &NameUse, &dyn Fn(usize) -> Span, bool);

/// The names of each file that stands alone: what includes or imports others shares names with them.
pub(crate) fn names(unit: &Unit, told: Told) {
    for noted in &unit.tasks {
        let Some(file) = unit.template_file(noted) else { continue };
        let Ok(used) = &file.used else { continue };
        if !stands_alone(&file.text) {
            continue;
        }
        let place = |at: usize| place_in(unit, &file, at);
        told(unit, used, &place, may_be_skipped(noted));
    }
}

/// Syntax errors, and filters, tests and lookups that there are not.
pub(crate) fn check(unit: &Unit) -> Diags {
    let mut diags = Diags::default();
    let mut seen = HashSet::new();
    for noted in &unit.tasks {
        let Some(file) = unit.template_file(noted).filter(|f| seen.insert(f.path.clone())) else { continue };
        let role = noted.node.role.as_deref();
        let found = match &file.used {
            Ok(used) => {
                let mut found = unit.unknown_plugins(used, role, |_, at| place_in(unit, &file, at));
                if !used.patterns.is_empty() {
                    let whole = Span::new(place_in(unit, &file, 0).file, 0, file.text.len());
                    found.extend(constants::of_text(used, whole, false, &unit.c.loader.sources));
                }
                found
            }
            Err(error) => {
                let at = offset(&file.text, error.line, error.column);
                vec![template_hints::unreadable(place_in(unit, &file, at), &file.text, false, error)]
            }
        };
        for mut diag in found {
            if may_be_skipped(noted) {
                diag.severity = Severity::Warning;
            }
            diags.push(diag);
        }
    }
    diags
}

fn may_be_skipped(noted: &Noted) -> bool {
    let k = &noted.node.keywords;
    noted.lenient || noted.handler || !k.when.is_empty() || k.ignore_errors.is_some() || k.loop_.is_some()
}

fn stands_alone(text: &str) -> bool {
    !["{% include", "{% import", "{% from", "{% extends", "{%- include", "{%- import", "{%- from"]
        .iter()
        .any(|w| text.contains(w))
}

/// The place of the word at an offset. The file becomes a source only now: most have nothing to tell.
fn place_in(unit: &Unit, file: &TemplateFile, at: usize) -> Span {
    let sources = &unit.c.loader.sources;
    let mut known = unit.c.template_sources.lock().unwrap_or_else(|e| e.into_inner());
    let id =
        *known.entry(file.path.clone()).or_insert_with(|| sources.add(&file.path, Arc::clone(&file.text)));
    let rest = file.text.get(at..).unwrap_or_default();
    let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Span::new(id, at, at + length.max(1).min(rest.len()))
}

fn offset(text: &str, line: u32, column: u32) -> usize {
    let (line, column) = (line.max(1) as usize - 1, column.max(1) as usize - 1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let within = text[start..].lines().next().unwrap_or_default();
    start + within.char_indices().nth(column).map_or(0, |(at, _)| at)
}

impl Unit<'_> {
    /// The file of a `template` task whose name and options are constants.
    pub fn template_file(&self, noted: &Noted) -> Option<Arc<TemplateFile>> {
        let Act::Module { module, args } = &noted.node.act else { return None };
        // With delimiters of its own, or trimmed otherwise, the file reads otherwise.
        let usual = !args.keys().any(|k| k.as_str().is_some_and(|k| k.ends_with("_string")));
        let Some(Value::Str(name)) = args.get("src").filter(|_| module.spec.name == "template" && usual)
        else {
            return None;
        };
        let role = noted.node.role.iter().flat_map(|r| [r.path.join("templates"), r.path.clone()]);
        let book = &self.play.playbook_dir;
        let dirs = role.chain([noted.dir.join("templates"), noted.dir.clone()]);
        let mut paths = dirs.chain([book.join("templates"), book.clone()]).map(|d| d.join(&**name));
        let path = paths.find(|p| self.c.loader.is_there(p) && p.is_file())?;
        let mut known = self.c.template_files.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(file) = known.get(&path) {
            return file.clone();
        }
        let read = std::fs::read_to_string(&path).ok().filter(|t| !t.starts_with("$ANSIBLE_VAULT"));
        let file = read.map(|text| {
            let used = eval::analyse::names_used_in_file(&text, &TemplateOptions::default());
            Arc::new(TemplateFile { path: path.clone(), text: text.into(), used })
        });
        known.insert(path, file.clone());
        file
    }
}
