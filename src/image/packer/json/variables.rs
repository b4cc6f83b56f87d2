//! The user variables of a JSON template: defaults, then files, then `-var`, each of which may refer to others.

use super::super::interpolate::{self, WAITS};
use super::super::model::{Inputs, text_of};
use super::Reader;
use crate::base::{Diag, Sources, Span};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::{self, Node};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::path::Path;

/// A variable as it is written, and where; `None`: it has no value.
type Written = IndexMap<String, (Option<String>, Option<Span>)>;

impl Reader<'_> {
    pub(super) fn variables(
        &mut self,
        root: &Node,
        inputs: &Inputs,
        sources: &Sources,
    ) -> HashMap<String, String> {
        let mut written = Written::new();
        for (key, node) in root.get("variables").and_then(Node::as_map).unwrap_or_default() {
            written.insert(key.to_key().to_string(), (source(node), Some(node.span)));
        }
        for path in &inputs.var_files {
            for (name, value, span) in self.var_file(path, sources) {
                written.insert(name, (Some(value), Some(span)));
            }
        }
        for (name, value) in &inputs.vars {
            if !written.contains_key(name) {
                let known = written.keys().map(String::as_str);
                let diag =
                    Diag::error("packer-undefined", None, format!("-var {name}: no variable has this name"));
                self.diags.push(diag.did_you_mean(name, known));
            }
            written.insert(name.clone(), (Some(value.clone()), None));
        }
        for (name, (_, span)) in written.iter().filter(|(_, (value, _))| value.is_none()) {
            let message = format!("the variable `{name}` has no value");
            let diag = Diag::error("packer-undefined", span.unwrap_or(root.span), message);
            self.diags.push(diag.hint(format!("give one with `-var {name}=VALUE` or `-var-file FILE`")));
        }
        self.resolved(written)
    }

    /// Those that refer to no other first, then those that refer to them, until none is left or none can be told.
    fn resolved(&mut self, written: Written) -> HashMap<String, String> {
        let mut names = self.names.clone();
        names.env = true;
        names.waiting = written.keys().cloned().collect();
        let mut left: Vec<_> = written.into_iter().collect();
        loop {
            let before = left.len();
            let mut waiting: Vec<(String, (Option<String>, Option<Span>), String)> = Vec::new();
            for (name, (value, span)) in left {
                match interpolate::text(value.as_deref().unwrap_or_default(), &names) {
                    Err(why) if why.starts_with(WAITS) => {
                        waiting.push((name, (value, span), why));
                        continue;
                    }
                    Err(why) => {
                        self.diags.push(Diag::error("packer-undefined", span, why));
                        names.user.insert(name.clone(), String::new());
                    }
                    Ok(text) => drop(names.user.insert(name.clone(), text)),
                }
                names.waiting.remove(&name);
            }
            if waiting.is_empty() {
                return names.user;
            }
            if waiting.len() == before {
                self.circle(&waiting);
                return names.user;
            }
            left = waiting.into_iter().map(|(name, value, _)| (name, value)).collect();
        }
    }

    /// All that are left wait for one another: one finding names those that go round.
    fn circle(&mut self, waiting: &[(String, (Option<String>, Option<Span>), String)]) {
        let mut round: Vec<&str> = Vec::new();
        let mut next = waiting.first();
        while let Some((name, (_, span), why)) = next {
            if let Some(begin) = round.iter().position(|seen| seen == name) {
                round.push(name);
                let all = round[begin..].iter().map(|n| format!("`{n}`"));
                let message =
                    format!("variables refer to each other: {}", all.collect::<Vec<_>>().join(" → "));
                self.diags.push(Diag::error("packer-undefined", *span, message));
                return;
            }
            round.push(name);
            next = waiting.iter().find(|(other, ..)| other == why.trim_start_matches(WAITS));
        }
    }

    fn var_file(&mut self, path: &Path, sources: &Sources) -> Vec<(String, String, Span)> {
        let file = match yaml::read_text(path, sources) {
            Ok(file) => file,
            Err(diag) => {
                self.diags.push(diag);
                return Vec::new();
            }
        };
        let Some(root) = yaml::parse(file, &sources.get(file).text, self.diags) else { return Vec::new() };
        let pairs = root.as_map().unwrap_or_default();
        pairs.iter().map(|(k, v)| (k.to_key().to_string(), source(v).unwrap_or_default(), v.span)).collect()
    }

    pub(super) fn secrets(&self, root: &Node, user: &HashMap<String, String>) -> Vec<String> {
        let named = root.get("sensitive-variables").and_then(Node::as_seq).unwrap_or_default();
        let values = named.iter().filter_map(|n| user.get(&**n.as_str()?)).filter(|v| !v.is_empty());
        values.cloned().collect()
    }
}

/// A value as it is written, also a number's or a bool's.
fn source(node: &Node) -> Option<String> {
    match (node.is_null(), node.as_str()) {
        (true, _) => None,
        (false, Some(text)) => Some(text.to_string()),
        (false, None) => Some(text_of(&node.to_value(&Keyring::default()))),
    }
}
