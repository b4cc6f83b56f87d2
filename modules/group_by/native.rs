//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::world`: groups last for the run, and are in no file.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
