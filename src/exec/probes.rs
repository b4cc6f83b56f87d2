//! What was looked at before a unit's turn, and what of it effects in between leave true.

use super::unit::{Prepared, Stage, Unit};
use crate::base::Map;
use crate::modules::forecast::Forecast;
use crate::modules::{Behaviour, Failure};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Become, Content, Job, JobFuture, Output, RemoteError, Script, Survey};
use std::sync::{Arc, LazyLock, Mutex};

/// An effect that was sent, as far as it concerns what was probed before.
pub struct Effect {
    pub claims: Claims,
    /// The job, where what it leaves is known before it has run: a folder that was not there, the text of a file that was.
    pub known: Option<Job>,
    /// What was not there and is made, by claim, where that is all.
    pub made: Vec<String>,
}

impl Effect {
    /// What a decision will do, whose module says what that leaves.
    pub fn sent(claims: &Claims, decision: &Decision, leaves: Vec<(String, Option<Map>)>) -> Effect {
        Effect { claims: claims.clone(), known: known_effect(decision), made: made_things(decision, leaves) }
    }

    /// Of which nothing is known but what it may touch.
    pub fn of(claims: &Claims) -> Effect {
        Effect { claims: claims.clone(), known: None, made: Vec::new() }
    }
}

/// The job of a decision that does something, where there is one alone.
pub fn only_effect(decision: &Decision) -> Option<&Job> {
    let mut effects = decision.effects.iter().filter(|job| !job.script.each);
    let (Some(job), None) = (effects.next(), effects.next()) else { return None };
    Some(job)
}

/// The only job of a decision, where what it leaves is known: it makes a folder that is not there, or gives a file that is
/// there a text that it is sent, if that still has the text the decision rests on.
fn known_effect(decision: &Decision) -> Option<Job> {
    let job = only_effect(decision)?;
    let is = |name: &str, wanted: fn(&[u8]) -> bool| job.value(name).is_some_and(wanted);
    let known = match (&*job.script.name, decision.change.as_ref()?.action) {
        ("files.folders", Action::Create) => job.args.len() == 1,
        // Of owners by name only one has a number that is known here.
        ("files.write", Action::Update) => {
            is("expect", |sum| sum.len() == 40)
                && matches!(job.stdin, None | Some(Content::Bytes(_)))
                && ["owner", "group"].iter().all(|name| is(name, |who| matches!(who, b"" | b"root")))
        }
        _ => false,
    };
    known.then(|| job.clone())
}

/// What a decision makes that was not there, by claim, where its module says all that it leaves.
fn made_things(decision: &Decision, leaves: Vec<(String, Option<Map>)>) -> Vec<String> {
    let creates = decision.change.as_ref().is_some_and(|change| change.action == Action::Create);
    let made = leaves.into_iter().filter(|_| creates).map(|(claim, thing)| thing.map(|_| claim));
    made.collect::<Option<_>>().unwrap_or_default()
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

/// What jobs that read look at.
pub enum Looked<'a> {
    /// These paths alone.
    Paths(Vec<&'a str>),
    /// All that the task claims.
    Claims(&'a Claims),
}

impl<'a> Looked<'a> {
    /// By jobs of a task with these claims.
    pub fn of(jobs: &'a [Job], claims: &'a Claims) -> Looked<'a> {
        let files = ["files.stat", "kit.read_text"];
        let paths = jobs.iter().flat_map(|job| &job.args).map(|arg| std::str::from_utf8(arg).ok());
        let paths: Option<Vec<&str>> = paths.map(|path| path.filter(|p| p.starts_with('/'))).collect();
        match paths {
            Some(paths) if jobs.iter().all(|job| files.contains(&&*job.script.name)) => Looked::Paths(paths),
            _ => Looked::Claims(claims),
        }
    }

    /// Whether an effect may change what is found.
    pub fn touched_by(&self, effect: &Claims) -> bool {
        match self {
            Looked::Paths(paths) => paths.iter().any(|path| effect.touches(path)),
            Looked::Claims(claims) => effect.disturbs(claims),
        }
    }
}

impl Unit {
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

    /// Takes what was found, or is on its way, for the same item of the task as it was read before, if it asks the same.
    pub fn take_over(&mut self, before: Unit) {
        let (Stage::Ready(ready), Stage::Ready(was), Some(probe)) =
            (&self.stage, &before.stage, before.probe)
        else {
            return;
        };
        let Behaviour::Staged(module) = &ready.module.behaviour else { return };
        let asks = module.probe(&ready.args, &*ready.controller);
        if asks.is_ok_and(|jobs| jobs == probe.jobs) && ready.who == was.who {
            self.probe = Some(probe);
        }
        self.chanced = before.chanced;
    }

    /// Drops the observation when one of these effects may have made it untrue, unless what will be found then is known: a
    /// folder that is made for what the unit puts into it, the text of the file that it goes on to edit.
    pub fn disturbed(&mut self, effects: &[Effect]) {
        let Stage::Ready(ready) = &self.stage else { return };
        for effect in effects {
            let Some(probe) = &mut self.probe else { return };
            let looked = Looked::of(&probe.jobs, &ready.looks).touched_by(&effect.claims);
            if !ready.waits_for_user(&effect.claims) && (!looked || ready.outlives(&effect.made)) {
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
            Err(failure) => {
                let awaits = match &self.stage {
                    Stage::Ready(ready) => ready.controller.awaits(),
                    _ => None,
                };
                self.stage = awaits.map_or(Stage::Fail(failure), Stage::Unknown);
            }
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

impl Prepared {
    /// Whether the effect may make the user that looks: nobody can look as one who is not there.
    fn waits_for_user(&self, effect: &Claims) -> bool {
        let Become::User { user, .. } = &self.who else { return false };
        let mut looker = Claims::default();
        crate::graph::as_user(&mut looker, user);
        effect.disturbs(&looker)
    }

    /// Whether what was found stays true when these things are made.
    fn outlives(&self, made: &[String]) -> bool {
        let Behaviour::Staged(module) = &self.module.behaviour else { return false };
        !made.is_empty() && made.iter().all(|claim| module.holds(&self.args, claim))
    }
}

impl Probes {
    /// Whether it is known what these jobs would find behind this effect: only files were looked at, and either it makes a
    /// folder and what the unit does is below it, or it writes the file whose text the unit's decision rests on.
    fn foresees(&self, effect: &Job, ready: &Prepared) -> bool {
        let path = effect.value("path").or_else(|| Some(effect.args.first()?));
        let path = path.and_then(|path| std::str::from_utf8(path).ok());
        let Some(path) = path else { return false };
        let Behaviour::Staged(module) = &ready.module.behaviour else { return false };
        let Looked::Paths(paths) = Looked::of(&self.jobs, &ready.looks) else { return false };
        if ready.delegated {
            return false;
        }
        let own = || ready.claims.writes.iter().any(|write| write.strip_prefix("file:") == Some(path));
        match &*effect.script.name {
            "files.write" => module.rests_on_text(&ready.args) && paths.contains(&path),
            _ => ready.claims.rest_on(path) || module.rests_on_text(&ready.args) && !own(),
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
