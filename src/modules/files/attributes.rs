//! Owner, group, mode, chattr's flags and SELinux context: compared with what is there, set where they differ.

use super::{mode, name_or_id};
use crate::modules::{Args, ArgsExt, Failure};
use crate::remote::Job;
use crate::remote::files::{FileKind, FileStat, FolderAttributes};
use crate::script;

/// The parts of an SELinux context, as the arguments are called.
const CONTEXT: [&str; 4] = ["seuser", "serole", "setype", "selevel"];

/// Flags that tell how a file is stored; nobody sets or clears them by hand.
const STORED: &str = "eEINVhPF";

/// What a task wants of a file's owner, group and mode. `None`: as it is.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// A name or a number.
    pub owner: Option<String>,
    /// A name or a number.
    pub group: Option<String>,
    /// Octal or symbolic.
    pub mode: Option<String>,
    /// As `chattr` takes them: `+i`, `-i`, `=ia`.
    pub flags: Option<String>,
    /// In the order of a context; compared on hosts that have SELinux.
    pub context: [Option<String>; 4],
}

/// One attribute that is not as wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The argument it is about: `owner`, `mode`, `attributes`, `seuser`.
    pub what: &'static str,
    /// As it is: a name where there is one, octal digits, letters.
    pub before: String,
    /// As it is to be, in the same words.
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
            flags: text("attributes"),
            context: CONTEXT.map(|name| text(name).filter(|part| part != "_default")),
        }
    }

    /// Whether a probe has to look at what `stat` does not tell.
    pub fn labels(args: &Args) -> bool {
        args.has("attributes") || CONTEXT.iter().any(|name| args.has(name))
    }

    /// The job that labels a file just made, for what makes one sets owner, group and mode only.
    pub fn label_job(&self, path: &str) -> Result<Option<Job>, Failure> {
        let one = |what, after: String| Difference { what, before: String::new(), after };
        let parts = CONTEXT.into_iter().zip(&self.context);
        let mut labels: Vec<_> = parts.filter_map(|(what, part)| Some(one(what, part.clone()?))).collect();
        let words = self.flags.as_ref().map(|wanted| flags(wanted, "")).transpose()?;
        labels.extend(words.filter(|words| !words.is_empty()).map(|words| one("attributes", words)));
        Ok((!labels.is_empty()).then(|| Attributes::job(&labels, false, [path])))
    }

    /// The same wishes with another mode: octal or symbolic text; `None` leaves the mode as it is.
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

    /// What new folders get.
    ///
    /// # Errors
    /// The mode is neither octal nor symbolic text.
    pub fn of_folders(self) -> Result<FolderAttributes, Failure> {
        let mode = self.octal(0o755, true)?;
        Ok(FolderAttributes { mode, owner: self.owner, group: self.group })
    }

    /// What differs, in words for a diff. Owners count as equal by name or by number; a link's own mode is
    /// never compared.
    ///
    /// # Errors
    /// The mode is neither octal nor symbolic text.
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
        // Without SELinux there is no context to compare with.
        let is: Vec<&str> = stat.context.as_deref().map(|c| c.splitn(4, ':').collect()).unwrap_or_default();
        for ((what, wanted), is) in CONTEXT.into_iter().zip(&self.context).zip(is) {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != is) {
                out.push(Difference { what, before: is.into(), after: wanted.clone() });
            }
        }
        if let (Some(wanted), Some(before)) = (&self.flags, &stat.flags)
            && stat.kind != FileKind::Link
        {
            let (before, after) = (before.clone(), flags(wanted, before)?);
            if !after.is_empty() {
                out.push(Difference { what: "attributes", before, after });
            }
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
        let job = Job::new(script!("files.attributes", "attributes.sh"))
            .var("owner", wanted("owner"))
            .var("group", wanted("group"))
            .var("mode", wanted("mode"))
            .var("flags", wanted("attributes"));
        CONTEXT
            .iter()
            .fold(job, |job, what| job.var(what, wanted(what)))
            .flag("nofollow", nofollow)
            .args(paths)
    }
}

/// The words for `chattr` that bring a file with the flags `now` to those wanted; empty when it has them.
fn flags(wanted: &str, now: &str) -> Result<String, Failure> {
    let (operator, letters) = match wanted.split_at_checked(1) {
        Some((operator @ ("+" | "-" | "="), letters)) => (operator, letters),
        _ => ("=", wanted),
    };
    if !letters.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(Failure::new(format!(
            "`{wanted}` are no attributes: chattr knows +, - or = and letters"
        )));
    }
    let missing: String = letters.chars().filter(|c| !now.contains(*c)).collect();
    let extra: String = match operator {
        "-" => letters.chars().filter(|c| now.contains(*c)).collect(),
        "=" => now.chars().filter(|c| !letters.contains(*c) && !STORED.contains(*c)).collect(),
        _ => String::new(),
    };
    let word = |sign: &str, letters: String| (!letters.is_empty()).then(|| format!("{sign}{letters}"));
    let words = [word("+", missing).filter(|_| operator != "-"), word("-", extra)];
    Ok(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// `mode is 0600, not 0644; owner is root, not www-data`.
pub fn reason(differences: &[Difference]) -> String {
    let one = |d: &Difference| match d.what {
        "attributes" => format!("attributes are `{}`, to be set: {}", d.before, d.after),
        what => format!("{what} is {}, not {}", d.before, d.after),
    };
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
            mode: Some(mode.into()),
            ..Attributes::default()
        };
        assert_eq!(wanted("33", "0600").differences(&stat).unwrap(), []);
        assert_eq!(wanted("www-data", "u=rw").differences(&stat).unwrap(), []);
        let found = wanted("root", "0644").differences(&stat).unwrap();
        assert_eq!(reason(&found), "owner is www-data, not root; mode is 0600, not 0644");
    }

    #[test]
    fn flags_are_compared_as_chattr_sets_them() {
        let cases = [
            ("+i", "e", "+i"),
            ("+i", "ie", ""),
            ("+ia", "ie", "+a"),
            ("-i", "ie", "-i"),
            ("-i", "e", ""),
            ("=i", "ae", "+i -a"),
            ("i", "ie", ""),
            ("=", "ie", "-i"),
        ];
        for (wanted, now, words) in cases {
            assert_eq!(flags(wanted, now).unwrap(), words, "{wanted} on {now}");
        }
        assert!(flags("+i; x", "").is_err());
    }

    #[test]
    fn a_context_is_compared_where_there_is_one() {
        let wanted = Attributes {
            context: [None, None, Some("httpd_sys_content_t".into()), Some("s0".into())],
            ..Attributes::default()
        };
        assert_eq!(wanted.differences(&FileStat { exists: true, ..FileStat::default() }).unwrap(), []);
        let context = Some("unconfined_u:object_r:user_home_t:s0".into());
        let stat = FileStat { exists: true, context, ..FileStat::default() };
        let found = wanted.differences(&stat).unwrap();
        assert_eq!(reason(&found), "setype is user_home_t, not httpd_sys_content_t");
    }
}
