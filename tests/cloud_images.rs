//! Images in the tests' cloud, without a host: disks that are registered, and old images that go.

#![allow(clippy::unwrap_used)]

mod support;

use fitout::base::Value;
use fitout::cloud::calls::CallFuture;
use fitout::cloud::ec2::input::CreateTagsInputBuilder;
use fitout::cloud::identity::to_sdk;
use fitout::cloud::{Access, Account, CallError, Identity, Session, Witness};
use fitout::exec::Cancel;
use fitout::image::amazon::direct::blocks::{Blocks, Start};
use fitout::image::amazon::direct::{Upload, register};
use fitout::image::amazon::{Build, Options};
use fitout::image::steps::{Ending, OnError};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::cloud::World;
use support::cloud_proxy::Fault;

/// EBS direct, which the tests' cloud has not: a snapshot that it has, and a note of what was written.
struct Fake {
    account: Arc<Account>,
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
        let tags = to_sdk(&start.tags);
        let input = CreateTagsInputBuilder::default().resources(&self.snapshot).set_tags(Some(tags));
        Box::pin(async {
            self.account.ec2.create_tags(input).await?;
            Ok((self.snapshot.clone(), 512 << 10))
        })
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

/// How a disk is registered: a service that refuses blocks, a step at which the bake is interrupted, more options.
#[derive(Default)]
struct How {
    refuses: bool,
    at: &'static str,
    /// Interrupted when this call has arrived.
    seen: &'static str,
    on_error: OnError,
    more: serde_json::Value,
}

/// A disk of 3 MiB with two blocks that are not empty, registered.
async fn registered(world: &World, how: How) -> (Ending, Vec<String>, Build) {
    let volume =
        world.make("ec2", "CreateVolume", &[("Size", "1"), ("AvailabilityZone", "us-east-1a")], "volumeId");
    let snapshot = world.make("ec2", "CreateSnapshot", &[("VolumeId", &volume)], "snapshotId");
    world.make("ec2", "DeleteVolume", &[("VolumeId", &volume)], "return");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = vec![0_u8; 3 << 20];
    (bytes[0], bytes[(2 << 20) + 7]) = (1, 1);
    std::fs::write(file.path(), bytes).unwrap();
    let mut options = json!({"source_ami": "none", "instance_type": "none", "ssh_username": "none",
        "ami_name": "disk-1", "tags": {"role": "node"}, "ami_users": ["123456789012"]});
    options.as_object_mut().unwrap().extend(how.more.as_object().cloned().unwrap_or_default());
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
        run: "20260101T000000-1".into(),
        ..Identity::default()
    };
    let mut build = Build::new(options, session, account, identity).unwrap();
    build.hash = Some("h".into());
    let account = Arc::clone(&build.account);
    let fake = Arc::new(Fake { account, snapshot, refuses: how.refuses, log: Mutex::default() });
    let upload = Upload { file: file.path().to_path_buf(), blocks: Arc::clone(&fake) as Arc<dyn Blocks> };
    let cancel = Cancel::default();
    let tell = |step: &str| {
        if step == how.at {
            cancel.raise();
        }
    };
    let arrives = async {
        let arrived = || world.proxy.calls().iter().any(|call| call.action == how.seen);
        while how.seen.is_empty() || !arrived() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.raise();
        std::future::pending::<()>().await;
    };
    let ending = tokio::select! {
        ending = register(&mut build, upload, &cancel, how.on_error, &tell) => ending,
        () = arrives => unreachable!(),
    };
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
        let (ending, mut log, build) = registered(&world, How::default()).await;
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
}

/// Every step of amazon-direct behind the disk, in every way out of it.
#[test]
fn every_way_out_of_amazon_direct_leaves_nothing_but_finished_images() {
    let mut world = World::default();
    world.unchecked = true;
    let more = json!({"ami_regions": ["eu-west-1"], "deregistration_protection": {"enabled": true}});
    let there = || -> Vec<String> {
        let all = world.say("inventory", &json!({}));
        let ours = |t: &&serde_json::Value| !t["tags"]["fitout:stack"].is_null();
        let all = all.as_array().unwrap().iter().filter(ours);
        all.filter(|t| t["tags"]["fitout:keep"] != "true").map(ToString::to_string).collect()
    };
    for (step, call) in [
        ("snapshot", ""),
        ("image", "RegisterImage"),
        ("copies to other regions", "CopyImage"),
        ("who may use it", "ModifyImageAttribute"),
        ("protection", "EnableImageDeregistrationProtection"),
    ] {
        let how = |at, on_error| How { at, on_error, more: more.clone(), ..How::default() };
        run(async {
            world.proxy.fault(call, Fault::Denied, 99);
            let refused = How { refuses: call.is_empty(), ..how("", OnError::Cleanup) };
            let (ending, log, _) = registered(&world, refused).await;
            world.proxy.clear();
            assert_eq!(ending.failed.as_ref().map(|f| f.0.as_str()), Some(step), "{ending:?}");
            assert_eq!(call.is_empty(), !log.iter().any(|l| l.starts_with("complete")), "{log:?}");
            assert_eq!((&ending.left, there()), (&Vec::new(), Vec::new()), "{step}");

            let (ending, ..) = registered(&world, how(step, OnError::Cleanup)).await;
            assert!(ending.interrupted, "{step}: {ending:?}");
            assert_eq!((&ending.left, there()), (&Vec::new(), Vec::new()), "{step}");

            // The call is on its way when the interrupt comes, and is carried out amid what undoes it.
            if !call.is_empty() {
                world.proxy.forget();
                world.proxy.fault(call, Fault::Slow(Duration::from_millis(300)), 1);
                world.proxy.fault("DeregisterImage", Fault::Slow(Duration::from_millis(600)), 1);
                let (ending, ..) = registered(&world, How { seen: call, ..how("", OnError::Cleanup) }).await;
                assert!(ending.interrupted, "{step}: {ending:?}");
                assert_eq!((&ending.left, there()), (&Vec::new(), Vec::new()), "{step}, under way");
            }

            // Nothing is undone, as after a kill.
            let (ending, ..) = registered(&world, how(step, OnError::Abort)).await;
            assert!(ending.interrupted && ending.left.is_empty(), "{step}: {ending:?}");
        });
        let gc = ["gc", "--yes", "--older-than", "0s", "--region", "us-east-1", "--region", "eu-west-1"];
        world.run(&gc).is(0, &[]);
        assert_eq!(there(), [""; 0], "{step}");
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
    place
        .run(&["images", "show", "node-1a"])
        .is(0, &["node-1a2b\n", "  packages  1\n", "  file      + /etc/a\n"]);
    place.run(&["images", "show", "--json", "node-1a"]).is(0, &["\"openssl\":\"1\""]);
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
    let [default, other, guarded, configured] = ["a-4", "a-5", "a-6", "a-7"].map(image);
    let template = |call: &str, name: &str, image: &str| {
        let given = [("LaunchTemplateName", name), ("LaunchTemplateData.ImageId", image)];
        world.make("ec2", call, &given, "launchTemplateId");
    };
    // A group that stays with the first version though there is another by now, and one whose override names another
    // template.
    template("CreateLaunchTemplate", "t", &first);
    template("CreateLaunchTemplateVersion", "t", &default);
    template("CreateLaunchTemplate", "other", &other);
    let newest = [("LaunchTemplateName", "t"), ("SetDefaultVersion", "2")];
    world.make("ec2", "ModifyLaunchTemplate", &newest, "launchTemplateId");
    const MIXED: &str = "MixedInstancesPolicy.LaunchTemplate";
    let spec = format!("{MIXED}.LaunchTemplateSpecification.LaunchTemplateName");
    let over = format!("{MIXED}.Overrides.member.1.LaunchTemplateSpecification.LaunchTemplateName");
    for (name, how) in [
        ("fixed", [("LaunchTemplate.LaunchTemplateName", "t"), ("LaunchTemplate.Version", "1")]),
        ("mixed", [(&*spec, "t"), (&*over, "other")]),
    ] {
        let size = [("MinSize", "0"), ("MaxSize", "0"), ("AvailabilityZones.member.1", "us-east-1a")];
        let given = [&[("AutoScalingGroupName", name)], &size[..], &how].concat();
        world.make("autoscaling", "CreateAutoScalingGroup", &given, "RequestId");
    }
    let old = [("LaunchConfigurationName", "old"), ("ImageId", &configured), ("InstanceType", "t3.micro")];
    world.make("autoscaling", "CreateLaunchConfiguration", &old, "RequestId");
    world.make("ec2", "EnableImageDeregistrationProtection", &[("ImageId", &guarded)], "return");
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
        &[
            &format!("removed a-3 us-east-1:{third}"),
            &format!("kept a-1 us-east-1:{first}: used by launch template lt-"),
            &format!("kept a-2 us-east-1:{second}: used by instance i-"),
            &format!("kept a-4 us-east-1:{default}: used by launch template lt-"),
            &format!("kept a-5 us-east-1:{other}: used by launch template lt-"),
            &format!("kept a-6 us-east-1:{guarded}: protected"),
            &format!("kept a-7 us-east-1:{configured}: used by launch configuration old"),
        ],
    );
    let left: Vec<String> = world.ours().into_iter().filter(|t| t.kind == "image").map(|t| t.id).collect();
    assert!(
        [first, second, default, other, guarded, configured].iter().all(|id| left.contains(id)),
        "{left:?}"
    );
    assert!(!left.contains(&third), "{left:?}");
    // The newest stays, however old the others are.
    world.run(&["images", "prune", "--region", "us-east-1", "--keep", "0", "--older-than", "1"]).is(0, &[]);
}
