//! Creations of things whose name is their key, in services without operation ids of their own.

use super::Cx;
use crate::cloud::calls::CallFuture;
use crate::cloud::identity::{OP, Op};
use crate::cloud::{CallError, Outcome, Tags};
use serde_json::json;
use std::time::Duration;

const ATTEMPTS: u32 = 5;
/// Reads lag behind writes.
const LOOKS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(4)];

/// Makes the thing once, whatever becomes of the answer: `look` gives the tags of the thing of that name, and where
/// they carry the operation's id, it was made.
pub async fn make<'a>(
    cx: &Cx<'_>,
    kind: &str,
    name: &str,
    op: &Op,
    send: &(dyn Fn() -> CallFuture<'a, ()> + Send + Sync),
    look: &(dyn Fn() -> CallFuture<'a, Option<Tags>> + Send + Sync),
) -> Result<(), CallError> {
    let account = &cx.account;
    account.note(&json!({"create": kind, "id": name, "op": op.id, "node": op.identity.node,
        "stack": op.identity.stack, "region": account.region}));
    let noted = || {
        account.manner.note_named(kind, name);
        account.note(&json!({"created": kind, "id": name, "op": op.id}));
    };
    let mut doubt: Option<CallError> = None;
    for _ in 0..ATTEMPTS {
        match send().await {
            Ok(()) => {
                noted();
                return Ok(());
            }
            Err(error) if error.outcome == Outcome::Doubtful || doubt.is_some() => {
                let there = match soon(cx, kind, look).await {
                    Err(_) if account.manner.stopping() => return Err(may_be_there(error, kind, name)),
                    there => there?,
                };
                if there.is_some_and(|tags| tags.get(OP) == Some(&op.id)) {
                    noted();
                    return Ok(());
                }
                if error.outcome != Outcome::Doubtful {
                    return Err(error);
                }
                doubt = Some(error);
            }
            // By a run of this task that was killed a moment ago: reads did not show it yet.
            Err(error) if error.taken() => {
                let there = soon(cx, kind, look).await?;
                if !there.is_some_and(|tags| cx.identity.is(&tags)) {
                    return Err(error);
                }
                noted();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    Err(doubt.unwrap_or_else(|| CallError::own(kind, "could not be made")))
}

/// The run ends before it could be told whether the thing was made.
fn may_be_there(error: CallError, kind: &str, name: &str) -> CallError {
    let message = format!(
        "{}; if the {kind} {name} was made, the next run finds it by its name and tags",
        error.message
    );
    CallError { message, ..error }
}

/// Looks for what may have been made a moment ago, with patience; `None`: it is not there.
pub async fn soon<'a, T>(
    cx: &Cx<'_>,
    kind: &str,
    look: &(dyn Fn() -> CallFuture<'a, Option<T>> + Send + Sync),
) -> Result<Option<T>, CallError> {
    for pause in LOOKS {
        // The first look is made also when the run is being stopped.
        if !pause.is_zero() {
            cx.account.manner.pause(kind, pause).await?;
        }
        if let Some(there) = look().await? {
            return Ok(Some(there));
        }
    }
    Ok(None)
}
