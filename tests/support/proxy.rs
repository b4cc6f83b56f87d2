//! A TCP relay that holds every byte back for a fixed time each way, so that round trips decide a timing and not this
//! machine's noise, and that can cut its connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Relays until it is dropped.
pub struct LatencyProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    /// Changes of direction over all connections; a round trip has two.
    turns: AtomicUsize,
    sent: AtomicU64,
    received: AtomicU64,
    /// After so many bytes towards the host all connections are cut; 0 means never.
    cut_after: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

#[derive(Copy, Clone, PartialEq)]
enum Way {
    Up = 1,
    Down = 2,
}

impl LatencyProxy {
    /// Listens on a free port of loopback; `one_way` is the delay in each direction.
    pub fn start(target: SocketAddr, one_way: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if seen.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let seen = Arc::clone(&seen);
                thread::spawn(move || relay(client, target, one_way, &seen));
            }
        });
        Ok(LatencyProxy { address, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Round trips so far: turns of the conversation from our side to the host's and back.
    pub fn round_trips(&self) -> usize {
        self.shared.turns.load(Ordering::Relaxed).div_ceil(2)
    }

    /// Bytes towards the host.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Bytes from the host.
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Cuts all connections when so many more bytes have gone to the host; new connections are relayed again.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.cut_after.store(self.sent() + bytes, Ordering::Relaxed);
    }

    /// Cuts all connections now.
    pub fn cut(&self) {
        self.shared.cut();
    }
}

impl Drop for LatencyProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.cut();
        // Wakes the thread that listens, which then sees that it is to end.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn cut(&self) {
        for stream in self.open.lock().unwrap_or_else(|e| e.into_inner()).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn count(&self, way: Way, bytes: u64) {
        let counter = if way == Way::Up { &self.sent } else { &self.received };
        let total = counter.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let limit = self.cut_after.load(Ordering::Relaxed);
        if way == Way::Up && limit > 0 && total >= limit {
            self.cut_after.store(0, Ordering::Relaxed);
            self.cut();
        }
    }
}

fn relay(client: TcpStream, target: SocketAddr, delay: Duration, shared: &Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    // The TCP handshake's own round trip.
    thread::sleep(2 * delay);
    let Ok(host) = TcpStream::connect(target) else { return };
    let last = Arc::new(AtomicUsize::new(0));
    let mut pumps = Vec::new();
    for (from, to, way) in [(&client, &host, Way::Up), (&host, &client, Way::Down)] {
        let _ = from.set_nodelay(true);
        let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone()) else {
            return;
        };
        shared.open.lock().unwrap_or_else(|e| e.into_inner()).push(kept);
        let (shared, last) = (Arc::clone(shared), Arc::clone(&last));
        pumps.push(thread::spawn(move || pump(from, to, way, delay, &shared, &last)));
    }
    for pump in pumps {
        let _ = pump.join();
    }
}

/// Reads at once and writes when the bytes are due, so the delay adds up to latency and takes no bandwidth.
fn pump(mut from: TcpStream, to: TcpStream, way: Way, delay: Duration, shared: &Shared, last: &AtomicUsize) {
    let (queue, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = thread::spawn(move || write_when_due(to, &due));
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if last.swap(way as usize, Ordering::Relaxed) != way as usize {
            shared.turns.fetch_add(1, Ordering::Relaxed);
        }
        if queue.send((Instant::now() + delay, buffer[..length].to_vec())).is_err() {
            break;
        }
        shared.count(way, length as u64);
    }
    drop(queue);
    let _ = writer.join();
}

fn write_when_due(mut to: TcpStream, due: &mpsc::Receiver<(Instant, Vec<u8>)>) {
    for (when, bytes) in due {
        thread::sleep(when.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
