//! What amazon.aws documents that its modules which only tell return, and what playbooks read therefore.

use serde_json::Value as Json;

/// Of each thing: paths of its members, into the first element of lists. Not among them is what is told of some things only
/// (`attributes` of instances, permissions of images and snapshots), what the service does not tell under that name
/// (`to_group`, `state_message`), and what costs calls of its own for each group (`lifecycle_hooks`, `target_group_names`).
const RETURNED: &[(&str, &str)] = &[
    (
        "ec2_vpc_net_info",
        "id vpc_id state tags instance_tenancy is_default cidr_block enable_dns_hostnames \
         enable_dns_support cidr_block_association_set.association_id \
         cidr_block_association_set.cidr_block cidr_block_association_set.cidr_block_state.state \
         ipv6_cidr_block_association_set.association_id \
         ipv6_cidr_block_association_set.ipv6_cidr_block \
         ipv6_cidr_block_association_set.ipv6_cidr_block_state.state owner_id dhcp_options_id",
    ),
    (
        "ec2_vpc_subnet_info",
        "id cidr_block ipv6_cidr_block availability_zone availability_zone_id state tags \
         map_public_ip_on_launch assign_ipv6_address_on_creation vpc_id available_ip_address_count \
         default_for_az enable_dns64 ipv6_association_id ipv6_native \
         ipv6_cidr_block_association_set.association_id \
         ipv6_cidr_block_association_set.ipv6_cidr_block \
         ipv6_cidr_block_association_set.ipv6_cidr_block_state.state map_customer_owned_ip_on_launch \
         owner_id private_dns_name_options_on_launch subnet_arn subnet_id",
    ),
    ("ec2_vpc_igw_info", "attachments.state attachments.vpc_id internet_gateway_id tags"),
    (
        "ec2_vpc_route_table_info",
        "associations.association_state.state associations.gateway_id associations.main \
         associations.route_table_association_id associations.route_table_id associations.subnet_id \
         id owner_id propagating_vgws route_table_id routes.destination_cidr_block routes.gateway_id \
         routes.instance_id routes.instance_owner_id routes.network_interface_id \
         routes.nat_gateway_id routes.transit_gateway_id routes.origin routes.state tags vpc_id",
    ),
    (
        "ec2_vpc_nat_gateway_info",
        "connectivity_type create_time delete_time nat_gateway_addresses.allocation_id \
         nat_gateway_addresses.association_id nat_gateway_addresses.is_primary \
         nat_gateway_addresses.network_interface_id nat_gateway_addresses.private_ip \
         nat_gateway_addresses.public_ip nat_gateway_addresses.status nat_gateway_id state subnet_id \
         vpc_id tags",
    ),
    (
        "ec2_security_group_info",
        "description group_id group_name ip_permissions.from_port ip_permissions.ip_protocol \
         ip_permissions.ip_ranges.cidr_ip ip_permissions.ipv6_ranges.cidr_ipv6 \
         ip_permissions.prefix_list_ids.prefix_list_id ip_permissions.user_id_group_pairs.group_id \
         ip_permissions.user_id_group_pairs.user_id ip_permissions_egress.ip_protocol \
         ip_permissions_egress.ip_ranges.cidr_ip ip_permissions_egress.ipv6_ranges.cidr_ipv6 \
         ip_permissions_egress.prefix_list_ids.prefix_list_id \
         ip_permissions_egress.user_id_group_pairs.group_id \
         ip_permissions_egress.user_id_group_pairs.user_id owner_id tags vpc_id",
    ),
    ("ec2_key_info", "key_pair_id key_fingerprint key_name key_type public_key create_time tags"),
    (
        "ec2_instance_info",
        "ami_launch_index architecture block_device_mappings.device_name \
         block_device_mappings.ebs.attach_time block_device_mappings.ebs.delete_on_termination \
         block_device_mappings.ebs.status block_device_mappings.ebs.volume_id \
         capacity_reservation_specification.capacity_reservation_preference cpu_options.core_count \
         cpu_options.threads_per_core client_token current_instance_boot_mode ebs_optimized \
         ena_support enclave_options.enabled hibernation_options.configured hypervisor \
         iam_instance_profile.arn iam_instance_profile.id image_id instance_id instance_type key_name \
         launch_time maintenance_options.auto_recovery metadata_options.http_endpoint \
         metadata_options.http_protocol_ipv6 metadata_options.http_put_response_hop_limit \
         metadata_options.http_tokens metadata_options.instance_metadata_tags metadata_options.state \
         monitoring.state network_interfaces.association.ip_owner_id \
         network_interfaces.association.public_dns_name network_interfaces.association.public_ip \
         network_interfaces.attachment.attach_time network_interfaces.attachment.attachment_id \
         network_interfaces.attachment.delete_on_termination \
         network_interfaces.attachment.device_index network_interfaces.attachment.network_card_index \
         network_interfaces.attachment.status network_interfaces.description \
         network_interfaces.groups.group_id network_interfaces.groups.group_name \
         network_interfaces.interface_type network_interfaces.ipv6_addresses.ipv6_address \
         network_interfaces.mac_address network_interfaces.network_interface_id \
         network_interfaces.owner_id network_interfaces.private_dns_name \
         network_interfaces.private_ip_address \
         network_interfaces.private_ip_addresses.association.ip_owner_id \
         network_interfaces.private_ip_addresses.association.public_dns_name \
         network_interfaces.private_ip_addresses.association.public_ip \
         network_interfaces.private_ip_addresses.primary \
         network_interfaces.private_ip_addresses.private_dns_name \
         network_interfaces.private_ip_addresses.private_ip_address \
         network_interfaces.source_dest_check network_interfaces.status network_interfaces.subnet_id \
         network_interfaces.vpc_id placement.availability_zone placement.group_name placement.tenancy \
         platform_details private_dns_name private_dns_name_options.enable_resource_name_dns_a_record \
         private_dns_name_options.enable_resource_name_dns_aaaa_record \
         private_dns_name_options.hostname_type private_ip_address product_codes.product_code_id \
         product_codes.product_code_type public_dns_name public_ip_address root_device_name \
         root_device_type security_groups.group_id security_groups.group_name source_dest_check \
         state.code state.name state_transition_reason subnet_id tags virtualization_type vpc_id",
    ),
    (
        "ec2_eip_info",
        "allocation_id association_id domain instance_id network_border_group network_interface_id \
         network_interface_owner_id private_ip_address public_ip tags",
    ),
    (
        "ec2_ami_info",
        "architecture block_device_mappings.device_name block_device_mappings.ebs creation_date \
         description ena_support hypervisor image_id image_location image_type name owner_id \
         platform_details public root_device_name root_device_type sriov_net_support state tags \
         usage_operation virtualization_type",
    ),
    (
        "ec2_snapshot_info",
        "data_encryption_key_id description encrypted kms_key_id owner_id progress snapshot_id \
         start_time state state_message storage_tier tags volume_id volume_size",
    ),
    (
        "ec2_launch_template_info",
        "launch_template_id launch_template_name create_time created_by default_version_number \
         latest_version_number tags versions.launch_template_id versions.launch_template_name \
         versions.create_time versions.created_by versions.default_version versions.version_number \
         versions.version_description versions.launch_template_data",
    ),
    (
        "autoscaling_group_info",
        "auto_scaling_group_arn auto_scaling_group_name availability_zones \
         availability_zone_distribution.capacity_distribution_strategy \
         capacity_reservation_specification.capacity_reservation_preference created_time \
         default_cooldown desired_capacity enabled_metrics.metric enabled_metrics.granularity \
         health_check_grace_period health_check_type instances.availability_zone \
         instances.health_status instances.instance_id instances.instance_type \
         instances.launch_template.launch_template_id instances.launch_template.launch_template_name \
         instances.launch_template.version instances.lifecycle_state \
         instances.protected_from_scale_in instance_details.instance_id \
         instance_details.availability_zone instance_details.lifecycle_state \
         instance_details.health_status instance_ids launch_config_name launch_configuration_name \
         load_balancer_names max_instance_lifetime max_size min_size metrics_collection.metric \
         metrics_collection.granularity new_instances_protected_from_scale_in placement_group \
         service_linked_role_arn suspended_processes.process_name \
         suspended_processes.suspension_reason status tags target_group_arns termination_policies \
         terminating_instances traffic_sources.identifier traffic_sources.type vpc_zone_identifier",
    ),
    (
        "iam_role_info",
        "arn assume_role_policy_document assume_role_policy_document_raw create_date inline_policies \
         managed_policies.policy_arn managed_policies.policy_name instance_profiles.arn \
         instance_profiles.create_date instance_profiles.instance_profile_id \
         instance_profiles.instance_profile_name instance_profiles.path instance_profiles.roles path \
         role_id role_name tags",
    ),
    (
        "iam_instance_profile_info",
        "arn create_date instance_profile_id instance_profile_name path roles tags",
    ),
];

/// The member at the path is there, whatever its value. An empty list, or nothing where a mapping would be, hides its members.
fn is_there(thing: &Json, path: &[&str]) -> bool {
    let [name, rest @ ..] = path else { return true };
    match thing {
        Json::Array(items) => items.first().is_none_or(|first| is_there(first, path)),
        Json::Null => true,
        thing => thing.get(*name).is_some_and(|inner| is_there(inner, rest)),
    }
}

/// What of the documented members a module's list of things lacks; `None`: it is empty, or nothing is documented here.
pub fn lacking(module: &str, things: &str) -> Option<Vec<&'static str>> {
    let (_, paths) = RETURNED.iter().find(|(name, _)| *name == module)?;
    let things: Json = serde_json::from_str(things).unwrap_or_else(|e| panic!("{module}: {e}: {things}"));
    if things.as_array().is_none_or(Vec::is_empty) {
        return None;
    }
    let lacks = |path: &&str| !is_there(&things, &path.split('.').collect::<Vec<_>>());
    Some(paths.split_whitespace().filter(lacks).collect())
}

/// How many modules are looked at.
pub const MODULES: usize = RETURNED.len();
