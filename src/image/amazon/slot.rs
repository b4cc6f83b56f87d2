//! An image of one region on its way to its name, which an older one may have. An image's name cannot be changed, so where
//! the name is taken the new one is made under another first, takes the older one's place when it is there, and is copied
//! under the name. At every moment there is one of them that nothing takes away: no undo, and no `gc` after a kill.

use super::ami::{artifact, available, snapshots, take_back};
use super::publish::tag;
use super::{Begun, Build, Options};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::KEEP;
use crate::cloud::kinds_images::Image;
use crate::cloud::{Account, CallError, Identity, Kind, Op, Tags};
use std::sync::Arc;

/// An image, and the one whose name it is to have.
pub struct Slot {
    pub account: Arc<Account>,
    /// Has the name that the new one is to have.
    pub old: Option<types::Image>,
    /// What was made: under its name, or under another as long as that is taken.
    pub image: Option<Begun<types::Image>>,
    /// The copy under the name.
    named: Option<Begun<types::Image>>,
    /// What the copy was made of.
    draft: Option<Begun<types::Image>>,
    /// The older one is not there any more, or may not be: what was made in its place stays.
    pub old_gone: bool,
    /// `image` has its name.
    pub settled: bool,
}

/// What copies are made with.
pub struct Making<'a> {
    pub options: &'a Options,
    /// Of the image that is copied.
    pub region: &'a str,
    /// Users' tags are on a copy from its first moment.
    pub early: bool,
    pub identity: Identity,
}

impl Slot {
    pub fn new(account: Arc<Account>) -> Slot {
        Slot { account, old: None, image: None, named: None, draft: None, old_gone: false, settled: false }
    }

    /// What is made is called so first.
    pub fn first_name(&self, options: &Options, run: &str) -> String {
        if self.old.is_some() { draft_name(&options.ami_name, run) } else { options.ami_name.clone() }
    }

    /// What was made, as far as it is known.
    pub fn made(&self) -> Option<&Arc<types::Image>> {
        self.image.as_ref()?.thing.as_ref()
    }

    /// Copies the image under its name, in the place of the older one where there is one.
    pub async fn settle(&mut self, making: &Making<'_>) -> Result<(), String> {
        let account = Arc::clone(&self.account);
        if !self.settled {
            let draft = Arc::clone(self.made().ok_or("there is no image")?);
            if let Some(old) = &self.old {
                // From here on the draft is all there is, whoever is killed.
                keep(&account, &draft).await?;
                self.old_gone = true;
                if let Err(error) = retire(&account, old, false).await {
                    self.old_gone = !refused(&error);
                    return Err(error.to_string());
                }
            }
            let op = making.identity.op();
            self.named = Some(Begun { op: op.clone(), thing: None });
            let from = (making.region, Image::id(&draft));
            let made = begin(making, &account, &op, from, &making.options.ami_name).await?;
            let id = Image::id(&made).to_string();
            self.named = Some(Begun { op: op.clone(), thing: Some(made) });
            let image = available(&account, &id, making.options.image_limit).await?;
            if self.old.is_some() {
                keep(&account, &image).await?;
            }
            self.draft = self.image.replace(Begun { op, thing: Some(image) });
            (self.named, self.settled) = (None, true);
        }
        self.drop_draft().await?;
        if let Some(old) = self.old.as_ref().filter(|_| making.options.force_delete_snapshot) {
            for snapshot in snapshots(old) {
                account.remove(&account.snapshots, &snapshot).await.map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// Takes back what is not the image itself.
    pub async fn tidy(&mut self) -> Result<(), String> {
        let mut left: Vec<String> = Vec::new();
        left.extend(self.drop_draft().await.err());
        if let Some(begun) = self.named.take() {
            left.extend(take_back(&self.account, begun).await.err());
        }
        if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
    }

    async fn drop_draft(&mut self) -> Result<(), String> {
        let Some(image) = self.draft.as_ref().and_then(|d| d.thing.clone()) else { return Ok(()) };
        // Of a kill in this moment `gc` is to take what has another in its place. Where that may not be said, it goes
        // all the same.
        if self.old.is_some() {
            let kept = types::Tag::builder().key(KEEP).build();
            let ids = [vec![Image::id(&image).to_string()], snapshots(&image)].concat();
            let input = DeleteTagsInputBuilder::default().set_resources(Some(ids)).tags(kept);
            let _ = self.account.ec2.delete_tags(input).await;
        }
        if let Some(Begun { op, thing }) = &self.draft {
            take_back(&self.account, Begun { op: op.clone(), thing: thing.clone() }).await?;
        }
        self.draft = None;
        Ok(())
    }

    /// Takes everything back, but for what has taken the older one's place: an error names it.
    pub async fn undo(&mut self, options: &Options) -> Result<(), String> {
        let mut left: Vec<String> = self.tidy().await.err().into_iter().collect();
        match self.made() {
            Some(image) if self.old_gone => left.push(format!(
                "image {} stays, as `{}`: it is in the place of {}, which had the name `{}`",
                Image::id(image),
                image.name().unwrap_or_default(),
                self.old.as_ref().map(Image::id).unwrap_or_default(),
                options.ami_name
            )),
            _ => {
                if let Some(begun) = self.image.take() {
                    left.extend(take_back(&self.account, begun).await.err());
                }
            }
        }
        if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
    }
}

impl Build {
    /// Who copies are made by, with what they need to know beside.
    pub fn making(&self) -> (bool, Identity) {
        (self.early_tags(), self.temporary())
    }
}

/// The name of an image that is yet to get its own. EC2 takes 128 characters.
pub fn draft_name(name: &str, run: &str) -> String {
    let short: String = name.chars().take(110).collect();
    format!("{short} (new {})", run.rsplit('-').next().unwrap_or_default())
}

/// How the names of such images begin, of whichever run.
pub fn draft_names(name: &str) -> String {
    draft_name(name, "*")
}

/// Nothing was carried out: the service said no to the act itself.
fn refused(error: &CallError) -> bool {
    error.call == "ec2:DeregisterImage" && !error.code.is_empty() && !error.after_doubt
}

/// Neither `gc` nor `destroy` take it. It is not found by its hash yet: what is to be done on it is not done.
async fn keep(account: &Account, image: &types::Image) -> Result<(), String> {
    let tags = Tags::from([(KEEP.to_string(), "true".into())]);
    tag(account, &artifact(account, image), &tags, &tags).await
}

/// Removes an image that another takes the place of.
pub async fn retire(account: &Account, old: &types::Image, with_snapshots: bool) -> Result<(), CallError> {
    account.remove(&account.images, Image::id(old)).await?;
    for snapshot in snapshots(old).iter().filter(|_| with_snapshots) {
        account.remove(&account.snapshots, snapshot).await?;
    }
    Ok(())
}

/// Begins a copy of an image, given as its region and id.
pub async fn begin(
    making: &Making<'_>,
    account: &Account,
    op: &Op,
    (region, image): (&str, &str),
    name: &str,
) -> Result<Arc<types::Image>, String> {
    let options = making.options;
    let key =
        options.region_kms_keys.get(&account.region).or(options.kms_key.as_ref()).filter(|k| !k.is_empty());
    let encrypted = options.encrypt || options.region_kms_keys.contains_key(&account.region);
    let none = Tags::new();
    let (tags, snapshot_tags) = match making.early {
        true => (&options.tags, &options.snapshot_tags),
        false => (&none, &none),
    };
    let send = || -> CallFuture<'_, types::Image> {
        let mut input = CopyImageInputBuilder::default()
            .source_image_id(image)
            .source_region(region)
            .name(name)
            .description(&options.ami_description)
            .client_token(op.token())
            .tag_specifications(op.specification(types::ResourceType::Image, tags))
            .tag_specifications(op.specification(types::ResourceType::Snapshot, snapshot_tags));
        if encrypted {
            input = input.encrypted(true).set_kms_key_id(key.cloned());
        }
        let ec2 = &account.ec2;
        Box::pin(async move {
            let made = ec2.copy_image(input).await?;
            let image = types::Image::builder().set_image_id(made.image_id).name(name);
            Ok(image.state(types::ImageState::Pending).build())
        })
    };
    account.create(&account.images, op, &send).await.map_err(|e| e.to_string())
}
