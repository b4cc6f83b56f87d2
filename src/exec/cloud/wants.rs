//! Which units of a run are one node, and where each says that its thing is ([`crate::modules::cloud::place`]).
//!
//! A unit that finds a thing of its node elsewhere has to know whether another means it, before that other's turn comes.
//! So the items of a loop are noted together, and before a task begins those of the play behind it that may be its node.

use super::super::flow::Frame;
use super::super::host::{Host, TaskContext};
use super::super::loops;
use super::super::scope::TaskScope;
use super::super::state::{Run, locked};
use super::super::unit::{arguments, conditions};
use super::unit::CloudTask;
use crate::base::{Map, Value};
use crate::cloud::Access;
use crate::eval::Truth;
use crate::graph::{Act, NodeId, Step, TaskKeywords, TaskNode};
use crate::modules::cloud::place::Want;
use crate::modules::cloud::{CloudModule, Group, Place};
use crate::modules::{Args, ArgsExt, Behaviour, Module};
use std::collections::HashMap;
use std::sync::Arc;

/// Longer texts of items are told by their position.
const LONGEST_ITEM: usize = 60;

/// A node in one account and region.
pub type Key = (Access, String, String);

/// By node; and of things without a name, which nodes are whose.
#[derive(Default)]
pub struct Wants {
    all: HashMap<Key, Vec<Want>>,
    /// The tasks that are the node itself, not an item's part of it.
    bare: HashMap<Key, String>,
}

/// How one of several items without a name is told from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// Behind the node's name; empty where nothing else is that node.
    pub suffix: String,
    /// What it may have been called when the loop had another length.
    pub also: Option<String>,
}

impl Wants {
    fn note(&mut self, key: Key, want: Want) {
        let wants = self.all.entry(key).or_default();
        match wants.iter_mut().find(|w| w.place == want.place && !w.place.is_open()) {
            Some(known) => known.beyond &= want.beyond,
            None => wants.push(want),
        }
    }

    /// What was not known of a task is told anew, or not at all: it was left out.
    pub fn forget_open(&mut self, task: &str) {
        self.all.values_mut().for_each(|wants| wants.retain(|w| w.task != task || !w.place.is_open()));
    }

    /// So is what was thought of it before its turn, where that is no more so. What a turn has told stays: an include in a loop
    /// has several.
    fn forget_but(&mut self, task: &str, now: &[Expected]) {
        let holds = |key: &Key, place: &Place| now.iter().any(|e| e.key == *key && e.place == *place);
        for (key, wants) in &mut self.all {
            let stays = |w: &Want| !w.place.is_open() && (!w.beyond || holds(key, &w.place));
            wants.retain(|w| w.task != task || stays(w));
        }
    }

    /// Whether something of the task is known.
    fn knows(&self, task: &str) -> bool {
        self.all.values().flatten().any(|w| w.task == task)
    }

    /// Whether another task of the region may be a node of this one, and is not known yet.
    pub fn is_unclear(&self, task: &str) -> bool {
        let other = |w: &Want| w.task != task && w.place.is_open() && !w.beyond;
        self.all.values().any(|wants| wants.iter().any(|w| w.task == task) && wants.iter().any(other))
    }

    /// What a unit of this node is told of the others.
    pub fn group(&self, key: &Key, own: Place, from: String, task: String) -> Group {
        Group { wants: self.all.get(key).cloned().unwrap_or_default(), own, from, task }
    }
}

/// One unit as it is known before its turn.
struct Expected {
    key: Key,
    place: Place,
}

/// `None`: it means no thing of its own, or it cannot be told which.
fn expected(
    run: &Run,
    keywords: &TaskKeywords,
    module: &Module,
    raw: &Map,
    scope: &Arc<TaskScope>,
) -> Option<Expected> {
    let Behaviour::Cloud(cloud) = &module.behaviour else { return None };
    let args = args(run, keywords, module, raw, scope)?;
    let place = cloud.place(&args);
    let gone = matches!(args.str("state"), "absent" | "terminated");
    if gone || !place.says() || matches!(conditions(run, &keywords.when, scope), Ok(Truth::False)) {
        return None;
    }
    Some(Expected { key: key(run, keywords, module, &**cloud, &args, scope)?, place })
}

fn args(
    run: &Run,
    keywords: &TaskKeywords,
    module: &Module,
    raw: &Map,
    scope: &Arc<TaskScope>,
) -> Option<Args> {
    if let Ok(args) = arguments(run, keywords, module, raw, scope) {
        return Some(args);
    }
    let known = |value: &Value| {
        run.engine.evaluate(value, &**scope).unwrap_or_else(|e| Value::Unknown(e.to_string().into()))
    };
    crate::modules::coerce(&module.spec, raw.iter().map(|(k, v)| (k.clone(), known(v))).collect()).ok()
}

fn key(
    run: &Run,
    keywords: &TaskKeywords,
    module: &Module,
    cloud: &dyn CloudModule,
    args: &Args,
    scope: &Arc<TaskScope>,
) -> Option<Key> {
    let name = cloud.key(&super::nodes::marked_all(args));
    if name.contains(super::nodes::MARK) {
        return None;
    }
    let access = super::access::of_task(run, keywords, args, scope).ok()?;
    let stack = super::access::stack(run, scope).ok()?;
    Some((access, stack, super::nodes::node(&module.spec.name, &cloud.key(args))))
}

impl CloudTask {
    /// By which its units are known.
    fn name(&self) -> String {
        format!("{} {}", self.task.host, self.cx.node.id)
    }

    pub fn unit_name(&self, index: usize) -> String {
        format!("{} {index}", self.name())
    }

    /// What a unit is told of others that are its node.
    pub fn group(&self, run: &Run, key: &Key, place: Place, index: usize) -> Group {
        locked(&run.cloud.wants).group(key, place, self.unit_name(index), self.name())
    }

    /// All items, before the first is carried out.
    pub fn note_wants(&mut self, run: &Run) {
        self.tell_apart(run);
        self.expect(run, false);
        self.expect_passes(run);
    }

    fn expect(&self, run: &Run, beyond: bool) {
        let found = |unit: &super::unit::CloudUnit| {
            expected(run, &self.cx.keywords, &self.module, &self.raw, &unit.scope)
        };
        let (of, found): (Vec<usize>, Vec<Expected>) =
            self.units.iter().filter_map(|unit| Some((unit.index, found(unit)?))).unzip();
        let mut wants = locked(&run.cloud.wants);
        wants.forget_but(&self.name(), &found);
        for (index, Expected { key, place }) in of.into_iter().zip(found) {
            let want = Want { from: self.unit_name(index), task: self.name(), place, beyond };
            wants.note(key, want);
        }
    }

    /// Of an include in a loop every pass is this task: where all of them are one node, others may mean what this one finds.
    fn expect_passes(&self, run: &Run) {
        let names = &self.cx.frame.vars;
        if names.is_empty() {
            return;
        }
        let open = |name| (name, Value::Unknown("another pass of the include".into()));
        let open: Map = names.keys().cloned().map(open).collect();
        let task = format!("{} in other passes", self.name());
        locked(&run.cloud.wants).forget_open(&task);
        for unit in &self.units {
            let scope = Arc::new(unit.scope.with(open.clone()));
            let found = expected(run, &self.cx.keywords, &self.module, &self.raw, &scope);
            if let Some(Expected { key, place }) = found.filter(|e| e.place.is_open()) {
                let from = format!("{task} {}", unit.index);
                let want = Want { from, task: task.clone(), place, beyond: true };
                locked(&run.cloud.wants).note(key, want);
            }
        }
    }

    /// Items that name nothing and say no place that differs are told apart by themselves.
    fn tell_apart(&mut self, run: &Run) {
        let Behaviour::Cloud(cloud) = &self.module.behaviour else { return };
        let mut alike: Vec<(usize, Key, Place)> = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            let keywords = &self.cx.keywords;
            let Some(args) = args(run, keywords, &self.module, &self.raw, &unit.scope) else { continue };
            let skipped = matches!(conditions(run, &keywords.when, &unit.scope), Ok(Truth::False));
            let key = key(run, keywords, &self.module, &**cloud, &args, &unit.scope);
            if let Some(key) = key.filter(|_| cloud.nameless(&args) && !skipped) {
                alike.push((at, key, cloud.place(&args)));
            }
        }
        let name = self.name();
        let mut wants = locked(&run.cloud.wants);
        for (at, key, place) in &alike {
            let same: Vec<usize> =
                alike.iter().filter(|(_, k, p)| (k, p) == (key, place)).map(|(at, ..)| *at).collect();
            let alone = same.len() == 1;
            if alone {
                wants.bare.entry(key.clone()).or_insert_with(|| name.clone());
            }
            if self.units[*at].item.is_none() {
                continue;
            }
            let suffix = suffix(&self.units, *at, &same);
            let free = wants.bare.get(key).is_none_or(|by| *by == name);
            self.units[*at].apart = match alone {
                true => Apart { suffix: String::new(), also: Some(suffix) },
                false => Apart { suffix, also: (same[0] == *at && free).then(String::new) },
            };
        }
    }
}

/// `#web`: the item's text, or its position where that says nothing.
fn suffix(units: &[super::unit::CloudUnit], at: usize, same: &[usize]) -> String {
    let text = |at: usize| match &units[at].item {
        Some(item @ (Value::Str(_) | Value::Int(_))) => Some(crate::spec::to_text(item)),
        _ => None,
    };
    let own = text(at).filter(|t| !t.is_empty() && t.chars().count() <= LONGEST_ITEM);
    let own = own.filter(|own| !same.iter().any(|other| *other != at && text(*other).as_ref() == Some(own)));
    format!("#{}", own.unwrap_or_else(|| format!("{}", at + 1)))
}

/// Tasks of this module, wherever in these steps.
fn collect<'a>(steps: &'a [Step], module: &str, found: &mut Vec<&'a Arc<TaskNode>>) {
    for step in steps {
        match step {
            Step::Task(node) if placed(node) == Some(module) => found.push(node),
            Step::Block(block) => {
                for part in [&block.body, &block.rescue, &block.always] {
                    collect(&part.steps, module, found);
                }
            }
            _ => {}
        }
    }
}

/// The names that a task and those behind it set: their values of now say nothing of what comes later.
fn set_behind(steps: &[Step], from: NodeId, names: &mut Map) {
    for step in steps {
        match step {
            Step::Task(node) if node.id >= from => {
                let Act::Module { module, args } = &node.act else { continue };
                for name in super::region::defines(node, module, args) {
                    names.insert(Arc::clone(&name).into(), Value::Unknown(name));
                }
            }
            Step::Block(block) => {
                for part in [&block.body, &block.rescue, &block.always] {
                    set_behind(&part.steps, from, names);
                }
            }
            _ => {}
        }
    }
}

/// The module of a task whose things have places.
pub fn placed(node: &TaskNode) -> Option<&str> {
    let Act::Module { module, .. } = &node.act else { return None };
    let Behaviour::Cloud(cloud) = &module.behaviour else { return None };
    cloud.is_placed().then_some(module.spec.name.as_str())
}

impl Host {
    /// By which a task's units are known.
    pub fn wants_name(&self, node: &TaskNode) -> String {
        format!("{} {}", self.name, node.id)
    }

    /// Before a task begins: those behind it that may be its node. `nodes` are of its region, with the names that are set
    /// before their turn.
    pub fn expect_others(
        &self,
        of: &TaskNode,
        last: NodeId,
        nodes: &[(Arc<TaskNode>, Map)],
        frame: &Arc<Frame>,
    ) {
        let Some(module) = placed(of) else { return };
        for (node, pending) in nodes.iter().filter(|(node, _)| placed(node) == Some(module)) {
            self.expect_task(node, frame, pending.clone(), false);
        }
        let body = &self.play.plan.body.steps;
        let mut found = Vec::new();
        collect(body, module, &mut found);
        let mut set = Map::new();
        set_behind(body, of.id, &mut set);
        let frame = Arc::new(Frame::default());
        let here = |node: &TaskNode| node.id == of.id || nodes.iter().any(|(other, _)| other.id == node.id);
        for node in found.into_iter().filter(|node| !here(node)) {
            // One that had its turn is known; of one that was not chosen this time, the thing may be there all the same.
            if node.id > last || !locked(&self.run.cloud.wants).knows(&self.wants_name(node)) {
                self.expect_task(node, &frame, set.clone(), true);
            }
        }
    }

    fn expect_task(&self, node: &Arc<TaskNode>, frame: &Arc<Frame>, pending: Map, beyond: bool) {
        let Act::Module { module, args } = &node.act else { return };
        let mut cx = TaskContext::new(self, node, frame);
        cx.scope = Arc::new(cx.scope.with(pending));
        let cx = Arc::new(cx);
        let task = self.task_ref(&cx);
        if let Ok(all) = CloudTask::new(&self.run, &cx, module, args, task.clone()) {
            return all.expect(&self.run, beyond);
        }
        // Its items are not known: one that may be anything.
        let name = loops::variable(&self.run, &cx);
        let names: Map = [(name.into(), Value::Unknown("an item".into()))].into_iter().collect();
        let unit = super::unit::CloudUnit::plain(Arc::new(cx.scope.with(names)));
        CloudTask::of_units(&cx, module, args, task, vec![unit]).expect(&self.run, beyond);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(task: &str, at: Option<&str>) -> Want {
        let value = at.map_or_else(|| Value::Unknown("x".into()), Value::from);
        let place = Place::new(vec![("subnet", Some(value))]);
        Want { from: task.into(), task: task.into(), place, beyond: false }
    }

    #[test]
    fn places_count_once_and_what_is_not_known_is_told_anew() {
        let mut wants = Wants::default();
        let key: Key = (Access::default(), "s".into(), "n".into());
        for (task, at) in [("1", Some("a")), ("2", None), ("3", Some("a"))] {
            wants.note(key.clone(), want(task, at));
        }
        assert!(wants.all[&key].len() == 2 && wants.is_unclear("1") && !wants.is_unclear("2"));
        wants.forget_open("2");
        wants.note(key.clone(), want("2", Some("b")));
        assert!(wants.all[&key].len() == 2 && !wants.is_unclear("1"));
    }
}
