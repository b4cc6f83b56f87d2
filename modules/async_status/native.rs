//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::background`: knows the jobs that this run began, none of an earlier one.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
