//! What the probe saw, as packages and versions.

use super::version;
use crate::modules::Failure;
use crate::modules::kit::apt_candidates;
use crate::remote::Output;
use std::collections::BTreeMap;

/// In apt's words: no version.
const NONE: &str = "(none)";

/// One entry of `name`: `libc6:i386`, `nginx=1.22*`, `nginx>=1.22`, `php-*`.
#[derive(Debug, PartialEq)]
pub struct Item {
    /// As it was given.
    pub text: String,
    pub name: String,
    pub version: Option<String>,
    /// The version or any later one.
    pub at_least: bool,
}

impl Item {
    /// # Errors
    /// What is no name; comparisons other than `=` and `>=`.
    pub fn parse(text: &str) -> Result<Item, Failure> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version.to_string())),
            None => (text, None),
        };
        let at_least = name.ends_with('>') && version.is_some();
        let name = if at_least { &name[..name.len() - 1] } else { name };
        let odd = [name, version.as_deref().unwrap_or("x")]
            .into_iter()
            .any(|word| word.contains(['<', '>', ' ', '=']));
        if odd || at_least && version.as_deref().is_none_or(|v| v.is_empty() || v.contains('*')) {
            let message = format!(
                "`{text}` is not a package name; write `name`, `name=version`, `name=1.2*` or `name>=1.2`"
            );
            return Err(Failure::new(message));
        }
        if text.starts_with('-') {
            return Err(Failure::new(format!("`{text}` is not a package name")));
        }
        Ok(Item { text: text.into(), name: name.into(), version, at_least })
    }

    /// Whether a version is the wanted one, where one is wanted.
    pub fn fits(&self, version: &str) -> bool {
        match &self.version {
            None => true,
            Some(least) if self.at_least => version != NONE && version::compare(version, least).is_ge(),
            Some(wanted) => fits(wanted, version),
        }
    }

    pub fn is_pattern(&self) -> bool {
        self.name.contains(['*', '?', '['])
    }

    /// The word for apt-get where the item's pattern stands for `name`. Of versions that are late enough apt chooses.
    pub fn with_name(&self, name: &str) -> String {
        match &self.version {
            Some(version) if !self.at_least => format!("{name}={version}"),
            _ => name.to_string(),
        }
    }

    fn matches(&self, name: &str) -> bool {
        let glob = globset::GlobBuilder::new(&self.name).build();
        glob.is_ok_and(|g| g.compile_matcher().is_match(name))
    }
}

#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub arch: String,
    pub status: String,
    pub version: String,
}

impl Package {
    pub fn installed(&self) -> bool {
        matches!(self.status.as_str(), "installed" | "triggers-awaited" | "triggers-pending")
    }
}

pub struct Seen<'a> {
    output: &'a Output,
    packages: Vec<Package>,
    candidates: BTreeMap<String, String>,
    /// The host's clock and the time of its lists, in seconds since 1970; 0 where not asked for.
    pub now: i64,
    pub cache_time: i64,
    /// When the lists were fetched, as it is told.
    pub cache_told: i64,
}

impl<'a> Seen<'a> {
    /// # Errors
    /// A host without dpkg and apt-get.
    pub fn read(output: &'a Output) -> Result<Seen<'a>, Failure> {
        if output.field("", "tool").as_deref() == Some("absent") {
            return Err(Failure::new(
                "the host has no apt-get; use `package`, or a module of its package manager",
            ));
        }
        let list = output.field("", "list").unwrap_or_default();
        let packages = list.lines().filter_map(|l| {
            let mut words = l.split('\t').map(str::to_string);
            Some(Package {
                name: words.next()?,
                arch: words.next()?,
                status: words.next()?,
                version: words.next()?,
            })
        });
        let number = |text: String| text.trim().parse::<i64>().ok();
        let times = output.field("", "cache_times").unwrap_or_default();
        let cache_time = times.lines().filter_map(|l| number(l.into())).max().unwrap_or(0);
        Ok(Seen {
            output,
            packages: packages.collect(),
            candidates: apt_candidates(&output.field("", "policy").unwrap_or_default()),
            now: output.field("", "now").and_then(number).unwrap_or(0),
            cache_time,
            cache_told: output.field("", "cache_told").and_then(number).unwrap_or(cache_time),
        })
    }

    pub fn cache_stale(&self, valid_for: i64) -> bool {
        self.cache_time == 0 || self.now >= self.cache_time + valid_for
    }

    /// Packages dpkg knows under the item's name or pattern.
    pub fn matching(&self, item: &Item) -> Vec<&Package> {
        if !item.is_pattern() {
            let found = self.find(&item.name);
            return found.into_iter().filter(|p| item.fits(&p.version)).collect();
        }
        self.packages.iter().filter(|p| item.matches(&p.name)).collect()
    }

    fn find(&self, name: &str) -> Option<&Package> {
        let (name, arch) = name.split_once(':').map_or((name, None), |(n, a)| (n, Some(a)));
        let of_arch = |p: &&Package| arch.is_none_or(|a| a == "any" || a == "native" || p.arch == a);
        let mut found = self.packages.iter().filter(|p| p.name == name).filter(of_arch);
        let first = found.next()?;
        Some(if first.installed() { first } else { found.find(|p| p.installed()).unwrap_or(first) })
    }

    pub fn installed(&self, name: &str) -> Option<&Package> {
        self.find(name).filter(|p| p.installed())
    }

    /// The names an item stands for: itself, or what the archive has for its pattern.
    ///
    /// # Errors
    /// A pattern that fits nothing.
    pub fn expand(&self, item: &Item) -> Result<Vec<String>, Failure> {
        if !item.is_pattern() {
            return Ok(vec![item.name.clone()]);
        }
        let available = self.output.field(&item.name, "available").unwrap_or_default();
        let known = available.lines().map(str::trim).chain(self.packages.iter().map(|p| p.name.as_str()));
        let mut names: Vec<String> = known.filter(|n| item.matches(n)).map(str::to_string).collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(Failure::new(format!("No package(s) matching '{}' available", item.name)));
        }
        Ok(names)
    }

    /// A newer version that the archive has, or any version for a package that is not installed.
    pub fn newer(&self, name: &str, installed: Option<&Package>) -> Option<String> {
        let candidate = self.candidate(name)?;
        let differs = candidate != NONE && installed.is_none_or(|p| p.version != *candidate);
        differs.then(|| candidate.clone())
    }

    /// Fails where the archive is known not to have what is to be installed; sources that are planned may have it.
    pub fn must_be_known(&self, item: &Item) -> Result<(), Failure> {
        let asked = self.output.field("", "known").is_some() && self.output.field("", "sources").is_none();
        if !asked || item.is_pattern() || self.installed(&item.name).is_some() || self.provided(&item.name) {
            return Ok(());
        }
        let bare = item.name.split(':').next().unwrap_or_default();
        // Another architecture's package is told with it: `wine32:i386`.
        let own_name = |name: &str| name.split(':').next() == Some(bare);
        if !self.candidates.keys().any(|name| own_name(name)) {
            return Err(Failure::new(format!("No package matching '{}' is available", item.name)));
        }
        let Some(wanted) = &item.version else { return Ok(()) };
        let policy = self.output.field("", "policy").unwrap_or_default();
        let own = policy.lines().skip_while(|l| !l.strip_suffix(':').is_some_and(own_name)).skip(1);
        let mut own = own.take_while(|l| l.starts_with(' '));
        // A version and its priority; the addresses below begin with a priority.
        let has = match self.candidate(&item.name) {
            Some(candidate) if item.at_least => item.fits(candidate),
            _ => own.any(|l| l.trim().trim_start_matches("*** ").split(' ').any(|word| fits(wanted, word))),
        };
        if has { Ok(()) } else { Err(not_to_be_had(item)) }
    }

    /// Fails where what apt would install is known to be older than the item asks for.
    pub fn must_be_late_enough(&self, item: &Item) -> Result<(), Failure> {
        match self.candidate(&item.name) {
            Some(candidate) if item.at_least && !item.fits(candidate) => Err(not_to_be_had(item)),
            _ => Ok(()),
        }
    }

    /// What apt would install.
    fn candidate(&self, name: &str) -> Option<&String> {
        self.candidates.get(name).or_else(|| self.candidates.get(name.split(':').next()?))
    }

    /// Whether the name is virtual and an installed package provides it.
    pub fn provided(&self, name: &str) -> bool {
        if self.candidates.get(name).is_some_and(|c| c != NONE) {
            return false;
        }
        let provides = self.output.field("", "provides").unwrap_or_default();
        provides
            .lines()
            .filter_map(|l| l.splitn(3, '\t').nth(2))
            .any(|list| list.split(',').any(|one| one.split('(').next().map(str::trim) == Some(name)))
    }

    /// What a dry run said; `None` where there was none.
    pub fn said(&self, key: &str) -> Option<String> {
        self.output.field("", key).map(|said| format!("{}\n", said.trim_end()))
    }

    /// Lines of a dry run that would do something.
    ///
    /// # Errors
    /// apt-get's message where the dry run failed.
    pub fn simulated(&self, key: &str) -> Result<Vec<String>, Failure> {
        if let Some(said) = self.output.field("", &format!("{key}_failed")) {
            return Err(Failure::new(said.trim().to_string()));
        }
        let said = self.output.field("", key).unwrap_or_default();
        let acts = |l: &&str| l.starts_with("Inst ") || l.starts_with("Remv ") || l.starts_with("Purg ");
        Ok(said.lines().filter(acts).map(str::to_string).collect())
    }
}

fn not_to_be_had(item: &Item) -> Failure {
    Failure::new(format!("no available installation candidate for {}", item.text))
}

/// Whether a version is the wanted one; `1.2*` fits every one that begins so.
pub fn fits(wanted: &str, version: &str) -> bool {
    if !wanted.contains(['*', '?', '[']) {
        return wanted == version;
    }
    globset::GlobBuilder::new(wanted).build().is_ok_and(|g| g.compile_matcher().is_match(version))
}

/// `3 to install, 1 to remove: a, b, c …`
pub fn summary(lines: &[String]) -> String {
    let names = |verb: &str| -> Vec<&str> {
        lines.iter().filter_map(|l| l.strip_prefix(verb)?.split_whitespace().next()).collect()
    };
    let (inst, gone) = (names("Inst "), [names("Remv "), names("Purg ")].concat());
    let mut parts = Vec::new();
    for (list, what) in [(inst, "to install or upgrade"), (gone, "to remove")] {
        if !list.is_empty() {
            let more = if list.len() > 5 { " …" } else { "" };
            parts.push(format!("{} {what}: {}{more}", list.len(), list[..list.len().min(5)].join(", ")));
        }
    }
    parts.join("; ")
}
