//! An object in S3 as a lock: whoever makes it has it, and two cannot make it.
//!
//! `If-None-Match: *` lets one writer win. The holder writes the object again from time to time (`If-Match` its own
//! version), so that one whose holder is gone can be told from one that is held: by a silence longer than any clock's
//! error, or at once where the holder was a process of this machine. A takeover is a conditional write, too, so of two
//! that try one wins. An answer that was lost is cleared up by reading: the object says whose it is.

use super::access::Access;
use super::calls::{CallFuture, Repeat};
use super::error::CallError;
use super::retry::{Manner, patiently};
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::{Client, config::RequestChecksumCalculation};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A silence that no difference of clocks explains: requests whose time is off by 15 minutes are refused.
pub const STALE: Duration = Duration::from_secs(20 * 60);

/// `s3://BUCKET[/PREFIX][?region=REGION]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Unique in all of S3.
    pub name: String,
    /// Empty, or with a slash at its end.
    pub prefix: String,
    /// Where the bucket is, if it is not where the things are.
    pub region: Option<String>,
}

impl std::str::FromStr for Bucket {
    type Err = String;

    fn from_str(text: &str) -> Result<Bucket, String> {
        let wrong = || format!("`{text}` is no place for locks: write s3://BUCKET/PREFIX, or `local`");
        let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let region = match query.split_once('=') {
            Some(("region", region)) if !region.is_empty() => Some(region.to_string()),
            None if query.is_empty() => None,
            _ => return Err(wrong()),
        };
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(wrong());
        }
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Bucket { name: name.to_string(), prefix, region })
    }
}

/// Who has a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The lock's name is made of it.
    pub stack: String,
    /// The run that has it, for `fitout log`.
    pub run: String,
    /// `user@machine`
    pub owner: String,
    /// Its process id on that machine.
    pub process: u32,
    /// The machine since its start, as far as processes see each other; empty where that is not known.
    #[serde(default)]
    pub machine: String,
    /// When the process began, in the machine's own measure.
    #[serde(default)]
    pub began: String,
    /// When it was taken.
    #[serde(with = "moment")]
    pub since: Timestamp,
    /// When it was last heard of.
    #[serde(with = "moment")]
    pub renewed: Timestamp,
}

/// As text, in UTC.
mod moment {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(moment: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(moment)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Holder {
    /// This process.
    pub fn here(stack: &str, run: &str) -> Holder {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "?".into());
        let (process, now) = (std::process::id(), Timestamp::now());
        Holder {
            stack: stack.to_string(),
            run: run.to_string(),
            owner: format!("{user}@{host}"),
            process,
            machine: machine().unwrap_or_default(),
            began: began(process).unwrap_or_default(),
            since: now,
            renewed: now,
        }
    }

    fn is_same(&self, other: &Holder) -> bool {
        (&self.run, &self.owner, self.process, &self.machine, &self.began)
            == (&other.run, &other.owner, other.process, &other.machine, &other.began)
    }

    /// Whether the process is for certain alive, or for certain not; `None`: it is elsewhere.
    pub fn lives(&self) -> Option<bool> {
        if self.machine.is_empty() || self.machine != machine()? {
            return None;
        }
        Some(began(self.process).is_some_and(|began| began == self.began))
    }

    /// Why nobody holds the lock any more.
    pub fn gone(&self, now: Timestamp) -> Option<String> {
        if self.lives() == Some(false) {
            return Some(format!("process {} is no more", self.process));
        }
        let silent = Duration::try_from(now.duration_since(self.renewed)).unwrap_or_default();
        let stale = self.lives().is_none() && silent >= STALE;
        stale.then(|| format!("nothing was heard of it for {}", super::expiry::short(silent)))
    }

    /// Who holds it (run, owner, process) and for how long until `now`, in words for a message.
    pub fn described(&self, now: Timestamp) -> String {
        let age = Duration::try_from(now.duration_since(self.since)).unwrap_or_default();
        let age = super::expiry::short(age);
        format!("run {} of {} (process {}), for {age}", self.run, self.owner, self.process)
    }
}

/// The machine's start and the space of its process numbers: equal ones see each other's processes.
fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// The start of a process that is there and no zombie, in ticks since the machine's start.
fn began(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it begin with the third.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18).map(str::to_string)).flatten()
}

/// A version of the object.
pub type Version = String;

/// What came of an attempt.
#[derive(Debug)]
pub enum Taken {
    /// It is this process's now, and why the one before lost it.
    Mine(Version, Option<String>),
    /// Someone else has it, and was heard of lately.
    Theirs(Holder),
}

/// The locks of one bucket, as one user sees them.
pub struct Locks {
    client: Client,
    manner: Arc<Manner>,
    bucket: Bucket,
}

impl Locks {
    /// Locks in a bucket, with path-style addresses where the endpoint is not the service's own. Makes no
    /// call.
    pub fn new(config: &SdkConfig, manner: Arc<Manner>, bucket: Bucket) -> Locks {
        let own = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let mut builder = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(own)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        if let Some(region) = &bucket.region {
            builder = builder.region(Region::new(region.clone()));
        }
        Locks { client: Client::from_conf(builder.build()), manner, bucket }
    }

    /// For a command of its own.
    pub async fn open(access: &Access, manner: Arc<Manner>, bucket: Bucket) -> Result<Locks, CallError> {
        Ok(Locks::new(&access.config().await?, manner, bucket))
    }

    fn key(&self, stack: &str) -> String {
        format!("{}{stack}.lock", self.bucket.prefix)
    }

    /// Where the lock is, in a user's words.
    pub fn place(&self, stack: &str) -> String {
        format!("s3://{}/{}", self.bucket.name, self.key(stack))
    }

    /// Takes the lock, unless someone has it who may still be there.
    pub async fn take(&self, mine: &Holder) -> Result<Taken, CallError> {
        let mut why = None;
        let mut over: Option<Version> = None;
        // Each round ends, or meets another change of the object; there is one at a time.
        for _ in 0..10 {
            match self.put(mine, over.as_ref()).await {
                Ok(version) => return Ok(Taken::Mine(version, why)),
                Err(error) if was_changed(&error) => {}
                Err(error) => return Err(error),
            }
            let Some((holder, version)) = self.read(&mine.stack).await? else {
                (over, why) = (None, None);
                continue;
            };
            if holder.is_same(mine) {
                return Ok(Taken::Mine(version, why));
            }
            why = holder.gone(Timestamp::now());
            if why.is_none() {
                return Ok(Taken::Theirs(holder));
            }
            over = Some(version);
        }
        Err(CallError::own("s3:PutObject", format!("{} changes all the time", self.place(&mine.stack))))
    }

    /// Says that the holder is still there; `None`: the lock is no longer its own.
    pub async fn renew(&self, mine: &Holder, version: &Version) -> Result<Option<Version>, CallError> {
        match self.put(mine, Some(version)).await {
            Ok(version) => Ok(Some(version)),
            Err(error) if was_changed(&error) || is_missing(&error) => {
                let now = self.read(&mine.stack).await?;
                Ok(now.filter(|(holder, _)| holder.is_same(mine)).map(|(_, version)| version))
            }
            Err(error) => Err(error),
        }
    }

    /// Who has the stack; `None`: nobody.
    pub async fn read(&self, stack: &str) -> Result<Option<(Holder, Version)>, CallError> {
        const CALL: &str = "s3:GetObject";
        let attempt = || -> CallFuture<'_, (Vec<u8>, Version)> {
            let call = self.client.get_object().bucket(&self.bucket.name).key(self.key(stack));
            Box::pin(async move {
                let reply = call.send().await.map_err(|e| CallError::of(CALL, &e))?;
                let version = reply.e_tag.unwrap_or_default();
                let body = reply.body.collect().await.map_err(|e| CallError::own(CALL, e.to_string()))?;
                Ok((body.into_bytes().to_vec(), version))
            })
        };
        let (body, version) = match patiently(&self.manner, CALL, Repeat::Read, &attempt).await {
            Err(error) if is_missing(&error) => return Ok(None),
            other => other?,
        };
        let holder = serde_json::from_slice(&body);
        let holder = holder.map_err(|e| {
            let message = format!("{} is no lock of fitout: {e}", self.place(stack));
            CallError::own(CALL, message)
        })?;
        Ok(Some((holder, version)))
    }

    /// Lets go of the version that was seen; one that is not there any more is no error.
    pub async fn release(&self, stack: &str, version: &Version) -> Result<(), CallError> {
        const CALL: &str = "s3:DeleteObject";
        let attempt = || -> CallFuture<'_, ()> {
            let call = self.client.delete_object().bucket(&self.bucket.name).key(self.key(stack));
            let call = call.if_match(version);
            Box::pin(async move { call.send().await.map(drop).map_err(|e| CallError::of(CALL, &e)) })
        };
        match patiently(&self.manner, CALL, Repeat::Same, &attempt).await {
            Err(error) if is_missing(&error) || was_changed(&error) => Ok(()),
            other => other,
        }
    }

    /// Writes the object where there is none, or over this version.
    async fn put(&self, holder: &Holder, over: Option<&Version>) -> Result<Version, CallError> {
        const CALL: &str = "s3:PutObject";
        let holder = Holder { renewed: Timestamp::now(), ..holder.clone() };
        let body = serde_json::to_vec(&holder).map_err(|e| CallError::own(CALL, e.to_string()))?;
        let attempt = || -> CallFuture<'_, Version> {
            let call = self.client.put_object().bucket(&self.bucket.name).key(self.key(&holder.stack));
            let call = call.content_type("application/json").body(ByteStream::from(body.clone()));
            let call = match over {
                Some(version) => call.if_match(version),
                None => call.if_none_match("*"),
            };
            Box::pin(async move {
                let reply = call.send().await.map_err(|e| CallError::of(CALL, &e))?;
                Ok(reply.e_tag.unwrap_or_default())
            })
        };
        patiently(&self.manner, CALL, Repeat::Same, &attempt).await
    }
}

/// The object is not as the condition says.
fn was_changed(error: &CallError) -> bool {
    error.is(&["PreconditionFailed", "ConditionalRequestConflict"])
}

fn is_missing(error: &CallError) -> bool {
    error.is(&["NoSuchKey", "NotFound", "404"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let bucket = |name: &str, prefix: &str, region: Option<&str>| Bucket {
            name: name.into(),
            prefix: prefix.into(),
            region: region.map(Into::into),
        };
        let cases = [
            ("s3://b", bucket("b", "", None)),
            ("s3://b/x/y/", bucket("b", "x/y/", None)),
            ("s3://b/x?region=eu-west-1", bucket("b", "x/", Some("eu-west-1"))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for wrong in ["b/x", "s3://", "s3:///x", "s3://b?zone=1", "http://b"] {
            assert!(wrong.parse::<Bucket>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_holder_is_gone_when_its_process_or_its_voice_is() {
        let now = Timestamp::now();
        let here = Holder::here("web", "r");
        assert_eq!((here.lives(), here.gone(now)), (Some(true), None));
        let ended = Holder { began: "1".into(), ..here.clone() };
        assert_eq!(ended.gone(now), Some(format!("process {} is no more", std::process::id())));
        let ago = |minutes: u64| now - Duration::from_secs(minutes * 60);
        // Alive, however silent: it may have been stopped and goes on.
        assert_eq!(Holder { renewed: ago(500), ..here.clone() }.gone(now), None);
        let elsewhere = Holder { machine: "other".into(), since: ago(90), ..here };
        assert_eq!(elsewhere.lives(), None);
        assert_eq!(Holder { renewed: ago(19), ..elsewhere.clone() }.gone(now), None);
        let silent = Holder { renewed: ago(21), ..elsewhere.clone() };
        assert_eq!(silent.gone(now).as_deref(), Some("nothing was heard of it for 21m"));
        assert!(elsewhere.described(now).ends_with("for 1h30m"), "{}", elsewhere.described(now));
    }
}
