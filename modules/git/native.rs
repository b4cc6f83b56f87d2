//! git: the commit checked out against the one the remote names, and an archive against what is checked out.

mod archive;

use crate::base::Value;
use crate::modules::files::makes_folders;
use crate::modules::kit::{changed, claims, field, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output, Script};
use crate::script;
use crate::spec::{ModuleSpec, to_text};
use std::sync::{Arc, LazyLock};

static PROBE: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("git.probe", [archive::FUNCTIONS, include_str!("probe.sh")].concat()));

/// The truth is HEAD of the checkout and `git ls-remote`; nothing is fetched to find out.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Git))
}

struct Git;

impl Staged for Git {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let dest = args.opt_str("dest").map(|dest| format!("file:{dest}"));
        let mut reads =
            vec!["package:*".to_string(), "file:/etc/*".into(), "file:/root/*".into(), "file:/home/*".into()];
        let others = ["separate_git_dir", "archive"].into_iter().filter_map(|name| args.opt_str(name));
        let writes: Vec<String> = dest.into_iter().chain(others.map(|path| format!("file:{path}"))).collect();
        reads.extend(args.opt_str("key_file").map(|k| format!("file:{k}")));
        reads.extend(Some(args.str("repo")).filter(|r| r.starts_with('/')).map(|r| format!("file:{r}")));
        let mut claims = claims(&reads, &writes);
        args.opt_str("dest").iter().for_each(|dest| makes_folders(&mut claims, dest));
        claims
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        for name in ["repo", "version", "remote"] {
            if args.str(name).starts_with('-') || args.str(name).contains(['\n', '\0']) {
                return Err(Failure::new(format!("`{}` is not a {name}", args.str(name))));
            }
        }
        if args.opt_str("dest").is_none() && args.bool("clone") {
            return Err(Failure::new("the destination directory must be specified unless clone=no"));
        }
        Ok(vec![archive::variables(args, job(args, Job::new(&PROBE)))?.flag("ask", true)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let umask = args.value("umask").filter(|v| !v.is_null()).map(to_text).unwrap_or_default();
        let store = archive::variables(args, job(args, Job::new(&archive::STORE)))?.var("umask", umask);
        let decision = self.checkout(args, output)?;
        archive::with_archive(args, output, decision, store)
    }
}

impl Git {
    /// What is to be done about the checkout.
    fn checkout(&self, args: &Args, output: &Output) -> Result<Decision, Failure> {
        if output.field("", "tool").is_some() {
            return Err(Failure::new("the host has no git: install the package git first"));
        }
        let before = field(output, "", "before");
        let there = output.field("", "there").is_some();
        let mut out = result([("before", before.clone().into()), ("after", before.clone().into())]);
        if output.field("", "occupied").is_some() {
            return Err(Failure::new(format!(
                "{} is a directory with files of its own and no checkout",
                args.str("dest")
            )));
        }
        if there && !args.bool("update") && before.is_some() {
            return Ok(Decision::unchanged(out));
        }
        let (kind, target) = self.target(args, output)?;
        if !there && !args.bool("clone") {
            // What there would be is all that was asked for.
            out.insert("after".into(), target.into());
            return Ok(Decision::unchanged(out));
        }
        let elsewhere = args.opt_str("separate_git_dir").filter(|dir| {
            there && field(output, "", "git_dir").is_some_and(|is| is != dir.trim_end_matches('/'))
        });
        let url_differs = there && field(output, "", "url").is_some_and(|u| u != args.str("repo"));
        if there {
            out.insert("remote_url_changed".into(), url_differs.into());
        }
        if there
            && before.as_deref() == Some(target.as_str())
            && !url_differs
            && elsewhere.is_none()
            && !args.bool("track_submodules")
        {
            let dirty = field(output, "", "dirty").filter(|_| args.bool("force"));
            if dirty.is_none() {
                return Ok(Decision::unchanged(out));
            }
        } else if let Some(dirty) = field(output, "", "dirty").filter(|_| !args.bool("force")) {
            let first = dirty.lines().next().unwrap_or("").trim().to_string();
            return Err(Failure::new(format!(
                "Local modifications exist in the destination ({first}); `force: true` throws them away"
            )));
        }
        out.insert("after".into(), target.as_str().into());
        let short = |c: &str| c.chars().take(9).collect::<String>();
        let reason = match &before {
            Some(has) if *has != target => {
                format!("{} is at {}, not {}", args.str("dest"), short(has), short(&target))
            }
            Some(_) if elsewhere.is_some() => {
                format!("the git directory of {} is elsewhere", args.str("dest"))
            }
            Some(_) if url_differs => format!("the address of {} differs", args.str("dest")),
            Some(_) => format!("{} has local changes", args.str("dest")),
            None => format!("{} is no checkout", args.str("dest")),
        };
        let text = |name: &str| {
            args.value(name).filter(|v| !matches!(v, Value::Null)).map(to_text).unwrap_or_default()
        };
        let apply = job(args, Job::new(script!("git.apply", "apply.sh")))
            .var("kind", kind)
            .var("target", if kind == "tag" { "" } else { &target })
            .flag("clone", !there)
            .flag("force", args.bool("force"))
            .flag("single_branch", args.bool("single_branch"))
            .flag("recursive", args.bool("recursive"))
            .flag("track", args.bool("track_submodules"))
            .flag("verify_commit", args.bool("verify_commit"))
            .var("depth", text("depth"))
            .var("refspec", text("refspec"))
            .var("reference", text("reference"))
            .var("separate", if there && elsewhere.is_none() { "" } else { args.str("separate_git_dir") })
            .var("allowed", args.list("gpg_allowlist").join(" "))
            .var("umask", text("umask"));
        let action = if there { Action::Update } else { Action::Create };
        Ok(changed(action, reason, vec![apply], out))
    }

    /// Kind of the version (branch, tag, head, ref, commit) and its commit.
    fn target(&self, args: &Args, output: &Output) -> Result<(&'static str, String), Failure> {
        let version = args.str("version");
        if let Some(commit) = field(output, "", "commit") {
            return Ok(("commit", commit));
        }
        if let Some(error) = output.field("", "error") {
            return Err(Failure::new(format!("the repository cannot be read: {}", error.trim())));
        }
        let refs = output.field("", "refs").unwrap_or_default();
        let find = |name: &str| {
            let line = refs.lines().filter_map(|l| l.split_once('\t')).find(|(_, r)| *r == name);
            line.map(|(commit, _)| commit.to_string())
        };
        let candidates = [
            ("tag", format!("refs/tags/{version}^{{}}")),
            ("tag", format!("refs/tags/{version}")),
            ("branch", format!("refs/heads/{version}")),
            (if version == "HEAD" { "head" } else { "ref" }, version.to_string()),
        ];
        // A branch comes before a tag of the same name.
        let order = [2, 0, 1, 3];
        for (kind, name) in order.map(|i| &candidates[i]) {
            if let Some(commit) = find(name) {
                return Ok((kind, commit));
            }
        }
        let hex = version.len() >= 7 && version.bytes().all(|b| b.is_ascii_hexdigit());
        if hex {
            return Ok(("commit", version.to_string()));
        }
        Err(Failure::new(format!(
            "Could not determine remote revision for {version}: {} has no such branch or tag",
            args.str("repo")
        )))
    }
}

fn job(args: &Args, job: Job) -> Job {
    let ssh = ssh(args);
    let names = ["repo", "dest", "version", "remote", "executable"];
    names
        .into_iter()
        .fold(job.flag("bare", args.bool("bare")).var("ssh", ssh), |job, n| job.var(n, args.str(n)))
}

fn ssh(args: &Args) -> String {
    let mut words = vec!["ssh".to_string(), "-o".into(), "BatchMode=yes".into()];
    if args.bool("accept_hostkey") {
        words.extend(["-o".into(), "StrictHostKeyChecking=no".into()]);
    } else if args.bool("accept_newhostkey") {
        words.extend(["-o".into(), "StrictHostKeyChecking=accept-new".into()]);
    }
    if let Some(key) = args.opt_str("key_file") {
        words.extend([
            "-o".into(),
            "IdentitiesOnly=yes".into(),
            "-i".into(),
            shell_words::quote(key).into_owned(),
        ]);
    }
    words.extend(args.opt_str("ssh_opts").map(str::to_string));
    words.join(" ")
}
