//! What is made, changed and destroyed: a story for each group of modules.

/// One stack's life.
pub struct Story {
    pub name: &'static str,
    /// Tasks. IMAGE and TYPE are what machines are made of.
    pub tasks: &'static str,
    /// How many tasks make something.
    pub makes: usize,
    /// What is there then, by kind; of machines no more than these at any time.
    pub there: &'static [(&'static str, usize)],
    /// What another day's playbook says instead, and how many tasks change something for it.
    pub change: &'static [(&'static str, &'static str)],
    pub changes: usize,
    /// What the run says when all is there.
    pub told: &'static [&'static str],
}

impl Story {
    /// The most machines that it may have.
    pub fn machines(&self) -> usize {
        self.there.iter().find(|(kind, _)| *kind == "instance").map_or(0, |(_, count)| *count)
    }

    /// Its playbook; `changed`: as it is on the other day.
    pub fn playbook(&self, image: &str, kind: &str, changed: bool) -> String {
        let mut tasks = self.tasks.replace("NETWORK\n", NETWORK);
        for (from, to) in self.change.iter().filter(|_| changed) {
            assert!(tasks.contains(from), "{}: no `{from}`", self.name);
            tasks = tasks.replace(from, to);
        }
        let tasks: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
        let tasks = tasks.replace("IMAGE", image).replace("TYPE", kind);
        format!("{HEAD}{tasks}")
    }
}

const HEAD: &str = "\
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {fitout_expires: 2h}
  tasks:
";

/// Two tasks that make something.
const NETWORK: &str = "\
- ec2_vpc_net: {name: '{{ fitout_stack }}', cidr_block: 10.211.0.0/16}
  register: network
- ec2_vpc_subnet: {vpc_id: '{{ network.vpc.id }}', cidr: 10.211.1.0/24, tags: {Name: '{{ fitout_stack }}'}}
  register: subnet
";

pub const STORIES: [Story; 6] = [
    Story {
        name: "network",
        tasks: "\
NETWORK
- ec2_vpc_igw: {vpc_id: '{{ network.vpc.id }}'}
  register: gateway
- ec2_vpc_route_table:
    vpc_id: '{{ network.vpc.id }}'
    subnets: ['{{ subnet.subnet.id }}']
    routes: [{dest: 0.0.0.0/0, gateway_id: '{{ gateway.gateway_id }}'}]
    tags: {Name: '{{ fitout_stack }}'}
- ec2_security_group:
    name: '{{ fitout_stack }}'
    description: a test of fitout
    vpc_id: '{{ network.vpc.id }}'
    rules: [{proto: tcp, ports: [22], cidr_ip: 10.211.0.0/16}]
  register: group
- ec2_instance:
    name: '{{ fitout_stack }}'
    image: IMAGE
    instance_type: TYPE
    vpc_subnet_id: '{{ subnet.subnet.id }}'
    security_groups: ['{{ group.group_id }}']
    wait: true
  register: node
- ssm_parameter: {name: '/{{ fitout_stack }}/node', value: '{{ node.instance_ids[0] }}'}
- ec2_vpc_net_info: {vpc_ids: ['{{ network.vpc.id }}']}
  register: nets
- ec2_vpc_subnet_info: {filters: {vpc-id: '{{ network.vpc.id }}'}}
  register: subnets
- ec2_vpc_igw_info: {internet_gateway_ids: ['{{ gateway.gateway_id }}']}
  register: gateways
- ec2_vpc_route_table_info: {filters: {vpc-id: '{{ network.vpc.id }}'}}
  register: tables
- ec2_security_group_info: {filters: {group-id: '{{ group.group_id }}'}}
  register: guards
- debug:
    msg: \"there: {{ nets.vpcs | length }} {{ subnets.subnets | length }} {{ gateways.internet_gateways | length }}
      {{ tables.route_tables | length }} {{ guards.security_groups | length }}\"
",
        makes: 7,
        there: &[
            ("VPC", 1),
            ("subnet", 1),
            ("internet gateway", 1),
            ("route table", 1),
            ("security group", 1),
            ("instance", 1),
            ("parameter", 1),
        ],
        change: &[("ports: [22]", "ports: [2222]")],
        changes: 1,
        // A VPC has a main table of its own.
        told: &["there: 1 1 1 2 1"],
    },
    Story {
        name: "machines",
        tasks: "\
NETWORK
- ec2_key:
    name: '{{ fitout_stack }}'
    key_material: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh nobody
- ec2_instance:
    name: '{{ fitout_stack }}'
    image: IMAGE
    instance_type: TYPE
    vpc_subnet_id: '{{ subnet.subnet.id }}'
    key_name: '{{ fitout_stack }}'
    exact_count: 2
    state: running
    user_data: '#!/bin/sh'
    detailed_monitoring: false
    termination_protection: false
    tags: {turn: one}
  register: nodes
- ec2_key_info: {names: ['{{ fitout_stack }}']}
  register: keys
- ec2_instance_info: {instance_ids: '{{ nodes.instance_ids }}'}
  register: machines
- debug: {msg: \"there: {{ keys.keypairs | length }} {{ machines.instances | map(attribute='state.name') | unique | join }}\"}
",
        makes: 4,
        there: &[("VPC", 1), ("subnet", 1), ("key pair", 1), ("instance", 2)],
        change: &[("state: running", "state: stopped"), ("turn: one", "turn: two"), ("count: 2", "count: 1")],
        changes: 1,
        told: &["there: 1 running"],
    },
    Story {
        name: "addresses",
        tasks: "\
NETWORK
- ec2_vpc_igw: {vpc_id: '{{ network.vpc.id }}'}
- ec2_eip: {tags: {Name: '{{ fitout_stack }}'}}
  register: address
- ec2_vpc_nat_gateway:
    subnet_id: '{{ subnet.subnet.id }}'
    allocation_id: '{{ address.allocation_id }}'
    wait: true
    tags: {turn: one}
  register: way
- ec2_vpc_route_table:
    vpc_id: '{{ network.vpc.id }}'
    subnets: ['{{ subnet.subnet.id }}']
    routes: [{dest: 0.0.0.0/0, nat_gateway_id: '{{ way.nat_gateway_id }}'}]
    tags: {Name: '{{ fitout_stack }}'}
- ec2_vpc_nat_gateway_info: {nat_gateway_ids: ['{{ way.nat_gateway_id }}']}
  register: ways
- ec2_eip_info: {filters: {allocation-id: '{{ address.allocation_id }}'}}
  register: addresses
- debug: {msg: \"there: {{ ways.result | map(attribute='state') | join }} {{ addresses.addresses | length }}\"}
",
        makes: 6,
        there: &[
            ("VPC", 1),
            ("subnet", 1),
            ("internet gateway", 1),
            ("elastic IP", 1),
            ("NAT gateway", 1),
            ("route table", 1),
        ],
        change: &[("turn: one", "turn: two"), ("dest: 0.0.0.0/0", "dest: 198.51.100.0/24")],
        changes: 2,
        told: &["there: available 1"],
    },
    Story {
        name: "images",
        tasks: "\
NETWORK
- ec2_instance:
    name: '{{ fitout_stack }}'
    image: IMAGE
    instance_type: TYPE
    vpc_subnet_id: '{{ subnet.subnet.id }}'
    wait: true
  register: node
- ec2_snapshot:
    volume_id: '{{ node.instances[0].block_device_mappings[0].ebs.volume_id }}'
    description: '{{ fitout_stack }}'
    last_snapshot_min_age: 120
  register: disk
- ec2_ami:
    instance_id: '{{ node.instance_ids[0] }}'
    name: '{{ fitout_stack }}'
    wait: true
    tags: {turn: one}
  register: image
- ec2_ami_copy:
    source_region: '{{ subnet.subnet.availability_zone[:-1] }}'
    source_image_id: '{{ image.image_id }}'
    name: '{{ fitout_stack }} again'
    wait: true
  register: copy
- ec2_ami_info: {image_ids: ['{{ image.image_id }}', '{{ copy.image_id }}']}
  register: images
- ec2_snapshot_info: {snapshot_ids: ['{{ disk.snapshot_id }}']}
  register: disks
- debug: {msg: \"there: {{ images.images | map(attribute='state') | unique | join }} {{ disks.snapshots | length }}\"}
",
        makes: 6,
        there: &[("VPC", 1), ("subnet", 1), ("instance", 1), ("image", 2), ("snapshot", 3)],
        change: &[("turn: one", "turn: two")],
        changes: 1,
        told: &["there: available 1"],
    },
    Story {
        name: "scaling",
        tasks: "\
NETWORK
- ec2_ami_info: {owners: ['136693071363'], filters: {name: 'debian-12-amd64-*'}}
  register: images
- ec2_launch_template:
    name: '{{ fitout_stack }}'
    image_id: \"{{ (images.images | sort(attribute='creation_date') | last).image_id }}\"
    instance_type: TYPE
- autoscaling_group:
    name: '{{ fitout_stack }}'
    launch_template: {launch_template_name: '{{ fitout_stack }}'}
    vpc_zone_identifier: ['{{ subnet.subnet.id }}']
    min_size: 0
    max_size: 1
    desired_capacity: 1
    wait_for_instances: true
    lifecycle_hooks: [{name: going, transition: terminating, heartbeat_timeout: 30, default_result: CONTINUE}]
    tags: [{turn: one, propagate_at_launch: true}]
- ec2_launch_template_info: {filters: {launch-template-name: '{{ fitout_stack }}'}}
  register: templates
- autoscaling_group_info: {name: '{{ fitout_stack }}'}
  register: scaling
- debug: {msg: \"there: {{ templates.launch_templates | length }} {{ scaling.results | length }}\"}
",
        makes: 4,
        there: &[("VPC", 1), ("subnet", 1), ("launch template", 1), ("Auto Scaling group", 1), ("instance", 1)],
        change: &[("max_size: 1", "max_size: 2"), ("turn: one", "turn: two"), ("heartbeat_timeout: 30", "heartbeat_timeout: 40")],
        changes: 1,
        told: &["there: 1 1"],
    },
    Story {
        name: "names",
        tasks: "\
- aws_caller_info: {}
  register: me
- iam_role:
    name: '{{ fitout_stack }}'
    description: turn one
    create_instance_profile: false
    assume_role_policy_document:
      Version: '2012-10-17'
      Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}]
- iam_instance_profile: {name: '{{ fitout_stack }}', role: '{{ fitout_stack }}'}
- ssm_parameter: {name: '/{{ fitout_stack }}/turn', value: turn one}
- iam_role_info: {name: '{{ fitout_stack }}'}
  register: roles
- iam_instance_profile_info: {name: '{{ fitout_stack }}'}
  register: profiles
- ssm_parameter_info: {path: '/{{ fitout_stack }}'}
  register: parameters
- debug:
    msg: \"there: {{ me.account | length }} {{ roles.iam_roles | length }} {{ profiles.iam_instance_profiles | length }}
      {{ parameters.parameters | length }}\"
",
        makes: 3,
        there: &[("role", 1), ("instance profile", 1), ("parameter", 1)],
        change: &[("turn one", "turn two")],
        changes: 2,
        told: &["there: 12 1 1 1"],
    },
];
