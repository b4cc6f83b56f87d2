//! Keywords that an include does not take, since they are meant for the tasks that it brings; and what only handlers take.

use super::unit::{Frame, Unit};
use crate::base::{Diag, Span, Value};
use crate::syntax::ast::{Entries, Task};
use crate::syntax::playbook::{On, is_keyword, keyword_names};

/// What an include says of itself; `needs` is fitout's own.
const OF_AN_INCLUDE: &[&str] = &[
    "collections",
    "debugger",
    "ignore_errors",
    "loop",
    "loop_control",
    "name",
    "needs",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

impl Unit<'_> {
    /// Keywords that Ansible refuses on an include. The old `include` may have been an import.
    pub fn refuse_on_include(&mut self, task: &Task, frame: &Frame) {
        let action = &*task.action.name.value;
        if super::known::short(action) == "include" {
            return;
        }
        for (key, value) in &task.keywords.0 {
            let word = &*key.value;
            let known = OF_AN_INCLUDE.contains(&word) || word.starts_with("with_");
            // Told where all tasks are looked at.
            if known || word == "listen" {
                continue;
            }
            let message = format!("`{word}` is not a keyword of {action}");
            let diag = Diag::error("unknown-key", key.span, message);
            self.diags.push(match is_keyword(word, On::Block) {
                true => {
                    let written = if value.value.is_null() { String::new() } else { shown(&value.value) };
                    diag.hint(format!("for the tasks it brings write `apply: {{{word}: {written}}}`"))
                }
                false => diag.hint("give it to the tasks that are included"),
            });
        }
        if frame.handlers && super::known::short(action).ends_with("_role") {
            self.refuse_as_handler(task);
        }
    }

    /// A role cannot be a handler.
    pub fn refuse_as_handler(&mut self, task: &Task) {
        let message = format!("{} cannot be a handler", task.action.name.value);
        let diag = Diag::error("misplaced-include", task.action.name.span, message);
        self.diags.push(diag.hint("include_tasks can; or notify a handler that the role has"));
    }

    /// `listen` outside of handlers.
    pub fn refuse_listen(&mut self, task: &Task, frame: &Frame) {
        if frame.handlers {
            return;
        }
        if let Some((key, _)) = task.keywords.0.iter().find(|(key, _)| &*key.value == "listen") {
            let diag = Diag::error("unknown-key", key.span, "only a handler can `listen`");
            self.diags.push(diag.hint("it stands in `handlers:`, or in a role's handlers/main.yml"));
        }
    }

    /// `apply` has the keywords of a block.
    pub fn check_apply(&mut self, entries: &Entries) {
        let apply = entries.iter().find(|(key, _)| &*key.value == "apply").map(|(_, value)| value);
        let Some((apply, words)) = apply.and_then(|apply| Some((apply, apply.value.as_map()?))) else {
            return;
        };
        for word in words.keys().filter_map(|key| key.as_str()).filter(|word| !is_keyword(word, On::Block)) {
            let place = word_in(self, apply.span, word);
            let diag = Diag::error("unknown-key", place, format!("`{word}` is not a keyword of `apply`"));
            self.diags.push(diag.did_you_mean(word, keyword_names(On::Block)));
        }
    }
}

fn word_in(unit: &Unit, span: Span, word: &str) -> Span {
    super::names::word_in(span, word, &unit.c.loader.sources)
}

/// A value in a hint: short, or left out.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(_) | Value::Int(_) => crate::spec::to_text(value).to_lowercase(),
        Value::Str(text) if text.len() < 24 => text.to_string(),
        _ => "…".into(),
    }
}
