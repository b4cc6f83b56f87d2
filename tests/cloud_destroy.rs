//! What goes and what stays: destroy by tags, `prevent_destroy`, what others made, and what others changed.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::cloud::{DEBIAN, World};
use support::cloud_proxy::Fault;

const HEAD: &str = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n";

fn named(name: &str, more: &str) -> String {
    format!(
        "{HEAD}    - iam_role: {{name: {name}, assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'{more}}}
    - ssm_parameter: {{name: /{name}/one, value: text{more}}}
"
    )
}

#[test]
fn what_had_another_name_is_found_by_its_tags() {
    let world = World::new(&named("before", ""));
    world.apply().is(0, &[]);
    // Applied under the new name, too: both go.
    world.playbook(&named("after", ""));
    world.apply().is(0, &[]);
    assert_eq!((world.count("role"), world.count("parameter")), (2, 2));
    world.playbook(&named("never", ""));
    world.proxy.forget();
    let asked = world.run(&["destroy", "site.yml"]);
    assert!(
        asked.all().contains("there is no terminal to ask on") && asked.code != Some(0),
        "{}",
        asked.all()
    );
    let shown = world.run(&["destroy", "--plan", "site.yml"]);
    assert!(shown.all().contains("remove  role before ("), "{}", shown.all());
    assert_eq!(world.writes(), [""; 0]);
    world
        .destroy()
        .is(0, &["removed role before (", "removed role after (", "/before/one", "/after/one", ", 0 left"]);
    assert_eq!(world.inventory().len(), 0, "{:#?}", world.inventory());
    let done: Vec<String> = world.calls().into_iter().filter(|c| c.status == 200).map(|c| c.action).collect();
    let first = |name: &str| done.iter().position(|a| a == name).unwrap();
    assert!(first("DeleteInstanceProfile") < first("DeleteRole"), "{done:?}");
}

#[test]
fn prevent_destroy_keeps_what_has_a_name() {
    let world = World::new(&named("web", ", prevent_destroy: true"));
    world.apply().is(0, &[]);
    world.destroy().is(0, &["kept (prevent_destroy) role web (web,", "kept (prevent_destroy) parameter"]);
    assert_eq!((world.count("role"), world.count("parameter")), (1, 1));
    // gc honours it too.
    world.run(&["gc", "--yes", "--older-than", "0s"]).is(0, &[]);
    assert_eq!((world.count("role"), world.count("parameter")), (1, 1));
    world.playbook(&named("web", ""));
    world.apply().is(0, &[]);
    world.destroy().is(0, &["0 left"]);
    assert_eq!(world.inventory().len(), 0, "{:#?}", world.inventory());
}

/// A network whose parts use each other, two groups that name each other among them.
fn network() -> String {
    format!(
        "{HEAD}    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16}}
      register: network
    - ec2_vpc_subnet: {{vpc_id: '{{{{ network.vpc.id }}}}', cidr: 10.10.1.0/24, tags: {{Name: one}}}}
      register: subnet
    - ec2_vpc_igw: {{vpc_id: '{{{{ network.vpc.id }}}}'}}
      register: gateway
    - ec2_vpc_route_table:
        vpc_id: '{{{{ network.vpc.id }}}}'
        subnets: ['{{{{ subnet.subnet.id }}}}']
        routes: [{{dest: 0.0.0.0/0, gateway_id: '{{{{ gateway.gateway_id }}}}'}}]
        tags: {{Name: public}}
    - ec2_security_group:
        name: web
        description: web
        vpc_id: '{{{{ network.vpc.id }}}}'
        rules: [{{proto: tcp, ports: [22], cidr_ip: 10.0.0.0/8}}]
      register: group
    - ec2_security_group:
        name: db
        description: db
        vpc_id: '{{{{ network.vpc.id }}}}'
        rules: [{{proto: tcp, ports: [5432], group_id: '{{{{ group.group_id }}}}'}}]
    - ec2_instance:
        name: node
        image_id: {DEBIAN}
        instance_type: t3.micro
        vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'
        security_groups: ['{{{{ group.group_id }}}}']
        tags: {{Team: a}}
    - ssm_parameter: {{name: /web/one, value: text}}
"
    )
}

#[test]
fn what_uses_others_goes_first() {
    let world = World::new(&network());
    world.apply().is(0, &[]);
    world.settings(&json!({"delays": {"instance.shutting-down": 2}}));
    let group =
        world.ours().into_iter().find(|t| t.tags["fitout:node"] == "ec2_security_group/db").unwrap().id;
    // By hand: the first group lets in the second, too, so that neither can go while both have their rules.
    let web =
        world.ours().into_iter().find(|t| t.tags["fitout:node"] == "ec2_security_group/web").unwrap().id;
    let rule = [
        ("GroupId", web.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "1"),
        ("IpPermissions.1.ToPort", "1"),
        ("IpPermissions.1.Groups.1.GroupId", &group),
    ];
    world.make("ec2", "AuthorizeSecurityGroupIngress", &rule, "return");
    world.proxy.forget();
    world.destroy().is(0, &["0 left"]);
    let done: Vec<String> = world.calls().into_iter().filter(|c| c.status == 200).map(|c| c.action).collect();
    let at = |name: &str| done.iter().position(|a| a == name).unwrap_or_else(|| panic!("{name}: {done:?}"));
    let order = ["TerminateInstances", "DeleteSubnet", "DeleteVpc"];
    assert!(order.windows(2).all(|w| at(w[0]) < at(w[1])), "{done:?}");
    assert!(at("DetachInternetGateway") < at("DeleteInternetGateway"), "{done:?}");
    assert!(at("DisassociateRouteTable") < at("DeleteRouteTable"), "{done:?}");
}

/// A kept parameter is in no network, so what the service takes long to let go of is waited for all the same.
#[test]
fn what_stays_elsewhere_hurries_nothing() {
    let world = World::new(&network().replace("value: text}", "value: text, prevent_destroy: true}"));
    world.apply().is(0, &[]);
    let held = || Fault::Refused(400, "DependencyViolation".into(), "it has dependencies".into());
    world.proxy.fault("DeleteSubnet", held(), 6);
    world.destroy().is(0, &["kept (prevent_destroy) parameter", ", 0 left"]);
    assert_eq!(world.times("DeleteSubnet"), 7);
    world.playbook(&network());
    world.apply().is(0, &[]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn what_was_changed_by_hand_shows_attribute_by_attribute() {
    let world = World::new(&network());
    world.apply().is(0, &[]);
    let id = |node: &str| world.ours().into_iter().find(|t| t.tags["fitout:node"] == node).unwrap().id;
    let web = id("ec2_security_group/web");
    let rule = |from: &'static str, cidr: &'static str| {
        [
            ("GroupId".to_string(), web.clone()),
            ("IpPermissions.1.IpProtocol".into(), "tcp".into()),
            ("IpPermissions.1.FromPort".into(), from.into()),
            ("IpPermissions.1.ToPort".into(), from.into()),
            ("IpPermissions.1.IpRanges.1.CidrIp".into(), cidr.into()),
        ]
    };
    let make = |action: &str, rule: &[(String, String)]| {
        let params: Vec<(&str, &str)> = rule.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        world.make("ec2", action, &params, "return");
    };
    // A rule is made wider.
    make("RevokeSecurityGroupIngress", &rule("22", "10.0.0.0/8"));
    make("AuthorizeSecurityGroupIngress", &rule("22", "0.0.0.0/0"));
    let subnet = id("ec2_vpc_subnet/10.10.1.0/24");
    let public = [("SubnetId", subnet.as_str()), ("MapPublicIpOnLaunch.Value", "true")];
    world.make("ec2", "ModifySubnetAttribute", &public, "return");
    let instance = world.ours().into_iter().find(|t| t.kind == "instance").unwrap().id;
    let tag = [("ResourceId.1", instance.as_str()), ("Tag.1.Key", "Team"), ("Tag.1.Value", "b")];
    world.make("ec2", "CreateTags", &tag, "return");
    world.call_json(
        "ssm",
        "AmazonSSM.PutParameter",
        &json!({"Name": "/web/one", "Value": "by-hand", "Type": "String", "Overwrite": true}),
    );
    world.proxy.forget();
    let plan = world.run(&["plan", "--diff", "site.yml"]);
    plan.is(
        2,
        &[
            "tcp 22 0.0.0.0/0",
            "tcp 22 10.0.0.0/8",
            "map_public",
            "tags.Team",
            "-value: (another)",
            "4 to change",
        ],
    );
    assert!(!plan.all().contains("by-hand"), "a parameter's value is a secret: {}", plan.all());
    assert_eq!(world.writes(), [""; 0]);
    world.apply().is(0, &["4 changed"]);
    world.plan().is(0, &["no changes"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn what_others_made_is_taken_over_only_when_asked() {
    let world = World::default();
    let vpc = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.10.0.0/16")], "vpcId");
    let tags = [("ResourceId.1", vpc.as_str()), ("Tag.1.Key", "Name"), ("Tag.1.Value", "web")];
    world.make("ec2", "CreateTags", &tags, "return");
    let group = [("GroupName", "web"), ("GroupDescription", "web"), ("VpcId", vpc.as_str())];
    let group = world.make("ec2", "CreateSecurityGroup", &group, "groupId");
    let policy = "{\"Version\": \"2012-10-17\", \"Statement\": []}";
    world.make("iam", "CreateRole", &[("RoleName", "web"), ("AssumeRolePolicyDocument", policy)], "RoleName");
    world.call_json(
        "ssm",
        "AmazonSSM.PutParameter",
        &json!({"Name": "/web/one", "Value": "text", "Type": "String"}),
    );
    let play = |more: &str| {
        format!(
            "{HEAD}    - ec2_vpc_net: {{name: web, cidr_block: 10.10.0.0/16{more}}}
      register: network
      ignore_errors: true
    - ec2_security_group: {{name: web, description: web, vpc_id: {vpc}, rules: [{{proto: tcp, ports: [22], cidr_ip: 10.0.0.0/8}}]{more}}}
      ignore_errors: true
    - iam_role: {{name: web, assume_role_policy_document: '{policy}', create_instance_profile: false, description: mine{more}}}
      ignore_errors: true
    - ssm_parameter: {{name: /web/one, value: changed{more}}}
      ignore_errors: true
"
        )
    };
    world.proxy.forget();
    world.playbook(&play(""));
    let refused = world.apply();
    for thing in [vpc.as_str(), &group, "role web", "/web/one"] {
        assert!(refused.all().contains(thing), "{thing}: {}", refused.all());
    }
    assert_eq!(refused.all().matches("was not made by fitout").count(), 4, "{}", refused.all());
    // Nor is it destroyed.
    world.destroy().is(0, &["nothing to remove"]);
    assert_eq!(world.writes(), [""; 0]);
    world.playbook(&play("").replace("      ignore_errors: true\n", ""));
    world.apply().is(1, &["hint: `adopt: true` takes it over into the stack `site`"]);
    world.playbook(&play(", adopt: true"));
    world.apply().is(0, &["4 changed"]);
    let made: Vec<String> =
        world.writes().into_iter().filter(|w| w.starts_with("Create") && w != "CreateTags").collect();
    assert_eq!(made, [""; 0]);
    assert_eq!(world.ours().len(), 4, "{:#?}", world.ours());
    world.plan().is(0, &["no changes"]);
    world.destroy().is(0, &[", 0 left"]);
    assert_eq!(
        world.inventory().iter().filter(|t| t.kind != "object").count(),
        0,
        "{:#?}",
        world.inventory()
    );
}
