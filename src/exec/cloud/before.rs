//! What earlier runs of this folder began a moment ago. One that was killed may have made what the service does not show
//! yet: whoever makes it again looks for that first, with patience.

use jiff::Timestamp;
use serde_json::Value as Json;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long a thing that was made may stay invisible.
const LATELY: Duration = Duration::from_secs(60);

/// The operation with which a run that was killed or interrupted began to make the node last, unless that was long ago, or
/// what it made was removed. `own` is the journal of this run.
pub fn begun_lately(own: &Path, stack: &str, node: &str) -> Option<String> {
    let mut seen = Seen::default();
    for entry in std::fs::read_dir(own.parent()?).ok()?.flatten() {
        let modified = entry.metadata().and_then(|m| m.modified()).ok();
        if modified.is_some_and(young) {
            // A journal that cannot be read tells nothing.
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            // What it began is known, or was answered for.
            let whole = entry.path() == own || text.lines().any(ended);
            text.lines().for_each(|line| seen.line(line, stack, node, whole));
        }
    }
    let (at, op) = seen.begun?;
    let gone = seen.made.iter().any(|(of, id)| *of == op && seen.removed.contains(id));
    (young(SystemTime::from(at)) && !gone).then_some(op)
}

fn young(at: SystemTime) -> bool {
    // A moment that lies ahead is a clock that was set.
    at.elapsed().map_or(true, |age| age < LATELY)
}

/// The last line of a run that was neither killed nor interrupted.
fn ended(line: &str) -> bool {
    line.contains("\"done\"") && line.contains("\"interrupted\":false")
}

/// What journals tell of one node.
#[derive(Default)]
struct Seen {
    begun: Option<(Timestamp, String)>,
    /// Operations, and what they made.
    made: Vec<(String, String)>,
    removed: HashSet<String>,
}

impl Seen {
    fn line(&mut self, line: &str, stack: &str, node: &str, whole: bool) {
        if !["\"create", "\"remove"].iter().any(|word| line.contains(word)) {
            return;
        }
        let Ok(line) = serde_json::from_str::<Json>(line) else { return };
        let text = |name: &str| line[name].as_str().map(str::to_string);
        if let (Some(_), Some(op), Some(id)) = (text("created"), text("op"), text("id")) {
            self.made.push((op, id));
        }
        if let (Some(_), Some(id)) = (text("remove"), text("id")) {
            self.removed.insert(id);
        }
        let of_node = line["stack"] == stack && line["node"] == node && text("create").is_some();
        let at = text("at").and_then(|at| at.parse::<Timestamp>().ok());
        if let (true, false, Some(at), Some(op)) = (of_node, whole, at, text("op"))
            && self.begun.as_ref().is_none_or(|(before, _)| *before < at)
        {
            self.begun = Some((at, op));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_creation_of_another_run_counts_while_it_is_young() {
        let dir = tempfile::tempdir().unwrap();
        let at = |seconds: i64| (Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string();
        let line = |node: &str, op: &str, age: i64| {
            serde_json::json!({"create": "VPC", "stack": "s", "node": node, "op": op, "at": at(age)})
                .to_string()
        };
        let own = dir.path().join("now.jsonl");
        let earlier =
            [line("a", "1", 30), line("a", "2", 10), line("b", "3", 300), "{\"create\"".into()].join("\n");
        std::fs::write(dir.path().join("earlier.jsonl"), earlier).unwrap();
        std::fs::write(&own, line("c", "4", 1)).unwrap();
        let found = |stack: &str, node: &str| begun_lately(&own, stack, node);
        assert_eq!(found("s", "a").as_deref(), Some("2"));
        let whole = [line("e", "5", 2), "{\"done\":\"r\",\"interrupted\":false}".into()].join("\n");
        std::fs::write(dir.path().join("whole.jsonl"), whole).unwrap();
        let gone = [
            "{\"created\": \"VPC\", \"op\": \"2\", \"id\": \"vpc-1\"}",
            "{\"remove\": \"VPC\", \"id\": \"vpc-1\"}",
        ];
        std::fs::write(dir.path().join("later.jsonl"), gone.join("\n")).unwrap();
        assert_eq!(found("s", "a"), None, "it was removed");
        // Of another stack, too long ago, its own, never, by a run that ended.
        for (stack, node) in [("t", "a"), ("s", "b"), ("s", "c"), ("s", "d"), ("s", "e")] {
            assert_eq!(found(stack, node), None, "{stack} {node}");
        }
    }
}
