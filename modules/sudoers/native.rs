//! sudoers: one rule in one file.

use crate::modules::kit::{changed, claims, field, only, result};
use crate::modules::text::{read_text, remove_file, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is the file in /etc/sudoers.d; `visudo -c` judges the new text before it is put in place.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Sudoers))
}

struct Sudoers;

fn file(args: &Args) -> String {
    format!("{}/{}", args.str("sudoers_path").trim_end_matches('/'), args.str("name"))
}

fn rule(args: &Args) -> Result<String, Failure> {
    let who = match (args.opt_str("user"), args.opt_str("group")) {
        (Some(user), _) => user.to_string(),
        (_, Some(group)) => format!("%{group}"),
        _ => return Err(Failure::new("user or group is required")),
    };
    let commands = args.list("commands").join(", ");
    if commands.is_empty() {
        return Err(Failure::new("commands is required"));
    }
    let runas = args.opt_str("runas").map(|r| format!("({r})")).unwrap_or_default();
    let tags: String = [("noexec", "NOEXEC:"), ("nopassword", "NOPASSWD:"), ("setenv", "SETENV:")]
        .iter()
        .filter(|(name, _)| args.bool(name))
        .map(|(_, tag)| *tag)
        .collect();
    let rule = format!("{who} {}={runas}{tags} {commands}\n", args.str("host"));
    if rule.trim_end().contains('\n') { Err(Failure::new("a rule is one line")) } else { Ok(rule) }
}

impl Staged for Sudoers {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        claims(
            &["file:/usr/sbin/visudo", "package:sudo", "file:/etc/sudoers.d"],
            &[format!("file:{}", file(args))],
        )
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.str("name").contains('/') {
            return Err(Failure::new("name is a file name without a folder"));
        }
        Ok(vec![read_text([file(args)]), Job::new(script!("sudoers.probe", "probe.sh"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [text, visudo] = seen else { return Err(Failure::new("the host reported nothing")) };
        let path = file(args);
        let was = text_file(only(std::slice::from_ref(text))?, &path)?;
        if args.str("state") == "absent" {
            return Ok(match was.exists {
                true => changed(
                    Action::Delete,
                    format!("{path} is present"),
                    vec![remove_file(&path)],
                    result([]),
                ),
                false => Decision::unchanged(result([])),
            });
        }
        let content = rule(args)?;
        if was.exists && was.content == content {
            return Ok(Decision::unchanged(result([])));
        }
        let mut write = write_text(&was, &content);
        write.mode = Some("0440".into());
        (write.owner, write.group) = (Some("0".into()), Some("0".into()));
        let visudo = field(visudo, "", "visudo");
        write.validate = match args.str("validation") {
            "absent" => None,
            "required" if visudo.is_none() => return Err(Failure::new("the host has no visudo")),
            _ => visudo.map(|v| format!("{v} -c -f %s")),
        };
        let (action, why) =
            if was.exists { (Action::Update, "differs") } else { (Action::Create, "is absent") };
        let decision = changed(action, format!("{path} {why}"), vec![write_file_job(write)], result([]));
        Ok(crate::modules::kit::with_diff(
            decision,
            crate::modules::kit::diff(&path, was.content.as_str(), content),
        ))
    }
}
