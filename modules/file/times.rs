//! `access_time` and `modification_time`: `now`, `preserve`, or a time in the host's zone.

use crate::modules::{Args, ArgsExt, Failure};
use crate::remote::Output;
use crate::remote::files::FileStat;
use jiff::civil::DateTime;

#[derive(Clone, Debug, PartialEq)]
enum Time {
    NotGiven,
    Now,
    Preserve,
    At(DateTime),
}

pub struct Wanted {
    access: Time,
    modification: Time,
}

pub fn wanted(args: &Args) -> Result<Wanted, Failure> {
    let time = |name: &str| -> Result<Time, Failure> {
        let format = args.opt_str(&format!("{name}_format")).unwrap_or("%Y%m%d%H%M.%S");
        Ok(match args.opt_str(name) {
            None | Some("") => Time::NotGiven,
            Some("now") => Time::Now,
            Some("preserve") => Time::Preserve,
            Some(text) => Time::At(DateTime::strptime(format, text).map_err(|e| {
                Failure::new(format!("{name} `{text}` does not fit the format `{format}`: {e}"))
            })?),
        })
    };
    Ok(Wanted { access: time("access_time")?, modification: time("modification_time")? })
}

fn civil(time: &Time) -> Option<String> {
    match time {
        Time::At(at) => Some(at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        _ => None,
    }
}

impl Wanted {
    pub fn needs_probe(&self) -> bool {
        !self.civil().is_empty()
    }

    /// The times whose seconds only the host can tell.
    pub fn civil(&self) -> Vec<String> {
        [&self.access, &self.modification].into_iter().filter_map(civil).collect()
    }

    /// Access and modification as `touch -t` takes them, `now`, or empty.
    pub fn for_touch(&self) -> (String, String) {
        let text = |time: &Time| match time {
            Time::NotGiven | Time::Now => "now".to_string(),
            Time::Preserve => String::new(),
            Time::At(at) => at.strftime("%Y%m%d%H%M.%S").to_string(),
        };
        (text(&self.access), text(&self.modification))
    }

    /// Why the times are not as wanted. With `touch`, one that is not given means now.
    pub fn reasons(&self, stat: &FileStat, probe: Option<&Output>, touch: bool) -> Vec<String> {
        let one = |word: &str, time: &Time, is: i64| match time {
            Time::Now => Some(format!("{word} is set to now")),
            Time::NotGiven if touch => Some(format!("{word} is set to now")),
            Time::NotGiven | Time::Preserve => None,
            Time::At(_) => {
                let civil = civil(time)?;
                let wanted = probe.and_then(|o| o.field(&civil, "seconds"))?.parse::<i64>().ok()?;
                (wanted != is).then(|| format!("{word} is not {civil}"))
            }
        };
        let access = one("access time", &self.access, stat.atime);
        let modification = one("modification time", &self.modification, stat.mtime);
        access.into_iter().chain(modification).collect()
    }
}
