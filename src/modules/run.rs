//! What command, shell, raw and script share: conditions, the run itself, and its result.

use super::forecast::{Forecast, record};
use super::{Args, ArgsExt, Controller, Failure, bytes};
use crate::base::{List, Map, Value};
use crate::eval::{ends_line, split_lines};
use crate::plan::{Action, Change, Decision};
use crate::remote::{Job, Output, Status};
use crate::script;

/// The probe of `creates` and `removes`, in a plan of `chdir` too; none where none of them is given.
pub fn conditions(args: &Args, plan: bool) -> Vec<Job> {
    if !(args.has("creates") || args.has("removes") || plan && args.has("chdir")) {
        return Vec::new();
    }
    let job = Job::new(script!("run.conditions", "run_conditions.sh"));
    vec![
        job.var("chdir", args.str("chdir"))
            .flag("plan", plan)
            .var("creates", args.str("creates"))
            .var("removes", args.str("removes")),
    ]
}

/// Whatever is planned before may make the folder that a command runs in.
pub fn foresee(seen: &mut [Output], forecast: &Forecast) -> bool {
    let Some(output) = seen.first_mut().filter(|o| o.field("", "chdir").is_some()) else { return false };
    if !forecast.is_empty() {
        record(output, "", "chdir", b"planned");
    }
    !forecast.is_empty()
}

/// Why nothing has to be run, when that is so.
pub fn condition_met(args: &Args, seen: &[Output]) -> Result<Option<String>, Failure> {
    let Some(output) = seen.first() else { return Ok(None) };
    if !output.ok() {
        return Err(Failure::from_output(output));
    }
    if output.field("", "chdir").as_deref() == Some("absent") {
        return Err(Failure::new(format!("{NO_FOLDER}{}", args.str("chdir"))));
    }
    Ok(match (output.field("", "creates").as_deref(), output.field("", "removes").as_deref()) {
        (Some("1"), _) => Some(format!("Did not run command since '{}' exists", args.str("creates"))),
        (_, Some("0")) => Some(format!("Did not run command since '{}' does not exist", args.str("removes"))),
        _ => None,
    })
}

/// The result of a command that had not to be run.
pub fn skipped(cmd: Value, why: &str) -> Decision {
    let mut result = Map::new();
    result.insert("cmd".into(), cmd);
    result.insert("rc".into(), 0.into());
    result.insert("msg".into(), why.into());
    result.insert("start".into(), Value::Null);
    result.insert("end".into(), Value::Null);
    result.insert("delta".into(), Value::Null);
    texts(
        &mut result,
        "stdout",
        &format!("skipped, since {}", why.trim_start_matches("Did not run command since ").replace('\'', "")),
    );
    texts(&mut result, "stderr", "");
    Decision::unchanged(result)
}

/// The decision to run one job.
pub fn decision(args: &Args, cmd: Value, shown: &str, job: Job, controller: &dyn Controller) -> Decision {
    let mut result = Map::new();
    result.insert("cmd".into(), cmd);
    if controller.check_mode() {
        result.insert("rc".into(), 0.into());
        result.insert("msg".into(), "Command would have run if not in check mode".into());
        result.insert("start".into(), Value::Null);
        result.insert("end".into(), Value::Null);
        result.insert("delta".into(), Value::Null);
        texts(&mut result, "stdout", "");
        texts(&mut result, "stderr", "");
        if !args.has("creates") && !args.has("removes") {
            result.insert("skipped".into(), true.into());
        }
    }
    let mut reason: String = shown.lines().next().unwrap_or_default().chars().take(70).collect();
    if reason.len() < shown.len() {
        reason.push('…');
    }
    let change = Change { action: Action::Run, reason: format!("runs `{reason}`"), diffs: Vec::new() };
    Decision { change: Some(change), effects: vec![job], result, warnings: Vec::new() }
}

/// `stdin`, with the line end that `stdin_add_newline` wants.
pub fn with_stdin(args: &Args, job: Job) -> Job {
    let Some(text) = args.opt_str("stdin") else { return job };
    let mut content = text.as_bytes().to_vec();
    if args.opt_bool("stdin_add_newline").unwrap_or(true) {
        content.push(b'\n');
    }
    job.stdin(bytes(content))
}

/// The return values of a run; a status other than 0 is a failure that carries them. `strip`: without the line ends
/// behind the last word.
pub fn finish(strip: bool, mut result: Map, done: &[Output]) -> Result<Map, Failure> {
    let Some(output) = done.first() else { return Ok(result) };
    let (stdout, times) = split_times(&output.stdout);
    // Much may have been said: it is copied only into the result.
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(&output.stderr));
    let [stdout, stderr] = [&stdout, &stderr].map(|text| match strip {
        true => text.trim_end_matches(['\r', '\n']),
        false => text,
    });
    result.insert("rc".into(), output.rc.into());
    if let Some((start, end)) = times {
        result.insert("delta".into(), delta(&start, &end).into());
        result.insert("start".into(), start.into());
        result.insert("end".into(), end.into());
    }
    texts(&mut result, "stdout", stdout);
    texts(&mut result, "stderr", stderr);
    result.shift_remove("skipped");
    let message = match (output.status, output.rc) {
        (Status::TimedOut, _) => "timed out".to_string(),
        (_, 0) => {
            result.insert("msg".into(), "".into());
            return Ok(result);
        }
        // The script itself says so, before anything ran.
        (_, 2) if never_ran(stderr) => stderr.to_string(),
        _ => "non-zero return code".to_string(),
    };
    result.insert("msg".into(), message.as_str().into());
    // What it did before it failed is not known.
    result.insert("changed".into(), (!never_ran(stderr)).into());
    Err(Failure { message, result })
}

fn never_ran(stderr: &str) -> bool {
    stderr.starts_with(NOT_FOUND) || stderr.starts_with(NO_FOLDER)
}

const NOT_FOUND: &str = "[Errno 2] No such file or directory: ";
const NO_FOLDER: &str = "Unable to change directory before execution: ";

fn texts(result: &mut Map, name: &str, text: &str) {
    let whole = Value::from(text);
    // A text of one line is that line.
    let lines: List = match text.contains(ends_line) {
        false if !text.is_empty() => vec![whole.clone()],
        _ => split_lines(text, false),
    };
    result.insert(name.into(), whole);
    result.insert(format!("{name}_lines").into(), lines.into());
}

/// The scripts end their stdout with NUL, start, NUL, end (nanoseconds after a dot where the host has them).
fn split_times(stdout: &[u8]) -> (&[u8], Option<(String, String)>) {
    let mut fields = stdout.rsplitn(3, |b| *b == 0);
    let (end, start, rest) = (fields.next(), fields.next(), fields.next());
    let (Some(end), Some(start), Some(rest)) = (end.and_then(time), start.and_then(time), rest) else {
        return (stdout, None);
    };
    (rest, Some((start, end)))
}

/// `2026-01-31 12:00:00.123456`; without a fraction where `date` knows none.
fn time(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok()?;
    let (date, fraction) = text.split_once('.')?;
    date.parse::<jiff::civil::DateTime>().ok()?;
    let digits = fraction.chars().take(6).filter(char::is_ascii_digit).count();
    Some(format!("{date}.{}", if digits == 6 { &fraction[..6] } else { "000000" }))
}

fn delta(start: &str, end: &str) -> String {
    let parse = |t: &str| t.parse::<jiff::civil::DateTime>().ok();
    let (Some(start), Some(end)) = (parse(start), parse(end)) else { return "0:00:00.000000".into() };
    let micros = end.duration_since(start).as_micros().max(0);
    let seconds = micros / 1_000_000;
    let (hours, minutes, seconds, micros) =
        (seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000);
    format!("{hours}:{minutes:02}:{seconds:02}.{micros:06}")
}

/// Splits a command line into words as a shell would, without expanding anything.
pub fn words(line: &str) -> Result<Vec<String>, Failure> {
    crate::base::words::split(line).map_err(|_| Failure::new(format!("a quote is not closed in `{line}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_off_and_subtracted() {
        let stdout = b"a\0b\n\x002026-01-01 00:00:00.5000000\x002026-01-01 01:00:02.250000";
        let (rest, times) = split_times(stdout);
        let (start, end) = times.unwrap();
        assert_eq!((rest, delta(&start, &end).as_str()), (&b"a\0b\n"[..], "1:00:01.750000"));
        assert_eq!(split_times(b"a\0b\0c"), (&b"a\0b\0c"[..], None));
    }
}
