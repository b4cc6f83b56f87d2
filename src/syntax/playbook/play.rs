//! Plays, imports of playbooks, and uses of roles.

use super::super::ast::{Keywords, Play, PlaybookEntry, RoleUse, Spanned};
use super::super::yaml::Node;
use super::keywords::{self, On};
use super::{Ctx, task};
use crate::base::diag::nearest;
use crate::base::{Diag, Value};

const IMPORTS: [&str; 3] =
    ["import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook"];

/// The entries of a playbook.
pub(super) fn entries(ctx: &mut Ctx, node: &Node) -> Vec<PlaybookEntry> {
    let Some(items) = node.as_seq() else {
        let message = match node.is_null() {
            true => "the playbook is empty".to_string(),
            false => format!("a playbook is a list of plays, not {}", node.type_name()),
        };
        let diag = Diag::error("not-a-playbook", node.span, message);
        ctx.diags.push(match node.get("hosts").is_some() {
            true => diag.hint("begin the play with `- `: `- hosts: …`"),
            false => diag.hint("a playbook begins with `- hosts: …`"),
        });
        return Vec::new();
    };
    items.iter().filter_map(|item| entry(ctx, item)).collect()
}

fn entry(ctx: &mut Ctx, node: &Node) -> Option<PlaybookEntry> {
    let Some(pairs) = node.as_map() else {
        let message = format!("a play is a mapping, not {}", node.type_name());
        ctx.diags.push(Diag::error("not-a-play", node.span, message));
        return None;
    };
    if IMPORTS.iter().any(|key| node.get(key).is_some()) {
        return import(ctx, node, pairs);
    }
    if let Some(key) = pairs.iter().map(|(k, _)| k).find(|k| k.as_str().is_some_and(|k| &**k == "include")) {
        let diag = Diag::error("removed-key", key.span, "`include` of a playbook is no longer there");
        ctx.diags.push(diag.hint("write `import_playbook`"));
        return None;
    }
    let near = |k: &Node| k.as_str().and_then(|k| nearest(k, IMPORTS));
    if let Some((key, right)) = pairs.iter().find_map(|(k, _)| Some((k, near(k)?))) {
        let message = format!("`{}` is not a keyword of a play", key.as_str().map_or("", |k| k));
        ctx.diags
            .push(Diag::error("unknown-key", key.span, message).hint(format!("did you mean `{right}`?")));
        return None;
    }
    let meant = pairs.iter().any(|(k, _)| k.as_str().is_some_and(|k| keywords::means_hosts(k)));
    if node.get("hosts").is_none() && !meant && !looks_like_play(node) {
        let message = "this is not a play: it has no `hosts`";
        ctx.diags.push(
            Diag::error("not-a-play", node.span, message)
                .hint("tasks stand under a play's `tasks:`; a file of tasks is used with import_tasks"),
        );
        return None;
    }
    Some(PlaybookEntry::Play(play(ctx, node, pairs)))
}

fn looks_like_play(node: &Node) -> bool {
    ["tasks", "roles", "pre_tasks", "post_tasks", "handlers", "gather_facts"]
        .iter()
        .any(|k| node.get(k).is_some())
}

fn import(ctx: &mut Ctx, node: &Node, pairs: &[(Node, Node)]) -> Option<PlaybookEntry> {
    const MAY: [&str; 4] = ["name", "vars", "when", "tags"];
    let mut keywords = Keywords::default();
    let mut file = None;
    for (k, v) in pairs {
        let key = ctx.key(k);
        if IMPORTS.contains(&&*key.value) {
            file = Some(ctx.value(v));
        } else if MAY.contains(&&*key.value) {
            let on = if &*key.value == "when" { On::Task } else { On::Play };
            let value = ctx.value(v);
            keywords::take(ctx, on, key, value, &mut keywords);
        } else if !keywords::is_keyword(&key.value, On::Play) {
            let message = format!("`{}` is not a keyword of import_playbook", key.value);
            ctx.diags.push(Diag::error("unknown-key", key.span, message).did_you_mean(&key.value, MAY));
        } else {
            let message = format!("`{}` has no effect on import_playbook", key.value);
            ctx.diags
                .push(Diag::warning("unused-key", key.span, message).hint("set it in the imported plays"));
        }
    }
    let file = file?;
    if !matches!(file.value, Value::Str(_) | Value::Template(_)) {
        ctx.diags.push(Diag::error("wrong-type", file.span, "import_playbook wants the path of a playbook"));
        return None;
    }
    Some(PlaybookEntry::Import { file, keywords, span: node.span })
}

fn play(ctx: &mut Ctx, node: &Node, pairs: &[(Node, Node)]) -> Play {
    let mut play = Play {
        span: node.span,
        hosts: Spanned { value: Value::Null, span: node.span },
        keywords: Keywords::default(),
        roles: Vec::new(),
        pre_tasks: Vec::new(),
        tasks: Vec::new(),
        post_tasks: Vec::new(),
        handlers: Vec::new(),
        verify: Vec::new(),
    };
    let mut hosts = None;
    for (k, v) in pairs {
        let key = ctx.key(k);
        match &*key.value {
            "hosts" => hosts = Some(ctx.value(v)),
            "roles" => play.roles = roles(ctx, v, "roles"),
            "pre_tasks" => play.pre_tasks = task::items(ctx, v, "`pre_tasks`"),
            "tasks" => play.tasks = task::items(ctx, v, "`tasks`"),
            "post_tasks" => play.post_tasks = task::items(ctx, v, "`post_tasks`"),
            "handlers" => play.handlers = task::items(ctx, v, "`handlers`"),
            "verify" => play.verify = task::items(ctx, v, "`verify`"),
            _ => {
                let value = ctx.value(v);
                keywords::take(ctx, On::Play, key, value, &mut play.keywords);
            }
        }
    }
    check_order(ctx, &play.keywords);
    check_serial(ctx, &play.keywords);
    check_strategy(ctx, &play.keywords);
    match hosts {
        Some(hosts) if good_hosts(&hosts.value) => play.hosts = hosts,
        Some(hosts) => {
            let message = "`hosts` wants a pattern or a list of patterns";
            ctx.diags.push(Diag::error("bad-hosts", hosts.span, message).hint("e.g. `hosts: all`"));
        }
        // The key that was meant is told already.
        None if pairs.iter().any(|(k, _)| k.as_str().is_some_and(|k| keywords::means_hosts(k))) => {}
        None => {
            let first = pairs.first().map_or(node.span, |(k, _)| k.span);
            let message = "the play has no `hosts`";
            ctx.diags.push(Diag::error("bad-hosts", first, message).hint("e.g. `hosts: all`"));
        }
    }
    play
}

fn good_hosts(value: &Value) -> bool {
    match value {
        Value::Str(text) => !text.trim().is_empty(),
        Value::Template(_) => true,
        Value::List(items) => {
            !items.is_empty() && items.iter().all(|i| matches!(i, Value::Str(_) | Value::Template(_)))
        }
        _ => false,
    }
}

/// The sizes of batches, as far as they are written.
fn check_serial(ctx: &mut Ctx, keywords: &Keywords) {
    let Some(serial) = keywords.get("serial") else { return };
    let sizes = match &serial.value {
        Value::List(sizes) => sizes.to_vec(),
        one => vec![one.clone()],
    };
    let is_size = |text: &str| match text.trim().strip_suffix('%') {
        Some(share) => share.trim().parse::<f64>().is_ok(),
        None => text.trim().parse::<i64>().is_ok(),
    };
    for size in sizes.iter().filter_map(Value::as_str).filter(|text| !text.is_empty() && !is_size(text)) {
        let message = format!("serial: `{size}` is neither a number nor a percentage");
        ctx.diags
            .push(Diag::error("bad-value", serial.span, message).hint("e.g. `serial: 2`, `serial: 25%`"));
    }
}

fn check_order(ctx: &mut Ctx, keywords: &Keywords) {
    const ORDERS: [&str; 5] = ["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"];
    let Some(Spanned { value: Value::Str(order), span }) = keywords.get("order") else { return };
    if !ORDERS.contains(&&**order) {
        let message = format!("`{order}` is no order of hosts; there are {}", ORDERS.join(", "));
        ctx.diags.push(Diag::error("bad-value", *span, message).did_you_mean(order, ORDERS));
    }
}

fn check_strategy(ctx: &mut Ctx, keywords: &Keywords) {
    const STRATEGIES: [&str; 4] = ["linear", "free", "host_pinned", "debug"];
    let Some(Spanned { value: Value::Str(strategy), span }) = keywords.get("strategy") else { return };
    let short = strategy.strip_prefix("ansible.builtin.").unwrap_or(strategy);
    // Those of collections are Python's, and only say in which order hosts take turns.
    if !STRATEGIES.contains(&short) && !short.contains('.') && !short.starts_with("mitogen") {
        let message = format!("`{strategy}` is no strategy; there are {}", STRATEGIES.join(", "));
        ctx.diags.push(Diag::error("bad-value", *span, message).did_you_mean(short, STRATEGIES));
    }
}

/// The entries of `roles:` and of a role's `dependencies:`.
pub(super) fn roles(ctx: &mut Ctx, node: &Node, what: &str) -> Vec<RoleUse> {
    if node.is_null() {
        return Vec::new();
    }
    let Some(items) = node.as_seq() else {
        let message = format!("`{what}` wants a list, not {}", node.type_name());
        ctx.diags.push(Diag::error("wrong-type", node.span, message).hint("begin each role with `- `"));
        return Vec::new();
    };
    items.iter().filter_map(|item| role(ctx, item)).collect()
}

fn role(ctx: &mut Ctx, node: &Node) -> Option<RoleUse> {
    let Some(pairs) = node.as_map() else {
        let name = ctx.value(node);
        if !matches!(name.value, Value::Str(_) | Value::Template(_) | Value::Int(_)) {
            let message = format!("a role is a name or a mapping, not {}", node.type_name());
            ctx.diags.push(Diag::error("wrong-type", node.span, message));
            return None;
        }
        return Some(RoleUse { span: node.span, name, keywords: Keywords::default(), params: Vec::new() });
    };
    // `name` is the role's name where there is no `role`, as in metadata; `src` is what galaxy files say.
    let key = ["role", "name", "src"].into_iter().find(|k| node.get(k).is_some());
    let Some(key) = key else {
        let message = "the role has no name";
        ctx.diags.push(Diag::error("role-without-name", node.span, message).hint("write `- role: NAME`"));
        return None;
    };
    let name = ctx.value(node.get(key)?);
    if !matches!(name.value, Value::Str(_) | Value::Template(_) | Value::Int(_)) {
        ctx.diags.push(Diag::error("wrong-type", name.span, "the name of a role is text"));
        return None;
    }
    let mut use_ = RoleUse { span: node.span, name, keywords: Keywords::default(), params: Vec::new() };
    for (k, v) in pairs {
        let (name, value) = (ctx.key(k), ctx.value(v));
        if &*name.value == key {
        } else if keywords::is_keyword(&name.value, On::Role) {
            keywords::take(ctx, On::Role, name, value, &mut use_.keywords);
        } else if keywords::is_keyword(&name.value, On::Task) {
            // `register`, `loop` … do nothing on a role; as a parameter they would be silent.
            ctx.diags.push(keywords::unknown(&name.value, name.span, On::Role));
        } else {
            use_.params.push((name, value));
        }
    }
    Some(use_)
}
