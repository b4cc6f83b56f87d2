//! Stand-in until the executor lands.
use crate::exec::{
    cancel::Cancel,
    event::Sink,
    options::{RunOptions, RunReport},
};
use std::sync::Arc;
pub async fn run(
    _: RunOptions,
    _: crate::resolve::Compiled,
    _: crate::syntax::inventory::Inventory,
    _: Arc<dyn Sink>,
    _: Cancel,
) -> RunReport {
    RunReport::default()
}
