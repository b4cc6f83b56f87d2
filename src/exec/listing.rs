//! What of the tags is known before a run: for `--list-tasks` and `--list-tags`.

use super::flow::Frame;
use super::options::RunOptions;
use super::scope::{PlayScope, TaskScope, host_layers, task_layers};
use super::state::Run;
use super::tags::{allows, collect};
use super::{Cancel, Work, journal, vars_files, world};
use crate::base::{Map, Value};
use crate::eval::vars::Layers;
use crate::eval::{ErrorKind, EvalError};
use crate::exec::event::{Event, Sink};
use crate::graph::{PlayPlan, RoleScope, TaskKeywords};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A run that reaches no host and writes no journal; expressions see what they would see at its beginning.
pub struct Listing {
    run: Arc<Run>,
}

/// The tags of one play's tasks.
pub struct PlayTags {
    run: Arc<Run>,
    play: Arc<PlayScope>,
    hosts: OnceCell<Vec<(Arc<str>, Layers)>>,
}

/// A task's tags.
#[derive(Debug, Default)]
pub struct Tags {
    /// Of all hosts of the play; of what only the run knows, what it waits for.
    pub shown: BTreeSet<String>,
    /// Whether a host of the play takes the task, or may.
    pub taken: bool,
    /// Whether `--list-tags` tells them: those of `never` too, where no other tags are asked for.
    pub told: bool,
}

struct Silent;

impl Sink for Silent {
    fn event(&self, _: &Event) {}
}

impl Listing {
    /// Nothing is carried out, and no journal is written, whatever the options say.
    pub fn new(options: RunOptions, work: Work) -> Listing {
        let options = RunOptions { check: true, ..options };
        let journal = journal::Journal::default();
        let run = super::new_run(options, work, Arc::new(Silent), Cancel::default(), journal, "listing");
        run.redactor.learn_value(&run.options.extra_vars.clone().into());
        Listing { run: Arc::new(run) }
    }

    /// Reads the play's `vars_files`, as far as their names are known.
    ///
    /// # Errors
    /// Such a file cannot be read.
    pub fn play(&self, plan: &Arc<PlayPlan>) -> Result<PlayTags, String> {
        let files = vars_files::of_play(&self.run, plan, &Map::new())?;
        // A pattern that only the run knows, or that has no hosts: the play's own variables are left.
        let hosts = world::play_hosts(&self.run, plan).unwrap_or_default();
        let play = PlayScope {
            plan: Arc::clone(plan),
            number: 0,
            prompts: Arc::default(),
            files: Arc::new(files.vars),
            late_files: files.late,
            batch: hosts.clone(),
            all_hosts: hosts,
            lost: Default::default(),
            max_failed: None,
            forces_handlers: None,
            start_at: None,
        };
        Ok(PlayTags { run: Arc::clone(&self.run), play: Arc::new(play), hosts: OnceCell::new() })
    }
}

impl PlayTags {
    /// The tags of a task of the play, or of the play itself.
    pub fn of(&self, keywords: &TaskKeywords, role: Option<&Arc<RoleScope>>) -> Tags {
        let mut all = Tags::default();
        if !keywords.tags.iter().any(is_open) {
            let mut own = BTreeSet::new();
            keywords.tags.iter().for_each(|tag| collect(tag, &mut own));
            self.add(own, BTreeSet::new(), &mut all);
            return all;
        }
        for (host, base) in self.hosts() {
            let scope =
                self.scope(host, task_layers(base, keywords, &Frame::default(), role.map(|r| &**r)), role);
            let (mut own, mut open) = (BTreeSet::new(), BTreeSet::new());
            for tag in &keywords.tags {
                match self.run.engine.evaluate(tag, &scope) {
                    Ok(Value::Unknown(why)) => drop(open.insert(format!("(known after {why})"))),
                    Ok(value) => {
                        self.run.redactor.learn_value(&value);
                        collect(&value, &mut own);
                    }
                    Err(error) => drop(open.insert(told(&error))),
                }
            }
            self.add(own, open, &mut all);
        }
        all
    }

    /// One host's. A task with a tag that only the run knows is listed where that could be one asked for.
    fn add(&self, own: BTreeSet<String>, open: BTreeSet<String>, all: &mut Tags) {
        let options = &self.run.options;
        let takes = |own: &BTreeSet<String>| allows(own, &options.tags, &options.skip_tags);
        let with = |tag: &str| own.iter().map(String::as_str).chain([tag]).map(str::to_string).collect();
        let mut candidates = options.tags.iter().map(String::as_str).chain(["any other"]);
        let skipped = options.skip_tags.iter().any(|tag| own.contains(tag));
        let any = options.tags.is_empty() || options.tags.iter().any(|tag| tag == "all");
        all.told |= own.contains("never") && any && !skipped;
        all.taken |= takes(&own) || !open.is_empty() && candidates.any(|tag| takes(&with(tag)));
        all.shown.extend(own.into_iter().chain(open).map(|tag| self.run.redactor.text(&tag)));
    }

    fn hosts(&self) -> &[(Arc<str>, Layers)] {
        self.hosts.get_or_init(|| {
            let mut names = self.play.all_hosts.clone();
            if names.is_empty() {
                names.push("".into());
            }
            let layers = |host: &Arc<str>| host_layers(&self.run, &self.play, host, &self.run.memory(host));
            names.into_iter().map(|host| (Arc::clone(&host), layers(&host))).collect()
        })
    }

    fn scope(&self, host: &Arc<str>, layers: Layers, role: Option<&Arc<RoleScope>>) -> TaskScope {
        let (run, play) = (Arc::clone(&self.run), Arc::clone(&self.play));
        TaskScope::new(run, play, Arc::clone(host), layers, role.cloned(), Arc::new(Vec::new))
    }
}

fn is_open(tag: &Value) -> bool {
    match tag {
        Value::List(list) => list.iter().any(is_open),
        Value::Str(_) | Value::Null => false,
        _ => true,
    }
}

fn told(error: &EvalError) -> String {
    match &error.kind {
        ErrorKind::Undefined(name) => format!("(known at run time: {name})"),
        _ => format!("(fails: {})", error.message),
    }
}
