//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: the host is in the inventory of the rest of the run, and of no file.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
