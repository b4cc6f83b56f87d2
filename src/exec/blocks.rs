//! Blocks: what rescues a failure, what runs in any case, and what is told of the failed task.

use super::flow::{FailedTask, Flow, Frame, Steps};
use super::host::{Host, TaskContext};
use crate::base::{List, Map, Value};
use crate::graph::{Act, BlockNode, Loop, Step};
use std::sync::Arc;

impl Host {
    pub(super) async fn block(&mut self, block: &Arc<BlockNode>, frame: &Arc<Frame>) -> Flow {
        let guarded = !block.rescue.steps.is_empty() || !block.always.steps.is_empty();
        if guarded {
            match self.drain().await {
                Flow::Next => {}
                other => return other,
            }
        }
        let rescued = usize::from(!block.rescue.steps.is_empty());
        self.rescuers += rescued;
        let mut flow = self.part(Steps::Body(Arc::clone(block)), frame).await;
        self.rescuers -= rescued;
        if !guarded {
            return flow;
        }
        // The role that ends is in the block, not the block in the role.
        let (rescue, always) = (&block.rescue.steps, &block.always.steps);
        let ended = |flow: &Flow, parts: &[&Vec<Step>]| matches!(flow, Flow::EndRole(role) if parts.iter().all(|steps| role.leading(steps) == 0));
        if ended(&flow, &[rescue, always]) {
            flow = Flow::Next;
        }
        if let Flow::Failed(failed) = &flow
            && !block.rescue.steps.is_empty()
        {
            self.ahead.clear();
            self.undone = 0;
            self.note_failure(failed);
            self.count_rescued(failed);
            flow = self.part(Steps::Rescue(Arc::clone(block)), frame).await;
            if ended(&flow, &[always]) {
                flow = Flow::Next;
            }
            if let Flow::Failed(failed) = &flow
                && self.rescuers > 0
            {
                self.note_failure(failed);
            }
        }
        if matches!(flow, Flow::Next | Flow::Failed(_)) && !block.always.steps.is_empty() {
            self.ahead.clear();
            self.forgiven = false;
            let always = self.part(Steps::Always(Arc::clone(block)), frame).await;
            let forgiven = std::mem::take(&mut self.forgiven) && matches!(flow, Flow::Failed(_));
            if forgiven {
                self.undone = 0;
            }
            // The end of a role there makes no failure good.
            let only_ends = matches!(flow, Flow::Failed(_)) && matches!(always, Flow::EndRole(_));
            if forgiven || !matches!(always, Flow::Next) && !only_ends {
                // Of two failures one reaches the rescue around, which makes both good.
                if let (Flow::Failed(before), Flow::Failed(_)) = (&flow, &always)
                    && self.rescuers > 0
                {
                    self.count_rescued(before);
                }
                flow = always;
            }
        }
        flow
    }

    async fn part(&mut self, steps: Steps, frame: &Arc<Frame>) -> Flow {
        let depth = self.position.len();
        self.position.push(steps.part());
        let mut flow = self.steps(steps, Arc::clone(frame)).await;
        if matches!(flow, Flow::Next) {
            flow = self.drain_part().await;
        }
        self.position.truncate(depth);
        flow
    }

    fn count_rescued(&self, failed: &FailedTask) {
        if !failed.elsewhere {
            self.run.count(&self.name, |r| {
                r.rescued += 1;
                r.failed = r.failed.saturating_sub(1);
            });
        }
    }

    /// For the rescue's expressions.
    fn note_failure(&mut self, failed: &FailedTask) {
        let task = Value::from(failed.task.clone());
        self.remember(|memory| {
            super::state::HostMemory::insert(&mut memory.set, "ansible_failed_task", task);
            let result = Value::from(failed.result.clone());
            super::state::HostMemory::insert(&mut memory.set, "ansible_failed_result", result);
        });
    }
}

impl TaskContext {
    /// The task as `ansible_failed_task` shows it: what it says itself and inherits, as it is written.
    pub fn fields(&self) -> Map {
        let k = &self.keywords;
        let list = |values: &[Value]| Value::from(values.iter().map(as_written).collect::<List>());
        let one = |value: &Option<Value>| value.as_ref().map_or(Value::Null, as_written);
        let vars = k.vars.iter().flat_map(|vars| vars.iter().map(|(k, v)| (k.clone(), as_written(v))));
        let args = match &self.node.act {
            Act::Module { args, .. } => args.iter().map(|(k, v)| (k.clone(), as_written(v))).collect(),
            _ => Map::new(),
        };
        let (items, with) = match &k.loop_ {
            Some(Loop::Items(items)) => (as_written(items), Value::Null),
            Some(Loop::With { lookup, terms }) => (as_written(terms), Value::from(&**lookup)),
            None => (Value::Null, Value::Null),
        };
        let register = k.register.as_ref().map_or(Value::Null, |name| name.as_ref().into());
        let fields = [
            ("name", if self.node.name.is_some() { self.bare_title().into() } else { "".into() }),
            ("action", self.node.action_name().into()),
            ("args", Value::from(args)),
            ("vars", Value::from(vars.collect::<Map>())),
            ("tags", list(&k.tags)),
            ("when", list(&k.when)),
            ("notify", list(&k.notify)),
            ("register", register),
            ("loop", items),
            ("loop_with", with),
            ("until", list(&k.until)),
            ("changed_when", list(&k.changed_when)),
            ("failed_when", list(&k.failed_when)),
            ("retries", one(&k.retries)),
            ("delay", one(&k.delay)),
            ("async", one(&k.async_)),
            ("poll", one(&k.poll)),
            ("become", one(&k.become_)),
            ("become_user", one(&k.become_user)),
            ("become_method", one(&k.become_method)),
            ("remote_user", one(&k.remote_user)),
            ("connection", one(&k.connection)),
            ("delegate_to", one(&k.delegate_to)),
            ("run_once", one(&k.run_once)),
            ("ignore_errors", one(&k.ignore_errors)),
            ("no_log", one(&k.no_log)),
            ("check_mode", one(&k.check_mode)),
            ("diff", one(&k.diff)),
            ("timeout", one(&k.timeout)),
            ("environment", list(&k.environment)),
        ];
        fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

/// A value whose templates are text.
fn as_written(value: &Value) -> Value {
    match value {
        Value::Template(template) => Value::from(&*template.text),
        Value::List(items) => Value::from(items.iter().map(as_written).collect::<List>()),
        Value::Map(map) => Value::from(map.iter().map(|(k, v)| (k.clone(), as_written(v))).collect::<Map>()),
        other => other.clone(),
    }
}
