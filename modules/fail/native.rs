//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: always a failure, with `msg`.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
