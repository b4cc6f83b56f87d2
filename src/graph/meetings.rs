//! Which earlier nodes touch what a new one touches, without a comparison of all pairs.
//!
//! For each claimed resource the latest writer and the readers since are kept. A writer stands for all that was
//! before it on the same resource or below it: whatever meets those meets the writer too.

use crate::plan::Claims;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::ops::Bound;

/// What was claimed so far since the last node that touches everything.
#[derive(Default)]
pub(super) struct Meetings {
    names: BTreeMap<String, Touch>,
    /// Claims that end in `*`, without it.
    open: BTreeMap<String, Touch>,
}

#[derive(Default)]
struct Touch {
    writer: Option<NodeIndex>,
    readers: Vec<NodeIndex>,
}

impl Meetings {
    pub fn clear(&mut self) {
        self.names.clear();
        self.open.clear();
    }

    /// The earlier nodes that must come before a node with these claims, in order.
    pub fn before(&self, claims: &Claims) -> Vec<NodeIndex> {
        let mut found = Vec::new();
        for (pattern, writes) in each(claims) {
            for touch in self.meeting(pattern) {
                found.extend(touch.writer);
                if writes {
                    found.extend(&touch.readers);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    pub fn add(&mut self, node: NodeIndex, claims: &Claims) {
        for (pattern, writes) in each(claims) {
            let (list, key) = match pattern.strip_suffix('*') {
                Some(prefix) => (&mut self.open, prefix),
                None => (&mut self.names, pattern),
            };
            if !writes {
                list.entry(key.to_string()).or_default().readers.push(node);
                continue;
            }
            list.insert(key.to_string(), Touch { writer: Some(node), readers: Vec::new() });
            let below = match pattern.strip_suffix('*') {
                Some(prefix) => prefix.to_string(),
                None if pattern.starts_with("file:") => format!("{}/", pattern.trim_end_matches('/')),
                None => continue,
            };
            for list in [&mut self.names, &mut self.open] {
                let covered: Vec<String> =
                    from(list, &below).into_iter().map(|(k, _)| k.clone()).filter(|k| k != key).collect();
                for key in covered {
                    list.remove(&key);
                }
            }
        }
    }

    /// The entries that can name one resource with the pattern.
    fn meeting<'a>(&'a self, pattern: &str) -> Vec<&'a Touch> {
        let (stem, open) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (pattern, false),
        };
        let mut found: Vec<&Touch> = Vec::new();
        // The resource itself, and all folders above it.
        let mut name = stem.trim_end_matches('/').to_string();
        if !open {
            found.extend(self.names.get(stem));
        }
        if stem.starts_with("file:") {
            while let Some((parent, _)) = name.rsplit_once('/') {
                found.extend(self.names.get(parent));
                name.truncate(parent.len());
            }
            found.extend(self.names.get("file:/"));
            if open {
                found.extend(self.names.get(stem.trim_end_matches('/')));
            }
        }
        // All below it.
        let below = if open { stem.to_string() } else { format!("{}/", stem.trim_end_matches('/')) };
        if open || stem.starts_with("file:") {
            found.extend(from(&self.names, &below).into_iter().map(|(_, t)| t));
            found.extend(from(&self.open, &below).into_iter().map(|(_, t)| t));
        }
        // Open claims that begin like it are few: one a prefix.
        let above = self
            .open
            .iter()
            .filter(|(p, _)| stem.starts_with(p.as_str()) || p.strip_suffix('/') == Some(stem));
        found.extend(above.map(|(_, t)| t));
        found
    }
}

/// Patterns with whether they are written.
fn each(claims: &Claims) -> impl Iterator<Item = (&str, bool)> {
    let reads = claims.reads.iter().map(|p| (p.as_str(), false));
    reads.chain(claims.writes.iter().map(|p| (p.as_str(), true)))
}

fn from<'a>(list: &'a BTreeMap<String, Touch>, prefix: &str) -> Vec<(&'a String, &'a Touch)> {
    let rest = list.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    rest.take_while(|(k, _)| k.starts_with(prefix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Claims;

    fn claims(reads: &[&str], writes: &[&str]) -> Claims {
        let own = |list: &[&str]| list.iter().map(|s| s.to_string()).collect();
        Claims { reads: own(reads), writes: own(writes) }
    }

    /// Every order that a comparison of all pairs asks for is kept, by way of others where there are any.
    #[test]
    fn no_order_is_lost_beside_a_comparison_of_all_pairs() {
        let paths = [
            "file:/",
            "file:/a",
            "file:/a/b",
            "file:/a/b/c",
            "file:/ab",
            "file:/a/*",
            "file:/a/b*",
            "package:*",
            "package:vim",
            "service:x",
            "file:/*",
            "lock:dpkg",
            "package:v*",
        ];
        let mut seed = 7_u64;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        for _ in 0..200 {
            let all: Vec<Claims> = (0..12)
                .map(|_| {
                    let (r, w) = (paths[next(paths.len())], paths[next(paths.len())]);
                    if next(3) == 0 { claims(&[r], &[]) } else { claims(&[r], &[w]) }
                })
                .collect();
            let mut meetings = Meetings::default();
            let mut reach: Vec<Vec<bool>> = Vec::new();
            for (to, own) in all.iter().enumerate() {
                let before = meetings.before(own);
                meetings.add(NodeIndex::new(to), own);
                let mut reached = vec![false; to];
                for from in before {
                    let from = from.index();
                    assert!(
                        all[from].disturbs(own) || own.disturbs(&all[from]),
                        "{:?} and {own:?} never meet",
                        all[from]
                    );
                    reached[from] = true;
                    (0..from).filter(|n| reach[from][*n]).for_each(|n| reached[n] = true);
                }
                for (from, other) in all[..to].iter().enumerate() {
                    let meets = other.disturbs(own) || own.disturbs(other);
                    assert!(!meets || reached[from], "{other:?} then {own:?} in {all:?}");
                }
                reach.push(reached);
            }
        }
    }
}
