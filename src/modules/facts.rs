//! The small public face of fact gathering, for the executor's implicit gathering.

use crate::base::Map;
use crate::modules::Failure;
use crate::modules::registry::generated::m_setup;
use crate::remote::{Job, Output};

pub use m_setup::FactNeeds;

/// One job that gathers what `needs` names; with nothing needed it still is a valid, almost free job. Where all may be
/// needed, only what `subset` (`gather_subset`; empty: all) names. `fact_path` is the folder of custom facts, where
/// that is not /etc/ansible/facts.d.
///
/// # Errors
/// Names the subset that does not exist.
pub fn gather_job(needs: &FactNeeds, subset: &[&str], fact_path: Option<&str>) -> Result<Job, String> {
    m_setup::gather_job(needs, subset, fact_path)
}

/// Facts by their names in `ansible_facts`: without the prefix `ansible_`, except `ansible_local`.
///
/// # Errors
/// Only where the script could not run at all.
pub fn parse(output: &Output) -> Result<Map, Failure> {
    m_setup::parse(output)
}
