//! One host's walk through a play: steps in Ansible's order, blocks, failures, handlers.

use super::ahead::Ahead;
use super::flow::{Flow, Frame, Steps};
use super::handlers::{Known, Notified};
use super::include::IncludedOnce;
use super::lockstep::{Lockstep, Position};
use super::looks::Looks;
use super::outcome::TaskOutcome;
use super::probes::Effect;
use super::scope::{PlayScope, TaskScope, host_layers, task_layers};
use super::state::{Run, locked};
use super::task::TaskRun;
use crate::base::Value;
use crate::eval::vars::{Layers, Level};
use crate::graph::{RoleScope, Step, TaskKeywords, TaskNode};
use crate::modules::Forecast;
use crate::plan::Claims;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Effects of a plan that were not made, by their tasks, and what they would leave.
pub type Foreseen = (Vec<(String, Claims)>, Forecast);

/// Where the walk will go on in a list of steps that encloses the current one.
#[derive(Clone)]
pub struct Cursor {
    pub steps: Steps,
    /// The step that is being done.
    pub next: usize,
    pub frame: Arc<Frame>,
    /// Length of the position in front of this list's indices.
    pub prefix: usize,
}

pub struct Host {
    pub run: Arc<Run>,
    pub play: Arc<PlayScope>,
    pub batch: Arc<Lockstep<TaskOutcome>>,
    pub name: Arc<str>,
    /// Variables before any task's own; made anew when the host learns something.
    pub base: Layers,
    pub position: Position,
    /// The enclosing lists, outermost first.
    pub cursors: Vec<Cursor>,
    /// Units probed before their turn.
    pub ahead: Ahead,
    /// Effects sent since the last time everything was awaited.
    pub recent: Vec<Effect>,
    /// Tasks whose effects are on their way, in order.
    pub flying: VecDeque<TaskRun>,
    /// Reads that wait behind the effects in flight.
    pub looks: Looks,
    /// On a plan: effects that were not made, and tasks of which is not known whether they will make any.
    pub planned: Vec<(String, Claims)>,
    /// What those effects would leave.
    pub forecast: Forecast,
    /// Users and groups that a plan has asked for, and that the host knows.
    pub names: BTreeSet<String>,
    /// Handlers of the play and of roles included since.
    pub handlers: Vec<Known>,
    pub notified: Notified,
    /// The handler that is being run.
    pub(super) handling: Option<usize>,
    /// How many blocks around would rescue a failure here.
    pub(super) rescuers: usize,
    /// `meta: clear_host_errors` came by.
    pub(super) forgiven: bool,
    /// Which use of a role has run, of roles that run once.
    pub ran_roles: HashMap<Arc<str>, usize>,
    /// Roles that were included, each with its variables once.
    pub included_roles: Vec<IncludedOnce>,
    /// The chain that effects in flight share.
    pub(super) chain: Option<u64>,
    pub started: bool,
    /// Tasks that a failure kept from being reached.
    pub undone: usize,
    /// How many of the errors that count for all hosts this one has taken in.
    pub fatal_known: usize,
    /// The task before was one after which hosts meet: its error counts for all, or it gives facts to others.
    pub behind_fatal: bool,
    /// How much of what others gave this host it has seen.
    pub(super) given: u64,
    /// Which attempt of a task with `until` is under way.
    pub(super) attempt: u32,
}

impl Host {
    pub fn new(
        run: Arc<Run>,
        play: Arc<PlayScope>,
        batch: Arc<Lockstep<TaskOutcome>>,
        name: Arc<str>,
    ) -> Host {
        let memory = run.memory(&name);
        let base = host_layers(&run, &play, &name, &memory);
        let handlers = super::handlers::of_play(&play.plan.handlers);
        let started = play.start_at.is_none();
        let (planned, forecast) = locked(&run.foreseen).remove(&name).unwrap_or_default();
        Host {
            run,
            play,
            batch,
            name,
            base,
            position: Vec::new(),
            cursors: Vec::new(),
            ahead: Ahead::default(),
            recent: Vec::new(),
            flying: VecDeque::new(),
            looks: Looks::default(),
            planned,
            forecast,
            names: BTreeSet::new(),
            handlers,
            notified: Notified::default(),
            handling: None,
            rescuers: 0,
            forgiven: false,
            ran_roles: HashMap::new(),
            included_roles: Vec::new(),
            chain: None,
            started,
            undone: 0,
            fatal_known: 0,
            behind_fatal: false,
            given: memory.given,
            attempt: 1,
        }
    }

    /// The whole body of the play; notified handlers run also after a failure where that was asked for.
    pub async fn walk(mut self) -> (Flow, usize) {
        let body = Steps::Sequence(Arc::clone(&self.play.plan.body));
        let mut flow = self.gather_facts().await;
        if matches!(flow, Flow::Next) && self.play.late_files {
            flow = self.late_vars_files();
        }
        if matches!(flow, Flow::Next) {
            self.take_up_handlers();
            flow = self.steps(body, Arc::new(Frame::default())).await;
        }
        match flow {
            Flow::Next | Flow::EndRole(_) => flow = self.drain_part().await,
            // What was sent before the walk was stopped is still awaited and told.
            Flow::Stop => {
                self.drain().await;
            }
            _ => {}
        }
        if matches!(flow, Flow::Failed(_)) && self.forced_handlers() {
            self.position = vec![usize::MAX];
            self.flush().await;
        }
        self.ahead.clear();
        if self.run.check() {
            locked(&self.run.foreseen).insert(self.name, (self.planned, self.forecast));
        }
        (flow, self.undone)
    }

    /// `vars_files` whose names need facts or the host's own variables.
    fn late_vars_files(&mut self) -> Flow {
        let scope = self.scope(&self.play.plan.keywords, &Frame::default(), None);
        match super::vars_files::of_host(&self.run, &self.play.plan, &*scope) {
            Ok(vars) => {
                self.base.drop_level(Level::PlayVarsFiles);
                self.base.push(Level::PlayVarsFiles, Arc::new(vars));
                Flow::Next
            }
            Err(message) => self.play_failed(&message),
        }
    }

    pub async fn steps(&mut self, steps: Steps, frame: Arc<Frame>) -> Flow {
        let depth = self.position.len();
        let mut flow = Flow::Next;
        self.cursors.push(Cursor { steps: steps.clone(), next: 0, frame: Arc::clone(&frame), prefix: depth });
        // Steps before this one were done together.
        let mut done = 0;
        for (index, step) in steps.steps().iter().enumerate() {
            if index < done {
                continue;
            }
            self.position.truncate(depth);
            self.position.push(index);
            if let Some(cursor) = self.cursors.last_mut() {
                cursor.next = index;
            }
            if let Some(stopped) = self.stopped().await {
                flow = stopped;
                if matches!(flow, Flow::Failed(_)) {
                    self.undone += tasks_in(&steps.steps()[index..]);
                }
                break;
            }
            // A host has come as far as its outcomes have: what is in flight may define what another one waits for.
            if self.flying.is_empty() {
                self.batch.advance(&self.name, &self.position);
            }
            if let Some((next, together)) = Box::pin(self.cloud_region(&steps, index, &frame)).await {
                (done, flow) = (next, together);
                if !matches!(flow, Flow::Next) {
                    self.undone += tasks_in(&steps.steps()[done..]);
                    break;
                }
                continue;
            }
            flow = match step {
                Step::Task(node) => Box::pin(self.task(node, &frame)).await,
                Step::Block(block) => Box::pin(self.block(block, &frame)).await,
                Step::Flush { .. } => match self.meet_behind_shared().await {
                    Some(failed) => failed,
                    None => Box::pin(self.handlers_turn()).await,
                },
            };
            if let (Flow::Next, Step::Block(block)) = (&flow, step)
                && block.may_end_batch()
            {
                flow = self.meet_behind(index).await;
            }
            if let Flow::EndRole(role) = &flow {
                let rest = &steps.steps()[index + 1..];
                let of_role = role.leading(rest);
                if of_role < rest.len() {
                    (done, flow) = (index + 1 + of_role, Flow::Next);
                    continue;
                }
            }
            if !matches!(flow, Flow::Next) {
                if matches!(flow, Flow::Failed(_) | Flow::Unreachable) {
                    self.undone += tasks_in(&steps.steps()[index + 1..]);
                }
                break;
            }
        }
        self.cursors.pop();
        self.position.truncate(depth);
        flow
    }

    /// Why no step is begun any more, if so.
    async fn stopped(&mut self) -> Option<Flow> {
        if self.run.cancel.requested() || self.batch.is_over() {
            return Some(Flow::Stop);
        }
        if self.batch.ended_before(&self.position) {
            let landed = self.drain().await;
            return Some(if matches!(landed, Flow::Next) { Flow::EndBatch } else { landed });
        }
        self.failed_elsewhere()
    }

    /// The scope of a task without loop variables.
    pub fn scope(
        &self,
        keywords: &TaskKeywords,
        frame: &Frame,
        role: Option<&Arc<RoleScope>>,
    ) -> Arc<TaskScope> {
        let role = role.or(frame.role.as_ref());
        let layers = task_layers(&self.base, keywords, frame, role.map(|r| &**r));
        let batch = Arc::clone(&self.batch);
        let here = self.position.clone();
        let left = Arc::new(move || batch.left_before(&here));
        let (run, play) = (Arc::clone(&self.run), Arc::clone(&self.play));
        let mut scope = TaskScope::new(run, play, Arc::clone(&self.name), layers, role.cloned(), left);
        scope.connection = keywords.connection.clone();
        scope.delegate = keywords.delegate_to.as_ref().and_then(Value::as_str).map(Arc::from);
        Arc::new(scope)
    }

    /// The host learns something; its layers are made anew.
    pub fn remember(&mut self, change: impl FnOnce(&mut super::state::HostMemory)) {
        self.run.remember(&self.name, change);
        self.refresh();
    }

    pub fn refresh(&mut self) {
        let memory = self.run.memory(&self.name);
        for level in [Level::Facts, Level::IncludeVars, Level::SetFacts] {
            self.base.drop_level(level);
        }
        super::scope::push_memory(&mut self.base, &memory);
    }

    /// A position in words: the play, then the indices of the enclosing lists.
    pub fn step(&self, position: &Position) -> String {
        let indices: Vec<String> = position.iter().map(usize::to_string).collect();
        format!("{}/{}", self.play.number, indices.join("."))
    }

    /// The chain of what is in flight; a new one when nothing is.
    pub fn chain(&mut self) -> u64 {
        *self.chain.get_or_insert_with(new_chain)
    }

    pub fn end_chain(&mut self) {
        self.chain = None;
        self.recent.clear();
    }

    /// Whether the task is chosen by tags and `--start-at-task`; tags of handlers mean nothing, as in Ansible.
    pub fn chosen(&mut self, node: &TaskNode, keywords: &TaskKeywords, scope: &Arc<TaskScope>) -> bool {
        if !self.started {
            let wanted = self.play.start_at.as_deref().unwrap_or_default();
            let title = self.title(node, scope);
            let bare = title.rsplit(" : ").next().unwrap_or(&title);
            self.started = title == wanted || bare == wanted || super::tags::glob(wanted, bare);
            if !self.started {
                return false;
            }
            self.run.note_start(self.play.number);
        }
        // Who was notified runs, whatever its tags.
        self.handling.is_some() || super::tags::chosen(&self.run, &keywords.tags, scope)
    }
}

/// How many tasks stand in a list, blocks included, what includes bring not.
fn tasks_in(steps: &[Step]) -> usize {
    let count = |step: &Step| match step {
        Step::Task(_) => 1,
        Step::Block(block) => tasks_in(&block.body.steps) + tasks_in(&block.always.steps),
        Step::Flush { .. } => 0,
    };
    steps.iter().map(count).sum()
}

/// Unique in the process: a connection may serve several plays.
pub fn new_chain() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Everything that a task's title, conditions and arguments are read with.
pub struct TaskContext {
    pub node: Arc<TaskNode>,
    pub keywords: Arc<TaskKeywords>,
    pub frame: Arc<Frame>,
    pub scope: Arc<TaskScope>,
    pub title: String,
    /// Where in the run its turn is, the same in every run of the program.
    pub step: String,
}

impl TaskContext {
    pub fn new(host: &Host, node: &Arc<TaskNode>, frame: &Arc<Frame>) -> TaskContext {
        let keywords = frame.keywords(node);
        let scope = host.scope(&keywords, frame, node.role.as_ref());
        let title = host.title(node, &scope);
        let step = host.step(&host.position);
        TaskContext { node: Arc::clone(node), keywords, frame: Arc::clone(frame), scope, title, step }
    }

    /// The title without the role before it.
    pub fn bare_title(&self) -> String {
        let role = self.scope.role.as_ref().map(|role| format!("{} : ", role.name));
        let bare = role.and_then(|role| self.title.strip_prefix(&role));
        bare.unwrap_or(&self.title).to_string()
    }
}
