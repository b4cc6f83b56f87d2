//! dnf: the code of `package`, held to dnf.

use crate::modules::Behaviour;

/// As `package`; a host without dnf is a failure.
pub fn behaviour() -> Behaviour {
    super::m_package::only_with("dnf")
}
