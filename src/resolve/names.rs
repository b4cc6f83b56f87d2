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
use crate::graph::Act;
use crate::syntax::inventory::Inventory;
use std::collections::HashSet;

/// A text that is evaluated, with its place.
pub(crate) struct Mention {
    pub used: Analysed,
    pub span: Span,
    /// Its task may never run, or may fail without harm.
    pub skippable: bool,
    /// A loop may define `item`.
    pub item: bool,
}

/// Whether tasks with these tags run only when they are asked for.
pub(crate) fn only_on_demand(tags: &[Value]) -> bool {
    tags.iter().any(|t| t.as_str() == Some("never"))
}

/// The findings of all plays. An error is only what every run would come to: with hosts, without tags.
pub(crate) fn check(options: &CompileOptions, made: &[Made], needed: &Needed) -> Diags {
    let defined = Defined::collect(options, made, needed);
    let mut diags = hosts(options, made);
    if defined.open || defined.late_roles > 0 {
        // The only role that may define anything has to be named without it.
        if !defined.open && defined.late_roles == 1 {
            diags.extend(late_role(options, made, &defined));
        }
        return diags;
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
        circles: HashSet::new(),
        diags: Diags::default(),
    };
    // What must fail first: then a name that is used twice is an error, not a warning.
    for skippable in [false, true] {
        for play in made.iter().filter(|p| has_hosts(inventory, p)) {
            let texts = play.unit.mentions.iter().filter(|m| (m.skippable || partial) == skippable);
            for mention in texts {
                let Ok(used) = &*mention.used else { continue };
                check.text(&play.unit, used, &|_| mention.span, skippable);
                if !mention.item && !defined.item {
                    check.no_item(used, mention.span, skippable);
                }
            }
            super::template_files::names(&play.unit, &mut |unit, used, at, may_skip| {
                if (may_skip || partial) == skippable {
                    check.text(unit, used, at, skippable);
                }
            });
        }
    }
    diags.extend(check.diags);
    diags
}

/// What `hosts` of plays is made of: variables of the play and extra ones, for no host is there yet.
fn hosts(options: &CompileOptions, made: &[Made]) -> Diags {
    const THERE: [&str; 4] = ["groups", "omit", "playbook_dir", "inventory_dir"];
    let mut diags = Diags::default();
    for play in made.iter().filter(|play| play.plan.vars_files.is_empty() && play.plan.vars_prompt.is_empty())
    {
        for pattern in super::keywords::many(&play.hosts.value) {
            let Value::Template(template) = &pattern else { continue };
            let analysed = play.unit.analysed(&template.text, false);
            let Ok(used) = &*analysed else { continue };
            let known = |name: &str| {
                THERE.contains(&name)
                    || name.starts_with("ansible_")
                    || play.plan.vars.contains_key(name)
                    || options.extra_vars.contains_key(name)
            };
            let guarded = |name: &String| used.guarded.binary_search(name).is_ok();
            let lost = used.names.iter().map(|(name, _)| name).filter(|name| !known(name) && !guarded(name));
            for name in lost {
                let span = word_in(play.hosts.span, name, &options.sources);
                let diag = Diag::error("undefined-name", span, format!("nothing defines `{name}`"));
                diags.push(diag.hint("`hosts` sees the play's `vars` and -e, but no variables of hosts"));
            }
        }
    }
    diags
}

/// The name of the one role that only the run knows.
fn late_role(options: &CompileOptions, made: &[Made], defined: &Defined) -> Diags {
    let mut diags = Diags::default();
    let hosts_known = options.inventory.is_some();
    for (play, noted) in made.iter().flat_map(|play| play.unit.tasks.iter().map(move |noted| (play, noted))) {
        let Act::IncludeRole(role) = &noted.node.act else { continue };
        let Value::Template(template) = &role.name else { continue };
        let analysed = play.unit.analysed(&template.text, false);
        let Ok(used) = &*analysed else { continue };
        let span = noted.written.arg("name").or(noted.written.arg("role")).unwrap_or(noted.node.span);
        let k = &noted.node.keywords;
        let certain = hosts_known && !noted.lenient && k.when.is_empty() && k.loop_.is_none();
        for (name, _) in used.names.iter().filter(|(n, _)| used.guarded.binary_search(n).is_err()) {
            if !defined.has(name) {
                let make = if certain { Diag::error } else { Diag::warning };
                let span = word_in(span, name, &options.sources);
                let diag = make("undefined-name", span, format!("nothing defines `{name}`"));
                diags.push(diag.did_you_mean(name, defined.names()));
            }
        }
    }
    diags
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
    circles: HashSet<Vec<String>>,
    diags: Diags,
}

impl Check<'_> {
    fn text(&mut self, unit: &Unit, used: &NameUse, at: &dyn Fn(usize) -> Span, skippable: bool) {
        for (name, offset) in &used.names {
            if used.guarded.binary_search(name).is_ok() {
                continue;
            }
            if self.defined.has(name) {
                self.circle(unit, name, skippable);
                self.follow(unit, name, skippable);
            } else if self.seen.insert(name.clone()) {
                self.tell(name, at(*offset), skippable);
            }
        }
    }

    /// `item` in a task without a loop.
    fn no_item(&mut self, used: &NameUse, span: Span, skippable: bool) {
        let used =
            used.names.iter().any(|(name, _)| name == "item") && !used.guarded.iter().any(|n| n == "item");
        if !used {
            return;
        }
        let span = word_in(span, "item", self.sources);
        let message = "the task has no loop, and nothing else defines `item`";
        let make = if skippable || !self.hosts_known { Diag::warning } else { Diag::error };
        self.diags.push(make("undefined-name", span, message).hint("give the task a `loop`"));
    }

    /// Variables that are made of each other. Only what is defined once is followed, and only where the whole value is text:
    /// a member of a mapping may well be made of another one.
    fn circle(&mut self, unit: &Unit, name: &str, skippable: bool) {
        let mut path = vec![name.to_string()];
        let mut known = HashSet::new();
        let Some(span) = self.leads_to(unit, name, name, &mut path, &mut known) else { return };
        let mut names = path.clone();
        names.sort_unstable();
        if !self.circles.insert(names) {
            return;
        }
        let way = path.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" → ");
        let message = format!("variables are made of each other: {way} → `{name}`");
        let make = if skippable || !self.hosts_known { Diag::warning } else { Diag::error };
        self.diags.push(make("cycle", span, message));
    }

    /// Where the value of `from` stands, if it comes to `goal`.
    fn leads_to(
        &self,
        unit: &Unit,
        from: &str,
        goal: &str,
        path: &mut Vec<String>,
        known: &mut HashSet<String>,
    ) -> Option<Span> {
        if self.defined.is_given(from) {
            return None;
        }
        let Some(Value::Template(template)) = self.defined.only_value(from) else { return None };
        let analysed = unit.analysed(&template.text, false);
        let Ok(used) = &*analysed else { return None };
        for (name, _) in used.names.iter().filter(|(name, _)| used.guarded.binary_search(name).is_err()) {
            if name == goal {
                return template.span;
            }
            if known.insert(name.clone()) {
                path.push(name.clone());
                if self.leads_to(unit, name, goal, path, known).is_some() {
                    return template.span;
                }
                path.pop();
            }
        }
        None
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
