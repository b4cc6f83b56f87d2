//! SSH against a real sshd on loopback: the price of a session, and all the ways it fails.

#![allow(clippy::unwrap_used)]

use fitout::remote::files::{WriteFile, write_file_job};
use fitout::remote::{
    Become, Connection, Content, HostKeyChecking, Job, Output, Remote, RemoteError, Script, SshOptions,
    Target, connect,
};
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

/// An sshd of the test's own; ended when dropped.
struct Sshd {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

fn keygen(path: &Path) {
    let status = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(status.expect("ssh-keygen").success());
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("its address").port()
}

impl Sshd {
    fn start(extra: &str) -> Sshd {
        std::fs::create_dir_all("/run/sshd").expect("the tests run as root");
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        keygen(&at("host_key"));
        keygen(&at("key"));
        std::fs::copy(at("key.pub"), at("authorized")).expect("copied");
        let port = free_port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n{extra}\n",
            dir.path().display()
        );
        std::fs::write(at("sshd_config"), config).expect("written");
        std::fs::write(at("ssh_config"), "IdentitiesOnly yes\n").expect("written");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.arg("-D").arg("-f").arg(at("sshd_config")).arg("-E").arg(at("log"));
        let child = sshd.stdin(Stdio::null()).spawn().expect("sshd");
        let server = Sshd { dir, port, child };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "sshd does not start: {}", server.log());
            std::thread::yield_now();
        }
        server.trust("127.0.0.1", port);
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn trust(&self, host: &str, port: u16) {
        let key = std::fs::read_to_string(self.at("host_key.pub")).expect("the host key");
        let known = std::fs::read_to_string(self.at("known_hosts")).unwrap_or_default();
        std::fs::write(self.at("known_hosts"), format!("{known}[{host}]:{port} {key}")).expect("written");
    }

    fn options(&self, port: u16) -> SshOptions {
        SshOptions {
            port: Some(port),
            user: Some("root".into()),
            private_key_file: Some(self.at("key")),
            config_file: Some(self.at("ssh_config")),
            known_hosts: Some(self.at("known_hosts")),
            host_key_checking: HostKeyChecking::Strict,
            ..SshOptions::new("127.0.0.1")
        }
    }

    fn host(&self) -> Arc<dyn Remote> {
        self.through(self.port)
    }

    fn through(&self, port: u16) -> Arc<dyn Remote> {
        connect(Target::new("web1", Connection::Ssh(self.options(port))))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to the server that delays what passes, and can fall silent or break.
struct Proxy {
    port: u16,
    state: watch::Sender<Link>,
}

#[derive(Copy, Clone, PartialEq)]
enum Link {
    Up,
    Silent,
    Cut,
}

impl Proxy {
    async fn start(to: u16, delay: Duration) -> Proxy {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (state, link) = watch::channel(Link::Up);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.expect("sshd");
                near.set_nodelay(true).expect("nodelay");
                far.set_nodelay(true).expect("nodelay");
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(pass(near_read, far_write, delay, link.clone()));
                tokio::spawn(pass(far_read, near_write, delay, link.clone()));
            }
        });
        Proxy { port, state }
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    mut link: watch::Receiver<Link>,
) {
    let (send, mut queue) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    let reader = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n) = from.read(&mut buffer).await {
            if n == 0 || send.send((tokio::time::Instant::now() + delay, buffer[..n].to_vec())).is_err() {
                return;
            }
        }
    };
    let seen = link.clone();
    let writer = async move {
        while let Some((due, bytes)) = queue.recv().await {
            if !delay.is_zero() {
                tokio::time::sleep_until(due).await;
            }
            if *seen.borrow() == Link::Up && to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = link.wait_for(|l| *l == Link::Cut) => {}
        _ = async { tokio::join!(reader, writer) } => {}
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(120), future).await.expect("it hangs") })
}

fn job(text: &str) -> Job {
    Job::new(&Script::new("test", text))
}

async fn sh(host: &Arc<dyn Remote>, text: &str) -> Result<Output, RemoteError> {
    host.submit(&Become::No, job(text)).await
}

fn unreachable(result: Result<Output, RemoteError>) -> String {
    match result {
        Err(RemoteError::Unreachable(text)) => text,
        other => panic!("not unreachable: {other:?}"),
    }
}

#[test]
fn forty_jobs_cost_one_round_trip() {
    let server = Sshd::start("");
    run(async {
        let proxy = Proxy::start(server.port, Duration::from_millis(25)).await;
        server.trust("127.0.0.1", proxy.port);
        let host = server.through(proxy.port);
        let jobs: Vec<_> = (0..40).map(|n| host.submit(&Become::No, job(&format!("echo {n}")))).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.expect("done"), Output::done(0, format!("{n}\n"), ""));
        }
        assert_eq!(host.round_trips(), 1);
    });
}

#[test]
fn further_channels_share_the_session() {
    let server = Sshd::start("");
    run(async {
        let host = server.host();
        let content: Vec<u8> =
            (0..2_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let text = "many equal words ".repeat(100_000).into_bytes();
        for bytes in [content, text] {
            let sent = job("cat").stdin(Content::Bytes(bytes.clone().into()));
            let output = host.submit(&Become::No, sent).await.expect("done");
            assert!(output.stdout == bytes, "{} of {} bytes", output.stdout.len(), bytes.len());
        }
        let late =
            host.submit(&Become::No, job("sleep 765.5").timeout(Some(Duration::from_millis(200)))).await;
        assert_eq!(late.expect("an output").status, fitout::remote::Status::TimedOut);
        let logins = server.log().matches("Accepted publickey").count();
        assert_eq!(logins, 1, "{}", server.log());
    });
}

#[test]
fn host_keys_are_verified() {
    let server = Sshd::start("");
    run(async {
        let known = server.at("known_hosts");
        std::fs::write(&known, "").expect("written");
        let text = unreachable(sh(&server.host(), "true").await);
        assert!(text.contains("is not known") && text.contains("hint:"), "{text}");

        let mut options = server.options(server.port);
        options.host_key_checking = HostKeyChecking::AcceptNew;
        let accepting = || connect(Target::new("web1", Connection::Ssh(options.clone())));
        assert!(sh(&accepting(), "true").await.expect("accepted").ok());
        assert!(std::fs::read_to_string(&known).expect("it is there now").contains("ssh-ed25519"));
        assert!(sh(&server.host(), "true").await.expect("known now").ok());

        keygen(&server.at("other"));
        let key = std::fs::read_to_string(server.at("other.pub")).expect("a key");
        std::fs::write(&known, format!("[127.0.0.1]:{} {key}", server.port)).expect("written");
        for host in [server.host(), accepting()] {
            let text = unreachable(sh(&host, "true").await);
            assert!(
                text.contains("has CHANGED")
                    && text.contains("ssh-keygen -f ")
                    && text.contains(" -R '[127.0.0.1]:"),
                "{text}"
            );
        }
    });
}

#[test]
fn a_refused_key_a_closed_port_and_a_name_that_is_none() {
    let server = Sshd::start("");
    run(async {
        std::fs::write(server.at("authorized"), "").expect("written");
        let text = unreachable(sh(&server.host(), "true").await);
        assert!(text.contains("refused the login for root") && text.contains("publickey"), "{text}");
        assert!(text.contains("/key"), "says which key: {text}");
        let text = unreachable(sh(&server.through(free_port()), "true").await);
        assert!(text.contains("connection was refused"), "{text}");
        let options = SshOptions::new("no-such-host.invalid");
        let text = unreachable(sh(&connect(Target::new("web1", Connection::Ssh(options))), "true").await);
        assert!(text.contains("cannot be resolved"), "{text}");
    });
}

#[test]
fn a_silent_server_times_out() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut options = SshOptions::new("127.0.0.1");
    options.port = Some(silent.local_addr().expect("its address").port());
    let mut target = Target::new("web1", Connection::Ssh(options));
    target.connect_timeout = Duration::from_secs(1);
    run(async {
        let begun = Instant::now();
        let text = unreachable(sh(&connect(target), "true").await);
        assert!(text.contains("no answer in time"), "{text}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_cut_connection_loses_what_runs_and_the_next_job_reconnects() {
    let server = Sshd::start("");
    run(async {
        let proxy = Proxy::start(server.port, Duration::ZERO).await;
        server.trust("127.0.0.1", proxy.port);
        let host = server.through(proxy.port);
        assert!(sh(&host, "true").await.expect("up").ok());
        let running = host.submit(&Become::No, job("echo $$ >&2; sleep 20"));
        let behind = host.submit(&Become::No, job("true"));
        proxy.state.send_replace(Link::Cut);
        for lost in [running.await, behind.await] {
            assert!(matches!(&lost, Err(RemoteError::Lost(text)) if text.ends_with(" on web1")), "{lost:?}");
        }
        proxy.state.send_replace(Link::Up);
        assert_eq!(sh(&host, "echo again").await.expect("reconnected").stdout, b"again\n");
    });
}

#[test]
fn a_connection_cut_in_the_middle_of_a_file_leaves_the_old_file_alone() {
    let server = Sshd::start("");
    run(async {
        let proxy = Proxy::start(server.port, Duration::ZERO).await;
        server.trust("127.0.0.1", proxy.port);
        let host = server.through(proxy.port);
        let folder = server.at("there");
        std::fs::create_dir(&folder).expect("made");
        let path = folder.join("file");
        std::fs::write(&path, "old").expect("written");
        let big = server.at("big");
        std::fs::File::create(&big).and_then(|f| f.set_len(4 << 30)).expect("a sparse file");
        let text = path.to_str().expect("text").to_string();
        let write = host.submit(&Become::No, write_file_job(WriteFile::new(&text, Content::File(big))));
        let begun = |n: u64| {
            let entries = std::fs::read_dir(&folder).expect("listed").flatten();
            entries.filter(|e| e.path() != path).any(|e| e.metadata().is_ok_and(|m| m.len() > n))
        };
        while !begun(1 << 20) {
            tokio::task::yield_now().await;
        }
        proxy.state.send_replace(Link::Cut);
        assert!(matches!(write.await, Err(RemoteError::Lost(_))));
        while std::fs::read_dir(&folder).expect("listed").count() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "old");
    });
}

#[test]
fn a_link_that_falls_silent_is_noticed() {
    let server = Sshd::start("");
    run(async {
        let proxy = Proxy::start(server.port, Duration::ZERO).await;
        server.trust("127.0.0.1", proxy.port);
        let mut options = server.options(proxy.port);
        options.silence_limit = Some(Duration::from_secs(3));
        let host = connect(Target::new("web1", Connection::Ssh(options)));
        assert!(sh(&host, "true").await.expect("up").ok());
        proxy.state.send_replace(Link::Silent);
        let begun = Instant::now();
        let lost = sh(&host, "true").await;
        assert!(matches!(lost, Err(RemoteError::Lost(_))), "{lost:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_reset_leaves_nothing_on_the_host() {
    let server = Sshd::start("");
    run(async {
        let host = server.host();
        let running = host.submit(&Become::No, job("echo begun >&2; sleep 654.5"));
        let watch = server.host();
        let found = sh(&watch, "until grep -qsz '^654[.]5$' /proc/[0-9]*/cmdline; do :; done").await;
        assert!(found.expect("seen").ok());
        host.reset().await;
        assert!(matches!(running.await, Err(RemoteError::Lost(_))));
        let left = sh(&watch, "grep -lsz '^654[.]5$' /proc/[0-9]*/cmdline").await.expect("an output");
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
        assert!(sh(&host, "true").await.expect("reconnected").ok());
    });
}
