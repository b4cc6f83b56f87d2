//! The builder amazon-ebs against the tests' cloud, where a real booted host answers for the instance.

#![allow(clippy::unwrap_used)]

mod support;

use base64::Engine as _;
use fitout::base::{Map, Value};
use fitout::cloud::{Access, Identity, Session, Witness};
use fitout::exec::Cancel;
use fitout::image::amazon::{Build, Options, Provision, bake};
use fitout::image::steps::{Ending, OnError, StepFuture};
use fitout::lab::{Lab, LabOptions};
use serde_json::json;
use std::sync::{Arc, Mutex};
use support::cloud::{DEBIAN, World, within};
use support::cloud_proxy::Fault;

/// One host for all tests of this file: it is never changed but for its keys.
struct Answers {
    lab: Lab,
}

impl Answers {
    fn up() -> Answers {
        let name = format!("ami{}", std::process::id() % 10000);
        Answers { lab: Lab::up(&LabOptions { name, ephemeral: true, ..LabOptions::default() }).unwrap() }
    }

    /// The host gets what an instance gets: the key pair's public key, and the host key in its user data.
    fn stand_for_instances(&self, world: &World) {
        let host = self.lab.hosts().remove(0);
        let root = host.root_dir().unwrap();
        let (address, say) = (host.address.clone(), world.sayer());
        let pid = host.leader.unwrap();
        world.proxy.hook(move |action, body, reply| {
            let field = |name: &str| form(body, name).map(|text| decoded(&text)).unwrap_or_default();
            match action {
                "ImportKeyPair" => {
                    std::fs::create_dir_all(root.join("root/.ssh")).unwrap();
                    std::fs::write(root.join("root/.ssh/authorized_keys"), field("PublicKeyMaterial"))
                        .unwrap();
                }
                "RunInstances" => {
                    let data: serde_yaml::Value = serde_yaml::from_str(&field("UserData")).unwrap();
                    let key = root.join("etc/ssh/ssh_host_ed25519_key");
                    for (path, name) in
                        [(key.clone(), "ed25519_private"), (key.with_extension("key.pub"), "x")]
                    {
                        if let Some(text) = data["ssh_keys"][name].as_str() {
                            std::fs::write(path, text).unwrap();
                        }
                    }
                    let restarted = std::process::Command::new("nsenter")
                        .args(["-t", &pid.to_string(), "-a", "systemctl", "restart", "ssh"])
                        .status();
                    assert!(restarted.unwrap().success());
                    let id = within(reply, "instanceId").unwrap().to_string();
                    say("public", &json!({id: address}));
                }
                _ => {}
            }
        });
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = fitout::lab::down(self.lab.name());
    }
}

/// A field of a form.
fn form(body: &str, name: &str) -> Option<String> {
    let value = body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn decoded(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    String::from_utf8(bytes).unwrap()
}

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
        let at_once = json!({"instance.stopping": 0, "instance.shutting-down": 0, "image.pending": 0,
            "snapshot.pending": 0});
        world.settings(&json!({"delays": at_once}));
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
            world.settings(&json!({"delays": {"image.pending": 30}}));
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
