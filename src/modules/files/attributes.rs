//! Owner, group and mode: compared with what is there, set where they differ.

use super::{mode, name_or_id};
use crate::modules::{Args, ArgsExt, Failure};
use crate::remote::Job;
use crate::remote::files::{FileKind, FileStat};
use crate::script;

/// What a task wants of a file's owner, group and mode. `None`: as it is.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    pub owner: Option<String>,
    pub group: Option<String>,
    /// Octal or symbolic.
    pub mode: Option<String>,
}

/// One attribute that is not as wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub what: &'static str,
    pub before: String,
    pub after: String,
}

impl Attributes {
    /// From `owner`, `group`, `mode`; `mode: preserve` counts as not given.
    pub fn of(args: &Args) -> Attributes {
        let text = |name| args.opt_str(name).filter(|t| !t.is_empty()).map(String::from);
        Attributes {
            owner: text("owner"),
            group: text("group"),
            mode: text("mode").filter(|m| m != "preserve"),
        }
    }

    pub fn with_mode(mut self, mode: Option<String>) -> Attributes {
        self.mode = mode;
        self
    }

    /// The mode to be set on a file that has `now`, in bits.
    pub fn bits(&self, now: u32, directory: bool) -> Result<Option<u32>, Failure> {
        let Some(text) = &self.mode else { return Ok(None) };
        match mode::apply(text, now, directory) {
            Some(bits) => Ok(Some(bits)),
            None => Err(Failure::new(format!("`{text}` is not a file mode"))),
        }
    }

    /// As [`Attributes::bits`], for `chmod`.
    pub fn octal(&self, now: u32, directory: bool) -> Result<Option<String>, Failure> {
        Ok(self.bits(now, directory)?.map(|b| format!("{b:04o}")))
    }

    pub fn differences(&self, stat: &FileStat) -> Result<Vec<Difference>, Failure> {
        let mut out = Vec::new();
        let mut name = |what, wanted: &Option<String>, is: &str, id: u32| {
            if let Some(wanted) = wanted
                && wanted != is
                && *wanted != id.to_string()
            {
                out.push(Difference { what, before: name_or_id(is, id), after: wanted.clone() });
            }
        };
        name("owner", &self.owner, &stat.owner, stat.uid);
        name("group", &self.group, &stat.group, stat.gid);
        let directory = stat.kind == FileKind::Directory;
        if stat.kind != FileKind::Link
            && let Some(bits) = self.bits(stat.mode, directory)?
            && bits != stat.mode
        {
            let octal = |b: u32| format!("{b:04o}");
            out.push(Difference { what: "mode", before: octal(stat.mode), after: octal(bits) });
        }
        Ok(out)
    }

    /// The job that sets what differs on paths that differ alike; `nofollow`: on links themselves.
    pub fn job<'a>(
        differences: &[Difference],
        nofollow: bool,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Job {
        let wanted =
            |what| differences.iter().find(|d| d.what == what).map_or("", |d| d.after.as_str()).to_string();
        // Setting the owner clears set-id bits, so the mode is set whenever it is known.
        Job::new(script!("files.attributes", "attributes.sh"))
            .var("owner", wanted("owner"))
            .var("group", wanted("group"))
            .var("mode", wanted("mode"))
            .flag("nofollow", nofollow)
            .args(paths)
    }
}

/// `mode is 0600, not 0644; owner is root, not www-data`.
pub fn reason(differences: &[Difference]) -> String {
    let one = |d: &Difference| format!("{} is {}, not {}", d.what, d.before, d.after);
    differences.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The two sides of a diff of attributes, one a line.
pub fn diff(path: &str, differences: &[Difference]) -> crate::plan::Diff {
    let side = |pick: &dyn Fn(&Difference) -> String| -> String {
        differences.iter().map(|d| format!("{}: {}\n", d.what, pick(d))).collect()
    };
    crate::plan::Diff {
        before_header: format!("{path} (attributes)"),
        after_header: format!("{path} (attributes)"),
        before: side(&|d| d.before.clone()),
        after: side(&|d| d.after.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_both_understood() {
        let stat = FileStat {
            exists: true,
            mode: 0o600,
            uid: 33,
            gid: 33,
            owner: "www-data".into(),
            group: "www-data".into(),
            ..FileStat::default()
        };
        let wanted = |owner: &str, mode: &str| Attributes {
            owner: Some(owner.into()),
            group: None,
            mode: Some(mode.into()),
        };
        assert_eq!(wanted("33", "0600").differences(&stat).unwrap(), []);
        assert_eq!(wanted("www-data", "u=rw").differences(&stat).unwrap(), []);
        let found = wanted("root", "0644").differences(&stat).unwrap();
        assert_eq!(reason(&found), "owner is www-data, not root; mode is 0600, not 0644");
    }
}
