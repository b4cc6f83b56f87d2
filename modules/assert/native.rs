//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: the first condition that does not hold is the failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
