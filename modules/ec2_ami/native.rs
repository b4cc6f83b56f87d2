//! ec2_ami: an image of an instance, or of snapshots.

mod permissions;
mod source;

use crate::base::{List, Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds_images::Image;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, baked, find};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use permissions::Permissions;
use std::sync::Arc;

/// The truth is DescribeImages of one's own images, by id or by tags; launch permissions are read where the
/// task speaks of them.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Ami))
}

struct Ami;

/// The image as DescribeImages tells it: by id, or the one that carries the task's tags.
pub struct Seen {
    image: Option<Arc<types::Image>>,
    /// Looked up where the task says who may launch it.
    permissions: Permissions,
    /// Made of an instance, so that its snapshots are its own.
    of_instance: bool,
}

/// What `apply` has to do; an image that is there is never made anew.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// The image is made, and waited for where the task says so.
    Create,
    /// Something of it differs that can be changed.
    Change {
        /// Its description is to be set.
        description: bool,
        /// To add and to remove.
        permissions: Option<Box<(Permissions, Permissions)>>,
        /// Its tags that differ.
        tags: TagChange,
    },
    /// It is there and not available yet.
    Wait,
    /// It goes, and where the task says so its snapshots too.
    Remove,
}

impl Resource for Ami {
    type Seen = Seen;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.opt_str("name").or(args.opt_str("image_id")).unwrap_or_default().to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Seen> {
        Box::pin(async move {
            let image = baked::find(cx, cx.text("image_id")).await?;
            if image.is_none()
                && cx.args.str("state") == "present"
                && let Some(id) = cx.text("image_id")
            {
                let region = &cx.account.region;
                return Err(Failure::new(format!("none of one's own images in {region} is {id}")));
            }
            let permissions = match (&image, cx.args.has("launch_permissions")) {
                (Some(image), true) => permissions::read(cx, Image::id(image)).await?,
                _ => Permissions::default(),
            };
            Ok(Seen { image, permissions, of_instance: cx.args.has("instance_id") })
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("image {}", self.key(cx.args));
        match (&seen.image, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(Map::new())),
            (Some(image), "absent") => {
                find::may_remove::<Image>(cx, image)?;
                Ok(Verdict::new(Attributes::delete(&what), Steps::Remove, baked::shown(image)))
            }
            (None, _) if !cx.args.has("instance_id") && !source::can_register(cx) => {
                Err(Failure::new(format!(
                    "there is no {what}, and without `instance_id`, or a `snapshot_id` in `device_mapping`, it cannot be made"
                )))
            }
            (None, _) => {
                let mut attributes = baked::creation(cx, "instance_id");
                if !cx.args.has("instance_id") {
                    for name in source::OF_REGISTERED {
                        attributes.wanted(name, cx.args.get(name).cloned().unwrap_or_default());
                    }
                }
                Ok(Verdict::new(attributes.create(&what), Steps::Create, baked::predicted(cx)))
            }
            (Some(image), _) => change(cx, image, seen, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            match (steps, &seen.image) {
                (Steps::Create, _) => create(cx).await,
                (Steps::Change { description, permissions, tags }, Some(image)) => {
                    if *description {
                        describe(cx, Image::id(image)).await?;
                    }
                    if let Some((add, remove)) = permissions.as_deref() {
                        permissions::write(cx, Image::id(image), add, remove).await?;
                    }
                    cx.write_tags(&[Image::id(image)], tags).await?;
                    let account = &cx.account;
                    account.images.refresh(&*account.ec2, &[Image::id(image).to_string()]).await?;
                    let now = account.images.get(&*account.ec2, Image::id(image)).await?;
                    finish(cx, now.unwrap_or_else(|| Arc::clone(image))).await
                }
                (Steps::Wait, Some(image)) => finish(cx, Arc::clone(image)).await,
                (Steps::Remove, Some(image)) => {
                    let removed = baked::remove(cx, image, cx.args.bool("delete_snapshot")).await?;
                    let mut shown = baked::shown(image);
                    let removed: List = removed.into_iter().map(Value::from).collect();
                    shown.insert("snapshots_deleted".into(), removed.into());
                    Ok(shown)
                }
                (_, Some(image)) => Ok(shown(cx, image)),
                (_, None) => Ok(Map::new()),
            }
        })
    }

    fn waits(&self, steps: &Steps) -> bool {
        matches!(steps, Steps::Wait)
    }

    fn things(&self, seen: &Seen) -> Vec<(Thing, Tags)> {
        match seen.of_instance {
            true => baked::things(&seen.image),
            false => cloud::thing::<Image>(&seen.image),
        }
    }
}

fn change(cx: &Cx<'_>, image: &types::Image, seen: &Seen, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    let description = cx
        .text("description")
        .is_some_and(|d| attributes.compare("description", image.description().unwrap_or_default(), d));
    let mut permissions = None;
    if let Some(wanted) = cx.args.map("launch_permissions") {
        let (add, remove) = seen.permissions.changes(&Permissions::of(wanted));
        add.rows().iter().for_each(|p| attributes.element("launch_permissions", None, Some(p)));
        remove.rows().iter().for_each(|p| attributes.element("launch_permissions", Some(p), None));
        permissions = (!add.is_empty() || !remove.is_empty()).then(|| Box::new((add, remove)));
    }
    let is = from_sdk(image.tags());
    let wanted = cx.args.has("tags").then(|| baked::tags(cx));
    let purge = cx.args.has("tags") && cx.args.bool("purge_tags");
    let (set, remove) = find::tag_changes(cx, &is, wanted.as_ref(), purge);
    for key in set.keys().chain(&remove) {
        attributes.element(
            &format!("tags.{key}"),
            is.get(key).map(String::as_str),
            set.get(key).map(String::as_str),
        );
    }
    let tags = TagChange { set, remove };
    let pending = cx.args.bool("wait") && matches!(image.state(), Some(types::ImageState::Pending));
    let shown = shown(cx, image);
    match attributes.change(what) {
        Some(change) => {
            find::may_touch::<Image>(cx, image)?;
            Ok(Verdict::new(change, Steps::Change { description, permissions, tags }, shown))
        }
        None if pending => {
            Ok(Verdict { change: None, steps: Steps::Wait, result: shown, warnings: Vec::new() })
        }
        None => Ok(Verdict::unchanged(shown)),
    }
}

async fn create(cx: &Cx<'_>) -> Result<Map, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let tags = baked::tags(cx);
    let made = source::send(cx, &op);
    let all = crate::cloud::identity::to_sdk(&op.tags(&tags));
    let send = || -> CallFuture<'_, types::Image> {
        let (made, all) = (made(), all.clone());
        Box::pin(async move {
            let id =
                made.await?.ok_or_else(|| CallError::own("making an image", "the answer names no image"))?;
            let image = types::Image::builder().image_id(id).state(types::ImageState::Pending);
            Ok(image.set_tags(Some(all)).build())
        })
    };
    let image = account.create(&account.images, &op, &send).await?;
    if let Some(wanted) = cx.args.map("launch_permissions") {
        let (add, none) = Permissions::default().changes(&Permissions::of(wanted));
        permissions::write(cx, Image::id(&image), &add, &none).await?;
    }
    finish(cx, image).await
}

async fn finish(cx: &Cx<'_>, image: Arc<types::Image>) -> Result<Map, Failure> {
    Ok(shown(cx, &*baked::ready(cx, image).await?))
}

/// The image, and who may launch it where the task says that: so it is then.
fn shown(cx: &Cx<'_>, image: &types::Image) -> Map {
    let mut shown = baked::shown(image);
    if let Some(wanted) = cx.args.map("launch_permissions") {
        shown.insert("launch_permissions".into(), Permissions::of(wanted).told().into());
    }
    shown
}

async fn describe(cx: &Cx<'_>, id: &str) -> Result<(), CallError> {
    let description = types::AttributeValue::builder().value(cx.args.str("description")).build();
    let input = ModifyImageAttributeInputBuilder::default().image_id(id).description(description);
    cx.account.ec2.modify_image_attribute(input).await.map(drop)
}
