//! The builder `amazon-ebs`: an instance is launched, provisioned, stopped, and becomes an image.
//!
//! - What is temporary (key pair, security group, instance) carries the run's tags from its first moment, so that
//!   `fitout gc` finds what a kill leaves. The instance ends itself after a time limit (it is launched with
//!   shutdown = terminate and a timer), whoever is gone.
//! - The group lets in only the caller's address. The host's key is made here and given to the instance, so that the
//!   first login is verified.
//! - The image is known from the moment its creation is asked for; an interrupted wait leaves none behind.

mod access;
mod ami;
mod copies;
mod instance;
mod options;
mod source;

pub use options::Options;

use super::steps::{self, Ending, OnError, Step};
use crate::base::Map;
use crate::cloud::ec2::types;
use crate::cloud::{Account, Identity, Op, Session, expiry};
use crate::exec::Cancel;
use std::sync::Arc;

/// How long after its instance's last moment a build may still be at work.
const GRACE: std::time::Duration = std::time::Duration::from_secs(1800);

/// Runs the play on the host that becomes an image.
pub trait Provision: Send + Sync {
    /// `host`: its variables in the inventory, `ansible_host` and what else a login takes. `image`: what the play
    /// sees as `fitout_image`. With an error the bake fails.
    fn provision<'a>(&'a self, host: Map, image: Map) -> steps::StepFuture<'a, Result<(), String>>;
}

/// An image that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub region: String,
    pub id: String,
    pub snapshots: Vec<String>,
}

/// One build's state; what was begun is in it before it is begun.
pub struct Build {
    pub options: Options,
    pub session: Arc<Session>,
    pub account: Arc<Account>,
    /// Whose things these are: the stack is `image/NAME`.
    pub identity: Identity,
    /// For the private key and known_hosts; only its owner reads it.
    pub folder: tempfile::TempDir,
    source: Option<types::Image>,
    key: Option<Begun<types::KeyPairInfo>>,
    group: Option<Begun<types::SecurityGroup>>,
    instance: Option<Begun<types::Instance>>,
    image: Option<Begun<types::Image>>,
    copies: Vec<copies::Copy>,
    /// The public half of the host's own key.
    host_key: String,
    pub artifacts: Vec<Artifact>,
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
    pub fn new(
        options: Options,
        session: Arc<Session>,
        account: Arc<Account>,
        identity: Identity,
    ) -> std::io::Result<Build> {
        Ok(Build {
            options,
            session,
            account,
            identity,
            folder: tempfile::Builder::new().prefix("fitout-bake-").tempdir()?,
            source: None,
            key: None,
            group: None,
            instance: None,
            image: None,
            copies: Vec::new(),
            host_key: String::new(),
            artifacts: Vec::new(),
        })
    }

    /// Whose things those are that go with the build: `gc` takes them when the instance must have ended itself.
    fn temporary(&self) -> Identity {
        let expires = expiry::after(self.options.lifetime + GRACE, jiff::Timestamp::now()).ok();
        Identity { expires, ..self.identity.clone() }
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
    let mut steps: Vec<Box<dyn Step<Build>>> = vec![Box::new(source::Choose)];
    if build.options.private_key_file.is_none() {
        steps.push(Box::new(access::KeyPair));
    }
    if build.options.security_group_ids.is_empty() {
        steps.push(Box::new(access::Group));
    }
    steps.push(Box::new(instance::Launch));
    steps.push(Box::new(instance::Reach));
    steps.push(Box::new(instance::Provisioning(provision)));
    steps.push(Box::new(instance::Halt));
    steps.push(Box::new(ami::Create));
    steps.push(Box::new(copies::CopyToRegions));
    steps.push(Box::new(copies::Share));
    steps::run(&steps, build, cancel, on_error, tell).await
}
