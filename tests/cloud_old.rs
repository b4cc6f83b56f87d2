//! Playbooks in the names and arguments of Ansible 2.0 run as they are: a deploy, and a destroy written by hand.

#![allow(clippy::unwrap_used)]

mod support;

use support::cloud::{DEBIAN, World};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh me@here";

/// In the names and arguments of Ansible 2.0.
const OLD_DEPLOY: &str = "\
- hosts: localhost
  connection: local
  gather_facts: False
  vars: {region: us-east-1}
  tasks:
    - name: network
      ec2_vpc_net: name=old cidr_block=10.30.0.0/16 region={{ region }} state=present
      register: vpc
    - ec2_vpc_subnet:
        vpc_id: '{{ vpc.vpc.id }}'
        cidr: 10.30.1.0/24
        az: us-east-1a
        region: '{{ region }}'
        resource_tags: {Name: old}
        state: present
      register: subnet
    - ec2_vpc_igw: vpc_id={{ vpc.vpc.id }} region={{ region }} state=present
      register: igw
    - ec2_vpc_route_table:
        vpc_id: '{{ vpc.vpc.id }}'
        region: '{{ region }}'
        tags: {Name: old}
        subnets: ['{{ subnet.subnet.id }}']
        routes: [{dest: 0.0.0.0/0, gateway_id: '{{ igw.gateway_id }}'}]
    - ec2_group:
        name: old
        description: old
        vpc_id: '{{ vpc.vpc.id }}'
        region: '{{ region }}'
        rules: [{proto: tcp, from_port: 22, to_port: 22, cidr_ip: 0.0.0.0/0}]
      register: group
    - ec2_key: {name: old, key_material: 'KEY', region: '{{ region }}'}
    - ec2:
        key_name: old
        group_id: '{{ group.group_id }}'
        type: t3.micro
        image: DEBIAN
        wait: yes
        wait_timeout: 60
        vpc_subnet_id: '{{ subnet.subnet.id }}'
        assign_public_ip: yes
        monitoring: no
        source_dest_check: yes
        instance_tags: {Name: old, role: node}
        exact_count: 2
        count_tag: {role: node}
        region: '{{ region }}'
      register: nodes
    - debug: msg='made {{ nodes.tagged_instances | length }}'
";

const OLD_DESTROY: &str = "\
- hosts: localhost
  connection: local
  gather_facts: False
  vars: {region: us-east-1}
  tasks:
    - ec2_remote_facts: {region: '{{ region }}', filters: {'tag:role': node, instance-state-name: running}}
      register: found
    - ec2: {state: absent, wait: yes, region: '{{ region }}', instance_ids: \"{{ found.instances | map(attribute='id') | list }}\"}
      when: found.instances | length > 0
    - ec2_vpc_net_facts: {region: '{{ region }}', filters: {'tag:Name': old}}
      register: vpcs
    - set_fact: {vpc: '{{ vpcs.vpcs[0].id }}'}
    - ec2_vpc_igw: {vpc_id: '{{ vpc }}', region: '{{ region }}', state: absent}
    - ec2_vpc_subnet: {vpc_id: '{{ vpc }}', cidr: 10.30.1.0/24, region: '{{ region }}', state: absent}
    - ec2_vpc_route_table_facts: {region: '{{ region }}', filters: {vpc-id: '{{ vpc }}', 'tag:Name': old}}
      register: tables
    - ec2_vpc_route_table: {lookup: id, route_table_id: '{{ item.id }}', vpc_id: '{{ vpc }}', region: '{{ region }}', state: absent}
      with_items: '{{ tables.route_tables }}'
    - ec2_group: {name: old, vpc_id: '{{ vpc }}', region: '{{ region }}', state: absent}
    - ec2_key: {name: old, region: '{{ region }}', state: absent}
    - ec2_vpc_net: {name: old, cidr_block: 10.30.0.0/16, region: '{{ region }}', state: absent}
";

#[test]
fn old_playbooks_run_as_they_are() {
    let world = World::new(&OLD_DEPLOY.replace("DEBIAN", DEBIAN).replace("KEY", KEY));
    world.apply().is(0, &["made 2"]);
    assert_eq!(world.count("instance"), 2);
    world.proxy.forget();
    world.apply().is(0, &["made 2"]);
    assert_eq!(world.writes(), [""; 0]);
    world.place.write("destroy.yml", OLD_DESTROY);
    world.run(&["playbook", "destroy.yml"]).is(0, &[]);
    let left = world.inventory();
    assert!(left.is_empty(), "{left:#?}");
}
