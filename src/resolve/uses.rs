//! Which names a task mentions, so that the executor knows which values it waits for.

use super::unit::{Frame, Unit};
use crate::graph::{Act, TaskKeywords};
use std::sync::Arc;

/// The names of one task. `None`: cannot be told, so all.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub names: Option<Vec<Arc<str>>>,
    pub other_hosts: bool,
}

impl Unit<'_> {
    pub fn uses(&mut self, _act: &Act, _keywords: &TaskKeywords, _frame: &Frame) -> Uses {
        Uses { names: None, other_hosts: true }
    }
}
