//! A unit: one task for one item on one host, from raw arguments to something that can be probed.

use super::controller::TaskController;
use super::outcome::UnitOutcome;
use super::probes::Probes;
use super::scope::TaskScope;
use super::state::Run;
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::graph::TaskKeywords;
use crate::modules::{Args, ArgsExt, Failure, Module};
use crate::plan::{Claims, Decision};
use crate::remote::{Become, JobFuture, Remote};
use crate::syntax::ast::VARIABLE_ARGS;
use crate::{modules::Behaviour, spec};
use std::sync::Arc;

/// Everything about a unit that is known before the host is asked.
pub struct Prepared {
    pub module: Arc<Module>,
    pub args: Args,
    pub claims: Claims,
    /// What its probes look at.
    pub looks: Claims,
    pub remote: Arc<dyn Remote>,
    pub who: Become,
    pub check: bool,
    /// It works on another host than the one whose turn it is.
    pub delegated: bool,
    /// Hides results and diffs.
    pub no_log: bool,
    pub limit: Option<std::time::Duration>,
    pub controller: Arc<TaskController>,
}

/// Where a unit stands.
pub enum Stage {
    /// `when` is false: the condition as written.
    Skip(Value),
    Fail(Failure),
    /// Depends on what only an effect could tell.
    Unknown(Arc<str>),
    /// Ready to be probed or run.
    Ready(Prepared),
}

pub struct Unit {
    /// Which item of the loop it is, from 0.
    pub index: usize,
    /// The loop item, as the label shows it.
    pub label: Option<Value>,
    pub item: Option<Value>,
    pub scope: Arc<TaskScope>,
    pub stage: Stage,
    /// Probes on their way; taken when they are awaited.
    pub probe: Option<Probes>,
    /// It was probed anew before its turn, on the chance that nothing between touches it (see [`super::again`]).
    pub chanced: bool,
}

/// Effects on their way.
pub struct Applying {
    pub decision: Decision,
    pub effects: Vec<JobFuture>,
    /// The last of the decision's effects, where they only tell how things are now.
    pub told: Vec<JobFuture>,
    pub verify: Vec<JobFuture>,
}

impl Unit {
    /// The only unit of a task without a loop.
    pub fn single(scope: &Arc<TaskScope>, stage: Stage) -> Unit {
        let scope = Arc::clone(scope);
        Unit { index: 0, label: None, item: None, scope, stage, probe: None, chanced: false }
    }

    /// The same item, at another stage.
    pub fn again(&self, stage: Stage) -> Unit {
        let (label, item) = (self.label.clone(), self.item.clone());
        Unit { index: self.index, label, item, ..Unit::single(&self.scope, stage) }
    }
}

/// Evaluates condition and arguments of one unit.
pub fn prepare(
    run: &Arc<Run>,
    keywords: &Arc<TaskKeywords>,
    module: &Arc<Module>,
    raw: &Map,
    scope: &Arc<TaskScope>,
) -> Stage {
    match conditions(run, &keywords.when, scope) {
        Ok(Truth::True) => {}
        Ok(Truth::False) => return Stage::Skip(false_condition(run, &keywords.when, scope)),
        Ok(Truth::Unknown(why)) => return Stage::Unknown(why),
        Err(message) => {
            return Stage::Fail(Failure::new(format!("The conditional check failed: {message}")));
        }
    }
    match arguments(run, keywords, module, raw, scope) {
        Ok(args) => ready(run, keywords, module, args, scope),
        Err(blocked) => blocked.into(),
    }
}

/// Why something cannot be said now.
#[derive(Debug)]
pub enum Blocked {
    /// An effect has to come first; a plan says which.
    Unknown(Arc<str>),
    Failure(Failure),
}

impl Blocked {
    /// A failure says first which keyword it is about.
    pub fn of(self, keyword: &str) -> Self {
        match self {
            Blocked::Failure(Failure { message, .. }) => format!("{keyword}: {message}").into(),
            unknown => unknown,
        }
    }
}

impl From<String> for Blocked {
    fn from(message: String) -> Self {
        Blocked::Failure(Failure::new(message))
    }
}

impl From<Blocked> for Stage {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Unknown(why) => Stage::Unknown(why),
            Blocked::Failure(failure) => Stage::Fail(failure),
        }
    }
}

impl From<Blocked> for UnitOutcome {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Unknown(why) => UnitOutcome::unknown(&*why),
            Blocked::Failure(failure) => UnitOutcome::failed(failure),
        }
    }
}

impl From<Blocked> for Failure {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Unknown(_) => Failure::new(blocked.to_string()),
            Blocked::Failure(failure) => failure,
        }
    }
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Blocked::Unknown(why) => write!(f, "it is known after {why}"),
            Blocked::Failure(failure) => f.write_str(&failure.message),
        }
    }
}

/// All conditions hold; stops at the first that does not.
pub fn conditions(run: &Run, all: &[Value], scope: &Arc<TaskScope>) -> Result<Truth, String> {
    let mut unknown = None;
    for condition in all {
        match run.engine.condition(condition, &**scope).map_err(|e| e.to_string())? {
            Truth::True => {}
            Truth::False => return Ok(Truth::False),
            Truth::Unknown(why) => unknown = unknown.or(Some(why)),
        }
    }
    Ok(unknown.map_or(Truth::True, Truth::Unknown))
}

/// The first condition that does not hold, as it is written.
pub fn false_condition(run: &Run, all: &[Value], scope: &Arc<TaskScope>) -> Value {
    let fails = |c: &&Value| matches!(run.engine.condition(c, &**scope), Ok(Truth::False));
    match all.iter().find(fails) {
        Some(Value::Template(t)) => Value::from(&*t.text),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

/// Module defaults under the task's own arguments, evaluated and coerced.
pub fn arguments(
    run: &Run,
    keywords: &TaskKeywords,
    module: &Module,
    raw: &Map,
    scope: &Arc<TaskScope>,
) -> Result<Args, Blocked> {
    let fail = |message: String| Blocked::Failure(Failure::new(message));
    let mut merged = super::defaults::for_module(run, keywords, module, scope).map_err(fail)?;
    for (key, value) in raw {
        let value = run.engine.evaluate(value, &**scope).map_err(|e| fail(e.to_string()))?;
        match value {
            Value::Omit => continue,
            // `args: "{{ mapping }}"` and `module: "{{ mapping }}"` stand for their members, under what the task says.
            Value::Map(members) if key.as_str() == Some(VARIABLE_ARGS) => {
                let added = members.iter().filter(|(k, v)| !raw.contains_key(*k) && **v != Value::Omit);
                merged.extend(added.map(|(k, v)| (k.clone(), v.clone())));
            }
            value => {
                merged.insert(key.clone(), value);
            }
        }
    }
    // What the host does with a secret may come back in any output.
    merged.values().for_each(|value| run.redactor.learn_value(value));
    // Cloud modules say what they would do with what is not known yet.
    let open = matches!(module.behaviour, Behaviour::Cloud(_));
    if let Some(why) = merged.values().find_map(unknown_inside).filter(|_| !open) {
        return Err(Blocked::Unknown(why));
    }
    let args = crate::modules::coerce(&module.spec, merged).map_err(Blocked::Failure)?;
    for (name, spec) in &module.spec.args {
        if spec.secret_with.as_ref().is_some_and(|other| args.bool(other)) {
            run.redactor.learn(args.str(name));
        }
    }
    Ok(args)
}

/// Why a value is not known, wherever in it the unknown part stands.
pub fn unknown_inside(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Unknown(why) => Some(Arc::clone(why)),
        Value::List(list) => list.iter().find_map(unknown_inside),
        Value::Map(map) => map.values().find_map(unknown_inside),
        _ => None,
    }
}

fn ready(
    run: &Arc<Run>,
    keywords: &Arc<TaskKeywords>,
    module: &Arc<Module>,
    args: Args,
    scope: &Arc<TaskScope>,
) -> Stage {
    let text = |value: &Option<Value>| evaluated_text(run, value, scope);
    let flag = |value: &Option<Value>, default: bool| evaluated_flag(run, value, scope, default);
    let target = (|| {
        let check = flag(&keywords.check_mode, run.check())?;
        let diff = flag(&keywords.diff, run.options.diff)?;
        let no_log = flag(&keywords.no_log, run.options.no_log)?;
        let delegate = text(&keywords.delegate_to)?;
        let (remote, who) = super::connect::for_task(run, keywords, scope, delegate.as_deref())?;
        let remote = super::manner::with(run, keywords, scope, remote)?;
        let limit = super::manner::limit(run, keywords, scope)?;
        let delegated = delegate.is_some_and(|other| other != *scope.host);
        Ok::<_, Blocked>((check, diff, no_log, remote, who, limit, delegated))
    })();
    let (check, diff, no_log, remote, who, limit, delegated) = match target {
        Ok(target) => target,
        Err(blocked) => return blocked.into(),
    };
    // In plan mode nothing is carried out, whatever a task says of itself.
    let check = check || (run.check() && keywords.check_mode.is_none());
    let mut claims = crate::graph::touched(module, keywords, &args);
    if let Become::User { user, .. } = &who {
        crate::graph::as_user(&mut claims, user);
    }
    let controller = Arc::new(TaskController::new(Arc::clone(run), Arc::clone(scope), check, diff));
    let looks = match &module.behaviour {
        Behaviour::Staged(staged) => staged.looks_at(&args),
        _ => None,
    };
    Stage::Ready(Prepared {
        module: Arc::clone(module),
        args,
        looks: looks.unwrap_or_else(|| claims.clone()),
        claims,
        remote,
        who,
        check,
        delegated,
        no_log,
        limit,
        controller,
    })
}

/// Whether `no_log` hides the task; where it cannot be told, it does.
pub fn hidden(run: &Run, keywords: &TaskKeywords, scope: &Arc<TaskScope>) -> bool {
    evaluated_flag(run, &keywords.no_log, scope, run.options.no_log).unwrap_or(true)
}

/// A keyword that is a boolean; `default` where it is not set.
pub fn evaluated_flag(
    run: &Run,
    value: &Option<Value>,
    scope: &Arc<TaskScope>,
    default: bool,
) -> Result<bool, Blocked> {
    match value {
        None => Ok(default),
        Some(Value::Bool(b)) => Ok(*b),
        Some(v) => {
            let value = run.engine.evaluate(v, &**scope).map_err(|e| e.to_string())?;
            if value.is_null() || value == Value::Omit {
                return Ok(default);
            }
            if let Value::Unknown(why) = value {
                return Err(Blocked::Unknown(why));
            }
            Ok(spec::to_bool(&value).ok_or_else(|| format!("`{}` is not a boolean", value.to_json()))?)
        }
    }
}

/// A keyword that is text; `None` where it is not set, empty or omitted.
pub fn evaluated_text(
    run: &Run,
    value: &Option<Value>,
    scope: &Arc<TaskScope>,
) -> Result<Option<String>, Blocked> {
    let Some(value) = value else { return Ok(None) };
    Ok(match run.engine.evaluate(value, &**scope).map_err(|e| e.to_string())? {
        Value::Null | Value::Omit => None,
        Value::Str(s) if s.is_empty() => None,
        Value::Str(s) => Some(s.to_string()),
        Value::Secret(s) => Some(s.reveal().map_err(str::to_string)?.to_string()),
        Value::Unknown(why) => return Err(Blocked::Unknown(why)),
        other => Some(other.to_json().to_string()),
    })
}
