//! ec2_ami_copy: an image copied from another region.

use crate::base::Map;
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::{self, from_sdk};
use crate::cloud::{CallError, Tags, Thing};
use crate::modules::cloud::{self, CloudFuture, Cx, Resource, Verdict, baked};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use std::sync::Arc;

/// The truth is DescribeImages in the region copied to: by the tags of the task, or with `tag_equality` by
/// all of them.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Copy))
}

struct Copy;

/// What `apply` has to do; a copy that is there or on its way is never made anew.
#[derive(Default)]
pub enum Steps {
    /// Nothing is to be done.
    #[default]
    None,
    /// The copy is begun, and waited for where the task says so.
    Create,
    /// A copy that was begun earlier is not available yet.
    Wait,
}

impl Resource for Copy {
    type Seen = Option<Arc<types::Image>>;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen> {
        Box::pin(async move {
            if let Some(found) = baked::find(cx, None).await? {
                return Ok(Some(found));
            }
            if !cx.args.bool("tag_equality") {
                return Ok(None);
            }
            let wanted = baked::tags(cx);
            let asked = |key: &str| !identity::reserved(key) && (key != "Name" || wanted.contains_key(key));
            let users = |image: &types::Image| -> Tags {
                from_sdk(image.tags()).into_iter().filter(|(k, _)| asked(k)).collect()
            };
            let all = cx.account.images.all(&*cx.account.ec2).await?;
            Ok(all.into_iter().find(|image| users(image) == wanted))
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Steps>, Failure> {
        let Some(image) = seen else {
            let attributes = baked::creation(cx, "source_image_id");
            let change = attributes.create(&format!("image {}", cx.args.str("name")));
            return Ok(Verdict::new(change, Steps::Create, baked::predicted(cx)));
        };
        let pending = cx.args.bool("wait") && matches!(image.state(), Some(types::ImageState::Pending));
        let steps = if pending { Steps::Wait } else { Steps::None };
        Ok(Verdict { change: None, steps, result: baked::shown(image), warnings: Vec::new() })
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Self::Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let image = match (steps, seen) {
                (Steps::Create, _) => copy(cx).await?,
                (_, Some(image)) => Arc::clone(image),
                (_, None) => return Ok(Map::new()),
            };
            Ok(baked::shown(&*baked::ready(cx, image).await?))
        })
    }

    fn waits(&self, steps: &Steps) -> bool {
        matches!(steps, Steps::Wait)
    }

    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)> {
        baked::things(seen)
    }
}

async fn copy(cx: &Cx<'_>) -> Result<Arc<types::Image>, CallError> {
    let account = &cx.account;
    let op = cx.identity.op();
    let tags = baked::tags(cx);
    let text = |name: &str| cx.text(name).map(str::to_string);
    let input = CopyImageInputBuilder::default()
        .set_source_region(text("source_region"))
        .set_source_image_id(text("source_image_id"))
        .set_name(text("name"))
        .set_description(text("description"))
        .set_encrypted(cx.args.opt_bool("encrypted"))
        .set_kms_key_id(text("kms_key_id"))
        .copy_image_tags(cx.args.bool("copy_image_tags"))
        .client_token(op.token())
        .tag_specifications(op.specification(types::ResourceType::Image, &tags))
        .tag_specifications(op.specification(types::ResourceType::Snapshot, &tags));
    let all = identity::to_sdk(&op.tags(&tags));
    let send = || -> CallFuture<'_, types::Image> {
        let (input, all) = (input.clone(), all.clone());
        Box::pin(async move {
            let made = account.ec2.copy_image(input).await?.image_id;
            let id = made.ok_or_else(|| CallError::own("ec2:CopyImage", "the answer names no image"))?;
            let image = types::Image::builder().image_id(id).state(types::ImageState::Pending);
            Ok(image.set_tags(Some(all)).build())
        })
    };
    account.create(&account.images, &op, &send).await
}
