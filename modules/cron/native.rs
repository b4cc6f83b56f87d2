//! cron: jobs by the name above them, in a crontab or a file of /etc/cron.d.

use crate::base::{List, Map};
use crate::modules::files;
use crate::modules::kit::{changed, claims, diff, only, result, with_diff};
use crate::modules::text::{TextFile, read_text, remove_file, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, bytes, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is `crontab -l` of the user, or a file of /etc/cron.d; a job is known by the `#Ansible: NAME`
/// line above it.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Cron))
}

struct Cron;

/// Stands before a job's name; Ansible's own mark, so that its crontabs are understood.
const MARK: &str = "#Ansible: ";

fn file(args: &Args) -> Option<String> {
    let file = args.opt_str("cron_file")?;
    Some(if file.starts_with('/') { file.to_string() } else { format!("/etc/cron.d/{file}") })
}

impl Staged for Cron {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        match file(args) {
            Some(path) => claims(&["file:/etc/cron.d"], &[format!("file:{path}")]),
            None => {
                let user = format!("user:{}", args.str("user"));
                let reads = [user.as_str(), "file:/etc/passwd", "package:*", "file:/usr/bin/crontab"];
                let writes = match args.opt_str("user") {
                    Some(user) => format!("file:/var/spool/cron/crontabs/{user}"),
                    None => "file:/var/spool/cron/*".to_string(),
                };
                claims(&reads, &[writes])
            }
        }
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if [args.str("name"), command(args)].iter().any(|t| t.contains(['\n', '\r'])) {
            return Err(Failure::new("name and job are one line each"));
        }
        if file(args).as_deref() == Some("/etc/crontab") {
            // The system's own table holds jobs of others that no name stands above.
            return Err(Failure::new("Will not manage /etc/crontab via cron_file, see documentation."));
        }
        let times = ["minute", "hour", "day", "month", "weekday"];
        if args.has("special_time") && times.iter().any(|field| args.str(field) != "*") {
            let why = "You cannot combine special_time with any of the time or day/date parameters.";
            return Err(Failure::new(why));
        }
        Ok(vec![match file(args) {
            Some(path) => read_text([path]),
            None => Job::new(script!("cron.probe", "probe.sh")).var("user", args.str("user")),
        }])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let was = match file(args) {
            Some(path) => text_file(output, &path)?,
            None if output.field("", "tool").is_some() => {
                return Err(Failure::new("the host has no crontab: install the package cron"));
            }
            None => match output.field("", "error") {
                Some(error) => return Err(Failure::new(error)),
                None => TextFile {
                    content: output.field("", "content").unwrap_or_default(),
                    exists: true,
                    ..TextFile::default()
                },
            },
        };
        let lines: Vec<String> = was.content.lines().map(str::to_string).collect();
        let new = if args.bool("env") { edit_variable(args, lines)? } else { edit_job(args, lines) };
        let content: String = new.iter().map(|l| format!("{l}\n")).collect();
        let out = described(args, &new);
        let same = new.iter().map(String::as_str).eq(was.content.lines());
        if same {
            return Ok(Decision::unchanged(out));
        }
        let name = args.str("name");
        let reason = match args.str("state") {
            "absent" => format!("{name} is present"),
            _ if was.content.lines().any(|l| l == format!("{MARK}{name}")) => format!("{name} differs"),
            _ => format!("{name} is absent"),
        };
        let backup = Job::new(script!("cron.backup", "backup.sh")).stdin(bytes(was.content.as_str()));
        let kept = args.bool("backup") && was.exists && !was.content.is_empty();
        let effects = kept.then_some(backup).into_iter().chain([write(args, &was, &content)]).collect();
        let header = if was.path.is_empty() { "crontab".to_string() } else { was.path.clone() };
        let action = if args.str("state") == "absent" { Action::Delete } else { Action::Update };
        Ok(with_diff(changed(action, reason, effects, out), diff(&header, was.content.as_str(), content)))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::finish(decision, done)
    }
}

fn write(args: &Args, was: &TextFile, content: &str) -> Job {
    match file(args) {
        Some(path) if content.trim().is_empty() => remove_file(&path),
        Some(_) => {
            let mut file = write_text(was, content);
            file.mode = (!was.exists).then(|| "0644".to_string());
            write_file_job(file)
        }
        None => Job::new(script!("cron.apply", "apply.sh"))
            .var("user", args.str("user"))
            .flag("empty", content.is_empty())
            .stdin(bytes(content)),
    }
}

fn described(args: &Args, lines: &[String]) -> Map {
    let jobs: List = lines.iter().filter_map(|l| l.strip_prefix(MARK)).map(Into::into).collect();
    let envs: List = lines.iter().filter_map(|l| variable(l)).map(Into::into).collect();
    let mut out = result([("jobs", jobs.into()), ("envs", envs.into())]);
    if let Some(path) = file(args) {
        out.insert("cron_file".into(), path.into());
    }
    out
}

/// What YAML's block forms leave at the ends is not the command's.
fn command(args: &Args) -> &str {
    args.str("job").trim_matches(['\r', '\n'])
}

fn job_line(args: &Args) -> String {
    let job = command(args);
    let user = if args.has("cron_file") {
        format!("{} ", args.opt_str("user").unwrap_or("root"))
    } else {
        String::new()
    };
    let off = if args.bool("disabled") { "#" } else { "" };
    match args.opt_str("special_time") {
        Some(word) => format!("{off}@{word} {user}{job}"),
        None => {
            let times = ["minute", "hour", "day", "month", "weekday"].map(|f| args.str(f)).join(" ");
            format!("{off}{times} {user}{job}")
        }
    }
}

fn edit_job(args: &Args, lines: Vec<String>) -> Vec<String> {
    let mark = format!("{MARK}{}", args.str("name"));
    let present = args.str("state") == "present";
    let (mut out, mut found, mut rest) = (Vec::new(), false, lines.into_iter());
    while let Some(line) = rest.next() {
        if line != mark {
            out.push(line);
            continue;
        }
        let _old = rest.next();
        if present && !found {
            out.extend([mark.clone(), job_line(args)]);
        }
        found = true;
    }
    if present && !found {
        out.extend([mark, job_line(args)]);
    }
    out
}

/// The name in `NAME=value`.
fn variable(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then_some(name)
}

/// # Errors
/// There is none of the name that it shall stand beside.
fn edit_variable(args: &Args, mut lines: Vec<String>) -> Result<Vec<String>, Failure> {
    let name = args.str("name");
    let at = lines.iter().position(|l| variable(l) == Some(name));
    if args.str("state") == "absent" {
        lines.retain(|l| variable(l) != Some(name));
        return Ok(lines);
    }
    let line = format!("{name}=\"{}\"", command(args));
    if let Some(at) = at {
        lines[at] = line;
        return Ok(lines);
    }
    let place = |other: &str| {
        let at = lines.iter().position(|l| variable(l) == Some(other));
        at.ok_or_else(|| Failure::new(format!("Variable named '{other}' not found.")))
    };
    let at = match (args.opt_str("insertafter"), args.opt_str("insertbefore")) {
        (Some(other), _) => place(other)? + 1,
        (_, Some(other)) => place(other)?,
        _ => 0,
    };
    lines.insert(at, line);
    Ok(lines)
}
