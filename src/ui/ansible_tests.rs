//! The texts that other tools look for.

use super::*;
use crate::exec::event::HostRecap;
use crate::ui::console::captured;
use std::time::Duration;

fn value(json: serde_json::Value) -> Value {
    Value::from_json(&json)
}

fn task(name: &str, action: &str, node: usize) -> TaskRef {
    let place = "/p/site.yml:3:7".to_string();
    TaskRef { host: "h1".into(), node, name: name.into(), action: action.into(), place, handler: false }
}

fn item(label: Option<&str>, outcome: Outcome, result: serde_json::Value) -> ItemDone {
    let label = label.map(Value::from);
    ItemDone {
        label,
        delegate: String::new(),
        outcome,
        change: None,
        message: String::new(),
        result: value(result),
        warnings: vec![],
        attempts: 1,
    }
}

fn done(task: TaskRef, outcome: Outcome, items: Vec<ItemDone>, verbose: bool) -> Event {
    let result = items.first().map(|i| i.result.clone()).unwrap_or_default();
    let message = String::new();
    Event::TaskDone(Box::new(TaskDone { task, outcome, items, result, message, no_log: false, verbose }))
}

fn shown(verbosity: u8, events: &[Event]) -> String {
    let (console, bytes) = captured();
    let view = View { verbosity, ..View::default() };
    let sink = Ansible::new(console.clone(), console, view, None);
    sink.event(&Event::PlayStarted { name: "Base".into(), hosts: vec!["h1".into()] });
    events.iter().for_each(|e| sink.event(e));
    let recap = HostRecap { ok: 1, ..HostRecap::default() };
    sink.event(&Event::RunDone {
        recap: vec![("h1".into(), recap)],
        elapsed: Duration::ZERO,
        round_trips: 1,
    });
    let text = bytes.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

#[test]
fn plays_tasks_and_recap_have_their_banners() {
    let text = shown(
        0,
        &[done(
            task("ping", "ping", 1),
            Outcome::Ok,
            vec![item(None, Outcome::Ok, serde_json::json!({}))],
            false,
        )],
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], format!("PLAY [Base] {}", "*".repeat(68)));
    assert_eq!(lines[3], format!("TASK [ping] {}", "*".repeat(68)));
    assert_eq!(lines[4], "ok: [h1]");
    assert!(lines[6].starts_with("PLAY RECAP ***"), "{text}");
    assert!(
        lines[7].starts_with("h1                         : ok=1    changed=0    unreachable=0"),
        "{text}"
    );
}

/// Tasks begin while others are under way: each has one banner, with what came of it.
#[test]
fn a_banner_stands_over_its_outcome() {
    let told = |name: &str, node| {
        let mut ok = vec![item(None, Outcome::Ok, serde_json::json!({"msg": "All assertions passed"}))];
        ok[0].message = "All assertions passed".into();
        done(task(name, "assert", node), Outcome::Ok, ok, false)
    };
    let begun = |name: &str, node| Event::TaskStarted(task(name, "assert", node));
    let text =
        shown(0, &[begun("A", 1), begun("B", 2), told("A", 1), told("B", 2), begun("C", 3), told("C", 3)]);
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("TASK") || l.contains("ok: [h1]")).collect();
    let heads: Vec<String> = lines.iter().map(|line| line.chars().take(8).collect()).collect();
    assert_eq!(heads, ["TASK [A]", "ok: [h1]", "TASK [B]", "ok: [h1]", "TASK [C]", "ok: [h1]"], "{text}");
    assert!(text.contains("ok: [h1] => {\n    \"msg\": \"All assertions passed\"\n}"), "{text}");
}

#[test]
fn items_are_told_as_python_does_and_with_the_host_they_went_to() {
    let label = serde_json::json!({"name": "it's", "n": [1, null, true]});
    let mut one = item(None, Outcome::Changed, serde_json::json!({"changed": true}));
    (one.label, one.delegate) = (Some(value(label)), "db1".into());
    let mut alone = item(None, Outcome::Ok, serde_json::json!({}));
    alone.delegate = "db2".into();
    let text = shown(
        0,
        &[
            done(task("a", "copy", 1), Outcome::Changed, vec![one], false),
            done(task("b", "ping", 2), Outcome::Ok, vec![alone], false),
        ],
    );
    assert!(
        text.contains("changed: [h1 -> db1] => (item={'name': \"it's\", 'n': [1, None, True]})"),
        "{text}"
    );
    assert!(text.contains("ok: [h1 -> db2]\n"), "{text}");
}

#[test]
fn an_include_tells_what_it_included_and_a_file_of_variables_that_it_was_read() {
    let told = |action: &str, node| {
        done(
            task(action, action, node),
            Outcome::Ok,
            vec![item(None, Outcome::Ok, serde_json::json!({}))],
            false,
        )
    };
    let text = shown(0, &[told("include_vars", 1), told("include_tasks", 2), told("include_role", 3)]);
    assert_eq!(text.matches("ok: [h1]").count(), 1, "{text}");
}

#[test]
fn a_skipped_item_is_told_in_short_and_without_a_delegate() {
    let mut one = item(None, Outcome::Skipped, serde_json::json!({"changed": false}));
    (one.label, one.delegate) = (Some(value(serde_json::json!("a"))), "localhost".into());
    let mut two = item(None, Outcome::Ok, serde_json::json!({"changed": false}));
    (two.label, two.delegate) = (Some(value(serde_json::json!("b"))), "localhost".into());
    let text = shown(0, &[done(task("t", "assert", 1), Outcome::Ok, vec![one, two], true)]);
    assert!(text.contains("skipping: [h1] => (item=a) \nok: [h1 -> localhost] => (item=b) => {"), "{text}");
}

#[test]
fn a_host_that_no_facts_came_from_is_told_with_the_reason() {
    let gone =
        |host: &str| Event::Unreachable { host: host.into(), message: "the connection was refused".into() };
    let text = shown(0, &[gone("h1"), gone("h2")]);
    assert_eq!(text.matches("TASK [Gathering Facts]").count(), 1, "{text}");
    let line = "fatal: [h2]: UNREACHABLE! => {\"changed\": false, \"msg\": \"the connection was refused\", \"unreachable\": true}";
    assert!(text.contains(line), "{text}");
}

#[test]
fn retries_are_counted_without_the_first_attempt() {
    let retry =
        |attempt| Event::Retry { task: task("T", "ping", 1), attempt, retries: 2, message: String::new() };
    let text = shown(0, &[retry(1), retry(2)]);
    let left: Vec<&str> =
        text.lines().filter(|l| l.contains("RETRYING")).map(|l| &l[l.len() - 17..]).collect();
    assert_eq!(left, ["(2 retries left).", "(1 retries left)."], "{text}");
}

#[test]
fn outcomes_read_as_ansible_writes_them() {
    let json = serde_json::json!({"msg": "no", "changed": false, "_ansible_no_log": false});
    let cases = [
        (Outcome::Changed, 0, "changed: [h1]\n"),
        (Outcome::Skipped, 0, "skipping: [h1]\n"),
        (Outcome::Ok, 1, "ok: [h1] => {\"changed\": false, \"msg\": \"no\"}\n"),
        (Outcome::Failed, 0, "fatal: [h1]: FAILED! => {\"changed\": false, \"msg\": \"no\"}\n"),
        (Outcome::Ignored, 0, "FAILED! => {\"changed\": false, \"msg\": \"no\"}\n...ignoring\n"),
        (Outcome::Unreachable, 0, "fatal: [h1]: UNREACHABLE! => {"),
    ];
    for (outcome, verbosity, expected) in cases {
        let text = shown(
            verbosity,
            &[done(task("t", "x", 1), outcome, vec![item(None, outcome, json.clone())], false)],
        );
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
}

#[test]
fn loops_print_each_item() {
    let items = vec![
        item(Some("a"), Outcome::Changed, serde_json::json!({})),
        item(Some("b"), Outcome::Failed, serde_json::json!({"msg": "no"})),
    ];
    let text = shown(0, &[done(task("t", "x", 1), Outcome::Failed, items, false)]);
    assert!(
        text.contains("changed: [h1] => (item=a)\nfailed: [h1] (item=b) => {\"msg\": \"no\"}\n"),
        "{text}"
    );
}

#[test]
fn debug_shows_its_message_alone() {
    let result = serde_json::json!({"msg": "hello", "changed": false, "failed": false});
    let text =
        shown(0, &[done(task("d", "debug", 1), Outcome::Ok, vec![item(None, Outcome::Ok, result)], true)]);
    assert!(text.contains("ok: [h1] => {\n    \"msg\": \"hello\"\n}\n"), "{text}");
}

#[test]
fn a_warning_is_told_once() {
    let mut seen = item(None, Outcome::Ok, serde_json::json!({}));
    seen.warnings = vec!["old form".into()];
    let text =
        shown(0, &[1, 2].map(|node| done(task("t", "file", node), Outcome::Ok, vec![seen.clone()], false)));
    assert_eq!(text.matches("[WARNING]: old form").count(), 1, "{text}");
}
