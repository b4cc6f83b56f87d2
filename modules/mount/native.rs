//! mount: one line of fstab, and whether it is mounted.

use crate::base::Map;
use crate::modules::kit::{changed, claims, diff, only, result, with_diff};
use crate::modules::text::{TextFile, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is fstab(5) and /proc/self/mounts; what is mounted is compared by path, its source told where it
/// differs.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Mount))
}

struct Mount;

fn fstab(args: &Args) -> &str {
    args.opt_str("fstab").unwrap_or("/etc/fstab")
}

fn path(args: &Args) -> &str {
    let path = args.str("path");
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { path } else { trimmed }
}

impl Staged for Mount {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let source = args.opt_str("src").filter(|s| s.starts_with('/')).map(|s| format!("file:{s}"));
        let reads: Vec<String> =
            source.into_iter().chain(["package:*".to_string(), "module:*".to_string()]).collect();
        // Mounting hides what was below the mount point.
        claims(
            &reads,
            &[format!("file:{}", fstab(args)), format!("file:{}", path(args)), "lock:mount".into()],
        )
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let fields = [args.str("path"), args.str("src"), args.str("opts"), args.str("fstype")];
        if fields.iter().any(|t| t.contains('\n')) {
            return Err(Failure::new("a field of fstab is one line"));
        }
        let job = Job::new(script!("mount.probe", "probe.sh"));
        Ok(vec![job.var("path", path(args)).var("fstab", fstab(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let was = text_file(output, fstab(args))?;
        let mounts = output.field("", "mounts").unwrap_or_default();
        let live = mounts.lines().filter_map(Line::parse).rfind(|l| l.dir == path(args));
        let state = args.str("state");
        let content = match state {
            "mounted" | "present" => with_line(args, &was.content),
            "absent" | "absent_from_fstab" => without_line(args, &was.content),
            _ => was.content.clone(),
        };
        let mut acts: Vec<&str> = Vec::new();
        let mut reasons: Vec<String> = Vec::new();
        let differs = content != was.content;
        if differs {
            reasons.push(match state {
                "absent" | "absent_from_fstab" => format!("{} has a line", path(args)),
                _ if was.content.lines().filter_map(Line::parse).any(|l| l.dir == path(args)) => {
                    format!("the line of {} differs", path(args))
                }
                _ => format!("{} has no line", path(args)),
            });
        }
        match (state, &live) {
            ("mounted" | "ephemeral", None) => acts.push("mount"),
            ("mounted", Some(_)) if differs => acts.push("remount"),
            ("ephemeral", Some(l)) if l.source != args.str("src") => {
                let message =
                    format!("Ephemeral mount point is already mounted with a different source: {}", l.source);
                return Err(Failure::new(message));
            }
            ("remounted", Some(_)) => acts.push("remount"),
            ("remounted", None) => return Err(Failure::new(format!("{} is not mounted", path(args)))),
            ("unmounted" | "absent", Some(_)) => acts.push("unmount"),
            _ => {}
        }
        reasons.extend(acts.iter().map(|a| {
            format!(
                "{} is {}",
                path(args),
                match *a {
                    "mount" => "not mounted",
                    "unmount" => "mounted",
                    _ => "mounted with other options",
                }
            )
        }));
        if state == "absent" && !reasons.is_empty() {
            acts.push("clean");
        }
        Ok(self.decision(args, &was, &content, &acts, &reasons))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut result = decision.result;
        let copies = done.iter().flat_map(Output::records).filter(|(_, key, _)| *key == b"backup_file");
        if let Some((_, _, path)) = copies.last() {
            result.insert("backup_file".into(), String::from_utf8_lossy(path).into_owned().into());
        }
        Ok(result)
    }
}

impl Mount {
    fn decision(
        &self,
        args: &Args,
        was: &TextFile,
        content: &str,
        acts: &[&str],
        reasons: &[String],
    ) -> Decision {
        let out = result([
            ("name", args.str("path").into()),
            ("src", args.str("src").into()),
            ("fstype", args.str("fstype").into()),
            ("opts", options(args).into()),
            ("dump", args.str("dump").into()),
            ("passno", args.str("passno").into()),
            ("fstab", fstab(args).into()),
            ("boot", if args.bool("boot") { "yes" } else { "no" }.into()),
            ("backup_file", "".into()),
        ]);
        if reasons.is_empty() {
            return Decision::unchanged(out);
        }
        let mut effects = Vec::new();
        if content != was.content {
            let mut file = write_text(was, content);
            file.backup = args.bool("backup") && was.exists;
            file.unsafe_writes = true;
            effects.push(write_file_job(file));
        }
        let ephemeral = args.str("state") == "ephemeral";
        let undo = match (content != was.content, was.exists) {
            (false, _) => "",
            (true, false) => "new",
            (true, true) => "line",
        };
        for act in acts {
            let job = Job::new(script!("mount.apply", "apply.sh"))
                .var("act", act)
                .var("path", path(args))
                .var("fstab", fstab(args))
                .var("src", if ephemeral { args.str("src") } else { "" })
                .var("fstype", args.str("fstype"))
                .var("undo", undo)
                .var("old", if undo == "line" { was.content.as_str() } else { "" })
                .var("opts", if ephemeral || *act == "remount" { args.str("opts") } else { "" });
            effects.push(job);
        }
        let decision = changed(Action::Update, reasons.join("; "), effects, out);
        with_diff(decision, diff(fstab(args), was.content.as_str(), content))
    }
}

/// A line of fstab or of /proc/mounts.
struct Line {
    source: String,
    dir: String,
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace().map(unescape);
        let source = words.next()?;
        let dir = words.next()?;
        let dir = if dir.len() > 1 { dir.trim_end_matches('/').to_string() } else { dir };
        Some(Line { source, dir })
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011")
}

fn options(args: &Args) -> String {
    let opts = args.opt_str("opts").filter(|o| !o.is_empty()).unwrap_or("defaults");
    let off = !args.bool("boot") && !opts.split(',').any(|o| o == "noauto");
    if off { format!("{opts},noauto") } else { opts.to_string() }
}

/// Swap has no mount point; its lines are told apart by the source.
fn is_ours(args: &Args, line: &str) -> bool {
    let swap = matches!(path(args), "none" | "swap");
    Line::parse(line).is_some_and(|l| l.dir == path(args) && (!swap || l.source == args.str("src")))
}

fn with_line(args: &Args, content: &str) -> String {
    let fields = [
        args.str("src"),
        path(args),
        args.str("fstype"),
        &options(args),
        args.str("dump"),
        args.str("passno"),
    ];
    let wanted: Vec<String> = fields.iter().map(|f| escape(f)).collect();
    let (mut out, mut found) = (String::new(), false);
    for line in content.lines() {
        if !is_ours(args, line) {
            out.push_str(line);
            out.push('\n');
        } else if !found {
            found = true;
            let mut has: Vec<&str> = line.split_whitespace().collect();
            has.resize(6, "0");
            // A line that says the same is left as it is written.
            let same = has.iter().zip(&wanted).all(|(h, w)| h == w);
            out.push_str(&if same { line.to_string() } else { wanted.join(" ") });
            out.push('\n');
        }
    }
    if !found {
        out.push_str(&wanted.join(" "));
        out.push('\n');
    }
    if found && out.trim_end() == content.trim_end() { content.to_string() } else { out }
}

fn without_line(args: &Args, content: &str) -> String {
    if !content.lines().any(|l| is_ours(args, l)) {
        return content.to_string();
    }
    content.lines().filter(|l| !is_ours(args, l)).map(|l| format!("{l}\n")).collect()
}
