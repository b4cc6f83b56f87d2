//! Security groups: where their names are looked up, and those that rules describe.

use crate::support::cloud::{DEBIAN, World};
use crate::support::cloud_plays::{bare, converges, good, play, sends};

/// A group in a network that is not the default one, and instances that name it.
fn named(more: &str) -> String {
    play(&format!(
        "- ec2_security_group: {{name: t, description: t, vpc_id: '{{{{ net.vpc.id }}}}'}}\n{}",
        more.replace("IMAGE", DEBIAN)
    ))
}

#[test]
fn a_groups_name_is_looked_up_where_the_instance_is_to_be() {
    let world = World::default();
    let inside = named(
        "- ec2_instance: {name: one, image_id: IMAGE, security_group: t, network_interfaces: [{subnet_id: '{{ subnet.subnet.id }}'}]}\n\
         - ec2_instance: {name: two, image_id: IMAGE, security_group: t, network: {subnet_id: '{{ subnet.subnet.id }}'}}\n",
    );
    let group = |prefix: &'static str| [prefix];
    let (interface, plain) =
        (group("NetworkInterface.1.SecurityGroupId.1=sg-"), group("&SecurityGroupId.1=sg-"));
    sends(&world, &inside, &[("RunInstances", &interface), ("RunInstances", &plain)]);
    // One that is there is where it is.
    world.playbook(&named("- ec2_instance: {name: one, image_id: IMAGE, security_group: t}\n"));
    world.apply().is(0, &["0 changed"]);
    world.destroy().is(0, &["0 left"]);
    // A template says the subnet.
    let template = named(
        "\
- ec2_launch_template: {name: t, image_id: IMAGE, network_interfaces: [{device_index: 0, subnet_id: '{{ subnet.subnet.id }}'}]}
- ec2_instance: {name: one, launch_template: {name: t}, security_group: t}
",
    );
    world.playbook(&template);
    world.plan().is(2, &["+ create  ec2_instance"]);
    // The tests' cloud launches elsewhere all the same, so it is not applied twice.
    world.proxy.forget();
    good(&world.apply());
    let launch = world.calls().into_iter().find(|call| call.action == "RunInstances").unwrap();
    assert!(launch.body.contains(plain[0]), "{}", launch.body);
    world.destroy().is(0, &["0 left"]);
}

/// Then a name means nothing, and the program says so before anything is launched.
#[test]
fn without_a_default_network_a_groups_name_needs_a_subnet() {
    let world = World::default();
    let default = [("Filter.1.Name", "is-default"), ("Filter.1.Value.1", "true")];
    let vpc = world.make("ec2", "DescribeVpcs", &default, "vpcId");
    let of = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
    let subnets = world.call("ec2", "DescribeSubnets", &of).1;
    for id in subnets.split("<subnetId>").skip(1).filter_map(|rest| rest.split('<').next()) {
        world.make("ec2", "DeleteSubnet", &[("SubnetId", id)], "return");
    }
    let of = [("Filter.1.Name", "attachment.vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
    let gateway = world.make("ec2", "DescribeInternetGateways", &of, "internetGatewayId");
    if !gateway.is_empty() {
        let both = [("InternetGatewayId", gateway.as_str()), ("VpcId", vpc.as_str())];
        world.make("ec2", "DetachInternetGateway", &both, "return");
    }
    world.make("ec2", "DeleteVpc", &[("VpcId", &vpc)], "return");
    world.playbook(&bare(&format!("- ec2_instance: {{name: t, image_id: {DEBIAN}, security_group: web}}\n")));
    let said = ["by the name `web`", "us-east-1 has no default VPC", "hint: name the subnet"];
    world.plan().is(1, &said);
    world.apply().is(1, &said);
    assert_eq!(world.times("RunInstances"), 0);
}

/// It belongs to the stack of the group whose rule names it.
#[test]
fn a_group_that_a_rule_describes_is_made_with_it() {
    let world = World::default();
    let group = |rules: &str| {
        play(&format!(
            "- ec2_security_group: {{name: t, description: t, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{rules}]}}\n\
             \x20 register: group\n"
        ))
    };
    let web = "{proto: tcp, ports: [5432], group_name: web, group_desc: web servers}";
    world.playbook(&group(web));
    world.plan().is(2, &["there is no security group t"]);
    assert_eq!(world.times("CreateSecurityGroup"), 0);
    let made: &[(&str, &[&str])] =
        &[("CreateSecurityGroup", &["GroupName=web", "GroupDescription=web servers"])];
    sends(&world, &group(web), made);
    // In another rule of a group that is there, too, and once.
    let both = format!("{web}, {{proto: udp, ports: [53], group_name: [dns, web], group_desc: dns}}");
    converges(&world, &group(&both)).is(0, &["dns (known after apply)"]);
    let names = || {
        let groups = world.ours().into_iter().filter(|t| t.kind == "security-group");
        let mut names: Vec<String> = groups.map(|t| t.tags["Name"].clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["dns", "t", "web"]);
    // They are wanted as long as the group's task is there.
    world.run(&["gc", "--yes", "site.yml"]).is(0, &["there is nothing to remove"]);
    assert_eq!(names(), ["dns", "t", "web"]);
    // Without a description it has to be there.
    world.playbook(&group("{proto: tcp, ports: [80], group_name: other}"));
    world.apply().is(1, &["there is no security group `other` in the VPC"]);
    world.playbook(&group(&both));
    good(&world.apply());
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn the_name_of_an_address_is_not_written() {
    let world = World::default();
    for how in ["domain_name: example.com", "update_reverse_dns_record: true"] {
        world.playbook(&bare(&format!("- ec2_eip: {{{how}}}\n")));
        world.plan().is(1, &["is not written here", "aws ec2 modify-address-attribute"]);
    }
}

#[test]
fn an_image_names_its_kernel_and_ram_disk() {
    let world = World::default();
    let node = format!(
        "- ec2_instance: {{name: t, image: {{id: {DEBIAN}, kernel: aki-12345678, ramdisk: ari-12345678}}}}\n"
    );
    sends(&world, &bare(&node), &[("RunInstances", &["KernelId=aki-12345678", "RamdiskId=ari-12345678"])]);
    world.destroy().is(0, &["0 left"]);
}
