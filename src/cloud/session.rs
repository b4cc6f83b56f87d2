//! What a run knows of the cloud: one account for each way of access, with its clients and its tables.

use super::access::Access;
use super::ec2::{Ec2, Ec2Client};
use super::error::CallError;
use super::identity::{OP, Tags};
use super::kinds::*;
use super::kinds_images::{Image, Snapshot};
use super::remove::Thing;
use super::retry::Manner;
use super::scaling_groups::ScalingGroups;
use super::table::{Kind, Table};
use aws_config::SdkConfig;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OnceCell, watch};

/// Told of every intent before it is carried out, and of what came of it.
pub trait Witness: Send + Sync {
    /// One line for the journal, as a JSON object without secrets: `create` or `remove` before the call,
    /// `created` or `removed` after it.
    fn note(&self, line: &serde_json::Value);

    /// The operation with which an earlier run began to make this a moment ago: it may be there and not be shown yet.
    fn begun_lately(&self, _stack: &str, _node: &str) -> Option<String> {
        None
    }
}

/// One region as one user sees it.
pub struct Account {
    /// The calls, or what stands in for them in a test.
    pub ec2: Arc<dyn Ec2>,
    /// `eu-central-1`; empty where the configuration names none.
    pub region: String,
    /// For the clients of other services.
    pub config: SdkConfig,
    /// How calls are repeated and how long to wait; one for all services.
    pub manner: Arc<Manner>,
    witness: Arc<dyn Witness>,
    /// With its tags, which say the stack and the operation that made it.
    deposed: Mutex<Vec<(Thing, Tags)>>,
    /// Devices that others take the place of, and those where they are known: what is with one goes to the other.
    replaced: Mutex<Vec<(String, Option<String>)>>,
    /// In a plan, what goes to a device that is not known yet: to one of them.
    followed: Mutex<HashSet<String>>,
    /// VPCs of the region, the default one too; like every table it is read when it is first asked for.
    pub vpcs: Table<Vpc>,
    /// Subnets of all VPCs.
    pub subnets: Table<Subnet>,
    /// Internet gateways, attached or not.
    pub internet_gateways: Table<InternetGateway>,
    /// Route tables, each VPC's main one too.
    pub route_tables: Table<RouteTable>,
    /// Security groups, each VPC's `default` too.
    pub security_groups: Table<SecurityGroup>,
    /// Public halves of key pairs.
    pub key_pairs: Table<KeyPair>,
    /// Instances that have not ended.
    pub instances: Table<Instance>,
    /// EBS volumes that are not being deleted.
    pub volumes: Table<Volume>,
    /// Network interfaces, other services' too.
    pub network_interfaces: Table<NetworkInterface>,
    /// NAT gateways that are not deleted.
    pub nat_gateways: Table<NatGateway>,
    /// Elastic IP addresses.
    pub addresses: Table<Address>,
    /// Launch templates, without their versions.
    pub launch_templates: Table<LaunchTemplate>,
    /// The account's own images.
    pub images: Table<Image>,
    /// The account's own snapshots.
    pub snapshots: Table<Snapshot>,
    /// Groups of Auto Scaling, a service of its own; listed once.
    pub scaling_groups: ScalingGroups,
}

impl Account {
    /// An account whose tables are empty: nothing is read before a task asks. The region is empty where the
    /// configuration names none.
    pub fn new(
        ec2: Arc<dyn Ec2>,
        config: SdkConfig,
        manner: Arc<Manner>,
        witness: Arc<dyn Witness>,
    ) -> Account {
        Account {
            ec2,
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            config,
            manner,
            witness,
            deposed: Mutex::default(),
            replaced: Mutex::default(),
            followed: Mutex::default(),
            vpcs: Table::default(),
            subnets: Table::default(),
            internet_gateways: Table::default(),
            route_tables: Table::default(),
            security_groups: Table::default(),
            key_pairs: Table::default(),
            instances: Table::default(),
            volumes: Table::default(),
            network_interfaces: Table::default(),
            nat_gateways: Table::default(),
            addresses: Table::default(),
            launch_templates: Table::default(),
            images: Table::default(),
            snapshots: Table::default(),
            scaling_groups: ScalingGroups::default(),
        }
    }

    /// A thing that another takes the place of, in this run or in one before; it goes at the end of the run, when nothing
    /// uses it any more.
    pub fn depose<K: Kind>(&self, item: &K::Item) {
        let thing = Thing { kind: K::NAME, id: K::id(item).to_string() };
        let mut deposed = self.deposed();
        if !deposed.iter().any(|(known, _)| *known == thing) {
            self.note(&serde_json::json!({"deposed": K::NAME, "id": thing.id, "region": self.region}));
            deposed.push((thing, K::tags(item)));
        }
    }

    /// The end of the run need not care for the thing: it stays after all, or went already.
    pub fn spare<K: Kind>(&self, item: &K::Item) {
        self.deposed().retain(|(thing, _)| (thing.kind, thing.id.as_str()) != (K::NAME, K::id(item)));
    }

    /// Whether another takes the thing's place in this run, whatever a table still says of its tags.
    pub fn is_deposed<K: Kind>(&self, item: &K::Item) -> bool {
        self.deposed().iter().any(|(thing, _)| (thing.kind, thing.id.as_str()) == (K::NAME, K::id(item)))
    }

    /// Another takes the place of this device; in a plan its id is not known.
    pub fn note_replaced(&self, old: &str, new: Option<&str>) {
        let mut replaced = self.replaced.lock().unwrap_or_else(|e| e.into_inner());
        replaced.push((old.to_string(), new.map(str::to_string)));
    }

    /// Whether `new` takes the place of `old` in this run; `None`: a device that is not known yet.
    pub fn takes_place(&self, old: &str, new: Option<&str>) -> bool {
        let replaced = self.replaced.lock().unwrap_or_else(|e| e.into_inner());
        replaced.iter().any(|(was, is)| was == old && is.as_deref() == new)
    }

    /// What took the place of this device in this run.
    pub fn successor(&self, old: &str) -> Option<String> {
        let replaced = self.replaced.lock().unwrap_or_else(|e| e.into_inner());
        replaced.iter().rev().find(|(was, _)| was == old).and_then(|(_, is)| is.clone())
    }

    /// Whether this is the first that asks: a thing goes to one device, though none of them is known.
    pub fn follow(&self, id: &str) -> bool {
        self.followed.lock().unwrap_or_else(|e| e.into_inner()).insert(id.to_string())
    }

    /// Whether what this operation made, if it is of this kind, has to be made again: it was deposed, or something was that it
    /// is inside of.
    pub fn replaces<K: Kind>(&self, op: &str) -> bool {
        let deposed = self.deposed();
        match deposed.iter().any(|(thing, _)| thing.kind == K::NAME) {
            true => deposed.iter().any(|(_, tags)| tags.get(OP).is_some_and(|made| made == op)),
            false => !deposed.is_empty(),
        }
    }

    /// Whether anything was deposed by now: what an earlier run began inside of it may hang on nothing.
    pub fn has_deposed(&self) -> bool {
        !self.deposed().is_empty()
    }

    /// What was deposed since this was asked last, with its tags.
    pub fn take_deposed(&self) -> Vec<(Thing, Tags)> {
        std::mem::take(&mut *self.deposed())
    }

    fn deposed(&self) -> MutexGuard<'_, Vec<(Thing, Tags)>> {
        self.deposed.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// What an earlier run began to make a moment ago, as [`Witness`] knows.
    pub fn begun_lately(&self, stack: &str, node: &str) -> Option<String> {
        self.witness.begun_lately(stack, node)
    }

    /// Into the journal.
    pub fn note(&self, line: &serde_json::Value) {
        self.witness.note(line);
    }
}

/// Shared by all tasks of a run.
pub struct Session {
    witness: Arc<dyn Witness>,
    stop: watch::Receiver<bool>,
    accounts: Mutex<HashMap<Access, Arc<OnceCell<Arc<Account>>>>>,
}

impl Session {
    /// `stop` turns true when nothing new is to begin.
    pub fn new(witness: Arc<dyn Witness>, stop: watch::Receiver<bool>) -> Session {
        Session { witness, stop, accounts: Mutex::default() }
    }

    /// The account behind this way of access, made when it is first asked for.
    pub async fn account(&self, access: &Access) -> Result<Arc<Account>, CallError> {
        let cell = {
            let mut accounts = self.accounts.lock().unwrap_or_else(|e| e.into_inner());
            Arc::clone(accounts.entry(access.clone()).or_default())
        };
        let connect = || async {
            let config = access.config().await?;
            let manner = Arc::new(Manner::new(self.stop.clone()));
            let client = Ec2Client::new(aws_sdk_ec2::Client::new(&config), Arc::clone(&manner));
            Ok(Arc::new(Account::new(Arc::new(client), config, manner, Arc::clone(&self.witness))))
        };
        cell.get_or_try_init(connect).await.map(Arc::clone)
    }

    /// The accounts that were used.
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        let accounts = self.accounts.lock().unwrap_or_else(|e| e.into_inner());
        accounts.values().filter_map(|cell| cell.get().cloned()).collect()
    }
}
