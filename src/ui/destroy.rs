//! What `destroy` and `gc` would remove, and what became of it.

use super::failure;
use super::style::Paint;
use super::{Console, View};
use crate::exec::event::{Doomed, Event, Outcome, Sink};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shows the list before the question, then each removal, then a summary.
pub struct DestroyView {
    console: Console,
    view: View,
    /// What begins the summary.
    word: &'static str,
    removed: AtomicUsize,
    left: AtomicUsize,
}

impl DestroyView {
    /// `word` begins the summary: `Destroy`, or `Garbage`.
    pub fn new(console: Console, view: View, word: &'static str) -> DestroyView {
        DestroyView { console, view, word, removed: AtomicUsize::new(0), left: AtomicUsize::new(0) }
    }

    fn to_remove(&self, things: &[Doomed]) {
        if things.is_empty() {
            return self.console.line(&format!("{}: there is nothing to remove", self.word));
        }
        for thing in things {
            let (paint, sign) = if thing.kept { (Paint::Quiet, " ") } else { (Paint::Delete, "-") };
            let word = if thing.kept { "kept (prevent_destroy)" } else { "remove" };
            self.console.line(&format!("  {} {word:<7} {}", self.view.style.paint(paint, sign), text(thing)));
        }
        let kept = things.iter().filter(|t| t.kept).count();
        let kept = if kept > 0 { format!(", {kept} kept") } else { String::new() };
        let count = things.iter().filter(|t| !t.kept).count();
        self.console.line(
            &self.view.style.paint(Paint::Strong, &format!("\n{}: {count} to remove{kept}", self.word)),
        );
    }
}

fn text(thing: &Doomed) -> String {
    let name = if thing.name.is_empty() { String::new() } else { format!(" {}", thing.name) };
    let why = if thing.why.is_empty() { String::new() } else { format!(": {}", thing.why) };
    format!("{}{name} ({}, {}, stack {}){why}", thing.kind, thing.id, thing.region, thing.stack)
}

impl Sink for DestroyView {
    fn event(&self, event: &Event) {
        match event {
            Event::TaskDone(done) if matches!(done.outcome, Outcome::Failed | Outcome::Unreachable) => {
                self.console.line(&failure::block(done, self.view.style));
            }
            Event::ToRemove { things } => self.to_remove(things),
            Event::Removed { thing, error: None } => {
                self.removed.fetch_add(1, Ordering::Relaxed);
                self.console.line(&format!("- removed {}", text(thing)));
            }
            Event::Removed { thing, error: Some(error) } => {
                self.left.fetch_add(1, Ordering::Relaxed);
                let line = format!("! {} is still there: {error}", text(thing));
                self.console.line(&self.view.style.paint(Paint::Bad, &line));
            }
            Event::Warning { message, .. } => self.console.line(&format!("warning: {message}")),
            Event::RunDone { elapsed, .. } => {
                let (removed, left) =
                    (self.removed.load(Ordering::Relaxed), self.left.load(Ordering::Relaxed));
                if removed + left > 0 {
                    let line = format!("{removed} removed, {left} left in {:.1} s", elapsed.as_secs_f64());
                    self.console.line(&self.view.style.paint(Paint::Strong, &line));
                }
            }
            _ => {}
        }
    }
}
