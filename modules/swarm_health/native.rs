//! swarm_health: nodes, managers and services of a swarm, judged. Changes nothing.

mod judge;

use crate::base::Value;
use crate::modules::kit::result;
use crate::modules::swarm::http::{self, Engine, Request};
use crate::modules::swarm::view::{self, Local};
use crate::modules::{
    Args, ArgsExt, Behaviour, Call, Controller, Failure, Outcome, Procedure, ProcedureError, ProcedureFuture,
};
use crate::plan::Claims;
use crate::remote::Output;
use crate::spec::ModuleSpec;
use judge::Health;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asks the engine's API (`/info`, `/nodes`, `/services`) until it is well or `timeout` seconds are over.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(SwarmHealth))
}

struct SwarmHealth;

impl Procedure for SwarmHealth {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        crate::modules::spec_claims(spec, args)
    }

    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(run(call))
    }
}

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

async fn run(call: Call<'_>) -> Result<Outcome, ProcedureError> {
    let wait = u64::try_from(call.args.int("wait")).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(wait);
    loop {
        let job = http::ask(
            &Engine::of(call.args),
            &[Request::get("/info"), Request::get("/nodes"), Request::get("/services?status=true")],
        );
        let output = call.remote.submit(call.become_user, job).await?;
        let found = look(call.args, &output, call.controller);
        let late = Instant::now() + PAUSE >= deadline;
        match found {
            Ok(health) if health.problems.is_empty() => return Ok(well(&health)),
            Ok(health) if late => return Err(unwell(&health, wait).into()),
            Err(failure) if late => return Err(failure.into()),
            Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn look(args: &Args, output: &Output, _: &dyn Controller) -> Result<Health, Failure> {
    let answers = http::answers(output, 3)?.map_err(|s| s.failure())?;
    let [info, nodes, services, ..] = &answers[..] else {
        return Err(Failure::new("the engine left answers out"));
    };
    let local = info.good().map(Local::read).unwrap_or_default();
    let Some(nodes) = nodes.good() else {
        return Err(Failure::new(format!("{}: {}", local.name, nodes.message())));
    };
    let services = services.good().map(view::services).unwrap_or_default();
    Ok(judge::judge(args, &view::nodes(nodes), &services))
}

fn told(health: &Health) -> crate::base::Map {
    let problems: Vec<Value> = health.problems.iter().map(|p| p.as_str().into()).collect();
    let managers = result([
        ("known", health.managers.known.into()),
        ("reachable", health.managers.reachable.into()),
        ("quorum", crate::modules::swarm::quorum::needed(health.managers.known).into()),
        ("spare", health.managers.spare().into()),
    ]);
    result([
        ("healthy", health.problems.is_empty().into()),
        ("problems", problems.into()),
        ("managers", managers.into()),
        ("leader", health.leader.as_str().into()),
        ("nodes", health.nodes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Value>()),
    ])
}

fn well(health: &Health) -> Outcome {
    Outcome { change: None, result: told(health), warnings: health.managers.even().into_iter().collect() }
}

fn unwell(health: &Health, wait: u64) -> Failure {
    let after = if wait > 0 { format!(" after {wait} s") } else { String::new() };
    let message = format!("the swarm is not well{after}: {}", health.problems.join("; "));
    Failure { message, result: told(health) }
}
