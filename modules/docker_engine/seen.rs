//! What the probe saw.

use crate::base::Value;
use crate::modules::Failure;
use crate::modules::kit::apt_candidates;
use crate::remote::Output;
use std::collections::BTreeMap;

pub struct Package {
    pub version: String,
    pub held: bool,
    installed: bool,
}

pub struct Seen<'a> {
    output: &'a Output,
    packages: BTreeMap<String, Package>,
    candidates: BTreeMap<String, String>,
    pub os: String,
    pub codename: String,
    pub arch: String,
    pub keyring: Option<Vec<u8>>,
    pub fetched: Option<Vec<u8>>,
    pub fetch_failed: Option<String>,
    pub active: bool,
    pub enabled: bool,
    /// The host is in a swarm.
    pub swarm: bool,
    /// It is to start when the machine boots, not before: this is an image in the making.
    pub held: bool,
}

impl<'a> Seen<'a> {
    /// # Errors
    /// The probe failed, or the host is not of Debian's family.
    pub fn read(output: &'a Output) -> Result<Seen<'a>, Failure> {
        if !output.ok() {
            return Err(Failure::from_output(output));
        }
        let get = |key: &str| output.field("", key).unwrap_or_default();
        if get("tool") == "absent" {
            return Err(Failure::new(
                "the host has no apt-get: docker_engine installs on Debian and Ubuntu only",
            ));
        }
        let property = |name: &str| {
            let all = get("service");
            all.lines()
                .find_map(|l| l.strip_prefix(name)?.strip_prefix('=').map(str::to_string))
                .unwrap_or_default()
        };
        let list = get("list");
        let packages = list.lines().filter_map(|line| {
            let [name, status, version, want] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
            let package =
                Package { version: version.into(), held: want == "hold", installed: status == "installed" };
            Some((name.to_string(), package))
        });
        Ok(Seen {
            packages: packages.collect(),
            candidates: apt_candidates(&get("policy")),
            os: get("os"),
            codename: get("codename"),
            arch: get("arch"),
            keyring: unhex(&get("keyring")),
            fetched: unhex(&get("fetched")),
            fetch_failed: output.field("", "fetch_failed"),
            active: property("ActiveState") == "active" || property("ActiveState") == "reloading",
            enabled: property("UnitFileState") == "enabled",
            swarm: !get("swarm").is_empty(),
            held: !get("held").is_empty(),
            output,
        })
    }

    pub fn installed(&self, name: &str) -> Option<&Package> {
        self.packages.get(name).filter(|p| p.installed)
    }

    /// dpkg knows it, installed or only configured.
    pub fn known(&self, name: &str) -> bool {
        self.packages.contains_key(name)
    }

    /// The repository's version of an installed package, where it is another one.
    pub fn newer(&self, name: &str) -> Option<&str> {
        let candidate = self.candidates.get(name).filter(|c| *c != "(none)")?;
        self.installed(name).filter(|p| p.version != *candidate).map(|_| candidate.as_str())
    }

    /// A user's groups; `None` where there is no such user.
    pub fn groups(&self, user: &str) -> Option<String> {
        self.output.field(user, "groups").filter(|g| !g.is_empty())
    }

    pub fn versions(&self) -> Value {
        let kinds = [
            ("engine", &["docker-ce", "docker.io", "docker-engine"][..]),
            ("cli", &["docker-ce-cli", "docker-cli", "docker.io"][..]),
            ("containerd", &["containerd.io", "containerd"][..]),
            ("runc", &["runc", "containerd.io"][..]),
            ("buildx", &["docker-buildx-plugin"][..]),
            ("compose", &["docker-compose-plugin", "docker-compose"][..]),
        ];
        let version =
            |names: &[&str]| names.iter().find_map(|n| self.installed(n)).map(|p| p.version.clone());
        kinds.iter().filter_map(|(kind, names)| Some((*kind, version(names)?))).collect()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    (!digits.is_empty())
        .then(|| {
            digits.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok()).collect()
        })
        .flatten()
}
