//! An image of the name is there, in both regions, and makes way for the new one. However the bake ends, in each region
//! the old one or a whole new one is there, and `gc` leaves it.

use super::*;

/// What can go wrong from the moment the old images may be touched: the step and the call, so many of the name spared.
const REPLACING: [(&str, &str, usize); 19] = [
    ("image", "CreateImage", 0),
    ("name", "CreateTags", 0),
    ("name", "DeregisterImage", 0),
    ("name", "CopyImage", 0),
    ("name", "CreateTags", 1),
    ("name", "DeleteTags", 0),
    ("name", "DeregisterImage", 1),
    ("name", "DeleteSnapshot", 0),
    ("copies to other regions", "CopyImage", 1),
    ("copies to other regions", "CreateTags", 2),
    ("copies to other regions", "DeregisterImage", 2),
    ("copies to other regions", "CopyImage", 2),
    ("copies to other regions", "CreateTags", 3),
    ("copies to other regions", "DeregisterImage", 3),
    ("who may use it", "ModifyImageAttribute", 0),
    ("who may use it", "CreateTags", 4),
    ("who may use it", "CreateTags", 5),
    ("protection", "EnableImageDeregistrationProtection", 0),
    ("protection", "EnableImageDeregistrationProtection", 1),
];
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// A world whose bakes replace, and which looks at nothing that is booted: that is done elsewhere.
fn replacing() -> World {
    let world = world();
    let play = PLAY.replace("SOURCE", DEBIAN).replace(
        "    builders:\n      - {",
        "    verify: false\n    builders:\n      - {force_deregister: true, disable_stop_instance: true, ",
    );
    world.playbook(&play.replace(", encrypt_boot: true", ""));
    world
}

/// An image of this name in each region, which nobody protects.
fn old(world: &World, name: &str) -> Vec<String> {
    let one = |region: &&str| {
        let parameters = [("Name", name), ("SourceImageId", DEBIAN), ("SourceRegion", "us-east-1")];
        let away;
        let there = if **region == *world.region {
            world
        } else {
            away = unchecked(world.beside(region));
            &away
        };
        there.make("ec2", "CopyImage", &parameters, "imageId")
    };
    REGIONS.iter().map(one).collect()
}

fn unchecked(mut world: World) -> World {
    world.unchecked = true;
    world
}

/// A region's images that have the name, or stand in for one that has it, and can be used: id, whether `gc` keeps it.
fn images(world: &World, name: &str, region: &str) -> Vec<(String, bool)> {
    let away = unchecked(world.beside(region));
    let asked = |parameters: &[(&str, &str)]| {
        let (status, text) = away.call("ec2", "DescribeImages", parameters);
        assert_eq!(status, 200, "{text}");
        text
    };
    let draft = format!("{name} (new *");
    let named = [("Filter.1.Name", "name"), ("Filter.1.Value.1", name), ("Filter.1.Value.2", &draft)];
    let all = asked(&named);
    let ids = all.split("<imageId>").skip(1).map(|rest| rest.split('<').next().unwrap());
    let one = |id: &str| {
        let text = asked(&[("ImageId.1", id)]);
        let usable = text.contains("<imageState>available<");
        usable.then(|| (id.to_string(), text.contains("<key>fitout:keep</key>")))
    };
    ids.filter_map(one).collect()
}

#[track_caller]
fn one_is_whole(world: &World, name: &str, olds: &[String], why: &str) {
    for (region, old) in REGIONS.iter().zip(olds) {
        let there = images(world, name, region);
        assert!(
            there.iter().any(|(id, kept)| id == old || *kept),
            "{region} has no image `{name}`: {there:?}, {why}"
        );
    }
}

#[test]
fn what_is_denied_leaves_the_old_image_or_the_new_one() {
    let world = replacing();
    for (n, (step, call, before)) in REPLACING.iter().enumerate().filter(|(_, at)| at.1 != "DeleteTags") {
        let name = format!("d{n}");
        let olds = old(&world, &format!("node-{name}"));
        world.proxy.fault_after(call, *before, Fault::Denied, 99);
        let ended = seen(bake(&world, &name, &[], &[]));
        world.proxy.clear();
        ended.is(1, &[&format!("bake: {step}: "), call]);
        let name = format!("node-{name}");
        one_is_whole(&world, &name, &olds, &ended.all());
        // What stays in the place of an old one is named.
        for (region, old) in REGIONS.iter().zip(&olds) {
            let there = images(&world, &name, region);
            let stays = there.iter().filter(|(id, _)| id != old);
            stays.for_each(|(id, _)| assert!(ended.err.contains(id), "{step} {call}: {}", ended.all()));
        }
        gc(&world);
        one_is_whole(&world, &name, &olds, "after gc");
    }
}

#[test]
fn a_signal_or_a_kill_leaves_the_old_image_or_the_new_one() {
    let world = replacing();
    let mut all = Vec::new();
    for (n, (step, call, before)) in REPLACING.iter().enumerate() {
        let both = [Signal::KILL, Signal::INT];
        for signal in both.into_iter().take(if n % 3 == 0 { 2 } else { 1 }) {
            let name = format!("s{n}{}", signal == Signal::KILL);
            let olds = old(&world, &format!("node-{name}"));
            let mut child = caught(&world, &At(step, call, *before, ""), &name, true);
            kill_process(Pid::from_child(&child), signal).unwrap();
            let code = child.wait().unwrap().code();
            world.proxy.clear();
            assert!(signal == Signal::KILL || matches!(code, Some(1 | 130)), "{step} {call}: {code:?}");
            one_is_whole(&world, &format!("node-{name}"), &olds, &format!("{step} {call} {signal:?}"));
            all.push((format!("node-{name}"), olds));
        }
    }
    gc(&world);
    all.iter().for_each(|(name, olds)| one_is_whole(&world, name, olds, "after gc"));
    // What is left for `gc` is gone: images and their snapshots alone.
    let there = left(&world);
    assert!(
        there.iter().all(|(kind, _, kept)| *kept && ["image", "snapshot"].contains(&&**kind)),
        "{there:?}"
    );
}

#[test]
fn a_bake_that_replaces_leaves_one_image_in_each_region() {
    let world = replacing();
    let olds = old(&world, "node-r");
    let ended = seen(bake(&world, "r", &[], &[]));
    ended.is(0, &["us-east-1:ami-", "eu-west-1:ami-"]);
    for (region, old) in REGIONS.iter().zip(&olds) {
        let there = images(&world, "node-r", region);
        assert!(there.len() == 1 && there[0].1 && there[0].0 != *old, "{region}: {there:?}");
    }
    // It is protected now; that is said before anything is begun.
    world.proxy.forget();
    let again = seen(bake(&world, "r", &["--force"], &[]));
    again.is(1, &["has the name `node-r` in us-east-1 and is protected"]);
    assert_eq!(world.writes(), [""; 0]);
    // Nor is it begun where only another region's image is in the way.
    let away = unchecked(world.beside("eu-west-1"));
    let copy = [("Name", "node-p"), ("SourceImageId", DEBIAN), ("SourceRegion", "us-east-1")];
    let image = away.make("ec2", "CopyImage", &copy, "imageId");
    away.make("ec2", "EnableImageDeregistrationProtection", &[("ImageId", &image)], "return");
    let refused = seen(bake(&world, "p", &[], &[]));
    refused.is(1, &[&format!("{image} has the name `node-p` in eu-west-1 and is protected")]);
    assert_eq!(world.writes(), [""; 0]);
}
