//! What a play says for all builders in a cloud, in the calls of amazon-ebs.

use super::options::has_calls;
use super::*;

const IMAGE: &str = "
    verify: false
    source: {id: SOURCE}
    tags: {role: node, team: red}
    regions: [eu-west-1]
    users: ['123456789012']
    encrypt: true
    kms_key: alias/home
    deprecate_at: '2030-01-01T00:00:00Z'
    disks: [{device_name: /dev/xvdb, volume_size: 7, delete_on_termination: true}]
";

const CALLS: [&str; 7] = [
    "DescribeImages ImageId.1=SOURCE",
    "RunInstances BlockDeviceMapping.1.Ebs.VolumeSize=7",
    "CopyImage Encrypted=true",
    "CopyImage KmsKeyId=alias%2Fhome",
    "CopyImage SourceRegion=us-east-1",
    "ModifyImageAttribute LaunchPermission.Add.1.UserId=123456789012",
    "EnableImageDeprecation DeprecateAt=2030-01-01T00%3A00%3A00Z",
];

#[test]
fn what_the_play_says_is_for_each_builder_that_does_not_say_it_itself() {
    let world = world();
    let play = |name: &str, own: &str| {
        let builder = format!(
            "{{type: amazon-ebs, region: us-east-1, instance_type: t3.micro, ssh_username: admin, ssh_host: 192.0.2.9, \
             temporary_security_group_source_cidrs: [192.0.2.7/32], ami_name: {name}{own}}}"
        );
        world.playbook(&format!(
            "- name: x\n  hosts: all\n  gather_facts: false\n  image:{}    builders: [{builder}]\n  tasks: []\n",
            IMAGE.replace("SOURCE", DEBIAN)
        ));
        world.proxy.forget();
        seen(bake(&world, name, &[], &[])).is(0, &["us-east-1:ami-"]);
    };
    play("shared", "");
    let calls = CALLS.map(|call| call.replace("SOURCE", DEBIAN));
    has_calls(&world, &calls.each_ref().map(String::as_str));
    let teams = || {
        let all = world.inventory().into_iter().filter(|t| t.kind == "image");
        all.filter_map(|t| t.tags.get("team").cloned()).collect::<Vec<_>>()
    };
    assert_eq!(teams(), ["red"]);
    play(
        "own",
        ", tags: {team: blue}, ami_regions: [], encrypt_boot: false, ami_users: ['210987654321'], kms_key_id: ''",
    );
    assert_eq!(world.times("CopyImage"), 0);
    has_calls(&world, &["ModifyImageAttribute LaunchPermission.Add.1.UserId=210987654321"]);
    let mut teams = teams();
    teams.sort();
    assert_eq!(teams, ["blue", "red"]);
}
