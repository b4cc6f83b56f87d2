//! service: the code of `systemd`, with other service managers allowed.

use crate::modules::Behaviour;

/// As `systemd`; OpenRC's tools or SysV's scripts where the host has no systemd.
pub fn behaviour() -> Behaviour {
    super::m_systemd::any_manager()
}
