//! Lists of tasks as steps: keywords inherited, imports replaced by what they name, modules and arguments bound.

use super::keywords::{inherit, many};
use super::known;
use super::load::{missing, tidy};
use super::unit::{Frame, Noted, Unit, Written};
use crate::base::{Diag, Map, Span, Value};
use crate::graph::{Act, BlockNode, Loop, Sequence, Step, TaskKeywords, TaskNode};
use crate::syntax::ast::{Block, Entries, Item, Task};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Unit<'_> {
    /// The tasks of a file, with the frame of where it is named.
    pub fn task_file(&mut self, path: &Path, span: Span, frame: &Frame) -> Vec<Step> {
        if frame.is_inside(path) {
            self.diags.push(import_cycle(path, span, frame));
            return Vec::new();
        }
        let Some(items) = self.c.loader.tasks(path, &mut self.diags) else {
            self.incomplete = true;
            self.handlers_incomplete |= frame.handlers;
            return Vec::new();
        };
        self.items(&items, &frame.enter(path, Some(span)))
    }

    pub fn items(&mut self, items: &[Item], frame: &Frame) -> Vec<Step> {
        let mut steps = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Task(task) => steps.extend(self.task(task, frame)),
                Item::Block(block) => steps.push(self.block(block, frame)),
            }
        }
        steps
    }

    fn block(&mut self, block: &Block, frame: &Frame) -> Step {
        self.check_keywords(&block.keywords, frame, frame.may_be_skipped());
        let inner = frame.with(self.inherit(frame, &block.keywords));
        if let Some(notify) = block.keywords.get("notify") {
            let names = many(&notify.value);
            let place = |name: &Arc<str>| super::names::word_in(notify.span, name, &self.c.loader.sources);
            let names = names.iter().filter_map(|name| match name {
                Value::Str(name) => Some((Arc::clone(name), place(name))),
                _ => None,
            });
            self.block_notifies.extend(names);
        }
        let id = self.c.next_id();
        let rescued = !block.rescue.is_empty();
        let guarded =
            Frame { lenient: inner.lenient || rescued, rescued: inner.rescued || rescued, ..inner.clone() };
        let aside = Frame { lenient: true, ..inner.clone() };
        let mut part = |items: &[Item], frame: &Frame| Sequence { steps: self.items(items, frame) };
        let (body, rescue, always) =
            (part(&block.body, &guarded), part(&block.rescue, &aside), part(&block.always, &inner));
        Step::Block(Arc::new(BlockNode { id, span: block.span, body, rescue, always }))
    }

    pub fn inherit(&mut self, frame: &Frame, own: &crate::syntax::ast::Keywords) -> TaskKeywords {
        let mut keywords = inherit(&frame.keywords, own);
        if own.get("module_defaults").is_some() {
            super::defaults::normalise(&mut keywords.module_defaults);
            super::defaults::check_groups(own, &mut self.diags);
            if let Some(written) = own.get("module_defaults") {
                self.check_defaults(written, frame);
            }
        }
        keywords
    }

    /// One task: a node, the steps of an import, or a flush.
    pub fn task(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        let name = known::short(&task.action.name.value);
        match name {
            "import_tasks" => self.import_tasks(task, frame),
            "import_role" => self.import_role(task, frame),
            "include_tasks" | "include" => self.include_tasks(task, frame),
            "include_role" => self.include_role(task, frame),
            "meta" => self.meta_task(task, frame),
            "import_playbook" => {
                let message = "import_playbook stands beside plays, not among tasks";
                self.diags.push(Diag::error("misplaced-import", task.action.name.span, message));
                Vec::new()
            }
            _ => self.module_task(task, frame),
        }
    }

    fn module_task(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        let keywords = self.task_keywords(task, frame);
        let before = self.diags.iter().count();
        let Some(module) = self.module(&task.action, frame) else {
            // A list that is only known when the task runs is often empty.
            let listed = |l: &Loop| match l {
                Loop::Items(items) | Loop::With { terms: items, .. } => matches!(items, Value::Template(_)),
            };
            let conditional = frame.conditional
                || !keywords.when.is_empty()
                || keywords.loop_.as_ref().is_some_and(listed)
                || frame.may_fail(&task.keywords);
            let Some((module, args)) = self.stand_in(&task.action, conditional, before) else {
                return Vec::new();
            };
            let act = Act::Module { module, args: Arc::new(args) };
            return vec![Step::Task(self.node(task, act, keywords, frame, &Entries::new(), None))];
        };
        let entries = self.arguments(&task.action, Some(&module));
        self.check_module_args(task, &module, &entries, frame);
        let args = to_map(&entries);
        let act = Act::Module { module, args: Arc::new(args) };
        vec![Step::Task(self.node(task, act, keywords, frame, &entries, None))]
    }

    fn meta_task(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        const KINDS: &[&str] = &[
            "clear_facts",
            "clear_host_errors",
            "end_batch",
            "end_host",
            "end_play",
            "end_role",
            "flush_handlers",
            "noop",
            "refresh_inventory",
            "reset_connection",
        ];
        let entries = self.arguments(&task.action, None);
        let given = entries.iter().find(|(k, _)| matches!(&*k.value, "_raw_params" | "free_form"));
        let word = given.and_then(|(_, v)| v.value.as_str().map(|s| (s.trim().to_string(), v.span)));
        let Some((word, span)) = word else {
            let message = "meta wants the name of what to do";
            self.diags.push(Diag::error("bad-meta", task.action.name.span, message).hint(KINDS.join(", ")));
            return Vec::new();
        };
        if !KINDS.contains(&&*word) {
            let message = format!("meta cannot do `{word}`");
            self.diags
                .push(Diag::error("bad-meta", span, message).did_you_mean(&word, KINDS.iter().copied()));
            return Vec::new();
        }
        let keywords = self.task_keywords(task, frame);
        if word == "flush_handlers" && keywords.when.is_empty() {
            return vec![Step::Flush { implicit: false }];
        }
        vec![Step::Task(self.node(task, Act::Meta(word.into()), keywords, frame, &entries, None))]
    }

    pub fn task_keywords(&mut self, task: &Task, frame: &Frame) -> TaskKeywords {
        self.refuse_listen(task, frame);
        let mut keywords = self.inherit(frame, &task.keywords);
        if task.action.local {
            keywords.delegate_to = Some("localhost".into());
            keywords.connection = Some("local".into());
        }
        keywords
    }

    /// Makes the node and keeps what the checks over the play need.
    pub fn node(
        &mut self,
        task: &Task,
        act: Act,
        mut keywords: TaskKeywords,
        frame: &Frame,
        args: &Entries,
        id: Option<usize>,
    ) -> Arc<TaskNode> {
        // There is one person at the terminal, who is asked once for all hosts.
        let asks = matches!(&act, Act::Module { module, args }
            if module.spec.name == "pause" && args.contains_key("prompt"));
        if asks && keywords.run_once.is_none() {
            keywords.run_once = Some(true.into());
        }
        let name = task.keywords.get("name").map(|n| n.value.clone()).filter(|n| !n.is_null());
        let asserts = matches!(&act, Act::Module { module, .. } if module.spec.name == "assert");
        self.check_templates(task, args, (frame, &keywords), asserts);
        let uses = self.uses(&act, &keywords, frame);
        let other_hosts = uses.other_hosts || !keywords.needs.is_empty();
        let node = Arc::new(TaskNode {
            id: id.unwrap_or_else(|| self.c.next_id()),
            span: task.span,
            name,
            act,
            keywords: Arc::new(keywords),
            role: frame.role.clone(),
            uses: uses.names,
            looks: uses.looks,
            uses_other_hosts: other_hosts,
            reads_here: uses.reads_here,
        });
        let place = |entries: &Entries| -> Vec<(Arc<str>, Span, Span)> {
            entries.iter().map(|(k, v)| (Arc::clone(&k.value), k.span, v.span)).collect()
        };
        let written = Written {
            keys: place(&task.keywords.0),
            args: place(args),
            action: Some(task.action.name.span),
            action_name: Arc::clone(&task.action.name.value),
        };
        let listen = task.keywords.get("listen").map(|l| many(&l.value)).unwrap_or_default();
        self.tasks.push(Noted {
            node: Arc::clone(&node),
            handler: frame.handlers,
            lenient: frame.may_be_skipped(),
            dir: frame.dir.clone(),
            listen,
            written: Arc::new(written),
        });
        node
    }

    fn import_tasks(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        self.refuse_on_import(task, "import_tasks");
        self.check_keywords(&task.keywords, frame, frame.may_be_skipped());
        let keywords = self.task_keywords(task, frame);
        let inner = frame.with(keywords);
        let Some((_, value, span)) = self.file_options(task) else { return Vec::new() };
        match self.known_text(&value, &inner) {
            Ok(file) => match self.find_tasks(&file, frame) {
                Ok(path) => self.task_file(&path, span, &inner),
                Err(looked) => {
                    self.lost(missing("missing-file", span, &format!("`{file}`"), &looked), frame.handlers);
                    Vec::new()
                }
            },
            Err(why) => {
                let message = format!("the file of import_tasks must be known before the run: {why}");
                let diag = Diag::error("import-template", span, message);
                self.lost(diag.hint("use include_tasks, or give the variable with -e"), frame.handlers);
                Vec::new()
            }
        }
    }

    /// Words that an import cannot have, since it is gone before the run.
    pub fn refuse_on_import(&mut self, task: &Task, what: &str) {
        for (key, _) in &task.keywords.0 {
            let word = &*key.value;
            if word == "loop" || word.starts_with("with_") {
                let message = format!("{what} cannot be looped over");
                let include = what.replace("import", "include");
                self.diags.push(Diag::error("import-loop", key.span, message).hint(format!("use {include}")));
            }
        }
    }

    pub fn no_file(&mut self, task: &Task) {
        let message = format!("`{}` names no file", task.action.name.value);
        let diag = Diag::error("missing-argument", task.action.name.span, message);
        self.diags.push(diag.hint(format!("write `{}: FILE.yml`", task.action.name.value)));
    }

    /// A file of tasks: beside the file that names it, then in the role, then in the playbook's folder.
    pub fn find_tasks(&self, file: &str, frame: &Frame) -> Result<PathBuf, Vec<PathBuf>> {
        let mut looked = vec![tidy(&frame.dir.join(file))];
        if let Some(role) = &frame.role {
            let part = if frame.handlers { "handlers" } else { "tasks" };
            looked.push(tidy(&role.path.join(part).join(file)));
            looked.push(tidy(&role.path.join("tasks").join(file)));
            looked.push(tidy(&role.path.join(file)));
        }
        looked.push(tidy(&self.play.playbook_dir.join("tasks").join(file)));
        looked.push(tidy(&self.play.playbook_dir.join(file)));
        let found = looked.iter().find(|p| self.c.loader.is_there(p) && p.is_file()).cloned();
        found.ok_or_else(|| {
            let mut seen = std::collections::HashSet::new();
            looked.into_iter().filter(|p| seen.insert(p.clone())).collect()
        })
    }
}

/// The file that an include or import of tasks names.
pub(crate) fn file_argument(entries: &Entries) -> Option<(Value, Span)> {
    let found = entries.iter().find(|(k, _)| matches!(&*k.value, "_raw_params" | "file" | "free_form"))?;
    let value = match &found.1.value {
        Value::Str(text) => Value::from(text.trim()),
        other => other.clone(),
    };
    Some((value, found.1.span))
}

pub(crate) fn to_map(entries: &Entries) -> Map {
    entries.iter().map(|(k, v)| (Arc::clone(&k.value).into(), v.value.clone())).collect()
}

fn import_cycle(path: &Path, span: Span, frame: &Frame) -> Diag {
    let from = frame.chain.iter().position(|(p, _)| p == path).unwrap_or(0);
    let names: Vec<String> = frame.chain[from..].iter().map(|(p, _)| p.display().to_string()).collect();
    let message = format!("files import each other in a circle: {} → {}", names.join(" → "), path.display());
    Diag::error("cycle", span, message)
}
