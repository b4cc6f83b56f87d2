//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::argspec`: all that does not fit is told in one failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
