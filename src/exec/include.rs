//! Dynamic includes: their files are read when their names are known, and run inside the including step.

use super::flow::{Flow, Frame, Steps};
use super::handlers::Known;
use super::host::{Host, TaskContext};
use super::outcome::{Status, TaskOutcome, UnitOutcome};
use super::scope::TaskScope;
use super::unit::{Blocked, Stage, conditions, evaluated_text, false_condition};
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::eval::vars::Level;
use crate::graph::{Act, Handler, IncludeRole, RoleCall, Sequence};
use crate::modules::Failure;
use std::sync::Arc;

/// What an include brings.
pub struct Target {
    pub body: Arc<Sequence>,
    pub frame: Frame,
    pub handlers: Vec<Arc<Handler>>,
    /// The role that is named; `None`: a file.
    pub call: Option<RoleCall>,
}

/// A role that was included, and what makes two includes equal.
pub struct IncludedOnce {
    call: RoleCall,
    vars: Vec<Arc<Map>>,
    /// Its last include.
    instance: Option<usize>,
    /// It came to its end.
    ended: bool,
}

impl Host {
    pub async fn include(&mut self, cx: &Arc<TaskContext>) -> Flow {
        let items = match super::loops::items(&self.run, cx) {
            Ok(items) => items,
            Err(stage) => return self.absorb(cx, TaskOutcome::single(stage_outcome(&stage))).await,
        };
        let loop_var = super::loops::variable(&self.run, cx);
        let scopes = match &items {
            None => vec![Arc::clone(&cx.scope)],
            Some(items) => super::loops::scopes(&self.run, cx, items, &loop_var),
        };
        let items = items.map_or_else(|| vec![None], |items| items.into_iter().map(Some).collect());
        let mut outcomes = Vec::new();
        for (index, (item, scope)) in items.into_iter().zip(scopes).enumerate() {
            let outcome = match conditions(&self.run, &cx.keywords.when, &scope) {
                Ok(Truth::True) => {
                    let depth = self.position.len();
                    self.position.push(index);
                    let entered = self.enter(cx, &scope).await;
                    self.position.truncate(depth);
                    match entered {
                        Ok(Flow::Next) => UnitOutcome::done(None, Map::new()),
                        Ok(flow) => return flow,
                        Err(blocked) => blocked.into(),
                    }
                }
                Ok(Truth::False) => UnitOutcome::unmet(false_condition(&self.run, &cx.keywords.when, &scope)),
                Ok(Truth::Unknown(why)) => UnitOutcome::unknown(&*why),
                Err(message) => {
                    UnitOutcome::failed(Failure::new(format!("The conditional check failed: {message}")))
                }
            };
            let mut outcome = outcome;
            let end = super::loops::ends(&self.run, cx, &scope, &mut outcome);
            let stop = outcome.status == Status::Failed || end != Truth::False;
            outcomes.push(UnitOutcome { item: item.clone(), label: item, ..outcome });
            if stop {
                break;
            }
        }
        let looped = cx.keywords.loop_.is_some();
        let outcome = TaskOutcome { units: outcomes, looped, loop_var, no_log: false };
        // An include that was entered told so itself.
        if outcome.status() == Status::Ok { Flow::Next } else { self.absorb(cx, outcome).await }
    }

    async fn enter(&mut self, cx: &Arc<TaskContext>, scope: &Arc<TaskScope>) -> Result<Flow, Blocked> {
        let target = self.include_target(cx, scope)?;
        self.tell_included(cx, scope);
        let frame = Arc::new(target.frame);
        let role = frame.role.clone();
        let mut used = None;
        if let (Act::IncludeRole(include), Some(role), Some(call)) = (&cx.node.act, &role, target.call) {
            let at = self.included_once(call, &cx.keywords.vars);
            if self.included_roles[at].ended && !include.allow_duplicates {
                return Ok(Flow::Next);
            }
            self.take_handlers(at, role.instance, target.handlers, &frame);
            used = Some(at);
            if include.public {
                self.base.push(Level::RoleDefaults, Arc::clone(&role.defaults));
                self.base.push(Level::RoleVars, Arc::clone(&role.vars));
            }
        }
        let depth = self.position.len();
        let flow = Box::pin(self.steps(Steps::Sequence(target.body), frame)).await;
        self.position.truncate(depth);
        if let Some(at) = used {
            self.included_roles[at].ended |= matches!(flow, Flow::Next);
        }
        Ok(match flow {
            // A file that a role includes ends with the role; what it imports has ended by itself.
            Flow::EndRole(ended) if used.is_none() && role.is_some_and(|r| r.instance == ended.instance) => {
                Flow::EndRole(ended)
            }
            Flow::EndRole(_) => Flow::Next,
            other => other,
        })
    }

    /// The place of an included role in the list of those, which has it from now on.
    fn included_once(&mut self, call: RoleCall, vars: &[Arc<Map>]) -> usize {
        let equal = |known: &IncludedOnce| known.call == call && known.vars == vars;
        self.included_roles.iter().position(equal).unwrap_or_else(|| {
            let fresh = IncludedOnce { call, vars: vars.to_vec(), instance: None, ended: false };
            self.included_roles.push(fresh);
            self.included_roles.len() - 1
        })
    }

    /// The handlers of an included role: those of its first include are the same handlers, and run once.
    fn take_handlers(&mut self, at: usize, instance: usize, handlers: Vec<Arc<Handler>>, frame: &Arc<Frame>) {
        let before = self.included_roles[at].instance.replace(instance);
        let loaded = self.handlers.iter().map(|known| known.loaded + 1).max().unwrap_or(0);
        for handler in handlers {
            let same = |known: &Known| {
                let task = &known.handler.task;
                before.is_some()
                    && task.role.as_ref().map(|role| role.instance) == before
                    && task.span == handler.task.span
            };
            let at = self.handlers.iter().position(same);
            let known = Known { handler, frame: Arc::clone(frame), loaded };
            match at {
                Some(at) => self.handlers[at] = known,
                None => self.handlers.push(known),
            }
        }
    }

    /// Evaluates what an include names and has it compiled.
    pub fn include_target(&self, cx: &TaskContext, scope: &Arc<TaskScope>) -> Result<Target, Blocked> {
        let text = |value: &Value, what: &str| -> Result<String, Blocked> {
            let text = evaluated_text(&self.run, &Some(value.clone()), scope)?;
            Ok(text.ok_or_else(|| format!("the include's {what} is empty"))?)
        };
        let mut frame =
            Frame { params: cx.frame.params.clone(), vars: loop_names(cx, scope), ..(*cx.frame).clone() };
        frame.params.extend(cx.keywords.vars.iter().cloned());
        match &cx.node.act {
            Act::IncludeTasks { file, apply, .. } => {
                frame.apply.extend(apply.clone());
                frame.role = cx.node.role.clone().or(frame.role);
                let file = text(file, "file name")?;
                let body = self.run.includer.tasks(&cx.node, &file)?;
                Ok(Target { body, frame, handlers: Vec::new(), call: None })
            }
            Act::IncludeRole(call) => {
                frame.apply.extend(call.apply.clone());
                let call = self.role_call(call, scope)?;
                let included = self.run.includer.role(&cx.node, &call)?;
                frame.role = Some(included.scope);
                Ok(Target { body: included.body, frame, handlers: included.handlers, call: Some(call) })
            }
            _ => Err("not an include".to_string().into()),
        }
    }

    fn role_call(&self, call: &IncludeRole, scope: &Arc<TaskScope>) -> Result<RoleCall, Blocked> {
        let optional = |value: &Option<Value>| evaluated_text(&self.run, value, scope);
        let name =
            optional(&Some(call.name.clone()))?.ok_or_else(|| "the role's name is empty".to_string())?;
        let tasks_from = optional(&Some(call.tasks_from.clone()))?.unwrap_or_else(|| "main".into());
        Ok(RoleCall {
            name,
            tasks_from,
            vars_from: optional(&call.vars_from)?,
            defaults_from: optional(&call.defaults_from)?,
            handlers_from: optional(&call.handlers_from)?,
        })
    }
}

/// Loop variables of the include and of those around it.
fn loop_names(cx: &TaskContext, scope: &TaskScope) -> Arc<Map> {
    if cx.keywords.loop_.is_none() {
        return Arc::clone(&cx.frame.vars);
    }
    let own = scope.layers.iter().filter(|(level, _)| *level == Level::Magic);
    Arc::new(own.flat_map(|(_, map)| map.iter().map(|(k, v)| (k.clone(), v.clone()))).collect())
}

fn stage_outcome(stage: &Stage) -> UnitOutcome {
    match stage {
        Stage::Skip(condition) => UnitOutcome::unmet(condition.clone()),
        Stage::Unknown(why) => UnitOutcome::unknown(&**why),
        Stage::Fail(failure) => UnitOutcome::failed(failure.clone()),
        Stage::Ready(_) => UnitOutcome::failed(Failure::new("an include has nothing to probe")),
    }
}
