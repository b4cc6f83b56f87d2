//! Saved plans of clouds: carried out as they were shown, or stopped before a change that is another one by now.

#![allow(clippy::unwrap_used)]

mod support;

use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, good, play};
use support::cloud_proxy::Fault;

#[track_caller]
fn plan(world: &World) {
    world.run(&["plan", "--out", "p", "site.yml"]).is(2, &["saved to p"]);
}

#[test]
fn a_plan_of_what_is_to_be_made_is_carried_out_with_the_ids_that_come() {
    let world = World::default();
    let site = play(&format!(
        "\
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}'}}
  register: gateway
- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', subnets: ['{{{{ subnet.subnet.id }}}}'], routes: [{{dest: 0.0.0.0/0, gateway_id: '{{{{ gateway.gateway_id }}}}'}}], tags: {{Name: public}}}}
- ec2_security_group: {{name: web, description: web, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{{proto: tcp, ports: [22], cidr_ip: 0.0.0.0/0}}]}}
- ec2_security_group: {{name: db, description: db, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{{proto: tcp, ports: [5432], group_name: web}}]}}
- ec2_instance: {{name: node, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}', security_groups: [db]}}
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
  changed_when: false
- autoscaling_group: {{name: t, launch_template: {{launch_template_name: t}}, min_size: 0, max_size: 1, desired_capacity: 0, vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']}}
- ec2_key: {{name: 'key{{{{ item }}}}'}}
  loop: [1, 2]
"
    ));
    world.playbook(&site);
    plan(&world);
    assert_eq!(world.writes(), [""; 0]);
    world.run(&["apply", "p"]).is(0, &["9 changed"]);
    world.plan().is(0, &["no changes"]);
    world.run(&["apply", "p"]).is(1, &["stale", "needs no change any more"]);
    // All that goes is known, so that it is held: each removal is the one that was shown.
    let gone = site.replace("{name: 'key{{ item }}'", "{state: absent, name: 'key{{ item }}'");
    let gone = gone.replace("- autoscaling_group: {", "- autoscaling_group: {state: absent, ");
    world.playbook(&gone);
    plan(&world);
    world.run(&["apply", "p"]).is(0, &["2 changed"]);
    good(&world.destroy());
}

#[test]
fn what_changes_while_a_saved_plan_runs_stops_it_before_the_call() {
    let world = World::default();
    let groups = |web: &str| {
        format!(
            "\
- ec2_security_group: {{name: web, description: d, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{{proto: tcp, ports: [{web}], cidr_ip: 0.0.0.0/0}}]}}
- ec2_security_group: {{name: db, description: d, vpc_id: '{{{{ net.vpc.id }}}}', rules: [{{proto: tcp, ports: [5432], cidr_ip: 10.0.0.0/8}}]}}
"
        )
    };
    world.playbook(&play(&groups("80")));
    good(&world.apply());
    let id = |node: &str| world.ours().into_iter().find(|t| t.tags["fitout:node"] == node).unwrap().id;
    let (net, web, db) = (id("ec2_vpc_net/t"), id("ec2_security_group/web"), id("ec2_security_group/db"));
    // A network is made first, and in the next play the groups are looked at.
    let site = bare("- ec2_vpc_net: {name: other, cidr_block: 10.99.0.0/16}\n")
        + &bare(&groups("80, 443").replace("{{ net.vpc.id }}", &net));
    world.playbook(&site);
    plan(&world);
    let by_hand = |call: &str, group: &str, port: &str, range: &str| {
        let rule = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", range),
        ];
        world.make("ec2", call, &rule, "return");
    };
    world.proxy.forget();
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    let run = world.start(&["apply", "p"]);
    world.proxy.wait_held();
    by_hand("RevokeSecurityGroupIngress", &web, "80", "0.0.0.0/0");
    by_hand("RevokeSecurityGroupIngress", &db, "5432", "10.0.0.0/8");
    world.proxy.clear();
    let seen = run.end();
    seen.is(
        1,
        &[
            "stale: the plan was to update (ingress tcp 443 0.0.0.0/0 is missing), now it is: ingress tcp 80",
            "stale: this change was not part of the plan (ingress tcp 5432 10.0.0.0/8 is missing)",
        ],
    );
    assert_eq!(world.writes(), ["CreateVpc", "ModifyVpcAttribute"], "{}", seen.all());
    // What is planned anew is done.
    plan(&world);
    world.run(&["apply", "p"]).is(0, &["2 changed"]);
    world.plan().is(0, &["no changes"]);
    good(&world.destroy());
}
