//! The small public face of fact gathering, for the executor's implicit gathering.

use crate::base::Map;
use crate::modules::Failure;
use crate::modules::registry::generated::m_setup;
use crate::remote::{Job, Output};

pub use m_setup::FactNeeds;

/// One job that gathers what `needs` names; with nothing needed it still is a valid, almost free job.
pub fn gather_job(needs: &FactNeeds) -> Job {
    m_setup::gather_job(needs, None)
}

/// Facts by their names in `ansible_facts`: without the prefix `ansible_`, except `ansible_local`.
///
/// # Errors
/// Only where the script could not run at all.
pub fn parse(output: &Output) -> Result<Map, Failure> {
    m_setup::parse(output)
}
