//! wait_for_connection: tries until a job comes back.

use crate::modules::kit::{claims, result};
use crate::modules::{
    Args, ArgsExt, Behaviour, Call, Failure, Outcome, Procedure, ProcedureError, ProcedureFuture,
};
use crate::plan::Claims;
use crate::remote::Job;
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tries every `sleep` seconds, and is a failure after `timeout` seconds; never a change.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(WaitForConnection))
}

struct WaitForConnection;

impl Procedure for WaitForConnection {
    fn claims(&self, _: &ModuleSpec, _: &Args) -> Claims {
        // Whatever comes after it must not be tried before.
        claims(&["*"], &["*"])
    }

    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(run(call))
    }
}

async fn run(call: Call<'_>) -> Result<Outcome, ProcedureError> {
    let seconds = |name: &str| Duration::from_secs(u64::try_from(call.args.int(name)).unwrap_or(0));
    let began = Instant::now();
    let outcome = |began: Instant| Outcome {
        result: result([("elapsed", began.elapsed().as_secs().into())]),
        ..Outcome::default()
    };
    if call.controller.check_mode() {
        return Ok(outcome(began));
    }
    tokio::time::sleep(seconds("delay")).await;
    loop {
        let job = Job::new(script!("wait_for_connection.ping", "ping.sh"));
        let attempt = call.remote.submit(call.become_user, job);
        let why = match tokio::time::timeout(seconds("connect_timeout"), attempt).await {
            Ok(Ok(output)) if output.ok() => return Ok(outcome(began)),
            Ok(Ok(output)) => Failure::from_output(&output).message,
            Ok(Err(why)) => why.to_string(),
            Err(_) => "no answer".to_string(),
        };
        if began.elapsed() >= seconds("timeout") {
            let message = format!("timed out waiting for the connection: {why}");
            return Err(Failure { message, result: outcome(began).result }.into());
        }
        call.remote.reset().await;
        tokio::time::sleep(seconds("sleep")).await;
    }
}
