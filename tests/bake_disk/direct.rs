//! amazon-direct as people call it: the disk is made here, and its blocks go to a service that looks at each of them
//! (tests/cloud/strict/ebs.py).

use super::*;
use crate::support::cloud::World;
use crate::support::cloud_proxy::{Call, Fault};

/// The play of the disk, with the builder beside it that sends the disk.
fn prepared() -> (Place, World) {
    let place = place("qcow2");
    let play = std::fs::read_to_string(place.path().join("site.yml")).unwrap();
    let direct = "{type: amazon-direct, region: us-east-1, ami_name: disk-1, ami_users: ['123456789012'], tags: {role: node}}";
    let both = play.replace("provision: chroot}]", &format!("provision: chroot}}, {direct}]"));
    assert_ne!(play, both);
    place.write("site.yml", &both);
    let mut world = World::default();
    // Finished images are meant to stay.
    world.unchecked = true;
    (place, world)
}

fn baked(place: &Place, world: &World) -> Seen {
    let mut command = world.command(&["bake", "site.yml", "-b", "amazon-direct"]);
    command.current_dir(place.path()).env("PATH", place.stubs());
    seen(command)
}

#[test]
fn a_disk_becomes_an_image_without_an_instance() {
    let (place, world) = prepared();
    let ended = baked(&place, &world);
    ended.is(0, &["bake: disk", "bake: verify", "bake: snapshot", "bake: image", "us-east-1:ami-"]);
    let there = world.ours();
    assert_eq!(there.len(), 2, "{there:?}");
    let image = there.iter().find(|t| t.kind == "image").unwrap();
    assert_eq!((image.tags["role"].as_str(), image.tags["fitout:keep"].as_str()), ("node", "true"));
    assert!(there.iter().any(|t| t.kind == "snapshot"), "{there:?}");
    // It was complete only when all blocks had come, with the checksum of all of them.
    let completed = |c: &Call| c.action.starts_with("POST /snapshots/completion/") && c.status / 100 == 2;
    assert!(world.calls().iter().any(completed));
    assert_eq!(world.times("RunInstances"), 0);
    let blocks = world.calls().iter().filter(|c| c.action.starts_with("PUT /snapshots/")).count();
    assert!((2..900).contains(&blocks), "{blocks} of 1024 blocks were sent");
    // The disk itself does not stay, but what is known of the image does.
    let names = place.names("images");
    assert!(names.len() == 1 && names[0].ends_with(".json"), "{names:?}");
    let manifest = std::fs::read_to_string(place.path().join("images").join(&names[0])).unwrap();
    assert!(
        manifest.contains(&image.id) && manifest.contains("\"builder\": \"amazon-direct\""),
        "{manifest}"
    );
    baked(&place, &world).is(0, &["is there; nothing that goes into it has changed", &image.id]);
}

#[test]
fn a_snapshot_that_is_refused_leaves_nothing() {
    let (place, world) = prepared();
    world.proxy.fault("POST /snapshots", Fault::Denied, 99);
    let ended = baked(&place, &world);
    world.proxy.clear();
    ended.is(1, &["error: bake: snapshot: ", "ebs:StartSnapshot"]);
    assert!(world.ours().is_empty(), "{:?}", world.ours());
    nothing_is_left(&place, &ended.all());
}
