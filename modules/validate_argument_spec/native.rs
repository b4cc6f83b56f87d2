//! Carried out by the executor on the controller.

use crate::modules::Behaviour;

pub fn behaviour() -> Behaviour {
    Behaviour::Control
}
