//! Tasks and blocks: which key is the action, and what the others are.

use super::super::ast::{Action, ActionArgs, Block, Entries, Item, Keywords, Spanned, Task};
use super::super::yaml::Node;
use super::Ctx;
use super::keywords::{self, On};
use crate::base::diag::nearest;
use crate::base::{Diag, Span, Template, Value};
use std::sync::Arc;

type Pair<'a> = (&'a Node, &'a Node);

/// A list of tasks and blocks; `what` names it in messages.
pub(super) fn items(ctx: &mut Ctx, node: &Node, what: &str) -> Vec<Item> {
    if node.is_null() {
        return Vec::new();
    }
    let Some(items) = node.as_seq() else {
        let message = format!("{what} wants a list of tasks, not {}", node.type_name());
        ctx.diags.push(Diag::error("not-a-list", node.span, message).hint("begin each task with `- `"));
        return Vec::new();
    };
    items.iter().filter_map(|item| self::item(ctx, item)).collect()
}

fn item(ctx: &mut Ctx, node: &Node) -> Option<Item> {
    let Some(pairs) = node.as_map() else {
        // `- ` with nothing behind it is skipped, as Ansible does.
        if !node.is_null() {
            let message = format!("a task is a mapping, not {}", node.type_name());
            let diag = Diag::error("not-a-task", node.span, message);
            let name = node.as_str().filter(|text| ctx.modules.contains(&***text));
            ctx.diags.push(match name {
                Some(name) => diag.hint(format!("write `- {name}:`")),
                None => diag.hint("e.g. `- name: …` with a module below it"),
            });
        }
        return None;
    };
    if ["block", "rescue", "always"].iter().any(|k| node.get(k).is_some()) {
        return Some(Item::Block(block(ctx, node, pairs)));
    }
    if node.get("hosts").is_some() && ["tasks", "roles"].iter().any(|k| node.get(k).is_some()) {
        let message = "this is a play, and tasks are wanted here";
        let diag = Diag::error("not-a-task", node.span, message);
        ctx.diags.push(diag.hint("playbooks are put together with import_playbook, beside the plays"));
        return None;
    }
    task(ctx, node, pairs).map(Item::Task)
}

fn block(ctx: &mut Ctx, node: &Node, pairs: &[(Node, Node)]) -> Block {
    let mut block = Block {
        span: node.span,
        keywords: Keywords::default(),
        body: Vec::new(),
        rescue: Vec::new(),
        always: Vec::new(),
    };
    for (k, v) in pairs {
        let key = ctx.key(k);
        match &*key.value {
            "block" | "rescue" | "always" if v.is_null() => {
                let message = format!("`{}` wants a list of tasks, and has nothing", key.value);
                ctx.diags
                    .push(Diag::error("not-a-list", key.span, message).hint("begin each task with `- `"));
            }
            "block" => block.body = items(ctx, v, "`block`"),
            "rescue" => block.rescue = items(ctx, v, "`rescue`"),
            "always" => block.always = items(ctx, v, "`always`"),
            _ => {
                let value = ctx.value(v);
                keywords::take(ctx, On::Block, key, value, &mut block.keywords);
            }
        }
    }
    if node.get("block").is_none() {
        let (key, _) = &pairs[0];
        let message = "`rescue` and `always` need a `block` beside them";
        ctx.diags.push(Diag::error("block-missing", key.span, message));
    }
    block
}

fn task(ctx: &mut Ctx, node: &Node, pairs: &[(Node, Node)]) -> Option<Task> {
    let mut keywords = Keywords::default();
    let mut extra = Entries::new();
    let mut explicit: Vec<Pair> = Vec::new();
    let mut candidates: Vec<Pair> = Vec::new();
    for (k, v) in pairs {
        let key = ctx.key(k);
        match &*key.value {
            "action" | "local_action" => explicit.push((k, v)),
            "args" => extra = self::extra(ctx, v),
            name if keywords::is_keyword(name, On::Task) => {
                let value = ctx.value(v);
                keywords::take(ctx, On::Task, key, value, &mut keywords);
            }
            _ => candidates.push((k, v)),
        }
    }
    check_loops(ctx, &keywords);
    let action = match explicit.as_slice() {
        [] => implicit(ctx, node, &candidates, extra)?,
        [(k, v)] => {
            let unknown: Vec<_> = candidates.iter().map(|(k, _)| ctx.key(k)).collect();
            for key in unknown {
                match ctx.is_module(&key.value) {
                    true => conflict(ctx, &key, k.span),
                    false => ctx.diags.push(keywords::unknown(&key.value, key.span, On::Task)),
                }
            }
            self::explicit(ctx, k, v, extra)?
        }
        [first, second, ..] => {
            let key = ctx.key(second.0);
            conflict(ctx, &key, first.0.span);
            return None;
        }
    };
    Some(Task { span: node.span, action, keywords })
}

impl Ctx<'_> {
    fn is_module(&self, name: &str) -> bool {
        let short = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|p| name.strip_prefix(p));
        self.modules.contains(name) || short.is_some_and(|s| self.modules.contains(s))
    }
}

fn conflict(ctx: &mut Ctx, key: &Spanned<Arc<str>>, first: Span) {
    let message = format!("a second action, `{}`, in one task", key.value);
    ctx.diags.push(
        Diag::error("conflicting-actions", key.span, message)
            .related(first, "the first one")
            .hint("begin a new task with `- `"),
    );
}

/// `module: arguments`: the one key that is no keyword.
fn implicit(ctx: &mut Ctx, node: &Node, candidates: &[Pair], extra: Entries) -> Option<Action> {
    let Some(chosen) = choose(ctx, candidates) else {
        no_action(ctx, node, candidates);
        return None;
    };
    let (k, v) = candidates[chosen];
    let name = ctx.key(k);
    for (at, (other, _)) in candidates.iter().enumerate() {
        let key = ctx.key(other);
        if at == chosen {
            continue;
        }
        if ctx.is_module(&key.value) {
            conflict(ctx, &key, k.span);
            continue;
        }
        let diag = keywords::unknown(&key.value, key.span, On::Task);
        ctx.diags.push(match diag.hints.is_empty() {
            true => diag.hint(format!("an argument of `{}` is indented below it", name.value)),
            false => diag,
        });
    }
    Some(Action { name, args: args(ctx, v), extra, local: false })
}

/// Which of the keys is the action: a module that is known, else one that is not nearly a keyword.
fn choose(ctx: &Ctx, candidates: &[Pair]) -> Option<usize> {
    // A keyword has no arguments.
    let called = |n: &usize| {
        let value = candidates[*n].1;
        value.as_map().is_some() || value.scalar().is_some_and(|s| s.text.contains('='))
    };
    let name = |n: &usize| candidates[*n].0.scalar().map_or("", |s| &*s.text);
    let all = || 0..candidates.len();
    let dotted = |n: &usize| name(n).matches('.').count() >= 2;
    let like_module = |n: &usize| nearest(name(n), ctx.modules.iter().copied()).is_some();
    let like_keyword =
        |n: &usize| keywords::unknown(name(n), candidates[*n].0.span, On::Task).hints.len() == 1;
    all()
        .find(|n| ctx.is_module(name(n)))
        .or_else(|| all().find(dotted))
        .or_else(|| all().find(|n| like_module(n) && !like_keyword(n)))
        .or_else(|| all().find(|n| !like_keyword(n)))
        .or_else(|| all().find(|n| like_module(n) && called(n)))
}

fn no_action(ctx: &mut Ctx, node: &Node, candidates: &[Pair]) {
    for (k, _) in candidates {
        let key = ctx.key(k);
        ctx.diags.push(keywords::unknown(&key.value, key.span, On::Task));
    }
    // The misspelt keyword is the fault; that there is no action is one more only without it.
    let first = node.as_map().and_then(|p| p.first()).map_or(node.span, |(k, _)| k.span);
    let diag = Diag::error("no-action", first, "the task has no action: no key names a module");
    ctx.diags.push(match node.as_map().is_some_and(|p| p.iter().any(|(k, _)| named(k, "args"))) {
        true => diag.hint("`args` only adds to a module's arguments; name the module too"),
        false => diag.hint("add one, e.g. `debug:`; to group tasks use `block:`"),
    });
}

fn named(key: &Node, name: &str) -> bool {
    key.scalar().is_some_and(|s| &*s.text == name)
}

fn args(ctx: &Ctx, node: &Node) -> ActionArgs {
    if let Some(pairs) = node.as_map() {
        return ActionArgs::Entries(ctx.entries(pairs));
    }
    let value = ctx.value(node);
    match value.value {
        Value::Null => ActionArgs::None,
        Value::Str(_) | Value::Template(_) => ActionArgs::Text(value),
        _ => ActionArgs::Other(value),
    }
}

/// `args:`; a template that stands for all of them is kept under a key of its own.
fn extra(ctx: &mut Ctx, node: &Node) -> Entries {
    if let Some(pairs) = node.as_map() {
        return ctx.entries(pairs);
    }
    let value = ctx.value(node);
    match value.value {
        Value::Null => Entries::new(),
        Value::Template(_) => {
            vec![(Spanned { value: crate::syntax::ast::VARIABLE_ARGS.into(), span: node.span }, value)]
        }
        _ => {
            let message = format!("`args` wants a mapping, not {}", node.type_name());
            ctx.diags.push(Diag::error("wrong-type", node.span, message));
            Entries::new()
        }
    }
}

/// `action: module k=v`, `action: {module: …}`, and the same as `local_action`.
fn explicit(ctx: &mut Ctx, key: &Node, node: &Node, extra: Entries) -> Option<Action> {
    let local = named(key, "local_action");
    let word = ctx.key(key).value;
    if let Some(pairs) = node.as_map() {
        let Some(name) = node.get("module").filter(|n| n.scalar().is_some()) else {
            let message = format!("`{word}` has no `module`");
            ctx.diags.push(Diag::error("no-action", node.span, message).hint("write `module: NAME` in it"));
            return None;
        };
        let inner = node.get("args").and_then(Node::as_map);
        let rest = pairs.iter().filter(|(k, _)| !(named(k, "module") || inner.is_some() && named(k, "args")));
        let rest = rest.chain(inner.unwrap_or_default());
        let args: Entries = rest.map(|(k, v)| (ctx.key(k), ctx.value(v))).collect();
        let args = if args.is_empty() { ActionArgs::None } else { ActionArgs::Entries(args) };
        return Some(Action { name: ctx.key(name), args, extra, local });
    }
    let Some(scalar) = node.scalar().filter(|s| !s.text.trim().is_empty()) else {
        let message = format!("`{word}` wants `MODULE ARGUMENTS` or a mapping, not {}", node.type_name());
        ctx.diags.push(Diag::error("no-action", node.span, message));
        return None;
    };
    let text = scalar.text.trim_start();
    let skipped = scalar.text.len() - text.len();
    let end = word_end(text);
    // Of a folded or escaped text these are near, not exact.
    let at = |n: usize| (scalar.content.start as usize + skipped + n).min(scalar.content.end as usize);
    let name_span = Span::new(node.span.file, at(0), at(end));
    let name = Spanned { value: Arc::from(&text[..end]), span: name_span };
    let rest = text[end..].trim();
    let args = match rest.is_empty() {
        true => ActionArgs::None,
        false => {
            let gap = text[end..].len() - text[end..].trim_start().len();
            let span = Span::new(node.span.file, at(end + gap), at(text.len()));
            let value = match super::super::yaml::is_template(rest) {
                true => Value::Template(Arc::new(Template { text: rest.into(), span: Some(span) })),
                false => Value::from(rest),
            };
            ActionArgs::Text(Spanned { value, span })
        }
    };
    Some(Action { name, args, extra, local })
}

/// The end of the first word; blanks within `{{ }}` belong to it.
fn word_end(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if c.is_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// A task has one loop.
fn check_loops(ctx: &mut Ctx, keywords: &Keywords) {
    let mut loops =
        keywords.0.iter().map(|(k, _)| k).filter(|k| &*k.value == "loop" || k.value.starts_with("with_"));
    if let (Some(first), Some(second)) = (loops.next(), loops.next()) {
        let message = format!("a second loop, `{}`, in one task", second.value);
        ctx.diags.push(
            Diag::error("conflicting-loops", second.span, message)
                .related(first.span, "the first one")
                .hint("for every pair use `loop` with the `product` filter, or a loop over include_tasks"),
        );
    }
}
