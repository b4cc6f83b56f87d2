//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: a variable that is not defined is shown as such and is no failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
