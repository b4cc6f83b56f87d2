//! What a task touches: the claims that the executor orders by, and that `fitout graph` shows.

use super::{Act, TaskKeywords, TaskNode};
use crate::base::{List, Map, Value};
use crate::modules::{Behaviour, Module};
use crate::plan::Claims;

/// Modules that change what the play itself is.
const STEERING: &[&str] =
    &["add_host", "group_by", "pause", "include_vars", "setup", "wait_for_connection", "reboot"];

/// What a module touches with these arguments. What is unknown in them makes it everything, where it matters.
pub fn touched(module: &Module, keywords: &TaskKeywords, args: &Map) -> Claims {
    let claims = module.claims(args);
    let uncounted = keywords.changed_when.iter().any(|v| *v == Value::Bool(false));
    let looks = uncounted && super::looks::only_looks(&module.spec.name, args);
    if looks { Claims { writes: Vec::new(), ..claims } } else { claims }
}

/// Whoever works as another user needs that user, whom a task or a package before it may bring.
pub fn as_user(claims: &mut Claims, user: &str) {
    if user != "root" {
        claims.reads.extend([format!("user:{user}"), "package:*".to_string()]);
    }
}

/// What is known of it before the run, and why that is everything where it is.
pub(super) fn foreseen(node: &TaskNode) -> (Claims, Option<&'static str>) {
    let everything = |why| (Claims::everything(), Some(why));
    let k: &TaskKeywords = &node.keywords;
    let Act::Module { module, args } = &node.act else {
        return everything("what it brings is known only when it runs");
    };
    if k.run_once.as_ref().is_some_and(|v| v.truth() != Some(false)) {
        return everything("run_once is a barrier for all hosts");
    }
    if STEERING.contains(&module.spec.name.as_str()) {
        return everything("it changes what later tasks mean");
    }
    if k.delegate_to.is_some() {
        return everything("it runs on another host");
    }
    if matches!(module.behaviour, Behaviour::Control) {
        return (Claims::default(), None);
    }
    let open = args.values().any(is_open);
    let known: Map = args.iter().map(|(k, v)| (k.clone(), closed(v))).collect();
    let Ok(known) = crate::spec::coerce(&module.spec, known) else {
        return everything("its arguments are known only when it runs");
    };
    let mut claims = touched(module, k, &known);
    match &k.become_user {
        Some(Value::Template(_)) => as_user(&mut claims, "*"),
        Some(user) if k.become_.is_some() => as_user(&mut claims, user.as_str().unwrap_or("root")),
        _ => {}
    }
    let total = claims.reads.iter().chain(&claims.writes).any(|c| c == "*");
    match (total, open) {
        (false, _) => (claims, None),
        (true, true) => (claims, Some("its arguments are known only when it runs")),
        (true, false) => (claims, Some("its module may touch anything")),
    }
}

fn is_open(value: &Value) -> bool {
    match value {
        Value::Template(_) | Value::Unknown(_) => true,
        Value::List(items) => items.iter().any(is_open),
        Value::Map(map) => map.values().any(is_open),
        _ => false,
    }
}

/// The value with templates as what they are before the run: unknown.
fn closed(value: &Value) -> Value {
    match value {
        Value::Template(_) => Value::Unknown("the run has begun".into()),
        Value::List(items) => items.iter().map(closed).collect::<List>().into(),
        Value::Map(map) => Value::from(map.iter().map(|(k, v)| (k.clone(), closed(v))).collect::<Map>()),
        other => other.clone(),
    }
}
