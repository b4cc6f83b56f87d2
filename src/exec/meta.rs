//! `meta` actions: they steer the walk itself.

use super::flow::Flow;
use super::host::{Host, TaskContext};
use super::lockstep::Once;
use super::outcome::{Status, TaskOutcome, UnitOutcome};
use super::state::HostMemory;
use super::unit::conditions;
use crate::base::Map;
use crate::eval::Truth;
use crate::graph::ENDS_BATCH;
use crate::modules::Failure;
use std::sync::Arc;

impl Host {
    pub async fn meta(&mut self, cx: &Arc<TaskContext>, what: &str) -> Flow {
        // Of what concerns all hosts the first one's condition counts for all, as in Ansible.
        let judged = match cx.node.judged_for_all() {
            true => self.judged_once(cx, what).await,
            false => conditions(&self.run, &cx.keywords.when, &cx.scope),
        };
        match judged {
            Ok(Truth::True) => {}
            Ok(Truth::False) => return Flow::Next,
            Ok(Truth::Unknown(why)) => {
                return self.absorb(cx, TaskOutcome::single(UnitOutcome::unknown(&*why))).await;
            }
            Err(message) => return self.absorb(cx, super::task::failed(message)).await,
        }
        match what {
            "noop" => Flow::Next,
            "refresh_inventory" => {
                self.follow_groups();
                Flow::Next
            }
            "end_host" => Flow::EndHost,
            "end_play" => Flow::EndPlay,
            "end_batch" => Flow::EndBatch,
            "end_role" => match &cx.scope.role {
                Some(role) => Flow::EndRole(Arc::clone(role)),
                None => self.absorb(cx, super::task::failed("meta: end_role stands in no role")).await,
            },
            "clear_facts" => {
                self.remember(|memory| {
                    let set = Arc::clone(&memory.set);
                    *memory =
                        HostMemory { set, included: Arc::clone(&memory.included), ..HostMemory::default() };
                });
                Flow::Next
            }
            "clear_host_errors" => {
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
            "flush_handlers" => Box::pin(self.flush()).await,
            other => self.absorb(cx, super::task::failed(format!("meta: `{other}` is not supported"))).await,
        }
    }

    /// The condition as the first of the hosts judges it that come here; who `ends` it all, ends it for those too that
    /// are elsewhere.
    async fn judged_once(&mut self, cx: &Arc<TaskContext>, what: &str) -> Result<Truth, String> {
        let (position, batch) = (self.position.clone(), Arc::clone(&self.batch));
        match batch.once(&self.name, &position).await {
            Once::Take(outcome) if outcome.status() == Status::Ok => Ok(Truth::True),
            Once::Take(outcome) if outcome.status() == Status::Unknown => {
                let why = outcome.units.first().map(|unit| unit.message.as_str()).unwrap_or_default();
                Ok(Truth::Unknown(why.into()))
            }
            Once::Take(outcome) if outcome.status() == Status::Failed => Err(outcome.message()),
            Once::Take(_) => Ok(Truth::False),
            Once::Lead => {
                let judged = conditions(&self.run, &cx.keywords.when, &cx.scope);
                let holds = matches!(judged, Ok(Truth::True));
                if holds && ENDS_BATCH.contains(&what) {
                    batch.end(&position);
                }
                if holds && what == "clear_host_errors" {
                    // All are here: who fails before this place has failed, and nobody has gone on.
                    super::state::locked(&self.run.lost).clear();
                    *super::state::locked(&self.run.pardoned) = super::state::locked(&self.run.recap).clone();
                }
                let judged = match what {
                    "refresh_inventory" if holds => {
                        super::world::reread(&self.run).await.map(|()| Truth::True)
                    }
                    _ => judged,
                };
                let outcome = match &judged {
                    Ok(Truth::True) => UnitOutcome::done(None, Map::new()),
                    Err(message) if what == "refresh_inventory" => {
                        UnitOutcome::failed(Failure::new(message.as_str()))
                    }
                    Ok(Truth::Unknown(why)) => UnitOutcome::unknown(&**why),
                    _ => UnitOutcome::skipped("runs once"),
                };
                batch.publish(&position, TaskOutcome::single(outcome));
                judged
            }
        }
    }

    /// Waits behind a step where one host may end the play for all of them.
    pub(super) async fn meet_behind(&mut self, index: usize) -> Flow {
        let flow = self.drain().await;
        if matches!(flow, Flow::Next) {
            let mut behind = self.position.clone();
            behind.pop();
            behind.push(index + 1);
            self.batch.reach(&self.name, &behind).await;
        }
        flow
    }
}
