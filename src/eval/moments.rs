//! Python's datetime and timedelta: points in time and spans between them, kept as the text that `str()` makes of them.

use super::call::Args;
use super::error::{Res, wrong};
use super::run::Run;
use crate::base::Value;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

const DAY: i128 = 86_400_000_000;

/// A datetime's text, as `to_datetime` and `now()` make it.
pub(crate) fn datetime(text: &str) -> Option<DateTime> {
    let shape = text.len() >= 19 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b' ';
    shape.then(|| text.parse().ok()).flatten()
}

/// Python's `str()` of a datetime.
pub(crate) fn written(time: DateTime) -> String {
    let format = if time.subsec_nanosecond() == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S.%6f" };
    time.strftime(format).to_string()
}

/// Microseconds of a timedelta's text: `[-]D day[s], H:MM:SS[.ffffff]`.
fn delta(text: &str) -> Option<i128> {
    let (days, clock) = match text.split_once(" day") {
        Some((days, rest)) => (days.parse::<i128>().ok()?, rest.trim_start_matches('s').strip_prefix(", ")?),
        None => (0, text),
    };
    let mut parts = clock.split(':');
    let mut next = || parts.next().filter(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    if parts.next().is_some() || minutes.len() != 2 || seconds.len() < 2 {
        return None;
    }
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let micro: i128 = if part.is_empty() { 0 } else { format!("{part:0<6}").parse().ok()? };
    let whole: i128 = hours.parse::<i128>().ok()? * 3600
        + minutes.parse::<i128>().ok()? * 60
        + whole.parse::<i128>().ok()?;
    Some(days * DAY + whole * 1_000_000 + micro)
}

fn delta_text(micros: i128) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (seconds, micro) = (rest / 1_000_000, rest % 1_000_000);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let clock = if micro == 0 { clock } else { format!("{clock}.{micro:06}") };
    match days {
        0 => clock,
        1 | -1 => format!("{days} day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

fn micros(time: DateTime) -> Option<i128> {
    let stamp = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(stamp.as_nanosecond() / 1000)
}

fn moment(micros: i128) -> Option<DateTime> {
    let stamp = jiff::Timestamp::from_nanosecond(micros * 1000).ok()?;
    Some(stamp.to_zoned(TimeZone::UTC).datetime())
}

/// `left - right` or `left + right` where both are points in time or spans.
pub(crate) fn arithmetic(subtract: bool, left: &str, right: &str) -> Option<Value> {
    let sign = if subtract { -1 } else { 1 };
    let text = match (datetime(left), datetime(right)) {
        (Some(a), Some(b)) if subtract => delta_text(micros(a)? - micros(b)?),
        (Some(a), None) => written(moment(micros(a)? + sign * delta(right)?)?),
        (None, None) if subtract => delta_text(delta(left)? - delta(right)?),
        _ => return None,
    };
    Some(Value::from(text))
}

/// `.days`, `.year` and their like.
pub(crate) fn attribute(text: &str, name: &str) -> Option<Value> {
    if matches!(name, "days" | "seconds" | "microseconds") {
        let micros = delta(text)?;
        let rest = micros.rem_euclid(DAY);
        let number = match name {
            "days" => micros.div_euclid(DAY),
            "seconds" => rest / 1_000_000,
            _ => rest % 1_000_000,
        };
        return i64::try_from(number).ok().map(Value::Int);
    }
    let part: fn(&DateTime) -> i64 = match name {
        "year" => |t| t.year().into(),
        "month" => |t| t.month().into(),
        "day" => |t| t.day().into(),
        "hour" => |t| t.hour().into(),
        "minute" => |t| t.minute().into(),
        "second" => |t| t.second().into(),
        "microsecond" => |t| i64::from(t.subsec_nanosecond() / 1000),
        _ => return None,
    };
    datetime(text).map(|t| Value::Int(part(&t)))
}

/// `.total_seconds()`, `.strftime(…)` and their like.
pub(crate) fn method(run: &mut Run<'_>, text: &str, name: &str, args: &Args) -> Res<Option<Value>> {
    if name == "total_seconds" {
        return Ok(delta(text).map(|m| Value::Float(m as f64 / 1e6)));
    }
    if !matches!(name, "strftime" | "isoformat" | "timestamp" | "date" | "time" | "weekday" | "isoweekday") {
        return Ok(None);
    }
    let Some(time) = datetime(text) else { return Ok(None) };
    let local = || time.to_zoned(TimeZone::system()).map_err(|e| wrong(e.to_string()));
    Ok(Some(match name {
        "strftime" => {
            let format = args.need_text(run, 0, "format")?;
            let made = jiff::fmt::strtime::format(&*format, &local()?);
            Value::from(made.map_err(|e| wrong(format!("`{format}` is no time format: {e}")))?)
        }
        "isoformat" => Value::from(written(time).replace(' ', "T")),
        "timestamp" => Value::Float(local()?.timestamp().as_microsecond() as f64 / 1e6),
        "date" => Value::from(time.date().to_string()),
        "time" => Value::from(clock(time.time())),
        "weekday" => Value::Int(i64::from(time.weekday().to_monday_zero_offset())),
        _ => Value::Int(i64::from(time.weekday().to_monday_one_offset())),
    }))
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_python_does() {
        for text in ["0:00:00", "1 day, 0:00:01", "-1 day, 23:59:59", "400 days, 12:30:00.250000"] {
            assert_eq!(delta(text).map(delta_text).as_deref(), Some(text));
        }
        assert_eq!(delta("12:30"), None);
        assert_eq!(delta("text"), None);
    }

    #[test]
    fn only_points_in_time_are_subtracted() {
        let minus = |a, b| arithmetic(true, a, b);
        assert_eq!(minus("2024-03-01 00:00:00", "2024-02-28 12:00:00"), Some("1 day, 12:00:00".into()));
        assert_eq!(minus("a", "b"), None);
        assert_eq!(minus("2024-03-01 00:00:00", "1 day, 0:00:00"), Some("2024-02-29 00:00:00".into()));
    }
}
