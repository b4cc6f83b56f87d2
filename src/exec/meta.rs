//! `meta` actions: they steer the walk itself.

use super::flow::Flow;
use super::host::{Host, TaskContext};
use super::state::HostMemory;
use super::unit::conditions;
use crate::eval::Truth;
use std::sync::Arc;

impl Host {
    pub async fn meta(&mut self, cx: &Arc<TaskContext>, what: &str) -> Flow {
        match conditions(&self.run, &cx.keywords.when, &cx.scope) {
            Ok(Truth::True) => {}
            Ok(Truth::False) => return Flow::Next,
            Ok(Truth::Unknown(why)) => {
                let outcome = super::outcome::UnitOutcome::unknown(&*why);
                return self.absorb(cx, super::outcome::TaskOutcome::single(outcome)).await;
            }
            Err(message) => return self.absorb(cx, super::task::failed(message)).await,
        }
        match what {
            "noop" | "refresh_inventory" => Flow::Next,
            "end_host" => Flow::EndHost,
            "end_play" => Flow::EndPlay,
            "end_batch" => Flow::EndBatch,
            "end_role" => Flow::EndRole,
            "clear_facts" => {
                self.remember(|memory| {
                    let set = Arc::clone(&memory.set);
                    *memory =
                        HostMemory { set, included: Arc::clone(&memory.included), ..HostMemory::default() };
                });
                Flow::Next
            }
            "clear_host_errors" => {
                // Those that will fail before this place have failed.
                let position = self.position.clone();
                self.batch.reach(&self.name, &position).await;
                super::state::locked(&self.run.lost).clear();
                self.forgiven = true;
                Flow::Next
            }
            "reset_connection" => {
                if let Ok((remote, _)) = super::connect::for_task(&self.run, &cx.keywords, &cx.scope, None) {
                    remote.reset().await;
                }
                self.ahead.clear();
                Flow::Next
            }
            "flush_handlers" => {
                let frame = Arc::clone(&cx.frame);
                Box::pin(self.flush(&frame)).await
            }
            other => self.absorb(cx, super::task::failed(format!("meta: `{other}` is not supported"))).await,
        }
    }
}
