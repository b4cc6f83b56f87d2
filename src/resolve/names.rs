//! Names of variables that no scope can define. What anything might define counts as defined, and what is anywhere
//! guarded (`is defined`, `default()`) may be missing; of the rest each name is told once, at its first use.

use super::CompileOptions;
use super::defined::Defined;
use super::facts::Needed;
use super::plays::Made;
use super::unit::Unit;
use super::uses::Analysed;
use crate::base::{Diag, Diags, Sources, Span, Value};
use crate::eval::NameUse;
use crate::syntax::inventory::Inventory;
use std::collections::HashSet;

/// A text that is evaluated, with its place.
pub(crate) struct Mention {
    pub used: Analysed,
    pub span: Span,
    /// Its task may never run, or may fail without harm.
    pub skippable: bool,
}

/// Whether tasks with these tags run only when they are asked for.
pub(crate) fn only_on_demand(tags: &[Value]) -> bool {
    tags.iter().any(|t| t.as_str() == Some("never"))
}

/// The findings of all plays. An error is only what every run would come to: with hosts, without tags.
pub(crate) fn check(options: &CompileOptions, made: &[Made], needed: &Needed) -> Diags {
    let defined = Defined::collect(options, made, needed);
    if defined.open {
        return Diags::default();
    }
    let inventory = options.inventory.as_deref();
    let partial =
        !options.tags.is_empty() || !options.skip_tags.is_empty() || options.start_at_task.is_some();
    let mut check = Check {
        defined: &defined,
        sources: &options.sources,
        hosts_known: inventory.is_some(),
        seen: HashSet::new(),
        followed: HashSet::new(),
        diags: Diags::default(),
    };
    // What must fail first: then a name that is used twice is an error, not a warning.
    for skippable in [false, true] {
        for play in made.iter().filter(|p| has_hosts(inventory, p)) {
            let texts = play.unit.mentions.iter().filter(|m| (m.skippable || partial) == skippable);
            for mention in texts {
                let Ok(used) = &*mention.used else { continue };
                check.text(&play.unit, used, &|_| mention.span, skippable);
            }
            super::template_files::names(&play.unit, &mut |unit, used, at, may_skip| {
                if (may_skip || partial) == skippable {
                    check.text(unit, used, at, skippable);
                }
            });
        }
    }
    check.diags
}

/// A play without a host uses nothing.
fn has_hosts(inventory: Option<&Inventory>, play: &Made) -> bool {
    let Some(inventory) = inventory else { return true };
    let patterns = super::keywords::many(&play.hosts.value);
    patterns.iter().any(|pattern| match pattern {
        Value::Str(text) => inventory.select(text).is_ok_and(|s| !s.hosts.is_empty()),
        _ => true,
    })
}

struct Check<'a> {
    defined: &'a Defined,
    sources: &'a Sources,
    hosts_known: bool,
    seen: HashSet<String>,
    /// Variables whose own values were looked at.
    followed: HashSet<(String, bool)>,
    diags: Diags,
}

impl Check<'_> {
    fn text(&mut self, unit: &Unit, used: &NameUse, at: &dyn Fn(usize) -> Span, skippable: bool) {
        for (name, offset) in &used.names {
            if used.guarded.binary_search(name).is_ok() {
                continue;
            }
            if self.defined.has(name) {
                self.follow(unit, name, skippable);
            } else if self.seen.insert(name.clone()) {
                self.tell(name, at(*offset), skippable);
            }
        }
    }

    /// The value of a variable that is defined once: what it uses is used here.
    fn follow(&mut self, unit: &Unit, name: &str, skippable: bool) {
        let Some(value) = self.defined.only_value(name) else { return };
        if self.followed.insert((name.to_string(), skippable)) {
            self.value(unit, &value.clone(), skippable);
        }
    }

    fn value(&mut self, unit: &Unit, value: &Value, skippable: bool) {
        match value {
            Value::Template(t) => {
                let (Some(span), Ok(used)) = (t.span, &*unit.analysed(&t.text, false)) else { return };
                self.text(unit, used, &|_| span, skippable);
            }
            Value::List(items) => items.iter().for_each(|v| self.value(unit, v, skippable)),
            Value::Map(map) => map.values().for_each(|v| self.value(unit, v, skippable)),
            _ => {}
        }
    }

    fn tell(&mut self, name: &str, span: Span, skippable: bool) {
        let span = word_in(span, name, self.sources);
        let message = format!("nothing defines `{name}`");
        let diag = match skippable || !self.hosts_known {
            true => Diag::warning("undefined-name", span, message),
            false => Diag::error("undefined-name", span, message),
        };
        let diag = diag.did_you_mean(name, self.defined.names());
        self.diags.push(diag.hint(match self.hosts_known {
            true => format!("define it, give it with -e, or write `{name} | default(…)`"),
            false => "no inventory was read: give it with -i, and its variables count".to_string(),
        }));
    }
}

/// The place of a word within a place; the place itself where it is not written there.
pub(crate) fn word_in(span: Span, word: &str, sources: &Sources) -> Span {
    let file = sources.get(span.file);
    let Some(text) = file.text.get(span.start as usize..span.end as usize) else { return span };
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let found = text.match_indices(word).map(|(at, _)| at).find(|at| {
        let (before, after) = (text[..*at].chars().next_back(), text[at + word.len()..].chars().next());
        edge(before) && edge(after) && before != Some('.')
    });
    match found {
        Some(at) => {
            let start = span.start as usize + at;
            Span::new(span.file, start, start + word.len())
        }
        None => span,
    }
}
