//! The kinds of things that are images: only one's own are listed, since a region has a hundred thousand others.

use super::calls::CallFuture;
use super::ec2::{Ec2, input::*, types};
use super::identity::{Tags, from_sdk};
use super::table::Kind;

/// One's own machine images (`owner: self`), those that are shared with the account not among them.
pub struct Image;

impl Kind for Image {
    type Item = types::Image;
    const NAME: &'static str = "image";
    const ID_FILTER: &'static str = "image-id";

    fn id(item: &types::Image) -> &str {
        item.image_id().unwrap_or_default()
    }

    fn tags(item: &types::Image) -> Tags {
        from_sdk(item.tags())
    }

    fn load(ec2: &dyn Ec2, filters: Vec<types::Filter>) -> CallFuture<'_, Vec<types::Image>> {
        Box::pin(async move {
            let filters = (!filters.is_empty()).then_some(filters);
            let mut input =
                DescribeImagesInputBuilder::default().owners("self").set_filters(filters).max_results(1000);
            let mut all = Vec::new();
            loop {
                let page = ec2.describe_images(input.clone()).await?;
                all.extend(page.images.unwrap_or_default());
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => return Ok(all),
                }
            }
        })
    }

    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
        Box::pin(async move {
            let input = DeregisterImageInputBuilder::default().image_id(id);
            ec2.deregister_image(input).await.map(drop)
        })
    }
}

/// One's own snapshots of volumes, those behind images among them.
pub struct Snapshot;

impl Kind for Snapshot {
    type Item = types::Snapshot;
    const NAME: &'static str = "snapshot";
    const ID_FILTER: &'static str = "snapshot-id";

    fn id(item: &types::Snapshot) -> &str {
        item.snapshot_id().unwrap_or_default()
    }

    fn tags(item: &types::Snapshot) -> Tags {
        from_sdk(item.tags())
    }

    fn load(ec2: &dyn Ec2, filters: Vec<types::Filter>) -> CallFuture<'_, Vec<types::Snapshot>> {
        Box::pin(async move {
            let filters = (!filters.is_empty()).then_some(filters);
            let input = DescribeSnapshotsInputBuilder::default().owner_ids("self").set_filters(filters);
            let mut input = input.max_results(1000);
            let mut all = Vec::new();
            loop {
                let page = ec2.describe_snapshots(input.clone()).await?;
                all.extend(page.snapshots.unwrap_or_default());
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => return Ok(all),
                }
            }
        })
    }

    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()> {
        Box::pin(async move {
            let input = DeleteSnapshotInputBuilder::default().snapshot_id(id);
            ec2.delete_snapshot(input).await.map(drop)
        })
    }
}
