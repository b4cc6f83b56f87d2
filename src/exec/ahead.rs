//! Looking ahead: probes of later tasks travel with the first, so that N independent probes cost one round trip.
//!
//! The walk goes on from the current step through the enclosing lists and reads every task that can be read with
//! what is known now. A task that needs a name which an earlier, unfinished task will define is passed over (its
//! own names become pending too); at a step whose effect nobody can foresee the walk ends. Whatever was probed is
//! taken when its turn comes, unless an effect in between may have touched what it observed.

use super::flow::{Flow, Frame, Steps};
use super::host::{Host, TaskContext};
use super::include::Target;
use super::lockstep::Position;
use super::order::blocks_view;
use super::probes::Effect;
use super::scope::TaskScope;
use super::task::Plan;
use super::unit::{Unit, conditions};
use crate::base::Value;
use crate::eval::Truth;
use crate::graph::{Act, Step, TaskNode};
use crate::modules::Behaviour;
use crate::remote::Survey;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Tasks that were read before their turn, by their place in the play.
#[derive(Default)]
pub struct Ahead(HashMap<Position, Plan>);

impl Ahead {
    pub fn take(&mut self, at: &Position) -> Option<Plan> {
        self.0.remove(at)
    }

    pub fn keep(&mut self, wanted: impl Fn(&Plan) -> bool) {
        self.0.retain(|_, plan| wanted(plan));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What was read, in the order of its turns.
    pub fn in_order(&mut self) -> impl Iterator<Item = &mut Unit> {
        let mut plans: Vec<_> = self.0.iter_mut().collect();
        plans.sort_unstable_by_key(|(position, _)| *position);
        plans.into_iter().flat_map(|(_, plan)| &mut plan.units)
    }

    /// Forgets observations that an effect may have made untrue; what was read stays, and is probed again.
    pub fn disturb(&mut self, effect: &Effect) {
        for unit in self.0.values_mut().flat_map(|plan| &mut plan.units) {
            unit.disturbed(std::slice::from_ref(effect));
        }
    }
}

/// Names whose values are not there yet.
#[derive(Default)]
pub struct Pending {
    names: HashSet<Arc<str>>,
    /// Facts are being gathered.
    facts: bool,
    /// Any name may change (`include_vars`).
    all: bool,
}

impl Pending {
    /// Whether what is yet to come may be among these names; `None`: any name.
    pub fn touches(&self, host: &Host, uses: Option<&Vec<Arc<str>>>) -> bool {
        if self.all {
            return true;
        }
        match uses {
            None => self.facts || !self.names.is_empty(),
            Some(_) if self.names.is_empty() && !self.facts => false,
            Some(uses) => {
                let wanted = |name: &str| self.names.contains(name) || self.facts && host.may_be_fact(name);
                host.comes_to(uses, &wanted)
            }
        }
    }

    fn blocks(&self, host: &Host, node: &TaskNode) -> bool {
        self.touches(host, node.looks.as_ref().or(node.uses.as_ref()))
    }

    /// The task's scope, with what earlier tasks will register as yet unknown; `None` where more may change than that.
    fn open(&self, host: &Host, cx: &TaskContext) -> Option<Arc<TaskScope>> {
        let more = Pending { names: HashSet::new(), ..*self };
        if more.blocks(host, &cx.node) || cx.node.uses_other_hosts {
            return None;
        }
        let unknown = |name: &Arc<str>| (name.as_ref().into(), Value::Unknown("not there yet".into()));
        Some(Arc::new(cx.scope.with(self.names.iter().map(unknown).collect())))
    }

    /// What the task will define.
    pub fn add(&mut self, node: &TaskNode) {
        self.names.extend(node.keywords.register.clone());
        let Act::Module { module, args } = &node.act else { return };
        match module.spec.name.as_str() {
            "set_fact" => {
                let constant = args.keys().all(|k| k.as_str().is_some_and(|k| !k.contains("{{")));
                self.names.extend(args.keys().filter_map(|k| k.as_str()).map(Arc::from));
                self.all |= !constant;
            }
            "include_vars" => self.all = true,
            "setup" | "package_facts" | "service_facts" => {
                self.facts = true;
                self.names.extend(["services", "packages"].map(Arc::from));
            }
            "getent" => match args.get("database").map(crate::spec::to_text) {
                Some(database) if !database.contains("{{") => {
                    self.names.extend(["ansible_facts".into(), format!("getent_{database}").into()]);
                }
                _ => self.all = true,
            },
            // These facts are the name's; all others stay.
            "hostname" => self.names.extend(HOSTNAME_FACTS.map(Arc::from)),
            "add_host" | "group_by" => {
                self.names.extend(["groups", "group_names", "hostvars"].map(Arc::from))
            }
            _ => {}
        }
    }
}

/// Where the facts stand that a change of the host's name changes.
const HOSTNAME_FACTS: [&str; 5] =
    ["ansible_facts", "ansible_hostname", "ansible_nodename", "ansible_fqdn", "ansible_domain"];

/// How many tasks are read ahead at most; bounds memory on very long plays.
const WINDOW: usize = 1000;

struct Walk {
    pending: Pending,
    left: usize,
    /// The probes, which are sent when the walk is over.
    survey: Survey,
}

impl Host {
    /// Whether a name may come with facts.
    fn may_be_fact(&self, name: &str) -> bool {
        let engine_own = ["ansible_check_mode", "ansible_managed", "ansible_play_hosts", "ansible_version"];
        let given = self.base.get(name).is_some();
        (name.starts_with("ansible_") && !given && !engine_own.contains(&name)) || name == "ansible_facts"
    }

    /// Adds to the survey what can be probed now of the tasks behind the current one.
    pub fn look_ahead(&mut self, current: &TaskContext, survey: Survey) -> Survey {
        let mut walk = Walk { pending: Pending::default(), left: WINDOW, survey };
        walk.pending.add(&current.node);
        self.peek_behind(true, &mut walk);
        walk.survey
    }

    /// From the current step, which is passed over where it is a task, to the end of each enclosing list.
    fn peek_behind(&mut self, at_task: bool, walk: &mut Walk) {
        let mut position = self.position.clone();
        for (depth, cursor) in self.cursors.clone().into_iter().enumerate().rev() {
            let Some(prefix) = self.prefix(depth) else { return };
            position.truncate(prefix);
            let next = cursor.next + usize::from(at_task || depth + 1 < self.cursors.len());
            if self.scan(&cursor.steps, next, &cursor.frame, &position, walk).is_break() {
                return;
            }
            // After a body that fails or a rescue nobody knows; `always` follows both.
        }
    }

    fn scan(
        &mut self,
        steps: &Steps,
        from: usize,
        frame: &Arc<Frame>,
        at: &Position,
        walk: &mut Walk,
    ) -> ControlFlow<()> {
        for (index, step) in steps.steps().iter().enumerate().skip(from) {
            let mut here = at.clone();
            here.push(index);
            match step {
                Step::Task(node) => self.peek(node, frame, here, walk)?,
                Step::Block(block) => {
                    for part in [Steps::Body(Arc::clone(block)), Steps::Always(Arc::clone(block))] {
                        let mut inside = here.clone();
                        inside.push(part.part());
                        self.scan(&part, 0, frame, &inside, walk)?;
                    }
                }
                Step::Flush { .. } if self.notified.is_empty() => {}
                Step::Flush { .. } => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }

    fn peek(
        &mut self,
        node: &Arc<TaskNode>,
        frame: &Arc<Frame>,
        here: Position,
        walk: &mut Walk,
    ) -> ControlFlow<()> {
        let seen = self.ahead.0.contains_key(&here);
        if walk.left == 0 || !self.started {
            return ControlFlow::Break(());
        }
        walk.left -= 1;
        if seen {
            walk.pending.add(node);
            return ControlFlow::Continue(());
        }
        let cx = Arc::new(TaskContext::new(self, node, frame));
        if !super::tags::chosen(&self.run, &cx.keywords.tags, &cx.scope) {
            return ControlFlow::Continue(());
        }
        if self.did_before(&cx, &self.step(&here)) {
            return ControlFlow::Continue(());
        }
        let readable = !walk.pending.blocks(self, node) && !node.uses_other_hosts;
        match &node.act {
            Act::Meta(_) => self.peek_condition(&cx, &walk.pending),
            Act::IncludeTasks { .. } | Act::IncludeRole(_) => self.peek_include(&cx, readable, here, walk),
            Act::Module { module, args } => match &module.behaviour {
                Behaviour::Control | Behaviour::Cloud(_) => {
                    walk.pending.add(node);
                    ControlFlow::Continue(())
                }
                Behaviour::Staged(_) if readable && plain(&cx) => {
                    let mut plan = self.plan_units(&cx, module, args);
                    plan.units.iter_mut().for_each(|unit| unit.send_probe(&mut walk.survey));
                    let blocked = plan.units.iter().any(blocks_view);
                    self.ahead.0.insert(here, plan);
                    walk.pending.add(node);
                    if blocked { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }
                Behaviour::Staged(_) | Behaviour::Procedure(_) => {
                    walk.pending.add(node);
                    let claims = module.claims(args);
                    let everything = claims.writes.iter().any(|w| w == "*");
                    if everything && !self.run.check() {
                        self.peek_condition(&cx, &walk.pending)
                    } else {
                        ControlFlow::Continue(())
                    }
                }
            },
        }
    }

    /// A step that may turn the walk is passed only when its condition is known to be false, whatever comes of the tasks
    /// before it.
    fn peek_condition(&self, cx: &TaskContext, pending: &Pending) -> ControlFlow<()> {
        let holds = pending.open(self, cx).map(|scope| conditions(&self.run, &cx.keywords.when, &scope));
        if matches!(holds, Some(Ok(Truth::False))) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn peek_include(
        &mut self,
        cx: &Arc<TaskContext>,
        readable: bool,
        here: Position,
        walk: &mut Walk,
    ) -> ControlFlow<()> {
        if !readable || cx.keywords.loop_.is_some() {
            return self.peek_condition(cx, &walk.pending);
        }
        match conditions(&self.run, &cx.keywords.when, &cx.scope) {
            Ok(Truth::False) => return ControlFlow::Continue(()),
            Ok(Truth::True) => {}
            _ => return ControlFlow::Break(()),
        }
        let Ok(Target { body, frame, handlers, .. }) = self.include_target(cx, &cx.scope) else {
            return ControlFlow::Break(());
        };
        let public = matches!(&cx.node.act, Act::IncludeRole(call) if call.public);
        if !handlers.is_empty() || public {
            // A role that brings handlers or variables for what follows is entered for real first.
            return ControlFlow::Break(());
        }
        let mut inside = here;
        inside.push(0);
        self.scan(&Steps::Sequence(body), 0, &Arc::new(frame), &inside, walk)
    }

    /// Length of the position in front of the index of an enclosing list's steps.
    fn prefix(&self, depth: usize) -> Option<usize> {
        self.cursors.get(depth).map(|c| c.prefix)
    }

    /// Gathers facts as the play asks for, with the first probes in the same round trip.
    pub async fn gather_facts(&mut self) -> Flow {
        if !super::gather::wanted(&self.run, &self.play) {
            return Flow::Next;
        }
        let gathering = match super::gather::send(self) {
            Ok(gathering) => gathering,
            Err(flow) => return flow,
        };
        // Files of variables that need facts may change what later tasks mean.
        let early = !self.play.late_files;
        if early {
            self.look_from_the_start(true);
        }
        let flow = super::gather::receive(self, gathering).await;
        // What needed facts need not wait until its turn.
        if early && matches!(flow, Flow::Next) {
            self.look_from_the_start(false);
        }
        flow
    }

    /// Probes what can be of the play's tasks; `facts`: whether these are yet to come.
    fn look_from_the_start(&mut self, facts: bool) {
        let body = Steps::Sequence(Arc::clone(&self.play.plan.body));
        self.cursors.push(super::host::Cursor { steps: body, next: 0, frame: Arc::default(), prefix: 0 });
        let pending = Pending { facts, ..Pending::default() };
        let mut walk = Walk { pending, left: WINDOW, survey: Survey::default() };
        self.peek_behind(false, &mut walk);
        walk.survey.send();
        self.cursors.pop();
    }
}

/// Nothing about the task that makes its probe more than a look on its own host.
fn plain(cx: &TaskContext) -> bool {
    let k = &cx.keywords;
    k.delegate_to.is_none() && k.run_once.is_none() && !k.one_by_one()
}
