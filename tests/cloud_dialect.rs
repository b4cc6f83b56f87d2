//! What playbooks for amazon.aws, and for the modules before it, say and read.

#![allow(clippy::unwrap_used)]

mod support;

use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, converges, good, play, sends};

#[test]
fn a_table_leads_the_traffic_of_a_gateway() {
    let world = World::default();
    let tables = |first: &str, second: &str| {
        play(&format!(
            "\
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}'}}
  register: way
- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: edge}}, routes: []{first}}}
  register: edge
- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: other}}, routes: []{second}}}
  register: other
- debug: {{msg: \"edge {{{{ edge.route_table.associations | length }}}}, other {{{{ other.route_table.associations | length }}}}\"}}
"
        ))
    };
    let gateway = ", gateway_id: '{{ way.gateway_id }}'";
    let has = |seen: support::place::Seen, told: &str| seen.is(0, &[told]);
    has(
        sends(&world, &tables(gateway, ""), &[("AssociateRouteTable", &["GatewayId=igw-"])]),
        "edge 1, other 0",
    );
    // Not said, it stays; said of another table, it goes there.
    world.playbook(&tables("", ""));
    world.plan().is(0, &["no changes"]);
    let moved = sends(
        &world,
        &tables("", gateway),
        &[("ReplaceRouteTableAssociation", &["AssociationId=rtbassoc-"])],
    );
    has(moved, "other 1");
    has(world.apply(), "edge 0, other 1");
    has(
        sends(&world, &tables("", ", gateway_id: ''"), &[("DisassociateRouteTable", &[])]),
        "edge 0, other 0",
    );
    sends(&world, &tables(gateway, ""), &[("AssociateRouteTable", &["GatewayId=igw-"])]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn routes_go_to_carrier_gateways_and_those_of_endpoints_stay() {
    let world = World::new(&play(""));
    good(&world.apply());
    let vpc = world.ours().into_iter().find(|t| t.kind == "vpc").unwrap().id;
    let carrier = world.make("ec2", "CreateCarrierGateway", &[("VpcId", &vpc)], "carrierGatewayId");
    let table = |routes: &str| {
        play(&format!(
            "- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: t}}, routes: [{routes}]}}\n"
        ))
    };
    let carried = format!("CarrierGatewayId={carrier}");
    for route in ["dest: 10.1.0.0/16, gateway_id: ", "dest: 10.2.0.0/16, carrier_gateway_id: "] {
        let route = format!("{{{route}{carrier}}}");
        sends(&world, &table(&route), &[("CreateRoute", &[carried.as_str()])]);
    }
    world.call("ec2", "DeleteCarrierGateway", &[("CarrierGatewayId", &carrier)]);
    world.playbook(&table(""));
    good(&world.apply());
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn addresses_of_interfaces_may_say_which_is_the_primary_one() {
    let world = World::default();
    let addresses =
        "{primary: false, private_ip_address: 10.20.1.37}, {primary: true, private_ip_address: 10.20.1.39}";
    let node = format!(
        "\
- ec2_instance:
    name: t
    image_id: {DEBIAN}
    network_interfaces: [{{subnet_id: '{{{{ subnet.subnet.id }}}}', private_ip_addresses: [{addresses}]}}]
"
    );
    let launch: &[&str] = &[
        "PrivateIpAddresses.1.Primary=true&NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress=10.20.1.39",
        "PrivateIpAddresses.2.Primary=false&NetworkInterface.1.PrivateIpAddresses.2.PrivateIpAddress=10.20.1.37",
    ];
    sends(&world, &play(&node), &[("RunInstances", launch)]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn the_old_name_of_instances_returns_what_it_did() {
    let told = "{{ n.dns_name | length > 5 }} {{ n.state }} {{ n.state_code }} {{ n.placement }} {{ n.region }} {{ n.tenancy }} \
                {{ n.groups.values() | join }} {{ n.block_device_mapping['/dev/sda1'].status }}";
    let task = |module: &str| {
        bare(&format!(
            "\
- {module}: {{image: {DEBIAN}, instance_type: t3.micro, zone: us-east-1a, instance_tags: {{Name: old}}, exact_count: 1, count_tag: {{Name: old}}, wait: yes}}
  register: made
- set_fact: {{n: '{{{{ made.tagged_instances[0] }}}}'}}
- debug: {{msg: \"{told}\"}}
"
        ))
    };
    let world = World::new(&task("ec2"));
    world.plan().is(2, &["+"]);
    let line = "True running 16 us-east-1a us-east-1 default default";
    for _ in 0..2 {
        world.apply().is(0, &[line]);
    }
    let now = task("ec2_instance").replace(told, "{{ n.state.name }} in {{ n.placement.availability_zone }}");
    world.playbook(&now);
    world.apply().is(0, &["running in us-east-1a", "changed=0"]);
    world.playbook(
        &now.replace("exact_count: 1", "exact_count: 1, as_old: true").replace("n.state.name", "n.state"),
    );
    world.apply().is(1, &[]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn instances_are_counted_by_keys_and_values_and_what_was_done_is_returned() {
    let world = World::default();
    let nodes = |count: usize| {
        bare(&format!(
            "\
- ec2_instance: {{name: w, image_id: {DEBIAN}, exact_count: {count}, count_tag: [grp, {{env: prod}}], tags: {{grp: a, env: prod}}}}
  register: made
- debug: {{msg: \"changed {{{{ made.changed_ids | default([]) | length }}}}, ended {{{{ made.terminated_ids | default([]) | length }}}}\"}}
"
        ))
    };
    converges(&world, &nodes(2)).is(0, &["changed 2, ended 0"]);
    world.apply().is(0, &["changed 0, ended 0"]);
    converges(&world, &nodes(1)).is(0, &["changed 0, ended 1"]);
    converges(&world, &nodes(1).replace("grp: a,", "grp: b,")).is(0, &["changed 1, ended 0"]);
    let gone = bare(
        "- ec2_instance: {name: w, state: absent}\n  register: made\n- debug: {msg: 'ended {{ made.terminated_ids | length }}'}\n",
    );
    world.playbook(&gone);
    world.apply().is(0, &["ended 1"]);
}

#[test]
fn a_gateway_may_be_attached_to_nothing() {
    let world = World::default();
    let gateway = "- ec2_vpc_igw: {state: present, tags: {Name: det}}\n  register: way\n";
    converges(&world, &bare(gateway));
    let ids = |world: &World| -> Vec<String> {
        world.ours().into_iter().filter(|t| t.kind == "internet-gateway").map(|t| t.id).collect()
    };
    let made = ids(&world);
    assert_eq!(made.len(), 1);
    world.playbook(&bare("- ec2_vpc_igw: {state: absent, tags: {Name: det}}\n"));
    good(&world.apply());
    assert!(ids(&world).is_empty());
}

#[test]
fn arguments_have_the_names_that_amazons_collection_gives_them() {
    let world = World::default();
    let group = format!(
        "\
- ssm_parameter: {{name: /a/b, type: SecureString, value: x}}
- ec2_snapshot_info: {{owner_ids: [self], restorable_by_user_ids: [self]}}
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group:
    name: t
    launch_template: {{launch_template_name: t}}
    min_size: 0
    max_size: 1
    desired_capacity: 1
    availability_zones: [us-east-1a]
    protected_from_scale_in: PROTECTED
    suspend_processes: [AZRebalance]
    wait_for_instances: false
  register: group
- debug: {{msg: \"{{{{ group.instance_ids | length }}}} {{{{ group.instance_facts | length }}}} {{{{ group.instance_details | length }}}} {{{{ group.suspended_processes[0].process_name }}}} {{{{ group.metrics_collection | length }}}}\"}}
"
    );
    // The instance itself is not protected, or moto would keep it.
    let group = |protected: &str| bare(&group.replace("PROTECTED", protected));
    let told: &[(&str, &[&str])] = &[("DescribeSnapshots", &["Owner.1=self", "RestorableBy.1=self"])];
    sends(&world, &group("false"), told);
    let sent: &[(&str, &[&str])] = &[("UpdateAutoScalingGroup", &["NewInstancesProtectedFromScaleIn=true"])];
    sends(&world, &group("true"), sent);
    world.apply().is(0, &["1 1 1 AZRebalance 0"]);
    world.destroy().is(0, &["0 left"]);
}
