//! A build as steps: each has a `perform` and an `undo`, and works on the build's typed state.
//!
//! Whatever ends a build (success, error, interrupt), the undo of every step that was begun runs, last first. A step
//! that makes the result undoes it only when the build did not succeed. An undo that fails is told with the name of
//! what is left, and makes the build a failure.

use crate::exec::Cancel;
use crate::exec::cancel::Stop;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How what is told of a step begins that is long under way.
pub const STILL: &str = "still at ";
/// How often that is told.
const TELL_AGAIN: Duration = Duration::from_secs(20);

/// What a step's work and its undo return: errors are in a user's words.
pub type StepFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One step. `perform` may be cut off at any await: what it has begun is in the state before it is begun, so that
/// `undo` finds it.
pub trait Step<S>: Send + Sync {
    /// In a user's words, e.g. `temporary key pair`.
    fn name(&self) -> &str;
    /// Does the step.
    ///
    /// # Errors
    /// Why it could not be done; its undo runs all the same.
    fn perform<'a>(&'a self, state: &'a mut S) -> StepFuture<'a, Result<(), String>>;
    /// Takes back what was begun. `succeeded`: the whole build did, so its result stays. An error says what is left.
    fn undo<'a>(&'a self, state: &'a mut S, succeeded: bool) -> StepFuture<'a, Result<(), String>> {
        let _ = (state, succeeded);
        Box::pin(async { Ok(()) })
    }
    /// Whether the build needs no further step: what it was to make is there.
    fn completes(&self, state: &S) -> bool {
        let _ = state;
        false
    }
    /// What stays of this step when a failed build is left for a look.
    fn holds(&self, state: &S) -> Option<String> {
        let _ = state;
        None
    }
}

/// What to do with what a failed build has made.
#[derive(Copy, Clone, Debug, Default)]
pub enum OnError {
    /// Every step that was begun is undone.
    #[default]
    Cleanup,
    /// Leave everything as it is, for a look.
    Abort,
    /// Asks, with the step and why it failed. Called where it may block.
    Ask(fn(&str, &str) -> Answer),
}

/// What a user wants after a step has failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every step that was begun is undone.
    Cleanup,
    /// Everything stays as it is, for a look.
    Abort,
    /// The step once more.
    Retry,
}

/// How a build ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The step that failed, and why; `None`: the build succeeded or was interrupted.
    pub failed: Option<(String, String)>,
    /// It was asked to stop, by a signal or a key.
    pub interrupted: bool,
    /// What could not be taken back.
    pub left: Vec<String>,
    /// What was left for a look, as was asked for.
    pub kept: Vec<String>,
}

impl Ending {
    /// Whether the result is there and nothing was left behind that should be gone.
    pub fn ok(&self) -> bool {
        self.failed.is_none() && !self.interrupted && self.left.is_empty()
    }
}

/// Runs the steps and then the undos. `tell` hears each step's name as it begins, of undos `undo NAME`, and of what takes
/// long that it is under way ([`STILL`]).
pub async fn run<S: Send>(
    steps: &[Box<dyn Step<S>>],
    state: &mut S,
    cancel: &Cancel,
    on_error: OnError,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Ending {
    let mut ending = Ending::default();
    let (mut begun, mut abort) = (0, false);
    'steps: for step in steps {
        if cancel.requested() {
            ending.interrupted = true;
            break;
        }
        tell(step.name());
        begun += 1;
        loop {
            let work = one(&**step, state, cancel);
            let why = match telling(work, step.name(), TELL_AGAIN, tell).await {
                Some(Ok(())) if step.completes(state) => break 'steps,
                Some(Ok(())) => continue 'steps,
                Some(Err(why)) => why,
                None => {
                    ending.interrupted = true;
                    break 'steps;
                }
            };
            match answer(on_error, step.name(), &why).await {
                Answer::Retry => {
                    // The step begins anew: what its first attempt made goes.
                    ending.left.extend(step.undo(state, false).await.err());
                    tell(step.name());
                    continue;
                }
                other => abort = other == Answer::Abort,
            }
            ending.failed = Some((step.name().to_string(), why));
            break 'steps;
        }
    }
    let succeeded = ending.failed.is_none() && !ending.interrupted;
    if abort || (ending.interrupted && matches!(on_error, OnError::Abort)) {
        ending.kept = steps[..begun].iter().filter_map(|step| step.holds(state)).collect();
        return ending;
    }
    for step in steps[..begun].iter().rev() {
        let name = format!("undo {}", step.name());
        if !succeeded {
            tell(&name);
        }
        if let Err(left) = telling(step.undo(state, succeeded), &name, TELL_AGAIN, tell).await {
            ending.left.push(left);
        }
    }
    ending
}

/// Nothing takes long in silence.
async fn telling<T>(
    work: impl Future<Output = T>,
    name: &str,
    again: Duration,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> T {
    tokio::pin!(work);
    let began = tokio::time::Instant::now();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(again) => {
                tell(&format!("{STILL}{name} after {} s", began.elapsed().as_secs()));
            }
        }
    }
}

/// `None`: interrupted.
async fn one<S: Send>(step: &dyn Step<S>, state: &mut S, cancel: &Cancel) -> Option<Result<(), String>> {
    tokio::select! {
        // What ends at once has ended, also when the interrupt came with it.
        biased;
        result = step.perform(state) => Some(result),
        () = cancel.wait(Stop::Cleanly) => None,
    }
}

async fn answer(on_error: OnError, step: &str, why: &str) -> Answer {
    match on_error {
        OnError::Cleanup => Answer::Cleanup,
        OnError::Abort => Answer::Abort,
        OnError::Ask(ask) => {
            let (step, why) = (step.to_string(), why.to_string());
            tokio::task::spawn_blocking(move || ask(&step, &why)).await.unwrap_or(Answer::Cleanup)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Says what it does; `fails` and `hangs` name what goes wrong.
    struct Says(&'static str, &'static str);

    impl Step<Vec<String>> for Says {
        fn name(&self) -> &str {
            self.0
        }

        fn perform<'a>(&'a self, state: &'a mut Vec<String>) -> StepFuture<'a, Result<(), String>> {
            Box::pin(async move {
                state.push(format!("do {}", self.0));
                match self.1 {
                    "fails" => Err("broken".into()),
                    "hangs" => std::future::pending().await,
                    _ => Ok(()),
                }
            })
        }

        fn undo<'a>(
            &'a self,
            state: &'a mut Vec<String>,
            succeeded: bool,
        ) -> StepFuture<'a, Result<(), String>> {
            Box::pin(async move {
                state.push(format!("undo {}{}", self.0, if succeeded { " after success" } else { "" }));
                if self.1 == "stays" { Err(format!("{} is left", self.0)) } else { Ok(()) }
            })
        }

        fn completes(&self, _: &Vec<String>) -> bool {
            self.1 == "found"
        }

        fn holds(&self, _: &Vec<String>) -> Option<String> {
            Some(format!("what {} made", self.0))
        }
    }

    async fn walk(steps: [Says; 3], on_error: OnError, cancel_at: &'static str) -> (Ending, String) {
        let mut state = Vec::new();
        let cancel = Cancel::default();
        let told = Mutex::new(());
        let steps: Vec<Box<dyn Step<_>>> = steps.into_iter().map(|s| Box::new(s) as _).collect();
        let tell = |name: &str| {
            let _guard = told.lock();
            if name == cancel_at {
                cancel.raise();
            }
        };
        let ending = run(&steps, &mut state, &cancel, on_error, &tell).await;
        (ending, state.join(", "))
    }

    #[tokio::test]
    async fn every_way_out_takes_back_what_was_begun() {
        let (ending, did) = walk([Says("a", ""), Says("b", ""), Says("c", "")], OnError::Cleanup, "").await;
        assert!(ending.ok());
        assert_eq!(did, "do a, do b, do c, undo c after success, undo b after success, undo a after success");

        let (ending, did) =
            walk([Says("a", ""), Says("b", "fails"), Says("c", "")], OnError::Cleanup, "").await;
        assert_eq!(ending.failed, Some(("b".into(), "broken".into())));
        assert_eq!(did, "do a, do b, undo b, undo a");

        let (ending, did) =
            walk([Says("a", ""), Says("b", "hangs"), Says("c", "")], OnError::Cleanup, "b").await;
        assert!(ending.interrupted && !ending.ok());
        assert_eq!(did, "do a, do b, undo b, undo a");
    }

    #[tokio::test]
    async fn what_takes_long_is_told_of() {
        let (told, seen) = tokio::sync::watch::channel(Vec::new());
        let tell = |line: &str| told.send_modify(|all| all.push(line.to_string()));
        let mut seen_in_work = seen.clone();
        let work = async move { seen_in_work.wait_for(|all| all.len() == 2).await.map(drop).unwrap() };
        telling(work, "undo b", Duration::from_millis(1), &tell).await;
        assert_eq!(*seen.borrow(), ["still at undo b after 0 s", "still at undo b after 0 s"]);
    }

    #[tokio::test]
    async fn what_stays_is_named_and_abort_leaves_all() {
        let (ending, did) =
            walk([Says("a", ""), Says("b", "stays"), Says("c", "")], OnError::Cleanup, "").await;
        assert_eq!((ending.left.clone(), ending.ok()), (vec!["b is left".to_string()], false));
        assert!(did.ends_with("undo a after success"), "{did}");

        let (ending, did) =
            walk([Says("a", ""), Says("b", "fails"), Says("c", "")], OnError::Abort, "").await;
        assert!(!ending.ok());
        assert_eq!((did.as_str(), ending.kept.join(" ")), ("do a, do b", "what a made what b made".into()));

        let (ending, did) =
            walk([Says("a", ""), Says("b", "hangs"), Says("c", "")], OnError::Abort, "b").await;
        assert!(ending.interrupted && ending.kept.len() == 2);
        assert_eq!(did, "do a, do b");
    }

    #[tokio::test]
    async fn a_question_decides_and_what_is_there_ends_the_build() {
        use std::sync::atomic::{AtomicU32, Ordering};
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let ask = |step: &str, why: &str| {
            assert_eq!((step, why), ("b", "broken"));
            if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { Answer::Retry } else { Answer::Abort }
        };
        let steps = [Says("a", ""), Says("b", "fails"), Says("c", "")];
        let (ending, did) = walk(steps, OnError::Ask(ask), "").await;
        assert_eq!(did, "do a, do b, undo b, do b");
        assert!(!ending.ok() && ending.kept.len() == 2);
        let (ending, did) =
            walk([Says("a", "found"), Says("b", ""), Says("c", "")], OnError::Cleanup, "").await;
        assert!(ending.ok());
        assert_eq!(did, "do a, undo a after success");
    }
}
