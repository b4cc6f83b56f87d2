//! Launch templates and the groups that scale by them.

use crate::support::cloud::{DEBIAN, World};
use crate::support::cloud_plays::{bare, play, sends};

#[test]
fn a_template_has_all_that_can_be_said_of_an_instance() {
    let world = World::default();
    let template = |version: &str, cores: u32, tags: &str| {
        bare(&format!(
            "\
- ec2_launch_template:
    template_name: t
    image_id: {DEBIAN}
    instance_type: m5.large
    version_description: {version}
    tags: {tags}
    purge_tags: false
    tag_specifications: [{{resource_type: instance, tags: {{role: node}}}}]
    block_device_mappings:
    - {{device_name: /dev/xvda, ebs: {{volume_size: 20, volume_type: gp3, iops: 3000, throughput: 125, encrypted: true, kms_key_id: alias/ours}}}}
    - {{device_name: /dev/sdb, no_device: ''}}
    - {{device_name: /dev/sdc, virtual_name: ephemeral0}}
    cpu_options: {{core_count: {cores}, threads_per_core: 2}}
    credit_specification: {{cpu_credits: unlimited}}
    disable_api_termination: true
    ebs_optimized: true
    iam_instance_profile: nodes
    instance_initiated_shutdown_behavior: terminate
    instance_market_options: {{market_type: spot, spot_options: {{max_price: '0.05', spot_instance_type: one-time, instance_interruption_behavior: terminate, block_duration_minutes: 60}}}}
    kernel_id: aki-1
    ram_disk_id: ari-1
    metadata_options: {{http_endpoint: enabled, http_tokens: required, http_put_response_hop_limit: 2, http_protocol_ipv6: disabled, instance_metadata_tags: enabled}}
    monitoring: {{enabled: true}}
    network_interfaces: [{{device_index: 0, associate_public_ip_address: true, groups: [sg-1], description: first, ipv6_address_count: 1}}, {{device_index: 2, ipv6_addresses: ['2001:db8::1']}}, {{device_index: 1, network_interface_id: eni-1}}]
    placement: {{affinity: default, availability_zone: us-east-1a, group_name: g, host_id: h-1, tenancy: dedicated}}
    user_data: IyEvYmluL3NoCg==
  register: t
- ec2_launch_template_info: {{launch_template_ids: ['{{{{ t.template.launch_template_id }}}}', lt-none]}}
  register: told
- debug: {{msg: '{{{{ told.launch_templates | length }}}} there, latest {{{{ t.latest_version }}}}'}}
"
        ))
    };
    let sent: &[&str] = &[
        "VersionDescription=first",
        "TagSpecification.1.ResourceType=instance&LaunchTemplateData.TagSpecification.1.Tag.",
        "Ebs.Encrypted=true",
        "Ebs.Iops=3000",
        "Ebs.KmsKeyId=alias/ours",
        "Ebs.Throughput=125",
        "NoDevice=",
        "VirtualName=ephemeral0",
        "CpuOptions.CoreCount=1&LaunchTemplateData.CpuOptions.ThreadsPerCore=2",
        "CreditSpecification.CpuCredits=unlimited",
        "DisableApiTermination=true",
        "EbsOptimized=true",
        "IamInstanceProfile.Name=nodes",
        "InstanceInitiatedShutdownBehavior=terminate",
        "MarketType=spot",
        "SpotOptions.MaxPrice=0.05",
        "SpotInstanceType=one-time",
        "InstanceInterruptionBehavior=terminate",
        "BlockDurationMinutes=60",
        "KernelId=aki-1",
        "RamDiskId=ari-1",
        "HttpProtocolIpv6=disabled",
        "InstanceMetadataTags=enabled",
        "Monitoring.Enabled=true",
        "AssociatePublicIpAddress=true",
        "Ipv6AddressCount=1",
        "NetworkInterface.2.Ipv6Addresses.1.Ipv6Address=2001:db8::1",
        "NetworkInterfaceId=eni-1",
        "Placement.Affinity=default",
        "Placement.HostId=h-1",
        "Placement.Tenancy=dedicated",
    ];
    sends(&world, &template("first", 1, "{a: b}"), &[("CreateLaunchTemplate", sent)])
        .is(0, &["1 there, latest 1"]);
    let second: &[&str] = &["VersionDescription=second", "CpuOptions.CoreCount=2"];
    sends(&world, &template("second", 2, "{c: d}"), &[("CreateLaunchTemplateVersion", second)])
        .is(0, &["1 there, latest 2", "cpu_options is core_count=1"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_scaling_group_has_all_that_can_be_said_of_it() {
    let world = World::default();
    let vpc = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.9.0.0/16")], "vpcId");
    let target = [
        ("Name", "t"),
        ("Protocol", "TCP"),
        ("Port", "80"),
        ("TargetType", "instance"),
        ("VpcId", vpc.as_str()),
    ];
    let target = world.make("elasticloadbalancing", "CreateTargetGroup", &target, "TargetGroupArn");
    let group = |more: &str| {
        play(&format!(
            "\
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group:
    group_name: t
    launch_template: {{launch_template_name: t, version: '$Latest'}}
    min_size: 0
    max_size: 2
    desired_capacity: 1
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    lc_check: false
    wait_for_instances: false
{more}"
        ))
    };
    let first = format!(
        "    health_check_period: 100
    default_cooldown: 60
    target_group_arns: ['{target}']
    termination_policies: [OldestInstance, Default]
    max_instance_lifetime: 86400
    protect_from_scale_in: false
    capacity_rebalance: true
    suspend_processes: [AZRebalance]
    metrics_collection: true
    metrics_granularity: 1Minute
    metrics_list: [GroupMinSize]
    replace_all_instances: true
    replace_batch_size: 1
    lt_check: false
    placement_group: spread
    notification_topic: arn:aws:sns:t
    tags: [{{a: b}}]
    lifecycle_hooks: [{{name: h, transition: terminating, notification_target_arn: 'arn:aws:sqs:q', role_arn: 'arn:aws:iam::1:role/r', notification_meta_data: more}}]
"
    );
    let made: &[(&str, &[&str])] = &[
        (
            "CreateAutoScalingGroup",
            &[
                "LaunchTemplate.Version=$Latest",
                "HealthCheckGracePeriod=100",
                "DefaultCooldown=60",
                "TargetGroupARNs.member.1=arn:",
                "TerminationPolicies.member.1=OldestInstance",
                "MaxInstanceLifetime=86400",
                "CapacityRebalance=true",
                "PlacementGroup=spread",
                "NotificationTargetARN=arn:aws:sqs:q",
                "NotificationMetadata=more",
                "RoleARN=arn:aws:iam::1:role/r",
            ],
        ),
        ("SuspendProcesses", &["AZRebalance"]),
        (
            "PutNotificationConfiguration",
            &[
                "TopicARN=arn:aws:sns:t",
                "NotificationTypes.member.4=autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
            ],
        ),
        ("EnableMetricsCollection", &["Metrics.member.1=GroupMinSize", "Granularity=1Minute"]),
    ];
    sends(&world, &group(&first), made);
    let second = "    health_check_period: 200
    default_cooldown: 70
    target_group_arns: []
    termination_policies: [NewestInstance]
    max_instance_lifetime: 172800
    protect_from_scale_in: true
    capacity_rebalance: false
    suspend_processes: []
    metrics_collection: false
    notification_topic: arn:aws:sns:t
    notification_types: ['autoscaling:EC2_INSTANCE_TERMINATE']
    purge_tags: true
    tags: [{c: d}]
    lifecycle_hooks: [{name: h, transition: terminating, notification_target_arn: 'arn:aws:sqs:q', role_arn: 'arn:aws:iam::1:role/r', notification_meta_data: other}]
";
    let changed: &[(&str, &[&str])] = &[
        (
            "UpdateAutoScalingGroup",
            &[
                "HealthCheckGracePeriod=200",
                "NewInstancesProtectedFromScaleIn=true",
                "CapacityRebalance=false",
            ],
        ),
        ("DetachLoadBalancerTargetGroups", &["TargetGroupARNs.member.1=arn:"]),
        ("ResumeProcesses", &["AZRebalance"]),
        ("DisableMetricsCollection", &[]),
        ("PutNotificationConfiguration", &["NotificationTypes.member.1=autoscaling:EC2_INSTANCE_TERMINATE"]),
        ("DeleteTags", &["Key=a"]),
        ("PutLifecycleHook", &["NotificationMetadata=other"]),
    ];
    sends(&world, &group(second), changed).is(0, &["default_cooldown is 60, not 70"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn a_mixed_group_and_an_old_one_are_sent_whole() {
    let world = World::default();
    let mixed = play(&format!(
        "\
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group:
    name: t
    launch_template: {{launch_template_name: t}}
    min_size: 0
    max_size: 2
    desired_capacity: 0
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    load_balancers: [classic]
    mixed_instances_policy:
      instance_types: [t3.small]
      instances_distribution: {{on_demand_allocation_strategy: prioritized, on_demand_base_capacity: 1, spot_allocation_strategy: lowest-price, spot_instance_pools: 2, spot_max_price: '0.1'}}
"
    ));
    let made: &[(&str, &[&str])] = &[(
        "CreateAutoScalingGroup",
        &[
            "OnDemandAllocationStrategy=prioritized",
            "OnDemandBaseCapacity=1",
            "SpotInstancePools=2",
            "SpotMaxPrice=0.1",
            "LoadBalancerNames.member.1=classic",
        ],
    )];
    sends(&world, &mixed, made);
    world.destroy().is(0, &["0 left"]);
    let image = [("LaunchConfigurationName", "old"), ("ImageId", DEBIAN), ("InstanceType", "t3.micro")];
    world.make("autoscaling", "CreateLaunchConfiguration", &image, "RequestId");
    let old = "- autoscaling_group: {name: t, launch_config_name: old, min_size: 0, max_size: 1, desired_capacity: 0, availability_zones: [us-east-1a]}\n";
    sends(&world, &bare(old), &[("CreateAutoScalingGroup", &["LaunchConfigurationName=old"])]);
    world.destroy().is(0, &["0 left"]);
}
