//! A real booted host that answers for every instance of the tests' cloud.

use super::cloud::{Thing, World, within};
use super::place::Seen;
use base64::Engine as _;
use fitout::lab::{Lab, LabOptions};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One host for all tests of this file: it is never changed but for its keys.
pub struct Answers {
    pub lab: Lab,
    /// `bootcmd` of the last instance's user data, as lines for a shell.
    bootcmd: Arc<Mutex<String>>,
}

impl Answers {
    pub fn up() -> Answers {
        Answers::beside(0)
    }

    /// With other hosts beside it.
    pub fn beside(others: usize) -> Answers {
        let name = format!("ami{}", std::process::id() % 10000);
        let options = LabOptions { name, hosts: 1 + others, ephemeral: true, ..LabOptions::default() };
        let answers = Answers { lab: Lab::up(&options).unwrap(), bootcmd: Arc::default() };
        // The user that Debian's images have.
        answers.on(
            "useradd -m -s /bin/bash admin && mkdir -m 700 /home/admin/.ssh && chown admin: /home/admin/.ssh && \
             echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin",
        );
        answers
    }

    /// A command on the host, past ssh, which has other keys by then.
    pub fn on(&self, command: &str) -> String {
        let done = inside(self.lab.hosts().remove(0).leader.unwrap(), command);
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Boots the host anew with the `bootcmd` of the last instance, as early as cloud-init runs it: before sysinit.target,
    /// when there is no D-Bus. What `asked` says when it succeeds in the new boot.
    pub fn boot_with_bootcmd(&self, asked: &str) -> String {
        let root = self.lab.hosts().remove(0).root_dir().unwrap();
        let script = format!("#!/bin/sh\nset -eu\n{}", self.bootcmd.lock().unwrap());
        std::fs::write(root.join("etc/bootcmd"), script).unwrap();
        let unit = "[Unit]\nDefaultDependencies=no\nAfter=local-fs.target\nBefore=sysinit.target\n\
                    [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh /etc/bootcmd\n\
                    [Install]\nWantedBy=sysinit.target\n";
        std::fs::write(root.join("etc/systemd/system/bootcmd.service"), unit).unwrap();
        self.on("systemctl enable -q bootcmd && touch /run/before && systemctl --no-block reboot");
        let deadline = Instant::now() + Duration::from_secs(120);
        let asked = format!("test ! -e /run/before && systemctl is-active -q basic.target && {asked}");
        loop {
            match self.lab.hosts().remove(0).leader.map(|pid| inside(pid, &asked)) {
                Some(done) if done.status.success() => return String::from_utf8(done.stdout).unwrap(),
                last => assert!(
                    Instant::now() < deadline,
                    "the host is not back: {last:?} {:?}",
                    inside(
                        self.lab.hosts().remove(0).leader.unwrap(),
                        "systemctl list-jobs; systemctl --failed"
                    )
                ),
            }
        }
    }

    /// The host gets what an instance gets: the key pair's public key, and the host key in its user data.
    pub fn stand_for_instances(&self, world: &World) {
        let host = self.lab.hosts().remove(0);
        let root = host.root_dir().unwrap();
        let (address, say) = (host.address.clone(), world.sayer());
        let pid = host.leader.unwrap();
        // The key pair, the user data and the id of the last instance.
        let [key, given, running] = [(); 3].map(|()| Mutex::new(String::new()));
        let bootcmd = Arc::clone(&self.bootcmd);
        world.proxy.hook(move |action, body, reply| {
            let field = |name: &str| form(body, name).map(|text| decoded(&text)).unwrap_or_default();
            match action {
                "ImportKeyPair" => {
                    std::fs::create_dir_all(root.join("root/.ssh")).unwrap();
                    *key.lock().unwrap() = field("PublicKeyMaterial");
                }
                // As other programs do it: the service makes the key.
                "CreateKeyPair" => {
                    std::fs::create_dir_all(root.join("root/.ssh")).unwrap();
                    *key.lock().unwrap() = public_half(within(reply, "keyMaterial").unwrap_or_default());
                }
                // A first boot each: what a bake leaves of cloud-init's state is nothing.
                "RunInstances" | "StartInstances" => {
                    for folder in ["root/.ssh", "home/admin/.ssh"] {
                        let path = root.join(folder).join("authorized_keys");
                        std::fs::write(path, &*key.lock().unwrap()).unwrap();
                    }
                    if action == "RunInstances" {
                        *given.lock().unwrap() = field("UserData");
                    }
                    let data = given.lock().unwrap();
                    if !data.is_empty() {
                        let data: serde_yaml::Value = serde_yaml::from_str(&data).unwrap();
                        *bootcmd.lock().unwrap() = commands(&data["bootcmd"]);
                        let host_key = root.join("etc/ssh/ssh_host_ed25519_key");
                        std::fs::write(&host_key, data["ssh_keys"]["ed25519_private"].as_str().unwrap())
                            .unwrap();
                        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                        std::fs::set_permissions(&host_key, private).unwrap();
                    }
                    // A first boot makes a host key where none was given; the last bake took the old one out.
                    let first_boot = "[ -e /etc/ssh/ssh_host_ed25519_key ] || \
                        ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; \
                        systemctl reset-failed ssh; systemctl restart ssh";
                    let restarted = inside(pid, first_boot);
                    assert!(restarted.status.success(), "{restarted:?}");
                    let id = within(reply, "instanceId").unwrap().to_string();
                    say("public", &json!({&id: address}));
                    *running.lock().unwrap() = id;
                }
                // Who looks next sees what became of an instance that has switched itself off.
                "DescribeInstances" if !Path::new(&format!("/proc/{pid}")).exists() => {
                    say("off", &json!({"instance": *running.lock().unwrap()}));
                }
                _ => {}
            }
        });
    }
}

fn inside(leader: u32, command: &str) -> Output {
    fitout::remote::enter(leader, command).into_std().output().unwrap()
}

/// Each command a list of words, as `bootcmd` of cloud-init has them.
fn commands(list: &serde_yaml::Value) -> String {
    let words = |command: &serde_yaml::Value| {
        let words = command.as_sequence().unwrap().iter().map(|word| word.as_str().unwrap());
        shell_words::join(words) + "\n"
    };
    list.as_sequence().into_iter().flatten().map(words).collect()
}

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = fitout::lab::down(self.lab.name());
    }
}

/// A cloud where states change at once, and whose instances are a real host.
pub fn world(answers: &Answers) -> World {
    let mut world = World::default();
    // Images are meant to stay.
    world.unchecked = true;
    answers.stand_for_instances(&world);
    let at_once = json!({"instance.stopping": 0, "instance.shutting-down": 0, "instance.pending": 0,
        "image.pending": 0, "snapshot.pending": 0});
    world.settings(&json!({"delays": at_once}));
    world.place.write("address", "192.0.2.7\n");
    world
}

pub fn bake(world: &World, args: &[&str]) -> Command {
    let mut command = world.command(&[&["bake"], args].concat());
    command.env("FITOUT_ADDRESS_SERVICE", format!("file://{}", world.place.path().join("address").display()));
    command
}

pub fn run(world: &World, args: &[&str]) -> Seen {
    Seen::of(&super::output(&mut bake(world, args)))
}

/// What there is of this kind and alive.
pub fn alive(world: &World, kind: &str) -> Vec<Thing> {
    let all = world.inventory().into_iter();
    all.filter(|t| {
        t.kind == kind && t.state.as_deref() != Some("terminated") && t.tags.contains_key("fitout:stack")
    })
    .collect()
}

/// Nothing of a bake is there but this many images, each with its snapshot.
#[track_caller]
pub fn nothing_but_images(world: &World, count: usize) {
    for kind in ["instance", "key-pair", "security-group", "volume"] {
        assert_eq!(alive(world, kind).len(), 0, "{:?}", alive(world, kind));
    }
    let left: Vec<String> = world
        .ours()
        .into_iter()
        .filter(|t| t.state.as_deref() != Some("terminated"))
        .map(|t| t.kind)
        .collect();
    assert_eq!(left.len(), 2 * count, "{left:?}");
    assert_eq!((alive(world, "image").len(), alive(world, "snapshot").len()), (count, count));
}

/// The public half of a private key.
fn public_half(private: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), private.replace("&#xA;", "\n").replace("&#10;", "\n")).unwrap();
    let made =
        std::process::Command::new("ssh-keygen").arg("-y").arg("-f").arg(file.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
}

/// The user data that a call of RunInstances sends.
pub fn user_data(body: &str) -> String {
    decoded(&form(body, "UserData").unwrap())
}

/// A field of a form.
fn form(body: &str, name: &str) -> Option<String> {
    let value = body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn decoded(text: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    String::from_utf8(bytes).unwrap()
}
