//! Ports of this machine.

use super::*;
use std::net::{TcpListener, TcpStream};

/// Other addresses of the host have ports of their own.
#[tokio::test]
async fn connections_of_another_address_keep_nobody_waiting() {
    let host = Host::new();
    let server = TcpListener::bind("127.0.0.9:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let _client = TcpStream::connect(("127.0.0.9", port)).unwrap();
    let _served = server.accept().unwrap();
    let drained = |address: &str| format!("{{port: {port}, host: {address}, state: drained, timeout: 1}}");
    host.run("wait_for", &drained("127.0.0.1")).await.unwrap();
    let busy = host.run("wait_for", &drained("127.0.0.9")).await.unwrap_err();
    assert!(busy.message.contains("to drain"), "{}", busy.message);
    let any = host.run("wait_for", &drained("0.0.0.0")).await.unwrap_err();
    assert!(any.message.contains("to drain"), "{}", any.message);
}

/// What listens on another of the host's addresses does not answer on its loopback.
#[tokio::test]
async fn a_port_of_another_address_is_not_up() {
    let host = Host::new();
    let up = |port: u16| format!("{{port: {port}, timeout: 1}}");
    // The address that packets to others would leave from; none are sent.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).map(|a| a.ip());
    if let Ok(own) = own.map(|ip| TcpListener::bind((ip, 0)).unwrap()) {
        let port = own.local_addr().unwrap().port();
        assert!(host.run("wait_for", &up(port)).await.is_err());
    }
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        let server = TcpListener::bind(address).unwrap();
        host.run("wait_for", &up(server.local_addr().unwrap().port())).await.unwrap();
    }
}
