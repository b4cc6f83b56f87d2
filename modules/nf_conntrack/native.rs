//! nf_conntrack: the table of connections in the running kernel, and everything that makes it so at boot.

use crate::base::{Map, Value};
use crate::modules::kernel::boot_modules::{BootModules, Edit, Named};
use crate::modules::kernel::key;
use crate::modules::kernel::place::{Live, Place};
use crate::modules::kernel::settings::{self, Found, Setting, Wish};
use crate::modules::kit::{claims, diff};
use crate::modules::text::{TextFile, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use crate::{boot_script, script};
use std::sync::Arc;

/// The truth is /proc/sys/net/netfilter and the module's `hashsize` (kernel's nf_conntrack-sysctl). Sizes are
/// entries and buckets, times seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(NfConntrack))
}

struct NfConntrack;

const LOAD: &str = "/etc/modules-load.d/nf_conntrack.conf";
const OPTIONS: &str = "/etc/modprobe.d/nf_conntrack.conf";
const RULES: &str = "/etc/udev/rules.d/60-nf_conntrack.rules";
const MODULE: Named<'static> = Named(&["nf_conntrack"]);
const RULE: &str = "# The module may come after systemd-sysctl has run: then its kernel parameters are set again.\n\
    ACTION==\"add\", SUBSYSTEM==\"module\", KERNEL==\"nf_conntrack\", RUN+=\"/usr/lib/systemd/systemd-sysctl \
    --prefix=/net/netfilter --prefix=/net/nf_conntrack_max\"\n";

/// Fewer chains are not worth a table; the kernel itself takes no fewer on its own.
const FLOOR: i64 = 1024;

fn hashsize(args: &Args) -> Option<i64> {
    args.opt_int("hashsize").or_else(|| args.opt_int("max").map(|max| (max + 3) / 4).map(|n| n.max(FLOOR)))
}

fn wish(args: &Args) -> Result<Wish<'_>, Failure> {
    let mut found = Vec::new();
    if let Some(max) = args.opt_int("max") {
        found.push(Setting::new("net.netfilter.nf_conntrack_max", &max.into())?);
    }
    for (name, value) in args.map("timeouts").into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        let name = name.trim_start_matches("net.netfilter.").trim_start_matches("nf_conntrack_");
        let known = name.contains("timeout")
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !known {
            return Err(Failure::new(format!(
                "`{name}` is no timeout: they are called like `tcp_timeout_established`"
            )));
        }
        if key::value(value).and_then(|v| v.parse::<u32>().ok()).is_none() {
            return Err(Failure::new(format!("{name} is a number of seconds")));
        }
        found.push(Setting::new(&format!("net.netfilter.nf_conntrack_{name}"), value)?);
    }
    Ok(Wish {
        settings: found,
        present: true,
        file: args.opt_str("sysctl_file"),
        live: Live::of(args),
        running: true,
        lenient: false,
        lost_fails: args.str("lost_at_boot") != "warn",
        brings_modules: true,
    })
}

impl Staged for NfConntrack {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let folders = ["/etc/modules", "/etc/modules-load.d/*", "/etc/modprobe.d/*", RULES];
        let mut writes: Vec<String> = folders.map(|f| format!("file:{f}")).into();
        writes.push(format!("file:{}", args.str("sysctl_file")));
        writes.extend([
            "module:nf_conntrack".into(),
            "sysctl:net.netfilter.*".into(),
            "sysctl:net.nf_conntrack_max".into(),
        ]);
        let reads = [
            "file:/etc/sysctl.d",
            "file:/usr/lib/sysctl.d",
            "file:/run/sysctl.d",
            "sysctl:net.ipv4.tcp_keepalive_time",
        ];
        claims(&reads, &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if let Some(few) = hashsize(args).filter(|n| *n < FLOOR) {
            return Err(Failure::new(format!(
                "hashsize {few} is below {FLOOR}, the least the kernel works well with"
            )));
        }
        let own = Job::new(boot_script!("nf_conntrack.probe", "probe.sh")).var("pattern", MODULE.pattern());
        let own = own.args([LOAD, OPTIONS, RULES]);
        Ok(vec![settings::probe(&wish(args)?), own])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [kernel, own] = seen else { return Err(Failure::new("the host reported nothing")) };
        if let Some(failed) = seen.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let place = Place::of(kernel);
        let mut wish = wish(args)?;
        let mut found = Found::default();
        files(args, own, &mut found)?;
        // While the module is not there its parameters are not either: they are set right after it is loaded.
        let there = own.field("", "loaded").is_some() || value(own, "nf_conntrack_buckets").is_some();
        let load = !there && wish.live.touches(place) && place == Place::Host;
        if load {
            found.reasons.push("nf_conntrack is not loaded".into());
            wish.running = false;
        }
        let mut rest = settings::look(&wish, kernel)?;
        if load {
            // After all files: udev's rule reads them when the module comes, and would set former values after these.
            let pairs = wish.settings.iter().flat_map(|s| [&s.path, &s.value]);
            rest.effects.extend([job("load"), settings::set(pairs)]);
        }
        if there && wish.live.touches(place) {
            table(args, own, place, &mut found)?;
        }
        found.reasons.append(&mut rest.reasons);
        found.effects.append(&mut rest.effects);
        found.diffs.append(&mut rest.diffs);
        found.warnings.append(&mut rest.warnings);
        found.warnings.extend(doubts(args, own));
        found.result = rest.result;
        found.result.insert("hashsize".into(), running(own).map_or(Value::Null, Value::from));
        Ok(found.decision())
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        settings::check(&wish(args)?, done)?;
        Ok(decision.result)
    }
}

fn job(act: &str) -> Job {
    Job::new(script!("nf_conntrack.apply", "apply.sh")).var("act", act)
}

fn running(own: &Output) -> Option<i64> {
    own.field("", "hashsize")
        .and_then(|n| n.trim().parse().ok())
        .or_else(|| value(own, "nf_conntrack_buckets"))
}

/// A number below /proc/sys, by its file's name.
fn value(own: &Output, name: &str) -> Option<i64> {
    let values = own.field("", "values")?;
    let mut pairs = values.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(path, _)| path.rsplit('/').next() == Some(name))?.1.trim().parse().ok()
}

/// What loads the module at boot, with which size, and the rule for a late load.
fn files(args: &Args, own: &Output, found: &mut Found) -> Result<(), Failure> {
    let boot = BootModules::read(own);
    let mut edits = boot.load(own, LOAD, &MODULE)?;
    if let Some(size) = hashsize(args).map(|n| n.to_string()) {
        let options = boot.parameters(own, OPTIONS, &MODULE, &[("hashsize", &size)])?;
        edits.files.extend(options.files);
        edits.lost.extend(options.lost);
    }
    edits.files.extend(rule(args, text_file(own, RULES)?));
    if !edits.lost.is_empty() && args.str("lost_at_boot") != "warn" {
        let lost = edits.lost.join("; ");
        return Err(Failure::new(format!("{lost}; `lost_at_boot: warn` accepts it")));
    }
    let did = edits.carried(own);
    found.reasons.extend(did.reasons);
    found.effects.extend(did.effects);
    found.diffs.extend(did.diffs);
    found.warnings.extend(did.lost);
    Ok(())
}

/// The rule as it is wanted; one that this module did not write is not taken away.
fn rule(args: &Args, was: TextFile) -> Option<Edit> {
    let reason = match (args.bool("late_load"), was.exists) {
        (true, false) => "is absent",
        (true, true) if was.content != RULE => "differs",
        (false, true) if was.content.lines().next() == RULE.lines().next() => {
            let reason = format!("{RULES} is present");
            return Some(Edit { was, content: None, reason });
        }
        _ => return None,
    };
    Some(Edit { was, content: Some(RULE.to_string()), reason: format!("{RULES} {reason}") })
}

/// The chains of the running table, which the kernel rounds up to whole pages.
fn table(args: &Args, own: &Output, place: Place, found: &mut Found) -> Result<(), Failure> {
    let (Some(wanted), Some(is)) = (hashsize(args), running(own)) else { return Ok(()) };
    let page = own.field("", "page").and_then(|p| p.trim().parse().ok()).unwrap_or(4096);
    if (wanted..wanted + page / 8).contains(&is) {
        return Ok(());
    }
    if own.field("", "writable").is_some() {
        found.reasons.push(format!("the table has {is} chains, not {wanted}"));
        found.effects.push(job("hashsize").var("value", wanted.to_string()));
        found.diffs.push(diff(
            "/sys/module/nf_conntrack/parameters/hashsize",
            format!("{is}\n"),
            format!("{wanted}\n"),
        ));
        return Ok(());
    }
    let why = "only the machine's first network namespace can change that";
    if !Live::of(args).forgives(place) {
        return Err(Failure::new(format!(
            "the table has {is} chains, not {wanted}: {why}; `live: possible` accepts it"
        )));
    }
    found.warnings.push(format!("this is a container, whose table has {is} chains, not {wanted}: {why}"));
    Ok(())
}

/// What can be said of the numbers.
fn doubts(args: &Args, own: &Output) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(max), Some(size)) = (args.opt_int("max"), hashsize(args))
        && !(size..=size * 8).contains(&max)
    {
        out.push(format!(
            "max {max} for {size} chains: one to eight connections a chain are sound, four the convention"
        ));
    }
    let established = args.map("timeouts").and_then(|t| {
        let names = ["tcp_timeout_established", "nf_conntrack_tcp_timeout_established"];
        names.iter().find_map(|n| key::value(t.get(*n)?)?.parse::<i64>().ok())
    });
    let keepalive = value(own, "tcp_keepalive_time");
    if let (Some(timeout), Some(keepalive)) = (established, keepalive)
        && timeout <= keepalive
    {
        out.push(format!(
            "established connections are forgotten after {timeout} s, and TCP asks after them only every {keepalive} s \
             (net.ipv4.tcp_keepalive_time): idle ones will break"
        ));
    }
    out
}
