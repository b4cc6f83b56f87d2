//! dnf: the code of `package`, held to dnf.

use crate::modules::Behaviour;

pub fn behaviour() -> Behaviour {
    super::m_package::only_with("dnf")
}
