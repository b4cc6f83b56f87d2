//! Points in time: `strftime`, `to_datetime`, `now()`.

use super::FilterFn::{self, Deep};
use crate::base::Value;
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub(super) const TABLE: &[(&str, FilterFn)] =
    &[("strftime", Deep(strftime)), ("to_datetime", Deep(to_datetime))];

/// `'%Y-%m-%d' | strftime(seconds, utc)`.
fn strftime(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let format = run.text(&value)?;
    let stamp = match args.get(0, "second") {
        None | Some(Value::Null) => Timestamp::now(),
        Some(v) => {
            let text = run.text(v)?;
            let seconds: f64 =
                text.trim().parse().map_err(|_| wrong(format!("`{text}` is no number of seconds")))?;
            Timestamp::from_second(seconds.floor() as i64).map_err(|e| wrong(e.to_string()))?
        }
    };
    let zone = if args.flag(1, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    written(&format, &stamp.to_zoned(zone)).map(Value::from)
}

fn written(format: &str, time: &Zoned) -> Res<String> {
    jiff::fmt::strtime::format(format, time).map_err(|e| wrong(format!("`{format}` is no time format: {e}")))
}

/// A point in time as text; Python's `str()` of a datetime.
fn to_datetime(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let format = args.text(run, 0, "format")?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S".into());
    let parsed = jiff::fmt::strtime::parse(&format, &text)
        .map_err(|e| wrong(format!("time data '{text}' does not match format '{format}': {e}")))?;
    let time: DateTime = parsed
        .to_datetime()
        .or_else(|_| parsed.to_date().map(|d| d.at(0, 0, 0, 0)))
        .map_err(|e| wrong(e.to_string()))?;
    Ok(Value::from(crate::eval::moments::written(time)))
}

/// `now(utc=False, fmt=None)`.
pub(crate) fn now(run: &mut Run<'_>, args: &Args) -> Res<Value> {
    let zone = if args.flag(0, "utc", false) { TimeZone::UTC } else { TimeZone::system() };
    let format = args.text(run, 1, "fmt")?.unwrap_or_else(|| "%Y-%m-%d %H:%M:%S.%6f".into());
    written(&format, &Timestamp::now().to_zoned(zone)).map(Value::from)
}
