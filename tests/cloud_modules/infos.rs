//! The modules that only tell: each, beside one of everything.

use super::*;

/// Each `_info` module by one of its names, its arguments, and what is told of what there is.
const INFOS: &[(&str, &str, &str)] = &[
    ("ec2_vpc_net_info", "{filters: {'tag:Name': t}}", "vpcs | map(attribute='cidr_block') | join"),
    ("ec2_vpc_net_facts", "{vpc_ids: ['{{ net.vpc.id }}']}", "vpcs | map(attribute='cidr_block') | join"),
    (
        "ec2_vpc_subnet_info",
        "{filters: {vpc-id: '{{ net.vpc.id }}'}}",
        "subnets | map(attribute='cidr_block') | join",
    ),
    (
        "ec2_vpc_subnet_facts",
        "{}",
        "subnets | selectattr('cidr_block', 'eq', '10.20.1.0/24') | list | length",
    ),
    ("ec2_vpc_igw_info", "{}", "internet_gateways | map(attribute='tags.Name') | join"),
    ("ec2_vpc_igw_facts", "{}", "internet_gateways | map(attribute='tags.Name') | join"),
    ("ec2_vpc_route_table_info", "{filters: {'tag:Name': public}}", "route_tables | length"),
    ("ec2_vpc_route_table_facts", "{filters: {'tag:Name': none}}", "route_tables | length"),
    ("ec2_vpc_nat_gateway_info", "{}", "result | map(attribute='state') | join"),
    (
        "ec2_security_group_info",
        "{filters: {group-name: t}}",
        "security_groups | map(attribute='description') | join",
    ),
    ("ec2_group_info", "{filters: {group-name: t}}", "security_groups | map(attribute='description') | join"),
    ("ec2_key_info", "{}", "keypairs | map(attribute='key_name') | join"),
    ("ec2_instance_info", "{filters: {'tag:Name': t}}", "instances | map(attribute='instance_type') | join"),
    ("ec2_remote_facts", "{}", "instances | map(attribute='instance_type') | join"),
    ("ec2_eip_info", "{}", "addresses | map(attribute='domain') | unique | join"),
    (
        "ec2_ami_info",
        "{owners: ['136693071363'], filters: {name: 'debian-12-amd64-*'}}",
        "images | map(attribute='image_id') | last",
    ),
    ("ec2_snapshot_info", "{}", "snapshots | map(attribute='state') | unique | join"),
    ("ec2_launch_template_info", "{}", "launch_templates | map(attribute='launch_template_name') | join"),
    ("autoscaling_group_info", "{name: t, tags: {role: node}}", "results | map(attribute='max_size') | join"),
    ("autoscaling_group_info", "{group_name: none}", "results | length"),
    ("ec2_instance_info", "{attributes: [userData]}", "instances | length"),
    ("iam_instance_profile_info", "{instance_profile_name: none}", "iam_instance_profiles | length"),
    ("iam_role_info", "{name: t}", "iam_roles | map(attribute='role_name') | join"),
    (
        "iam_instance_profile_info",
        "{name: t}",
        "iam_instance_profiles | map(attribute='instance_profile_name') | join",
    ),
    ("ssm_parameter_info", "{path: /t}", "parameters | map(attribute='name') | join"),
    ("ec2_vpc_nat_gateway_facts", "{}", "result | map(attribute='state') | join"),
    ("ec2_eip_facts", "{}", "addresses | map(attribute='domain') | unique | join"),
    (
        "ec2_group_facts",
        "{filters: {group-name: t}}",
        "security_groups | map(attribute='description') | join",
    ),
    ("ec2_snapshot_facts", "{owner_ids: [self]}", "snapshots | map(attribute='state') | unique | join"),
    ("ec2_asg_facts", "{name: t}", "results | map(attribute='max_size') | join"),
];

/// What they say, in their order.
const TOLD: &[&str] = &[
    "10.20.0.0/16",
    "10.20.0.0/16",
    "10.20.1.0/24",
    "1",
    "way",
    "way",
    "1",
    "0",
    "available",
    "nodes",
    "nodes",
    "t",
    "t3.micro",
    "t3.micro",
    "vpc",
    DEBIAN,
    "completed",
    "t",
    "2",
    "0",
    "1",
    "0",
    "t",
    "t",
    "/t/one",
    "available",
    "vpc",
    "nodes",
    "completed",
    "2",
];

#[test]
fn every_info_module_tells_what_there_is_and_writes_nothing() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh me@here";
    let there = format!(
        "\
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: way}}}}
- ec2_vpc_route_table: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {{Name: public}}}}
- ec2_vpc_nat_gateway: {{subnet_id: '{{{{ subnet.subnet.id }}}}', wait: true}}
- ec2_group: {{name: t, description: nodes, vpc_id: '{{{{ net.vpc.id }}}}'}}
- ec2_key: {{name: t, key_material: '{key}'}}
- ec2: {{name: t, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'}}
  register: machine
- ec2_snapshot: {{instance_id: '{{{{ machine.instance_ids[0] }}}}', device_name: /dev/sda1}}
- ec2_launch_template: {{name: t, image_id: {DEBIAN}, instance_type: t3.micro}}
- autoscaling_group: {{name: t, launch_template: {{launch_template_name: t}}, min_size: 0, max_size: 2, desired_capacity: 0, availability_zones: [us-east-1a], tags: [{{role: node}}]}}
- iam_role: {{name: t, assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'}}
- ssm_parameter: {{name: /t/one, value: text}}
"
    );
    let world = World::new(&play(&there));
    good(&world.apply());
    let asks: String = INFOS
        .iter()
        .map(|(module, args, shown)| {
            let list = shown.split(' ').next().unwrap();
            format!(
                "- {module}: {args}\n  register: found\n\
                 - debug: {{msg: \"{module}={{{{ found.{shown} }}}}.\"}}\n\
                 - debug: {{msg: \"{module} returns {{{{ found.{list} | to_json }}}}\"}}\n"
            )
        })
        .collect();
    world.proxy.forget();
    world.place.write(
        "ask.yml",
        &play(&asks).replace("- hosts: localhost\n", "- hosts: localhost\n  vars: {fitout_stack: site}\n"),
    );
    let said = world.run(&["apply", "--yes", "ask.yml"]);
    good(&said);
    assert_eq!(TOLD.len(), INFOS.len());
    for ((module, ..), told) in INFOS.iter().zip(TOLD) {
        let line = format!("{module}={told}.");
        assert!(said.all().contains(&line), "`{line}` is not said in\n{}", said.all());
    }
    assert_eq!(world.writes(), [""; 0]);
    let (mut checked, mut lacking) = (std::collections::BTreeSet::new(), Vec::new());
    for line in said.out.lines() {
        let Some((module, things)) = line.split_once(" returns ") else { continue };
        let module = module.split(' ').next_back().unwrap().trim_matches('"');
        if let Some(lacks) = returns::lacking(module, things.trim_end_matches('"')) {
            checked.insert(module.to_string());
            lacking.extend(lacks.into_iter().map(|path| format!("{module}: {path}")));
        }
    }
    assert_eq!((lacking, checked.len()), (Vec::<String>::new(), returns::MODULES));
    let modules: std::collections::BTreeSet<String> =
        INFOS.iter().map(|(name, ..)| name.to_string()).collect();
    for entry in std::fs::read_dir("modules").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let cloud = ["ec2_", "autoscaling", "ssm_", "iam_"].iter().any(|prefix| name.starts_with(prefix));
        assert!(!(cloud && name.ends_with("_info")) || modules.contains(&name), "{name} is not in the table");
    }
    good(&world.destroy());
}
