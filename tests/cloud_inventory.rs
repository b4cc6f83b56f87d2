//! `aws_ec2.yml` as a source of hosts: regions, filters, names and groups, over the tests' cloud.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value as Json, json};
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;
use support::place::Seen;

/// An instance with tags; its id.
fn machine(world: &World, tags: &[(&str, &str)]) -> String {
    let mut params: Vec<(String, String)> = [
        ("ImageId", DEBIAN),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("TagSpecification.1.ResourceType", "instance"),
    ]
    .map(|(k, v)| (k.to_string(), v.to_string()))
    .to_vec();
    for (n, (key, value)) in tags.iter().enumerate() {
        params.push((format!("TagSpecification.1.Tag.{}.Key", n + 1), key.to_string()));
        params.push((format!("TagSpecification.1.Tag.{}.Value", n + 1), value.to_string()));
    }
    let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    world.make("ec2", "RunInstances", &params, "instanceId")
}

/// Three machines of two teams in one region.
fn world() -> (World, [String; 3]) {
    let world = World::default();
    let one = machine(&world, &[("Name", "web-1"), ("Team", "a"), ("Role", "web")]);
    let two = machine(&world, &[("Name", "web-2"), ("Team", "a"), ("Role", "web")]);
    let three = machine(&world, &[("Name", "db-1"), ("Team", "b"), ("Role", "db")]);
    world.settings(&json!({"page": 2}));
    (world, [one, two, three])
}

fn list(world: &World, file: &str) -> Json {
    world.place.write("aws_ec2.yml", file);
    let seen = world.run(&["inventory", "-i", "aws_ec2.yml", "--list"]);
    seen.is(0, &[]);
    serde_json::from_str(&seen.out).unwrap_or_else(|e| panic!("{e}: {}", seen.all()))
}

fn hosts(json: &Json, group: &str) -> Vec<String> {
    let mut names: Vec<String> = json[group]["hosts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|h| h.as_str().unwrap().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn instances_become_hosts_with_names_groups_and_variables() {
    let (world, [one, ..]) = world();
    let json = list(
        &world,
        "plugin: amazon.aws.aws_ec2
regions: [us-east-1]
hostnames: ['tag:Name']
keyed_groups:
  - {key: tags.Role, prefix: role}
  - {key: placement.region, separator: '', parent_group: regions}
groups:
  numbered: \"tags.Name.endswith('-1')\"
  nothing: tags.Missing == 'x'
compose:
  ansible_host: private_ip_address
  greeting: \"'I am ' ~ tags.Name\"
",
    );
    assert_eq!(hosts(&json, "aws_ec2"), ["db-1", "web-1", "web-2"]);
    assert_eq!(hosts(&json, "role_web"), ["web-1", "web-2"]);
    assert_eq!(hosts(&json, "numbered"), ["db-1", "web-1"]);
    assert_eq!(hosts(&json, "us_east_1").len(), 3);
    assert_eq!((&json["regions"]["children"], &json["nothing"]), (&json!(["us_east_1"]), &Json::Null));
    let vars = &json["_meta"]["hostvars"]["web-1"];
    assert_eq!((&vars["instance_id"], &vars["greeting"]), (&json!(one), &json!("I am web-1")));
    assert_eq!((&vars["ansible_host"], &vars["tags"]["Team"]), (&vars["private_ip_address"], &json!("a")));
    // One Describe, of as many pages as the service made of it.
    let calls = world.calls();
    assert!(calls.len() >= 2 && calls.iter().all(|c| c.action == "DescribeInstances"), "{calls:?}");
    let begun = calls.iter().filter(|c| !c.body.contains("NextToken")).count();
    assert_eq!(begun, 1);
}

#[test]
fn filters_choose_and_names_are_tried_in_turn() {
    let (world, [_, two, three]) = world();
    let json = list(
        &world,
        "plugin: aws_ec2
regions: us-east-1
filters: {tag:Role: [web, db]}
include_filters: [{tag:Name: web-*}, {tag:Team: b}]
exclude_filters: [{tag:Name: web-1}]
hostnames:
  - tag:Missing
  - {name: instance-id, prefix: 'tag:Role', separator: '.'}
hostvars_prefix: aws_
",
    );
    let mut expected = [format!("web.{two}"), format!("db.{three}")];
    expected.sort();
    assert_eq!(hosts(&json, "aws_ec2"), expected);
    let vars = &json["_meta"]["hostvars"][&format!("db.{three}")];
    assert_eq!((&vars["aws_instance_id"], &vars["instance_id"]), (&json!(three), &Json::Null));
    let json = list(
        &world,
        "plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Team=b', '{{ tags.Role }}.{{ tags.Name }}']\n",
    );
    assert_eq!(hosts(&json, "aws_ec2"), ["Team_b", "web.web-1", "web.web-2"]);
    let json = list(
        &world,
        "plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Name', instance-id]\nallow_duplicated_hosts: true\n",
    );
    assert_eq!(hosts(&json, "aws_ec2").len(), 6);
}

#[test]
fn all_regions_are_looked_at_together_and_a_folder_may_hold_the_file() {
    let (world, _) = world();
    let other = world.beside("eu-west-1");
    // Images are a region's own.
    let images = [("Owner.1", "self"), ("Filter.1.Name", "state"), ("Filter.1.Value.1", "available")];
    let _ = other.call("ec2", "DescribeImages", &images);
    world.place.write(
        "hosts/aws_ec2.yml",
        "plugin: aws_ec2\nhostnames: ['tag:Name']\nkeyed_groups: [{key: tags.Team, prefix: team}]\n",
    );
    world.place.write("hosts/static.ini", "[team_a]\nold-1\n");
    world.place.write("hosts/group_vars/team_a.yml", "greeting: hello\n");
    world.proxy.forget();
    let seen = world.run(&["inventory", "-i", "hosts", "--list"]);
    seen.is(0, &[]);
    let json: Json = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(hosts(&json, "team_a"), ["old-1", "web-1", "web-2"]);
    assert_eq!(json["_meta"]["hostvars"]["web-1"]["greeting"], "hello");
    let regions = world.times("DescribeRegions");
    let looks = world
        .calls()
        .iter()
        .filter(|c| c.action == "DescribeInstances" && !c.body.contains("NextToken"))
        .count();
    assert!(regions == 1 && looks > 10, "{regions} {looks}");
    // A playbook's hosts are chosen among them.
    world.place.write("site.yml", "- hosts: role_db\n  gather_facts: false\n  tasks:\n    - debug: {msg: '{{ greeting | default(0) }}'}\n");
    world.place.write("hosts/aws_ec2.yml", "plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Name']\nkeyed_groups: [{key: tags.Role, prefix: role}]\ncompose: {ansible_connection: \"'local'\"}\n");
    world.run(&["apply", "--yes", "-i", "hosts", "site.yml"]).is(0, &["db-1"]);
}

#[test]
fn errors_have_their_place_and_say_what_was_looked_for() {
    let (world, _) = world();
    let list = |file: &str| {
        world.place.write("aws_ec2.yml", file);
        world.command(&["inventory", "-i", "aws_ec2.yml", "--list"])
    };
    let ended = |mut command: std::process::Command| Seen::of(&support::output(&mut command));
    ended(list("plugin: aws_ec2\nregion: [us-east-1]\n"))
        .is(3, &["aws_ec2.yml:2:1", "no option `region`", "did you mean `regions`"]);
    ended(list("plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Name']\nstrict: true\nkeyed_groups:\n  - {key: tags.Missing.x}\n"))
        .is(3, &["aws_ec2.yml:6:5", "keyed_groups", "strict: false"]);
    ended(list("plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Name']\nuse_contrib_script_compatible_sanitization: true\ncache: true\n"))
        .is(0, &["`use_contrib_script_compatible_sanitization` has no effect", "`cache` has no effect"]);
    ended(list("plugin: aws_ec2\nregions: [us-east-1]\nhostnames: ['tag:Missing']\n"))
        .is(0, &["no entry of `hostnames` gives a name to i-"]);
    let mut command = list("plugin: aws_ec2\n");
    command.env_remove("AWS_REGION");
    ended(command).is(3, &["aws_ec2.yml:1:9", "no region is known; looked for", "AWS_DEFAULT_REGION"]);
    let mut command = list("plugin: aws_ec2\nregions: [us-east-1]\n");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    ended(command).is(3, &["no credentials; looked for", "AWS_SECRET_ACCESS_KEY"]);
    world.proxy.fault("DescribeInstances", Fault::Denied, 1);
    ended(list("plugin: aws_ec2\nregions: [us-east-1]\n"))
        .is(3, &["allow the action `ec2:DescribeInstances`"]);
    world.proxy.fault("DescribeInstances", Fault::Denied, 1);
    ended(list("plugin: aws_ec2\nregions: [us-east-1]\nstrict_permissions: false\n"))
        .is(0, &["us-east-1 is left out"]);
    assert_eq!(world.writes(), [""; 0]);
}
