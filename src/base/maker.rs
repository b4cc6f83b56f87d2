//! Which process made something: what a killed one left can be told from what is in use.

use serde::{Deserialize, Serialize};

/// A process, with its start time, for process ids are used again.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The process.
    pub pid: u32,
    /// When it was started, in the kernel's ticks since boot; 0 where there is no /proc to tell.
    pub start: u64,
}

impl Maker {
    /// This process.
    pub fn this() -> Maker {
        let pid = std::process::id();
        Maker { pid, start: start_time(pid).unwrap_or_default() }
    }

    /// Whether the process is still there. One of which nothing is known counts as alive.
    pub fn alive(self) -> bool {
        self.start == 0 || start_time(self.pid) == Some(self.start)
    }

    /// `PID-START`, as it stands at the beginning of names.
    pub fn mark(self) -> String {
        format!("{}-{}", self.pid, self.start)
    }

    /// The process that the name of what it made begins with.
    pub fn of(name: &str) -> Option<Maker> {
        let mut parts = name.split('-');
        Some(Maker { pid: parts.next()?.parse().ok()?, start: parts.next()?.parse().ok()? })
    }
}

/// When a process was started, in the kernel's ticks; `None` when there is no such process.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold blanks and brackets; the 22nd field is the 20th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    // What has ended and only waits for its parent to notice is no process any more.
    (fields.next()? != "Z").then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        let this = Maker::this();
        assert_eq!(Maker::of(&format!("{}-a1b2", this.mark())), Some(this));
        assert!(this.alive() && this.start > 0);
        assert!(!Maker { start: this.start + 1, ..this }.alive());
        assert!(!Maker { pid: u32::MAX, start: 1 }.alive());
        for name in ["", "7", "7-x", "a-7"] {
            assert_eq!(Maker::of(name), None, "{name}");
        }
    }
}
