//! A real booted host that answers for every instance of the tests' cloud.

use super::cloud::{World, within};
use base64::Engine as _;
use fitout::lab::{Lab, LabOptions};
use serde_json::json;

/// One host for all tests of this file: it is never changed but for its keys.
pub struct Answers {
    pub lab: Lab,
}

impl Answers {
    pub fn up() -> Answers {
        let name = format!("ami{}", std::process::id() % 10000);
        let answers =
            Answers { lab: Lab::up(&LabOptions { name, ephemeral: true, ..LabOptions::default() }).unwrap() };
        // The user that Debian's images have.
        answers.on(
            "useradd -m -s /bin/bash admin && mkdir -m 700 /home/admin/.ssh && chown admin: /home/admin/.ssh && \
             echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin",
        );
        answers
    }

    /// A command on the host, past ssh, which has other keys by then.
    pub fn on(&self, command: &str) -> String {
        let pid = self.lab.hosts().remove(0).leader.unwrap().to_string();
        let done = std::process::Command::new("nsenter")
            .args(["-t", &pid, "-a", "sh", "-c", command])
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The host gets what an instance gets: the key pair's public key, and the host key in its user data.
    pub fn stand_for_instances(&self, world: &World) {
        let host = self.lab.hosts().remove(0);
        let root = host.root_dir().unwrap();
        let (address, say) = (host.address.clone(), world.sayer());
        let pid = host.leader.unwrap();
        let key = std::sync::Mutex::new(String::new());
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
                "RunInstances" => {
                    for folder in ["root/.ssh", "home/admin/.ssh"] {
                        let path = root.join(folder).join("authorized_keys");
                        std::fs::write(path, &*key.lock().unwrap()).unwrap();
                    }
                    let data = field("UserData");
                    if !data.is_empty() {
                        let data: serde_yaml::Value = serde_yaml::from_str(&data).unwrap();
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
                    let restarted = std::process::Command::new("nsenter")
                        .args(["-t", &pid.to_string(), "-a", "sh", "-c", first_boot])
                        .status();
                    assert!(restarted.unwrap().success());
                    let id = within(reply, "instanceId").unwrap().to_string();
                    say("public", &json!({id: address}));
                }
                _ => {}
            }
        });
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = fitout::lab::down(self.lab.name());
    }
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
