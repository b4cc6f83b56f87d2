//! Instances, their interfaces, images and snapshots.

use crate::support::cloud::{DEBIAN, World};
use crate::support::cloud_plays::{bare, good, play, sends};

#[test]
fn an_instance_is_launched_as_the_task_says() {
    let world = World::default();
    let node = |more: &str| {
        play(&format!(
            "\
- ec2_security_group: {{name: t, description: t, vpc_id: '{{{{ net.vpc.id }}}}'}}
- ec2_launch_template: {{name: base, image_id: {DEBIAN}}}
- ec2_instance:
    name: t
    image_id: {DEBIAN}
    instance_type: m5.large
    vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'
    private_ip: 10.20.1.7
    security_group: t
    launch_template: {{name: base, version: '1'}}
    placement: {{affinity: default, partition_number: 2, host_id: h-1, host_resource_group_arn: 'arn:aws:x'}}
    placement_group: spread
    tenancy: dedicated
    cpu_options: {{core_count: 1, threads_per_core: 2}}
    instance_initiated_shutdown_behavior: terminate
    cpu_credit_specification: unlimited
    hibernation_options: true
    license_specifications: [{{license_configuration_arn: 'arn:aws:license-manager:x'}}]
    additional_info: none
    kernel: aki-12345678
    ramdisk: ari-12345678
    spot_price: '0.05'
    spot_type: one-time
    spot_wait_timeout: 60
    spot_launch_group: both
    volumes:
    - {{device_name: /dev/sdb, ebs: {{volume_size: 5, volume_type: gp3, iops: 3100, throughput: 130, encrypted: true, kms_key_id: alias/ours}}}}
    - {{device_name: /dev/sdd, volume_size: 4, volume_type: gp3, iops: 3200, encrypted: false}}
    - {{device_name: /dev/sdc, virtual_name: ephemeral0}}
    - {{device_name: /dev/sde, no_device: true}}
    {more}
"
        ))
    };
    let first = "metadata_options: {http_endpoint: enabled, http_protocol_ipv6: disabled, instance_metadata_tags: enabled}
    tags: {a: b}
    ebs_optimized: true";
    let launch: &[&str] = &[
        "InstanceType=m5.large",
        "PrivateIpAddress=10.20.1.7",
        "SecurityGroupId.1=sg-",
        "LaunchTemplate.LaunchTemplateName=base&LaunchTemplate.Version=1",
        "Placement.Affinity=default",
        "Placement.PartitionNumber=2",
        "Placement.HostId=h-1",
        "Placement.HostResourceGroupArn=arn:aws:x",
        "Placement.GroupName=spread",
        "Placement.Tenancy=dedicated",
        "CpuOptions.CoreCount=1&CpuOptions.ThreadsPerCore=2",
        "InstanceInitiatedShutdownBehavior=terminate",
        "CreditSpecification.CpuCredits=unlimited",
        "HibernationOptions.Configured=true",
        "LicenseSpecification.1.LicenseConfigurationArn=arn:aws:license-manager:x",
        "AdditionalInfo=none",
        "KernelId=aki-12345678",
        "RamdiskId=ari-12345678",
        "SpotOptions.MaxPrice=0.05",
        "SpotOptions.SpotInstanceType=one-time",
        "EbsOptimized=true",
        "MetadataOptions.HttpProtocolIpv6=disabled",
        "MetadataOptions.InstanceMetadataTags=enabled",
        "Ebs.Iops=3100",
        "Ebs.Throughput=130",
        "Ebs.KmsKeyId=alias/ours",
        "VirtualName=ephemeral0",
        "Ebs.Iops=3200",
        "NoDevice=",
    ];
    sends(&world, &node(first), &[("RunInstances", launch)]);
    let next = "metadata_options: {http_protocol_ipv6: enabled, instance_metadata_tags: disabled}
    tags: {c: d}
    purge_tags: false
    ebs_optimized: false";
    let changed: &[(&str, &[&str])] = &[
        ("ModifyInstanceMetadataOptions", &["HttpProtocolIpv6=enabled", "InstanceMetadataTags=disabled"]),
        ("ModifyInstanceAttribute", &["EbsOptimized.Value=false"]),
        ("StartInstances", &["InstanceId.1=i-"]),
    ];
    sends(&world, &node(next), changed).is(0, &["ebs_optimized is true, not false"]);
    let tags = world.ours().into_iter().find(|t| t.kind == "instance").unwrap().tags;
    assert_eq!((tags["a"].as_str(), tags["c"].as_str()), ("b", "d"));
    world.destroy().is(0, &["0 left"]);
}

/// The task counts over its launch template, and where it is silent the template does.
#[test]
fn a_template_says_what_the_task_does_not() {
    let world = World::default();
    let node = |name: &str, more: &str| {
        bare(&format!(
            "\
- ec2_launch_template: {{name: base, image_id: {DEBIAN}, instance_type: m5.large, metadata_options: {{http_tokens: optional}}}}
- ec2_instance: {{name: {name}, launch_template: {{name: base}}{more}}}
  register: node
- debug: {{msg: 'it is a {{{{ node.instances[0].instance_type }}}}'}}
"
        ))
    };
    let launch = |playbook: &str, kind: &str| {
        world.playbook(playbook);
        world.proxy.forget();
        world.apply().is(0, &[&format!("it is a {kind}")]);
        let calls = world.calls();
        good(&world.apply());
        calls.into_iter().find(|call| call.action == "RunInstances").unwrap().body
    };
    let silent = launch(&node("silent", ""), "m5.large");
    assert!(!silent.contains("InstanceType") && !silent.contains("MetadataOptions"), "{silent}");
    let says = ", instance_type: t3.micro, metadata_options: {http_put_response_hop_limit: 2}";
    let said = launch(&node("says", says), "t3.micro");
    assert!(said.contains("InstanceType=t3.micro") && said.contains("HttpPutResponseHopLimit=2"), "{said}");
    assert!(!said.contains("HttpTokens") && !said.contains("HttpEndpoint"), "{said}");
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn interfaces_are_made_or_taken_and_count_launches_more() {
    let world = World::default();
    let node = |more: &str| play(&format!("- ec2_instance: {{name: t, image_id: {DEBIAN}, {more}}}\n"));
    let several = "network_interfaces: [\
        {subnet_id: '{{ subnet.subnet.id }}', private_ip_addresses: [10.20.1.5, 10.20.1.6], description: first}, \
        {subnet_id: '{{ subnet.subnet.id }}', device_index: 2, ipv6_address_count: 1, delete_on_termination: false}, \
        {subnet_id: '{{ subnet.subnet.id }}', device_index: 3, ipv6_addresses: ['2001:db8::1'], assign_public_ip: false}]";
    let launch: &[&str] = &[
        "NetworkInterface.1.PrivateIpAddresses.1.Primary=true",
        "NetworkInterface.1.PrivateIpAddresses.2.PrivateIpAddress=10.20.1.6",
        "NetworkInterface.1.Description=first",
        "NetworkInterface.2.DeviceIndex=2",
        "NetworkInterface.2.Ipv6AddressCount=1",
        "NetworkInterface.2.DeleteOnTermination=false",
        "NetworkInterface.3.Ipv6Addresses.1.Ipv6Address=2001:db8::1",
        "NetworkInterface.3.AssociatePublicIpAddress=false",
    ];
    sends(&world, &node(several), &[("RunInstances", launch)]);
    world.destroy().is(0, &["0 left"]);
    let one = "network: {subnet_id: '{{ subnet.subnet.id }}', private_ip_addresses: [10.20.1.8, 10.20.1.9], ipv6_addresses: ['2001:db8::2']}";
    let launch: &[&str] = &[
        "NetworkInterface.1.SubnetId=subnet-",
        "NetworkInterface.1.PrivateIpAddresses.1.Primary=true&NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress=10.20.1.8",
        "NetworkInterface.1.PrivateIpAddresses.2.PrivateIpAddress=10.20.1.9",
        "NetworkInterface.1.Ipv6Addresses.1.Ipv6Address=2001:db8::2",
    ];
    sends(&world, &node(one), &[("RunInstances", launch)]);
    world.destroy().is(0, &["0 left"]);
    let plain = "network: {subnet_id: '{{ subnet.subnet.id }}', private_ip_address: 10.20.1.8}";
    sends(&world, &node(plain), &[("RunInstances", &["SubnetId=subnet-", "PrivateIpAddress=10.20.1.8"])]);
    world.destroy().is(0, &["0 left"]);
    world.playbook(&node("network_interfaces: [eni-1, {description: new}]"));
    world.apply().is(1, &["ids of interfaces that are there stand beside options of new ones"]);
    world.destroy().is(0, &["0 left"]);
    // What is there already is taken, by any name of the argument, and is nobody's to remove.
    for how in [
        "network: {interfaces: [ENI], device_index: 0}",
        "network_interfaces_ids: [{id: ENI, device_index: 0}]",
        "network_interface: [ENI]",
    ] {
        good(&{
            world.playbook(&play(""));
            world.apply()
        });
        let subnet = world.ours().into_iter().find(|t| t.kind == "subnet").unwrap().id;
        let eni = world.make("ec2", "CreateNetworkInterface", &[("SubnetId", &subnet)], "networkInterfaceId");
        let taken = format!("NetworkInterface.1.NetworkInterfaceId={eni}");
        sends(&world, &node(&how.replace("ENI", &eni)), &[("RunInstances", &[taken.as_str()])]);
        good(&{
            world.playbook(&bare("- ec2_instance: {name: t, state: absent}\n"));
            world.apply()
        });
        world.call("ec2", "DeleteNetworkInterface", &[("NetworkInterfaceId", &eni)]);
        world.destroy().is(0, &["0 left"]);
    }
    // Each run launches so many, and does not wait where it is told not to.
    world.playbook(&bare(&format!(
        "- ec2_instance: {{name: t, image_id: {DEBIAN}, count: 2, availability_zone: us-east-1b, wait: false}}\n"
    )));
    for there in [2, 4] {
        world.apply().is(0, &["`count` launches 2 more on every run"]);
        assert_eq!(world.count("instance"), there);
    }
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn images_and_snapshots_are_made_as_the_task_says() {
    let world = World::default();
    let image = |permissions: &str, tags: &str| {
        play(&format!(
            "\
- ec2_instance: {{name: t, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'}}
  register: machine
- ec2_instance_info: {{instance_ids: '{{{{ machine.instance_ids }}}}', include_attributes: [userData], minimum_uptime: 0}}
  register: told
- ec2_instance_info: {{instance_ids: '{{{{ machine.instance_ids }}}}', minimum_uptime: 60}}
  register: young
- debug: {{msg: '{{{{ young.instances | length }}}} of {{{{ told.instances | length }}}} is old'}}
- ec2_snapshot: {{volume_id: '{{{{ told.instances[0].block_device_mappings[0].ebs.volume_id }}}}', last_snapshot_min_age: 60}}
  register: snapshot
- ec2_snapshot_info: {{snapshot_ids: ['{{{{ snapshot.snapshot_id }}}}']}}
- ec2_ami:
    name: t
    instance_id: '{{{{ machine.instance_ids[0] }}}}'
    no_reboot: true
    wait: true
    tags: {tags}
    purge_tags: false
    device_mapping:
    - {{device_name: /dev/sda1, size: 9, volume_type: gp3, iops: 3000, encrypted: false}}
    - {{device_name: /dev/sdb, snapshot_id: '{{{{ snapshot.snapshot_id }}}}'}}
    - {{device_name: /dev/sdc, virtual_name: ephemeral0}}
    - {{device_name: /dev/sdd, no_device: true}}
    launch_permissions: {permissions}
  register: image
- debug: {{msg: 'for {{{{ image.launch_permissions }}}}'}}
- ec2_ami_info: {{executable_users: [all], owners: [self], describe_image_attributes: true}}
- ec2_ami_copy: {{source_region: us-east-1, source_image_id: '{{{{ image.image_id }}}}', name: copy, encrypted: true, kms_key_id: alias/ours, copy_image_tags: true, tag_equality: true, tags: {{copied: 'yes'}}, wait: true}}
"
        ))
    };
    let all = "{group_names: [all], org_arns: ['arn:aws:organizations::1:organization/o'], org_unit_arns: ['arn:aws:organizations::1:ou/o/u']}";
    let made: &[(&str, &[&str])] = &[
        (
            "CreateImage",
            &[
                "NoReboot=true",
                "Ebs.Iops=3000",
                "Ebs.SnapshotId=snap-",
                "VirtualName=ephemeral0",
                "NoDevice=",
            ],
        ),
        (
            "ModifyImageAttribute",
            &[
                "Add.1.Group=all",
                "OrganizationArn=arn:aws:organizations::1:organization/o",
                "OrganizationalUnitArn=",
            ],
        ),
        ("CopyImage", &["Encrypted=true", "KmsKeyId=alias/ours", "CopyImageTags=true"]),
    ];
    sends(&world, &image(all, "{a: b}"), made).is(0, &["0 of 1 is old"]);
    let none: &[(&str, &[&str])] = &[("ModifyImageAttribute", &["Remove.1.Group=all"])];
    sends(&world, &image("{}", "{c: d}"), none).is(0, &["launch_permissions all is not wanted", "for []"]);
    let of =
        |kind: &str| world.ours().into_iter().filter(|t| t.kind == kind).map(|t| t.tags).collect::<Vec<_>>();
    assert!(of("image").iter().any(|tags| tags.get("a").is_some_and(|a| a == "b") && tags["c"] == "d"));
    for kind in ["image", "snapshot", "volume", "network-interface"] {
        assert!(of(kind).iter().all(|tags| tags.contains_key("Name")), "{kind}: {:?}", of(kind));
    }
    world.destroy().is(0, &["0 left"]);
}
