//! Creations that are made once, whatever becomes of their answers.
//!
//! A creation carries an operation id as a tag. When its answer is lost nobody knows whether it was carried out: it
//! is looked up by that id, with patience since reads lag behind. What is found is adopted, and when nothing is, the
//! call is repeated under the same id; so that of two that appear after all one is kept and the other removed. What a run
//! that was killed a moment ago began to make is looked up in the same way.

use super::calls::CallFuture;
use super::error::{CallError, Outcome};
use super::identity::{OP, Op};
use super::session::Account;
use super::table::{Kind, Table};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Repetitions of a creation whose outcome stays doubtful.
const ATTEMPTS: u32 = 5;
/// When a repeated creation's double may still appear.
const SECOND_LOOKS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(2)];

/// The run ends before it could be told whether the thing was made.
fn may_be_there<K: Kind>(error: CallError, op: &Op) -> CallError {
    let message = format!(
        "{}; if the {} was made, it carries the tag {OP}={}, and the next run finds it by its tags",
        error.message,
        K::NAME,
        op.id
    );
    CallError { message, ..error }
}

impl Account {
    /// Makes one thing.
    pub async fn create<'a, K: Kind>(
        &self,
        table: &Table<K>,
        op: &Op,
        send: &(dyn Fn() -> CallFuture<'a, K::Item> + Send + Sync),
    ) -> Result<Arc<K::Item>, CallError> {
        let one = || -> CallFuture<'a, Vec<K::Item>> {
            let sent = send();
            Box::pin(async move { sent.await.map(|item| vec![item]) })
        };
        let mut made = self.create_all(table, op, 1, &one).await?;
        made.pop().ok_or_else(|| CallError::own(K::NAME, "the service made nothing"))
    }

    /// Makes `count` things with one call.
    pub async fn create_all<'a, K: Kind>(
        &self,
        table: &Table<K>,
        op: &Op,
        count: usize,
        send: &(dyn Fn() -> CallFuture<'a, Vec<K::Item>> + Send + Sync),
    ) -> Result<Vec<Arc<K::Item>>, CallError> {
        let (stack, node) = (&op.identity.stack, &op.identity.node);
        // Where it was seen, another one is wanted beside it or in its place.
        let unseen = |before: &String| !self.replaces::<K>(before) && !table.knows(before);
        if let Some(before) = self.begun_lately(stack, node).filter(unseen) {
            let found = table.made_by(&*self.ec2, &self.manner, &before).await?;
            if found.len() >= count {
                return Ok(self.made(table, op, found));
            }
        }
        self.note(&json!({"create": K::NAME, "op": op.id, "node": node, "stack": stack,
            "region": self.region, "count": count}));
        let mut doubt = None;
        for _ in 0..ATTEMPTS {
            match send().await {
                Ok(items) if doubt.is_none() => return Ok(self.made(table, op, items)),
                Ok(items) => {
                    let items = self.without_doubles(table, op, count, items).await?;
                    return Ok(self.made(table, op, items));
                }
                Err(error) if error.outcome == Outcome::Doubtful => {
                    let found = match table.made_by(&*self.ec2, &self.manner, &op.id).await {
                        Err(_) if self.manner.stopping() => return Err(may_be_there::<K>(error, op)),
                        found => found?,
                    };
                    if found.len() >= count {
                        let found = self.discard::<K>(found, count).await?;
                        return Ok(self.made(table, op, found));
                    }
                    doubt = Some(error);
                }
                // A name that is taken since the lost attempt took it.
                Err(error) if doubt.is_some() && error.outcome == Outcome::Refused => {
                    let found = table.made_by(&*self.ec2, &self.manner, &op.id).await?;
                    if found.len() < count {
                        return Err(error);
                    }
                    return Ok(self.made(table, op, found));
                }
                Err(error) => return Err(error),
            }
        }
        Err(doubt.unwrap_or_else(|| CallError::own(K::NAME, "could not be made")))
    }

    fn made<K: Kind>(&self, table: &Table<K>, op: &Op, items: Vec<K::Item>) -> Vec<Arc<K::Item>> {
        let put = |item: K::Item| {
            self.manner.note_made(K::id(&item));
            self.note(&json!({"created": K::NAME, "op": op.id, "id": K::id(&item)}));
            table.put(item)
        };
        items.into_iter().map(put).collect()
    }

    /// After a repeated creation: the first attempt's things may appear late.
    async fn without_doubles<K: Kind>(
        &self,
        table: &Table<K>,
        op: &Op,
        count: usize,
        items: Vec<K::Item>,
    ) -> Result<Vec<K::Item>, CallError> {
        for pause in SECOND_LOOKS {
            if !pause.is_zero() {
                self.manner.pause(K::NAME, pause).await?;
            }
            let mut found = table.made_by(&*self.ec2, &self.manner, &op.id).await?;
            if found.len() > count {
                // Those that were answered for are kept.
                found.sort_by_key(|f| !items.iter().any(|i| K::id(i) == K::id(f)));
                return self.discard::<K>(found, count).await;
            }
        }
        Ok(items)
    }

    /// Keeps the first `count` and removes the others.
    async fn discard<K: Kind>(
        &self,
        mut found: Vec<K::Item>,
        count: usize,
    ) -> Result<Vec<K::Item>, CallError> {
        for extra in found.split_off(count.min(found.len())) {
            let id = K::id(&extra);
            self.note(&json!({"remove": K::NAME, "id": id, "why": "made twice"}));
            K::delete(&*self.ec2, id).await?;
        }
        Ok(found)
    }
}
