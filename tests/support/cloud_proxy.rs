//! A proxy in front of the tests' cloud: it keeps an exact log of calls, and makes bad weather where a test wants it.

use super::cloud_http::{Request, error, names, read_request, status_of};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// What befalls a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Carried out, and the connection is reset before the reply.
    ReplyLost,
    /// The connection is reset before anything is carried out.
    Reset,
    /// Not carried out, and never answered while the proxy lives.
    Silent,
    /// `RequestLimitExceeded`, not carried out.
    Throttled,
    /// `InternalError` with status 500, not carried out.
    Broken,
    /// An error of this status, code and message, not carried out.
    Refused(u16, String, String),
    /// The error of a caller who may not do this, as AWS words it.
    Denied,
    /// Carried out, and the reply waits until [`Proxy::release`].
    Held,
    /// Waits until [`Proxy::release`], and is carried out then.
    HeldBack,
    /// Waits so long before it is carried out.
    Slow(Duration),
}

/// One call that went through, or did not.
#[derive(Clone, Debug)]
pub struct Call {
    pub service: String,
    pub action: String,
    pub body: String,
    /// Whose key signed it.
    pub access_key: Option<String>,
    /// Status of the reply; 0 where the client got none.
    pub status: u16,
    pub fault: Option<Fault>,
    pub at: Instant,
}

impl Call {
    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        let reads = ["Describe", "Get", "List", "Head", "HEAD ", "GET "];
        !reads.iter().any(|prefix| self.action.starts_with(prefix))
    }
}

struct Rule {
    action: String,
    skip: usize,
    times: usize,
    fault: Fault,
    hits: usize,
}

/// Called with the action, its request and its reply after it was carried out, before the client has the reply.
type Hook = Box<dyn Fn(&str, &str, &str) + Send + Sync>;

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    /// Replies that wait, and whether they may go.
    held: usize,
    released: usize,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
    hook: Mutex<Option<Arc<Hook>>>,
}

/// Forwards until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn start(upstream: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
            hook: Mutex::default(),
        });
        let seen = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if seen.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(client, &seen));
            }
        });
        Proxy { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// The fault befalls the next calls of this name, so many times; `*` is every call.
    pub fn fault(&self, action: &str, fault: Fault, times: usize) {
        self.fault_after(action, 0, fault, times);
    }

    /// As [`Proxy::fault`], and so many calls of the name are spared first.
    pub fn fault_after(&self, action: &str, skip: usize, fault: Fault, times: usize) {
        self.state().rules.push(Rule { action: action.into(), skip, times, fault, hits: 0 });
    }

    /// Good weather again. What was held goes on; what was silent stays so. Told are the actions that no call of the
    /// given faults met: a name that is wrong, or a call that did not come.
    pub fn clear(&self) -> Vec<String> {
        let rules = std::mem::take(&mut self.state().rules);
        self.release();
        rules.into_iter().filter(|rule| rule.hits <= rule.skip).map(|rule| rule.action).collect()
    }

    /// Waits until a reply is held.
    pub fn wait_held(&self) {
        self.wait_held_of(1);
    }

    /// Waits until so many calls or replies are held at the same time.
    pub fn wait_held_of(&self, number: usize) {
        let limit = Duration::from_secs(60);
        let fewer = |s: &mut State| s.held - s.released < number;
        let (state, waited) = self.shared.changed.wait_timeout_while(self.state(), limit, fewer).unwrap();
        let names: Vec<&str> = state.calls.iter().map(|call| call.action.as_str()).collect();
        assert!(!waited.timed_out(), "no call was held; seen were {names:?}");
    }

    /// Whether a reply waits now.
    pub fn holds(&self) -> bool {
        let state = self.state();
        state.held > state.released
    }

    /// Lets the replies go that are held.
    pub fn release(&self) {
        let mut state = self.state();
        state.released = state.held;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Calls `hook` with action, request and reply of each call that succeeded.
    pub fn hook(&self, hook: impl Fn(&str, &str, &str) + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(Box::new(hook)));
    }

    /// All calls so far, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        self.state().calls.clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes the call and says what befalls it.
    fn note(&self, request: &Request) -> (usize, Option<Fault>) {
        let mut state = self.lock();
        let mut found = None;
        for rule in &mut state.rules {
            if rule.action != "*" && rule.action != request.action {
                continue;
            }
            rule.hits += 1;
            if rule.hits > rule.skip && rule.hits <= rule.skip + rule.times {
                found = Some(rule.fault.clone());
                break;
            }
        }
        state.calls.push(Call {
            service: request.service.clone(),
            action: request.action.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            access_key: request.access_key.clone(),
            status: 0,
            fault: found.clone(),
            at: Instant::now(),
        });
        (state.calls.len() - 1, found)
    }

    fn answered(&self, at: usize, status: u16) {
        if let Some(call) = self.lock().calls.get_mut(at) {
            call.status = status;
        }
    }

    fn hold(&self) {
        let mut state = self.lock();
        state.held += 1;
        let mine = state.held;
        self.changed.notify_all();
        let go = |s: &mut State| s.released < mine && !self.stopped.load(Ordering::Relaxed);
        drop(self.changed.wait_while(state, go));
    }
}

fn serve(client: TcpStream, shared: &Shared) {
    let _ = client.set_nodelay(true);
    let Ok(reading) = client.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    while let Some(request) = read_request(&mut reader) {
        let (at, fault) = shared.note(&request);
        match act(&request, fault, shared) {
            Some(reply) => {
                shared.answered(at, status_of(&reply));
                if (&client).write_all(&reply).is_err() {
                    return;
                }
            }
            None => {
                reset(&client);
                return;
            }
        }
    }
}

/// The reply, or None where the connection is to be reset.
fn act(request: &Request, fault: Option<Fault>, shared: &Shared) -> Option<Vec<u8>> {
    let refused = |status: u16, code: &str, message: &str| Some(error(request, status, code, message));
    match &fault {
        Some(Fault::Reset) => return None,
        Some(Fault::Silent) => {
            let stopped = |_: &mut State| !shared.stopped.load(Ordering::Relaxed);
            drop(shared.changed.wait_while(shared.lock(), stopped));
            return None;
        }
        Some(Fault::Throttled) => {
            let code = if request.service == "ec2" { "RequestLimitExceeded" } else { "Throttling" };
            return refused(503, code, "Request limit exceeded.");
        }
        Some(Fault::Broken) => return refused(500, "InternalError", "An internal error has occurred"),
        Some(Fault::Refused(status, code, message)) => return refused(*status, code, message),
        Some(Fault::Denied) => {
            let name = format!("{}:{}", request.service, request.action);
            let message = format!(
                "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/tester is not \
                 authorized to perform: {name} because no identity-based policy allows the {name} action"
            );
            let code = if request.service == "ec2" { "UnauthorizedOperation" } else { "AccessDenied" };
            return refused(403, code, &message);
        }
        Some(Fault::Slow(time)) => thread::sleep(*time),
        Some(Fault::HeldBack) => shared.hold(),
        Some(Fault::ReplyLost | Fault::Held) | None => {}
    }
    let reply = forward(request, shared.upstream)?;
    let hook = shared.hook.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    if let (Some(hook), 200) = (hook, status_of(&reply)) {
        hook(&request.action, &String::from_utf8_lossy(&request.body), &String::from_utf8_lossy(&reply));
    }
    match fault {
        Some(Fault::ReplyLost) => return None,
        Some(Fault::Held) => shared.hold(),
        _ => {}
    }
    Some(reply)
}

fn forward(request: &Request, upstream: SocketAddr) -> Option<Vec<u8>> {
    let mut moto = TcpStream::connect(upstream).ok()?;
    let mut head: String = request
        .head
        .lines()
        .filter(|line| !names(line, "connection") && !names(line, "transfer-encoding"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    if !request.head.lines().any(|line| names(line, "content-length")) {
        head += &format!("Content-Length: {}\r\n", request.body.len());
    }
    moto.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).ok()?;
    moto.write_all(&request.body).ok()?;
    let mut reply = Vec::new();
    moto.read_to_end(&mut reply).ok()?;
    // The client keeps its connection.
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&reply[..end]).into_owned();
    let kept: String =
        head.lines().filter(|line| !names(line, "connection")).map(|line| format!("{line}\r\n")).collect();
    Some([kept.replacen("HTTP/1.0", "HTTP/1.1", 1).as_bytes(), b"\r\n", &reply[end + 4..]].concat())
}

/// Ends a connection as a broken network does, not as a server that has finished.
fn reset(client: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO));
    let _ = client.shutdown(Shutdown::Read);
}
