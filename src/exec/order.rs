//! What may be under way at once on a host: when a task waits for those in flight, and hosts for each other.

use super::ahead::Pending;
use super::flight::Flying;
use super::flow::{FailedTask, Flow};
use super::host::{Host, TaskContext};
use super::outcome::{Status, UnitOutcome};
use super::task::TaskRun;
use super::unit::{Stage, Unit, evaluated_flag};
use crate::graph::Act;
use crate::modules::Behaviour;
use crate::remote::Become;
use std::sync::Arc;

impl Host {
    pub fn any_error_is_fatal(&self, cx: &TaskContext) -> bool {
        let usual = self.run.options.any_errors_fatal;
        evaluated_flag(&self.run, &cx.keywords.any_errors_fatal, &cx.scope, usual).unwrap_or(false)
    }

    /// Whether this host's failure may stop the others, so that they go task by task.
    pub fn fatal_to_all(&self, cx: &TaskContext) -> bool {
        self.play.max_failed.is_some() || self.any_error_is_fatal(cx)
    }

    /// Whether hosts meet before this task: what it comes to may depend on how far the others got.
    pub fn meets(&mut self, cx: &TaskContext) -> bool {
        let fatal = self.any_error_is_fatal(cx);
        // An error of the task before this one counts for all, so none goes past it alone; nor past one that gives
        // facts to others.
        let behind_fatal = std::mem::replace(&mut self.behind_fatal, fatal || cx.keywords.gives_facts());
        behind_fatal || cx.node.uses_other_hosts || self.fatal_to_all(cx)
    }

    /// Waits for the others where the last task was one that none goes past alone.
    pub(super) async fn meet_behind_shared(&mut self) -> Option<Flow> {
        if !std::mem::take(&mut self.behind_fatal) {
            return None;
        }
        match self.drain().await {
            Flow::Next => {}
            other => return Some(other),
        }
        let position = self.position.clone();
        self.batch.reach(&self.name, &position).await;
        self.failed_elsewhere()
    }

    /// Awaits all that a part of a block, or of the play, has sent; nobody leaves it alone behind a task whose error
    /// counts for all.
    pub(super) async fn drain_part(&mut self) -> Flow {
        match self.drain().await {
            Flow::Next => {}
            other => return other,
        }
        // Behind every step of the part, before what comes after it.
        self.position.push(usize::MAX);
        let failed = self.meet_behind_shared().await;
        self.position.pop();
        failed.unwrap_or(Flow::Next)
    }

    /// This host's error counts for all.
    pub fn fatal_here(&mut self) {
        self.batch.set_fatal(&self.position);
        self.fatal_known = self.batch.fatal_count();
    }

    /// Fails this host where an error of another one counts for all and this one has come past its place.
    pub fn failed_elsewhere(&mut self) -> Option<Flow> {
        if !self.batch.fatal_before(&self.position, self.fatal_known) {
            return None;
        }
        self.fatal_known = self.batch.fatal_count();
        let name = "any_errors_fatal".to_string();
        let task = [("name", name.as_str()), ("action", "meta")];
        let task = task.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let result = [("msg".into(), "a task failed on another host".into())].into_iter().collect();
        Some(Flow::Failed(Arc::new(FailedTask { name, task, result, elsewhere: true })))
    }

    pub fn too_many_failed(&self) -> bool {
        self.play.max_failed.is_some_and(|limit| self.batch.failed_percentage() > limit)
    }

    /// Whether the next tasks may be decided while this one's effects are on their way: nothing that would make
    /// the outcome depend on more than its exit status.
    pub fn may_fly(&self, cx: &TaskContext) -> bool {
        let k = &cx.keywords;
        let plain = k.failed_when.is_empty()
            && !k.repeats()
            && k.ignore_errors.is_none()
            && k.ignore_unreachable.is_none()
            && k.delegate_to.is_none()
            && k.run_once.is_none()
            && k.throttle.is_none()
            && !self.fatal_to_all(cx);
        let staged = matches!(&cx.node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Staged(_)));
        let last = self.flying.back();
        let failed =
            last.is_some_and(|run| run.units.iter().any(|(_, f)| matches!(f, Flying::Landed(o) if bad(o))));
        plain && staged && !failed && self.flying.len() < 64
    }

    /// Whether everything in flight must have landed before this task is read.
    pub fn must_settle(&self, cx: &TaskContext) -> bool {
        if !self.may_fly(cx) || cx.node.uses_other_hosts {
            return true;
        }
        // What may cut the connection begins when nothing else is under way.
        if matches!(&cx.node.act, Act::Module { args, .. } if args.contains_key("confirm")) {
            return true;
        }
        // What those in flight make on this machine is read when they have landed.
        if cx.node.reads_here && self.flying.iter().any(|run| self.works_here(&run.cx)) {
            return true;
        }
        // What those in flight register or find out is known when they have landed.
        let mut pending = Pending::default();
        self.flying.iter().for_each(|run| pending.add(&run.cx.node));
        if pending.touches(self, cx.node.uses.as_ref()) {
            return true;
        }
        let user = self.shell_of(cx);
        self.flying.iter().any(|run| run.shells().any(|s| Some(s) != user.as_ref()))
    }

    fn shell_of(&self, cx: &TaskContext) -> Option<Become> {
        super::connect::become_of(&self.run, &cx.keywords, &cx.scope).ok()
    }
}

impl TaskRun {
    /// Whether an effect in flight may touch anything.
    pub fn touches_everything(&self) -> bool {
        self.units.iter().any(|(_, flying)| match flying {
            Flying::Applying { ready, .. } => ready.claims.writes.iter().any(|w| w == "*"),
            Flying::Landed(_) => false,
        })
    }

    /// The shells that effects of this task run in.
    pub fn shells(&self) -> impl Iterator<Item = &Become> {
        shells(&self.units)
    }
}

/// The shells that effects of these units run in.
pub fn shells(units: &[(Unit, Flying)]) -> impl Iterator<Item = &Become> {
    units.iter().filter_map(|(_, flying)| match flying {
        Flying::Applying { ready, .. } => Some(&ready.who),
        Flying::Landed(_) => None,
    })
}

fn bad(outcome: &UnitOutcome) -> bool {
    matches!(outcome.status, Status::Failed | Status::Unreachable)
}

/// An effect that touches everything will run: what is probed behind it would be stale.
pub fn blocks_view(unit: &Unit) -> bool {
    match &unit.stage {
        Stage::Ready(ready) => !ready.check && ready.claims.writes.iter().any(|w| w == "*"),
        _ => false,
    }
}
