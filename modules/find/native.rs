//! find: the host lists, the conditions are judged here.

use crate::base::pyregex::{self, Flags};
use crate::base::{List, Map, Value};
use crate::modules::files::{base_name, mode};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::{ArgType, convert, to_text};
use fancy_regex::Regex;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

struct Find;

/// One walk on the host; ages are seconds (or `1w` and the like), sizes bytes. What cannot be examined is
/// told in `msg`.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Find))
}

impl Staged for Find {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let depth = match (args.bool("recurse"), args.opt_int("depth")) {
            (false, _) => "1".to_string(),
            (true, Some(depth)) => depth.max(1).to_string(),
            (true, None) => String::new(),
        };
        let sum = if args.bool("get_checksum") { args.str("checksum_algorithm") } else { "" };
        Ok(vec![
            Job::new(script!("find.probe", "probe.sh"))
                .var("depth", depth)
                .flag("follow", args.bool("follow"))
                .var("contains", contains(args))
                .flag("whole", args.bool("read_whole_file"))
                .var("sum", sum)
                .args(args.list("paths")),
        ])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [output] = seen else { return Err(Failure::new("the probe left no output")) };
        if !output.ok() {
            return Err(Failure::from_output(output));
        }
        let now = output.field("", "now").and_then(|n| n.parse().ok()).unwrap_or(0.0);
        let filter = Filter::of(args, now)?;
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        let (mut holding, mut sums, mut skipped) = (HashSet::new(), BTreeMap::new(), Map::new());
        for (path, key, value) in output.records() {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            match key {
                b"stat" => drop(found.insert(text(path), text(value))),
                b"contains" => drop(holding.insert(text(path))),
                b"checksum" => drop(sums.insert(text(path), text(value))),
                b"skipped" => drop(skipped.insert(text(path).into(), text(value).into())),
                _ => {}
            }
        }
        let examined = found.len();
        let limit = args.opt_int("limit").and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX);
        let by_content = args.has("contains") && args.str("file_type") == "file";
        let mut files = List::new();
        for (path, fields) in &found {
            let record = record(path, fields);
            let regular = fields.starts_with('f');
            let contained = !by_content || holding.contains(path);
            if files.len() < limit && contained && filter.fits(path, fields, &record) {
                let mut record = record;
                if let Some(sum) = sums.get(path).filter(|_| regular) {
                    record.insert("checksum".into(), sum.as_str().into());
                }
                files.push(record.into());
            }
        }
        let matched = files.len();
        let message = match (skipped.is_empty(), matched == limit) {
            (true, false) => "All paths examined",
            (true, true) => "Limit of matches reached",
            (false, _) => "Not all paths examined, check warnings for details",
        };
        let warnings = skipped.values().map(|why| format!("Skipped: {}", to_text(why))).collect();
        let result = Map::from_iter([
            ("files".into(), files.into()),
            ("matched".into(), matched.into()),
            ("examined".into(), examined.into()),
            ("skipped_paths".into(), skipped.into()),
            ("msg".into(), message.into()),
        ]);
        Ok(Decision { result, warnings, ..Decision::default() })
    }
}

enum Pattern {
    Shell(globset::GlobMatcher),
    Regex(Box<Regex>),
}

impl Pattern {
    fn all(args: &Args, name: &str) -> Result<Vec<Pattern>, Failure> {
        let one = |text: &str| -> Result<Pattern, Failure> {
            if args.bool("use_regex") {
                // Python's `match`: from the first character on.
                let regex = pyregex::compile(&format!(r"\A(?:{text})"), Flags::default());
                return Ok(Pattern::Regex(Box::new(regex.map_err(Failure::new)?)));
            }
            let escaped = text.replace('{', "[{]").replace('}', "[}]");
            let glob = globset::GlobBuilder::new(&escaped).backslash_escape(false).build();
            let glob = glob.map_err(|e| Failure::new(format!("`{text}` is not a pattern: {e}")))?;
            Ok(Pattern::Shell(glob.compile_matcher()))
        };
        args.list(name).into_iter().map(one).collect()
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Pattern::Shell(glob) => glob.is_match(name),
            Pattern::Regex(regex) => pyregex::found(regex, name),
        }
    }
}

struct Filter {
    patterns: Vec<Pattern>,
    excludes: Vec<Pattern>,
    kind: Option<char>,
    hidden: bool,
    /// The time that counts, and the bounds of the age and size: negative is at most.
    stamp: &'static str,
    age: Option<f64>,
    size: Option<f64>,
    now: f64,
    mode: Option<String>,
    exact: bool,
}

impl Filter {
    fn of(args: &Args, now: f64) -> Result<Filter, Failure> {
        let mode = match args.value("mode").filter(|m| !m.is_null()) {
            Some(mode) => {
                Some(to_text(&convert(ArgType::Mode, mode).map_err(|e| Failure::new(format!("mode {e}")))?))
            }
            None => None,
        };
        Ok(Filter {
            patterns: Pattern::all(args, "patterns")?,
            excludes: Pattern::all(args, "excludes")?,
            kind: match args.str("file_type") {
                "any" => None,
                "directory" => Some('d'),
                "link" => Some('l'),
                _ => Some('f'),
            },
            hidden: args.bool("hidden"),
            stamp: match args.str("age_stamp") {
                "atime" => "atime",
                "ctime" => "ctime",
                _ => "mtime",
            },
            age: amount(
                args.opt_str("age"),
                &[('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0), ('w', 604_800.0)],
            )?,
            size: amount(
                args.opt_str("size"),
                &[
                    ('b', 1.0),
                    ('k', 1024.0),
                    ('m', 1_048_576.0),
                    ('g', 1_073_741_824.0),
                    ('t', 1_099_511_627_776.0),
                ],
            )?,
            now,
            mode,
            exact: args.opt_bool("exact_mode").unwrap_or(true),
        })
    }

    fn fits(&self, path: &str, fields: &str, record: &Map) -> bool {
        let name = base_name(path);
        if self.kind.is_some_and(|k| !fields.starts_with(k)) {
            return false;
        }
        if !self.hidden && name.starts_with('.') {
            return false;
        }
        if !self.patterns.is_empty() && !self.patterns.iter().any(|p| p.fits(name)) {
            return false;
        }
        if self.excludes.iter().any(|p| p.fits(name)) {
            return false;
        }
        let number = |key: &str| match record.get(key) {
            Some(Value::Float(f)) => *f,
            Some(Value::Int(i)) => *i as f64,
            _ => 0.0,
        };
        let within = |bound: f64, is: f64| if bound >= 0.0 { is >= bound } else { is <= -bound };
        let regular = fields.starts_with('f');
        self.age.is_none_or(|age| within(age, self.now - number(self.stamp)))
            && self.size.is_none_or(|size| !regular || within(size, number("size")))
            && self.mode.as_ref().is_none_or(|wanted| self.has_mode(wanted, fields))
    }

    fn has_mode(&self, wanted: &str, fields: &str) -> bool {
        let text = fields.lines().nth(1).unwrap_or_default();
        let is = u32::from_str_radix(text, 8).unwrap_or_default();
        let wanted = mode::apply(wanted, 0, fields.starts_with('d')).unwrap_or_default();
        if self.exact { is == wanted } else { is & wanted != 0 }
    }
}

/// What a file is to contain; a line's end in it is one in the file, where the file is looked at as a whole.
fn contains(args: &Args) -> String {
    let text = args.str("contains");
    if args.bool("read_whole_file") { text.replace('\n', r"\n") } else { text.to_string() }
}

/// `4w`, `-2d`, `10`.
fn amount(text: Option<&str>, units: &[(char, f64)]) -> Result<Option<f64>, Failure> {
    let Some(text) = text.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    let lower = text.to_lowercase();
    let unit = units.iter().find(|(u, _)| lower.ends_with(*u));
    let number = unit.and_then(|(u, _)| lower.strip_suffix(*u)).unwrap_or(&lower);
    let known = || units.iter().map(|(u, _)| u.to_string()).collect::<Vec<_>>().join(", ");
    let number: f64 = number
        .parse()
        .map_err(|_| Failure::new(format!("`{text}` is no number with one of the units {}", known())))?;
    Ok(Some(number * unit.map_or(1.0, |(_, factor)| *factor)))
}

/// One file's attributes under Ansible's names.
fn record(path: &str, fields: &str) -> Map {
    let fields: Vec<&str> = fields.lines().collect();
    let text = |i: usize| fields.get(i).copied().unwrap_or_default();
    let number = |i: usize| text(i).parse::<i64>().unwrap_or_default();
    let mut map = Map::from_iter([("path".into(), path.into())]);
    let bits = u32::from_str_radix(text(1), 8).unwrap_or_default();
    map.insert("mode".into(), format!("{bits:04o}").into());
    for (key, letter) in [
        ("isdir", 'd'),
        ("isreg", 'f'),
        ("islnk", 'l'),
        ("isblk", 'b'),
        ("ischr", 'c'),
        ("isfifo", 'p'),
        ("issock", 's'),
    ] {
        map.insert(key.into(), text(0).starts_with(letter).into());
    }
    for (key, index) in [("uid", 2), ("gid", 3), ("size", 4), ("inode", 8), ("dev", 9), ("nlink", 10)] {
        map.insert(key.into(), number(index).into());
    }
    for (key, index) in [("mtime", 5), ("atime", 6), ("ctime", 7)] {
        map.insert(key.into(), Value::Float(text(index).parse().unwrap_or_default()));
    }
    map.insert("pw_name".into(), text(11).into());
    map.insert("gr_name".into(), text(12).into());
    let named = [
        ("rusr", 0o400),
        ("wusr", 0o200),
        ("xusr", 0o100),
        ("rgrp", 0o040),
        ("wgrp", 0o020),
        ("xgrp", 0o010),
        ("roth", 0o004),
        ("woth", 0o002),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ];
    map.extend(named.map(|(key, bit)| (key.into(), Value::from(bits & bit != 0))));
    map
}
