//! Networks, their routes, groups, keys and addresses; roles and parameters.

use crate::support::cloud::{DEBIAN, World};
use crate::support::cloud_plays::{bare, converges, good, play, sends};
use crate::support::cloud_proxy::Call;
use std::collections::BTreeSet;

#[test]
fn a_network_has_all_that_can_be_said_of_it() {
    let world = World::default();
    let dhcp = [("DhcpConfiguration.1.Key", "domain-name"), ("DhcpConfiguration.1.Value.1", "example.com")];
    let dhcp = world.make("ec2", "CreateDhcpOptions", &dhcp, "dhcpOptionsId");
    let network = |ranges: &str, dns: bool, tags: &str, six: bool| {
        bare(&format!(
            "\
- ec2_vpc_net: {{name: t, cidr_block: {ranges}, purge_cidrs: true, ipv6_cidr: true, tenancy: dedicated, dns_support: {dns}, dns_hostnames: {dns}, dhcp_opts_id: {dhcp}, multi_ok: true, tags: {tags}}}
  register: net
- set_fact: {{six: \"{{{{ net.vpc.ipv6_cidr_block_association_set[0].ipv6_cidr_block | replace('/56', '/64') }}}}\"}}
- ec2_vpc_subnet: {{vpc_id: '{{{{ net.vpc.id }}}}', cidr: 10.20.1.0/24, ipv6_cidr: '{{{{ six }}}}', assign_instances_ipv6: {six}, purge_tags: false, tags: {tags}}}
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}', tags: {tags}}}
"
        ))
    };
    let made: &[(&str, &[&str])] = &[
        ("CreateVpc", &["InstanceTenancy=dedicated", "AmazonProvidedIpv6CidrBlock=true"]),
        ("AssociateVpcCidrBlock", &["CidrBlock=10.21.0.0/16"]),
        ("AssociateDhcpOptions", &[&dhcp]),
        ("ModifyVpcAttribute", &["EnableDnsSupport.Value=false"]),
        ("CreateSubnet", &["Ipv6CidrBlock="]),
        ("ModifySubnetAttribute", &["AssignIpv6AddressOnCreation.Value=true"]),
    ];
    sends(&world, &network("[10.20.0.0/16, 10.21.0.0/16]", false, "{a: b}", true), made);
    let changed: &[(&str, &[&str])] = &[
        ("ModifyVpcAttribute", &["EnableDnsSupport.Value=true", "EnableDnsHostnames.Value=true"]),
        ("DisassociateVpcCidrBlock", &["AssociationId="]),
        ("DeleteTags", &["ResourceId.1=vpc-", "ResourceId.1=igw-"]),
        ("ModifySubnetAttribute", &["AssignIpv6AddressOnCreation.Value=false"]),
    ];
    sends(&world, &network("[10.20.0.0/16]", true, "{c: d}", false), changed)
        .is(0, &["cidr_block 10.21.0.0/16 is not wanted", "tags.a b is not wanted"]);
    let kept = world.ours().into_iter().find(|t| t.kind == "subnet").unwrap().tags;
    assert_eq!((kept["a"].as_str(), kept["c"].as_str()), ("b", "d"));
    world.playbook(&bare(&format!(
        "\
- ec2_vpc_net: {{name: t, cidr_block: 10.20.0.0/16, tenancy: dedicated, dhcp_opts_id: {dhcp}}}
  register: net
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}', purge_tags: false}}
  register: way
- ec2_vpc_net: {{name: u, cidr_block: 10.30.0.0/16, purge_tags: false}}
  register: other
- ec2_vpc_igw: {{vpc_id: '{{{{ other.vpc.id }}}}', internet_gateway_id: '{{{{ way.gateway_id }}}}', force_attach: true}}
- ec2_vpc_igw: {{internet_gateway_id: '{{{{ way.gateway_id }}}}', state: absent, detach_vpc: true}}
- ec2_vpc_igw_info: {{internet_gateway_ids: ['{{{{ way.gateway_id }}}}'], convert_tags: true}}
  register: told
- debug: {{msg: '{{{{ told.internet_gateways | length }}}} there, with {{{{ told.internet_gateways[0].attachments | length }}}}'}}
"
    )));
    world.apply().is(0, &["vpc_id is vpc-", "1 there, with 0"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn routes_lead_wherever_they_can() {
    let world = World::default();
    let transit = world.make("ec2", "CreateTransitGateway", &[], "transitGatewayId");
    let private = world.make("ec2", "CreateVpnGateway", &[("Type", "ipsec.1")], "vpnGatewayId");
    let vpc = |range| world.make("ec2", "CreateVpc", &[("CidrBlock", range)], "vpcId");
    let (one, two) = (vpc("10.8.0.0/16"), vpc("10.9.0.0/16"));
    let peers = [("VpcId", one.as_str()), ("PeerVpcId", two.as_str())];
    let peering = world.make("ec2", "CreateVpcPeeringConnection", &peers, "vpcPeeringConnectionId");
    let out = world.make(
        "ec2",
        "CreateEgressOnlyInternetGateway",
        &[("VpcId", &one)],
        "egressOnlyInternetGatewayId",
    );
    let endpoint = [
        ("VpcId", one.as_str()),
        ("ServiceName", "com.amazonaws.us-east-1.s3"),
        ("VpcEndpointType", "GatewayLoadBalancer"),
    ];
    let endpoint = world.make("ec2", "CreateVpcEndpoint", &endpoint, "vpcEndpointId");
    let there = "\
- ec2_vpc_subnet: {vpc_id: '{{ net.vpc.id }}', cidr: 10.20.2.0/24, az: b, tags: {Name: second}}
  register: second
- ec2_vpc_igw: {vpc_id: '{{ net.vpc.id }}'}
- ec2_eip: {tags: {Name: mine}}
  register: mine
- ec2_vpc_nat_gateway: {subnet_id: '{{ second.subnet.id }}', BY, if_exist_do_not_create: true, default_create: true, client_token: x, purge_tags: false, tags: {Name: way}, wait: true}
  register: way
- ec2_vpc_nat_gateway: {subnet_id: '{{ subnet.subnet.id }}', connectivity_type: private, wait: true}
  register: nat
- ec2_instance: {name: router, image_id: IMAGE, vpc_subnet_id: '{{ subnet.subnet.id }}', source_dest_check: false}
  register: router
";
    let there = there.replace("IMAGE", DEBIAN);
    let table = format!(
        "\
- ec2_vpc_route_table:
    vpc_id: '{{{{ net.vpc.id }}}}'
    tags: {{Name: r, a: b}}
    subnets: [10.20.1.0/24]
    routes:
    - {{dest: 0.0.0.0/0, gateway_id: igw}}
    - {{dest: 10.1.0.0/16, nat_gateway_id: '{{{{ nat.nat_gateway_id }}}}'}}
    - {{dest: 10.2.0.0/16, network_interface_id: '{{{{ router.instances[0].network_interfaces[0].network_interface_id }}}}'}}
    - {{dest: 10.3.0.0/16, transit_gateway_id: {transit}}}
    - {{dest: 10.4.0.0/16, instance_id: '{{{{ router.instance_ids[0] }}}}'}}
    - {{dest: 10.5.0.0/16, vpc_peering_connection_id: {peering}}}
    - {{dest: '2001:db8::/48', egress_only_internet_gateway_id: {out}}}
    - {{dest: 10.6.0.0/16, vpc_endpoint_id: {endpoint}}}
    propagating_vgw_ids: [{private}]
"
    );
    let made: &[(&str, &[&str])] = &[
        ("CreateNatGateway", &["AllocationId=eipalloc-", "ConnectivityType=private"]),
        (
            "CreateRoute",
            &[
                "NatGatewayId=nat-",
                "NetworkInterfaceId=eni-",
                "TransitGatewayId=tgw-",
                "InstanceId=i-",
                "VpcPeeringConnectionId=pcx-",
                "EgressOnlyInternetGatewayId=eigw-",
                "VpcEndpointId=vpce-",
            ],
        ),
        ("EnableVgwRoutePropagation", &[&private]),
    ];
    sends(&world, &play(&(there.replace("BY", "eip_address: '{{ mine.public_ip }}'") + &table)), made);
    // By the other name of its address, which is no difference.
    let there = there.replace("BY", "allocation_id: '{{ mine.allocation_id }}'");
    let kept = "\
- ec2_vpc_route_table:
    vpc_id: '{{ net.vpc.id }}'
    tags: {Name: r}
    purge_tags: false
    subnets: [second]
    purge_subnets: false
    purge_routes: false
    routes: [{dest: 10.9.0.0/16, nat_gateway_id: '{{ way.nat_gateway_id }}'}]
    propagating_vgw_ids: []
  register: table
- debug: {msg: '{{ table.route_table.routes | length }} routes of {{ table.route_table.associations | length }}'}
";
    let seen = sends(&world, &play(&[&there, kept].concat()), &[("DisableVgwRoutePropagation", &[&private])]);
    seen.is(0, &["10 routes of 2", "propagating_vgw "]);
    let none = "\
- ec2_vpc_route_table_info: {filters: {'tag:a': b}}
  register: told
- ec2_vpc_route_table: {lookup: id, route_table_id: '{{ told.route_tables[0].id }}', routes: [], subnets: [], gateway_id: '', tags: {Name: r, a: b}}
  register: table
- debug: {msg: '{{ table.route_table.routes | length }} route'}
- ec2_vpc_route_table_info: {route_table_ids: ['{{ table.route_table.id }}']}
- ec2_vpc_nat_gateway_info: {nat_gateway_ids: ['{{ way.nat_gateway_id }}']}
  register: ways
- ec2_vpc_nat_gateway: {nat_gateway_id: '{{ ways.result[0].nat_gateway_id }}', release_eip: true, state: absent}
";
    world.playbook(&play(&[&there, none].concat()));
    world.apply().is(0, &["1 route", "is not wanted"]);
    assert_eq!(world.count("elastic-ip"), 0);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn groups_keys_and_addresses_have_all_that_can_be_said_of_them() {
    let world = World::default();
    let first = play(
        "\
- ec2_security_group:
    name: t
    description: t
    vpc_id: '{{ net.vpc.id }}'
    rules: [{proto: tcp, ports: [22], cidr_ip: 10.0.0.0/8}]
    rules_egress: [{proto: tcp, ports: [443], cidr_ip: 0.0.0.0/0}, {proto: all, group_name: t, group_desc: t}]
    tags: {a: b}
  register: group
- ec2_key: {name: t, key_type: ed25519, file_name: '{{ playbook_dir }}/t.pem', tags: {a: b}}
- ec2_eip: {public_ipv4_pool: amazon, tags: {Name: t, a: b}}
  register: address
",
    );
    let made: &[(&str, &[&str])] = &[
        ("AllocateAddress", &["PublicIpv4Pool=amazon"]),
        ("CreateKeyPair", &["KeyType=ed25519"]),
        ("AuthorizeSecurityGroupEgress", &["FromPort=443", "IpProtocol=-1"]),
    ];
    sends(&world, &first, made);
    let more = "\
- ec2_security_group:
    name: t
    group_id: '{{ group.group_id }}'
    vpc_id: '{{ net.vpc.id }}'
    rules_egress: [{proto: tcp, ports: [80], cidr_ip: 0.0.0.0/0}]
    purge_rules_egress: false
    tags: {c: d}
    purge_tags: false
  register: kept
- debug: {msg: '{{ kept.ip_permissions_egress | length }} ways out, {{ kept.tags | length }} tags'}
- ec2_security_group_info: {group_ids: ['{{ group.group_id }}']}
- ec2_key: {name: t, key_material: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh me', force: false, tags: {c: d}, purge_tags: false}
- ec2_key_info: {ids: [key-1], include_public_key: true}
- ec2_instance: {name: one, image_id: IMAGE, vpc_subnet_id: '{{ subnet.subnet.id }}'}
  register: one
- ec2_instance: {name: two, image_id: IMAGE, vpc_subnet_id: '{{ subnet.subnet.id }}'}
  register: two
- ec2_vpc_igw: {vpc_id: '{{ net.vpc.id }}'}
- ec2_eip: {public_ip: '{{ address.public_ip }}', device_id: '{{ one.instance_ids[0] }}', in_vpc: true, private_ip_address: '{{ one.instances[0].private_ip_address }}'}
- ec2_eip: {public_ip: '{{ address.public_ip }}', device_id: '{{ two.instance_ids[0] }}', allow_reassociation: true}
- ec2_eip: {public_ip: '{{ address.public_ip }}', device_id: '{{ two.instance_ids[0] }}', state: absent}
- ec2_eip: {device_id: '{{ one.instance_ids[0] }}', reuse_existing_ip_allowed: true, tag_name: a, tag_value: b, tags: {x: y}, purge_tags: false}
  register: again
- ec2_eip_info: {allocation_ids: ['{{ again.allocation_id }}']}
  register: told
- debug: {msg: '{{ told.addresses[0].tags | length }} tags at the address'}
- ec2_eip: {device_id: '{{ one.instance_ids[0] }}', state: absent, release_on_disassociation: true}
";
    let further = bare(&more.replace("IMAGE", DEBIAN));
    world.playbook(&(first + further.split_once("tasks:\n").unwrap().1));
    world.proxy.forget();
    world.apply().is(0, &["3 ways out, 3 tags", "3 tags at the address"]);
    let reassociated = |call: &Call| call.body.contains("AllowReassociation=true");
    assert!(world.calls().iter().any(reassociated));
    assert_eq!((world.count("elastic-ip"), world.times("ImportKeyPair")), (0, 0));
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn roles_and_parameters_have_all_that_can_be_said_of_them() {
    let world = World::default();
    let policy = |name: &str| {
        let document =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:List*","Resource":"*"}]}"#;
        world.make("iam", "CreatePolicy", &[("PolicyName", name), ("PolicyDocument", document)], "Arn")
    };
    let (one, two) = (policy("one"), policy("two"));
    let role = |policies: &str, seconds: u32, boundary: &str, word: &str, tags: &str| {
        bare(&format!(
            "\
- iam_role:
    name: r
    path: /ours/
    description: {word}
    assume_role_policy_document: '{{\"Version\": \"2012-10-17\", \"Statement\": []}}'
    managed_policies: [{policies}]
    max_session_duration: {seconds}
    boundary: {boundary}
    tags: {tags}
- iam_instance_profile: {{name: p, path: /ours/, role: r, tags: {tags}, purge_tags: false}}
- ssm_parameter: {{name: /t/p, value: '{{{{ 1 }}}}', string_type: SecureString, description: {word}, key_id: alias/ours, tier: Advanced, overwrite_value: changed, decryption: true, tags: {tags}}}
"
        ))
    };
    let made: &[(&str, &[&str])] = &[
        (
            "CreateRole",
            &["Path=/ours/", "Description=first", "MaxSessionDuration=7200", "PermissionsBoundary=arn:"],
        ),
        ("CreateInstanceProfile", &["Path=/ours/"]),
        ("PutParameter", &["\"KeyId\":\"alias/ours\"", "\"Tier\":\"Advanced\"", "\"Description\":\"first\""]),
    ];
    sends(&world, &role(&format!("{one}, {two}"), 7200, &one, "first", "{a: b}"), made);
    let changed: &[(&str, &[&str])] = &[
        ("DetachRolePolicy", &[&one]),
        ("UpdateRole", &["MaxSessionDuration=3600", "Description=second"]),
        ("PutRolePermissionsBoundary", &[&two]),
        ("UntagRole", &["TagKeys.member.1=a"]),
        ("PutParameter", &["\"Overwrite\":true", "\"Description\":\"second\""]),
    ];
    sends(&world, &role(&two, 3600, &two, "second", "{c: d}"), changed)
        .is(0, &["description is first, not second"]);
    for thing in world.ours() {
        assert!(thing.tags.contains_key("Name"), "{thing:?}");
    }
    // What the task does not speak of is left, and so is what it is told to leave.
    let left = format!(
        "\
- iam_role: {{name: r, path: /ours/, managed_policies: ['{one}'], purge_policies: false, boundary: '', tags: {{}}, purge_tags: false}}
- ssm_parameter: {{name: /t/p, value: other, string_type: SecureString, overwrite_value: never, purge_tags: false}}
"
    );
    let kept: &[(&str, &[&str])] =
        &[("AttachRolePolicy", &[&one]), ("DeleteRolePermissionsBoundary", &["RoleName=r"])];
    sends(&world, &bare(&left), kept);
    world.playbook(&bare("- iam_role: {name: r, state: absent, delete_instance_profile: true}\n"));
    good(&world.apply());
    let left: BTreeSet<String> = world.ours().into_iter().map(|thing| thing.id).collect();
    assert_eq!(left, ["/t/p", "p"].map(String::from).into());
    converges(
        &world,
        &bare(
            "- ssm_parameter: {name: /t/p, state: absent}\n- iam_instance_profile: {name: p, state: absent}\n",
        ),
    );
}
