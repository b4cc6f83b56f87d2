//! The keywords of plays, blocks, tasks and roles in one table: where each may stand and what it holds.

use super::super::ast::{Keywords, Spanned};
use super::Ctx;
use crate::base::diag::nearest;
use crate::base::{Diag, Key, Span, Value};
use std::sync::Arc;

/// What a keyword may stand on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// An entry of a playbook with `hosts:`.
    Play,
    /// A task's place with a `block:`.
    Block,
    /// A task or handler.
    Task,
    /// An entry of `roles:` or of `dependencies:`.
    Role,
}

impl On {
    fn letter(self) -> char {
        match self {
            On::Play => 'p',
            On::Block => 'b',
            On::Task => 't',
            On::Role => 'r',
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            On::Play => "play",
            On::Block => "block",
            On::Task => "task",
            On::Role => "role",
        }
    }
}

/// What a keyword's value may be; a template may stand for each but `Map`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Holds {
    Any,
    Text,
    Bool,
    Int,
    Number,
    /// A conditional: text, a boolean, or a list of them.
    Test,
    /// One text or a list of texts.
    Texts,
    List,
    Map,
    /// A mapping, or a list of mappings.
    Maps,
    /// The name of a variable.
    Name,
    /// Tasks, roles and the action: read elsewhere.
    Part,
}

use Holds::{Any, Bool, Int, List, Map, Maps, Name, Number, Part, Test, Text, Texts};

/// Name, the letters of [`On`] it may stand on, what it holds.
const KEYWORDS: &[(&str, &str, Holds)] = &[
    ("action", "t", Part),
    ("always", "b", Part),
    ("any_errors_fatal", "pbtr", Bool),
    ("args", "t", Part),
    ("async", "t", Int),
    ("become", "pbtr", Bool),
    ("become_exe", "pbtr", Text),
    ("become_flags", "pbtr", Text),
    ("become_method", "pbtr", Text),
    ("become_user", "pbtr", Text),
    ("block", "b", Part),
    ("changed_when", "t", Test),
    ("check_mode", "pbtr", Bool),
    ("collections", "pbtr", Texts),
    ("connection", "pbtr", Text),
    ("debugger", "pbtr", Text),
    ("delay", "t", Number),
    ("delegate_facts", "btr", Bool),
    ("delegate_to", "btr", Text),
    ("diff", "pbtr", Bool),
    ("environment", "pbtr", Maps),
    ("fact_path", "p", Text),
    ("failed_when", "t", Test),
    ("force_handlers", "p", Bool),
    ("gather_facts", "p", Bool),
    ("gather_subset", "p", Texts),
    ("gather_timeout", "p", Int),
    ("handlers", "p", Part),
    ("hosts", "p", Texts),
    ("ignore_errors", "pbtr", Bool),
    ("ignore_unreachable", "pbtr", Bool),
    ("image", "p", Any),
    ("listen", "t", Texts),
    ("local_action", "t", Part),
    ("loop", "t", List),
    ("loop_control", "t", Map),
    ("max_fail_percentage", "p", Number),
    ("module_defaults", "pbtr", Maps),
    ("name", "pbtr", Text),
    ("needs", "pt", Texts),
    ("no_log", "pbtr", Bool),
    ("notify", "bt", Texts),
    ("order", "p", Text),
    ("poll", "t", Int),
    ("port", "pbtr", Int),
    ("post_tasks", "p", Part),
    ("pre_tasks", "p", Part),
    ("register", "t", Name),
    ("remote_user", "pbtr", Text),
    ("rescue", "b", Part),
    ("retries", "t", Int),
    ("role", "r", Part),
    ("roles", "p", Part),
    ("run_once", "pbtr", Bool),
    ("serial", "p", Any),
    ("strategy", "p", Text),
    ("tags", "pbtr", Texts),
    ("tasks", "p", Part),
    ("throttle", "pbtr", Int),
    ("timeout", "pbtr", Int),
    ("until", "t", Test),
    ("user", "p", Text),
    ("vars", "pbtr", Map),
    ("vars_files", "p", Any),
    ("vars_prompt", "p", List),
    ("verify", "p", Part),
    ("when", "btr", Test),
];

/// Words that once were keywords, or look like one, and what to write.
const FORMER: &[(&str, &str)] = &[
    ("sudo", "become"),
    ("su", "become"),
    ("sudo_user", "become_user"),
    ("su_user", "become_user"),
    ("always_run", "check_mode: false"),
    ("only_if", "when"),
    ("if", "when"),
    ("first_available_file", "with_first_found"),
    ("env", "environment"),
    ("handler", "handlers"),
    ("task", "tasks"),
    ("role", "roles"),
    ("host", "hosts"),
    ("variables", "vars"),
    ("dependencies", "meta/main.yml"),
];

/// The keywords that may stand there.
pub fn names(on: On) -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().filter(move |(_, where_, _)| where_.contains(on.letter())).map(|(name, ..)| *name)
}

/// Whether the name may stand there, aliases and, on tasks, any `with_…` included.
pub fn is_keyword(name: &str, on: On) -> bool {
    find(name, on).is_some() || (on == On::Task && name.starts_with("with_"))
}

fn find(name: &str, on: On) -> Option<Holds> {
    let at = KEYWORDS.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
    let (_, where_, holds) = KEYWORDS[at];
    where_.contains(on.letter()).then_some(holds)
}

/// Whether a play's key is `hosts` misspelt.
pub(super) fn means_hosts(key: &str) -> bool {
    find(key, On::Play).is_none()
        && (FORMER.contains(&(key, "hosts")) || nearest(key, names(On::Play)) == Some("hosts"))
}

/// The finding for a key that may not stand there.
pub(super) fn unknown(key: &str, span: Span, on: On) -> Diag {
    let diag = Diag::error("unknown-key", span, format!("`{key}` is not a keyword of a {}", on.name()));
    if let Some((_, now)) = FORMER.iter().find(|(old, _)| *old == key) {
        return diag.hint(format!("write `{now}`"));
    }
    if let Ok(at) = KEYWORDS.binary_search_by(|(known, ..)| (*known).cmp(key)) {
        let places: Vec<_> = [On::Play, On::Block, On::Task, On::Role]
            .into_iter()
            .filter(|on| KEYWORDS[at].1.contains(on.letter()))
            .map(On::name)
            .collect();
        return diag.hint(format!("`{key}` may stand on: {}", places.join(", ")));
    }
    diag.did_you_mean(key, names(on))
}

/// Keywords whose value names what does the work; others than these are Python's.
const WORKERS: &[(&str, &[&str])] = &[
    ("become_method", &["sudo", "su", "doas"]),
    ("connection", &["ssh", "local", "chroot", "nspawn", "smart", "paramiko", "paramiko_ssh", "openssh"]),
];

/// A connection or a way to become that there is not. Below a play it is a warning: the task may be skipped.
fn unsupported(on: On, key: &str, value: &Spanned<Value>) -> Option<Diag> {
    let Value::Str(text) = &value.value else { return None };
    let hints = check_worker(key, text).err()?;
    let make = if on == On::Play { Diag::error } else { Diag::warning };
    let diag = make("unsupported-value", value.span, format!("`{key}: {text}` is not supported"));
    Some(hints.into_iter().fold(diag, Diag::hint))
}

/// Whether fitout has this connection or way to become; an error says what there is instead.
pub fn check_worker(key: &str, text: &str) -> Result<(), Vec<String>> {
    let Some((_, known)) = WORKERS.iter().find(|(name, _)| *name == key) else { return Ok(()) };
    let word = text.rsplit('.').next().unwrap_or(text);
    if known.contains(&word) || word.is_empty() {
        return Ok(());
    }
    let near = nearest(word, known.iter().copied()).map(|right| format!("did you mean `{right}`?"));
    let some: Vec<_> = known.iter().take(4).copied().collect();
    Err(near.into_iter().chain([format!("there is {}", some.join(", "))]).collect())
}

/// Takes a keyword's value into `keywords`, or says what is wrong with it.
pub(super) fn take(
    ctx: &mut Ctx,
    on: On,
    key: Spanned<Arc<str>>,
    value: Spanned<Value>,
    keywords: &mut Keywords,
) {
    let Some(holds) = find(&key.value, on).or(key.value.starts_with("with_").then_some(Any)) else {
        ctx.diags.push(unknown(&key.value, key.span, on));
        return;
    };
    if let Some(diag) = unsupported(on, &key.value, &value) {
        ctx.diags.push(diag);
    }
    if let Some(wanted) = wrong(holds, &value.value) {
        let message = format!("`{}` wants {wanted}, not {}", key.value, words(&value.value));
        let diag = Diag::error("wrong-type", value.span, message);
        ctx.diags.push(match (holds, &value.value) {
            (List, Value::Str(text)) => diag.hint(format!("of a variable: \"{{{{ {text} }}}}\"")),
            (Name, _) => diag.hint("letters, digits and `_`, and no digit first"),
            _ => diag,
        });
        return;
    }
    if &*key.value == "vars" {
        check_names(ctx, &value);
    }
    if &*key.value == "loop_control" {
        check_loop_control(ctx, &value);
    }
    keywords.0.push((key, value));
}

/// What the keyword wants, where the value is not that.
fn wrong(holds: Holds, value: &Value) -> Option<&'static str> {
    use Value as V;
    let scalar = |v: &V| !matches!(v, V::List(_) | V::Map(_));
    let good = match (holds, value) {
        (Map, V::Template(_)) => false,
        // An empty keyword is as good as none.
        (_, V::Template(_) | V::Secret(_) | V::Null) => true,
        (Any | Part, _) => true,
        (Text, v) => scalar(v),
        (Bool, V::Bool(_) | V::Int(0 | 1)) => true,
        // Conditionals of old: `ignore_errors: some_variable` is an expression only with braces.
        (Bool, V::Str(text)) => is_bool_word(text),
        (Int, V::Int(_)) | (Number, V::Int(_) | V::Float(_)) => true,
        (Int | Number, V::Str(text)) => text.trim().trim_end_matches('%').parse::<f64>().is_ok(),
        (Int, V::Float(f)) => f.fract() == 0.0,
        (Test, V::List(items)) => items.iter().all(scalar),
        (Test, v) => scalar(v),
        (Texts, V::List(items)) => items.iter().all(scalar),
        (Texts, v) => scalar(v),
        (List, V::List(_)) | (Map | Maps, V::Map(_)) => true,
        (Maps, V::List(items)) => items.iter().all(|i| matches!(i, V::Map(_) | V::Template(_) | V::Null)),
        (Name, V::Str(text)) => is_name(text),
        _ => false,
    };
    (!good).then_some(match holds {
        Text => "text",
        Bool => "true or false",
        Int | Number => "a number",
        Test => "a condition or a list of them",
        Texts => "text or a list of texts",
        List => "a list",
        Map => "a mapping",
        Maps => "a mapping or a list of mappings",
        Name => "the name of a variable",
        Any | Part => "another value",
    })
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Int(_) | Value::Float(_) => "a number".into(),
        Value::Str(text) => format!("the text `{text:.60}`"),
        Value::Template(_) => "a template".into(),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a mapping".into(),
        Value::Secret(_) | Value::Unknown(_) | Value::Omit => "text".into(),
    }
}

fn is_bool_word(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "no" | "true" | "false" | "on" | "off" | "y" | "n" | "t" | "f" | "1" | "0"
    )
}

/// Whether text may name a variable.
pub fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn check_names(ctx: &mut Ctx, vars: &Spanned<Value>) {
    for key in vars.value.as_map().into_iter().flat_map(|m| m.keys()) {
        let name = key.to_string();
        if !is_name(&name) || !matches!(key, Key::Str(_)) {
            let place = ctx.key_place(vars.span, &name);
            let message = format!("`{name}` cannot name a variable");
            ctx.diags.push(
                Diag::error("bad-variable-name", place, message)
                    .hint("letters, digits and `_`, and no digit first"),
            );
        }
    }
}

fn check_loop_control(ctx: &mut Ctx, control: &Spanned<Value>) {
    const KNOWN: [&str; 7] =
        ["loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"];
    for key in control.value.as_map().into_iter().flat_map(|m| m.keys()) {
        let name = key.to_string();
        if !KNOWN.contains(&name.as_str()) {
            let place = ctx.key_place(control.span, &name);
            let message = format!("`{name}` is no part of `loop_control`");
            let diag = Diag::error("unknown-key", place, message).did_you_mean(&name, KNOWN);
            ctx.diags.push(diag.hint(format!("there is {}", KNOWN.join(", "))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_its_search() {
        assert!(KEYWORDS.is_sorted_by_key(|(name, ..)| *name));
        assert!(
            is_keyword("when", On::Task)
                && !is_keyword("when", On::Play)
                && is_keyword("with_items", On::Task)
        );
    }
}
