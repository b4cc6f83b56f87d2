//! The builder behind `-b amazon-ebs`: an order's options, plays and name, and the manifest of what came of it.

use super::super::manifest::{self, Manifest};
use super::super::options::Source;
use super::super::steps::{Ending, StepFuture};
use super::super::{BakeError, Baked, Builder, BuilderFuture, Order, tools};
use super::{Build, Options, Provision, Wishes};
use crate::base::{Map, Value};
use crate::cloud::{Identity, Session, Witness};
use crate::exec::journal::{self, Journal};
use crate::exec::options::Mode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The account that publishes Debian's images.
const DEBIAN_OWNER: &str = "136693071363";
/// Suites, and the releases that images are named by.
const DEBIAN: [(&str, u32); 2] = [("bookworm", 12), ("trixie", 13)];

/// `-b amazon-ebs`: bakes on an instance of the source image, which is terminated afterwards.
pub struct AmazonEbs;

impl Builder for AmazonEbs {
    fn name(&self) -> &'static str {
        "amazon-ebs"
    }

    fn bake(&self, order: Arc<Order>) -> BuilderFuture<'_> {
        Box::pin(bake(order))
    }
}

/// The order's plays, on whatever host they are to be run.
struct ByPlays(Arc<Order>);

impl ByPlays {
    fn host(mut host: Map, image: Map) -> Map {
        host.insert("fitout_image".into(), image.into());
        host
    }
}

impl Provision for ByPlays {
    fn provision<'a>(&'a self, host: Map, image: Map) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let done = self.0.plays.run(Mode::Apply, ByPlays::host(host, image)).await;
            done.map(drop).map_err(|e| e.to_string())
        })
    }

    fn verify<'a>(&'a self, host: Map, image: Map) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host = ByPlays::host(host, image);
            let report = self.0.plays.run(Mode::Plan, host.clone()).await.map_err(|e| e.to_string())?;
            if report.changes {
                return Err(
                    "the plays would change the booted image; what they would do is shown above".into()
                );
            }
            self.0.plays.verify(host).await.map(drop).map_err(|e| e.to_string())
        })
    }
}

/// Intents and what came of them, in a journal of the bake's own.
pub struct InJournal(Mutex<Journal>);

impl InJournal {
    pub fn of(order: &Order, run: &str) -> InJournal {
        let made = Journal::create(&order.plays.options.run_dir, run).unwrap_or_else(|why| {
            (order.say)(&format!("warning: {why}"));
            Journal::default()
        });
        let journal = InJournal(Mutex::new(made));
        let at = journal::now();
        journal.note(&serde_json::json!({"run": run, "program": order.hash, "check": false, "at": at}));
        journal
    }
}

impl Witness for InJournal {
    fn note(&self, line: &serde_json::Value) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).line(line);
    }
}

/// The options as they are to be: `image` is what templates see as `fitout_image`.
/// `idle`: names that this builder has no use for.
pub fn options(order: &Order, image: &Map, idle: &[&str]) -> Result<Options, String> {
    let rendered = (order.render)(&Value::Map(order.builder.options.clone().into()), image)?;
    let mut map = rendered.as_map().cloned().unwrap_or_default();
    map.insert("name".into(), order.builder.name.as_str().into());
    if !map.contains_key("ami_name") {
        map.insert("ami_name".into(), order.name.as_str().into());
    }
    let has_source = ["source_ami", "source_ami_filter"].iter().any(|key| map.contains_key(*key));
    for (key, value) in &order.image.shared {
        let source = key.as_str().is_some_and(|key| key.starts_with("source_ami"));
        if !(map.contains_key(key) || source && has_source) {
            map.insert(key.clone(), value.clone());
        }
    }
    if idle.is_empty()
        && let Source::Debootstrap { suite, .. } = &order.image.source
    {
        of_debian(&mut map, suite);
    }
    for name in idle {
        map.insert((*name).into(), "none".into());
    }
    Options::new(&map)
}

/// Where a play says what is bootstrapped and names no image: Debian's own image of that release, which is the same system.
fn of_debian(map: &mut Map, suite: &str) {
    let named = |name: &str| map.contains_key(name);
    let release = DEBIAN.iter().find(|(name, _)| *name == suite).map(|(_, release)| release);
    let Some(release) = release.filter(|_| !named("source_ami") && !named("source_ami_filter")) else {
        return;
    };
    let typed = named("instance_type") || named("spot_instance_types");
    let filter = crate::record! {
        "filters" => crate::record! { "name" => format!("debian-{release}-amd64-*") },
        "owners" => vec![Value::from(DEBIAN_OWNER)],
        "most_recent" => true,
    };
    map.insert("source_ami_filter".into(), filter.into());
    if !typed {
        map.insert("instance_type".into(), "t3.small".into());
    }
    if !map.contains_key("ssh_username") {
        map.insert("ssh_username".into(), "admin".into());
    }
}

/// What templates see before the source image is known: every name with an empty value.
pub fn before(order: &Order) -> Map {
    let source = crate::record! {
        "id" => "", "name" => "", "owner" => "", "created" => "", "tags" => Map::new(),
    };
    crate::record! {
        "builder" => order.builder.name.as_str(), "type" => order.builder.kind.as_str(), "phase" => "bake",
        "name" => "", "region" => "", "run" => "", "instance" => "", "source" => source,
    }
}

/// A name for one bake: as its journal is called and its things are tagged.
pub fn run_name() -> String {
    let at = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S");
    format!("{at}-bake-{:06x}", rand::random::<u32>() & 0xff_ffff)
}

async fn bake(order: Arc<Order>) -> Result<Baked, BakeError> {
    tools::need(&[("ssh", "openssh-client"), ("ssh-keygen", "openssh-client")])?;
    let first = options(&order, &before(&order), &[]).map_err(BakeError::Input)?;
    let run = run_name();
    let (_stop, never) = tokio::sync::watch::channel(false);
    let session = Arc::new(Session::new(Arc::new(InJournal::of(&order, &run)), never));
    let account = session.account(&first.access).await.map_err(|e| BakeError::Input(e.to_string()))?;
    let stack = format!("image/{}", order.title);
    let identity = Identity { stack, node: order.builder.name.clone(), run, ..Identity::default() };
    let mut build = Build::new(first, session, account, identity)
        .map_err(|e| BakeError::failed("a folder for the bake's keys", e))?;
    build.wishes = Wishes {
        hash: Some(order.hash.clone()),
        force: order.force,
        verify: order.image.verify,
        // What holds services back is a thing of the disk builder.
        clean: order.image.clean.then(|| [&order.image.keep[..], &["policy".to_string()]].concat()),
        inspect: true,
    };
    let late = Arc::clone(&order);
    build.late = Some(Arc::new(move |image| options(&late, &image, &[])));
    let times: Mutex<Vec<(String, Instant)>> = Mutex::default();
    let tell = |name: &str| {
        times.lock().unwrap_or_else(|e| e.into_inner()).push((name.to_string(), Instant::now()));
        (order.say)(name);
    };
    let cancel = order.plays.cancel.clone();
    let provision = Arc::new(ByPlays(Arc::clone(&order)));
    let mut ending = super::bake(&mut build, provision, &cancel, order.on_error, &tell).await;
    interrupted(&mut ending, cancel.requested());
    let times = times.into_inner().unwrap_or_else(|e| e.into_inner());
    let manifest = (ending.failed.is_none() && !ending.interrupted).then(|| of(&order, &build, &times));
    if let Some(manifest) = manifest.as_ref().filter(|m| !m.artifacts.is_empty()) {
        manifest.write(&order.out)?;
    }
    Ok(Baked { ending, manifest, found: build.found })
}

/// A program that was ended by the interrupt may tell of it before the steps' runner does.
pub fn interrupted(ending: &mut Ending, requested: bool) {
    if requested && ending.failed.take().is_some() {
        ending.interrupted = true;
    }
}

/// What came of it.
pub fn of(order: &Order, build: &Build, times: &[(String, Instant)]) -> Manifest {
    let contents = &build.contents;
    let artifact = |a: &super::Artifact| manifest::Artifact {
        format: "ami".into(),
        region: a.region.clone(),
        id: a.id.clone(),
        snapshots: a.snapshots.clone(),
        ..manifest::Artifact::default()
    };
    Manifest {
        name: format!("{}.{}", order.name, order.builder.name),
        hash: build.hash.clone().unwrap_or_else(|| order.hash.clone()),
        builder: order.builder.kind.clone(),
        made: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        fitout: env!("CARGO_PKG_VERSION").into(),
        inputs: order.playbooks.clone(),
        source: build.source_id().to_string(),
        packages: contents.packages.clone(),
        changed: contents.changed.clone(),
        contents: contents.sizes.clone(),
        sysctl: contents.sysctl.clone(),
        timings: manifest::seconds(times),
        artifacts: build.artifacts.iter().map(artifact).collect(),
        verified: contents.verified,
    }
}
