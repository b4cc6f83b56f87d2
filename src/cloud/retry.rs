//! Patience with the service: attempts, pauses with jitter, "not yet" after one's own creation, stopping.

use super::calls::{CallFuture, Repeat};
use super::error::{CallError, Outcome};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Attempts of one call, the first included.
const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// How long a thing that was made may stay unknown to the service's other calls.
const NOT_YET: Duration = Duration::from_secs(60);
/// And what a creation needs and this run did not make: another may have made it a moment ago.
const NOT_YET_OTHERS: Duration = Duration::from_secs(5);
/// How long an answer is still waited for when the run is being stopped: of what only reads, and of what writes.
const LAST_READ: Duration = Duration::from_secs(2);
const LAST_WRITE: Duration = Duration::from_secs(5);
/// And of a write that is begun only then, as a thing that was made gets what belongs to it.
const LATE_WRITE: Duration = Duration::from_secs(1);

/// What all calls of an account share: what was made lately, and whether the run is being stopped.
pub struct Manner {
    made: Mutex<HashMap<String, Instant>>,
    stop: watch::Receiver<bool>,
    /// Something that was to be removed stays, and so what it uses does.
    stays: AtomicBool,
    /// When a call first saw that the run is being stopped.
    stopped: OnceLock<Instant>,
    /// The first pause; each later one is up to twice as long.
    first_pause: Duration,
    last_read: Duration,
    last_write: Duration,
    others: Duration,
}

impl Manner {
    /// `stop` turns true when nothing new is to begin; answers to calls under way are waited for, but not for long.
    pub fn new(stop: watch::Receiver<bool>) -> Manner {
        Manner {
            made: Mutex::default(),
            stop,
            stays: AtomicBool::new(false),
            stopped: OnceLock::new(),
            first_pause: FIRST_PAUSE,
            last_read: LAST_READ,
            last_write: LAST_WRITE,
            others: NOT_YET_OTHERS,
        }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.made.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A thing was made just now: that it is not found means "not yet".
    pub fn note_made(&self, id: &str) {
        self.made().insert(id.to_string(), Instant::now());
    }

    /// As [`Manner::note_made`], of a thing whose name things of other kinds may have: `role`, `instance profile`.
    pub fn note_named(&self, kind: &str, name: &str) {
        self.note_made(&format!("{kind}:{name}"));
    }

    /// A thing was removed on purpose: that it is not found is the truth.
    pub fn note_removed(&self, id: &str) {
        self.made().remove(id);
    }

    /// Whether this run made the thing: nothing is in it but what this run put there.
    pub fn is_made(&self, id: &str) -> bool {
        self.made().contains_key(id)
    }

    /// Whether this run made the thing so lately that the service may not list it yet.
    pub fn is_young(&self, id: &str) -> bool {
        self.made().get(id).is_some_and(|at| at.elapsed() < NOT_YET)
    }

    /// Something that was to be removed stays: what it uses is not waited for any more.
    pub fn note_stays(&self) {
        self.stays.store(true, Ordering::Relaxed);
    }

    /// Whether something stays that was to be removed.
    pub fn stays(&self) -> bool {
        self.stays.load(Ordering::Relaxed)
    }

    /// Whether the run was asked to stop: no call that changes something may begin.
    pub fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Pauses; an error when the run is being stopped.
    pub async fn pause(&self, call: &str, time: Duration) -> Result<(), CallError> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            Ok(_) = stop.wait_for(|stop| *stop) => Err(CallError::given_up(call, "interrupted")),
        }
    }

    /// One attempt. When the run is being stopped and no answer comes soon, a write is doubtful: its effect may still
    /// come.
    async fn answer<'a, T>(
        &self,
        call: &str,
        repeat: Repeat,
        attempt: CallFuture<'a, T>,
    ) -> Result<T, CallError> {
        let (mut stop, began) = (self.stop.clone(), Instant::now());
        let stopped = async {
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            let at = *self.stopped.get_or_init(Instant::now);
            let until = match repeat {
                Repeat::Read => began.max(at) + self.last_read,
                Repeat::Same | Repeat::Another => (at + self.last_write).max(began + LATE_WRITE),
            };
            tokio::time::sleep_until(until.into()).await;
        };
        tokio::select! {
            biased;
            done = attempt => done,
            () = stopped => {
                let outcome = if repeat == Repeat::Read { Outcome::GivenUp } else { Outcome::Doubtful };
                Err(CallError { outcome, ..CallError::own(call, "interrupted, and no answer came after that") })
            }
        }
    }

    /// Half fixed, half random, so that many callers do not come back together.
    fn wait(&self, count: u32) -> Duration {
        let longest = (self.first_pause * 2u32.saturating_pow(count.min(10) - 1)).min(LONGEST_PAUSE);
        longest.mul_f64(0.5 + 0.5 * rand::random::<f64>())
    }

    /// Whether a "not found" is one of a thing just made: it names one, by its id or its name.
    fn not_yet(&self, error: &CallError) -> bool {
        if !error.not_found() && !error.unknown_profile() {
            return false;
        }
        let young = |name: &str| self.is_young(name);
        let named = |kind: &str, name: &str| {
            // `iamInstanceProfile`, `Instance Profile`; a name may have the word in it, too.
            letters(&error.message.replace(name, "")).contains(&letters(kind))
                && names(&error.message).any(|n| n == name)
        };
        ids(&error.message).into_iter().any(young)
            || names(&error.message).any(young)
            || self.made().iter().any(|(key, at)| {
                at.elapsed() < NOT_YET && key.split_once(':').is_some_and(|(kind, name)| named(kind, name))
            })
    }
}

/// Nothing but letters, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

/// What a message may name: `'web'`, `(nodes)`, the last part of an ARN.
fn names(message: &str) -> impl Iterator<Item = &str> {
    let words = message.split(|c: char| c.is_whitespace() || "'\"`()[],;".contains(c));
    let words = words.map(|word| word.trim_end_matches(['.', ':']));
    words.flat_map(|word| [word, word.rsplit('/').next().unwrap_or_default()])
}

fn ids(message: &str) -> Vec<&str> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    words.filter(|w| looks_like_id(w)).collect()
}

/// `vpc-0a1b2c3d…`
fn looks_like_id(word: &str) -> bool {
    let Some((kind, id)) = word.rsplit_once('-') else { return false };
    !kind.is_empty() && id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Makes attempts until one succeeds, is refused for good, or leaves a doubt that the caller must clear up.
pub async fn patiently<'a, T>(
    manner: &Manner,
    call: &str,
    repeat: Repeat,
    attempt: &(dyn Fn() -> CallFuture<'a, T> + Send + Sync),
) -> Result<T, CallError> {
    let began = Instant::now();
    let (mut count, mut doubt) = (0, false);
    loop {
        let mut error = match manner.answer(call, repeat, attempt()).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        count += 1;
        error.after_doubt = doubt;
        let again = match error.outcome {
            Outcome::Throttled => count < ATTEMPTS,
            Outcome::Doubtful => repeat != Repeat::Another && count < ATTEMPTS,
            Outcome::Refused if !doubt && manner.not_yet(&error) => began.elapsed() < NOT_YET,
            Outcome::Refused
                if repeat == Repeat::Another && error.not_found() && !ids(&error.message).is_empty() =>
            {
                began.elapsed() < manner.others
            }
            Outcome::Refused | Outcome::GivenUp => false,
        };
        if !again {
            if count > 1 && matches!(error.outcome, Outcome::Throttled | Outcome::Doubtful) {
                error.message += &format!(" ({count} attempts in {} s)", began.elapsed().as_secs());
            }
            if repeat == Repeat::Read && error.outcome == Outcome::Doubtful {
                // Nothing was to be carried out.
                error.outcome = Outcome::GivenUp;
            }
            return Err(error);
        }
        doubt |= error.outcome == Outcome::Doubtful && repeat == Repeat::Same;
        manner.pause(call, manner.wait(count)).await.map_err(|_| error)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn error(outcome: Outcome, code: &str, message: &str) -> CallError {
        CallError { outcome, code: code.into(), ..CallError::own("ec2:X", message) }
    }

    fn manner() -> (Manner, watch::Sender<bool>) {
        let (stop, seen) = watch::channel(false);
        (Manner { first_pause: Duration::from_micros(10), ..Manner::new(seen) }, stop)
    }

    /// How many attempts are made when each ends with `error` but the one after `bad` of them.
    async fn attempts(manner: &Manner, repeat: Repeat, bad: u32, error: CallError) -> (u32, bool) {
        let count = AtomicU32::new(0);
        let attempt = || -> CallFuture<'_, ()> {
            let n = count.fetch_add(1, Ordering::Relaxed);
            let error = error.clone();
            Box::pin(async move { if n < bad { Err(error) } else { Ok(()) } })
        };
        let ok = patiently(manner, "ec2:X", repeat, &attempt).await.is_ok();
        (count.load(Ordering::Relaxed), ok)
    }

    #[tokio::test]
    async fn what_was_not_carried_out_is_repeated_and_what_may_have_been_only_where_it_is_harmless() {
        let (manner, _stop) = manner();
        let busy = error(Outcome::Throttled, "RequestLimitExceeded", "");
        let lost = error(Outcome::Doubtful, "", "reset");
        let no = error(Outcome::Refused, "InvalidParameterValue", "");
        assert_eq!(attempts(&manner, Repeat::Another, 6, busy.clone()).await, (7, true));
        assert_eq!(attempts(&manner, Repeat::Read, 99, busy).await, (ATTEMPTS, false));
        assert_eq!(attempts(&manner, Repeat::Read, 3, lost.clone()).await, (4, true));
        assert_eq!(attempts(&manner, Repeat::Same, 3, lost.clone()).await, (4, true));
        assert_eq!(attempts(&manner, Repeat::Another, 1, lost).await, (1, false));
        assert_eq!(attempts(&manner, Repeat::Read, 1, no).await, (1, false));
    }

    #[tokio::test]
    async fn what_was_just_made_is_not_there_yet_and_what_was_not_is_missing() {
        let (manner, _stop) = manner();
        let missing = |id: &str| {
            error(Outcome::Refused, "InvalidVpcID.NotFound", &format!("The vpc ID '{id}' does not exist"))
        };
        assert_eq!(attempts(&manner, Repeat::Same, 2, missing("vpc-0123456789abcdef0")).await, (1, false));
        manner.note_made("vpc-0123456789abcdef0");
        assert_eq!(attempts(&manner, Repeat::Same, 2, missing("vpc-0123456789abcdef0")).await, (3, true));
        assert_eq!(attempts(&manner, Repeat::Same, 2, missing("vpc-00000000000000001")).await, (1, false));
        let role = |name: &str| {
            error(Outcome::Refused, "NoSuchEntity", &format!("The role {name} cannot be found."))
        };
        assert_eq!(attempts(&manner, Repeat::Read, 2, role("nodes")).await, (1, false), "others were made");
        manner.note_named("role", "nodes");
        assert_eq!(attempts(&manner, Repeat::Read, 2, role("nodes")).await, (3, true));
        // A thing of another kind has the name: that it is not there is the truth.
        let other = |name: &str| {
            error(Outcome::Refused, "NoSuchEntity", &format!("Instance Profile {name} cannot be found."))
        };
        manner.note_named("role", "node-role");
        for name in ["nodes", "node-role"] {
            assert_eq!(attempts(&manner, Repeat::Read, 2, other(name)).await, (1, false), "{name}");
        }
        manner.note_named("instance profile", "nodes");
        assert_eq!(attempts(&manner, Repeat::Read, 2, other("nodes")).await, (3, true));
        let profile =
            "Value (arn:aws:iam::1:instance-profile/nodes) for parameter iamInstanceProfile.arn is invalid.";
        let profile = error(Outcome::Refused, "InvalidParameterValue", profile);
        assert_eq!(attempts(&manner, Repeat::Another, 2, profile).await, (3, true));
        // What another has made a moment ago, a creation waits for.
        assert_eq!(attempts(&manner, Repeat::Another, 2, missing("vpc-00000000000000001")).await, (3, true));
        let manner = Manner { others: Duration::ZERO, ..manner };
        assert_eq!(attempts(&manner, Repeat::Another, 2, missing("vpc-00000000000000001")).await, (1, false));
    }

    #[tokio::test]
    async fn stopping_ends_the_patience() {
        let (manner, stop) = manner();
        stop.send_replace(true);
        let busy = error(Outcome::Throttled, "Throttling", "");
        assert_eq!(attempts(&manner, Repeat::Read, 6, busy).await, (1, false));
    }

    #[tokio::test]
    async fn stopping_bounds_the_wait_for_an_answer() {
        for (repeat, outcome) in [
            (Repeat::Read, Outcome::GivenUp),
            (Repeat::Same, Outcome::Doubtful),
            (Repeat::Another, Outcome::Doubtful),
        ] {
            let (manner, stop) = manner();
            let soon = Duration::from_millis(1);
            let manner = Manner { last_read: soon, last_write: soon, ..manner };
            let silent = || -> CallFuture<'_, ()> { Box::pin(std::future::pending()) };
            let unanswered = patiently(&manner, "ec2:X", repeat, &silent);
            let stops = async { stop.send_replace(true) };
            let (done, _) = tokio::join!(unanswered, stops);
            assert_eq!(done.unwrap_err().outcome, outcome, "{repeat:?}");
        }
    }
}
