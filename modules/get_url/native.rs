//! get_url: the host downloads; the digest decides.

mod answer;

use crate::base::Map;
use crate::modules::files::{self, Attributes, attributes};
use crate::modules::http::{REQUEST, Request};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Change, Decision};
use crate::remote::files::{StatOptions, stat_job};
use crate::remote::{Job, Output, Script};
use std::sync::{Arc, LazyLock};

struct GetUrl;

static PROBE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("get_url.probe", format!("{REQUEST}{}", include_str!("probe.sh"))));
static APPLY: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("get_url.apply", format!("{REQUEST}{}", include_str!("apply.sh"))));

/// The truth is the file at `dest`, by its digest where one is wanted; else it is downloaded where `force` or
/// absence asks for it. Time limits are seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(GetUrl))
}

/// `checksum` taken apart: algorithm, and digest or URL.
fn checksum(args: &Args) -> Result<Option<(String, String)>, Failure> {
    let (text, former) = (args.str("checksum").trim(), args.str("sha256sum").trim());
    if text.is_empty() {
        return Ok((!former.is_empty()).then(|| ("sha256".into(), former.to_string())));
    }
    let wrong = || Failure::new("The checksum parameter has to be in format <algorithm>:<checksum>");
    let (algorithm, rest) = text.split_once(':').ok_or_else(wrong)?;
    let algorithm = algorithm.trim().to_lowercase();
    if !["md5", "sha1", "sha224", "sha256", "sha384", "sha512"].contains(&algorithm.as_str()) {
        return Err(Failure::new(format!("`{algorithm}` is not a kind of checksum")));
    }
    Ok(Some((algorithm, rest.trim().to_string())))
}

fn is_url(text: &str) -> bool {
    ["http:", "https:", "ftp:", "file:"].iter().any(|s| text.starts_with(s))
}

/// The last part of the URL's path.
fn name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    match path.split_once('/').map(|(_, path)| files::base_name(path)) {
        Some(name) if !name.is_empty() => name.to_string(),
        _ => "index.html".into(),
    }
}

/// The digest of `name` in a list as `sha256sum` prints it, in BSD's form, or alone.
fn listed(list: &str, name: &str) -> Option<String> {
    let hex = |t: &str| (t.len() >= 32 && t.bytes().all(|b| b.is_ascii_hexdigit())).then(|| t.to_lowercase());
    let lines: Vec<Vec<&str>> = list.lines().map(|l| l.split_whitespace().collect()).collect();
    for words in &lines {
        match words.as_slice() {
            [digest, file, ..] if files::base_name(file.trim_start_matches('*')) == name => {
                return hex(digest);
            }
            [_, file, "=", digest] if file.trim_matches(['(', ')']) == name => return hex(digest),
            _ => {}
        }
    }
    let mut some = lines.iter().filter(|w| !w.is_empty());
    match (some.next().map(Vec::as_slice), some.next()) {
        (Some([digest]), None) => hex(digest),
        _ => None,
    }
}

/// A URL as it may be shown: without its user and password.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some((user, host)) = rest[..end].rsplit_once('@') else { return url.to_string() };
    let mask = if user.contains(':') { "****:****" } else { "****" };
    format!("{scheme}://{mask}@{host}{}", &rest[end..])
}

fn list_request(args: &Args, url: &str) -> Request {
    Request { url: url.to_string(), ..Request::of(args) }
}

impl Staged for GetUrl {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let dest = args.str("dest");
        let (algorithm, digest) = checksum(args)?.unwrap_or_default();
        let name = name(args.str("url"));
        let job = Job::new(&PROBE).var("dest", dest).var("name", &name).var("algorithm", algorithm);
        let job = if is_url(&digest) {
            list_request(args, &digest).into_job(args, job.var("list", &digest))?
        } else {
            job.var("list", "")
        };
        let options =
            StatOptions { follow: true, labels: Attributes::labels(args), ..StatOptions::default() };
        Ok(vec![job, stat_job([dest, &files::join(dest, &name)], &options)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = match seen.first() {
            Some(output) if output.ok() => output,
            Some(output) => return Err(Failure::from_output(output)),
            None => return Err(Failure::new("the probe left no output")),
        };
        let field = |key: &str| output.field("", key);
        let path = field("path").unwrap_or_default();
        let url = args.str("url");
        let now = files::seen_one(seen.get(1), &path)?;
        let mut wanted = checksum(args)?;
        if let Some((_, digest)) = wanted.as_mut().filter(|(_, d)| is_url(d)) {
            if let Some(error) = field("error") {
                return Err(Failure::new(format!(
                    "the checksums at {} cannot be read: {error}",
                    masked(digest)
                )));
            }
            let found = listed(&field("list").unwrap_or_default(), &name(url));
            let missing =
                || format!("Unable to find a checksum for file '{}' in '{}'", name(url), masked(digest));
            *digest = found.ok_or_else(|| Failure::new(missing()))?;
        }
        let mut result =
            Map::from_iter([("dest".into(), path.as_str().into()), ("url".into(), masked(url).into())]);
        result.insert("elapsed".into(), 0.into());
        let matches =
            wanted.as_ref().is_some_and(|(_, d)| field("digest").is_some_and(|f| f.eq_ignore_ascii_case(d)));
        let exists = field("exists").is_some();
        let keep = exists && (matches || wanted.is_none() && !args.bool("force"));
        let attributes = Attributes::of(args);
        if keep {
            let differences = attributes.differences(&now)?;
            result.insert(
                "msg".into(),
                if wanted.is_some() {
                    "file already exists but file attributes changed"
                } else {
                    "file already exists"
                }
                .into(),
            );
            files::describe(&now, &mut result);
            if differences.is_empty() {
                result.insert("msg".into(), "file already exists".into());
                return Ok(Decision::unchanged(result));
            }
            let change = Change {
                action: Action::Update,
                reason: attributes::reason(&differences),
                diffs: vec![attributes::diff(&path, &differences)],
            };
            let options = StatOptions { follow: true, ..StatOptions::default() };
            let effects =
                vec![Attributes::job(&differences, false, [path.as_str()]), stat_job([&path], &options)];
            return Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() });
        }
        if field("parent").is_none() {
            return Err(Failure::new(format!("Destination {} does not exist", files::parent(&path))));
        }
        let reason = match (exists, &wanted) {
            (false, _) => format!("{path} is absent"),
            (true, Some((algorithm, digest))) => format!("its {algorithm} is not {digest}"),
            (true, None) => "downloaded each time (force)".to_string(),
        };
        let place = (path.as_str(), field("folder"));
        download(args, place, &attributes, wanted, exists.then_some(now.mode), reason, result)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        answer::finish(decision, done)
    }

    /// With `force` the probe sees the same again; a digest was checked by the effect itself.
    fn verify(&self) -> bool {
        false
    }
}

fn download(
    args: &Args,
    (path, folder): (&str, Option<String>),
    attributes: &Attributes,
    wanted: Option<(String, String)>,
    mode: Option<u32>,
    reason: String,
    result: Map,
) -> Result<Decision, Failure> {
    let (algorithm, digest) = wanted.unwrap_or_default();
    let job = Job::new(&APPLY)
        .var("path", path)
        .var("folder", folder.unwrap_or_default())
        .var("algorithm", algorithm)
        .var("digest", digest.to_lowercase())
        .var("mode", attributes.octal(mode.unwrap_or(0o644), false)?.unwrap_or_default())
        .var("owner", attributes.owner.as_deref().unwrap_or_default())
        .var("group", attributes.group.as_deref().unwrap_or_default())
        .flag("backup", args.bool("backup"));
    let request = Request { fail: true, ..Request::of(args) };
    let options = StatOptions { follow: true, ..StatOptions::default() };
    let mut effects = vec![request.into_job(args, job)?];
    effects.extend(attributes.label_job(path)?);
    effects.push(stat_job([path], &options));
    let action = if mode.is_some() { Action::Update } else { Action::Create };
    let change = Change { action, reason, diffs: Vec::new() };
    Ok(Decision { change: Some(change), effects, result, warnings: Vec::new() })
}
