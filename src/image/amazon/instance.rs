//! The instance that is baked: launched, provisioned, stopped, and ended.

use super::super::steps::{Step, StepFuture};
use super::access::{KEY_FILE, generate};
use super::launch::{input, user_data};
use super::reach::{login, wait};
use super::{Begun, Build, Provision, off, remote};
use crate::base::{Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::{Account, CallError, Kind, Op, Table, kinds, remove};
use crate::record;
use std::sync::Arc;
use std::time::Duration;

/// How long an instance may take to start, stop or end.
pub const LIMIT: Duration = Duration::from_secs(900);

/// Ends what a step began: also where its creation was cut off, which is then looked up.
pub async fn take_back<K: Kind>(
    account: &Account,
    table: &Table<K>,
    begun: Begun<K::Item>,
) -> Result<(), String> {
    take_back_within(account, table, begun, remove::LIMIT).await
}

/// `limit`: how long what uses it is waited for.
pub async fn take_back_within<K: Kind>(
    account: &Account,
    table: &Table<K>,
    begun: Begun<K::Item>,
    limit: Duration,
) -> Result<(), String> {
    for id in made_of(account, table, &begun).await? {
        let gone = account.remove_within(table, &id, limit).await;
        gone.map_err(|e| format!("{} {id} is left: {e}", K::NAME))?;
    }
    Ok(())
}

/// The ids of what a step began.
async fn made_of<K: Kind>(
    account: &Account,
    table: &Table<K>,
    begun: &Begun<K::Item>,
) -> Result<Vec<String>, String> {
    if let Some(thing) = &begun.thing {
        return Ok(vec![K::id(thing).to_string()]);
    }
    let found = table.made_by(&*account.ec2, &account.manner, &begun.op.id).await;
    let found = found.map_err(|e| format!("a {} may be left (operation {}): {e}", K::NAME, begun.op.id))?;
    Ok(found.iter().map(|f| K::id(f).to_string()).collect())
}

/// Another type may still be had.
const NO_CAPACITY: &[&str] =
    &["InsufficientInstanceCapacity", "SpotMaxPriceTooLow", "MaxSpotInstanceCountExceeded", "Unsupported"];

async fn launched(
    build: &Build,
    op: &Op,
    input: RunInstancesInputBuilder,
) -> Result<Arc<types::Instance>, CallError> {
    let (account, options) = (&build.account, &build.options);
    let send = || -> CallFuture<'_, types::Instance> {
        let input = input
            .clone()
            .client_token(op.token())
            .tag_specifications(op.specification(types::ResourceType::Instance, &options.run_tags))
            .tag_specifications(op.specification(types::ResourceType::Volume, &options.volume_tags));
        Box::pin(async move {
            let made = account.ec2.run_instances(input).await?.instances.unwrap_or_default();
            made.into_iter().next().ok_or_else(|| CallError::own("RunInstances", "no instance came of it"))
        })
    };
    account.create(&account.instances, op, &send).await
}

/// Which of a build's two instances.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It becomes the image.
    Bake,
    /// It is booted from the image.
    Verify,
}

/// An instance as the build knows it.
#[derive(Default)]
pub struct Machine {
    pub(super) begun: Option<Begun<types::Instance>>,
    /// Its end was asked for, together with the other one's.
    ending: bool,
    /// The public half of the host's own key.
    pub(super) host_key: String,
    pub(super) address: String,
}

impl Build {
    pub(super) fn machine(&self, role: Role) -> &Machine {
        &self.machines[usize::from(role == Role::Verify)]
    }

    pub(super) fn machine_mut(&mut self, role: Role) -> &mut Machine {
        &mut self.machines[usize::from(role == Role::Verify)]
    }

    /// The instance that becomes the image.
    pub fn instance(&self) -> Result<&str, String> {
        self.machine(Role::Bake).id()
    }
}

impl Machine {
    pub fn id(&self) -> Result<&str, String> {
        let thing = self.begun.as_ref().and_then(|b| b.thing.as_ref());
        thing.map(|t| kinds::Instance::id(t)).ok_or_else(|| "there is no instance".into())
    }
}

pub struct Launch(pub Role);

impl Step<Build> for Launch {
    fn name(&self) -> &str {
        match self.0 {
            Role::Bake => "instance",
            Role::Verify => "instance of the image",
        }
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let role = self.0;
            let host_key = build.folder.path().join(format!("host_key_{role:?}").to_lowercase());
            let public = generate(&host_key, "ed25519").await?;
            let private = std::fs::read_to_string(&host_key).map_err(|e| e.to_string())?;
            build.machine_mut(role).host_key = public;
            let data = user_data(&build.options, &private, &build.machine(role).host_key);
            let input = input(build, role, &data)?;
            let kinds = build.options.instance_types.clone();
            for (at, kind) in kinds.iter().enumerate() {
                let op = build.temporary().op();
                build.machine_mut(role).begun = Some(Begun { op: op.clone(), thing: None });
                let input = input.clone().instance_type(kind.as_str().into());
                match launched(build, &op, input).await {
                    Err(error) if at + 1 < kinds.len() && error.is(NO_CAPACITY) => {}
                    Err(error) => return Err(error.to_string()),
                    Ok(made) => {
                        build.machine_mut(role).begun = Some(Begun { op, thing: Some(made) });
                        break;
                    }
                }
            }
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if succeeded && self.0 == Role::Verify {
                end_both(build).await;
            }
            let Some(begun) = build.machine_mut(self.0).begun.take() else { return Ok(()) };
            let account = Arc::clone(&build.account);
            let mut left = Vec::new();
            for id in made_of(&account, &account.instances, &begun).await? {
                if build.machine(self.0).ending && has_ended(&account, &id).await {
                    continue;
                }
                let Err(error) = account.remove(&account.instances, &id).await else { continue };
                build.instance_stays = true;
                let other_way =
                    if error.denied() { off::switched_off(build, self.0, &id).await } else { Ok(false) };
                match other_way {
                    Ok(true) => build.instance_stays = false,
                    Ok(false) => left.push(format!("instance {id} is left: {error}")),
                    Err(why) => left.push(format!("instance {id} is left: {error}; and {why}")),
                }
            }
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        })
    }

    fn holds(&self, build: &Build) -> Option<String> {
        let machine = build.machine(self.0);
        let id = machine.id().ok()?;
        let key =
            build.options.private_key_file.clone().unwrap_or_else(|| build.folder.path().join(KEY_FILE));
        let (user, address) = (&build.options.ssh_user, &machine.address);
        Some(match address.is_empty() {
            true => format!("instance {id}"),
            false => format!("instance {id} (ssh -i {} {user}@{address})", key.display()),
        })
    }
}

/// Asks for the end of both instances at once, so that one wait is enough. What goes wrong with one of them is told when
/// each is ended by itself.
async fn end_both(build: &mut Build) {
    let account = Arc::clone(&build.account);
    let ids: Vec<String> = build.machines.iter().filter_map(|m| Some(m.id().ok()?.to_string())).collect();
    if ids.len() < build.machines.len() {
        return;
    }
    for id in &ids {
        account
            .note(&serde_json::json!({"remove": kinds::Instance::NAME, "id": id, "region": account.region}));
    }
    let input = TerminateInstancesInputBuilder::default().set_instance_ids(Some(ids.clone()));
    let asked = account.ec2.terminate_instances(input).await.is_ok()
        && account.instances.refresh(&*account.ec2, &ids).await.is_ok();
    build.machines.iter_mut().for_each(|machine| machine.ending = asked);
}

/// Waits for the end that was asked for; `false`: it did not come.
async fn has_ended(account: &Account, id: &str) -> bool {
    let gone =
        |seen: Option<&Arc<types::Instance>>| seen.is_none_or(|i| kinds::Instance::is_gone(i)).then_some(());
    let (ec2, manner) = (&*account.ec2, &account.manner);
    if account.instances.until(ec2, manner, id, LIMIT, gone).await.is_err() {
        return false;
    }
    manner.note_removed(id);
    account.note(&serde_json::json!({"removed": kinds::Instance::NAME, "id": id}));
    true
}

pub struct Provisioning(pub Arc<dyn Provision>);

impl Step<Build> for Provisioning {
    fn name(&self) -> &str {
        "provisioning"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host = login(build, Role::Bake)?;
            if build.wishes.inspect {
                build.contents.before = remote::inspect(&host).await?.files;
            }
            self.0.provision(host, seen_by_the_play(build, Role::Bake)).await
        })
    }
}

/// What belongs to one machine goes, as the last act on it; what is there then is the image.
pub struct Seal;

impl Step<Build> for Seal {
    fn name(&self) -> &str {
        "cleaning"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host = login(build, Role::Bake)?;
            let seen = match &build.wishes.clean {
                None => remote::inspect(&host).await?,
                Some(keep) => {
                    let public = build.folder.path().join(KEY_FILE).with_extension("pub");
                    let public = std::fs::read_to_string(public).unwrap_or_default();
                    let blob = public.split_whitespace().nth(1).unwrap_or("no key was made");
                    remote::seal(&host, blob, keep).await?
                }
            };
            if !seen.unclean.is_empty() {
                return Err(format!("still there: {}", seen.unclean.join("; ")));
            }
            let sysctl = super::super::manifest::settings(seen.sysctl.values());
            let contents = &mut build.contents;
            contents.changed = super::super::manifest::changes(&contents.before, &seen.files);
            contents.sizes = super::super::manifest::sizes(&seen.files, &contents.changed);
            (contents.packages, contents.sysctl) = (seen.packages, sysctl);
            Ok(())
        })
    }
}

pub struct Verify(pub Arc<dyn Provision>);

impl Step<Build> for Verify {
    fn name(&self) -> &str {
        "verify"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host = login(build, Role::Verify)?;
            remote::running(&host).await?;
            self.0.verify(host, seen_by_the_play(build, Role::Verify)).await?;
            build.contents.verified = true;
            Ok(())
        })
    }
}

/// `fitout_image`, as far as this builder knows it.
pub fn seen_by_the_play(build: &Build, role: Role) -> Map {
    let source = build.source.as_ref();
    let tags = source.map(|s| kinds_tags(s.tags())).unwrap_or_default();
    let source = record! {
        "id" => source.and_then(|s| s.image_id()),
        "name" => source.and_then(|s| s.name()),
        "owner" => source.and_then(|s| s.owner_id()),
        "created" => source.and_then(|s| s.creation_date()),
        "tags" => tags,
    };
    let instance = build.machine(role).id().ok();
    record! {
        "builder" => build.options.name.as_str(),
        "build" => build.options.build_name.as_str(),
        "type" => "amazon-ebs",
        "phase" => if role == Role::Bake { "bake" } else { "verify" },
        "name" => build.options.ami_name.as_str(),
        "region" => build.account.region.as_str(),
        "run" => build.identity.run.as_str(),
        "instance" => instance,
        "source" => source,
    }
}

fn kinds_tags(tags: &[types::Tag]) -> Value {
    crate::cloud::identity::from_sdk(tags).into_iter().map(|(k, v)| (k, Value::from(v))).collect()
}

pub struct Halt;

impl Step<Build> for Halt {
    fn name(&self) -> &str {
        "stopping the instance"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let account = Arc::clone(&build.account);
            let id = build.instance()?.to_string();
            let input = StopInstancesInputBuilder::default().instance_ids(&id);
            account.ec2.stop_instances(input).await.map_err(|e| e.to_string())?;
            account
                .instances
                .refresh(&*account.ec2, std::slice::from_ref(&id))
                .await
                .map_err(|e| e.to_string())?;
            let stopped = |seen: Option<&Arc<types::Instance>>| {
                let state = seen.and_then(|i| i.state()).and_then(|s| s.name())?;
                matches!(state, types::InstanceStateName::Stopped).then_some(())
            };
            wait(build, &id, stopped).await
        })
    }
}
