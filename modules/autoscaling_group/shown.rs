//! A group as return values.

use crate::base::{List, Map, Value};
use crate::cloud::autoscaling::types::*;
use crate::modules::cloud::Cx;
use crate::modules::cloud::values::{list, word};
use crate::record;

fn plain(group: &AutoScalingGroup) -> Map {
    let count = |test: &dyn Fn(&Instance) -> bool| group.instances().iter().filter(|i| test(i)).count();
    let healthy = |i: &Instance| i.health_status().is_some_and(|h| h.eq_ignore_ascii_case("healthy"));
    let state = |i: &Instance| i.lifecycle_state().map(|s| s.as_str().to_string()).unwrap_or_default();
    let serves = |i: &Instance| state(i) == "InService";
    let facts =
        group.instances().iter().map(|i| (i.instance_id().unwrap_or_default(), Value::from(instance(i))));
    record! {
        "auto_scaling_group_name" => group.auto_scaling_group_name(),
        "auto_scaling_group_arn" => group.auto_scaling_group_arn(),
        "min_size" => group.min_size(),
        "max_size" => group.max_size(),
        "desired_capacity" => group.desired_capacity(),
        "instances" => strings(group.instances().iter().filter_map(|i| i.instance_id())),
        "instance_facts" => facts.collect::<Value>(),
        "healthy_instances" => count(&healthy),
        "unhealthy_instances" => count(&|i| !healthy(i)),
        "in_service_instances" => count(&serves),
        "pending_instances" => count(&|i| state(i).starts_with("Pending")),
        "terminating_instances" => count(&|i| state(i).starts_with("Terminating")),
        "viable_instances" => count(&|i| healthy(i) && serves(i)),
        "launch_template" => group.launch_template().map(template),
        "launch_config_name" => group.launch_configuration_name(),
        "launch_configuration_name" => group.launch_configuration_name(),
        "mixed_instances_policy" => group.mixed_instances_policy().map(policy),
        "availability_zones" => strings(group.availability_zones().iter().map(String::as_str)),
        "vpc_zone_identifier" => group.vpc_zone_identifier(),
        "target_group_arns" => strings(group.target_group_arns().iter().map(String::as_str)),
        "load_balancers" => strings(group.load_balancer_names().iter().map(String::as_str)),
        "load_balancer_names" => strings(group.load_balancer_names().iter().map(String::as_str)),
        "health_check_type" => group.health_check_type(),
        "health_check_period" => group.health_check_grace_period(),
        "health_check_grace_period" => group.health_check_grace_period(),
        // As they were called once.
        "healthcheck_type" => group.health_check_type(),
        "healthcheck_period" => group.health_check_grace_period(),
        "new_instances_protected_from_scale_in" => group.new_instances_protected_from_scale_in(),
        "service_linked_role_arn" => group.service_linked_role_arn(),
        "status" => group.status(),
        "default_cooldown" => group.default_cooldown(),
        "max_instance_lifetime" => group.max_instance_lifetime(),
        "placement_group" => group.placement_group(),
        "termination_policies" => strings(group.termination_policies().iter().map(String::as_str)),
        "tags" => group.tags().iter().map(|t| Value::from(tag(t))).collect::<List>(),
        "created_time" => group.created_time().map(ToString::to_string),
    }
}

/// A group as autoscaling_group_info returns it: its instances are not ids alone.
pub fn in_full(group: &AutoScalingGroup) -> Map {
    let mut map = shown(group);
    let instances = map.get("instance_details").cloned().unwrap_or_default();
    map.insert("instances".into(), instances);
    map
}

/// A group as autoscaling_group returns it, with what of it is told in lists.
pub fn shown(group: &AutoScalingGroup) -> Map {
    let mut map = plain(group);
    let instances = group.instances().iter().map(|i| Value::from(instance(i))).collect::<List>();
    let metrics = list(group.enabled_metrics(), |m| {
        record! {
            "metric" => m.metric(), "granularity" => m.granularity(),
        }
    });
    map.extend(record! {
        "instance_details" => instances,
        "instance_ids" => strings(group.instances().iter().filter_map(|i| i.instance_id())),
        "enabled_metrics" => metrics.clone(),
        "metrics_collection" => metrics,
        "suspended_processes" => list(group.suspended_processes(), |p| record! {
            "process_name" => p.process_name(), "suspension_reason" => p.suspension_reason(),
        }),
        "traffic_sources" => list(group.traffic_sources(), |s| record! {
            "identifier" => s.identifier(), "type" => s.r#type(),
        }),
        "availability_zone_distribution" => group.availability_zone_distribution().map(|d| record! {
            "capacity_distribution_strategy" => word(d.capacity_distribution_strategy()),
        }),
        "capacity_reservation_specification" => group.capacity_reservation_specification().map(|c| record! {
            "capacity_reservation_preference" => word(c.capacity_reservation_preference()),
        }),
    });
    map
}

/// As it is now; what a change brings is not known yet.
pub fn predicted(cx: &Cx<'_>, group: &AutoScalingGroup) -> Map {
    let mut map = shown(group);
    let of_instances = ["instances", "instance_ids", "instance_details", "instance_facts"];
    for name in of_instances.into_iter().chain(["launch_template", "mixed_instances_policy"]) {
        map.insert(name.into(), cx.unknown());
    }
    for name in ["min_size", "max_size", "desired_capacity"] {
        if let Some(wanted) = cx.args.get(name).filter(|v| !v.is_null()) {
            map.insert(name.into(), wanted.clone());
        }
    }
    map
}

fn strings<'a>(items: impl Iterator<Item = &'a str>) -> List {
    items.map(Value::from).collect()
}

fn instance(instance: &Instance) -> Map {
    record! {
        "instance_id" => instance.instance_id(),
        "protected_from_scale_in" => instance.protected_from_scale_in(),
        "health_status" => instance.health_status(),
        "lifecycle_state" => instance.lifecycle_state().map(|s| s.as_str().to_string()),
        "launch_template" => instance.launch_template().map(template),
        "launch_config_name" => instance.launch_configuration_name(),
        "availability_zone" => instance.availability_zone(),
        "instance_type" => instance.instance_type(),
    }
}

pub fn template(template: &LaunchTemplateSpecification) -> Map {
    record! {
        "launch_template_id" => template.launch_template_id(),
        "launch_template_name" => template.launch_template_name(),
        "version" => template.version(),
    }
}

/// The types and what of the distribution is set.
pub fn policy(policy: &MixedInstancesPolicy) -> Map {
    let overrides = policy.launch_template().map(LaunchTemplate::overrides).unwrap_or_default();
    let mut map = record! { "instance_types" => strings(overrides.iter().filter_map(|o| o.instance_type())) };
    if let Some(d) = policy.instances_distribution() {
        let mut distribution = record! {
            "on_demand_allocation_strategy" => d.on_demand_allocation_strategy(),
            "on_demand_base_capacity" => d.on_demand_base_capacity(),
            "on_demand_percentage_above_base_capacity" => d.on_demand_percentage_above_base_capacity(),
            "spot_allocation_strategy" => d.spot_allocation_strategy(),
            "spot_instance_pools" => d.spot_instance_pools(),
            "spot_max_price" => d.spot_max_price(),
        };
        distribution.retain(|_, value| !value.is_null());
        map.insert("instances_distribution".into(), distribution.into());
    }
    map
}

fn tag(tag: &TagDescription) -> Map {
    record! {
        "key" => tag.key(),
        "value" => tag.value(),
        "propagate_at_launch" => tag.propagate_at_launch(),
        "resource_id" => tag.resource_id(),
        "resource_type" => tag.resource_type(),
    }
}

/// A refresh as return values.
pub fn refresh(refresh: &InstanceRefresh) -> Map {
    record! {
        "instance_refresh_id" => refresh.instance_refresh_id(),
        "auto_scaling_group_name" => refresh.auto_scaling_group_name(),
        "status" => refresh.status().map(|s| s.as_str().to_string()),
        "status_reason" => refresh.status_reason(),
        "percentage_complete" => refresh.percentage_complete(),
        "instances_to_update" => refresh.instances_to_update(),
        "start_time" => refresh.start_time().map(ToString::to_string),
        "end_time" => refresh.end_time().map(ToString::to_string),
    }
}
