//! Copies to other regions.

use super::super::steps::{Step, StepFuture};
use super::ami::{artifact, available};
use super::slot::{Making, Slot, begin};
use super::{Begun, Build};
use crate::cloud::Kind;
use crate::cloud::kinds_images::Image;

pub struct CopyToRegions;

impl Step<Build> for CopyToRegions {
    fn name(&self) -> &str {
        "copies to other regions"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(first) = build.artifacts.first().cloned() else { return Ok(()) };
            for region in build.away() {
                // One may be there of a first attempt.
                if build.copies.iter().all(|c| c.account.region != region) {
                    let mut slot = Slot::new(build.account_of(&region).await?);
                    slot.old = build.olds.get(&region).cloned();
                    build.copies.push(slot);
                }
            }
            let (early, identity) = build.making();
            let options = &build.options;
            let making = Making { options, region: &build.account.region, early, identity };
            // All are begun before the first is waited for.
            for slot in build.copies.iter_mut().filter(|c| c.image.is_none()) {
                let op = making.identity.op();
                slot.image = Some(Begun { op: op.clone(), thing: None });
                let name = slot.first_name(options, &making.identity.run);
                let from = (making.region, first.id.as_str());
                let made = begin(&making, &slot.account, &op, from, &name).await?;
                slot.image = Some(Begun { op, thing: Some(made) });
            }
            for slot in &mut build.copies {
                let Some(thing) = slot.made().filter(|_| !slot.settled) else { continue };
                let id = Image::id(thing).to_string();
                let image = available(&slot.account, &id, options.image_limit).await?;
                if let Some(begun) = &mut slot.image {
                    begun.thing = Some(image);
                }
            }
            for slot in &mut build.copies {
                if slot.old.is_some() {
                    let region = slot.account.region.clone();
                    let within = Making { region: &region, identity: making.identity.clone(), ..making };
                    slot.settle(&within).await.map_err(|e| format!("{region}: {e}"))?;
                }
                slot.settled = true;
            }
            let done = build.copies.iter().filter_map(|c| Some(artifact(&c.account, c.made()?)));
            build.artifacts = std::iter::once(first).chain(done).collect();
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if succeeded {
                return Ok(());
            }
            build.artifacts.truncate(1);
            let mut left = Vec::new();
            for slot in &mut build.copies {
                if let Err(error) = slot.undo(&build.options).await {
                    left.push(format!("{} in {}", error, slot.account.region));
                }
            }
            // What stays is not made again by a second attempt.
            build.copies.retain(|c| c.image.is_some());
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        })
    }
}
