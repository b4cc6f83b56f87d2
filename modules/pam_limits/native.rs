//! pam_limits: one line of a limits file, compared by its words, and the sessions that take it.

use crate::modules::kit::{changed, claims, diff, only, result};
use crate::modules::text::{TextFile, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is the line of limits.conf(5), and whether pam_limits stands in the sessions' files; sizes are
/// as that page gives them, in KiB.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(PamLimits))
}

struct PamLimits;

const SESSIONS: [&str; 2] = ["/etc/pam.d/common-session", "/etc/pam.d/common-session-noninteractive"];

/// The words of a line without its remark.
fn words(line: &str) -> Vec<&str> {
    line.split('#').next().unwrap_or("").split_whitespace().collect()
}

/// Domain, type, item, value of a line; `None` for comments and what is no limit.
fn fields(line: &str) -> Option<[&str; 4]> {
    <[&str; 4]>::try_from(words(line)).ok().filter(|f| ["soft", "hard", "-"].contains(&f[1]))
}

/// Remarks, blank lines, limits, and a domain alone with a dash (no limits at all) can be understood.
fn understood(line: &str) -> bool {
    let words = words(line);
    words.is_empty() || fields(line).is_some() || (words.len() == 2 && words[1] == "-")
}

/// No limit is more than any number; niceness has numbers below nothing.
fn size(item: &str, value: &str) -> i64 {
    match value {
        "unlimited" | "infinity" => i64::MAX,
        "-1" if item != "nice" && item != "priority" => i64::MAX,
        number => number.parse().unwrap_or(0),
    }
}

impl Staged for PamLimits {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let mut writes = vec![format!("file:{}", args.str("dest"))];
        if args.bool("session") {
            writes.extend(SESSIONS.iter().map(|f| format!("file:{f}")));
        }
        claims(&["file:/etc/security/*", "sysctl:fs.nr_open"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let value = args.str("value");
        let known = matches!(value, "unlimited" | "infinity" | "-1") || value.parse::<i64>().is_ok();
        if !known {
            return Err(Failure::new(
                "Argument 'value' can be one of 'unlimited', 'infinity', '-1' or a number",
            ));
        }
        if args.str("domain").split_whitespace().count() != 1 || args.str("domain").contains('#') {
            return Err(Failure::new("the domain of a limit is one word"));
        }
        if args.str("comment").contains('\n') {
            return Err(Failure::new("a limit is one line"));
        }
        let sessions = SESSIONS.iter().filter(|_| args.bool("session"));
        let files = [args.str("dest")].into_iter().chain(sessions.copied());
        Ok(vec![Job::new(script!("pam_limits.probe", "probe.sh")).args(files)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let was = text_file(output, args.str("dest"))?;
        let (content, reason) = line(args, &was, output)?;
        let mut edits: Vec<(TextFile, String, String)> =
            reason.map(|r| (was.clone(), content, r)).into_iter().collect();
        if args.bool("session") {
            edits.extend(sessions(output)?);
        }
        let warnings = foreign(args, &was, output);
        if edits.is_empty() {
            return Ok(Decision { warnings, ..Decision::unchanged(result([])) });
        }
        let reasons: Vec<&str> = edits.iter().map(|(_, _, why)| why.as_str()).collect();
        let effects = edits.iter().map(|(was, content, _)| {
            let mut write = write_text(was, content);
            write.backup = args.bool("backup") && was.exists;
            write_file_job(write)
        });
        let mut decision = changed(Action::Update, reasons.join("; "), effects.collect(), result([]));
        decision.warnings = warnings;
        if let Some(change) = &mut decision.change {
            change.diffs =
                edits.iter().map(|(was, c, _)| diff(&was.path, was.content.as_str(), c.as_str())).collect();
        }
        Ok(decision)
    }
}

/// A limit that a line of the file gives: its place (from 0) and its fields.
type Found<'a> = (usize, [&'a str; 4]);

/// Whether a line's type has a say about a limit of this type: `-` is both.
fn covers(line: &str, kind: &str) -> bool {
    line == kind || line == "-" || kind == "-"
}

/// The limits file with the line, and why it is changed.
fn line(args: &Args, was: &TextFile, output: &Output) -> Result<(String, Option<String>), Failure> {
    let (item, kind, wanted) = (args.str("limit_item"), args.str("limit_type"), args.str("value"));
    let key = [args.str("domain"), kind, item].join(" ");
    let lines: Vec<&str> = was.content.lines().collect();
    let found = lines.iter().enumerate().filter_map(|(i, l)| Some((i, fields(l)?)));
    let found: Vec<Found<'_>> =
        found.filter(|(_, f)| f[0] == args.str("domain") && f[2] == item && covers(f[1], kind)).collect();
    let asked = size(item, wanted);
    let fits = |value: &str| match size(item, value) {
        is if args.bool("use_max") => is >= asked,
        is if args.bool("use_min") => is <= asked,
        is => is == asked,
    };
    // What counts at login: of each half the last line that has a say about it.
    let halves: Vec<Option<&Found<'_>>> = ["soft", "hard"]
        .into_iter()
        .filter(|half| covers(half, kind))
        .map(|half| found.iter().rfind(|(_, f)| covers(f[1], half)))
        .collect();
    let fitting = |half: &Option<&Found<'_>>| half.is_some_and(|(_, f)| fits(f[3]));
    let settled = halves.iter().all(fitting);
    let would = match halves.first() {
        Some(Some((_, f))) if settled => f[3],
        _ => wanted,
    };
    let most = output.field("kernel", "nr_open").and_then(|n| n.trim().parse::<i64>().ok());
    if let Some(most) = most.filter(|most| item == "nofile" && size(item, would) > *most) {
        return Err(Failure::new(format!(
            "{key} would be {would} with a kernel that allows {most} (fs.nr_open): sessions could not have it, and with some \
             versions of PAM nobody could log in; raise fs.nr_open first, or ask for less"
        )));
    }
    if settled {
        return Ok((was.content.clone(), None));
    }
    // One half that is more (or less) already and may stay so is not in the line.
    let bound = args.bool("use_max") || args.bool("use_min");
    let kind = match halves.iter().map(fitting).collect::<Vec<_>>()[..] {
        [false, true] if bound => "soft",
        [true, false] if bound => "hard",
        _ => kind,
    };
    let key = [args.str("domain"), kind, item].join(" ");
    let own = found.iter().rfind(|(_, f)| f[1] == kind).map(|(i, _)| *i);
    // Behind a later line that would take its place at login.
    let rivals = || found.iter().filter(|(_, f)| covers(f[1], kind));
    let over = rivals().rfind(|(i, f)| own.is_some_and(|own| *i > own) && !fits(f[3])).map(|(i, _)| *i);
    let remark = match args.str("comment") {
        "" => own.and_then(|i| lines[i].split_once('#')).map(|(_, old)| old.trim_end()),
        given => Some(given),
    };
    let remark = remark.filter(|c| !c.is_empty()).map(|c| format!("\t#{c}")).unwrap_or_default();
    let line = format!("{}\t{kind}\t{item}\t{wanted}{remark}\n", args.str("domain"));
    let mut content = String::new();
    for (i, old) in lines.iter().enumerate() {
        if own != Some(i) {
            content.push_str(&format!("{old}\n"));
        }
        if over.or(own) == Some(i) {
            content.push_str(&line);
        }
    }
    if own.is_none() {
        content.push_str(&line);
    }
    let differs = halves.into_iter().flatten().find(|(_, f)| !fits(f[3]));
    let reason = match differs {
        Some((_, f)) if f[1] == kind => format!("{key} is {}, not {wanted}", f[3]),
        Some((i, f)) => {
            format!("{key} is {}, not {wanted}: {}:{} has {}", f[3], was.path, i + 1, f.join(" "))
        }
        None => format!("{key} is not limited"),
    };
    Ok((content, Some(reason)))
}

/// The files of PAM that do not name the module yet, with it.
fn sessions(output: &Output) -> Result<Vec<(TextFile, String, String)>, Failure> {
    let mut edits = Vec::new();
    for path in SESSIONS {
        let was = text_file(output, path)?;
        if !was.exists {
            return Err(Failure::new(format!(
                "{path} is not there: `session` knows Debian's files of PAM only"
            )));
        }
        let names = |line: &str| {
            let words = words(line);
            words.first().is_some_and(|w| w.trim_start_matches('-') == "session")
                && words.iter().any(|w| w.ends_with("pam_limits.so"))
        };
        if was.content.lines().any(names) {
            continue;
        }
        let end = if was.content.is_empty() || was.content.ends_with('\n') { "" } else { "\n" };
        let content = format!("{}{end}session required\tpam_limits.so\n", was.content);
        edits.push((was, content, format!("{path} does not name pam_limits.so")));
    }
    Ok(edits)
}

/// A container that may not raise limits gives no session more than its first process has.
fn contained(args: &Args, output: &Output) -> Option<String> {
    const SYS_RESOURCE: u64 = 1 << 24;
    let capable =
        u64::from_str_radix(output.field("kernel", "capable")?.trim(), 16).ok()? & SYS_RESOURCE != 0;
    let most: i64 = output.field("kernel", "most")?.trim().parse().ok()?;
    let over = args.str("limit_item") == "nofile" && size("nofile", args.str("value")) > most;
    (over && !capable)
        .then(|| format!("this container has {most} open files at most, and its sessions not more"))
}

/// Lines that cannot be understood, and later files that have another value.
fn foreign(args: &Args, was: &TextFile, output: &Output) -> Vec<String> {
    let mut warnings = Vec::new();
    for (i, line) in was.content.lines().enumerate().filter(|(_, l)| !understood(l)) {
        let line = line.trim();
        warnings.push(format!("{}:{} is no limit and is left alone: `{line}`", was.path, i + 1));
    }
    warnings.extend(contained(args, output));
    // limits.conf is read first, then the folder in the order of its names.
    let all = output.field("all", "lines").unwrap_or_default();
    let lines = all.lines().filter_map(|l| {
        let (path, rest) = l.split_once(':')?;
        let (number, text) = rest.split_once(':')?;
        Some((path, number, fields(text)?))
    });
    let rank = |path: &str| (path.contains("/limits.d/"), path.to_string());
    let (item, kind) = (args.str("limit_item"), args.str("limit_type"));
    for (path, number, found) in lines.filter(|(path, _, _)| rank(path) > rank(args.str("dest"))) {
        let other = size(item, found[3]) != size(item, args.str("value"));
        if found[0] == args.str("domain") && found[2] == item && covers(found[1], kind) && other {
            warnings.push(format!("{path}:{number} is read later and has {}", found.join(" ")));
        }
    }
    warnings
}
