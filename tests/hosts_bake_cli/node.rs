//! The playbook that users have, whole: a tuned node with its engine, as an AMI.

use super::support::answers::{Answers, nothing_but_images, run, world};
use super::support::cloud::DEBIAN;
use serde_json::json;

const PLAYBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/node_image.yml");

#[test]
fn the_image_of_a_node_is_made_as_an_ami() {
    let answers = Answers::up();
    let world = world(&answers);
    let seen = run(&world, &["-b", "amazon-ebs", PLAYBOOK]);
    // Booted anew, the play finds nothing to change, the engine answers and the node waits for its token.
    seen.is(0, &["bake: provisioning", "bake: verify", "us-east-1:ami-"]);
    let calls: Vec<String> = world.proxy.calls().into_iter().map(|call| call.action).collect();
    assert!(calls.len() <= 18, "{} {calls:?}", calls.len());
    nothing_but_images(&world, 1);
    let file = world.place.names("images").into_iter().find(|n| n.ends_with(".amazon-ebs.json")).unwrap();
    let manifest = std::fs::read(world.place.path().join("images").join(file)).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((&manifest["verified"], &manifest["source"]), (&json!(true), &json!(DEBIAN)));
    assert!(manifest["packages"]["docker.io"].is_string(), "{manifest}");
    let changed: Vec<&str> =
        manifest["changed"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    for made in ["+ /etc/sysctl.d/60-node-tuning.conf", "+ /etc/docker/daemon.json"] {
        assert!(changed.contains(&made), "{made} in {changed:?}");
    }
    // What the verification booted is the node: its engine answers, and it waits to join.
    let node = "docker info -f '{{.ServerVersion}}' >/dev/null && systemctl is-enabled fitout-join.service";
    assert_eq!(answers.on(node), "enabled\n");
}
