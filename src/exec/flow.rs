//! What a step leaves for the steps after it, and the frames that steps run in.

use super::scope::Vars;
use crate::base::Map;
use crate::graph::{BlockNode, RoleScope, Sequence, Step, TaskKeywords, TaskNode};
use std::sync::Arc;

/// How control goes on after a step.
#[derive(Clone, Debug)]
pub enum Flow {
    Next,
    /// The task failed: a rescue may take it, else the host is out of the play.
    Failed(Arc<FailedTask>),
    Unreachable,
    /// The host could not even begin the play; told already.
    Broken,
    /// Ends this use of a role.
    EndRole(Arc<RoleScope>),
    EndHost,
    /// Ends the batch for all its hosts.
    EndBatch,
    EndPlay,
    /// Interrupted, or another host's failure is fatal to all.
    Stop,
}

/// For `ansible_failed_task` and `ansible_failed_result`.
#[derive(Debug)]
pub struct FailedTask {
    /// The task's own name.
    pub name: String,
    /// The task as it is written.
    pub task: Map,
    pub result: Map,
    /// It failed on another host, and that counts for all (`any_errors_fatal`).
    pub elsewhere: bool,
}

/// A list of steps with its owner, so that it outlives the walk.
#[derive(Clone)]
pub enum Steps {
    Sequence(Arc<Sequence>),
    Body(Arc<BlockNode>),
    Rescue(Arc<BlockNode>),
    Always(Arc<BlockNode>),
}

impl Steps {
    pub fn steps(&self) -> &[Step] {
        match self {
            Steps::Sequence(s) => &s.steps,
            Steps::Body(b) => &b.body.steps,
            Steps::Rescue(b) => &b.rescue.steps,
            Steps::Always(b) => &b.always.steps,
        }
    }

    /// Distinguishes the parts of a block in a position.
    pub fn part(&self) -> usize {
        match self {
            Steps::Sequence(_) | Steps::Body(_) => 0,
            Steps::Rescue(_) => 1,
            Steps::Always(_) => 2,
        }
    }
}

/// What includes around a step add to it.
#[derive(Clone, Default)]
pub struct Frame {
    /// `vars` of the includes and role parameters, outermost first.
    pub params: Vec<Arc<Map>>,
    /// Loop variables of the includes around.
    pub vars: Vars,
    /// `apply`, outermost first.
    pub apply: Vec<Arc<TaskKeywords>>,
    pub role: Option<Arc<RoleScope>>,
}

impl Frame {
    /// A task's keywords with those that includes apply to it.
    pub fn keywords(&self, node: &TaskNode) -> Arc<TaskKeywords> {
        if self.apply.is_empty() {
            return Arc::clone(&node.keywords);
        }
        let mut merged = (*node.keywords).clone();
        for outer in self.apply.iter().rev() {
            inherit(&mut merged, outer);
        }
        Arc::new(merged)
    }
}

macro_rules! fill {
    ($inner:ident, $outer:ident: $($field:ident),*) => {$(
        if $inner.$field.is_none() {
            $inner.$field.clone_from(&$outer.$field);
        }
    )*};
}

/// Keywords of an outer level reach an inner one: conditions, tags and variables add up, the rest fills gaps.
pub fn inherit(inner: &mut TaskKeywords, outer: &TaskKeywords) {
    inner.when.splice(0..0, outer.when.iter().cloned());
    inner.vars.splice(0..0, outer.vars.iter().cloned());
    inner.environment.splice(0..0, outer.environment.iter().cloned());
    inner.tags.extend(outer.tags.iter().cloned());
    inner.module_defaults.splice(0..0, outer.module_defaults.iter().cloned());
    fill!(inner, outer: become_, become_user, become_method, become_flags, become_exe, remote_user, connection, port,
        ignore_errors, ignore_unreachable, any_errors_fatal, check_mode, diff, no_log, run_once, delegate_to,
        delegate_facts, throttle, timeout);
}
