//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

/// In `exec::control`: files of the controller, the role's `vars` folder first; a vault without a fitting
/// password is a failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
