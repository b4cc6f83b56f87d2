//! kernel_cmdline: parameters for the next boot, and whether this one was made with them.

use crate::base::{Map, Value};
use crate::modules::kernel::params;
use crate::modules::kernel::place::{self, Live, Place};
use crate::modules::kit::{claims, diff, only, result};
use crate::modules::text::{remove_file, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Change, Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{placed_script, script};
use std::sync::Arc;

/// The truth is the snippet's file, grub.cfg as update-grub left it, and /proc/cmdline (kernel's
/// admin-guide/kernel-parameters).
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(KernelCmdline))
}

struct KernelCmdline;

fn file(args: &Args) -> String {
    format!("/etc/default/grub.d/{}.cfg", args.str("name"))
}

fn has(line: &str, parameter: &str) -> bool {
    line.split_whitespace().any(|word| word == parameter)
}

/// The lines that load this system's own kernels: those that 10_linux wrote. What os-prober found on other disks and
/// what 40_custom has does not take `GRUB_CMDLINE_LINUX`, and a recovery entry is booted by hand.
fn own_entries(entries: &str) -> Vec<&str> {
    let mut own = true;
    let mut out = Vec::new();
    let recovery =
        |line: &str| line.split_whitespace().any(|w| matches!(w, "single" | "recovery" | "rescue"));
    for line in entries.lines().map(str::trim) {
        if let Some(script) = line.strip_prefix("### BEGIN ") {
            own = script.contains("/10_linux");
        } else if own && !recovery(line) && !line.starts_with('#') {
            out.push(line);
        }
    }
    out
}

/// Parameters that one of the boot loader's entries lacks.
fn lacking<'a>(args: &'a Args, entries: &str) -> Vec<&'a str> {
    let lines = own_entries(entries);
    args.list("parameters").into_iter().filter(|p| !lines.iter().all(|l| has(l, p))).collect()
}

impl Staged for KernelCmdline {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let writes =
            [format!("file:{}", file(args)), "file:/boot/grub/*".into(), "file:/run/reboot-required".into()];
        claims(&["file:/etc/default/grub", "file:/etc/default/grub.d/*", "package:*"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let name = args.str("name");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Failure::new(format!("`{name}` is no name of a snippet")));
        }
        let odd = |p: &&str| {
            p.is_empty()
                || p.chars().any(|c| c.is_whitespace() || c.is_control() || "\"'`$\\#;&|<>".contains(c))
        };
        if let Some(bad) = args.list("parameters").into_iter().find(odd) {
            return Err(Failure::new(format!(
                "`{bad}` is no kernel parameter: no quotes, blanks or `$` in it"
            )));
        }
        Ok(vec![Job::new(placed_script!("kernel_cmdline.probe", "probe.sh")).var("file", file(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let (path, whose, live) = (file(args), Place::of(output), Live::of(args));
        let present = args.str("state") != "absent";
        let was = text_file(output, &path)?;
        let line = args.list("parameters").join(" ");
        let content = format!("GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX {line}\"\n");
        let (mut reasons, mut effects, mut diffs, mut warnings) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if present && was.content != content {
            reasons.push(format!("{path} {}", if was.exists { "differs" } else { "is absent" }));
            effects.extend(place::write(output, &path, &was, &content));
            diffs.push(diff(&path, was.content.as_str(), content));
        } else if !present && was.exists {
            reasons.push(format!("{path} is there"));
            effects.push(remove_file(&path));
            diffs.push(diff(&path, was.content.as_str(), ""));
        }
        let grub = output.field("", "grub").is_some();
        // `update-grub` wants the disk it runs on; an image gets its boot loader when it is finished.
        let updates = grub && live.touches(whose);
        let entries = output.field("", "entries").filter(|_| updates);
        let late = entries.as_deref().map(|e| lacking(args, e)).unwrap_or_default();
        if present && reasons.is_empty() && !late.is_empty() {
            reasons.push(format!("/boot/grub/grub.cfg lacks {}", late.join(" ")));
        }
        let job = |act: &str| {
            Job::new(script!("kernel_cmdline.apply", "apply.sh"))
                .var("act", act)
                .var("name", "fitout: kernel_cmdline")
        };
        if updates && !reasons.is_empty() {
            effects.push(job("update"));
        } else if !grub && live == Live::Required && whose != Place::Chroot && present {
            return Err(Failure::new(
                "the host has no update-grub: its boot loader is not known; `live: possible` or `never` writes the snippet alone",
            ));
        } else if !grub && live == Live::Possible {
            if whose == Place::Host {
                return Err(Failure::new("the host has no update-grub: its boot loader is not known"));
            }
            warnings.push(format!(
                "this is a container: it is booted with its machine's kernel, whatever {path} says"
            ));
        }
        let missing = missing(args, output, whose, present);
        let waits = grub
            && whose == Place::Host
            && if present { !missing.is_empty() } else { missing.is_empty() && shows(args, output) };
        if waits && !effects.is_empty() {
            effects.push(job("mark"));
        }
        if waits && present {
            warnings.push(format!("a reboot is needed for {}", missing.join(" ")));
        }
        let mut out = result([("missing", missing.into_iter().map(Value::from).collect::<Vec<_>>().into())]);
        params::told(&mut out, waits);
        let reason = reasons.join("; ");
        let action = if present { Action::Update } else { Action::Delete };
        let change = (!effects.is_empty()).then_some(Change { action, reason, diffs });
        Ok(Decision { change, effects, result: out, warnings })
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let entries = done.iter().find_map(|o| o.field("", "entries"));
        let late = entries.map(|e| lacking(args, &e).join(" ")).unwrap_or_default();
        if args.str("state") != "absent" && !late.is_empty() {
            return Err(Failure::new(format!(
                "update-grub ran, and /boot/grub/grub.cfg lacks {late}: a file of /etc/default/grub.d that is read later \
                 sets GRUB_CMDLINE_LINUX anew; choose a `name` that comes after it"
            )));
        }
        Ok(decision.result)
    }
}

fn missing(args: &Args, output: &Output, place: Place, present: bool) -> Vec<String> {
    let booted = output.field("", "cmdline").unwrap_or_default();
    let lacks = args.list("parameters").into_iter().filter(|p| !has(&booted, p));
    if present && place == Place::Host { lacks.map(str::to_string).collect() } else { Vec::new() }
}

/// Whether the running kernel was booted with one of them.
fn shows(args: &Args, output: &Output) -> bool {
    let booted = output.field("", "cmdline").unwrap_or_default();
    args.list("parameters").iter().any(|p| has(&booted, p))
}
