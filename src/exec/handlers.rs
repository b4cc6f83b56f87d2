//! Handlers of a host: who notified them, and their run at a flush.

use super::flow::{Flow, Frame};
use super::host::Host;
use crate::base::Value;
use crate::graph::Handler;
use std::sync::Arc;

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
        let set = self.play.plan.force_handlers.as_ref().and_then(crate::spec::to_bool);
        set.unwrap_or(self.run.options.force_handlers)
    }

    /// Handlers that were notified, in the order they are declared; they may notify later ones.
    pub async fn flush(&mut self, frame: &Arc<Frame>) -> Flow {
        let mut index = 0;
        while index < self.handlers.len() {
            if self.notified.remove(&index) {
                let handler = Arc::clone(&self.handlers[index]);
                let depth = self.position.len();
                self.position.push(index);
                self.handling = true;
                let flow = Box::pin(self.task(&handler.task, frame)).await;
                let flow = if matches!(flow, Flow::Next) { self.drain().await } else { flow };
                self.handling = false;
                self.position.truncate(depth);
                if !matches!(flow, Flow::Next) {
                    return flow;
                }
            }
            index += 1;
        }
        Flow::Next
    }

    /// Marks handlers of a name or topic; `false` when there is none.
    pub fn notify(&mut self, name: &str) -> bool {
        let mut found = false;
        // Of several handlers of one name the last declared is the one, as in Ansible.
        let by_name = self.handlers.iter().rposition(|h| self.answers(h, name));
        if let Some(index) = by_name {
            self.notified.insert(index);
            found = true;
        }
        // A role that is included again brings its handlers again: of one name the last listens.
        let mut names: Vec<&Value> = Vec::new();
        for (index, handler) in self.handlers.iter().enumerate().rev() {
            let known = handler.task.name.as_ref().is_some_and(|n| names.contains(&n));
            if !known && handler.listen.iter().any(|l| l.as_str() == Some(name)) {
                names.extend(&handler.task.name);
                self.notified.insert(index);
                found = true;
            }
        }
        found
    }

    fn answers(&self, handler: &Handler, name: &str) -> bool {
        if handler.aliases.iter().any(|a| &**a == name) {
            return true;
        }
        match &handler.task.name {
            Some(Value::Str(own)) => &**own == name,
            Some(template @ Value::Template(_)) => {
                let scope = self.scope(&handler.task.keywords, &Frame::default(), handler.task.role.as_ref());
                let own = self.run.engine.evaluate(template, &*scope);
                own.is_ok_and(|v| v.as_str() == Some(name))
            }
            _ => false,
        }
    }
}
