//! Barriers between the hosts of a batch: who has come how far, and results that one computes for all.
//!
//! A position is the path of step indices from the play's body down to a step, so positions of one play compare
//! in the order of execution, dynamic includes too. A host's position only grows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

pub type Position = Vec<usize>;

#[derive(Clone, Debug, PartialEq)]
enum Place {
    At(Position),
    /// Failed, unreachable or ended: waits for nobody, nobody waits for it. Where it was last.
    Out(Position),
    /// Came to the end of the play.
    Through,
}

struct State<R> {
    places: HashMap<Arc<str>, Place>,
    order: Vec<Arc<str>>,
    results: HashMap<Position, R>,
    /// Who does what runs once. With an include it goes on to places inside, where none of the others comes.
    leaders: HashMap<Position, Arc<str>>,
    failed: usize,
    /// Where an error happened that counts for all hosts.
    fatal: Vec<Position>,
    /// No host begins another step.
    over: bool,
    /// No host that has come past it begins another step of the play.
    ended: Option<Position>,
}

/// `R` is what a `run_once` step leaves for the other hosts.
pub struct Lockstep<R> {
    state: Mutex<State<R>>,
    moved: Notify,
}

/// What a host is to do at a step that runs once.
#[derive(Debug, PartialEq)]
pub enum Once<R> {
    /// Run it and [`Lockstep::publish`] the result.
    Lead,
    Take(R),
}

impl<R: Clone> Lockstep<R> {
    pub fn new(hosts: &[Arc<str>]) -> Self {
        let places = hosts.iter().map(|h| (Arc::clone(h), Place::At(Vec::new()))).collect();
        let state = State {
            places,
            order: hosts.to_vec(),
            results: HashMap::new(),
            leaders: HashMap::new(),
            failed: 0,
            fatal: Vec::new(),
            over: false,
            ended: None,
        };
        Lockstep { state: Mutex::new(state), moved: Notify::new() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State<R>) -> T) -> T {
        let result = act(&mut self.state.lock().unwrap_or_else(|e| e.into_inner()));
        self.moved.notify_waiters();
        result
    }

    /// Says how far a host is, without waiting.
    pub fn advance(&self, host: &Arc<str>, to: &[usize]) {
        self.with(|s| s.places.insert(Arc::clone(host), Place::At(to.to_vec())));
    }

    /// The host leaves the batch before its end; `failed` counts for `max_fail_percentage`.
    pub fn leave(&self, host: &Arc<str>, failed: bool) {
        self.with(|s| {
            let last = match s.places.get(host) {
                Some(Place::At(at) | Place::Out(at)) => at.clone(),
                Some(Place::Through) | None => Position::new(),
            };
            s.places.insert(Arc::clone(host), Place::Out(last));
            s.failed += usize::from(failed);
        });
    }

    /// The host has come to the end of the play.
    pub fn finish(&self, host: &Arc<str>) {
        self.with(|s| s.places.insert(Arc::clone(host), Place::Through));
    }

    /// An error at this place counts for every host: each fails there, and may rescue itself.
    pub fn set_fatal(&self, at: &[usize]) {
        self.with(|s| {
            if !s.fatal.iter().any(|p| p == at) {
                s.fatal.push(at.to_vec());
            }
        });
    }

    /// A place before `here` where another host's error was fatal to all; not one of the first `known`.
    pub fn fatal_before(&self, here: &[usize], known: usize) -> bool {
        self.with(|s| s.fatal.iter().skip(known).any(|p| p.as_slice() < here))
    }

    /// How many places there are where an error was fatal to all.
    pub fn fatal_count(&self) -> usize {
        self.with(|s| s.fatal.len())
    }

    /// No host of the play begins another step: too many have failed.
    pub fn set_over(&self) {
        self.with(|s| s.over = true);
    }

    pub fn is_over(&self) -> bool {
        self.with(|s| s.over)
    }

    /// The batch ends here for all its hosts.
    pub fn end(&self, at: &[usize]) {
        self.with(|s| s.ended = Some(at.to_vec()));
    }

    /// Whether the batch was ended at a place before this one.
    pub fn ended_before(&self, here: &[usize]) -> bool {
        self.with(|s| s.ended.as_deref().is_some_and(|at| at < here))
    }

    pub fn failed_percentage(&self) -> f64 {
        self.with(|s| 100.0 * s.failed as f64 / s.order.len().max(1) as f64)
    }

    /// Hosts that left the play before this place; later ones still count as taking part.
    pub fn left_before(&self, here: &[usize]) -> Vec<Arc<str>> {
        self.with(|s| {
            let left =
                |h: &&Arc<str>| matches!(s.places.get(*h), Some(Place::Out(at)) if at.as_slice() < here);
            s.order.iter().filter(left).cloned().collect()
        })
    }

    async fn until<T>(&self, mut ready: impl FnMut(&mut State<R>) -> Option<T>) -> T {
        loop {
            // Registered before the look, so that a move between look and wait is not missed.
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(found) = ready(&mut self.state.lock().unwrap_or_else(|e| e.into_inner())) {
                return found;
            }
            moved.await;
        }
    }

    /// Waits until every active host has come to `to` or beyond.
    pub async fn reach(&self, host: &Arc<str>, to: &[usize]) {
        self.advance(host, to);
        self.until(|s| s.all_at(to).then_some(())).await;
    }

    /// Waits for all, then makes the first active host of the order lead and gives the others its result.
    pub async fn once(&self, host: &Arc<str>, at: &[usize]) -> Once<R> {
        self.reach(host, at).await;
        self.until(|s| match s.results.get(at) {
            Some(result) => Some(Once::Take(result.clone())),
            None => s.leads(host, at).then_some(Once::Lead),
        })
        .await
    }

    pub fn publish(&self, at: &[usize], result: R) {
        self.with(|s| s.results.insert(at.to_vec(), result));
    }
}

impl<R> State<R> {
    fn all_at(&self, to: &[usize]) -> bool {
        self.places.values().all(|p| match p {
            Place::At(at) => {
                at.as_slice() >= to || (to.starts_with(at.as_slice()) && self.leaders.contains_key(at))
            }
            Place::Out(_) | Place::Through => true,
        })
    }

    /// Whether the host is the one that does it; so the first that comes, and the next where that one is lost.
    fn leads(&mut self, host: &Arc<str>, at: &[usize]) -> bool {
        let other = self.leaders.get(at).filter(|leader| *leader != host);
        let there = |leader| matches!(self.places.get(leader), Some(Place::At(_)));
        if other.is_some_and(there) {
            return false;
        }
        let leads = self.first_at(at) == Some(host);
        if leads {
            self.leaders.insert(at.to_vec(), Arc::clone(host));
        }
        leads
    }

    fn first_at(&self, to: &[usize]) -> Option<&Arc<str>> {
        self.order.iter().find(|h| matches!(self.places.get(*h), Some(Place::At(at)) if at.as_slice() == to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<Arc<str>> {
        (0..n).map(|i| Arc::from(format!("h{i}"))).collect()
    }

    #[tokio::test]
    async fn who_goes_into_an_include_still_leads_it() {
        let hosts = names(2);
        let step = Lockstep::new(&hosts);
        step.advance(&hosts[1], &[0]);
        assert_eq!(step.once(&hosts[0], &[0]).await, Once::Lead);
        // Inside it meets nobody, and waits for nobody.
        assert_eq!(step.once(&hosts[0], &[0, 0]).await, Once::Lead);
        let other = step.once(&hosts[1], &[0]);
        tokio::pin!(other);
        assert!(futures_ready(other.as_mut()).is_none(), "it leads itself");
        step.publish(&[0], 7);
        assert_eq!(other.await, Once::Take(7));
    }

    #[tokio::test]
    async fn all_wait_for_the_slowest_and_not_for_the_lost() {
        let hosts = names(3);
        let step: Lockstep<()> = Lockstep::new(&hosts);
        step.leave(&hosts[2], true);
        let waiting = step.reach(&hosts[0], &[1]);
        tokio::pin!(waiting);
        assert!(futures_ready(waiting.as_mut()).is_none(), "h1 is still at the start");
        step.advance(&hosts[1], &[1, 0, 2]);
        waiting.await;
        assert_eq!(step.left_before(&[1]), [Arc::clone(&hosts[2])]);
        assert_eq!(step.failed_percentage().round(), 33.0);
    }

    #[test]
    fn what_happens_at_a_place_counts_behind_it() {
        let hosts = names(1);
        let step: Lockstep<()> = Lockstep::new(&hosts);
        step.advance(&hosts[0], &[2]);
        step.leave(&hosts[0], false);
        step.end(&[2]);
        for (here, behind) in [(&[1, 9][..], false), (&[2], false), (&[2, 0], true), (&[3], true)] {
            assert_eq!(step.ended_before(here), behind, "{here:?}");
            assert_eq!(step.left_before(here).len(), usize::from(behind), "{here:?}");
        }
    }

    #[tokio::test]
    async fn one_leads_and_a_lost_leader_is_replaced() {
        let hosts = names(2);
        let step: Lockstep<u8> = Lockstep::new(&hosts);
        step.advance(&hosts[1], &[4]);
        assert_eq!(step.once(&hosts[0], &[4]).await, Once::Lead);
        step.leave(&hosts[0], true);
        assert_eq!(step.once(&hosts[1], &[4]).await, Once::Lead);
        step.publish(&[4], 7);
        assert_eq!(step.once(&hosts[1], &[4]).await, Once::Take(7));
    }

    /// Polls once.
    fn futures_ready<F: Future>(f: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match f.poll(&mut cx) {
            std::task::Poll::Ready(v) => Some(v),
            std::task::Poll::Pending => None,
        }
    }
}
