//! The builder `amazon-ebs`: an instance is launched, provisioned, cleaned, stopped, becomes an image, which is booted and
//! looked at before it gets its name, its copies and its users.
//!
//! - What is temporary (key pair, security group, instances) carries the run's tags and the time it may live from its
//!   first moment, so that `fitout gc` finds what a kill leaves. An instance ends itself after that time (it is launched
//!   with shutdown = terminate and a timer), whoever is gone.
//! - The group lets in only the caller's address. The host's key is made here and given to the instance, so that the
//!   first login is verified.
//! - The image is known from the moment its creation is asked for; an interrupted wait leaves none behind. Only a
//!   finished one has the tags [`HASH`], by which it is found again, and `fitout:keep`, by which it outlives `gc`.

mod access;
mod ami;
mod builder;
mod copies;
pub mod direct;
mod instance;
pub mod keys;
pub mod known;
mod launch;
mod network;
mod off;
mod options;
pub mod prune;
mod publish;
mod reach;
mod remote;
mod slot;
mod source;

pub use builder::AmazonEbs;
pub use options::Options;

use super::manifest::Listing;
use super::steps::{self, Ending, OnError, Step};
use crate::base::Map;
use crate::cloud::ec2::types;
use crate::cloud::{Account, Identity, Op, Session, expiry};
use crate::exec::Cancel;
use std::collections::BTreeMap;
use std::sync::Arc;

/// On a finished image and its snapshots: the hash of all that went into it.
pub const HASH: &str = "fitout:image";
/// How long after its instance's last moment a build may still be at work.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1800);

/// Runs the play on the host that becomes an image, and on one booted from it.
pub trait Provision: Send + Sync {
    /// `host`: its variables in the inventory, `ansible_host` and what else a login takes. `image`: what the play
    /// sees as `fitout_image`. With an error the bake fails.
    fn provision<'a>(&'a self, host: Map, image: Map) -> steps::StepFuture<'a, Result<(), String>>;
    /// Nothing is left to do on a machine booted from the image, and the play's own checks pass.
    fn verify<'a>(&'a self, host: Map, image: Map) -> steps::StepFuture<'a, Result<(), String>> {
        let _ = (host, image);
        Box::pin(async { Ok(()) })
    }
}

/// An image that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it is.
    pub region: String,
    /// `ami-…`
    pub id: String,
    /// Those of its disks.
    pub snapshots: Vec<String>,
}

/// The options once the source image is known: templates may name it.
pub type Late = Arc<dyn Fn(Map) -> Result<Options, String> + Send + Sync>;

/// What is done beside the bake itself.
#[derive(Clone, Default)]
pub struct Wishes {
    /// Of all inputs but the source image: an image with it is used again.
    pub hash: Option<String>,
    /// Bake also where the image is there.
    pub force: bool,
    /// Boot the image and look.
    pub verify: bool,
    /// What belongs to one machine is taken out, but for these parts.
    pub clean: Option<Vec<String>>,
    /// Say what is in the image.
    pub inspect: bool,
}

/// What is in the image.
#[derive(Debug, Default)]
pub struct Contents {
    /// Files of the machine before anything was done, to compare with.
    pub before: Listing,
    /// One a line, with `+`, `~` or `-` in front; empty where it was not asked for.
    pub changed: Vec<String>,
    /// The sizes of those that are there, by path.
    pub sizes: BTreeMap<String, String>,
    /// Version by name; empty where it was not asked for.
    pub packages: BTreeMap<String, String>,
    /// Kernel parameters by name, as the booted machine has them; empty where it was not asked for.
    pub sysctl: BTreeMap<String, String>,
    /// A machine booted from it has passed.
    pub verified: bool,
}

/// One build's state; what was begun is in it before it is begun.
pub struct Build {
    /// What the builder was told; some are filled in as the build goes on.
    pub options: Options,
    /// What the caller wants.
    pub wishes: Wishes,
    /// Reads the options again when the source is known; `None`: they name nothing of it.
    pub late: Option<Late>,
    /// For accounts of other regions.
    pub session: Arc<Session>,
    /// That of the build's own region.
    pub account: Arc<Account>,
    /// Whose things these are: the stack is `image/NAME`.
    pub identity: Identity,
    /// For the private key and known_hosts; only its owner reads it.
    pub folder: tempfile::TempDir,
    /// What was found on the machine.
    pub contents: Contents,
    source: Option<types::Image>,
    /// The image in the build's own region.
    home: slot::Slot,
    /// In other regions: what has the name that the copy is to have.
    olds: BTreeMap<String, types::Image>,
    key: Option<Begun<types::KeyPairInfo>>,
    group: Option<Begun<types::SecurityGroup>>,
    /// What is baked, and what is booted from the image.
    machines: [instance::Machine; 2],
    /// One of them could not be removed.
    instance_stays: bool,
    /// That a disk's file was written into.
    snapshot: Option<Begun<types::Snapshot>>,
    copies: Vec<slot::Slot>,
    protected: Vec<Artifact>,
    /// The call that protects one of them, which may be on its way when the build is interrupted.
    protecting: Option<tokio::task::JoinHandle<Result<(), String>>>,
    /// What was made, or found; its own region's first.
    pub artifacts: Vec<Artifact>,
    /// The image was there; nothing was made.
    pub found: bool,
    /// Of all inputs, the source image too.
    pub hash: Option<String>,
}

/// A creation: its operation, and what came of it.
struct Begun<T> {
    op: Op,
    thing: Option<Arc<T>>,
}

impl<T> Begun<T> {
    fn new(identity: &Identity) -> Begun<T> {
        Begun { op: identity.op(), thing: None }
    }
}

impl Build {
    /// A build that has begun nothing yet.
    ///
    /// # Errors
    /// The folder for the temporary key cannot be made.
    pub fn new(
        options: Options,
        session: Arc<Session>,
        account: Arc<Account>,
        identity: Identity,
    ) -> std::io::Result<Build> {
        let folder = keys::folder(options.lifetime.saturating_add(GRACE))?;
        Ok(Build {
            options,
            wishes: Wishes::default(),
            late: None,
            session,
            home: slot::Slot::new(Arc::clone(&account)),
            account,
            identity,
            folder,
            contents: Contents::default(),
            source: None,
            olds: BTreeMap::new(),
            key: None,
            group: None,
            machines: Default::default(),
            instance_stays: false,
            snapshot: None,
            copies: Vec::new(),
            protected: Vec::new(),
            protecting: None,
            artifacts: Vec::new(),
            found: false,
            hash: None,
        })
    }

    /// The id of the image it starts from; empty before the step that looks it up.
    pub fn source_id(&self) -> &str {
        self.source.as_ref().and_then(|s| s.image_id()).unwrap_or_default()
    }

    /// Whose things those are that go with the build, and what is not finished: `gc` takes them when the instance must
    /// have ended itself and no wait goes on.
    fn temporary(&self) -> Identity {
        let expires = expiry::after(self.options.lifetime.saturating_add(GRACE), jiff::Timestamp::now()).ok();
        Identity { expires, ..self.identity.clone() }
    }

    /// Whether the image is made under another name first: the name is taken until the new one is there, or the
    /// encrypted copy is to have it.
    fn drafts(&self) -> bool {
        (self.options.encrypt && self.snapshot.is_none()) || self.home.old.is_some()
    }

    /// What the image is called at first.
    fn first_name(&self) -> String {
        match self.drafts() {
            true => slot::draft_name(&self.options.ami_name, &self.identity.run),
            false => self.options.ami_name.clone(),
        }
    }
}

/// Bakes. The artifacts are in the build afterwards; they are only to be told when the ending is good.
pub async fn bake(
    build: &mut Build,
    provision: Arc<dyn Provision>,
    cancel: &Cancel,
    on_error: OnError,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Ending {
    use instance::{Halt, Launch, Provisioning, Role, Seal, Verify};
    use reach::Reach;
    let (options, wishes) = (&build.options, &build.wishes);
    let filtered = [&options.vpc_filter, &options.subnet_filter, &options.group_filter];
    let mut steps: Vec<Box<dyn Step<Build>>> = vec![Box::new(source::Choose)];
    if filtered.iter().any(|f| f.is_some()) {
        steps.push(Box::new(network::Find));
    }
    if options.private_key_file.is_none() && !options.agent {
        steps.push(Box::new(access::KeyPair));
    }
    if options.security_group_ids.is_empty() && options.group_filter.is_none() {
        steps.push(Box::new(access::Group));
    }
    steps.push(Box::new(Launch(Role::Bake)));
    steps.push(Box::new(Reach(Role::Bake)));
    steps.push(Box::new(Provisioning(Arc::clone(&provision))));
    if wishes.clean.is_some() || wishes.inspect {
        steps.push(Box::new(Seal));
    }
    if !options.skip_image {
        // A spot instance cannot be stopped: EC2 restarts it for the image.
        if !options.keeps_running && options.spot_price.is_none() {
            steps.push(Box::new(Halt));
        }
        steps.push(Box::new(ami::Create));
        if wishes.verify {
            steps.push(Box::new(Launch(Role::Verify)));
            steps.push(Box::new(Reach(Role::Verify)));
            steps.push(Box::new(Verify(provision)));
        }
        if options.encrypt || options.force_deregister || wishes.force {
            steps.push(Box::new(publish::Named));
        }
        publish::last(options, &mut steps);
    }
    let ending = steps::run(&steps, build, cancel, on_error, tell).await;
    if !ending.kept.is_empty() {
        // For a look the key is needed.
        build.folder.disable_cleanup(true);
    }
    ending
}
