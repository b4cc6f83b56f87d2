//! The plays of an image, as a builder runs them on the place it has made.

use super::BakeError;
use crate::base::{Map, Value};
use crate::eval::Engine;
use crate::exec::event::Sink;
use crate::exec::options::{Mode, RunOptions, RunReport};
use crate::exec::{Cancel, Redactor, Work};
use crate::graph::{Includer, PlayPlan, Program};
use crate::syntax::inventory::Inventory;
use crate::syntax::vault::Keyring;
use std::sync::Arc;

/// The compiled plays and all that running them takes.
pub struct Plays {
    /// All plays of the playbook.
    pub program: Program,
    /// Compiles what only the run can name.
    pub includer: Arc<dyn Includer>,
    /// With the one host [`Plays::host`].
    pub inventory: Inventory,
    /// Its name in the inventory: `image`, or as `image:` names it.
    pub host: String,
    /// Shared by all runs on it.
    pub engine: Arc<Engine>,
    /// Opens the vaults that plays and variables hold.
    pub keyring: Arc<Keyring>,
    /// Those of the command line; mode and check are set for each run.
    pub options: RunOptions,
    /// A fresh listener for a run of this mode.
    pub sinks: Box<dyn Fn(Mode) -> Arc<dyn Sink> + Send + Sync>,
    /// Ends a run that goes on when the bake is to stop.
    pub cancel: Cancel,
}

impl Plays {
    /// Carries the plays out, or plans them, on the host reached by these connection variables.
    pub async fn run(&self, mode: Mode, host: Map) -> Result<RunReport, BakeError> {
        self.execute(self.program.plays.clone(), mode, host).await
    }

    /// Carries out each play's `verify:` tasks.
    pub async fn verify(&self, host: Map) -> Result<RunReport, BakeError> {
        let with_tasks = self.program.plays.iter().filter(|play| !play.verify.steps.is_empty());
        let plays = with_tasks.map(|play| {
            let body = Arc::clone(&play.verify);
            Arc::new(PlayPlan { body, handlers: Vec::new(), ..play.as_ref().clone() })
        });
        self.execute(plays.collect(), Mode::Apply, host).await
    }

    async fn execute(
        &self,
        plays: Vec<Arc<PlayPlan>>,
        mode: Mode,
        host: Map,
    ) -> Result<RunReport, BakeError> {
        let mut inventory = self.inventory.clone();
        let id = inventory
            .host(&self.host)
            .ok_or_else(|| BakeError::failed("inventory", "the image's host is not in it"))?;
        for (key, value) in host {
            inventory.set_host_var(id, key, value);
        }
        let work = Work {
            program: Program { plays, hash: self.program.hash.clone() },
            includer: Arc::clone(&self.includer),
            inventory: Arc::new(inventory),
            engine: Arc::clone(&self.engine),
            keyring: Arc::clone(&self.keyring),
            redactor: Arc::new(Redactor::default()),
        };
        let options = RunOptions { mode, check: mode == Mode::Plan, ..self.options.clone() };
        let report = crate::exec::run(options, work, (self.sinks)(mode), self.cancel.clone()).await;
        let report = report.map_err(|why| BakeError::failed("the plays", why))?;
        if report.interrupted {
            return Err(BakeError::Interrupted);
        }
        if report.failed || report.unreachable {
            return Err(BakeError::failed("the plays", "a task failed; it is shown above"));
        }
        Ok(report)
    }
}

/// Variables of the host in one phase (`bake`, `verify`) of a builder: `fitout_image is defined` tells an image from a
/// live host.
pub fn host_vars(builder: &str, phase: &str, more: &[(&str, Value)]) -> Map {
    let mut vars = Map::new();
    vars.insert("fitout_image".into(), seen(builder, phase).into());
    vars.extend(more.iter().map(|(key, value)| ((*key).into(), value.clone())));
    vars
}

/// The least that `fitout_image` says.
pub fn seen(builder: &str, phase: &str) -> Map {
    let mut image = Map::new();
    image.insert("builder".into(), builder.into());
    image.insert("build".into(), builder.into());
    image.insert("phase".into(), phase.into());
    image
}
