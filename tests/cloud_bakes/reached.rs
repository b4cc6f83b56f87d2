//! Who answers at the instance's address: only the machine that was started is let go on with.

use super::*;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A real sshd with a host key of its own; ended when dropped.
struct Sshd(Child);

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sshd(world: &World, port: u16) -> Sshd {
    std::fs::create_dir_all("/run/sshd").unwrap();
    let folder = world.place.path().display().to_string();
    let key = format!("{folder}/other_host_key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status();
    assert!(made.unwrap().success());
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\n"
    );
    let config = world.place.write("sshd_config", &config);
    let mut command = Command::new("/usr/sbin/sshd");
    command.arg("-D").arg("-f").arg(config).args(["-E", &format!("{folder}/sshd.log")]);
    let sshd = Sshd(command.stdin(Stdio::null()).spawn().unwrap());
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        std::thread::yield_now();
    }
    sshd
}

#[test]
fn a_machine_with_another_host_key_is_refused_and_nothing_is_left() {
    let world = world();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let _sshd = sshd(&world, port);
    let play = PLAY.replace("SOURCE", DEBIAN);
    world.playbook(&play.replace("ssh_host: 192.0.2.9,", &format!("ssh_host: 127.0.0.1, ssh_port: {port},")));
    // The client is the real one.
    let ended = world.run(&["bake", "site.yml", "-e", "case=other"]);
    ended.is(
        1,
        &[
            "bake: login: 127.0.0.1 shows another host key than the one that the instance was given",
            "nothing was sent to it",
        ],
    );
    assert_eq!(world.times("CreateImage"), 0);
    nothing_is_left(&world, &ended.all());
    // It came as far as the key, and no user was named to it.
    let log = std::fs::read_to_string(world.place.path().join("sshd.log")).unwrap();
    assert!(log.contains("Connection closed by") && !log.contains("user root"), "{log}");
}

/// Each way to an instance leads to the address of its kind.
#[test]
fn logins_go_to_the_address_that_is_asked_for() {
    let world = world();
    let log = world.place.path().join("stubs/ssh.log");
    let host = |interface: &str| {
        let play = PLAY
            .replace("SOURCE", DEBIAN)
            .replace("ssh_host: 192.0.2.9", &format!("ssh_interface: {interface}"));
        world.playbook(&play);
        let _ = std::fs::remove_file(&log);
        seen(bake(&world, interface, &[], &[("STUB_FAILS", "*machine look*")]))
            .is(1, &["bake: provisioning: "]);
        let log = std::fs::read_to_string(&log).unwrap();
        let after = log.lines().next().unwrap().split_once(" -- ").unwrap().1;
        after.split_whitespace().next().unwrap().to_string()
    };
    let [public, private, public_name, private_name] =
        ["public_ip", "private_ip", "public_dns", "private_dns"].map(host);
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap_or_else(|e| panic!("{text}: {e}"));
    assert!(address(&private).is_private() && !address(&public).is_private(), "{public} {private}");
    assert!(public_name.starts_with("ec2-") && public_name.contains(".amazonaws.com"), "{public_name}");
    assert!(private_name.starts_with("ip-") && private_name.ends_with(".internal"), "{private_name}");
}
