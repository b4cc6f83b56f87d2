//! `--json`: one event a line, as docs/events.md describes them.

use super::Console;
use crate::exec::event::{Event, Sink};

pub struct JsonLines(pub Console);

impl Sink for JsonLines {
    fn event(&self, event: &Event) {
        self.0.line(&event.json().to_string());
    }
}
