//! Images in the tests' cloud, without a host: disks that are registered, and old images that go.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::base::Value;
use fitout::cloud::calls::CallFuture;
use fitout::cloud::{Access, CallError, Identity, Session, Witness};
use fitout::exec::Cancel;
use fitout::image::amazon::direct::blocks::{Blocks, Start};
use fitout::image::amazon::direct::{Upload, register};
use fitout::image::amazon::{Build, Options};
use fitout::image::steps::{Ending, OnError};
use serde_json::json;
use std::sync::{Arc, Mutex};
use support::cloud::World;
use support::cloud_proxy::Fault;

/// EBS direct, which the tests' cloud has not: a snapshot that it has, and a note of what was written.
#[derive(Default)]
struct Fake {
    snapshot: String,
    log: Mutex<Vec<String>>,
    refuses: bool,
}

impl Fake {
    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }
}

impl Blocks for Fake {
    fn start(&self, start: Start) -> CallFuture<'_, (String, usize)> {
        assert!(start.tags.contains_key("fitout:op") && start.token.contains(&start.tags["fitout:op"]));
        self.note(format!("start {}", start.gib));
        Box::pin(async { Ok((self.snapshot.clone(), 512 << 10)) })
    }

    fn put(&self, snapshot: &str, index: i32, data: Arc<[u8]>, _: String) -> CallFuture<'_, ()> {
        assert_eq!((snapshot, data.len()), (self.snapshot.as_str(), 512 << 10));
        self.note(format!("put {index}"));
        Box::pin(async {
            if self.refuses { Err(CallError::own("ebs:PutSnapshotBlock", "no")) } else { Ok(()) }
        })
    }

    fn complete(&self, _: &str, blocks: i32, _: String) -> CallFuture<'_, ()> {
        self.note(format!("complete {blocks}"));
        Box::pin(async { Ok(()) })
    }
}

struct Silent;

impl Witness for Silent {
    fn note(&self, _: &serde_json::Value) {}
}

/// A disk of 3 MiB with two blocks that are not empty, registered.
async fn registered(world: &World, refuses: bool) -> (Ending, Vec<String>, Build) {
    let volume =
        world.make("ec2", "CreateVolume", &[("Size", "1"), ("AvailabilityZone", "us-east-1a")], "volumeId");
    let tags = [
        ("VolumeId", volume.as_str()),
        ("TagSpecification.1.ResourceType", "snapshot"),
        ("TagSpecification.1.Tag.1.Key", "fitout:stack"),
        ("TagSpecification.1.Tag.1.Value", "image/disk"),
    ];
    let snapshot = world.make("ec2", "CreateSnapshot", &tags, "snapshotId");
    world.make("ec2", "DeleteVolume", &[("VolumeId", &volume)], "return");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0_u8; 3 << 20];
    (bytes[0], bytes[(2 << 20) + 7]) = (1, 1);
    std::fs::write(file.path(), bytes).unwrap();
    let options = json!({"source_ami": "none", "instance_type": "none", "ssh_username": "none", "ami_name": "disk-1",
        "tags": {"role": "node"}, "ami_users": ["123456789012"]});
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
        stack: "image/disk".into(),
        node: "direct".into(),
        run: "r".into(),
        ..Identity::default()
    };
    let mut build = Build::new(options, session, account, identity).unwrap();
    build.hash = Some("h".into());
    let fake = Arc::new(Fake { snapshot, refuses, ..Fake::default() });
    let upload = Upload { file: file.path().to_path_buf(), blocks: Arc::clone(&fake) as Arc<dyn Blocks> };
    let ending = register(&mut build, upload, &Cancel::default(), OnError::Cleanup, &|_| {}).await;
    let log = fake.log.lock().unwrap().clone();
    (ending, log, build)
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future);
}

#[test]
fn a_disk_is_written_registered_and_shared_or_nothing_stays() {
    run(async {
        let mut world = World::default();
        world.unchecked = true;
        let (ending, mut log, build) = registered(&world, false).await;
        assert!(ending.ok(), "{ending:?}");
        assert_eq!((log.remove(0), log.pop().unwrap()), ("start 1".into(), "complete 2".into()));
        log.sort();
        assert_eq!(log, ["put 0", "put 4"]);
        let things = world.ours();
        let image = things.iter().find(|t| t.kind == "image").unwrap();
        assert_eq!((&image.id, image.tags["role"].as_str()), (&build.artifacts[0].id, "node"));
        assert_eq!((image.tags["fitout:image"].as_str(), image.tags["fitout:keep"].as_str()), ("h", "true"));
        assert_eq!(things.len(), 2, "{things:?}");
        let calls: Vec<String> = world.calls().into_iter().map(|c| c.action).collect();
        let at = |name: &str| calls.iter().position(|c| c == name).unwrap();
        assert!(at("RegisterImage") < at("ModifyImageAttribute"), "{calls:?}");
    });
    for (refuses, action) in [(true, ""), (false, "RegisterImage"), (false, "ModifyImageAttribute")] {
        run(async {
            let world = World::default();
            world.proxy.fault(action, Fault::Denied, 99);
            let (ending, log, _) = registered(&world, refuses).await;
            assert!(ending.failed.is_some() && ending.left.is_empty(), "{action}: {ending:?}");
            assert_eq!(refuses, !log.iter().any(|l| l.starts_with("complete")), "{action}: {log:?}");
            assert_eq!(world.ours().len(), 0, "{action}: {:?}", world.ours());
        });
    }
}

#[test]
fn a_role_is_assumed_before_anything_is_asked() {
    let world = World::default();
    let options = json!({"source_ami": "a", "instance_type": "t", "ssh_username": "u", "ami_name": "n",
        "access_key": "AKIATESTING", "secret_key": "testing", "region": world.region,
        "custom_endpoint_ec2": world.endpoint(),
        "assume_role": {"role_arn": "arn:aws:iam::123456789012:role/bake", "session_name": "ci"}});
    let options = Options::new(Value::from_json(&options).as_map().unwrap()).unwrap();
    run(async {
        let (_stop, never) = tokio::sync::watch::channel(false);
        let session = Session::new(Arc::new(Silent), never);
        let account = session.account(&options.access).await.unwrap();
        account.ec2.describe_vpcs(Default::default()).await.unwrap();
    });
    let calls = world.proxy.calls();
    let (last, first) = calls.split_last().unwrap();
    assert_eq!(last.action, "DescribeVpcs");
    assert!(!first.is_empty());
    for call in first {
        assert_eq!(call.action, "AssumeRole");
        assert!(
            call.body.contains("role%2Fbake") && call.body.contains("RoleSessionName=ci"),
            "{}",
            call.body
        );
    }
}

/// What two images have of packages, kernel parameters and files is compared by what was written beside them.
#[test]
fn two_images_are_compared_by_their_manifests() {
    let place = support::place::Place::default();
    for (name, version, file) in [("node-1a2b", "1", "+ /etc/a"), ("node-3c4d", "2", "+ /etc/b")] {
        let manifest = json!({"name": name, "hash": name, "builder": "disk", "made": "2026-01-01T00:00:00Z",
            "fitout": "0", "inputs": [], "source": "", "packages": {"openssl": version}, "changed": [file],
            "sysctl": {}, "timings": [], "artifacts": [], "verified": true});
        place.write(&format!("images/{name}.json"), &manifest.to_string());
    }
    let lines = ["~ package openssl: 1 → 2", "- file + /etc/a", "+ file + /etc/b"];
    place.run(&["images", "diff", "node-1a", "node-3c"]).is(2, &lines);
    place.run(&["images", "diff", "node-1a", "node-1a2b"]).is(0, &[]);
    place.run(&["images", "diff", "node-", "node-1a2b"]).is(3, &["begins the names of several images"]);
}

#[test]
fn an_image_in_use_is_never_pruned() {
    let mut world = World::default();
    world.unchecked = true;
    let image = |name: &str| {
        let tags = [("fitout:stack", "image/a"), ("fitout:image", name), ("fitout:keep", "true")];
        let mut given = vec![
            ("Name".to_string(), name.to_string()),
            ("RootDeviceName".into(), "/dev/xvda".into()),
            ("TagSpecification.1.ResourceType".into(), "image".into()),
        ];
        for (at, (key, value)) in tags.iter().enumerate() {
            given.push((format!("TagSpecification.1.Tag.{}.Key", at + 1), key.to_string()));
            given.push((format!("TagSpecification.1.Tag.{}.Value", at + 1), value.to_string()));
        }
        let given: Vec<(&str, &str)> = given.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        world.make("ec2", "RegisterImage", &given, "imageId")
    };
    world.settings(&json!({"delays": {"image.pending": 0}}));
    let (first, second, third) = (image("a-1"), image("a-2"), image("a-3"));
    world.make(
        "ec2",
        "CreateLaunchTemplate",
        &[("LaunchTemplateName", "t"), ("LaunchTemplateData.ImageId", &first)],
        "launchTemplateId",
    );
    world.make(
        "ec2",
        "RunInstances",
        &[("ImageId", &second), ("MinCount", "1"), ("MaxCount", "1"), ("InstanceType", "t3.micro")],
        "instanceId",
    );
    let args = ["images", "prune", "--region", "us-east-1", "--keep", "0"];
    world.run(&["images", "--region", "us-east-1"]).is(0, &["a-1  ", &format!("us-east-1:{first}")]);
    let dry = world.run(&[&args[..], &["--dry-run"]].concat());
    dry.is(0, &[&format!("would remove a-3 us-east-1:{third}")]);
    assert_eq!(world.writes(), [""; 0]);
    let seen = world.run(&args);
    seen.is(
        0,
        &[&format!("removed a-3 us-east-1:{third}"), "used by launch template lt-", "used by instance i-"],
    );
    let left: Vec<String> = world.ours().into_iter().filter(|t| t.kind == "image").map(|t| t.id).collect();
    assert!(left.contains(&first) && left.contains(&second) && !left.contains(&third), "{left:?}");
    // The newest stays, however old the others are.
    world.run(&["images", "prune", "--region", "us-east-1", "--keep", "0", "--older-than", "1"]).is(0, &[]);
}
