//! `fitout graph`: the tasks of a playbook, what orders them, and what does not.

use super::args::RunArgs;
use super::fail::{Done, Fail, code};
use super::lists::{act_name, play_title, task_name, tasks};
use super::program::compile;
use super::session::Session;
use crate::base::{Map, Value};
use crate::graph::{Act, TaskNode};
use crate::modules::Behaviour;
use crate::plan::Claims;
use crate::ui::console::Console;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct GraphArgs {
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Say what orders two tasks (names or numbers)
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    why: Option<Vec<String>>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Dot,
    Json,
}

/// A task as the graph shows it.
struct Shown {
    play: String,
    name: String,
    action: String,
    place: String,
    claims: Claims,
    register: Option<Arc<str>>,
    uses: Option<Vec<Arc<str>>>,
    notify: Vec<String>,
    handler: bool,
    /// First task of a new play waits for all of the last one.
    first: bool,
}

/// Why one task comes after another.
#[derive(Debug, PartialEq)]
enum Reason {
    Claim(String, String),
    Data(Arc<str>),
    Notify(String),
    Play,
}

pub fn run(args: &GraphArgs) -> Done {
    let session = Session::begin(&args.run.output, &args.run.vars.vault)?;
    let extra = session.extra_vars(&args.run.vars)?;
    let compiled = compile(&session, &args.playbooks, &args.run, &extra, None)?;
    let mut shown = Vec::new();
    for play in &compiled.program.plays {
        let title = play_title(play);
        let place = |t: &TaskNode| session.sources.location(t.span);
        let body = tasks(&play.body).into_iter().map(|t| (t, false));
        let handlers = play.handlers.iter().map(|h| (&h.task, true));
        for (number, (task, handler)) in body.chain(handlers).enumerate() {
            shown.push(show(task, &title, place(task), handler, number == 0));
        }
    }
    let out = Console::stdout();
    if let Some([a, b]) = args.why.as_deref() {
        out.line(&why(&shown, find(&shown, a)?, find(&shown, b)?));
        return Ok(code::DONE);
    }
    let edges = edges(&shown);
    match args.format {
        Format::Text => out.line(text(&shown, &edges).trim_end()),
        Format::Dot => out.line(&dot(&shown, &edges)),
        Format::Json => out.line(&format!("{:#}", as_json(&shown, &edges))),
    }
    Ok(code::DONE)
}

fn show(task: &TaskNode, play: &str, place: String, handler: bool, first: bool) -> Shown {
    let keywords = &task.keywords;
    Shown {
        play: play.into(),
        name: task_name(task),
        action: act_name(&task.act).into(),
        place,
        claims: claims(&task.act),
        register: keywords.register.clone(),
        uses: task.uses.clone(),
        notify: keywords.notify.iter().map(super::lists::shown).collect(),
        handler,
        first,
    }
}

/// Arguments that are templates are not known here, so such a task claims everything.
fn claims(act: &Act) -> Claims {
    let Act::Module { module, args } = act else { return Claims::everything() };
    if args.values().any(is_open) {
        return Claims::everything();
    }
    let given: Map = (**args).clone();
    let Ok(args) = crate::spec::coerce(&module.spec, given) else { return Claims::everything() };
    match &module.behaviour {
        Behaviour::Staged(staged) => staged.claims(&module.spec, &args),
        Behaviour::Procedure(procedure) => procedure.claims(&module.spec, &args),
        Behaviour::Control => Claims::default(),
    }
}

fn is_open(value: &Value) -> bool {
    match value {
        Value::Template(_) | Value::Unknown(_) => true,
        Value::List(list) => list.iter().any(is_open),
        Value::Map(map) => map.values().any(is_open),
        _ => false,
    }
}

fn reasons(before: &Shown, after: &Shown) -> Vec<Reason> {
    let mut found = Vec::new();
    if after.handler && before.notify.contains(&after.name) {
        found.push(Reason::Notify(after.name.clone()));
    }
    if let Some(name) = &before.register
        && after.uses.as_ref().is_none_or(|uses| uses.contains(name))
    {
        found.push(Reason::Data(Arc::clone(name)));
    }
    let met = before.claims.conflict(&after.claims).or_else(|| after.claims.conflict(&before.claims));
    if let Some((a, b)) = met {
        found.push(Reason::Claim(a.into(), b.into()));
    }
    found
}

/// The edges, each to the nearest earlier tasks only where a chain does not say the same already.
fn edges(shown: &[Shown]) -> Vec<(usize, usize, Reason)> {
    let mut edges = Vec::new();
    let mut start = 0;
    let mut reach: Vec<Vec<bool>> = Vec::new();
    for (to, task) in shown.iter().enumerate() {
        if task.first {
            if to > 0 {
                edges.push((to - 1, to, Reason::Play));
            }
            start = to;
            reach.clear();
        }
        let mut reached = vec![false; to - start];
        for from in (start..to).rev() {
            if reached[from - start] {
                continue;
            }
            if let Some(reason) = reasons(&shown[from], task).into_iter().next() {
                edges.push((from, to, reason));
                reached[from - start] = true;
                reach[from - start]
                    .iter()
                    .enumerate()
                    .filter(|(_, r)| **r)
                    .for_each(|(n, _)| reached[n] = true);
            }
        }
        reach.push(reached);
    }
    edges
}

fn text(shown: &[Shown], edges: &[(usize, usize, Reason)]) -> String {
    let mut text = String::new();
    for (number, task) in shown.iter().enumerate() {
        if task.first {
            text += &format!("play {}\n", task.play);
        }
        let kind = if task.handler { "handler " } else { "" };
        text += &format!("  {number:>4} {kind}{} [{}] {}\n", task.name, task.action, task.place);
        for (from, _, reason) in edges.iter().filter(|(_, to, _)| *to == number) {
            text += &format!("         after {from}: {}\n", reason.words());
        }
    }
    text
}

fn dot(shown: &[Shown], edges: &[(usize, usize, Reason)]) -> String {
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = String::from("digraph fitout {\n  node [shape=box];\n");
    for (number, task) in shown.iter().enumerate() {
        let style = if task.handler { ", style=dashed" } else { "" };
        text += &format!("  n{number} [label={}{style}];\n", quote(&task.name));
    }
    for (from, to, reason) in edges {
        text += &format!("  n{from} -> n{to} [label={}];\n", quote(&reason.words()));
    }
    text + "}"
}

fn as_json(shown: &[Shown], edges: &[(usize, usize, Reason)]) -> serde_json::Value {
    let node = |(number, t): (usize, &Shown)| {
        json!({"node": number, "play": t.play, "task": t.name, "action": t.action, "place": t.place,
            "handler": t.handler, "reads": t.claims.reads, "writes": t.claims.writes})
    };
    let edge = |(from, to, reason): &(usize, usize, Reason)| json!({"from": from, "to": to, "reason": reason.words()});
    json!({"nodes": shown.iter().enumerate().map(node).collect::<Vec<_>>(),
        "edges": edges.iter().map(edge).collect::<Vec<_>>()})
}

fn find(shown: &[Shown], wanted: &str) -> Result<usize, Fail> {
    if let Some(number) = wanted.parse::<usize>().ok().filter(|n| *n < shown.len()) {
        return Ok(number);
    }
    let found = shown.iter().position(|t| t.name == wanted || t.name.ends_with(&format!(" : {wanted}")));
    found.ok_or_else(|| {
        let fail = Fail::input(format!("no task is called `{wanted}`"));
        match crate::base::diag::nearest(wanted, shown.iter().map(|t| t.name.as_str())) {
            Some(right) => fail.hint(format!("did you mean `{right}`?")),
            None => fail.hint("`fitout graph PLAYBOOK` lists tasks with their numbers"),
        }
    })
}

fn why(shown: &[Shown], a: usize, b: usize) -> String {
    let (before, after) = (a.min(b), a.max(b));
    let (first, second) = (&shown[before], &shown[after]);
    let title = format!("`{}` (node {before}) and `{}` (node {after})", first.name, second.name);
    if shown[before + 1..=after].iter().any(|t| t.first) {
        return format!("{title}: ordered, they stand in different plays");
    }
    match reasons(first, second) {
        found if found.is_empty() => {
            let claims = |c: &Claims| format!("reads {}; writes {}", words(&c.reads), words(&c.writes));
            let (one, other) = (claims(&first.claims), claims(&second.claims));
            format!("{title}: no edge, their claims are disjoint\n  {before}: {one}\n  {after}: {other}")
        }
        found => {
            let lines: Vec<String> = found.iter().map(|r| format!("  {}", r.words())).collect();
            format!("{title}: ordered\n{}", lines.join("\n"))
        }
    }
}

fn words(list: &[String]) -> String {
    if list.is_empty() { "nothing".into() } else { list.join(", ") }
}

impl Reason {
    fn words(&self) -> String {
        match self {
            Reason::Claim(a, b) if a == "*" || b == "*" => "claim: one of them may touch anything".into(),
            Reason::Claim(a, b) if a == b => format!("claim: both touch {a}"),
            Reason::Claim(a, b) => format!("claim: {a} meets {b}"),
            Reason::Data(name) => format!("data: uses `{name}`"),
            Reason::Notify(name) => format!("notify: `{name}`"),
            Reason::Play => "order: the next play".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, writes: &[&str]) -> Shown {
        let writes: Vec<String> = writes.iter().map(|w| w.to_string()).collect();
        Shown {
            play: "p".into(),
            name: name.into(),
            action: "x".into(),
            place: String::new(),
            claims: Claims { reads: writes.clone(), writes },
            register: None,
            uses: Some(vec![]),
            notify: vec![],
            handler: false,
            first: false,
        }
    }

    #[test]
    fn edges_go_where_claims_meet_and_only_to_the_nearest() {
        let mut first = task("a", &["file:/a"]);
        first.first = true;
        let tasks = [first, task("b", &["file:/b"]), task("c", &["file:/a"]), task("d", &["*"])];
        let found: Vec<(usize, usize)> = edges(&tasks).into_iter().map(|(a, b, _)| (a, b)).collect();
        assert_eq!(found, [(0, 2), (2, 3), (1, 3)]);
        assert!(why(&tasks, 0, 1).contains("disjoint"));
        assert!(why(&tasks, 2, 0).contains("both touch file:/a"));
    }

    #[test]
    fn a_registered_name_and_a_notification_are_edges() {
        let (mut a, mut b) = (task("a", &[]), task("b", &[]));
        a.first = true;
        a.register = Some("out".into());
        b.uses = Some(vec!["out".into()]);
        assert_eq!(edges(&[a, b]), [(0, 1, Reason::Data("out".into()))]);
    }
}
