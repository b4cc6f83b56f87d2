//! docker_engine: packages, repository, configuration and service of a container engine.

mod config;
mod key;
mod seen;
mod wanted;

use crate::base::{Map, Value};
use crate::modules::kit::{changed, diff, result};
use crate::modules::swarm::value;
use crate::modules::text::{TextFile, read_text, remove_file, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, bytes};
use crate::plan::{Action, Change, Decision, Diff};
use crate::remote::files::{WriteFile, write_file_job};
use crate::remote::{Job, Output};
use crate::script;
use seen::Seen;
use std::sync::Arc;
use wanted::{DROP_IN, RUNTIME_DROP_IN, Wanted};

/// The truth is dpkg's database, the repository's and the engine's files, and the service's state.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(DockerEngine))
}

struct DockerEngine;

impl Staged for DockerEngine {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let wanted = Wanted::of(args);
        // The repository's address may hold the host's system, which only the host knows: both are tried by it.
        let url = wanted.key_url();
        let ask = args.str("state") == "latest";
        let look = Job::new(script!("docker_engine.probe", "probe.sh"))
            .var("keyring", if wanted.docker { args.str("keyring") } else { "" })
            .var("url", if args.has("key") || args.str("state") == "absent" { String::new() } else { url })
            .var("users", args.list("users").join("\n"))
            .flag("ask", ask)
            .args(&wanted.packages);
        Ok(vec![look, read_text(wanted.files())])
    }

    fn decide(&self, args: &Args, outputs: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [look, files] = outputs else { return Err(Failure::new("the host reported nothing")) };
        let seen = Seen::read(look)?;
        let wanted = Wanted::of(args);
        if args.str("state") == "absent" {
            return remove(&wanted, &seen, files);
        }
        let mut work = Work::default();
        if wanted.docker {
            repository(args, &wanted, &seen, files, &mut work)?;
        }
        pin(args, &wanted, files, &mut work)?;
        packages(args, &wanted, &seen, &mut work);
        let config = configuration(args, &seen, files, &mut work)?;
        drop_ins(args, files, &mut work)?;
        users(args, &seen, &mut work)?;
        service(args, &seen, &mut work);
        let out = result([
            ("versions", seen.versions()),
            ("config", value(&config)),
            ("restarted", work.act.unwrap_or("no").into()),
        ]);
        if work.effects.is_empty() {
            return Ok(Decision { warnings: work.warnings, ..Decision::unchanged(out) });
        }
        work.effects.push(
            Job::new(script!("docker_engine.probe", "probe.sh"))
                .var("keyring", "")
                .var("url", "")
                .var("users", "")
                .flag("ask", false)
                .args(&wanted.packages),
        );
        let action =
            if seen.installed(&wanted.packages[0]).is_some() { Action::Update } else { Action::Create };
        let change = Change { action, reason: work.reasons.join("; "), diffs: work.diffs };
        Ok(Decision { change: Some(change), effects: work.effects, result: out, warnings: work.warnings })
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut out = decision.result;
        if let Some(seen) = done.last().and_then(|o| Seen::read(o).ok()) {
            out.insert("versions".into(), seen.versions());
        }
        Ok(out)
    }
}

/// What is to be done, put together by the parts below in the order of the effects.
#[derive(Default)]
struct Work {
    reasons: Vec<String>,
    effects: Vec<Job>,
    diffs: Vec<Diff>,
    warnings: Vec<String>,
    /// The repository is new or another one: the package lists are old.
    new_lists: bool,
    installs: bool,
    new_config: bool,
    /// Why the engine is to be restarted or reloaded.
    restart: bool,
    reload: bool,
    new_unit: bool,
    /// containerd is to be restarted; containers do not end with it.
    new_runtime: bool,
    /// Containers are to survive a restart of the engine.
    live_restore: bool,
    act: Option<&'static str>,
}

impl Work {
    fn write(&mut self, was: &TextFile, content: &str) -> bool {
        if was.exists && was.content == content {
            return false;
        }
        let state = if was.exists { "is not as wanted" } else { "is missing" };
        self.reasons.push(format!("{} {state}", was.path));
        let mut file = write_text(was, content);
        file.mode = Some("0644".into());
        self.effects.extend(made(was));
        self.effects.push(write_file_job(file));
        self.diffs.push(diff(&was.path, was.content.as_str(), content));
        true
    }

    fn remove(&mut self, was: &TextFile) {
        self.reasons.push(format!("{} is there", was.path));
        self.effects.push(remove_file(&was.path));
        self.diffs.push(diff(&was.path, was.content.as_str(), ""));
    }
}

/// The job that makes a file's folder where it is missing.
fn made(file: &TextFile) -> Option<Job> {
    let dir = file.path.rsplit_once('/').map_or("/", |(dir, _)| dir);
    (!file.dir).then(|| Job::new(script!("docker_engine.folder", "folder.sh")).args([dir]))
}

fn repository(
    args: &Args,
    wanted: &Wanted,
    seen: &Seen,
    files: &Output,
    work: &mut Work,
) -> Result<(), Failure> {
    let path = args.str("keyring");
    let trusted = args.list("key_fingerprint");
    if let Some(there) = &seen.keyring {
        key::check(there, &trusted, path)?;
    } else {
        let (text, whence) = match (args.opt_str("key"), &seen.fetched) {
            (Some(key), _) => (key.as_bytes().to_vec(), "`key`".to_string()),
            (None, Some(fetched)) => (fetched.clone(), wanted.key_url_on(seen)),
            (None, None) => {
                let why = seen.fetch_failed.as_deref().unwrap_or("no answer");
                return Err(Failure::new(format!(
                    "the repository's key cannot be fetched from {}: {why}",
                    wanted.key_url_on(seen)
                )));
            }
        };
        key::check(&text, &trusted, &whence)?;
        let text = key::formatted(&text, path).ok_or_else(|| Failure::new("the key's armour is broken"))?;
        let mut file = WriteFile::new(path, bytes(text));
        file.mode = Some("0644".into());
        work.reasons.push(format!("{path} is missing"));
        let dir = path.rsplit_once('/').map_or("/", |(dir, _)| dir);
        work.effects.push(Job::new(script!("docker_engine.folder", "folder.sh")).args([dir]));
        work.effects.push(write_file_job(file));
        work.new_lists = true;
    }
    let was = text_file(files, wanted::SOURCES)?;
    work.new_lists |= work.write(&was, &wanted.sources(args, seen)?);
    Ok(())
}

/// A pinned version is one that `apt upgrade` keeps too.
fn pin(args: &Args, wanted: &Wanted, files: &Output, work: &mut Work) -> Result<(), Failure> {
    let was = text_file(files, wanted::PIN)?;
    match wanted.pin(args) {
        Some(text) => {
            work.write(&was, &text);
        }
        None if was.exists => work.remove(&was),
        None => {}
    }
    Ok(())
}

fn packages(args: &Args, wanted: &Wanted, seen: &Seen, work: &mut Work) {
    let mut reasons = Vec::new();
    let first = &wanted.packages[0];
    if seen.installed(first).is_none() {
        reasons.push(format!("{first} is not installed"));
    }
    for name in &wanted.packages {
        let Some(package) = seen.installed(name) else { continue };
        match wanted.version_of(args, name) {
            Some(version) if !wanted::fits(version, &package.version) => {
                reasons.push(format!("{name} is {}, not {version}", package.version));
            }
            _ => {}
        }
        if let Some(newer) = seen.newer(name).filter(|_| args.str("state") == "latest") {
            reasons.push(format!("{name} is {}, {newer} is there", package.version));
        }
        if args.bool("hold") && !package.held {
            reasons.push(format!("{name} is not on hold"));
        }
    }
    if reasons.is_empty() {
        return;
    }
    work.installs = true;
    work.reasons.append(&mut reasons);
    let latest = args.str("state") == "latest";
    let fresh = if work.new_lists { 0 } else { args.int("cache_valid_time") };
    let install = Job::new(script!("docker_engine.install", "install.sh"))
        .var("version", args.str("version"))
        .var("containerd", args.str("containerd_version"))
        .var("fresh", fresh.to_string())
        .flag("hold", args.bool("hold"));
    // Of those that are there, only what is asked for is touched.
    let there = |p: &&String| {
        latest || seen.installed(p).is_none() || wanted.version_of(args, p).is_some() || args.bool("hold")
    };
    work.effects.push(install.args(wanted.packages.iter().filter(there)));
}

fn configuration(
    args: &Args,
    seen: &Seen,
    files: &Output,
    work: &mut Work,
) -> Result<serde_json::Value, Failure> {
    let path = args.str("config_file");
    let was = text_file(files, path)?;
    let empty = Map::new();
    let merged =
        config::merge(&was.content, path, args.map("config").unwrap_or(&empty), &args.list("config_purge"))?;
    if seen.swarm && merged.config["live-restore"] == true {
        return Err(Failure::new(
            "the host is in a swarm, and `live-restore` cannot be used there: the engine would not start\nhint: a swarm \
             starts lost tasks elsewhere; take `live-restore` out of `config`, or set it to false",
        ));
    }
    if !merged.changed.is_empty() {
        work.reasons.push(format!(
            "{path}: {} differ{}",
            merged.changed.join(", "),
            if merged.changed.len() == 1 { "s" } else { "" }
        ));
        let text = merged.text();
        work.effects.push(
            Job::new(script!("docker_engine.configure", "configure.sh"))
                .var("file", path)
                .stdin(bytes(text.clone())),
        );
        work.diffs.push(diff(path, was.content.as_str(), text));
        work.new_config = true;
        work.live_restore = merged.config["live-restore"] == true;
        match merged.reload_is_enough() {
            true => work.reload = true,
            false => work.restart = true,
        }
    }
    Ok(merged.config)
}

fn drop_ins(args: &Args, files: &Output, work: &mut Work) -> Result<(), Failure> {
    let Some((engine, runtime)) = wanted::drop_ins(args)? else { return Ok(()) };
    if wanted::endless_files(args) {
        work.warnings.push("no limit of open files: some programs in containers walk through all they might have open, and hang".into());
    }
    if work.write(&text_file(files, DROP_IN)?, &engine) {
        work.new_unit = true;
        work.restart = true;
    }
    let was = text_file(files, RUNTIME_DROP_IN)?;
    // A drop-in without a limit would be one for nothing.
    if (was.exists || runtime.contains('=')) && work.write(&was, &runtime) {
        work.new_unit = true;
        work.new_runtime = true;
    }
    Ok(())
}

fn users(args: &Args, seen: &Seen, work: &mut Work) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for user in args.list("users") {
        match seen.groups(user) {
            Some(groups) if groups.split_whitespace().any(|g| g == "docker") => {}
            Some(_) => missing.push(user),
            None => {
                return Err(Failure::new(format!(
                    "there is no user {user} to put into the group docker\nhint: the module `user` makes it"
                )));
            }
        }
    }
    if !missing.is_empty() {
        work.reasons.push(format!("{} not in the group docker", missing.join(", ")));
        work.effects.push(Job::new(script!("docker_engine.members", "members.sh")).args(missing));
    }
    Ok(())
}

fn service(args: &Args, seen: &Seen, work: &mut Work) {
    let running = seen.active && !work.installs;
    let may = args.bool("restart");
    work.act = match (running, work.restart, work.reload) {
        _ if seen.held => None,
        (false, _, _) if work.installs && seen.active => Some("restart"),
        (false, _, _) => Some("start"),
        (true, true, _) => Some("restart").filter(|_| may),
        (true, false, true) => Some("reload"),
        (true, false, false) => None,
    };
    if running && (work.restart || work.new_runtime) && !may {
        work.warnings.push(
            "the engine runs with its former configuration until it is restarted (`restart: false`)".into(),
        );
    }
    let enabled = args.bool("enabled");
    let enable = (work.installs || seen.enabled != enabled).then_some(if enabled { "1" } else { "0" });
    if !running && !work.installs && !seen.held {
        work.reasons.push("the engine does not run".into());
    }
    if enable.is_some() && !work.installs {
        work.reasons.push(format!("the engine is {}started at boot", if enabled { "not " } else { "" }));
    }
    if work.act.is_some() || enable.is_some() || work.new_unit || work.new_config {
        work.effects.push(
            Job::new(script!("docker_engine.service", "service.sh"))
                .var("act", work.act.unwrap_or_default())
                .var("enable", enable.unwrap_or_default())
                .var("file", args.str("config_file"))
                .flag("new_config", work.new_config)
                .flag("live", work.live_restore)
                .flag("runtime", work.new_runtime && may && !seen.held),
        );
    }
}

fn remove(wanted: &Wanted, seen: &Seen, files: &Output) -> Result<Decision, Failure> {
    let there: Vec<&String> = wanted.packages.iter().filter(|p| seen.installed(p).is_some()).collect();
    let mut left = Vec::new();
    for path in [wanted::SOURCES, wanted::PIN, DROP_IN, RUNTIME_DROP_IN] {
        left.extend(Some(path.to_string()).filter(|_| text_file(files, path).is_ok_and(|f| f.exists)));
    }
    let out = result([("versions", Value::from(Map::new()))]);
    if there.is_empty() && left.is_empty() {
        return Ok(Decision::unchanged(out));
    }
    let job = Job::new(script!("docker_engine.remove", "remove.sh"))
        .var("files", left.join("\n"))
        .args(wanted.packages_known(seen));
    let what: Vec<&str> = there.iter().map(|s| s.as_str()).chain(left.iter().map(String::as_str)).collect();
    Ok(changed(Action::Delete, format!("{} present", what.join(", ")), vec![job], out))
}
