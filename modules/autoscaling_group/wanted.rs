//! What the task wants of the group, in the service's words, and what differs from it.

use super::{Changes, Steps, shown, tags};
use crate::base::{List, Map, Value};
use crate::cloud::Tags;
use crate::cloud::autoscaling::types::*;
use crate::cloud::identity::{HANDED_ON, KEEP, difference, is_ours, reserved};
use crate::cloud::kinds::LaunchTemplate as TemplateKind;
use crate::modules::cloud::{Attributes, Cx, TagChange, Verdict};
use crate::modules::{ArgsExt, Failure};
use crate::record;
use crate::spec::to_text;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Wanted {
    /// The template with a version; what the task leaves open is looked up.
    pub template: Option<LaunchTemplateSpecification>,
    pub policy: Option<MixedInstancesPolicy>,
    /// The version of the template that new instances get now.
    pub number: Option<String>,
    pub tags: Tags,
    /// Whether a tag is handed to instances.
    pub propagate: BTreeMap<String, bool>,
    pub hooks: Option<Vec<LifecycleHookSpecification>>,
}

pub async fn wanted(cx: &Cx<'_>) -> Result<Wanted, Failure> {
    let (template, number) = template(cx).await?.unzip();
    let (tags, propagate) = wanted_tags(cx);
    let hooks = super::hooks::wanted(cx);
    Ok(Wanted { policy: policy(cx, template.as_ref()), template, number, tags, propagate, hooks })
}

/// Templates are named by id or name, and a version that is left open is the latest one's number; with it the number of the
/// version that is meant.
async fn template(cx: &Cx<'_>) -> Result<Option<(LaunchTemplateSpecification, String)>, Failure> {
    let Some(given) = cx.args.map("launch_template") else { return Ok(None) };
    let unknown = |name: &str| given.get(name).is_some_and(|v| matches!(v, Value::Unknown(_)));
    if unknown("launch_template_id") || unknown("launch_template_name") {
        return Ok(None);
    }
    let (id, name) = (given.opt_str("launch_template_id"), given.opt_str("launch_template_name"));
    let account = &cx.account;
    let all = account.launch_templates.all(&*account.ec2).await?;
    let found = all.iter().find(|t| match id {
        Some(id) => t.launch_template_id() == Some(id),
        None => t.launch_template_name() == name,
    });
    let Some(found) = found else {
        // In a plan the template may be one that an earlier task would make.
        return match cx.check {
            true => Ok(None),
            false => Err(Failure::new(format!(
                "there is no launch template {} in {}",
                id.or(name).unwrap_or_default(),
                account.region
            ))),
        };
    };
    let version = match given.get("version").filter(|v| !v.is_null()).map(to_text) {
        Some(version) if !version.eq_ignore_ascii_case("latest") => version,
        _ => found.latest_version_number().unwrap_or(1).to_string(),
    };
    let number = match version.as_str() {
        "$Latest" => found.latest_version_number().unwrap_or(1).to_string(),
        "$Default" => found.default_version_number().unwrap_or(1).to_string(),
        number => number.to_string(),
    };
    let id = <TemplateKind as crate::cloud::Kind>::id(found);
    let template = LaunchTemplateSpecification::builder().launch_template_id(id).version(version).build();
    Ok(Some((template, number)))
}

fn policy(cx: &Cx<'_>, template: Option<&LaunchTemplateSpecification>) -> Option<MixedInstancesPolicy> {
    let given = cx.args.map("mixed_instances_policy")?;
    let types = given.list("instance_types").into_iter();
    let overrides: Vec<_> =
        types.map(|t| LaunchTemplateOverrides::builder().instance_type(t).build()).collect();
    let template = LaunchTemplate::builder()
        .set_launch_template_specification(template.cloned())
        .set_overrides(Some(overrides))
        .build();
    let int = |map: &Map, name: &str| map.opt_int(name).and_then(|n| i32::try_from(n).ok());
    let text = |map: &Map, name: &str| map.opt_str(name).map(str::to_string);
    let distribution = given.map("instances_distribution").map(|d| {
        InstancesDistribution::builder()
            .set_on_demand_allocation_strategy(text(d, "on_demand_allocation_strategy"))
            .set_on_demand_base_capacity(int(d, "on_demand_base_capacity"))
            .set_on_demand_percentage_above_base_capacity(int(d, "on_demand_percentage_above_base_capacity"))
            .set_spot_allocation_strategy(text(d, "spot_allocation_strategy"))
            .set_spot_instance_pools(int(d, "spot_instance_pools"))
            .set_spot_max_price(text(d, "spot_max_price"))
            .build()
    });
    Some(
        MixedInstancesPolicy::builder()
            .launch_template(template)
            .set_instances_distribution(distribution)
            .build(),
    )
}

/// Ansible gives each tag as a mapping of its own, with the word whether instances get it.
fn wanted_tags(cx: &Cx<'_>) -> (Tags, BTreeMap<String, bool>) {
    let (mut tags, mut propagate) = (Tags::new(), BTreeMap::new());
    for one in cx.args.items("tags").iter().filter_map(Value::as_map) {
        let hands_on = one.opt_bool("propagate_at_launch").unwrap_or(true);
        for (key, value) in crate::modules::cloud::tags_of(one) {
            if key != "propagate_at_launch" {
                propagate.insert(key.clone(), hands_on);
                tags.insert(key, value);
            }
        }
    }
    (tags, propagate)
}

impl Wanted {
    /// Whether instances get this tag: the user's as the user says, the stack's so that none is left behind.
    pub fn hands_on(&self, key: &str) -> bool {
        match reserved(key) {
            true => HANDED_ON.contains(&key),
            false => self.propagate.get(key).copied().unwrap_or(true),
        }
    }

    pub fn creation(&self, cx: &Cx<'_>, what: &str) -> Verdict<Steps> {
        let mut attributes = Attributes::default();
        for name in [
            "min_size",
            "max_size",
            "desired_capacity",
            "launch_template",
            "vpc_zone_identifier",
            "availability_zones",
        ] {
            attributes.wanted(name, cx.args.get(name).cloned().unwrap_or_default());
        }
        for (key, value) in &self.tags {
            attributes.element(&format!("tags.{key}"), None, Some(value));
        }
        for hook in self.hooks.iter().flatten() {
            attributes.element("lifecycle_hooks", None, hook.lifecycle_hook_name());
        }
        let mut predicted = Map::new();
        for name in ["min_size", "max_size", "desired_capacity"] {
            predicted.insert(name.into(), cx.args.get(name).cloned().unwrap_or_default());
        }
        predicted.insert("auto_scaling_group_name".into(), cx.args.str("name").into());
        for name in [
            "auto_scaling_group_arn",
            "instances",
            "instance_facts",
            "launch_template",
            "vpc_zone_identifier",
        ] {
            predicted.insert(name.into(), cx.unknown());
        }
        let like = super::shown::shown(&AutoScalingGroup::builder().build());
        Verdict::new(attributes.create(what), Steps::Create, cx.open(predicted, like))
    }

    /// What of the group differs.
    pub fn compare(&self, cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> Changes {
        let mut changes = Changes { update: self.sizes(cx, group, attributes), ..Changes::default() };
        changes.update |= self.template_differs(cx, group, attributes);
        changes.update |= texts(cx, group, attributes);
        if let Some(wanted) = cx.args.has("target_group_arns").then(|| cx.args.list("target_group_arns")) {
            (changes.attach, changes.detach) = sets(group.target_group_arns(), &wanted);
            rows(attributes, "target_group_arns", &changes.attach, &changes.detach);
        }
        if cx.args.has("suspend_processes") {
            let is: Vec<String> =
                group.suspended_processes().iter().filter_map(|p| p.process_name.clone()).collect();
            (changes.suspend, changes.resume) = sets(&is, &cx.args.list("suspend_processes"));
            rows(attributes, "suspend_processes", &changes.suspend, &changes.resume);
        }
        let collects = !group.enabled_metrics().is_empty();
        let wanted = cx.args.bool("metrics_collection");
        if attributes.compare("metrics_collection", collects, wanted) {
            changes.metrics = Some(wanted);
        }
        changes.tags = self.tag_changes(cx, group, attributes);
        changes.refresh = cx.args.bool("replace_all_instances") && self.outdated(cx, group, attributes);
        changes
    }

    fn sizes(&self, cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> bool {
        let mut differs = false;
        let numbers = [
            ("min_size", group.min_size()),
            ("max_size", group.max_size()),
            ("desired_capacity", group.desired_capacity()),
            ("health_check_period", group.health_check_grace_period()),
            ("default_cooldown", group.default_cooldown()),
            ("max_instance_lifetime", group.max_instance_lifetime().or(Some(0))),
        ];
        for (name, is) in numbers {
            if let Some(wanted) = cx.args.get(name).filter(|v| !v.is_null()) {
                differs |= attributes.compare(name, is, wanted.clone());
            }
        }
        let protects = group.new_instances_protected_from_scale_in().unwrap_or(false);
        for (name, is) in [
            ("protected_from_scale_in", protects),
            ("capacity_rebalance", group.capacity_rebalance().unwrap_or(false)),
        ] {
            if let Some(wanted) = cx.args.opt_bool(name) {
                differs |= attributes.compare(name, is, wanted);
            }
        }
        differs
    }

    fn template_differs(&self, cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> bool {
        let mut differs = false;
        let policy = group.mixed_instances_policy();
        let of_policy =
            policy.and_then(|p| p.launch_template()).and_then(|t| t.launch_template_specification());
        if let Some(wanted) = &self.template {
            let is = group.launch_template().or(of_policy);
            let words = |t: &LaunchTemplateSpecification| {
                record! { "launch_template_id" => t.launch_template_id(), "version" => t.version() }
            };
            differs |= attributes.compare("launch_template", is.map(words), words(wanted));
        } else if cx.is_unknown("launch_template") {
            let given = cx.args.get("launch_template").cloned().unwrap_or_default();
            differs |= attributes.compare("launch_template", Value::Null, given);
        }
        if let Some(wanted) = cx.text("launch_config_name") {
            differs |= attributes.compare("launch_config_name", group.launch_configuration_name(), wanted);
        }
        if let Some(wanted) = &self.policy {
            let wanted = shown::policy(wanted);
            let is = policy.map(|p| given_only(shown::policy(p), &wanted));
            differs |= attributes.compare("mixed_instances_policy", is, wanted);
        }
        differs
    }

    fn tag_changes(&self, cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> TagChange {
        let is = tags(group);
        let purge = cx.args.has("tags") && cx.args.bool("purge_tags");
        let (mut set, mut remove) = difference(&is, &self.tags, purge);
        remove.retain(|key| !(key == "Name" && is.get(key) == Some(&cx.identity.name())));
        let handed: BTreeMap<&str, bool> = group
            .tags()
            .iter()
            .map(|t| (t.key().unwrap_or_default(), t.propagate_at_launch().unwrap_or(false)))
            .collect();
        for (key, value) in &self.tags {
            if handed.get(key.as_str()).is_some_and(|is| *is != self.hands_on(key)) {
                set.insert(key.clone(), value.clone());
            }
        }
        if !is_ours(&is) && cx.args.bool("adopt") {
            set.extend(cx.identity.tags());
        } else if is_ours(&is) && cx.identity.keep && !is.contains_key(KEEP) {
            set.insert(KEEP.into(), "true".into());
        } else if is_ours(&is) && !cx.identity.keep && is.contains_key(KEEP) {
            remove.push(KEEP.into());
        }
        for key in set.keys().chain(&remove) {
            let name = format!("tags.{key}");
            attributes.element(&name, is.get(key).map(String::as_str), set.get(key).map(String::as_str));
        }
        TagChange { set, remove }
    }

    /// Whether the instance was launched from what the task names.
    pub fn is_current(&self, cx: &Cx<'_>, instance: &Instance) -> bool {
        let Some(wanted) = &self.template else {
            return instance.launch_configuration_name() == cx.text("launch_config_name");
        };
        instance.launch_template().is_some_and(|t| {
            t.launch_template_id() == wanted.launch_template_id() && t.version() == self.number.as_deref()
        })
    }

    /// Instances of another template or version than the group's.
    fn outdated(&self, cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> bool {
        if self.template.is_none() {
            return false;
        }
        let old = group.instances().iter().filter(|i| !self.is_current(cx, i)).count();
        let all = !cx.args.bool("lt_check") && !attributes.is_empty();
        if old == 0 && !all {
            return false;
        }
        let old = if all { group.instances().len() } else { old };
        attributes.compare("outdated_instances", old, 0)
    }
}

/// Without what the service filled in of its own accord.
fn given_only(mut is: Map, wanted: &Map) -> Map {
    is.retain(|key, _| wanted.contains_key(key));
    if let (Some(distribution), Some(wanted)) =
        (is.map("instances_distribution").cloned(), wanted.map("instances_distribution"))
    {
        let kept: Map = distribution.into_iter().filter(|(key, _)| wanted.contains_key(key)).collect();
        is.insert("instances_distribution".into(), kept.into());
    }
    is
}

fn texts(cx: &Cx<'_>, group: &AutoScalingGroup, attributes: &mut Attributes) -> bool {
    let mut differs =
        attributes.compare("health_check_type", group.health_check_type(), cx.args.str("health_check_type"));
    if let Some(wanted) = cx.text("placement_group") {
        differs |= attributes.compare("placement_group", group.placement_group(), wanted);
    }
    let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',').filter(|s| !s.is_empty());
    let subnets: Vec<String> = subnets.map(str::to_string).collect();
    let lists: [(&str, &[String]); 3] = [
        ("vpc_zone_identifier", &subnets),
        ("availability_zones", group.availability_zones()),
        ("termination_policies", group.termination_policies()),
    ];
    for (name, is) in lists {
        let zones = name == "availability_zones" && cx.args.has("vpc_zone_identifier");
        if !cx.args.has(name) || zones {
            continue;
        }
        let sorted = |mut items: Vec<String>| -> List {
            if name != "termination_policies" {
                items.sort();
            }
            items.into_iter().map(Value::from).collect()
        };
        let wanted = match cx.is_unknown(name) {
            true => cx.args.get(name).cloned().unwrap_or_default(),
            false => sorted(cx.args.list(name).into_iter().map(str::to_string).collect()).into(),
        };
        differs |= attributes.compare(name, sorted(is.to_vec()), wanted);
    }
    differs
}

/// What is to be added and what to be taken away.
fn sets(is: &[String], wanted: &[&str]) -> (Vec<String>, Vec<String>) {
    let add = wanted.iter().filter(|w| !is.iter().any(|i| i == *w)).map(ToString::to_string).collect();
    (add, is.iter().filter(|i| !wanted.contains(&i.as_str())).cloned().collect())
}

fn rows(attributes: &mut Attributes, name: &str, add: &[String], take: &[String]) {
    add.iter().for_each(|one| attributes.element(name, None, Some(one)));
    take.iter().for_each(|one| attributes.element(name, Some(one), None));
}
