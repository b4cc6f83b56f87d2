//! What there is by tag, looked at without a playbook: for `state`, and for `gc`, which removes what is left over.

use super::super::cancel::Cancel;
use super::super::event::{Event, Sink};
use super::super::journal::{self, Journal};
use super::super::options::Confirm;
use super::super::redact::Redactor;
use super::CloudRun;
use super::lock::{Heard, LockPlace, RunHears};
use super::orphans::Orphans;
use super::removal::{Target, Teller, remove, shown};
use crate::cloud::ec2::input::DescribeRegionsInputBuilder;
use crate::cloud::{Access, Account, CallError};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Where is looked.
#[derive(Clone, Debug, Default)]
pub struct Where {
    /// Whose account; its own region is overridden by `regions`.
    pub access: Access,
    /// Without any: the one that the environment or the profile names.
    pub regions: Vec<String>,
    /// In all that the account may use.
    pub everywhere: bool,
    /// Only this stack.
    pub stack: Option<String>,
}

/// What carries a stack's tag, and why there may be more.
pub struct Found {
    /// By stack, region, kind and id.
    pub targets: Vec<Target>,
    /// What could not be looked at, in a user's words; empty: that is all.
    pub unseen: BTreeSet<String>,
}

impl Where {
    async fn accounts(&self, cloud: &CloudRun) -> Result<Vec<Arc<Account>>, CallError> {
        let with = |region: &String| Access { region: Some(region.clone()), ..self.access.clone() };
        let mut accesses: Vec<Access> = self.regions.iter().map(with).collect();
        if accesses.is_empty() {
            accesses.push(self.access.clone());
        }
        if self.everywhere {
            let first = cloud.session.account(&accesses[0]).await?;
            let regions = first.ec2.describe_regions(DescribeRegionsInputBuilder::default()).await?.regions;
            let names = regions.unwrap_or_default().into_iter().filter_map(|r| r.region_name);
            accesses = names.map(|region| with(&region)).collect();
        }
        let mut accounts = Vec::new();
        for access in accesses {
            accounts.push(cloud.session.account(&access).await?);
        }
        Ok(accounts)
    }

    /// Looks; calls that only read.
    pub async fn look(&self, cloud: &CloudRun) -> Result<Found, CallError> {
        let mut found = Found { targets: Vec::new(), unseen: BTreeSet::new() };
        for account in self.accounts(cloud).await? {
            let census = account.tagged(self.stack.as_deref()).await?;
            found.unseen.extend(census.unseen);
            for (thing, tags) in census.things {
                let one = Target { account: Arc::clone(&account), thing, tags, why: String::new() };
                if !found.targets.iter().any(|t| t.thing == one.thing && t.region() == one.region()) {
                    found.targets.push(one);
                }
            }
        }
        found.targets.sort_by(|a, b| {
            let key = |t: &Target| (t.stack().to_string(), t.region().to_string(), t.thing.clone());
            key(a).cmp(&key(b))
        });
        Ok(found)
    }
}

/// A look that changes nothing and leaves no journal.
pub async fn look(place: &Where, cancel: &Cancel) -> Result<Found, CallError> {
    let cloud = CloudRun::new("state", cancel, Arc::default());
    place.look(&cloud).await
}

/// What `gc` is asked for.
pub struct Gc {
    /// Where is looked.
    pub place: Where,
    /// What nobody wants any more.
    pub orphans: Orphans,
    /// Asked before anything is removed.
    pub confirm: Confirm,
    /// Where its journal goes.
    pub run_dir: PathBuf,
    /// Where stacks are locked while things of theirs are removed.
    pub lock: LockPlace,
}

struct Talk {
    sink: Arc<dyn Sink>,
    redactor: Redactor,
}

impl Teller for Talk {
    fn tell(&self, event: Event) {
        self.sink.event(&event);
    }

    fn redact(&self, text: &str) -> String {
        self.redactor.text(text)
    }
}

/// Removes what nobody wants any more; the number of things that are left of it.
pub async fn collect(gc: &Gc, sink: Arc<dyn Sink>, cancel: &Cancel) -> Result<usize, String> {
    let began = Instant::now();
    let id = super::super::run_id();
    let talk = Talk { sink, redactor: Redactor::default() };
    let warning = |message: String| talk.tell(Event::Warning { message, place: None });
    let journal = Journal::create(&gc.run_dir, &id).unwrap_or_else(|why| {
        warning(why);
        Journal::default()
    });
    let cloud = CloudRun::new(&id, cancel, Arc::new(Mutex::new(journal)));
    cloud.note_line(&json!({"run": id, "gc": true, "at": journal::now()}));
    talk.tell(Event::RunStarted { run: id.clone(), check: false, hosts: Vec::new() });
    let found = gc.place.look(&cloud).await.map_err(|e| e.to_string())?;
    found.unseen.into_iter().for_each(|why| warning(format!("there may be more: {why}")));
    let now = jiff::Timestamp::now();
    let orphan = |mut target: Target| {
        target.why = gc.orphans.why(&target.thing, &target.tags, None, now)?;
        Some(target)
    };
    let targets = shown(&talk, found.targets.into_iter().filter_map(orphan).collect());
    let mut left = targets.len();
    if !targets.is_empty() && (gc.confirm.0)(targets.len()) && !cancel.requested() {
        left = carry_out(gc, &cloud, &talk, cancel, targets).await;
        cloud.release().await;
    }
    cloud.note_line(&json!({"done": id, "interrupted": cancel.requested(), "at": journal::now()}));
    talk.tell(Event::RunDone { recap: Vec::new(), elapsed: began.elapsed(), round_trips: 0 });
    Ok(left)
}

/// Stacks that someone else is changing are left alone.
async fn carry_out(
    gc: &Gc,
    cloud: &CloudRun,
    talk: &Talk,
    cancel: &Cancel,
    mut targets: Vec<Target>,
) -> usize {
    let of = |t: &Target| (t.stack().to_string(), Arc::clone(&t.account));
    let stacks: BTreeMap<String, Arc<Account>> = targets.iter().map(of).collect();
    let heard = RunHears { sink: Arc::clone(&talk.sink), cancel: cancel.clone() };
    let heard: Arc<dyn Heard> = Arc::new(heard);
    let mut busy = 0;
    for (stack, account) in stacks {
        let taken = cloud.locks.take(&gc.lock, &gc.run_dir, &cloud.id, &stack, &account, &heard).await;
        if let Err(held) = taken {
            talk.tell(Event::Warning { message: held.message, place: None });
            let before = targets.len();
            targets.retain(|t| t.stack() != stack);
            busy += before - targets.len();
        }
    }
    busy + remove(talk, &targets).await
}
