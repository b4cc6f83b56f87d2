//! service: the code of `systemd`, with other service managers allowed.

use crate::modules::Behaviour;

pub fn behaviour() -> Behaviour {
    super::m_systemd::any_manager()
}
