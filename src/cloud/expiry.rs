//! When a thing may go: the tag [`EXPIRES`], and how old a thing is.

use super::identity::{EXPIRES, RUN, Tags};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use std::time::Duration;

/// `90m`, `8h`, `2d`, `1d12h`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time span: write 90m, 8h or 2d");
    let (mut seconds, mut digits) = (0u64, String::new());
    for c in text.trim().chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return Err(wrong()),
        };
        let count: u64 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(unit).and_then(|s| seconds.checked_add(s)).ok_or_else(wrong)?;
    }
    match digits.is_empty() {
        true if !text.trim().is_empty() => Ok(Duration::from_secs(seconds)),
        true => Err(wrong()),
        false if seconds == 0 => digits.parse().map(Duration::from_secs).map_err(|_| wrong()),
        false => Err(wrong()),
    }
}

/// The tag's value for what a user gives: a span from now on, or a moment (`2026-12-24T18:00:00Z`).
pub fn moment(text: &str, now: Timestamp) -> Result<String, String> {
    if let Ok(moment) = text.trim().parse::<Timestamp>() {
        return Ok(written(moment));
    }
    let span = duration(text).map_err(|_| {
        format!("`{text}` says neither how long (90m, 8h, 2d) nor until when (2026-12-24T18:00:00Z)")
    })?;
    after(span, now)
}

/// The moment so long after now.
pub fn after(span: Duration, now: Timestamp) -> Result<String, String> {
    let span = SignedDuration::try_from(span).map_err(|e| e.to_string())?;
    now.checked_add(span).map(written).map_err(|e| e.to_string())
}

fn written(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// When the thing may go; `None` where it says nothing, or nothing that can be read.
pub fn expires(tags: &Tags) -> Option<Timestamp> {
    tags.get(EXPIRES)?.parse().ok()
}

/// When the run that made the thing began: its name says it.
pub fn made(tags: &Tags) -> Option<Timestamp> {
    let (moment, _) = tags.get(RUN)?.split_once('-')?;
    let moment = DateTime::strptime("%Y%m%dT%H%M%S", moment).ok()?;
    moment.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// How long ago the run began that made the thing.
pub fn age(tags: &Tags, now: Timestamp) -> Option<Duration> {
    let made = made(tags)?;
    Some(Duration::try_from(now.duration_since(made)).unwrap_or_default())
}

/// `42s`, `7m`, `3h10m`, `12d`
pub fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_told() {
        let cases = [("90m", 5400), ("8h", 28_800), ("1d12h", 129_600), ("0s", 0), ("30", 30)];
        for (text, seconds) in cases {
            assert_eq!(duration(text).map(|d| d.as_secs()), Ok(seconds), "{text}");
        }
        for wrong in ["", "h", "5x", "1h5", "99999999999999999999d", "-1h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        let told = [(5, "5s"), (61, "1m"), (11_400, "3h10m"), (90_000, "1d")];
        told.iter().for_each(|(s, text)| assert_eq!(short(Duration::from_secs(*s)), *text));
    }

    #[test]
    fn moments_and_ages_come_from_tags() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(moment("2h", now).as_deref(), Ok("2026-11-21T14:00:00Z"));
        assert_eq!(moment("2026-11-22T00:00:00+01:00", now).as_deref(), Ok("2026-11-21T23:00:00Z"));
        assert!(moment("tomorrow", now).is_err());
        let tags: Tags = [(RUN.to_string(), "20261121T110000-77".to_string())].into();
        assert_eq!(age(&tags, now), Some(Duration::from_secs(3600)));
        assert_eq!((age(&Tags::new(), now), expires(&tags)), (None, None));
    }
}
