//! ec2_ami_info: tell what images there are, anyone's.

use crate::base::{List, Map, Value};
use crate::cloud::ec2::input::DescribeImagesInputBuilder;
use crate::modules::cloud::{self, CloudFuture, Cx, Query, baked};
use crate::modules::{ArgsExt, Behaviour};

/// Pages of DescribeImages with the task's filters, oldest first; without any, only one's own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Images))
}

struct Images;

const ARGUMENTS: [&str; 4] = ["filters", "image_ids", "owners", "executable_users"];

impl Query for Images {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            if ARGUMENTS.iter().any(|name| cx.is_unknown(name)) {
                return Ok(Map::from_iter([("images".into(), cx.unknown())]));
            }
            let given = |name: &str| -> Option<Vec<String>> {
                cx.args.has(name).then(|| cx.args.list(name).into_iter().map(str::to_string).collect())
            };
            let any = ARGUMENTS.iter().any(|name| cx.args.has(name));
            let filters = cloud::filters(cx.args.map("filters"));
            let mut input = DescribeImagesInputBuilder::default()
                .set_filters((!filters.is_empty()).then_some(filters))
                .set_owners(given("owners").or_else(|| (!any).then(|| vec!["self".to_string()])))
                .set_executable_users(given("executable_users"));
            input = match given("image_ids") {
                // Lists of ids and pages exclude each other.
                Some(ids) => input.set_image_ids(Some(ids)),
                None => input.max_results(1000),
            };
            let mut all = Vec::new();
            loop {
                let page = cx.account.ec2.describe_images(input.clone()).await?;
                all.extend(page.images.unwrap_or_default());
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => break,
                }
            }
            all.sort_by(|a, b| (a.creation_date(), a.image_id()).cmp(&(b.creation_date(), b.image_id())));
            let images: List = all.iter().map(|i| Value::from(baked::shown(i))).collect();
            Ok(Map::from_iter([("images".into(), images.into())]))
        })
    }
}
