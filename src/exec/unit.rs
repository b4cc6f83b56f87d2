//! A unit: one task for one item on one host, from raw arguments to something that can be probed.

use super::scope::{TaskController, TaskScope};
use super::state::Run;
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::graph::TaskKeywords;
use crate::modules::forecast::Forecast;
use crate::modules::{Args, Failure, Module};
use crate::plan::{Claims, Decision};
use crate::remote::{Become, Job, JobFuture, Output, Remote, RemoteError, Script, Survey};
use crate::syntax::ast::VARIABLE_ARGS;
use crate::{modules::Behaviour, spec};
use std::sync::{Arc, LazyLock, Mutex};

/// Everything about a unit that is known before the host is asked.
pub struct Prepared {
    pub module: Arc<Module>,
    pub args: Args,
    pub claims: Claims,
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

/// An effect that was sent, as far as it concerns what was probed before.
pub struct Effect {
    pub claims: Claims,
    /// The job, where what it leaves is known before it has run: a folder that was not there, the text of a file that was.
    pub known: Option<Job>,
}

impl Effect {
    /// Of which nothing is known but what it may touch.
    pub fn of(claims: &Claims) -> Effect {
        Effect { claims: claims.clone(), known: None }
    }
}

/// Jobs that read, and their answers to come. The jobs are kept, for what is known to come may be laid over what they find.
#[derive(Default)]
pub struct Probes {
    jobs: Vec<Job>,
    /// Effects between these jobs and the unit's turn of which it is known what will be found then.
    known: Vec<Job>,
    /// Futures cannot be shared between threads; a unit can.
    answers: Mutex<Vec<JobFuture>>,
    /// The module reads nothing: the only job is a greeting.
    greets: bool,
}

static GREETING: LazyLock<Arc<Script>> = LazyLock::new(|| Script::new("exec.greeting", ":"));

/// What the probes of a unit told.
#[derive(Default)]
pub struct Observed {
    /// The probes.
    pub jobs: Vec<Job>,
    pub outputs: Vec<Output>,
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

    /// It was not probed, or an effect has made untrue what was found.
    pub fn is_stale(&self) -> bool {
        self.probe.is_none() && matches!(self.stage, Stage::Ready(_))
    }

    /// Adds the probes to a survey, unless they are on their way. What cannot be probed ahead of its turn (a file of the
    /// controller that a task before it makes) is tried again then.
    pub fn send_probe(&mut self, survey: &mut Survey) {
        if let Ok(Some(probes)) = self.probes(survey) {
            self.probe = Some(probes);
        }
    }

    /// The probes, on their way with the survey; `None` where there are none to send.
    fn probes(&self, survey: &mut Survey) -> Result<Option<Probes>, Failure> {
        let (None, Stage::Ready(ready)) = (&self.probe, &self.stage) else { return Ok(None) };
        let Behaviour::Staged(module) = &ready.module.behaviour else { return Ok(None) };
        let mut jobs = module.probe(&ready.args, &*ready.controller)?;
        // A plan is of hosts that answer, also where nothing has to be read.
        let greets = ready.check && jobs.is_empty();
        if greets {
            jobs.push(Job::new(&GREETING));
        }
        let kept = jobs.clone();
        let answers = jobs.into_iter().map(|job| survey.add(&ready.remote, &ready.who, job)).collect();
        Ok(Some(Probes { jobs: kept, known: Vec::new(), answers: Mutex::new(answers), greets }))
    }

    /// Drops the observation when one of these effects may have made it untrue, unless what will be found then is known: a
    /// folder that is made for what the unit puts into it, the text of the file that it goes on to edit.
    pub fn disturbed(&mut self, effects: &[Effect]) {
        let Stage::Ready(ready) = &self.stage else { return };
        for effect in effects {
            let Some(probe) = &mut self.probe else { return };
            if !effect.claims.disturbs(&ready.claims)
                || probe.of_files() && !effect.claims.disturbs_named(&ready.claims)
            {
                continue;
            }
            match &effect.known {
                Some(job) if probe.foresees(job, ready) => probe.known.push(job.clone()),
                _ => self.probe = None,
            }
        }
    }

    /// The outputs of the probes, in their order.
    pub async fn observed(&mut self) -> Result<Observed, RemoteError> {
        let mut survey = Survey::default();
        match self.probes(&mut survey) {
            Ok(Some(probes)) => self.probe = Some(probes),
            Ok(None) => {}
            Err(failure) => self.stage = Stage::Fail(failure),
        }
        survey.send();
        let Probes { jobs, known, answers, greets } = self.probe.take().unwrap_or_default();
        let answers = answers.into_inner().unwrap_or_else(|e| e.into_inner());
        let mut outputs = await_all(answers).await?;
        let mut made = Forecast::default();
        made.learn(&known, Vec::new());
        for (job, output) in jobs.iter().zip(&mut outputs) {
            made.amend(job, output);
        }
        Ok(if greets { Observed::default() } else { Observed { jobs, outputs } })
    }
}

impl Probes {
    /// Only files were looked at, all of which the unit's claims name.
    fn of_files(&self) -> bool {
        self.jobs.iter().all(|job| ["files.stat", "kit.read_text"].contains(&&*job.script.name))
    }

    /// Whether it is known what these jobs would find behind this effect: only files were looked at, and either it makes a
    /// folder and what the unit does is below it, or it writes the file whose text the unit's decision rests on.
    fn foresees(&self, effect: &Job, ready: &Prepared) -> bool {
        let path = effect.vars.iter().find(|(name, _)| &**name == "path");
        let Some(path) = path.and_then(|(_, path)| std::str::from_utf8(path).ok()) else { return false };
        if ready.delegated || !self.of_files() {
            return false;
        }
        match (&*effect.script.name, &ready.module.behaviour) {
            ("files.write", Behaviour::Staged(module)) => {
                module.rests_on_text()
                    && self.jobs.iter().flat_map(|job| &job.args).any(|arg| arg == path.as_bytes())
            }
            _ => ready.claims.rest_on(path),
        }
    }
}

/// Awaits jobs in order; the first connection error wins.
pub async fn await_all(jobs: Vec<JobFuture>) -> Result<Vec<Output>, RemoteError> {
    let mut outputs = Vec::with_capacity(jobs.len());
    for job in jobs {
        outputs.push(job.await?);
    }
    Ok(outputs)
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
        Err(Blocked::Unknown(why)) => Stage::Unknown(why),
        Err(Blocked::Failure(failure)) => Stage::Fail(failure),
    }
}

pub enum Blocked {
    Unknown(Arc<str>),
    Failure(Failure),
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
    // Cloud modules say what they would do with what is not known yet.
    let open = matches!(module.behaviour, Behaviour::Cloud(_));
    if let Some(why) = merged.values().find_map(unknown_inside).filter(|_| !open) {
        return Err(Blocked::Unknown(why));
    }
    crate::modules::coerce(&module.spec, merged).map_err(Blocked::Failure)
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
        Ok::<_, String>((check, diff, no_log, remote, who, limit, delegated))
    })();
    let (check, diff, no_log, remote, who, limit, delegated) = match target {
        Ok(target) => target,
        Err(message) => return Stage::Fail(Failure::new(message)),
    };
    // In plan mode nothing is carried out, whatever a task says of itself.
    let check = check || (run.check() && keywords.check_mode.is_none());
    let mut claims = crate::graph::touched(module, keywords, &args);
    if let Become::User { user, .. } = &who {
        crate::graph::as_user(&mut claims, user);
    }
    let controller = Arc::new(TaskController::new(Arc::clone(run), Arc::clone(scope), check, diff));
    Stage::Ready(Prepared {
        module: Arc::clone(module),
        args,
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
) -> Result<bool, String> {
    match value {
        None => Ok(default),
        Some(Value::Bool(b)) => Ok(*b),
        Some(v) => {
            let value = run.engine.evaluate(v, &**scope).map_err(|e| e.to_string())?;
            if value.is_null() || value == Value::Omit {
                return Ok(default);
            }
            spec::to_bool(&value).ok_or_else(|| format!("`{}` is not a boolean", value.to_json()))
        }
    }
}

/// A keyword that is text; `None` where it is not set, empty or omitted.
pub fn evaluated_text(
    run: &Run,
    value: &Option<Value>,
    scope: &Arc<TaskScope>,
) -> Result<Option<String>, String> {
    let Some(value) = value else { return Ok(None) };
    Ok(match run.engine.evaluate(value, &**scope).map_err(|e| e.to_string())? {
        Value::Null | Value::Omit => None,
        Value::Str(s) if s.is_empty() => None,
        Value::Str(s) => Some(s.to_string()),
        Value::Secret(s) => Some(s.reveal()?.to_string()),
        other => Some(other.to_json().to_string()),
    })
}
