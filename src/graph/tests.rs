use super::*;
use crate::base::Sources;
use crate::resolve::{CompileOptions, compile};
use std::sync::Arc;

fn graph(book: &str) -> (Result<Graph, crate::base::Diags>, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.yml");
    std::fs::write(&path, book).unwrap();
    let options = CompileOptions::new(path, Arc::default(), Sources::default());
    let compiled = compile(&options);
    (compiled.and_then(|compiled| build(&compiled.program)), options.sources)
}

const BOOK: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: one, file: {path: /a, state: directory}}\n    - {name: two, file: {path: /b, state: directory}}\n    - {name: three, file: {path: /a/x, state: touch}, notify: hup}\n    - {name: all, command: uptime, register: r}\n    - {name: after, file: {path: /c, state: touch}}\n  handlers:\n    - {name: hup, command: 'true'}\n";

#[test]
fn edges_have_reasons_and_dropped_ones_too() {
    let (graph, sources) = graph(BOOK);
    let graph = graph.unwrap();
    let why = |a, b| graph.why(a, b, &sources).unwrap();
    assert!(why("one", "two").contains("does not wait"), "{}", why("one", "two"));
    assert!(why("one", "three").contains("claim"), "{}", why("one", "three"));
    assert!(why("three", "all").contains("order: its module may touch anything"), "{}", why("three", "all"));
    assert!(why("one", "after").contains("by way of"), "{}", why("one", "after"));
    assert!(why("three", "hup").contains("notify"), "{}", why("three", "hup"));
    assert!(graph.why("onee", "two", &sources).unwrap_err().contains("did you mean `one`"));
    assert_eq!(graph.dropped.len(), 2, "one-two and two-three");
    assert!(graph.dump_dot().starts_with("digraph"));
    assert!(graph.dump_text(&sources).contains("not after"));
    assert_eq!(graph.dump_json(&sources)["nodes"].as_array().unwrap().len(), graph.nodes.node_count());
}

#[test]
fn names_order_tasks_that_touch_nothing_in_common() {
    let book = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: makes, file: {path: /a, state: touch}, register: r}\n    - {name: reads, file: {path: /b, state: touch}, when: r is changed}\n    - {name: anew, file: {path: /c, state: touch}, register: r}\n    - {name: any, file: {path: /d, state: touch}, when: \"lookup('vars', which)\"}\n    - {name: all, command: /opt/x}\n    - {name: later, file: {path: /a, state: touch}, when: \"lookup('vars', which)\"}\n";
    let (graph, sources) = graph(book);
    let graph = graph.unwrap();
    for (a, b, said) in [
        ("makes", "reads", "data: `r` is defined by it"),
        ("reads", "anew", "data: it defines `r` anew"),
        ("makes", "anew", "data: it defines `r` anew"),
        ("makes", "any", "data: which names it uses cannot be told before the run"),
        // What everything waits for stands between: no second reason is needed.
        ("makes", "later", "by way of"),
    ] {
        let why = graph.why(a, b, &sources).unwrap();
        assert!(why.contains(said), "{a} {b}: {why}");
    }
}

#[test]
fn a_circle_of_needs_is_shown() {
    let book = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: one, command: a, needs: [two]}\n    - {name: two, command: b}\n";
    let (graph, _) = graph(book);
    let diags = graph.err().unwrap();
    let diag = diags.iter().next().unwrap();
    assert_eq!(diag.code, "cycle");
    assert!(
        diag.message.contains("`two` → `one`") || diag.message.contains("`one` → `two`"),
        "{}",
        diag.message
    );
}

#[test]
fn an_unknown_need_is_named() {
    let (graph, _) = graph(
        "- hosts: all\n  tasks:\n    - {name: one, command: a, needs: [tow]}\n    - {name: two, command: b}\n",
    );
    assert_eq!(graph.err().unwrap().iter().next().unwrap().code, "unknown-need");
}

#[test]
fn what_a_task_needs_comes_before_it() {
    let book = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: one, file: {path: /a, state: directory}, needs: [three]}\n    - {name: two, file: {path: /b, state: directory}}\n    - block:\n        - {name: three, file: {path: /c, state: directory}}\n    - {name: four, file: {path: /a/d, state: directory}}\n";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.yml");
    std::fs::write(&path, book).unwrap();
    let options = CompileOptions::new(path, Arc::default(), Sources::default());
    let program = compile(&options).unwrap_or_else(|_| panic!("it compiles")).program;
    let graph = build(&program).unwrap_or_else(|_| panic!("no circle"));
    let why = graph.why("one", "three", &options.sources).unwrap();
    assert!(why.contains("`one` waits for task `three`: needs"), "{why}");
    let program = ordered(program, &graph);
    let names = |sequence: &Sequence| -> Vec<String> {
        let name = |step: &Step| match step {
            Step::Task(node) => node.name.as_ref().map(text).unwrap_or_default(),
            Step::Block(_) => "block".into(),
            Step::Flush { .. } => "flush".into(),
        };
        sequence.steps.iter().map(name).collect()
    };
    assert_eq!(names(&program.plays[0].body)[..4], ["two", "block", "one", "four"]);
}
