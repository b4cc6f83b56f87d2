//! ssm_parameter: one value in the Parameter Store.

use crate::base::{Map, Value, value::Secret};
use crate::cloud::calls::CallFuture;
use crate::cloud::ssm::{Ssm, SsmClient, input::*, types};
use crate::cloud::{CallError, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, named, owned};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use crate::record;

/// The truth is GetParameter by name, decrypted unless told otherwise; a SecureString's value is a secret.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Parameter))
}

struct Parameter;

/// The parameter as GetParameter tells it, its value decrypted unless the task says otherwise; without it no
/// tags.
pub struct Seen {
    parameter: Option<types::Parameter>,
    /// Where the task has a description.
    told: Option<types::ParameterMetadata>,
    tags: Tags,
}

/// What `apply` has to do.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// There is no parameter of this name.
    Create,
    /// It is there, and differs.
    Change {
        /// Its value, type or description is to be written.
        value: bool,
        /// Its tags that differ.
        tags: TagChange,
    },
    /// It is deleted.
    Remove,
}

impl Resource for Parameter {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let name = cx.args.str("name");
            let ssm = cx.account.ssm();
            let parameter = get(&ssm, name, cx.args.bool("decryption")).await?;
            let tags = match &parameter {
                None => Tags::new(),
                Some(_) => tags(&ssm, name).await?,
            };
            let told = match cx.args.has("description") && parameter.is_some() {
                true => told(&ssm, name).await?,
                false => None,
            };
            Ok(Seen { parameter, told, tags })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("parameter {}", cx.args.str("name"));
        match (&seen.parameter, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(parameter), "absent") => {
                owned::may_remove(cx, &what, &seen.tags)?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, result(parameter, &seen.tags)))
            }
            (None, _) if !cx.args.has("value") => {
                Err(Failure::new(format!("there is no {what}, and without `value` it cannot be made")))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                attributes.wanted("string_type", cx.args.str("string_type"));
                attributes.wanted("value", Value::Secret(Secret::new(cx.args.str("value"))));
                let predicted = record! { "parameter_metadata" => cx.unknown() };
                Ok(Verdict::new(attributes.create(&what), Steps::Create, predicted))
            }
            (Some(parameter), _) => change(cx, parameter, seen, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let ssm = cx.account.ssm();
            let name = cx.args.str("name");
            match steps {
                Steps::None => {}
                Steps::Create => create(cx, &ssm).await?,
                Steps::Change { value, tags } => {
                    if *value {
                        ssm.put_parameter(input(cx).overwrite(true)).await?;
                    }
                    write_tags(&ssm, name, tags).await?;
                }
                Steps::Remove => {
                    crate::cloud::named::remove_parameter(&cx.account, name).await?;
                    return Ok(seen.parameter.as_ref().map(|p| result(p, &seen.tags)).unwrap_or_default());
                }
            }
            let look = || -> CallFuture<'_, Option<types::Parameter>> { Box::pin(get(&ssm, name, false)) };
            let parameter = named::soon(cx, "parameter", &look).await?;
            let tags = tags(&ssm, name).await?;
            Ok(parameter.map(|p| result(&p, &tags)).unwrap_or_default())
        })
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        let name = |p: &types::Parameter| p.name().unwrap_or_default().to_string();
        let thing = |p| (Thing { kind: crate::cloud::named::PARAMETER, id: name(p) }, seen.tags.clone());
        seen.parameter.iter().map(thing).collect()
    }
}

/// No value is shown, of whichever type: what is read may be a secret that was stored under a plain type.
fn change(
    cx: &Cx<'_>,
    parameter: &types::Parameter,
    seen: &Seen,
    what: &str,
) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let kind = parameter.r#type().map(|t| t.as_str()).unwrap_or_default();
    let mut differs = false;
    let readable = kind != "SecureString" || cx.args.bool("decryption");
    if cx.args.has("value") && cx.args.str("overwrite_value") != "never" {
        let (is, wanted) = (parameter.value().unwrap_or_default(), cx.args.str("value"));
        let always = cx.args.str("overwrite_value") == "always";
        if always || !readable || is != wanted || kind != cx.args.str("string_type") {
            attributes.compare("string_type", kind, cx.args.str("string_type"));
            attributes.element("value", Some("(another)"), Some("(as given)"));
            differs = true;
        }
        if let Some(wanted) = cx.text("description") {
            let is = seen.told.as_ref().and_then(|told| told.description());
            differs |= attributes.compare("description", is, wanted);
        }
    }
    let tags = owned::compare_tags(cx, &mut attributes, &seen.tags);
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(parameter, &seen.tags))),
        Some(change) => {
            owned::may_touch(cx, what, &seen.tags)?;
            let steps = Steps::Change { value: differs, tags };
            Ok(Verdict::new(change, steps, result(parameter, &seen.tags)))
        }
    }
}

async fn get(ssm: &SsmClient, name: &str, decrypt: bool) -> Result<Option<types::Parameter>, CallError> {
    let input = GetParameterInputBuilder::default().name(name).with_decryption(decrypt);
    match ssm.get_parameter(input).await {
        Ok(reply) => Ok(reply.parameter),
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The value as it is written.
fn input(cx: &Cx<'_>) -> PutParameterInputBuilder {
    let text = |name: &str| cx.text(name).map(str::to_string);
    PutParameterInputBuilder::default()
        .name(cx.args.str("name"))
        .value(cx.args.str("value"))
        .r#type(cx.args.str("string_type").into())
        .set_description(text("description"))
        .set_key_id(text("key_id").filter(|_| cx.args.str("string_type") == "SecureString"))
        .tier(cx.args.str("tier").into())
}

/// A new parameter gets its tags with its value, which one that is there cannot.
async fn create(cx: &Cx<'_>, ssm: &SsmClient) -> Result<(), CallError> {
    let (name, op) = (cx.args.str("name"), cx.identity.op());
    let mut new = input(cx);
    for (key, value) in op.tags(&owned::plain_tags(cx).unwrap_or_default()) {
        new = new.tags(tag(&key, &value)?);
    }
    let send = || -> CallFuture<'_, ()> {
        let new = new.clone();
        Box::pin(async move { ssm.put_parameter(new).await.map(drop) })
    };
    let look = || -> CallFuture<'_, Option<Tags>> {
        Box::pin(async move {
            match get(ssm, name, false).await? {
                Some(_) => tags(ssm, name).await.map(Some),
                None => Ok(None),
            }
        })
    };
    named::make(cx, "parameter", name, &op, &send, &look).await
}

/// What is said of the parameter beside its value.
async fn told(ssm: &SsmClient, name: &str) -> Result<Option<types::ParameterMetadata>, CallError> {
    let named = types::ParameterStringFilter::builder().key("Name").values(name).build();
    let named = named.map_err(|e| CallError::own("ssm:DescribeParameters", e.to_string()))?;
    let input = DescribeParametersInputBuilder::default().parameter_filters(named);
    Ok(ssm.describe_parameters(input).await?.parameters.unwrap_or_default().pop())
}

fn tag(key: &str, value: &str) -> Result<types::Tag, CallError> {
    let tag = types::Tag::builder().key(key).value(value).build();
    tag.map_err(|e| CallError::own("ssm:AddTagsToResource", e.to_string()))
}

async fn tags(ssm: &SsmClient, name: &str) -> Result<Tags, CallError> {
    let input = ListTagsForResourceInputBuilder::default().resource_id(name);
    let reply =
        ssm.list_tags_for_resource(input.resource_type(types::ResourceTypeForTagging::Parameter)).await?;
    Ok(reply.tag_list().iter().map(|t| (t.key().to_string(), t.value().to_string())).collect())
}

async fn write_tags(ssm: &SsmClient, name: &str, change: &TagChange) -> Result<(), CallError> {
    let kind = types::ResourceTypeForTagging::Parameter;
    if !change.set.is_empty() {
        let tags = change.set.iter().map(|(k, v)| tag(k, v)).collect::<Result<Vec<_>, _>>()?;
        let input = AddTagsToResourceInputBuilder::default().resource_id(name).resource_type(kind.clone());
        ssm.add_tags_to_resource(input.set_tags(Some(tags))).await?;
    }
    if !change.remove.is_empty() {
        let input = RemoveTagsFromResourceInputBuilder::default().resource_id(name).resource_type(kind);
        ssm.remove_tags_from_resource(input.set_tag_keys(Some(change.remove.clone()))).await?;
    }
    Ok(())
}

fn result(parameter: &types::Parameter, tags: &Tags) -> Map {
    let metadata = record! {
        "name" => parameter.name(),
        "type" => parameter.r#type().map(|t| t.as_str()),
        "version" => parameter.version(),
        "last_modified_date" => parameter.last_modified_date().map(ToString::to_string),
        "arn" => parameter.arn(),
        "data_type" => parameter.data_type(),
        "tags" => cloud::tags_value(tags),
    };
    record! { "parameter_metadata" => metadata }
}
