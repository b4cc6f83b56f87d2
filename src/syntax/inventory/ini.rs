//! INI inventories: `[group]`, `[group:vars]`, `[group:children]`, hosts with `key=value` words.

use super::literal::literal;
use super::{GroupId, HostId, Target, UNGROUPED, range};
use crate::base::{Diag, FileId, Span, Template, Value};
use crate::syntax::yaml::is_template;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Copy, Clone, PartialEq)]
enum Section {
    Hosts(GroupId),
    Vars(GroupId),
    Children(GroupId),
    /// Its header was wrong; its lines are skipped.
    Skipped,
}

struct Reader<'a, 'b> {
    to: &'a mut Target<'b>,
    file: FileId,
    section: Section,
    /// Groups that were named and not yet declared: where, and as what.
    pending: HashMap<GroupId, (Span, &'static str)>,
    declared: HashSet<GroupId>,
}

pub(super) fn read(to: &mut Target, file: FileId) {
    let text = Arc::clone(&to.sources.get(file).text);
    let mut reader = Reader {
        to,
        file,
        section: Section::Hosts(UNGROUPED),
        pending: HashMap::new(),
        declared: HashSet::from([super::ALL, UNGROUPED]),
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        reader.line(trimmed, at);
    }
    reader.finish();
}

impl Reader<'_, '_> {
    fn error(&mut self, at: usize, length: usize, message: String) {
        self.fault(Diag::error("inventory", Span::new(self.file, at, at + length), message));
    }

    fn fault(&mut self, diag: Diag) {
        self.to.diags.push(diag);
    }

    fn line(&mut self, line: &str, at: usize) {
        if line.starts_with('[') && self.header(line, at) {
            return;
        }
        match self.section {
            Section::Hosts(group) => self.host(line, at, group),
            Section::Vars(group) => self.variable(line, at, group),
            Section::Children(group) => self.child(line, at, group),
            Section::Skipped => {}
        }
    }

    /// Takes a section's header; false where the line is a host such as `[a:c].example.org`.
    fn header(&mut self, line: &str, at: usize) -> bool {
        let Some((inner, rest)) = line[1..].split_once(']') else {
            self.section = Section::Skipped;
            self.error(at, line.len().min(80), "the `[` of the section is not closed".into());
            return true;
        };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with(['#', ';']) {
            return false;
        }
        let (name, kind) = match inner.split_once(':') {
            Some((name, kind)) => (name, kind),
            None => (inner, "hosts"),
        };
        self.section = Section::Skipped;
        if name.is_empty() || name.contains([' ', '\t', ',', '!', '&']) {
            self.error(at + 1, inner.len(), format!("`{name}` cannot name a group"));
            return true;
        }
        let span = Span::new(self.file, at + 1, at + 1 + name.len());
        let group = self.to.inventory.add_group(name, Some(span));
        self.section = match kind {
            "hosts" => Section::Hosts(group),
            "vars" => Section::Vars(group),
            "children" => Section::Children(group),
            _ => {
                let kind_at = at + 2 + name.len();
                let diag = Diag::error(
                    "inventory",
                    Span::new(self.file, kind_at, kind_at + kind.len()),
                    format!("`{kind}` is no kind of section"),
                );
                self.fault(diag.did_you_mean(kind, ["vars", "children", "hosts"]));
                return true;
            }
        };
        if matches!(self.section, Section::Vars(_)) {
            if self.known_before(group) {
                self.declared.insert(group);
            }
            self.pending.entry(group).or_insert((span, "vars"));
        } else {
            self.declared.insert(group);
        }
        true
    }

    /// Whether an earlier source has the group.
    fn known_before(&self, group: GroupId) -> bool {
        self.to.inventory[group].span.is_none_or(|s| s.file != self.file)
    }

    fn child(&mut self, line: &str, at: usize, group: GroupId) {
        let name = line.split(['#', ';']).next().unwrap_or("").trim();
        let span = Span::new(self.file, at, at + name.len());
        if name.is_empty() || name.contains(char::is_whitespace) || name.contains('=') {
            return self.error(at, line.len().min(80), format!("`{line:.60}` cannot name a group"));
        }
        let child = self.to.inventory.add_group(name, Some(span));
        self.pending.entry(child).or_insert((span, "children"));
        if !self.to.inventory.add_child(group, child) {
            let outer = Arc::clone(&self.to.inventory[group].name);
            let message = match child == group {
                true => format!("the group `{name}` cannot be its own child"),
                false => {
                    format!("`{name}` cannot stand below `{outer}`: `{outer}` stands below `{name}` already")
                }
            };
            self.fault(
                Diag::error("inventory-cycle", span, message).hint("groups make a tree, not a circle"),
            );
        }
    }

    fn variable(&mut self, line: &str, at: usize, group: GroupId) {
        let Some((key, raw)) = line.split_once('=') else {
            return self.error(at, line.len().min(80), "a variable is written `name=value`".into());
        };
        let raw_at = at + key.len() + 1 + (raw.len() - raw.trim_start().len());
        let value = self.value(raw.trim(), raw_at);
        self.to.inventory.set_group_var(group, key.trim().into(), value);
    }

    fn host(&mut self, line: &str, at: usize, group: GroupId) {
        let words = match split(line) {
            Ok(words) => words,
            Err(n) => return self.error(at + n, 1, "the quote that opens here is never closed".into()),
        };
        let Some((entry, _)) = words.first() else { return };
        let (names, port) = match range::expand(entry) {
            Ok(expanded) => expanded,
            Err(why) => return self.error(at, entry.len().min(80), why),
        };
        let mut vars = Vec::with_capacity(words.len());
        if let Some(port) = port {
            vars.push(("ansible_port", Value::from(u32::from(port))));
        }
        for (word, start) in &words[1..] {
            let Some((key, raw)) = word.split_once('=') else {
                let span = Span::new(self.file, at + start, at + start + word.len().min(80));
                let diag = Diag::error("inventory", span, format!("`{word:.60}` is no `name=value`"));
                self.fault(match word.starts_with(';') {
                    true => diag.hint("a comment behind a host begins with `#`"),
                    false => diag.hint("one host a line; a value with blanks needs quotes"),
                });
                continue;
            };
            vars.push((key, self.value(raw, at + start + key.len() + 1)));
        }
        let span = Span::new(self.file, at, at + entry.len());
        for name in &names {
            let host: HostId = self.to.inventory.add_host(name, Some(span));
            self.to.inventory.add_member(group, host);
            for (key, value) in &vars {
                self.to.inventory.set_host_var(host, (*key).into(), value.clone());
            }
        }
    }

    fn value(&self, raw: &str, at: usize) -> Value {
        let text = match literal(raw) {
            Some(Value::Str(text)) => text,
            Some(value) => return value,
            None => raw.into(),
        };
        match is_template(&text) {
            true => {
                let span = Span::new(self.file, at, at + raw.len());
                Value::Template(Arc::new(Template { text, span: Some(span) }))
            }
            false => Value::Str(text),
        }
    }

    /// Groups that stand only in `:vars` or below `:children` must be declared somewhere.
    fn finish(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut missing: Vec<_> = pending.into_iter().filter(|(g, _)| !self.declared.contains(g)).collect();
        missing.sort_by_key(|(_, (span, _))| *span);
        for (group, (span, kind)) in missing {
            if self.known_before(group) {
                continue;
            }
            let name = Arc::clone(&self.to.inventory[group].name);
            let known = self.declared.iter().map(|g| &*self.to.inventory[*g].name);
            let message = match kind {
                "vars" => format!("variables for the group `{name}`, which is not declared"),
                _ => format!("the group `{name}` is not declared"),
            };
            let diag = Diag::error("inventory-group", span, message).did_you_mean(&name, known);
            self.fault(diag.hint(format!("declare it with `[{name}]`")));
        }
    }
}

/// Splits a host's line as a shell does: quotes, backslashes, `#` comments. Words with their offsets; an error is the
/// offset of an open quote.
fn split(line: &str) -> Result<Vec<(String, usize)>, usize> {
    let mut words: Vec<(String, usize)> = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            words.extend(open.take());
            continue;
        }
        if c == '#' {
            break;
        }
        let (word, _) = open.get_or_insert_with(|| (String::new(), at));
        match c {
            '\'' | '"' => loop {
                match chars.next().ok_or(at)?.1 {
                    inner if inner == c => break,
                    '\\' if c == '"' => match chars.next().ok_or(at)?.1 {
                        escaped @ ('"' | '\\') => word.push(escaped),
                        other => word.extend(['\\', other]),
                    },
                    inner => word.push(inner),
                }
            },
            '\\' => word.extend(chars.next().map(|(_, c)| c)),
            c => word.push(c),
        }
    }
    words.extend(open);
    Ok(words)
}
