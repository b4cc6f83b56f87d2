//! reboot: ask for it, then wait until the host answers with a new boot id.

use crate::base::Map;
use crate::modules::kit::result;
use crate::modules::{
    Args, ArgsExt, Behaviour, Call, Failure, Outcome, Procedure, ProcedureError, ProcedureFuture,
};
use crate::plan::{Action, Change};
use crate::remote::{Job, Output, Remote, RemoteError};
use crate::script;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The truth is the kernel's boot id and when process 1 began; delays and time limits are seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(Reboot))
}

struct Reboot;

impl Procedure for Reboot {
    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(run(call))
    }
}

async fn run(call: Call<'_>) -> Result<Outcome, ProcedureError> {
    let change =
        Some(Change { action: Action::Run, reason: "the host is rebooted".into(), diffs: Vec::new() });
    let answer = |rebooted: bool, elapsed: u64| -> Map {
        result([("rebooted", rebooted.into()), ("elapsed", elapsed.into())])
    };
    if call.controller.check_mode() {
        return Ok(Outcome { change, result: answer(true, 0), warnings: Vec::new() });
    }
    let args = call.args;
    let began = Instant::now();
    let seconds = |name: &str| Duration::from_secs(u64::try_from(args.int(name)).unwrap_or(0));
    let before = submit(&call, boot_id(&call)).await?;
    let before = id(&before).ok_or_else(|| silent(args, &before))?;
    if args.str("boot_time_command").is_empty() && own_boot().is_some_and(|own| own == before) {
        return Err(Failure::new("this is the machine that fitout runs on: it is not rebooted").into());
    }
    let job = Job::new(script!("reboot.reboot", "reboot.sh"))
        .var("command", args.str("reboot_command"))
        .var("msg", args.str("msg"))
        .var("delay", args.int("pre_reboot_delay").max(1).to_string());
    match submit(&call, job).await {
        Ok(output) if !output.ok() => return Err(Failure::from_output(&output).into()),
        Err(error @ (RemoteError::Unreachable(_) | RemoteError::Become(_))) => return Err(error.into()),
        // The connection may go before the answer comes.
        Ok(_) | Err(_) => {}
    }
    let deadline = Instant::now() + seconds("reboot_timeout") + seconds("pre_reboot_delay");
    let mut last = "it still runs its old boot".to_string();
    loop {
        if Instant::now() >= deadline {
            let message = format!("Timed out waiting for the host to come back after its reboot ({last})");
            return Err(Failure { message, result: answer(true, began.elapsed().as_secs()) }.into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        match ready(&call, &before, attempt_limit(&call)).await {
            Ok(true) => break,
            Ok(false) => {}
            Err(why) => last = why,
        }
    }
    tokio::time::sleep(seconds("post_reboot_delay")).await;
    Ok(Outcome { change, result: answer(true, began.elapsed().as_secs()), warnings: Vec::new() })
}

fn attempt_limit(call: &Call<'_>) -> Duration {
    Duration::from_secs(u64::try_from(call.args.opt_int("connect_timeout").unwrap_or(15)).unwrap_or(15))
}

/// Whether the host runs a new boot and the test command succeeds there. The error says what is missing yet.
async fn ready(call: &Call<'_>, before: &str, limit: Duration) -> Result<bool, String> {
    call.remote.reset().await;
    let attempt = submit(call, boot_id(call));
    let now = match tokio::time::timeout(limit, attempt).await {
        Err(_) => return Err("no answer".into()),
        Ok(Err(why)) => return Err(why.to_string()),
        Ok(Ok(output)) => output,
    };
    if id(&now).is_none_or(|now| now == before) {
        return Ok(false);
    }
    let test = Job::new(script!("reboot.test", "test.sh")).var("command", call.args.str("test_command"));
    match submit(call, test).await {
        Ok(output) if output.ok() => Ok(true),
        Ok(output) => Err(format!("test_command: {}", Failure::from_output(&output).message)),
        Err(why) => Err(why.to_string()),
    }
}

async fn submit(call: &Call<'_>, job: Job) -> Result<Output, RemoteError> {
    let remote: &dyn Remote = call.remote;
    remote.submit(call.become_user, job).await
}

fn boot_id(call: &Call<'_>) -> Job {
    Job::new(script!("reboot.boot_id", "boot_id.sh")).var("command", call.args.str("boot_time_command"))
}

/// What boot_id.sh would say here. A container on this machine has the kernel's id too, but not its first process.
fn own_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string("/proc/1/stat").ok()?;
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_string();
    Some(format!("{} {start}", id.trim()))
}

/// Why there is no boot id.
fn silent(args: &Args, output: &Output) -> Failure {
    let why = match output.ok() {
        true => "it prints nothing".to_string(),
        false => Failure::from_output(output).message,
    };
    match args.str("boot_time_command").is_empty() {
        true => Failure::new(
            "the host does not tell its boot id: give a `boot_time_command` that tells boots apart",
        ),
        false => Failure::new(format!("boot_time_command: {why}")),
    }
}

fn id(output: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.ok() && !text.is_empty()).then_some(text)
}
