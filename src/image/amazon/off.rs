//! The end of an instance that may not be terminated: it was launched to end when it switches itself off.

use super::instance::Role;
use super::reach::{login, reached, wait};
use super::{Build, remote};
use crate::cloud::Kind;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::kinds::Instance;
use std::time::Duration;
use types::InstanceStateName as State;

/// How long an instance that goes down may take to be gone.
const LIMIT: Duration = Duration::from_secs(300);

/// Logs in and switches the instance off, which is its end; one that was stopped is started for it: its user data, which
/// let the bake in once, does so again. `false`: the user wants it to stop when it is switched off.
///
/// # Errors
/// Why it could not be switched off.
pub async fn switched_off(build: &mut Build, role: Role, id: &str) -> Result<bool, String> {
    if build.options.shutdown_stops && role == Role::Bake {
        return Ok(false);
    }
    let mut started = false;
    let off = async {
        let account = std::sync::Arc::clone(&build.account);
        let ids = [id.to_string()];
        account.instances.refresh(&*account.ec2, &ids).await.map_err(|e| e.to_string())?;
        let settled = |seen: Option<&std::sync::Arc<types::Instance>>| {
            let state = seen.and_then(|i| i.state()).and_then(|s| s.name()).cloned();
            state.filter(|s| !matches!(s, State::Pending | State::Stopping))
        };
        if wait(build, id, settled).await? == State::Stopped {
            let input = StartInstancesInputBuilder::default().instance_ids(id);
            account.ec2.start_instances(input).await.map_err(|e| e.to_string())?;
            started = true;
            account.instances.refresh(&*account.ec2, &ids).await.map_err(|e| e.to_string())?;
        }
        reached(build, role, id).await?;
        remote::switch_off(&login(build, role)?).await?;
        let gone = |seen: Option<&std::sync::Arc<types::Instance>>| {
            seen.is_none_or(|i| Instance::is_gone(i)).then_some(())
        };
        account
            .instances
            .until(&*account.ec2, &account.manner, id, LIMIT, gone)
            .await
            .map_err(|e| e.to_string())
    };
    let ended = off.await;
    // Its timer is set at each boot.
    let state = match started {
        true => format!(
            "; it was started for that, and ends itself within {} s",
            build.options.lifetime.as_secs()
        ),
        false => String::new(),
    };
    ended
        .map(|()| true)
        .map_err(|why| format!("it could not be switched off, which would be its end: {why}{state}"))
}
