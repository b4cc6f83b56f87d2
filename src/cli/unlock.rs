//! `unlock`: frees a stack whose lock was left over.

use super::args::LockArgs;
use super::execute::runtime;
use super::fail::{Done, Fail, code};
use crate::cloud::Access;
use crate::cloud::lock::Locks;
use crate::cloud::retry::Manner;
use crate::exec::cloud::lock::{LockPlace, local_holder};
use clap::Args;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Free a stack whose lock was left over
///
/// Local locks end with their process and need no freeing: it is told who holds it. Locks in S3 stay when a run was
/// killed on another machine.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    #[arg(value_name = "STACK")]
    stack: String,
    #[command(flatten)]
    lock: LockArgs,
    /// Also where the run that has it still says that it is there
    #[arg(long)]
    force: bool,
    /// Region of the bucket: AWS_REGION or the profile's, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Address of the service, instead of AWS's own
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

/// Who was heard of so lately is there, as far as anyone can tell: three renewals.
const VOICE: Duration = Duration::from_secs(180);

pub fn run(args: &UnlockArgs) -> Done {
    let stack = &args.stack;
    let bucket = match args.lock.place()? {
        LockPlace::Bucket(bucket) => bucket,
        LockPlace::Local => {
            return match local_holder(&PathBuf::from(".fitout"), stack) {
                None => nobody(stack),
                Some(holder) => {
                    Err(held(stack, &holder).hint("a local lock ends with its process: end that"))
                }
            };
        }
    };
    let access = Access {
        region: args.region.clone(),
        profile: args.profile.clone(),
        endpoint: args.endpoint_url.clone(),
        ..Access::default()
    };
    runtime()?.block_on(async {
        let (_going_on, stop) = tokio::sync::watch::channel(false);
        let failed = |e: crate::cloud::CallError| Fail::failed(e.to_string());
        let locks = Locks::open(&access, Arc::new(Manner::new(stop)), bucket).await.map_err(failed)?;
        let Some((holder, version)) = locks.read(stack).await.map_err(failed)? else { return nobody(stack) };
        let now = Timestamp::now();
        let described = holder.described(now);
        let silent = Duration::try_from(now.duration_since(holder.renewed)).unwrap_or_default();
        let there = holder.gone(now).is_none() && (holder.lives() == Some(true) || silent < VOICE);
        if there && !args.force {
            let hint = "wait for that run to end, or end it; --force frees the stack all the same";
            return Err(held(stack, &described).hint(hint));
        }
        locks.release(stack, &version).await.map_err(failed)?;
        told!("freed the stack `{stack}`, which was held by {described}");
        Ok(code::DONE)
    })
}

fn nobody(stack: &str) -> Done {
    told!("nobody holds the stack `{stack}`");
    Ok(code::DONE)
}

fn held(stack: &str, holder: &str) -> Fail {
    Fail::failed(format!("the stack `{stack}` is held by {holder}"))
}
