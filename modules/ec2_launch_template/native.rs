//! ec2_launch_template: a template, its versions and which of them is the default.

mod data;
mod deletion;
mod request;
mod told;

use crate::base::{Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::LaunchTemplate;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;
use std::sync::Arc;
use told::result;
pub use told::shown;

/// The truth is DescribeLaunchTemplates and the versions; a version never changes, so a change is a new one.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Template))
}

struct Template;

/// The template as it is listed, with all its versions.
pub struct Seen {
    template: Option<Arc<types::LaunchTemplate>>,
    /// From the first on.
    versions: Vec<types::LaunchTemplateVersion>,
}

impl Seen {
    /// The versions as they are told.
    fn shown(&self) -> Vec<Map> {
        self.versions.iter().map(told::version).collect()
    }
}

/// What `apply` has to do; `Create` has the data of the first version, with the API's names.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// There is no template of this name.
    Create(Map),
    /// A new version, another default, or other tags.
    Change(Changes),
    /// It goes with all its versions.
    Remove,
}

/// What a template that is there needs.
#[derive(Default)]
pub struct Changes {
    version: Option<NewVersion>,
    /// The default is to be this one; a new version's number is not known before.
    default: Option<Default_>,
    /// Numbers of versions that go.
    delete: Vec<i64>,
    tags: TagChange,
}

struct NewVersion {
    /// Number of the version whose parameters it inherits.
    source: Option<i64>,
    data: Map,
    /// All that it has then.
    goal: Map,
}

#[derive(Clone, Copy)]
enum Default_ {
    Latest,
    Number(i64),
}

impl Resource for Template {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.opt_str("template_name").or(args.opt_str("template_id")).unwrap_or_default().to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let account = &cx.account;
            let all = account.launch_templates.all(&*account.ec2).await?;
            let template = match cx.text("template_id") {
                Some(id) => {
                    let found = all.into_iter().find(|t| t.launch_template_id() == Some(id));
                    if found.is_none() && cx.args.str("state") == "present" {
                        return Err(Failure::new(format!(
                            "there is no launch template {id} in {}",
                            account.region
                        )));
                    }
                    found
                }
                // Names are unique, so the name alone decides.
                None => all.into_iter().find(|t| t.launch_template_name() == cx.text("template_name")),
            };
            let versions = match &template {
                Some(template) => versions(cx, LaunchTemplate::id(template)).await?,
                None => Vec::new(),
            };
            Ok(Seen { template, versions })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("launch template {}", self.key(cx.args));
        match (&seen.template, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(template), "absent") if cx.args.has("versions_to_delete") => {
                deletion::decide(cx, template, seen, &what)
            }
            (Some(template), "absent") => {
                find::may_remove::<LaunchTemplate>(cx, template)?;
                let change = Attributes::delete(&what);
                Ok(Verdict::new(change, Steps::Remove, result(template, &seen.shown())))
            }
            (None, _) => Ok(creation(cx, &what)),
            (Some(template), _) => change(cx, template, seen, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, &seen.template) {
                (Steps::Create(data), _) => {
                    let template = create(cx, data).await?;
                    let first = told::made(cx, &template, (1, template.create_time()), data);
                    Ok(result(&template, &[first]))
                }
                (Steps::Change(changes), Some(template)) => alter(cx, template, seen, changes).await,
                (Steps::Remove, Some(template)) => {
                    account.remove(&account.launch_templates, LaunchTemplate::id(template)).await?;
                    Ok(result(template, &seen.shown()))
                }
                (_, Some(template)) => Ok(result(template, &seen.shown())),
                (_, None) => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<LaunchTemplate>(&seen.template)
    }
}

/// All versions, page by page, sorted by number.
async fn versions(cx: &Cx<'_>, id: &str) -> Result<Vec<types::LaunchTemplateVersion>, CallError> {
    let mut input = DescribeLaunchTemplateVersionsInputBuilder::default().launch_template_id(id);
    let mut all = Vec::new();
    loop {
        let page = cx.account.ec2.describe_launch_template_versions(input.clone()).await?;
        all.extend(page.launch_template_versions.unwrap_or_default());
        match page.next_token.filter(|t| !t.is_empty()) {
            Some(next) => input = input.next_token(next),
            None => break,
        }
    }
    all.sort_by_key(types::LaunchTemplateVersion::version_number);
    Ok(all)
}

/// All versions of a template as they are told.
pub async fn told_versions(cx: &Cx<'_>, id: &str) -> Result<crate::base::List, CallError> {
    let shown = |v: &types::LaunchTemplateVersion| {
        let mut told = told::version(v);
        told.insert("default_version".into(), v.default_version().unwrap_or(false).into());
        Value::from(told)
    };
    Ok(versions(cx, id).await?.iter().map(shown).collect())
}

fn creation(cx: &Cx<'_>, what: &str) -> Verdict<Steps> {
    let data = data::completed(cx, data::wanted(cx.args));
    let mut attributes = Attributes::default();
    for (name, value) in &data {
        attributes.wanted(&name.to_string(), value.clone());
    }
    let template = record! {
        "launch_template_id" => cx.unknown(),
        "launch_template_name" => cx.args.str("template_name"),
        "default_version_number" => 1,
        "latest_version_number" => 1,
        "tags" => cloud::tags_value(&tags(cx)),
    };
    let predicted = record! {
        "template" => template,
        "latest_version" => 1,
        "default_version" => 1,
        "versions" => cx.unknown(),
        "latest_template" => cx.unknown(),
        "default_template" => cx.unknown(),
    };
    Verdict::new(attributes.create(what), Steps::Create(data), predicted)
}

fn change(
    cx: &Cx<'_>,
    template: &types::LaunchTemplate,
    seen: &Seen,
    what: &str,
) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let mut changes = Changes { version: new_version(cx, seen, &mut attributes)?, ..Changes::default() };
    changes.default = default(cx, template, &changes, &mut attributes)?;
    let is = from_sdk(template.tags());
    changes.tags = cx.compare_tags(&mut attributes, &is);
    let mut after = result(template, &seen.shown());
    let Some(change) = attributes.change(what) else { return Ok(Verdict::unchanged(after)) };
    find::may_touch::<LaunchTemplate>(cx, template)?;
    if changes.version.is_some() {
        let next = template.latest_version_number().unwrap_or_default() + 1;
        after.insert("latest_version".into(), next.into());
        after.insert("latest_template".into(), cx.unknown());
        after.insert("versions".into(), cx.unknown());
        after.insert("template".into(), cx.unknown());
    }
    Ok(Verdict::new(change, Steps::Change(changes), after))
}

/// The version to make, where the latest one is not what it would be.
fn new_version(cx: &Cx<'_>, seen: &Seen, attributes: &mut Attributes) -> Result<Option<NewVersion>, Failure> {
    let wanted = data::wanted(cx.args);
    let parameters =
        |v: &types::LaunchTemplateVersion| v.launch_template_data().map(data::shown).unwrap_or_default();
    let latest = seen.versions.last().map(parameters).unwrap_or_default();
    let source = source(cx, seen)?;
    let base = source.map(parameters).unwrap_or_default();
    let goal = data::merged(&base, &wanted);
    let mut differs = false;
    for (name, value) in &goal {
        if !data::covers(latest.get(name), value) {
            let is = latest.get(name).cloned().unwrap_or_default();
            differs |= attributes.compare(&name.to_string(), is, value.clone());
        }
    }
    for name in latest.keys().filter(|name| !goal.contains_key(*name)) {
        // What the first version got of its own accord is no difference.
        if !matches!(name.to_string().as_str(), "metadata_options" | "tag_specifications") {
            differs |= attributes.compare(&name.to_string(), latest[name].clone(), Value::Null);
        }
    }
    if !differs {
        return Ok(None);
    }
    let source = source.and_then(types::LaunchTemplateVersion::version_number);
    let mut data = wanted;
    if source.is_none() {
        data = data::completed(cx, data);
    } else if data.contains_key("tag_specifications") {
        let specifications = data::with_stack(cx, data.get("tag_specifications"));
        data.insert("tag_specifications".into(), specifications);
    }
    Ok(Some(NewVersion { source, data, goal }))
}

/// The version that a new one is based on.
fn source<'a>(cx: &Cx<'_>, seen: &'a Seen) -> Result<Option<&'a types::LaunchTemplateVersion>, Failure> {
    let word = cx.args.str("source_version").trim_start_matches('$').to_ascii_lowercase();
    let found = match word.as_str() {
        "" => return Ok(None),
        "latest" => seen.versions.last(),
        "default" => seen.versions.iter().find(|v| v.default_version() == Some(true)),
        number => seen.versions.iter().find(|v| v.version_number().is_some_and(|n| n.to_string() == number)),
    };
    match found {
        Some(version) => Ok(Some(version)),
        None => Err(missing_version("source_version", &word, seen)),
    }
}

fn missing_version(argument: &str, word: &str, seen: &Seen) -> Failure {
    let there: Vec<String> =
        seen.versions.iter().filter_map(|v| v.version_number()).map(|n| n.to_string()).collect();
    Failure::new(format!("`{argument}: {word}` is none of the template's versions ({})", there.join(", ")))
}

fn default(
    cx: &Cx<'_>,
    template: &types::LaunchTemplate,
    changes: &Changes,
    attributes: &mut Attributes,
) -> Result<Option<Default_>, Failure> {
    let is = template.default_version_number().unwrap_or_default();
    let latest = template.latest_version_number().unwrap_or_default();
    let next = latest + i64::from(changes.version.is_some());
    let (wanted, step) = match cx.args.str("default_version").trim_start_matches('$') {
        word if word.eq_ignore_ascii_case("latest") => (next, Default_::Latest),
        number => match number.parse::<i64>() {
            Ok(number) if number <= next => (number, Default_::Number(number)),
            _ => {
                return Err(Failure::new(format!(
                    "`default_version: {number}` is no version of the template, whose latest is {next}"
                )));
            }
        },
    };
    Ok(attributes.compare("default_version", is, wanted).then_some(step))
}

/// Tags of the template itself; its name is no `Name` tag.
fn tags(cx: &Cx<'_>) -> Tags {
    cx.args.map("tags").map(cloud::tags_of).unwrap_or_default()
}

async fn create(cx: &Cx<'_>, data: &Map) -> Result<Arc<types::LaunchTemplate>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let description = Some(cx.args.str("version_description")).filter(|d| !d.is_empty());
    let input = CreateLaunchTemplateInputBuilder::default()
        .launch_template_name(cx.args.str("template_name"))
        .launch_template_data(request::data(data))
        .set_version_description(description.map(str::to_string))
        .client_token(op.token())
        .tag_specifications(op.specification(types::ResourceType::LaunchTemplate, &tags(cx)));
    let send = || -> CallFuture<'_, types::LaunchTemplate> {
        let input = input.clone();
        Box::pin(async move {
            let made = account.ec2.create_launch_template(input).await?.launch_template;
            made.ok_or_else(|| CallError::own("ec2:CreateLaunchTemplate", "the answer names no template"))
        })
    };
    let made = account.create(&account.launch_templates, &op, &send).await?;
    // Others name it by its name.
    account.manner.note_made(cx.args.str("template_name"));
    Ok(made)
}

/// No version is read again: reads lag, and what a version has is known.
async fn alter(
    cx: &Cx<'_>,
    template: &types::LaunchTemplate,
    seen: &Seen,
    changes: &Changes,
) -> Result<Map, Failure> {
    let (account, id) = (&cx.account, LaunchTemplate::id(template));
    let mut versions = seen.shown();
    let mut now = template.clone();
    if let Some(version) = &changes.version {
        let description = Some(cx.args.str("version_description")).filter(|d| !d.is_empty());
        let input = CreateLaunchTemplateVersionInputBuilder::default()
            .launch_template_id(id)
            .set_source_version(version.source.map(|n| n.to_string()))
            .set_version_description(description.map(str::to_string))
            .launch_template_data(request::data(&version.data))
            .client_token(cx.identity.op().token());
        let reply = account.ec2.create_launch_template_version(input).await?.launch_template_version;
        let reply = reply.unwrap_or_else(|| types::LaunchTemplateVersion::builder().build());
        let next = template.latest_version_number().unwrap_or_default() + 1;
        let number = reply.version_number().unwrap_or(next);
        let mut goal = version.goal.clone();
        goal.extend(version.data.iter().map(|(k, v)| (k.clone(), v.clone())));
        versions.push(told::made(cx, template, (number, reply.create_time()), &goal));
        now.latest_version_number = Some(number);
    }
    if let Some(default) = changes.default {
        let number = match default {
            Default_::Number(number) => number,
            Default_::Latest => now.latest_version_number().unwrap_or_default(),
        };
        let input = ModifyLaunchTemplateInputBuilder::default().launch_template_id(id);
        account.ec2.modify_launch_template(input.default_version(number.to_string())).await?;
        now.default_version_number = Some(number);
    }
    deletion::carry_out(cx, id, &changes.delete).await?;
    versions.retain(|v| v.opt_int("version_number").is_none_or(|n| !changes.delete.contains(&n)));
    cx.write_tags(&[id], &changes.tags).await?;
    let is = from_sdk(template.tags());
    let now = cloud::with_tags(&now, is, &changes.tags, |t, tags| t.tags = Some(tags));
    let mut told = result(&account.launch_templates.put(now), &versions);
    deletion::tell(&mut told, seen, &changes.delete);
    Ok(told)
}
