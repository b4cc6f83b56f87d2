//! Handlers of a host: who notified them, and their run at a flush.

use super::flight::Flying;
use super::flow::{Flow, Frame};
use super::host::Host;
use super::outcome::Status;
use super::task::TaskRun;
use super::unit::Unit;
use crate::base::Value;
use crate::graph::{Act, Handler, RoleScope, TaskNode};
use crate::modules::Behaviour;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A handler as the host knows it.
pub struct Known {
    pub handler: Arc<Handler>,
    /// What the include that brought it adds to it: its variables, its loop's, its `apply`.
    pub frame: Arc<Frame>,
    /// Grows with each list of handlers that is loaded: of one name the last list's handler is the one.
    pub loaded: usize,
}

/// Who is to run at the next flush.
#[derive(Default)]
pub struct Notified {
    /// Names and topics in the order they were notified. Whom they mean is settled at the flush, as in Ansible: an
    /// include in between may bring another handler of the name.
    names: Vec<String>,
    /// Notified while handlers ran, and not come to yet.
    due: BTreeSet<usize>,
    /// Ran in the chain of what notifies them, before that was known.
    served: BTreeSet<usize>,
    flushing: bool,
}

impl Notified {
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.due.is_empty()
    }

    pub fn served(&mut self, handler: usize) {
        self.served.insert(handler);
    }
}

/// The handlers that a play begins with: each role's are a list, and the play's own.
pub fn of_play(handlers: &[Arc<Handler>]) -> Vec<Known> {
    let frame = Arc::new(Frame::default());
    let list = |handler: &Arc<Handler>| handler.task.role.as_ref().map(|role: &Arc<RoleScope>| role.instance);
    let mut loaded = 0;
    let mut before = None;
    let known = |handler: &Arc<Handler>| {
        let list = list(handler);
        loaded += usize::from(before.replace(list).is_some_and(|before| before != list));
        Known { handler: Arc::clone(handler), frame: Arc::clone(&frame), loaded }
    };
    handlers.iter().map(known).collect()
}

impl Host {
    /// Handlers that an earlier run notified and did not come to.
    pub(super) fn take_up_handlers(&mut self) {
        let Some(resume) = self.run.options.resume.clone() else { return };
        for name in resume.waiting(&self.name, self.play.number) {
            self.notify(name);
        }
    }

    /// Whether notified handlers run although the host has failed: the play says so, or else `--force-handlers`.
    pub(super) fn forced_handlers(&self) -> bool {
        self.play.forces_handlers.unwrap_or(self.run.options.force_handlers)
    }

    /// The step where handlers run. Those that what is in flight is going to notify do not wait until it has landed: their
    /// effects follow in the same chain, which a failure breaks.
    pub async fn handlers_turn(&mut self) -> Flow {
        for index in self.coming().unwrap_or_default() {
            if self.flying.is_empty() || !may_follow(&self.handlers[index].handler.task) {
                break;
            }
            match self.handle(index).await {
                Flow::Next => {}
                other => return other,
            }
        }
        match self.drain().await {
            Flow::Next => {}
            other => return other,
        }
        self.flush().await
    }

    /// Handlers that were notified, in the order they are declared; they may notify later ones.
    pub async fn flush(&mut self) -> Flow {
        let names = std::mem::take(&mut self.notified.names);
        let meant: BTreeSet<usize> = names.iter().flat_map(|name| self.answering(name)).collect();
        let served = std::mem::take(&mut self.notified.served);
        self.notified.due.extend(meant.difference(&served));
        self.notified.flushing = true;
        let flow = self.run_due().await;
        self.notified.flushing = false;
        flow
    }

    async fn run_due(&mut self) -> Flow {
        let mut index = 0;
        while index < self.handlers.len() {
            if self.notified.due.remove(&index) {
                let flow = self.handle(index).await;
                let flow = if matches!(flow, Flow::Next) { self.drain().await } else { flow };
                if !matches!(flow, Flow::Next) {
                    return flow;
                }
            }
            index += 1;
        }
        Flow::Next
    }

    async fn handle(&mut self, index: usize) -> Flow {
        let known = &self.handlers[index];
        let (handler, frame) = (Arc::clone(&known.handler), Arc::clone(&known.frame));
        let depth = self.position.len();
        self.position.push(index);
        self.handling = Some(index);
        let flow = Box::pin(self.task(&handler.task, &frame)).await;
        self.handling = None;
        self.position.truncate(depth);
        flow
    }

    /// The handlers that will be notified when what is in flight has landed well; `None` where that cannot be told.
    fn coming(&self) -> Option<BTreeSet<usize>> {
        let notified = self.notified.names.iter().flat_map(|name| self.answering(name));
        let mut coming: BTreeSet<usize> = self.notified.due.iter().copied().chain(notified).collect();
        for run in self.flying.iter().filter(|run| !run.cx.keywords.notify.is_empty()) {
            if !run.will_change()? {
                continue;
            }
            for notify in &run.cx.keywords.notify {
                let names = match self.run.engine.evaluate(notify, &*run.cx.scope).ok()? {
                    Value::List(list) => Arc::unwrap_or_clone(list),
                    one => vec![one],
                };
                coming.extend(names.iter().flat_map(|name| self.answering(&crate::spec::to_text(name))));
            }
        }
        Some(coming)
    }

    /// Marks handlers of a name or topic; `false` when there is none.
    pub fn notify(&mut self, name: &str) -> bool {
        let answering = self.answering(name);
        let known = !answering.is_empty();
        if self.notified.flushing {
            self.notified.due.extend(answering);
            return known;
        }
        // One that has run ahead was served by an earlier notification.
        self.notified.served.retain(|handler| !answering.contains(handler));
        if known && !self.notified.names.iter().any(|n| n == name) {
            self.notified.names.push(name.to_string());
        }
        known
    }

    /// The handlers of a name or topic.
    fn answering(&self, name: &str) -> Vec<usize> {
        // Of several handlers of one name the one of the list that was loaded last is meant, and in a list the first.
        let mut order: Vec<usize> = (0..self.handlers.len()).collect();
        order.sort_by_key(|index| (std::cmp::Reverse(self.handlers[*index].loaded), *index));
        let named = order.iter().find(|index| self.answers(&self.handlers[**index], name));
        let mut found: Vec<usize> = named.into_iter().copied().collect();
        let mut names: Vec<&Value> = Vec::new();
        for index in order {
            let handler = &self.handlers[index].handler;
            let known = handler.task.name.as_ref().is_some_and(|n| names.contains(&n));
            if !known && handler.listen.iter().any(|l| l.as_str() == Some(name)) {
                names.extend(&handler.task.name);
                found.push(index);
            }
        }
        found
    }

    fn answers(&self, known: &Known, name: &str) -> bool {
        let handler = &known.handler;
        if handler.aliases.iter().any(|a| &**a == name) {
            return true;
        }
        match &handler.task.name {
            Some(Value::Str(own)) => &**own == name,
            Some(template @ Value::Template(_)) => {
                let scope = self.scope(&handler.task.keywords, &known.frame, handler.task.role.as_ref());
                let own = self.run.engine.evaluate(template, &*scope);
                own.is_ok_and(|v| v.as_str() == Some(name))
            }
            _ => false,
        }
    }
}

/// Whether a handler is one job on its own host that notifies nobody.
fn may_follow(node: &TaskNode) -> bool {
    let k = &node.keywords;
    let own = k.delegate_to.is_none() && k.run_once.is_none() && !node.uses_other_hosts;
    let staged =
        matches!(&node.act, Act::Module { module, .. } if matches!(module.behaviour, Behaviour::Staged(_)));
    own && staged && k.notify.is_empty()
}

impl TaskRun {
    /// Whether it will count as changed if nothing fails; `None` where that is known only afterwards.
    fn will_change(&self) -> Option<bool> {
        if !self.cx.keywords.changed_when.is_empty() {
            return None;
        }
        let units = self.units.iter().map(will_change);
        let mut unsure = false;
        for unit in units {
            match unit {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unsure = true,
            }
        }
        (!unsure).then_some(false)
    }
}

fn will_change((_, flying): &(Unit, Flying)) -> Option<bool> {
    // They do what was decided, or fail; other jobs may find that there was nothing to do.
    let exact = ["files.write", "files.attributes", "file.make", "files.folders", "kit.remove"];
    match flying {
        Flying::Landed(outcome) => match outcome.status {
            Status::Ok | Status::Skipped => Some(false),
            Status::Changed => Some(true),
            _ => None,
        },
        Flying::Applying { applying, .. } => {
            let mut effects = applying.decision.effects.iter().filter(|job| !job.script.each);
            effects.all(|job| exact.contains(&&*job.script.name)).then_some(true)
        }
    }
}
