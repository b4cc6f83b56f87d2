//! Cloud tasks: carried out on the controller, those that are independent together.
//!
//! Where a host's walk comes to a cloud task, that task and those behind it that also need no host (`set_fact`,
//! `debug`, `assert`, `fail`, `add_host`, further cloud tasks; blocks without rescue are looked into) are a *region*. Within
//! it a task begins as soon as what it waits for is done: names that it reads (`register`, `set_fact`) and things that
//! it touches ([`order`]). So a network's parts are made along the graph, not along the file. After a failure
//! nothing new begins, and what has begun is brought to its end.

mod access;
mod before;
mod destroy;
pub mod gc;
mod keys;
pub mod lock;
mod nodes;
mod order;
pub mod orphans;
mod region;
pub mod removal;
mod unit;
mod wants;

pub use destroy::finish;
pub use keys::known_hosts;

use super::cancel::{Cancel, Stop};
use super::flow::{Flow, Frame, Steps};
use super::host::{Host, TaskContext};
use super::journal::Journal;
use super::options::Mode;
use super::outcome::TaskOutcome;
use super::scope::TaskScope;
use super::state::locked;
use crate::base::{Map, Value};
use crate::cloud::{Account, Session, Tags, Thing, Witness};
use crate::graph::{Act, Step, TaskNode};
use crate::modules::{Args, Behaviour, Module, has_unknown};
use crate::plan::{Action, Change, Claims};
use order::Item;
use region::{collect, defines, is_cloud};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;
use unit::CloudTask;

/// What a run has to do with clouds.
pub struct CloudRun {
    /// The run's id, as its journal is named.
    pub id: String,
    /// The accounts that tasks use, each connected once.
    pub session: Session,
    /// The stacks and ways of access that tasks used, and in check mode what there is of their own.
    used: Mutex<Vec<Used>>,
    /// For `destroy`: where each stack is locked.
    lock_places: Mutex<HashMap<String, lock::LockPlace>>,
    /// Which units are one node.
    wants: Mutex<wants::Wants>,
    /// For `gc`: what the playbook's tasks are.
    nodes: Mutex<orphans::Nodes>,
    /// In a plan: what the changes so far would touch.
    planned: Mutex<Vec<Claims>>,
    /// In a plan: groups that get hosts when something is done, and what that is.
    to_come: Mutex<Vec<(String, String)>>,
    /// Held by a run that changes things.
    locks: lock::Locks,
    journal: Arc<Mutex<Journal>>,
    /// Tells the session that the run is being stopped; ends with the run.
    _stop: JoinSet<()>,
}

/// What one unit had to do with the cloud.
#[derive(Clone)]
pub struct Used {
    /// Its stack's name.
    pub stack: String,
    /// The account it works in.
    pub account: Arc<Account>,
    /// In check mode, what there is of its own; empty otherwise.
    pub things: Vec<(Thing, Tags)>,
}

struct InJournal(Arc<Mutex<Journal>>);

impl Witness for InJournal {
    fn note(&self, line: &serde_json::Value) {
        let mut line = line.clone();
        line["at"] = super::journal::now().into();
        locked(&self.0).line(&line);
    }

    fn begun_lately(&self, stack: &str, node: &str) -> Option<String> {
        let own = locked(&self.0).path.clone();
        before::begun_lately(&own, stack, node)
    }
}

impl CloudRun {
    /// The cloud side of the run `id`. Needs a running tokio runtime: a task hands a stop on to calls that
    /// wait.
    pub fn new(id: &str, cancel: &Cancel, journal: Arc<Mutex<Journal>>) -> CloudRun {
        let (sender, stop) = tokio::sync::watch::channel(false);
        let cancel = cancel.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            cancel.wait(Stop::Cleanly).await;
            sender.send_replace(true);
            // The channel must not close while calls listen.
            std::future::pending::<()>().await;
        });
        CloudRun {
            id: id.to_string(),
            session: Session::new(Arc::new(InJournal(Arc::clone(&journal))), stop),
            journal,
            used: Mutex::default(),
            nodes: Mutex::default(),
            wants: Mutex::default(),
            lock_places: Mutex::default(),
            planned: Mutex::default(),
            to_come: Mutex::default(),
            locks: lock::Locks::default(),
            _stop: tasks,
        }
    }

    /// In a plan: whether a decision rests on what is not there yet, so that it may come out otherwise. A removal is of what is
    /// there, though its claims are everything.
    fn foresees(&self, change: Option<&Change>, args: &Args, claims: Claims) -> bool {
        let mut planned = locked(&self.planned);
        let disturbed = || planned.iter().any(|earlier| earlier.disturbs(&claims));
        let removes = change.is_some_and(|change| change.action == Action::Delete);
        let open = args.values().any(has_unknown) || !removes && disturbed();
        if change.is_some() {
            planned.push(claims);
        }
        open
    }

    /// Lets others have the stacks that this run held.
    pub async fn release(&self) {
        self.locks.release().await;
    }

    /// Into the journal, as it is.
    fn note_line(&self, line: &serde_json::Value) {
        locked(&self.journal).line(line);
    }

    fn note(&self, stack: &str, account: &Arc<Account>, things: Vec<(Thing, Tags)>) {
        let (stack, account) = (stack.to_string(), Arc::clone(account));
        locked(&self.used).push(Used { stack, account, things });
    }
}

impl CloudRun {
    /// `add_host` would add hosts to these groups if their names were known.
    pub fn hosts_to_come(&self, groups: Vec<String>, why: &str) {
        locked(&self.to_come).extend(groups.into_iter().map(|group| (group, why.to_string())));
    }

    /// Why not all hosts of a pattern are known.
    pub fn are_to_come(&self, pattern: &str) -> Option<String> {
        let names: Vec<&str> =
            pattern.split([',', ':', '&']).map(str::trim).filter(|n| !n.starts_with('!')).collect();
        let to_come = locked(&self.to_come);
        let hit = |group: &str| names.iter().any(|n| *n == "all" || *n == "*" || super::tags::glob(n, group));
        to_come.iter().find(|(group, _)| hit(group)).map(|(_, why)| why.clone())
    }
}

impl Host {
    /// One task with all its items, by itself.
    pub async fn cloud_task(
        &mut self,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        raw: &Arc<Map>,
    ) -> TaskOutcome {
        self.tell_started(cx);
        match CloudTask::new(&self.run, cx, module, raw, self.task_ref(cx)) {
            Ok(task) => task.run(Arc::clone(&self.run)).await,
            Err(outcome) => {
                locked(&self.run.cloud.nodes).uncertain(&module.spec.name);
                outcome
            }
        }
    }

    /// The groups of an `add_host`, as far as they are known.
    pub fn group_names(&self, raw: &Map, scope: &Arc<TaskScope>) -> Vec<String> {
        let given = ["groups", "groupname", "group"].iter().find_map(|name| raw.get(*name));
        let value = given.and_then(|v| self.run.engine.evaluate(v, &**scope).ok());
        match value {
            Some(Value::List(list)) => list.iter().map(crate::spec::to_text).collect(),
            Some(Value::Str(text)) => text.split(',').map(|t| t.trim().to_string()).collect(),
            _ => vec!["all".to_string()],
        }
    }

    /// `destroy` has to do with clouds only: tasks on hosts are passed over.
    pub fn passes_hosts_by(&self) -> bool {
        self.run.options.mode == Mode::Destroy
    }

    /// Carries out the region that begins at a step; `None` where none does. Says at which step the walk goes on.
    pub async fn cloud_region(
        &mut self,
        steps: &Steps,
        from: usize,
        frame: &Arc<Frame>,
    ) -> Option<(usize, Flow)> {
        let all = steps.steps();
        // Behind a task whose error counts for all, hosts meet first.
        if self.behind_fatal || !matches!(&all[from], Step::Task(node) if is_cloud(node)) {
            return None;
        }
        let mut nodes = Vec::new();
        let mut next = from;
        while next < all.len() && collect(&all[next], &mut nodes) {
            next += 1;
        }
        let flow = match self.drain().await {
            Flow::Next => self.region(nodes, frame).await,
            other => other,
        };
        Some((next, flow))
    }

    async fn region(&mut self, nodes: Vec<Arc<TaskNode>>, frame: &Arc<Frame>) -> Flow {
        let (mut chosen, mut steps) = (Vec::new(), Vec::new());
        for (at, node) in nodes.into_iter().enumerate() {
            let cx = TaskContext::new(self, &node, frame);
            if self.chosen(&node, &cx.keywords, &cx.scope) {
                chosen.push(node);
                steps.push(at);
            }
        }
        let items = self.order(&chosen, frame);
        let waits = order::waits(&items);
        let mut state = vec![Progress::Waiting; chosen.len()];
        let mut running = JoinSet::new();
        let mut flow = Flow::Next;
        loop {
            let open = matches!(flow, Flow::Next) && !self.run.cancel.requested();
            let done = |state: &[Progress], at: usize| waits[at].iter().all(|b| state[*b] == Progress::Done);
            let ready: Vec<usize> = (0..chosen.len())
                .filter(|at| open && state[*at] == Progress::Waiting && done(&state, *at))
                .collect();
            if let Some(at) = self.next_of(&ready, &chosen, &items, &state, frame, running.is_empty()) {
                let mut cx = TaskContext::new(self, &chosen[at], frame);
                // The region is one step of the walk, and its tasks are told apart within it.
                cx.step = format!("{}+{}", cx.step, steps[at]);
                let cx = Arc::new(cx);
                match self.begin(&cx).await {
                    Begun::Task(task) => {
                        state[at] = Progress::Running;
                        let run = Arc::clone(&self.run);
                        running.spawn(async move { (at, cx, task.run(run).await) });
                    }
                    Begun::Done(outcome) => {
                        state[at] = Progress::Done;
                        flow = worst(flow, self.absorb(&cx, outcome).await);
                    }
                }
                continue;
            }
            let Some(joined) = running.join_next().await else { break };
            match joined {
                Ok((at, cx, outcome)) => {
                    state[at] = Progress::Done;
                    flow = worst(flow, self.absorb(&cx, outcome).await);
                }
                Err(error) => return self.play_failed(&format!("a cloud task ended badly: {error}")),
            }
        }
        let undone = state.iter().filter(|s| **s == Progress::Waiting).count();
        match flow {
            Flow::Next if undone > 0 => Flow::Stop,
            Flow::Next => Flow::Next,
            other => {
                self.undone += undone;
                other
            }
        }
    }

    /// Which of the tasks that are ready begins. One of a node that others may be, too, waits for what tells those apart,
    /// as long as anything else can be done.
    fn next_of(
        &self,
        ready: &[usize],
        chosen: &[Arc<TaskNode>],
        items: &[Item],
        state: &[Progress],
        frame: &Arc<Frame>,
        idle: bool,
    ) -> Option<usize> {
        let last = chosen.last().map_or(0, |node| node.id);
        let unclear = |at: usize| {
            if wants::placed(&chosen[at]).is_none() {
                return false;
            }
            let open = |b: &usize| state[*b] != Progress::Done;
            let pending = |b: usize| -> Map {
                let names = (0..b).filter(open).flat_map(|earlier| &items[earlier].defines);
                names.map(|name| (Arc::clone(name).into(), Value::Unknown(Arc::clone(name)))).collect()
            };
            let others = (0..chosen.len()).filter(open);
            let others: Vec<_> = others.map(|b| (Arc::clone(&chosen[b]), pending(b))).collect();
            self.expect_others(&chosen[at], last, &others, frame);
            locked(&self.run.cloud.wants).is_unclear(&self.wants_name(&chosen[at]))
        };
        let clear = ready.iter().copied().find(|at| !unclear(*at));
        clear.or_else(|| ready.first().copied().filter(|_| idle))
    }

    async fn begin(&mut self, cx: &Arc<TaskContext>) -> Begun {
        let node = Arc::clone(&cx.node);
        let Act::Module { module, args } = &node.act else {
            return Begun::Done(super::task::failed("not a module"));
        };
        if matches!(module.behaviour, Behaviour::Control) {
            return Begun::Done(self.control(cx, module, args).await);
        }
        self.tell_started(cx);
        match CloudTask::new(&self.run, cx, module, args, self.task_ref(cx)) {
            Ok(task) => Begun::Task(task),
            Err(outcome) => {
                locked(&self.run.cloud.nodes).uncertain(&module.spec.name);
                Begun::Done(outcome)
            }
        }
    }

    /// What each task of the region reads, sets and touches. Names that the region itself sets are not known yet.
    fn order(&self, nodes: &[Arc<TaskNode>], frame: &Arc<Frame>) -> Vec<Item> {
        let mut pending = Map::new();
        let mut items = Vec::new();
        for node in nodes {
            let cx = TaskContext::new(self, node, frame);
            let Act::Module { module, args } = &node.act else { continue };
            let mut names = pending.clone();
            if node.keywords.loop_.is_some() {
                let item = Value::Unknown("an item".into());
                names.insert(super::loops::variable(&self.run, &cx).into(), item);
            }
            let scope = cx.scope.with(names);
            let known = |value: &Value| {
                self.run
                    .engine
                    .evaluate(value, &scope)
                    .unwrap_or_else(|e| Value::Unknown(e.to_string().into()))
            };
            let raw: Map = args.iter().map(|(k, v)| (k.clone(), known(v))).collect();
            let defines = defines(node, module, args);
            for name in &defines {
                pending.insert(Arc::clone(name).into(), Value::Unknown(name.clone()));
            }
            let claims = match (&module.behaviour, crate::modules::coerce(&module.spec, raw)) {
                (Behaviour::Cloud(_), Ok(args)) => module.claims(&args),
                (Behaviour::Cloud(_), Err(_)) => Claims::everything(),
                _ => Claims::default(),
            };
            let uses = node.uses.as_ref().map(|uses| uses.iter().cloned().collect());
            let barrier = matches!(module.spec.name.as_str(), "assert" | "fail")
                || node.keywords.ignore_errors.is_some()
                || !node.keywords.failed_when.is_empty() && uses.is_none();
            items.push(Item { uses, defines, claims, barrier });
        }
        items
    }
}

enum Begun {
    Task(CloudTask),
    Done(TaskOutcome),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Running,
    Done,
}

fn worst(before: Flow, now: Flow) -> Flow {
    if matches!(before, Flow::Next) { now } else { before }
}
