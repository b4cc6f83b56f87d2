//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: the variables last for the run.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
