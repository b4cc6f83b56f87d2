//! ec2_instance: instances, launched, changed, stopped and terminated.

mod compare;
mod console;
mod groups;
mod image;
mod launch;
mod network;
mod old;
mod steps;
mod volumes;

use crate::base::{List, Map, Value};
use crate::cloud::ec2::types;
use crate::cloud::ec2::types::InstanceStateName as State;
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::Instance;
use crate::cloud::{Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Place, Resource, Verdict, find, values};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::plan::{Action, Change};
use std::sync::Arc;
use steps::Steps;

/// The truth is DescribeInstances, by ids, tags or filters. Waiting is bounded by `wait_timeout` seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Instances))
}

struct Instances;

/// What there is, and what names in the task mean.
#[derive(Default)]
pub struct Seen {
    /// By launch time, the oldest first.
    instances: Vec<Arc<types::Instance>>,
    /// Which image it is to be.
    image: image::Choice,
    /// Ids of the groups, or what is not known yet.
    groups: List,
    /// Of each instance, where the task says it.
    protected: Vec<bool>,
    /// Of the region, where the task says what volumes the instances have.
    volumes: Vec<Arc<types::Volume>>,
}

impl Resource for Instances {
    type Seen = Seen;
    type Steps = Steps;
    const PLACED: bool = true;

    fn key(&self, args: &Args) -> String {
        let tag = args.map("tags").and_then(|t| t.get("Name")).map(crate::spec::to_text);
        let name = args.opt_str("name").map(str::to_string).or(tag);
        let name = name.or_else(|| args.value("count_tag").map(crate::spec::to_text));
        name.or_else(|| args.list("instance_ids").first().map(ToString::to_string)).unwrap_or_default()
    }

    fn place(&self, args: &Args) -> Place {
        place(args)
    }

    fn nameless(&self, args: &Args) -> bool {
        let told = ["count", "exact_count", "filters", "instance_ids"].iter().any(|name| args.has(name));
        self.key(args).is_empty() && !told
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let mut seen = Seen { instances: existing(cx).await?, ..Seen::default() };
            seen.instances.sort_by(|a, b| {
                let at = |i: &types::Instance| i.launch_time().map(|t| (t.secs(), t.subsec_nanos()));
                (at(a), Instance::id(a)).cmp(&(at(b), Instance::id(b)))
            });
            if !wants_them(cx) || cx.args.has("instance_ids") {
                return Ok(seen);
            }
            seen.image = image::choose(cx, &seen.instances).await?;
            seen.groups = groups::ids(cx, &seen.instances).await?;
            seen.volumes = volumes::read(cx, &seen.instances).await?;
            if cx.args.has("termination_protection") {
                for instance in &seen.instances {
                    seen.protected.push(compare::protected(cx, instance).await?);
                }
            }
            Ok(seen)
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("instance {}", self.key(cx.args)).trim_end().to_string();
        let verdict = match cx.args.str("state") {
            "absent" | "terminated" => absent(cx, seen, &what)?,
            _ => present(cx, seen, &what)?,
        };
        Ok(Verdict { result: old::told(cx, verdict.result), ..verdict })
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move { Ok(old::told(cx, steps::carry_out(cx, seen, steps).await?)) })
    }

    fn waits(&self, steps: &Steps) -> bool {
        !steps.wait.is_empty()
    }

    fn replaces(&self, steps: &Steps) -> Vec<String> {
        steps.replace.iter().map(|i| Instance::id(i).to_string()).collect()
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        seen.instances.iter().flat_map(|i| cloud::thing::<Instance>(&Some(Arc::clone(i)))).collect()
    }
}

/// What tells instances of one name apart, where they are not named by what they are.
fn place(args: &Args) -> Place {
    if ["count", "filters", "instance_ids"].iter().any(|name| args.has(name)) {
        return Place::default();
    }
    let zone = args.value("availability_zone").cloned();
    let mut place = Place::new(vec![
        ("vpc_subnet_id", network::subnet(args)),
        ("availability_zone", zone),
        ("private_ip", network::address(args)),
    ]);
    let count = args.opt_int("exact_count").and_then(|n| usize::try_from(n).ok());
    place.count = count.unwrap_or(1);
    place
}

/// The same of an instance.
fn place_of(instance: &types::Instance, name: &str) -> Vec<String> {
    let is = match name {
        "vpc_subnet_id" => instance.subnet_id(),
        "availability_zone" => instance.placement().and_then(|p| p.availability_zone()),
        _ => instance.private_ip_address(),
    };
    is.map(str::to_string).into_iter().collect()
}

/// Whether the instances are to be there, running or not.
fn wants_them(cx: &Cx<'_>) -> bool {
    !matches!(cx.args.str("state"), "absent" | "terminated")
}

/// The instances that the task is about.
async fn existing(cx: &Cx<'_>) -> Result<Vec<Arc<types::Instance>>, Failure> {
    let account = &cx.account;
    if cx.args.has("filters") {
        return by_filters(cx).await;
    }
    if cx.args.has("count") {
        return Ok(Vec::new());
    }
    let all = account.instances.all(&*account.ec2).await?;
    let all: Vec<_> = all.into_iter().filter(|i| !leaving(i)).collect();
    if cx.args.has("instance_ids") {
        return by_ids(cx, all).await;
    }
    let all = find::in_place::<Instance>(cx, &all);
    let many = cx.args.has("exact_count");
    let natural = |i: &types::Instance| natural(cx, i);
    if many || !wants_them(cx) {
        let meant = |i: &Arc<types::Instance>| natural(i) || cx.identity.is(&from_sdk(i.tags()));
        let meant: Vec<_> = all.into_iter().filter(meant).collect();
        return find::share::<Instance>(cx, &meant, place_of);
    }
    let tagged = find::own::<Instance>(cx, &all);
    if !tagged.is_empty() && cx.text("name").is_none() {
        return find::share::<Instance>(cx, &tagged, place_of);
    }
    Ok(find::placed::<Instance>(cx, &all, place_of, natural)?.into_iter().collect())
}

/// On its way out: it counts no more, and its name is free.
fn leaving(instance: &types::Instance) -> bool {
    use types::InstanceStateName::{ShuttingDown, Terminated};
    matches!(instance.state().and_then(|s| s.name()), Some(ShuttingDown | Terminated))
}

/// By `count_tag`, or by name, tags and subnet.
fn natural(cx: &Cx<'_>, instance: &types::Instance) -> bool {
    let is = from_sdk(instance.tags());
    if let Some(count) = cx.args.value("count_tag").filter(|v| !v.is_null()) {
        return match count {
            Value::Map(map) => cloud::tags_of(map).iter().all(|(k, v)| is.get(k) == Some(v)),
            Value::List(several) => several.iter().all(|one| match one {
                Value::Map(map) => cloud::tags_of(map).iter().all(|(k, v)| is.get(k) == Some(v)),
                key => is.contains_key(&crate::spec::to_text(key)),
            }),
            key => is.contains_key(&crate::spec::to_text(key)),
        };
    }
    let tags = cx.args.map("tags").map(cloud::tags_of).unwrap_or_default();
    let name = cx.text("name").or(tags.get("Name").map(String::as_str));
    let named = name.is_some_and(|name| is.get("Name").is_some_and(|n| n == name));
    let subnet = network::subnet(cx.args).filter(|s| s.as_str().is_some());
    named && subnet.is_none_or(|s| s.as_str() == instance.subnet_id())
}

/// Those of these ids. What is not known may have been made since by someone else: a group.
async fn by_ids(cx: &Cx<'_>, all: Vec<Arc<types::Instance>>) -> Result<Vec<Arc<types::Instance>>, Failure> {
    let (account, ids) = (&cx.account, cx.args.list("instance_ids"));
    let mut found: Vec<_> = all.into_iter().filter(|i| ids.contains(&Instance::id(i))).collect();
    let is_there = |found: &[Arc<types::Instance>], id: &str| found.iter().any(|i| Instance::id(i) == id);
    let missing: Vec<String> =
        ids.iter().filter(|id| !is_there(&found, id)).map(ToString::to_string).collect();
    if missing.is_empty() || !wants_them(cx) {
        return Ok(found);
    }
    account.instances.refresh(&*account.ec2, &missing).await?;
    for id in missing {
        match account.instances.get(&*account.ec2, &id).await?.filter(|i| !leaving(i)) {
            Some(instance) => found.push(instance),
            None => return Err(Failure::new(format!("there is no instance {id} in {}", account.region))),
        }
    }
    Ok(found)
}

async fn by_filters(cx: &Cx<'_>) -> Result<Vec<Arc<types::Instance>>, Failure> {
    let filters = cloud::filters(cx.args.map("filters"));
    let found = Instance::load(&*cx.account.ec2, filters).await?;
    let found = found.into_iter().filter(|i| !leaving(i));
    Ok(found.map(|i| cx.account.instances.put(i)).collect())
}

fn absent(cx: &Cx<'_>, seen: &Seen, what: &str) -> Result<Verdict<Steps>, Failure> {
    let by_id = cx.args.has("instance_ids");
    if seen.instances.is_empty() {
        return Ok(Verdict::unchanged(result(Vec::new())));
    }
    for instance in &seen.instances {
        match by_id {
            // Whoever names an id means it, whosever it is.
            true => find::may_go::<Instance>(cx, instance)?,
            false => find::may_remove::<Instance>(cx, instance)?,
        }
    }
    let ids: Vec<String> = seen.instances.iter().map(|i| Instance::id(i).to_string()).collect();
    let change = Attributes::delete(&format!("{what} ({})", ids.join(", ")));
    let mut shown = result(seen.instances.iter().map(|i| self::shown(i)).collect());
    steps::tell_ids(&mut shown, Vec::new(), &ids);
    Ok(Verdict::new(change, Steps { terminate: ids, ..Steps::default() }, shown))
}

fn present(cx: &Cx<'_>, seen: &Seen, what: &str) -> Result<Verdict<Steps>, Failure> {
    if cx.is_unknown("instance_ids") {
        // Those that an earlier task would make.
        let names = ["instances", "instance_ids", "tagged_instances"];
        return Ok(Verdict::unchanged(names.iter().map(|name| ((*name).into(), cx.unknown())).collect()));
    }
    let wanted = usize::try_from(cx.args.opt_int("exact_count").or(cx.args.opt_int("count")).unwrap_or(1))
        .map_err(|_| Failure::new("a number of instances cannot be negative"))?;
    let given = cx.args.has("instance_ids") || cx.args.has("filters");
    let fixed = given && !cx.args.has("exact_count");
    if fixed && seen.instances.is_empty() && !cx.args.has("image_id") && !cx.args.has("image") {
        return Ok(Verdict::unchanged(result(Vec::new())));
    }
    let keep = if fixed { seen.instances.len() } else { seen.instances.len().min(wanted) };
    let (kept, extra) = seen.instances.split_at(keep);
    let missing = if fixed && !kept.is_empty() { 0 } else { wanted.saturating_sub(keep) };
    let mut steps = Steps { launch: missing, ..Steps::default() };
    let (mut changes, mut warnings, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    for (at, instance) in kept.iter().enumerate() {
        let mut attributes = Attributes::default();
        let protected = seen.protected.get(at).copied();
        let todo = match cx.args.has("instance_ids") {
            true => compare::state_only(cx, &mut attributes, instance),
            false => compare::compare(cx, &mut attributes, instance, seen, protected, &mut warnings)?,
        };
        let name = format!("{what} ({})", Instance::id(instance));
        let change = attributes.change(&name);
        // An earlier run was ended before it ran.
        let pending = matches!(instance.state().and_then(|s| s.name()), Some(State::Pending));
        if pending && cx.args.bool("wait") && attributes.forces().is_empty() {
            steps.wait.push(Instance::id(instance).to_string());
        }
        match (&change, attributes.forces().is_empty()) {
            (None, _) => shown.push(self::shown(instance)),
            (Some(_), true) => {
                if !cx.args.has("instance_ids") {
                    find::may_touch::<Instance>(cx, instance)?;
                }
                shown.push(self::shown(instance));
                steps.change.push((Arc::clone(instance), todo));
            }
            (Some(_), false) => {
                find::may_remove::<Instance>(cx, instance)?;
                shown.push(launch::predicted(cx, seen));
                steps.replace.push(Arc::clone(instance));
            }
        }
        changes.extend(change);
    }
    if missing > 0 {
        let mut attributes = Attributes::default();
        launch::attributes(cx, seen, &mut attributes)?;
        let name = if missing > 1 { format!("{what}: {missing} are missing") } else { what.to_string() };
        let mut change = attributes.create(&name);
        if cx.args.has("count") {
            change.reason = format!("{what}: `count` launches {missing} more on every run");
        }
        changes.push(change);
        (0..missing).for_each(|_| shown.push(launch::predicted(cx, seen)));
    }
    for instance in extra {
        find::may_remove::<Instance>(cx, instance)?;
        let id = Instance::id(instance);
        let reason = format!("{what} ({id}) is one more than {wanted}");
        changes.push(Change { action: Action::Delete, reason, diffs: Vec::new() });
        steps.terminate.push(id.to_string());
    }
    let mut result = result(shown);
    let launched = steps.launch + steps.replace.len();
    let altered = steps.change.iter().map(|(i, _)| Value::from(Instance::id(i)));
    steps::tell_ids(&mut result, altered.chain((0..launched).map(|_| cx.unknown())).collect(), &steps.ends());
    Ok(Verdict { change: as_one(changes), steps, result, warnings })
}

/// One change of several; the strongest action names it.
fn as_one(changes: Vec<Change>) -> Option<Change> {
    let rank = |action: Action| match action {
        Action::Replace => 3,
        Action::Create => 2,
        Action::Delete => 1,
        Action::Update | Action::Run => 0,
    };
    let action = changes.iter().map(|c| c.action).max_by_key(|a| rank(*a))?;
    let reason = changes.iter().map(|c| c.reason.as_str()).collect::<Vec<_>>().join("; ");
    Some(Change { action, reason, diffs: changes.into_iter().flat_map(|c| c.diffs).collect() })
}

/// An instance as it is returned, with the host keys that its tag tells.
pub fn shown(instance: &types::Instance) -> Map {
    let mut map = values::instance(instance);
    console::tell(&mut map, console::known(instance));
    map
}

/// The task's return values, with the ids beside the instances in the same order.
pub fn result(instances: Vec<Map>) -> Map {
    let ids: List = instances.iter().map(|i| i.get("instance_id").cloned().unwrap_or_default()).collect();
    let instances: List = instances.into_iter().map(Value::from).collect();
    crate::record! {
        "instance_ids" => ids,
        "tagged_instances" => instances.clone(),
        "instances" => instances,
    }
}
