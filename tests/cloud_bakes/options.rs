//! Every option of amazon-ebs, in the call that it belongs to.

use super::*;

/// Options and the calls that they are seen in. Those of access are in tests/cloud_images.rs, those of the login at the end.
const OPTIONS: &str = "
source_ami_filter: {filters: {name: 'debian-12-amd64-*'}, owners: ['136693071363'], most_recent: true, include_deprecated: true}
    DescribeImages IncludeDeprecated=true
    DescribeImages Filter.1.Value.1=debian-12-amd64-%2A
    DescribeImages Owner.1=136693071363
vpc_id: VPC
    CreateSecurityGroup VpcId=VPC
subnet_id: SUBNET
    RunInstances SubnetId=SUBNET
instance_type: t3.small
    RunInstances InstanceType=t3.small
iam_instance_profile: builder
    RunInstances IamInstanceProfile.Name=builder
associate_public_ip_address: true
    RunInstances NetworkInterface.1.AssociatePublicIpAddress=true
user_data: '#!/bin/sh'
    RunInstances UserData=Q29udGVudC1UeXBlOiBtdWx0aXBhcn
run_tags: {team: red}
    RunInstances Tag.1.Key=Name
    RunInstances Value=red
run_volume_tags: {disk: blue}
    RunInstances Value=blue
metadata_options: {http_tokens: required, http_put_response_hop_limit: 2}
    RunInstances MetadataOptions.HttpTokens=required
    RunInstances MetadataOptions.HttpPutResponseHopLimit=2
shutdown_behavior: stop
    RunInstances InstanceInitiatedShutdownBehavior=stop
spot_price: '0.05'
    RunInstances InstanceMarketOptions.SpotOptions.MaxPrice=0.05
temporary_security_group_source_cidrs: [192.0.2.7/32]
    AuthorizeSecurityGroupIngress CidrIp=192.0.2.7%2F32
temporary_key_pair_type: rsa
    ImportKeyPair PublicKeyMaterial=c3NoLXJzY
launch_block_device_mappings: [{device_name: /dev/xvda, volume_size: 20, volume_type: gp3, iops: 3500, throughput: 200, delete_on_termination: true}]
    RunInstances BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda
    RunInstances BlockDeviceMapping.1.Ebs.VolumeSize=20
    RunInstances BlockDeviceMapping.1.Ebs.VolumeType=gp3
    RunInstances BlockDeviceMapping.1.Ebs.Iops=3500
    RunInstances BlockDeviceMapping.1.Ebs.Throughput=200
    RunInstances BlockDeviceMapping.1.Ebs.DeleteOnTermination=true
ami_block_device_mappings: [{device_name: /dev/sdb, volume_size: 9, encrypted: true, kms_key_id: alias/b}]
    CreateImage BlockDeviceMapping.1.Ebs.Encrypted=true
    CreateImage BlockDeviceMapping.1.Ebs.KmsKeyId=alias%2Fb
ami_name: 'node {{ isotime | default(1) }}'
    CopyImage Name=node%201&
ami_description: of a node
    CreateImage Description=of%20a%20node
ena_support: true
    ModifyInstanceAttribute EnaSupport.Value=true
sriov_support: true
    ModifyInstanceAttribute SriovNetSupport.Value=simple
encrypt_boot: true
    CopyImage Encrypted=true
kms_key_id: alias/home
    CopyImage KmsKeyId=alias%2Fhome
ami_regions: [eu-west-1]
    CopyImage SourceRegion=us-east-1
region_kms_key_ids: {eu-west-1: alias/away}
    CopyImage KmsKeyId=alias%2Faway
ami_users: ['123456789012']
    ModifyImageAttribute LaunchPermission.Add.1.UserId=123456789012
ami_groups: [all]
    ModifyImageAttribute Group=all
ami_org_arns: ['arn:o']
    ModifyImageAttribute OrganizationArn=arn%3Ao
imds_support: v2.0
    ModifyImageAttribute ImdsSupport.Value=v2.0
tags: {role: node}
    CreateTags Value=node
snapshot_tags: {of: node-disk}
    CreateTags Value=node-disk
snapshot_users: ['210987654321']
    ModifySnapshotAttribute UserId=210987654321
deprecate_at: '2030-01-01T00:00:00Z'
    EnableImageDeprecation DeprecateAt=2030-01-01T00%3A00%3A00Z
deregistration_protection: {enabled: true, with_cooldown: true}
    EnableImageDeregistrationProtection WithCooldown=true
ssh_username: admin
ssh_host: 192.0.2.9
ssh_port: 2222
";

/// Other words for the same, and what cannot stand beside the rest.
const OTHERS: &str = "
source_ami: SOURCE
instance_type: t3.small
ssh_username: admin
ssh_host: 192.0.2.9
ssh_agent_auth: false
ssh_wait_timeout: 5s
communicator: ssh
lifetime: 1h
aws_polling: {delay_seconds: 1, max_attempts: 60}
enable_t2_unlimited: false
temporary_security_group_source_cidrs: [192.0.2.7/32]
ami_name: others
build_name: of the template
ami_virtualization_type: hvm
user_data_file: FILE
    RunInstances UserData=Q29udGVudC1UeXBlOiBtdWx0aXBhcn
temporary_key_pair_name: known
    ImportKeyPair KeyName=known
enable_unlimited_credits: true
    RunInstances CreditSpecification.CpuCredits=unlimited
disable_stop_instance: false
    StopInstances InstanceId
run_tag: [{key: team, value: green}]
    RunInstances Value=green
run_volume_tag: [{key: disk, value: grey}]
    RunInstances Value=grey
tag: [{key: kind, value: own}]
    CreateImage Value=own
snapshot_tag: [{key: of, value: this}]
    CreateImage Value=this
snapshot_groups: [all]
    ModifySnapshotAttribute Add.1.Group=all
ami_ou_arns: ['arn:ou']
    ModifyImageAttribute OrganizationalUnitArn=arn%3Aou
";

/// Nobody adds an option that nothing bakes with.
#[test]
fn every_option_is_in_some_test() {
    let tests: String =
        ["tests", "src/image/amazon/options/tests.rs"].map(|path| texts(Path::new(path))).concat();
    let words: BTreeSet<&str> = tests
        .split(|c: char| !(c.is_alphanumeric() || "_:\"".contains(c)))
        .map(|w| w.trim_matches('"'))
        .collect();
    let known = fitout::image::amazon::known::OPTIONS;
    let missing: Vec<_> = known.iter().filter(|o| !words.contains(format!("{o}:").as_str())).collect();
    assert!(missing.is_empty(), "no test has {missing:#?}");
}

fn texts(path: &Path) -> String {
    match path.is_dir() {
        true => std::fs::read_dir(path).unwrap().map(|entry| texts(&entry.unwrap().path())).collect(),
        false => std::fs::read_to_string(path).unwrap_or_default(),
    }
}

#[test]
fn every_option_is_seen_in_its_call() {
    let world = world();
    let vpc = world.make("ec2", "DescribeVpcs", &[], "vpcId");
    let subnet = world.make("ec2", "DescribeSubnets", &[], "subnetId");
    world.make("iam", "CreateInstanceProfile", &[("InstanceProfileName", "builder")], "Arn");
    let text = OPTIONS.replace("VPC", &vpc).replace("SUBNET", &subnet);
    let (calls, options): (Vec<&str>, Vec<&str>) =
        text.lines().filter(|l| !l.is_empty()).partition(|line| line.starts_with(' '));
    world.place.write("data", "#!/bin/sh\n");
    let others = OTHERS.replace("SOURCE", DEBIAN);
    let others = others.replace("FILE", &world.place.path().join("data").to_string_lossy());
    let (more_calls, more): (Vec<&str>, Vec<&str>) =
        others.lines().filter(|l| !l.is_empty()).partition(|line| line.starts_with(' '));
    let play = |options: &str| {
        let image = format!(
            "    verify: false\n    builders:\n      - type: amazon-ebs\n        region: us-east-1\n{options}"
        );
        world.playbook(&format!(
            "- name: x\n  hosts: all\n  gather_facts: false\n  image:\n{image}  tasks: []\n"
        ));
    };
    let lines = |options: &[&str]| options.iter().map(|o| format!("        {o}\n")).collect::<String>();
    play(&lines(&options));
    seen(bake(&world, "o", &[], &[])).is(0, &["us-east-1:ami-", "eu-west-1:ami-"]);
    has_calls(&world, &calls);
    // Its snapshots have the image's tags, and theirs.
    let all = world.say("inventory", &json!({}));
    let tags = |kind: &str| {
        let is = |t: &&Value| t["kind"] == kind && t["tags"]["fitout:keep"] == "true";
        let tags = all.as_array().unwrap().iter().filter(is).map(|t| t["tags"].clone());
        tags.map(|t| (t["role"].clone(), t["of"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(tags("image"), [(json!("node"), Value::Null), (json!("node"), Value::Null)]);
    assert_eq!(tags("snapshot"), [(json!("node"), json!("node-disk")), (json!("node"), json!("node-disk"))]);
    let logins = || std::fs::read_to_string(world.place.path().join("stubs/ssh.log")).unwrap();
    assert!(logins().contains("-p 2222 -l admin -i "), "{}", logins());

    play(&lines(&more));
    world.proxy.forget();
    seen(bake(&world, "o", &[], &[])).is(0, &["us-east-1:ami-"]);
    has_calls(&world, &more_calls);

    // Keys and groups that are there already: none is made, and theirs is used.
    let group = world.make("ec2", "DescribeSecurityGroups", &[], "groupId");
    world.make("ec2", "CreateKeyPair", &[("KeyName", "mine")], "keyFingerprint");
    let group = format!("security_group_ids: [{group}]");
    let own = [
        "source_ami: SOURCE",
        "instance_type: t3.micro",
        "ssh_username: admin",
        "ssh_host: 192.0.2.9",
        "ssh_keypair_name: mine",
        "ssh_private_key_file: /own/key",
        &group,
        "ami_name: own",
    ];
    play(&lines(&own).replace("SOURCE", DEBIAN));
    world.proxy.forget();
    seen(bake(&world, "o", &[], &[])).is(0, &["us-east-1:ami-"]);
    assert_eq!(world.times("ImportKeyPair") + world.times("CreateSecurityGroup"), 0);
    let run = world.calls().into_iter().find(|c| c.action == "RunInstances").unwrap();
    assert!(run.body.contains("KeyName=mine") && run.body.contains("SecurityGroupId.1=sg-"), "{}", run.body);
    assert!(logins().contains("-i /own/key"), "{}", logins());
    // Only provisioned: no image comes of it, and nothing is left.
    play(&lines(&[&own[..], &["skip_create_ami: true"]].concat()).replace("SOURCE", DEBIAN));
    world.proxy.forget();
    assert_eq!(seen(bake(&world, "o", &["--force"], &[])).code, Some(0));
    assert_eq!((world.times("CreateImage"), world.times("TerminateInstances")), (0, 1));
    // The name is taken by an image of another content, which makes way for the new one.
    play(&lines(&own).replace("SOURCE", DEBIAN).replace("t3.micro", "t3.small"));
    seen(bake(&world, "o", &[], &[])).is(1, &["the name `own` is taken by ami-", "force_deregister"]);
    let force = [&own[..], &["force_deregister: true", "force_delete_snapshot: true"]].concat();
    play(&lines(&force).replace("SOURCE", DEBIAN).replace("t3.micro", "t3.small"));
    world.proxy.forget();
    seen(bake(&world, "o", &[], &[])).is(0, &["us-east-1:ami-"]);
    // The old one and the draft that stood beside it, each with its snapshot.
    assert_eq!((world.times("DeregisterImage"), world.times("DeleteSnapshot")), (2, 2));
}

/// Each line is a call and a part of what it sent.
pub fn has_calls(world: &World, wanted: &[&str]) {
    let all = world.calls();
    for wanted in wanted {
        let (action, part) = wanted.trim().split_once(' ').unwrap();
        let bodies: Vec<&str> = all.iter().filter(|c| c.action == action).map(|c| c.body.as_str()).collect();
        assert!(bodies.iter().any(|body| body.contains(part)), "{wanted} in {bodies:#?}");
    }
}

/// The part of `amazon-ebs` that is the same in the two plays below.
const LEAST: &str = "region: us-east-1, source_ami: SOURCE, instance_type: t3.micro, ssh_username: admin, ssh_host: 192.0.2.9";

#[test]
fn filters_find_the_network_and_what_is_given_goes_before_them() {
    let world = world();
    let play = |name: &str, more: &str| {
        let options = format!("{LEAST}, ami_name: {name}, {more}").replace("SOURCE", DEBIAN);
        world.playbook(&format!(
            "- name: x\n  hosts: all\n  gather_facts: false\n  image:\n    verify: false\n    builders:\n\
             \x20     - {{type: amazon-ebs, {options}}}\n  tasks: []\n"
        ));
        world.proxy.forget();
        seen(bake(&world, name, &[], &[])).is(0, &["us-east-1:ami-"]);
        let all = world.calls();
        let last = |action: &str| all.iter().rfind(|c| c.action == action).map(|c| c.body.clone());
        ["DescribeSubnets", "DescribeSecurityGroups", "RunInstances"].map(|a| last(a).unwrap_or_default())
    };
    let has = |body: &str, parts: &[&str]| assert!(parts.iter().all(|p| body.contains(p)), "{body}");
    let subnet = world.make("ec2", "DescribeSubnets", &[], "subnetId");
    let vpc = world.make("ec2", "DescribeVpcs", &[], "vpcId");
    let other = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.9.0.0/16")], "vpcId");
    assert_ne!(vpc, other);

    let [subnets, groups, run] = play(
        "found",
        "availability_zone: us-east-1b, vpc_filter: {filters: {is-default: 'true'}},
         subnet_filter: {filters: {default-for-az: 'true'}}, security_group_filter: {filters: {group-name: default}}",
    );
    has(&subnets, &["=availability-zone", "=us-east-1b", "=vpc-id", &vpc]);
    has(&groups, &["=group-name", "=vpc-id", &vpc]);
    has(&run, &["SubnetId=subnet-", "SecurityGroupId.1=sg-"]);
    assert!(!run.contains("SecurityGroupId.2"), "{run}");

    // No filter of these fits anything.
    let [_, groups, run] = play(
        "given",
        &format!(
            "subnet_id: {subnet}, subnet_filter: {{filters: {{subnet-id: none}}}}, vpc_id: {vpc},
             vpc_filter: {{filters: {{vpc-id: none}}}}, security_group_filter: {{filters: {{group-name: default}}}}"
        ),
    );
    has(&groups, &["=group-name", "=vpc-id", &vpc]);
    has(&run, &[&format!("SubnetId={subnet}"), "SecurityGroupId.1=sg-"]);

    // Groups are those of the subnet's network, where no network is named.
    let [_, groups, run] = play(
        "subnet",
        &format!("subnet_id: {subnet}, security_group_filter: {{filters: {{group-name: default}}}}"),
    );
    has(&groups, &["=vpc-id", &vpc]);
    let group = run.split("SecurityGroupId.1=").nth(1).unwrap().split('&').next().unwrap();
    let [_, groups, run] = play(
        "group",
        &format!("security_group_ids: [{group}], security_group_filter: {{filters: {{group-name: none}}}}"),
    );
    assert_eq!(groups, "");
    has(&run, &[&format!("SecurityGroupId.1={group}")]);
}

#[test]
fn types_of_spot_instances_are_tried_in_turn_until_there_is_capacity() {
    let world = world();
    let options = LEAST.replace("SOURCE", DEBIAN).replace(
        "instance_type: t3.micro",
        "temporary_security_group_source_cidrs: [192.0.2.7/32], spot_price: auto, spot_instance_types: [m5.large, c5.large, t3.large]",
    );
    world.playbook(&format!(
        "- name: x\n  hosts: all\n  gather_facts: false\n  image:\n    verify: false\n    builders:\n\
         \x20     - {{type: amazon-ebs, ami_name: spot, {options}}}\n  tasks: []\n"
    ));
    let none = || Fault::Refused(400, "InsufficientInstanceCapacity".into(), "there is none".into());
    let types = || -> Vec<String> {
        let runs = world.calls().into_iter().filter(|c| c.action == "RunInstances");
        runs.map(|c| c.body.split("&InstanceType=").nth(1).unwrap().split('&').next().unwrap().to_string())
            .collect()
    };
    world.proxy.fault("RunInstances", none(), 2);
    world.proxy.forget();
    seen(bake(&world, "spot", &[], &[])).is(0, &["us-east-1:ami-"]);
    assert_eq!(types(), ["m5.large", "c5.large", "t3.large"]);
    // Where none can be had, that is said; and another error is no want of capacity.
    world.proxy.fault("RunInstances", none(), 3);
    world.proxy.forget();
    seen(bake(&world, "spot", &["--force"], &[]))
        .is(1, &["bake: instance: ", "InsufficientInstanceCapacity"]);
    assert_eq!(types().len(), 3);
    world.proxy.fault("RunInstances", Fault::Denied, 1);
    world.proxy.forget();
    seen(bake(&world, "spot", &["--force"], &[])).is(1, &["bake: instance: ", "ec2:RunInstances"]);
    assert_eq!(types().len(), 1);
}

#[test]
fn an_image_that_takes_too_long_is_taken_back() {
    let world = world();
    world.settings(&json!({"delays": {"image.pending": 60}}));
    let options = format!(
        "{LEAST}, ami_name: slow, temporary_security_group_source_cidrs: [192.0.2.7/32], aws_polling: {{delay_seconds: 1, max_attempts: 2}}"
    );
    world.playbook(&format!(
        "- name: x\n  hosts: all\n  gather_facts: false\n  image:\n    verify: false\n    builders:\n\
         \x20     - {{type: amazon-ebs, {}}}\n  tasks: []\n",
        options.replace("SOURCE", DEBIAN)
    ));
    let ended = seen(bake(&world, "slow", &[], &[]));
    ended.is(1, &["bake: image: ", "not ready after 2 s"]);
    nothing_is_left(&world, &ended.all());
}
