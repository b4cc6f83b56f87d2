//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: taken and passed over, as there are no callbacks that would read statistics.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
