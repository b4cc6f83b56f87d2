//! ec2_key: a key pair, imported or made.

use crate::base::{Map, Secret, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::{TOLD, from_sdk};
use crate::cloud::kinds::KeyPair;
use crate::cloud::{CallError, Kind, Tags, Thing};
use crate::modules::cloud::{self, Attributes, CloudFuture, Cx, Resource, TagChange, Verdict, find};
use crate::modules::{Args, ArgsExt, Behaviour, Failure};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The truth is DescribeKeyPairs with public keys; a key is compared by its material. A private half is told
/// once, as a secret.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::resource(Pair))
}

struct Pair;

#[derive(Default)]
enum Steps {
    #[default]
    None,
    Create,
    /// Two cannot have one name, so the former goes first.
    Replace,
    Tag(TagChange),
    Remove,
}

impl Resource for Pair {
    type Seen = Option<Arc<types::KeyPairInfo>>;
    type Steps = Steps;

    fn key(&self, args: &Args) -> String {
        args.str("name").to_string()
    }

    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen> {
        Box::pin(async move {
            // Its name is its own in a region, so that tags are not needed to find it.
            let all = cx.account.key_pairs.all(&*cx.account.ec2).await?;
            Ok(all.into_iter().find(|k| k.key_name() == cx.text("name")))
        })
    }

    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Steps>, Failure> {
        let what = format!("key pair {}", cx.args.str("name"));
        match (seen, cx.args.str("state")) {
            (None, "absent") => Ok(Verdict::unchanged(crate::record! { "key" => Value::Null })),
            (Some(pair), "absent") => {
                find::may_remove::<KeyPair>(cx, pair)?;
                let change = Attributes::delete(&what);
                Ok(Verdict::new(change, Steps::Remove, crate::record! { "key" => Value::Null }))
            }
            (None, _) => {
                let mut attributes = Attributes::default();
                attributes.wanted("name", cx.args.str("name"));
                attributes.wanted("public_key", cx.text("key_material").map(short));
                attributes.wanted("id", cx.unknown());
                Ok(Verdict::new(attributes.create(&what), Steps::Create, predicted(cx)))
            }
            (Some(pair), _) => change(cx, pair, &what),
        }
    }

    fn apply<'a>(&'a self, cx: &'a Cx<'a>, seen: &'a Self::Seen, steps: &'a Steps) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            match (steps, seen) {
                (Steps::Create, _) => make(cx).await,
                (Steps::Replace, Some(pair)) => {
                    account.remove(&account.key_pairs, KeyPair::id(pair)).await?;
                    make(cx).await
                }
                (Steps::Tag(change), Some(pair)) => {
                    cx.write_tags(&[pair.key_pair_id().unwrap_or_default()], change).await?;
                    let is = from_sdk(pair.tags());
                    let after = cloud::with_tags(&**pair, is, change, |pair, tags| pair.tags = Some(tags));
                    let shown = result(&after, None);
                    account.key_pairs.put(after);
                    Ok(shown)
                }
                (Steps::Remove, Some(pair)) => {
                    account.remove(&account.key_pairs, KeyPair::id(pair)).await?;
                    Ok(crate::record! { "key" => Value::Null })
                }
                _ => Ok(Map::new()),
            }
        })
    }

    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)> {
        cloud::thing::<KeyPair>(seen)
    }
}

/// Kind and body of a public key, without its comment.
fn body(key: &str) -> Option<(&str, &str)> {
    let mut words = key.split_whitespace();
    Some((words.next()?, words.next()?))
}

/// As a plan shows it.
fn short(key: &str) -> String {
    let Some((kind, body)) = body(key) else { return key.into() };
    let tail = body.len().saturating_sub(12);
    format!("{kind} …{}", body.get(tail..).unwrap_or(body))
}

fn change(cx: &Cx<'_>, pair: &types::KeyPairInfo, what: &str) -> Result<Verdict<Steps>, Failure> {
    let mut attributes = Attributes::default();
    if let Some(wanted) = cx.text("key_material") {
        let is = pair.public_key().unwrap_or_default();
        if body(is) != body(wanted) && cx.args.bool("force") {
            attributes.fixed("public_key", short(is), short(wanted));
        }
    } else if let Some(wanted) = cx.text("key_type") {
        attributes.fixed("type", cloud::values::word(pair.key_type()), wanted);
    }
    let untold = untold(cx, pair);
    // The run that made it ended before the key was written: nobody has it.
    if let Some(file) = untold.filter(|f| !f.exists()) {
        attributes.fixed("private_key", "lost", format!("in {}", file.display()));
    }
    if let Some(change) = attributes.change(what) {
        find::may_remove::<KeyPair>(cx, pair)?;
        return Ok(Verdict::new(change, Steps::Replace, predicted(cx)));
    }
    let mut tags = cx.compare_tags(&mut attributes, &from_sdk(pair.tags()));
    if untold.is_some() {
        tags.set.insert(TOLD.into(), "true".into());
        attributes.element(&format!("tags.{TOLD}"), None, Some("true"));
    }
    match attributes.change(what) {
        None => Ok(Verdict::unchanged(result(pair, None))),
        Some(change) => {
            find::may_touch::<KeyPair>(cx, pair)?;
            Ok(Verdict::new(change, Steps::Tag(tags), result(pair, None)))
        }
    }
}

/// Where the private key is to be written, of a pair of ours that does not say it was.
fn untold<'a>(cx: &'a Cx<'_>, pair: &types::KeyPairInfo) -> Option<&'a Path> {
    let tags = from_sdk(pair.tags());
    let made_here = !cx.args.has("key_material") && cx.identity.is(&tags);
    cx.text("file_name").filter(|_| made_here && !tags.contains_key(TOLD)).map(Path::new)
}

fn predicted(cx: &Cx<'_>) -> Map {
    let made = !cx.args.has("key_material");
    let mut key = crate::record! {
        "name" => cx.args.str("name"),
        "fingerprint" => cx.unknown(),
        "id" => cx.unknown(),
        "type" => cx.unknown(),
        "tags" => cloud::tags_value(&cx.wanted_tags()),
    };
    if made {
        key.insert("private_key".into(), cx.unknown());
    }
    crate::record! { "key" => key }
}

fn result(pair: &types::KeyPairInfo, private: Option<&str>) -> Map {
    let mut key = crate::record! {
        "name" => pair.key_name(),
        "fingerprint" => pair.key_fingerprint(),
        "id" => pair.key_pair_id(),
        "type" => cloud::values::word(pair.key_type()),
        "tags" => cloud::values::tags(pair.tags()),
    };
    if let Some(private) = private {
        key.insert("private_key".into(), Value::Secret(Secret::new(private)));
    }
    crate::record! { "key" => key }
}

async fn make(cx: &Cx<'_>) -> Result<Map, Failure> {
    match cx.text("key_material") {
        Some(material) => {
            let pair = import(cx, material).await?;
            Ok(result(&pair, None))
        }
        None => {
            let file = cx.text("file_name").map(Path::new);
            if let Some(file) = file.filter(|f| f.exists()) {
                let message =
                    format!("{} exists, and the new private key would overwrite it", file.display());
                return Err(Failure::new(message));
            }
            let (pair, private) = create(cx).await?;
            if let Some(file) = file {
                write(file, &private)?;
                tell(cx, &pair).await?;
            }
            Ok(result(&pair, Some(&private)))
        }
    }
}

/// Notes that the private key was written.
async fn tell(cx: &Cx<'_>, pair: &types::KeyPairInfo) -> Result<(), Failure> {
    let id = pair.key_pair_id().unwrap_or_default();
    // It is known by its name otherwise.
    cx.account.manner.note_made(id);
    let change = TagChange { set: Tags::from([(TOLD.into(), "true".into())]), ..TagChange::default() };
    cx.write_tags(&[id], &change).await?;
    let told = cloud::with_tags(pair, from_sdk(pair.tags()), &change, |pair, tags| pair.tags = Some(tags));
    cx.account.key_pairs.put(told);
    Ok(())
}

async fn import(cx: &Cx<'_>, material: &str) -> Result<Arc<types::KeyPairInfo>, Failure> {
    let account = &cx.account;
    let op = cx.identity.op();
    let wanted = cx.wanted_tags();
    let input = ImportKeyPairInputBuilder::default()
        .key_name(cx.args.str("name"))
        .public_key_material(material.as_bytes().to_vec().into())
        .tag_specifications(op.specification(types::ResourceType::KeyPair, &wanted));
    let kind = match body(material).map(|b| b.0) {
        Some("ssh-ed25519") => types::KeyType::Ed25519,
        _ => types::KeyType::Rsa,
    };
    let send = || -> CallFuture<'_, types::KeyPairInfo> {
        let (input, kind) = (input.clone(), kind.clone());
        let tags = crate::cloud::identity::to_sdk(&op.tags(&wanted));
        Box::pin(async move {
            let made = account.ec2.import_key_pair(input).await?;
            Ok(types::KeyPairInfo::builder()
                .set_key_pair_id(made.key_pair_id)
                .set_key_name(made.key_name)
                .set_key_fingerprint(made.key_fingerprint)
                .public_key(material)
                .key_type(kind)
                .set_tags(Some(tags))
                .build())
        })
    };
    Ok(account.create(&account.key_pairs, &op, &send).await?)
}

/// The private key is told once. Where that answer was lost the pair is worth nothing, and made again.
async fn create(cx: &Cx<'_>) -> Result<(Arc<types::KeyPairInfo>, String), Failure> {
    let account = &cx.account;
    for _ in 0..3 {
        let op = cx.identity.op();
        let wanted = cx.wanted_tags();
        let kind: types::KeyType = cx.text("key_type").unwrap_or("rsa").into();
        let input = CreateKeyPairInputBuilder::default()
            .key_name(cx.args.str("name"))
            .key_type(kind.clone())
            .tag_specifications(op.specification(types::ResourceType::KeyPair, &wanted));
        let private = Mutex::new(None);
        let send = || -> CallFuture<'_, types::KeyPairInfo> {
            let (input, private, kind) = (input.clone(), &private, kind.clone());
            let tags = crate::cloud::identity::to_sdk(&op.tags(&wanted));
            Box::pin(async move {
                let made = account.ec2.create_key_pair(input).await?;
                let id = made.key_pair_id.clone();
                let told = made.key_material.zip(id);
                *private.lock().unwrap_or_else(|e| e.into_inner()) = told;
                Ok(types::KeyPairInfo::builder()
                    .set_key_pair_id(made.key_pair_id)
                    .set_key_name(made.key_name)
                    .set_key_fingerprint(made.key_fingerprint)
                    .key_type(kind)
                    .set_tags(Some(tags))
                    .build())
            })
        };
        let pair = account.create(&account.key_pairs, &op, &send).await?;
        let told = private.lock().unwrap_or_else(|e| e.into_inner()).take();
        match told {
            Some((private, id)) if Some(id.as_str()) == pair.key_pair_id() => return Ok((pair, private)),
            _ => account.remove(&account.key_pairs, KeyPair::id(&pair)).await?,
        }
    }
    Err(CallError::own("ec2:CreateKeyPair", "the answer with the private key was lost three times").into())
}

fn write(file: &Path, private: &str) -> Result<(), Failure> {
    let wrong = |e: std::io::Error| Failure::new(format!("cannot write {}: {e}", file.display()));
    let mut out =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(wrong)?;
    out.write_all(private.as_bytes()).and_then(|()| out.sync_all()).map_err(wrong)
}
