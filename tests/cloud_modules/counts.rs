//! How many calls many tasks of one kind make: one look a kind, shared by all.

use super::*;
use std::collections::BTreeMap;

const MANY: usize = 12;

fn stack() -> String {
    let mut tasks = String::new();
    for n in 0..MANY {
        tasks += &format!(
            "\
- ec2_vpc_subnet: {{vpc_id: '{{{{ net.vpc.id }}}}', cidr: 10.20.{}.0/24}}
- ec2_security_group: {{name: g{n}, description: d, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{{proto: tcp, ports: [22], cidr_ip: 10.0.0.0/8}}]}}
- ec2_key: {{name: k{n}}}
- ec2_launch_template: {{name: t{n}, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group: {{name: a{n}, launch_template: {{launch_template_name: t{n}}}, min_size: 0, max_size: 1, desired_capacity: 0, vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']}}
- ec2_eip: {{tags: {{Name: e{n}}}}}
",
            10 + n
        );
    }
    play(&tasks)
}

/// Calls that read, by name.
fn reads(world: &World) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for call in world.calls().into_iter().filter(|call| !call.writes()) {
        *count.entry(call.action).or_default() += 1;
    }
    count
}

#[test]
fn many_tasks_of_a_kind_share_one_look() {
    let world = World::new(&stack());
    good(&world.apply());
    // Things in the network that this run makes need no look at all, and each new group is looked at for its instances.
    let first = reads(&world);
    let expected = [
        ("DescribeAddresses", 1),
        ("DescribeAutoScalingGroups", 1 + MANY),
        ("DescribeKeyPairs", 1),
        ("DescribeLaunchTemplates", 1),
        ("DescribeVpcs", 1),
    ];
    assert_eq!(first, expected.map(|(name, n)| (name.to_string(), n)).into());
    assert_eq!(world.writes().len(), 3 + MANY * 7, "{:?}", world.writes());
    world.proxy.forget();
    world.apply().is(0, &["0 changed"]);
    let expected = [
        ("DescribeAddresses", 1),
        ("DescribeAutoScalingGroups", 1),
        ("DescribeKeyPairs", 1),
        // A template's versions are told of one template at a time.
        ("DescribeLaunchTemplateVersions", MANY),
        ("DescribeLaunchTemplates", 1),
        ("DescribeSecurityGroups", 1),
        ("DescribeSubnets", 1),
        ("DescribeVpcAttribute", 1),
        ("DescribeVpcs", 1),
    ];
    assert_eq!(reads(&world), expected.map(|(name, n)| (name.to_string(), n)).into());
    assert_eq!(world.writes(), [""; 0]);
    world.proxy.forget();
    good(&world.destroy());
}
