//! A host as the executor sees it: one session, a shell for each become user, reconnected on demand.

use super::batch::{Batch, Reply, merged, share};
use super::job::{Content, Job, Output};
use super::session::Session;
use super::shell::{Request, Shell};
use super::{Become, JobFuture, Remote, RemoteError, Target};
use rand::RngExt;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// A host that connects when its first job is submitted. Must be used inside a tokio runtime.
pub fn connect(target: Target) -> Arc<dyn Remote> {
    Arc::new(Host(Arc::new(Line {
        target: Arc::new(target),
        trips: Trips::default(),
        wrong: Arc::default(),
        state: Mutex::default(),
        batch: Mutex::default(),
    })))
}

struct Host(Arc<Line>);

/// The way to a host, and what waits to go there.
struct Line {
    target: Arc<Target>,
    trips: Trips,
    wrong: Arc<Wrong>,
    state: Mutex<State>,
    batch: Mutex<Batch>,
}

/// Sends what waits when somebody wants its answer, or nobody does any more.
struct Sends(Arc<Line>);

impl Drop for Sends {
    fn drop(&mut self) {
        self.0.flush();
    }
}

#[derive(Default)]
struct State {
    context: Option<Arc<Context>>,
    shells: HashMap<Become, Shell>,
}

/// What all shells of one session share.
pub struct Context {
    pub target: Arc<Target>,
    pub session: Arc<Session>,
    wrong: Arc<Wrong>,
}

/// The users whose password was wrong, and what was said. It is not given a second time: each wrong try counts towards
/// a lockout.
type Wrong = Mutex<HashMap<Become, RemoteError>>;

impl Context {
    /// Remembers that the password for a user is wrong.
    pub fn distrust(&self, who: &Become, error: &RemoteError) {
        self.wrong.lock().unwrap_or_else(|e| e.into_inner()).insert(who.clone(), error.clone());
    }

    /// What was said when the password for a user was tried and was wrong.
    pub fn distrusted(&self, who: &Become) -> Option<RemoteError> {
        self.wrong.lock().unwrap_or_else(|e| e.into_inner()).get(who).cloned()
    }

    /// A text no job can guess, to mark where its output ends.
    pub fn nonce(&self) -> String {
        let random: u128 = rand::rng().random();
        format!("\u{2}{random:032x}")
    }

    /// How long a login may take in all, the part of the network included.
    pub fn login_limit(&self) -> Duration {
        self.target.connect_timeout + Duration::from_secs(20)
    }
}

/// Counts exchanges: a job handed over after an answer was taken may depend on it, so it is one exchange further. When the
/// network brings an answer that nobody has taken yet does not count: the number is that of the run, not of its weather.
#[derive(Default)]
pub struct Trips {
    answered: AtomicU64,
    deepest: AtomicU64,
}

impl Trips {
    fn sent(&self) -> u64 {
        let depth = self.answered.load(Ordering::SeqCst) + 1;
        self.deepest.fetch_max(depth, Ordering::SeqCst);
        depth
    }

    fn answered(&self, depth: u64) {
        self.answered.fetch_max(depth, Ordering::SeqCst);
    }
}

impl Line {
    /// Takes a job: a write of a file waits for the next, all else goes at once, behind what waits.
    fn queue(&self, who: &Become, job: Job, reply: Reply) {
        let mut batch = self.batch.lock().unwrap_or_else(|e| e.into_inner());
        let Err((job, reply)) = batch.add(who, job, reply) else { return };
        self.send_batch(&mut batch);
        if let Err((job, reply)) = batch.add(who, job, reply) {
            self.send(who, job, reply);
        }
    }

    fn flush(&self) {
        // When all ends, there is nobody left to send.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        self.send_batch(&mut self.batch.lock().unwrap_or_else(|e| e.into_inner()));
    }

    fn send_batch(&self, batch: &mut Batch) {
        let (who, jobs) = batch.take();
        let Some(merged) = merged(&jobs) else {
            return jobs.into_iter().for_each(|(job, reply)| self.send(&who, job, reply));
        };
        let (reply, answer) = oneshot::channel();
        self.send(&who, merged, reply);
        let host = self.target.inventory_hostname.clone();
        tokio::spawn(async move { share(jobs, answered(answer.await, &host)) });
    }

    /// Hands a job to the live shell of `who`, starting it and the session where there is none.
    fn send(&self, who: &Become, job: Job, reply: super::shell::Reply) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let mut request = Request::Run(Box::new(job), reply);
        if let Some(shell) = state.shells.get(who) {
            match shell.send(request) {
                Ok(()) => return,
                Err(back) => request = back,
            }
        }
        let context = match &state.context {
            Some(context) if context.session.usable() => Arc::clone(context),
            _ => {
                let session = Session::new((*self.target).clone());
                let (target, wrong) = (Arc::clone(&self.target), Arc::clone(&self.wrong));
                let context = Arc::new(Context { target, session, wrong });
                state.context = Some(Arc::clone(&context));
                context
            }
        };
        let shell = Shell::start(context, who.clone());
        // A shell takes jobs from its first moment on.
        let _ = shell.send(request);
        state.shells.insert(who.clone(), shell);
    }
}

type Answer = Result<Result<Output, RemoteError>, oneshot::error::RecvError>;

/// The answer, also where the shell has ended without one.
fn answered(answer: Answer, host: &str) -> Result<Output, RemoteError> {
    answer.unwrap_or_else(|_| Err(RemoteError::Lost(format!("{host}: the shell ended"))))
}

impl Remote for Host {
    fn submit(&self, who: &Become, job: Job) -> JobFuture {
        if let Some(Content::File(path)) = &job.stdin
            && let Err(e) = std::fs::File::open(path)
        {
            let error = RemoteError::Protocol(format!("{}: {e}", path.display()));
            return Box::pin(std::future::ready(Err(error)));
        }
        let (reply, answer) = oneshot::channel();
        let line = Arc::clone(&self.0);
        let depth = line.trips.sent();
        line.queue(who, job, reply);
        let sends = Sends(Arc::clone(&line));
        Box::pin(async move {
            drop(sends);
            let answer = answer.await;
            line.trips.answered(depth);
            answered(answer, &line.target.inventory_hostname)
        })
    }

    fn round_trips(&self) -> u64 {
        self.0.trips.deepest.load(Ordering::SeqCst)
    }

    fn leave(&self, user: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let of_user = |who: &Become| matches!(who, Become::User { user: name, .. } if **name == *user);
        self.0.flush();
        let mut state = self.0.state.lock().unwrap_or_else(|e| e.into_inner());
        let shells: Vec<Shell> = state.shells.extract_if(|who, _| of_user(who)).map(|(_, s)| s).collect();
        Box::pin(async move {
            for shell in shells {
                let (done, left) = oneshot::channel();
                if shell.send(Request::Leave(done)).is_ok() {
                    let _ = left.await;
                }
            }
        })
    }

    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.flush();
        let state = std::mem::take(&mut *self.0.state.lock().unwrap_or_else(|e| e.into_inner()));
        Box::pin(async move {
            let mut stops = Vec::new();
            for shell in state.shells.values() {
                let (done, stopped) = oneshot::channel();
                if shell.send(Request::Stop(done)).is_ok() {
                    stops.push(stopped);
                }
            }
            for stopped in stops {
                // A shell that is gone drops its end.
                let _ = stopped.await;
            }
            if let Some(context) = state.context {
                context.session.close().await;
            }
        })
    }
}
