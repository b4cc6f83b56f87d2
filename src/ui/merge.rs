//! Hosts run ahead of each other; Ansible's output has all hosts of one task together. This puts events in that order.
//!
//! Each host's events stay in their order. One task is current: what hosts tell of it is passed on at once, what
//! they tell of later tasks waits. The task is over when every host has told its outcome, is out of the play, or has
//! told of another task.

use crate::exec::event::{Event, Name, TaskRef};
use indexmap::IndexMap;
use std::collections::VecDeque;

/// Holds the events of hosts that are ahead until the others have come as far.
#[derive(Default)]
pub struct Merge {
    hosts: IndexMap<Name, Host>,
    current: Option<usize>,
}

#[derive(Default)]
struct Host {
    waiting: VecDeque<(usize, Event)>,
    /// The last task whose outcome was passed on.
    told: Option<usize>,
    out: bool,
}

impl Merge {
    /// A play begins with these hosts; returns what was left of the last one.
    pub fn begin(&mut self, hosts: &[Name]) -> Vec<Event> {
        let rest = self.finish();
        self.hosts = hosts.iter().map(|h| (Name::clone(h), Host::default())).collect();
        rest
    }

    /// The host tells no more in this play.
    pub fn out(&mut self, host: &Name) -> Vec<Event> {
        self.hosts.entry(Name::clone(host)).or_default().out = true;
        self.pump()
    }

    /// Takes one event and gives those that may be shown now, in Ansible's order; often none.
    pub fn push(&mut self, task: &TaskRef, event: Event) -> Vec<Event> {
        let host = self.hosts.entry(Name::clone(&task.host)).or_default();
        host.waiting.push_back((task.node, event));
        self.pump()
    }

    /// Everything that still waits, in order.
    pub fn finish(&mut self) -> Vec<Event> {
        self.hosts.values_mut().for_each(|h| h.out = true);
        let rest = self.pump();
        self.current = None;
        self.hosts.clear();
        rest
    }

    fn pump(&mut self) -> Vec<Event> {
        let mut ready = Vec::new();
        loop {
            let Some(current) = self.current.or_else(|| self.next()) else { return ready };
            self.current = Some(current);
            for host in self.hosts.values_mut() {
                while host.waiting.front().is_some_and(|(node, _)| *node == current) {
                    let Some((node, event)) = host.waiting.pop_front() else { break };
                    if matches!(event, Event::TaskDone(_)) {
                        host.told = Some(node);
                    }
                    ready.push(event);
                }
            }
            let awaited = |h: &Host| !h.out && h.waiting.is_empty() && h.told != Some(current);
            if self.hosts.values().any(awaited) {
                return ready;
            }
            self.current = None;
        }
    }

    /// The first task of some host that no other host has still something else to tell before.
    fn next(&self) -> Option<usize> {
        let fronts = || self.hosts.values().filter_map(|h| h.waiting.front().map(|(node, _)| *node));
        let behind = |node: usize| {
            self.hosts
                .values()
                .any(|h| h.waiting.iter().skip_while(|(n, _)| *n == h.waiting[0].0).any(|(n, _)| *n == node))
        };
        fronts().find(|node| !behind(*node)).or_else(|| fronts().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::event::{Outcome, TaskDone};

    fn task(host: &str, node: usize) -> TaskRef {
        let name = format!("t{node}");
        TaskRef { host: host.into(), node, name, action: "ping".into(), place: String::new(), handler: false }
    }

    fn done(merge: &mut Merge, host: &str, node: usize) -> Vec<String> {
        let task = task(host, node);
        let result = crate::base::Value::Null;
        let message = String::new();
        let (no_log, verbose, items) = (false, false, vec![]);
        let done =
            TaskDone { task: task.clone(), outcome: Outcome::Ok, items, result, message, no_log, verbose };
        shown(merge.push(&task, Event::TaskDone(Box::new(done))))
    }

    fn shown(events: Vec<Event>) -> Vec<String> {
        let name = |e: Event| match e {
            Event::TaskDone(d) => format!("{}{}", d.task.host, d.task.node),
            _ => String::new(),
        };
        events.into_iter().map(name).collect()
    }

    #[test]
    fn a_fast_host_waits_for_the_slow_one() {
        let mut merge = Merge::default();
        merge.begin(&["a".into(), "b".into()]);
        assert_eq!(done(&mut merge, "a", 1), ["a1"]);
        assert!(done(&mut merge, "a", 2).is_empty());
        assert!(done(&mut merge, "a", 3).is_empty());
        assert_eq!(done(&mut merge, "b", 1), ["b1", "a2"]);
        assert_eq!(done(&mut merge, "b", 2), ["b2", "a3"]);
    }

    #[test]
    fn a_host_that_left_or_passed_is_not_waited_for() {
        let mut merge = Merge::default();
        merge.begin(&["a".into(), "b".into()]);
        assert_eq!(done(&mut merge, "a", 1), ["a1"]);
        assert!(done(&mut merge, "a", 2).is_empty());
        assert_eq!(done(&mut merge, "b", 2), ["a2", "b2"], "b had nothing to tell of task 1");
        assert_eq!(done(&mut merge, "a", 3), ["a3"]);
        assert!(done(&mut merge, "a", 4).is_empty());
        assert_eq!(shown(merge.out(&"b".into())), ["a4"]);
    }

    #[test]
    fn nothing_is_kept_back_at_the_end() {
        let mut merge = Merge::default();
        merge.begin(&["a".into(), "b".into()]);
        done(&mut merge, "a", 1);
        done(&mut merge, "a", 2);
        assert_eq!(shown(merge.finish()), ["a2"]);
    }
}
