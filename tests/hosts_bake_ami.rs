//! The builder amazon-ebs against the tests' cloud, where a real booted host answers for the instance.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::base::{Map, Value};
use fitout::cloud::{Access, Identity, Session, Witness};
use fitout::exec::Cancel;
use fitout::image::amazon::{Build, Options, Provision, bake};
use fitout::image::steps::{Ending, OnError, StepFuture};
use serde_json::json;
use std::sync::{Arc, Mutex};
use support::answers::Answers;
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;

/// Logs in as the play would, and says what it was told of the image.
#[derive(Default)]
struct Marks(Mutex<Vec<(Map, Map)>>);

impl Provision for Marks {
    fn provision<'a>(&'a self, host: Map, image: Map) -> StepFuture<'a, Result<(), String>> {
        self.0.lock().unwrap().push((host, image));
        Box::pin(async { Ok(()) })
    }
}

struct Silent;

impl Witness for Silent {
    fn note(&self, _: &serde_json::Value) {}
}

/// Bakes with these options; `at` is a step at which the bake is interrupted.
async fn baked(world: &World, more: serde_json::Value, at: &str) -> (Build, Ending, Vec<String>) {
    let mut options = json!({"source_ami": DEBIAN, "instance_type": "t3.micro", "ssh_username": "root",
        "ami_name": "node", "temporary_security_group_source_cidrs": ["192.0.2.1/32"], "ssh_timeout": "30s",
        "tags": {"role": "node"}, "snapshot_tags": {"of": "node"}});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut options = Options::new(Value::from_json(&options).as_map().unwrap()).unwrap();
    options.access = Access {
        region: Some(world.region.clone()),
        access_key: Some("AKIATESTING".into()),
        secret_key: Some("testing".into()),
        endpoint: Some(world.endpoint()),
        ..Access::default()
    };
    let (_stop, never) = tokio::sync::watch::channel(false);
    let session = Arc::new(Session::new(Arc::new(Silent), never));
    let account = session.account(&options.access).await.unwrap();
    let identity = Identity {
        stack: "image/node".into(),
        node: "bake".into(),
        run: "test".into(),
        keep: false,
        expires: None,
    };
    let mut build = Build::new(options, session, account, identity).unwrap();
    let cancel = Cancel::default();
    let told = Mutex::new(Vec::new());
    let tell = |step: &str| {
        told.lock().unwrap().push(step.to_string());
        if step == at {
            cancel.raise();
        }
    };
    let ending = bake(&mut build, Arc::new(Marks::default()), &cancel, OnError::Cleanup, &tell).await;
    (build, ending, told.into_inner().unwrap())
}

/// Nothing takes its time.
fn at_once() -> serde_json::Value {
    json!({"instance.pending": 0, "instance.stopping": 0, "instance.shutting-down": 0, "image.pending": 0,
        "snapshot.pending": 0})
}

/// What is there of these kinds, in short.
fn left(world: &World) -> Vec<String> {
    world.ours().iter().map(|t| format!("{} {}", t.kind, t.id)).collect()
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future);
}

#[test]
fn an_instance_becomes_an_image_and_nothing_else_stays() {
    let answers = Answers::up();
    run(async {
        let mut world = World::default();
        // The image is meant to stay.
        world.unchecked = true;
        answers.stand_for_instances(&world);
        // What is counted are the calls that a bake needs, not the looks while it waits.
        world.settings(&json!({"delays": at_once()}));
        let (build, ending, told) = baked(&world, json!({"ami_users": ["123456789012"]}), "").await;
        assert!(ending.ok(), "{ending:?} after {told:?}");
        assert!(world.proxy.calls().len() <= 18, "{:?}", names(&world));
        let things = world.ours();
        let mut kinds: Vec<&str> =
            things.iter().filter(|t| t.state.as_deref() != Some("terminated")).map(|t| &*t.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["image", "snapshot"], "{things:?}");
        let image = things.iter().find(|t| t.kind == "image").unwrap();
        assert_eq!(image.tags.get("role").map(String::as_str), Some("node"));
        let snapshot = things.iter().find(|t| t.kind == "snapshot").unwrap();
        assert_eq!(snapshot.tags.get("of").map(String::as_str), Some("node"));
        assert_eq!(build.artifacts[0].id, image.id);

        // The name is taken now: found before anything is made.
        world.proxy.forget();
        let (_, ending, _) = baked(&world, json!({}), "").await;
        assert!(
            ending.failed.as_ref().is_some_and(|(_, why)| why.contains("is taken by ami-")),
            "{ending:?}"
        );
        assert_eq!(world.writes(), [""; 0]);
    });
}

fn names(world: &World) -> Vec<String> {
    world.proxy.calls().iter().map(|c| c.action.clone()).collect()
}

/// Where other builders leave something.
#[test]
fn every_way_out_leaves_nothing() {
    let answers = Answers::up();
    run(async {
        for (fault, action) in [
            (Some(Fault::ReplyLost), "RunInstances"),
            (Some(Fault::ReplyLost), "CreateImage"),
            (Some(Fault::ReplyLost), "ImportKeyPair"),
            (Some(Fault::ReplyLost), "CreateSecurityGroup"),
        ] {
            let mut world = World::default();
            world.unchecked = true;
            answers.stand_for_instances(&world);
            world.settings(&json!({"delays": at_once()}));
            if let Some(fault) = fault {
                world.proxy.fault(action, fault, 1);
            }
            let (_, ending, told) = baked(&world, json!({}), "").await;
            assert!(ending.ok(), "{action}: {ending:?} after {told:?}");
            let kinds = world.ours();
            let count = |kind: &str| kinds.iter().filter(|t| t.kind == kind).count();
            assert_eq!((count("image"), count("snapshot")), (1, 1), "{action}: {kinds:?}");
            assert_eq!(kinds.len() - count("instance"), 2, "{action}: {kinds:?}");
        }
        for at in [
            "temporary key pair",
            "temporary security group",
            "instance",
            "login",
            "stopping the instance",
            "image",
        ] {
            let mut world = World::default();
            world.unchecked = true;
            answers.stand_for_instances(&world);
            let mut delays = at_once();
            delays["image.pending"] = json!(30);
            world.settings(&json!({"delays": delays}));
            let (_, ending, told) = baked(&world, json!({}), at).await;
            assert!(ending.interrupted && ending.left.is_empty(), "{at}: {ending:?} after {told:?}");
            let there: Vec<_> = left(&world).into_iter().filter(|t| !t.starts_with("instance")).collect();
            assert_eq!(there, [""; 0], "{at}");
            let running = world
                .ours()
                .into_iter()
                .filter(|t| t.kind == "instance" && t.state.as_deref() != Some("terminated"));
            assert_eq!(running.count(), 0, "{at}");
        }
    });
}

#[test]
fn what_cannot_be_removed_is_named() {
    let answers = Answers::up();
    run(async {
        let mut world = World::default();
        world.unchecked = true;
        answers.stand_for_instances(&world);
        world.proxy.fault("TerminateInstances", Fault::Denied, 99);
        world.proxy.fault("DeleteSecurityGroup", Fault::Denied, 99);
        let (build, ending, _) = baked(&world, json!({}), "").await;
        assert!(!ending.ok() && ending.failed.is_none(), "{ending:?}");
        let said = ending.left.join("\n");
        assert!(
            said.contains("instance i-")
                && said.contains("is left")
                && said.contains("ec2:TerminateInstances"),
            "{said}"
        );
        assert_eq!(build.artifacts.len(), 1);
    });
}

#[test]
fn a_copy_that_fails_takes_the_others_with_it() {
    let answers = Answers::up();
    run(async {
        let mut world = World::default();
        world.unchecked = true;
        answers.stand_for_instances(&world);
        world.proxy.fault_after("CopyImage", 1, Fault::Denied, 99);
        let (_, ending, _) = baked(&world, json!({"ami_regions": ["eu-west-1", "eu-central-1"]}), "").await;
        assert_eq!(
            ending.failed.as_ref().map(|f| f.0.as_str()),
            Some("copies to other regions"),
            "{ending:?}"
        );
        assert_eq!(ending.left, [""; 0]);
        let there: Vec<_> = left(&world).into_iter().filter(|t| !t.starts_with("instance")).collect();
        assert_eq!(there, [""; 0]);
    });
}
