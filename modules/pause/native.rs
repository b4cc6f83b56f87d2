//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: minutes and seconds add up and are real time, in check mode none; an interrupt is a
/// failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
