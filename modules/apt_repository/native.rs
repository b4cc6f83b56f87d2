//! apt_repository: one line among the sources of apt.

use crate::modules::kit::{changed, claims, diff, only, result, with_diff};
use crate::modules::text::{remove_file, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The truth is the one-line files in /etc/apt (sources.list and sources.list.d); deb822 files do not count.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(AptRepository))
}

struct AptRepository;

/// `apt-get update` as the module `apt` runs it.
pub fn refresh(retries: i64) -> Job {
    Job::new(script!("apt.run", "../apt/run.sh"))
        .var("lock_timeout", "60")
        .var("policy_rc_d", "")
        .var("retries", retries.max(0).to_string())
        .args(["update", "-q"])
}

/// A line's meaning: whether it is a comment, its words, and the remark behind it.
fn words(line: &str) -> Vec<&str> {
    let line = line.split('#').next().unwrap_or("");
    line.split_whitespace().collect()
}

fn file(args: &Args) -> String {
    let name = match args.opt_str("filename") {
        Some(name) if name.starts_with('/') => return name.to_string(),
        Some(name) => name.trim_end_matches(".list").to_string(),
        None => default_name(args.str("repo")),
    };
    format!("/etc/apt/sources.list.d/{name}.list")
}

/// As Ansible names it: host and path of the address, other signs as `_`.
fn default_name(repo: &str) -> String {
    let url = repo.split_whitespace().find(|w| w.contains(":/")).unwrap_or(repo);
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    let bare = bare.rsplit('@').next().unwrap_or(bare).trim_end_matches('/');
    let name: String = bare.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let words: Vec<&str> = name.split('_').filter(|w| !w.is_empty()).collect();
    words.join("_")
}

impl Staged for AptRepository {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        // Keys named in the line are read by apt when it fetches the lists.
        let reads = ["file:/etc/apt/*", "file:/usr/share/keyrings/*", "package:*"];
        let mut writes = vec![format!("file:{}", file(args))];
        if args.str("state") == "absent" {
            writes.push("file:/etc/apt/*".into());
        }
        if args.bool("update_cache") {
            writes.extend(["file:/var/lib/apt/*".to_string(), "lock:dpkg".into()]);
        }
        claims(&reads, &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let repo = args.str("repo");
        if repo.starts_with("ppa:") {
            let message = format!(
                "`{repo}` is refused: a PPA's key would have to be fetched by name. Give its line (`deb \
                 https://ppa.launchpadcontent.net/OWNER/NAME/ubuntu SUITE main`) and key, best with deb822_repository"
            );
            return Err(Failure::new(message));
        }
        let ok = matches!(words(repo).first(), Some(&("deb" | "deb-src"))) && words(repo).len() >= 3;
        if !ok || repo.contains('\n') {
            return Err(Failure::new(format!(
                "Invalid repository string: `{repo}` is not `deb [options] URL SUITE COMPONENT…`"
            )));
        }
        Ok(vec![Job::new(script!("apt_repository.probe", "probe.sh")).var("file", file(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let repo = args.str("repo").trim();
        let wanted = words(repo);
        let paths: BTreeSet<String> =
            output.records().map(|(p, _, _)| String::from_utf8_lossy(p).into_owned()).collect();
        let present = args.str("state") == "present";
        let mut out = result([("repo", repo.into()), ("state", args.str("state").into())]);
        let mut effects = Vec::new();
        let mut diffs = Vec::new();
        let mut there = false;
        for path in &paths {
            let was = text_file(output, path)?;
            let fits = |line: &&str| words(line) == wanted;
            if !was.content.lines().any(|l| fits(&l)) {
                continue;
            }
            there = true;
            if present {
                continue;
            }
            let content: String =
                was.content.lines().filter(|l| !fits(l)).map(|l| format!("{l}\n")).collect();
            diffs.push(diff(path, was.content.as_str(), content.as_str()));
            // A file of which only blanks and comments are left was made for this line.
            let empty = content.lines().all(|l| words(l).is_empty());
            if empty && path.starts_with("/etc/apt/sources.list.d/") {
                effects.push(remove_file(path));
                out.insert("sources_removed".into(), vec![path.as_str().into()].into());
            } else {
                effects.push(write_file_job(write_text(&was, &content)));
            }
        }
        if present && !there {
            let path = file(args);
            let was = text_file(output, &path)?;
            let end = if was.content.is_empty() || was.content.ends_with('\n') { "" } else { "\n" };
            let content = format!("{}{end}{repo}\n", was.content);
            diffs.push(diff(&path, was.content.as_str(), content.as_str()));
            let mut write = write_text(&was, &content);
            write.mode = args.opt_str("mode").map(str::to_string).or((!was.exists).then(|| "0644".into()));
            effects.push(write_file_job(write));
            if !was.exists {
                out.insert("sources_added".into(), vec![path.into()].into());
            }
        }
        if effects.is_empty() {
            return Ok(Decision::unchanged(out));
        }
        if args.bool("update_cache") {
            effects.push(refresh(args.int("update_cache_retries")));
        }
        let (action, reason) =
            if present { (Action::Create, "is absent") } else { (Action::Delete, "is present") };
        let decision = changed(action, format!("`{repo}` {reason}"), effects, out);
        Ok(diffs.into_iter().fold(decision, with_diff))
    }
}
