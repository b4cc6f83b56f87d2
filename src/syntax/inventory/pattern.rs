//! Host patterns: `web:db`, `all:!old`, `web:&prod`, `web*`, `~regex`, `web[0:2]`, `@file`.

use super::{GroupId, HostId, Inventory, Met};
use crate::base::diag::nearest;
use std::collections::HashSet;
use std::path::Path;

/// The hosts a pattern means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Each once.
    pub hosts: Vec<HostId>,
    /// Names in it that neither a host nor a group has.
    pub unknown: Vec<UnknownName>,
}

/// A word of a pattern that no host and no group fits, and the name that is spelt most like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// As the pattern has it, without `!` or `&`.
    pub name: String,
    /// `None` where no name is near enough.
    pub nearest: Option<String>,
}

/// A pattern that cannot be read, or a file of patterns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host pattern `{pattern}`: {why}")]
pub struct PatternError {
    /// The word that is wrong.
    pub pattern: String,
    /// In a user's words.
    pub why: String,
}

/// `order:` of a play.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the inventory lists them.
    #[default]
    Inventory,
    /// The last that it lists first.
    ReverseInventory,
    /// By name.
    Sorted,
    /// By name, the last first.
    ReverseSorted,
    /// At random, another one each time.
    Shuffle,
}

impl std::str::FromStr for Order {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "inventory" => Order::Inventory,
            "reverse_inventory" => Order::ReverseInventory,
            "sorted" => Order::Sorted,
            "reverse_sorted" => Order::ReverseSorted,
            "shuffle" => Order::Shuffle,
            _ => return Err(()),
        })
    }
}

/// Puts the hosts of a play in its order; they come in that of the inventory.
pub fn order_hosts(inventory: &Inventory, hosts: &mut [HostId], order: Order) {
    match order {
        Order::Inventory => {}
        Order::ReverseInventory => hosts.reverse(),
        Order::Sorted => hosts.sort_by(|a, b| inventory[*a].name.cmp(&inventory[*b].name)),
        Order::ReverseSorted => hosts.sort_by(|a, b| inventory[*b].name.cmp(&inventory[*a].name)),
        Order::Shuffle => {
            for last in (1..hosts.len()).rev() {
                hosts.swap(last, rand::random_range(0..=last));
            }
        }
    }
}

impl Inventory {
    /// The hosts of a pattern: the named ones in order, then those also in each `&`, then without each `!`.
    pub fn select(&self, pattern: &str) -> Result<Selection, PatternError> {
        self.select_all([pattern])
    }

    /// As [`Inventory::select`], for a list of patterns.
    pub fn select_all<'a>(
        &self,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Selection, PatternError> {
        let mut words = Vec::new();
        for pattern in patterns {
            words.extend(split(pattern));
        }
        let mut unknown = Vec::new();
        let plain = words.iter().filter(|w| !w.starts_with(['!', '&']));
        let mut hosts = Vec::new();
        let mut met = Met::none(self);
        let mut any = false;
        for word in plain {
            any = true;
            hosts.extend(self.word(word, &mut unknown)?.into_iter().filter(|h| met.first(*h)));
        }
        if !any && !words.is_empty() {
            hosts = self.hosts_in(super::ALL);
        }
        for word in words.iter().filter_map(|w| w.strip_prefix('&')) {
            let with: HashSet<HostId> = self.word(word, &mut unknown)?.into_iter().collect();
            hosts.retain(|h| with.contains(h));
        }
        for word in words.iter().filter_map(|w| w.strip_prefix('!')) {
            let without: HashSet<HostId> = self.word(word, &mut unknown)?.into_iter().collect();
            hosts.retain(|h| !without.contains(h));
        }
        Ok(Selection { hosts, unknown })
    }

    /// The hosts of a play's pattern that `--limit` leaves. In a limit, `@FILE` names a file of patterns, one a line.
    pub fn select_limited(&self, pattern: &str, limit: Option<&str>) -> Result<Selection, PatternError> {
        let mut selection = self.select(pattern)?;
        let Some(limit) = limit else { return Ok(selection) };
        let limit = self.limit(limit)?;
        let left: HashSet<HostId> = limit.hosts.into_iter().collect();
        selection.hosts.retain(|h| left.contains(h));
        Ok(selection)
    }

    /// The hosts that a `--limit` names, and the names in it that nothing has.
    pub fn limit(&self, limit: &str) -> Result<Selection, PatternError> {
        let mut words = Vec::new();
        for word in split(limit) {
            match word.strip_prefix('@') {
                Some(path) => words.extend(limit_file(&word, path)?),
                None => words.push(word),
            }
        }
        self.select_all(words.iter().map(String::as_str))
    }

    /// The hosts of one word, without `!` or `&`.
    fn word(&self, word: &str, unknown: &mut Vec<UnknownName>) -> Result<Vec<HostId>, PatternError> {
        if let Some(host) = self.host(word).filter(|_| self.group(word).is_none()) {
            return Ok(vec![host]);
        }
        let fail = |why: String| PatternError { pattern: word.to_string(), why };
        let (name, slice) = match subscript(word) {
            Ok(parts) => parts,
            Err(why) => return Err(fail(why)),
        };
        let (hosts, found) = self.named(name).map_err(fail)?;
        if !found {
            let known = self.groups.keys().chain(self.hosts.keys()).map(|n| &**n);
            let nearest = nearest(name, known).map(str::to_string);
            unknown.push(UnknownName { name: name.to_string(), nearest });
        }
        Ok(match slice {
            Some(slice) => slice.of(&hosts),
            None => hosts,
        })
    }

    /// The hosts of a name, glob or regular expression; whether anything has such a name.
    fn named(&self, name: &str) -> Result<(Vec<HostId>, bool), String> {
        if name == "all" || name == "*" {
            return Ok((self.hosts_in(super::ALL), true));
        }
        let matcher = Matcher::new(name)?;
        let groups: Vec<GroupId> = match &matcher {
            Matcher::Name(name) => self.group(name).into_iter().collect(),
            matcher => {
                let all = self.groups.values().enumerate();
                all.filter(|(_, g)| matcher.is(&g.name)).map(|(n, _)| GroupId(super::id(n))).collect()
            }
        };
        let mut met = Met::none(self);
        let mut hosts: Vec<HostId> =
            groups.iter().flat_map(|g| self.hosts_in(*g)).filter(|h| met.first(*h)).collect();
        match &matcher {
            Matcher::Name(name) if groups.is_empty() => hosts.extend(self.host(name)),
            Matcher::Name(_) => {}
            matcher => {
                hosts.extend(self.host_ids().filter(|h| matcher.is(&self[*h].name)).filter(|h| met.first(*h)))
            }
        }
        let found = !groups.is_empty() || !hosts.is_empty();
        Ok((hosts, found))
    }
}

enum Matcher<'a> {
    Name(&'a str),
    Glob(globset::GlobMatcher),
    Regex(Box<fancy_regex::Regex>),
}

impl<'a> Matcher<'a> {
    fn new(name: &'a str) -> Result<Self, String> {
        if let Some(regex) = name.strip_prefix('~') {
            // Python's match: from the start on, to wherever.
            let regex = fancy_regex::Regex::new(&format!("^(?:{regex})"));
            return regex
                .map(|r| Matcher::Regex(Box::new(r)))
                .map_err(|e| format!("not a regular expression: {e}"));
        }
        if !name.contains(['*', '?', '[']) {
            return Ok(Matcher::Name(name));
        }
        let glob = globset::GlobBuilder::new(name).literal_separator(false).build();
        glob.map(|g| Matcher::Glob(g.compile_matcher())).map_err(|e| format!("not a pattern: {}", e.kind()))
    }

    fn is(&self, name: &str) -> bool {
        match self {
            Matcher::Name(wanted) => *wanted == name,
            Matcher::Glob(glob) => glob.is_match(name),
            Matcher::Regex(regex) => regex.is_match(name).unwrap_or(false),
        }
    }
}

/// `[2]`, `[-1]`, `[1:3]` (both ends in), `[1:]`.
struct Slice {
    from: i64,
    to: Option<i64>,
    range: bool,
}

impl Slice {
    fn of(&self, hosts: &[HostId]) -> Vec<HostId> {
        let length = i64::try_from(hosts.len()).unwrap_or(i64::MAX);
        let from = if self.from < 0 { self.from + length } else { self.from };
        let to = if self.range { self.to.unwrap_or(length - 1) } else { from };
        let picked = (from..=to.min(length - 1)).filter_map(|n| usize::try_from(n).ok());
        picked.filter_map(|n| hosts.get(n).copied()).collect()
    }
}

/// Splits `web[0:2]` into the name and the slice. `web[a-c]` is a glob and stays whole.
fn subscript(word: &str) -> Result<(&str, Option<Slice>), String> {
    let Some((name, inner)) = word.strip_suffix(']').and_then(|w| w.rsplit_once('[')) else {
        return match word.contains('[') && !word.starts_with('~') && !word.contains(']') {
            true => Err("its `[` is not closed".into()),
            false => Ok((word, None)),
        };
    };
    if word.starts_with('~') || name.is_empty() {
        return Ok((word, None));
    }
    if let Ok(from) = inner.parse() {
        return Ok((name, Some(Slice { from, to: None, range: false })));
    }
    let Some((from, to)) = inner.split_once(':').or_else(|| inner.split_once('-')) else {
        return Ok((word, None));
    };
    match (from.parse::<u32>(), to.parse::<u32>()) {
        (Ok(from), Ok(to)) => Ok((name, Some(Slice { from: from.into(), to: Some(to.into()), range: true }))),
        (Ok(from), Err(_)) if to.is_empty() => {
            Ok((name, Some(Slice { from: from.into(), to: None, range: true })))
        }
        _ if inner.contains(':') => Err(format!("`[{inner}]` wants numbers, such as [0:2] or [1:]")),
        _ => Ok((word, None)),
    }
}

/// Splits at commas, else at colons that stand outside brackets. An IPv6 address stays whole.
fn split(pattern: &str) -> Vec<String> {
    let pattern = pattern.trim();
    let whole = pattern.trim_start_matches(['!', '&']);
    if whole.parse::<std::net::Ipv6Addr>().is_ok() {
        return vec![pattern.to_string()];
    }
    let mark = if pattern.contains(',') { ',' } else { ':' };
    let mut words = vec![String::new()];
    let mut depth = 0usize;
    for c in pattern.chars() {
        match c {
            '[' if mark == ':' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words.last_mut() {
            Some(_) if c == mark && depth == 0 => words.push(String::new()),
            Some(word) => word.push(c),
            None => {}
        }
    }
    // `[` that is never closed takes the rest with it, and is reported there.
    words.iter().map(|w| w.trim().to_string()).filter(|w| !w.is_empty()).collect()
}

fn limit_file(word: &str, path: &str) -> Result<Vec<String>, PatternError> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|e| PatternError {
        pattern: word.to_string(),
        why: format!("cannot read {path}: {}", super::super::yaml::io_words(&e)),
    })?;
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    Ok(lines.flat_map(split).collect())
}
