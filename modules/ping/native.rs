//! ping: an empty script.

use crate::base::Map;
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Ping;

/// A failure means that the host has no working shell for the user, not that the network is down.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Ping))
}

impl Staged for Ping {
    fn probe(&self, _: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![Job::new(script!("ping.probe", "probe.sh"))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        if let Some(failed) = seen.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        match args.str("data") {
            "crash" => Err(Failure::new("boom")),
            data => Ok(Decision::unchanged(Map::from_iter([("ping".into(), data.into())]))),
        }
    }
}
