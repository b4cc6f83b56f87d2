//! `--json`: one event a line, as docs/events.md describes them.

use super::Console;
use crate::exec::event::{Event, Sink};

/// A sink that writes each event as one JSON object and a line end, at once.
pub struct JsonLines(pub Console);

impl Sink for JsonLines {
    fn event(&self, event: &Event) {
        self.0.line(&event.json().to_string());
    }
}
