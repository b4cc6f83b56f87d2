//! What the arguments come to: package names, files and their texts.

use super::seen::Seen;
use crate::modules::{Args, ArgsExt, Failure};
use crate::spec::to_text;

pub const SOURCES: &str = "/etc/apt/sources.list.d/docker.sources";
pub const PIN: &str = "/etc/apt/preferences.d/docker";
pub const DROP_IN: &str = "/etc/systemd/system/docker.service.d/50-fitout.conf";
/// containerd starts the containers, so what they inherit are its limits, not those of the engine's own process.
pub const RUNTIME_DROP_IN: &str = "/etc/systemd/system/containerd.service.d/50-fitout.conf";

pub struct Wanted {
    /// From Docker's own repository.
    pub docker: bool,
    pub packages: Vec<String>,
    repository: String,
    key_url: Option<String>,
    config_file: String,
}

impl Wanted {
    pub fn of(args: &Args) -> Wanted {
        let docker = args.str("source") == "docker";
        let own: &[&str] = match docker {
            true => &[
                "docker-ce",
                "docker-ce-cli",
                "containerd.io",
                "docker-buildx-plugin",
                "docker-compose-plugin",
            ],
            // The client is a package of its own in newer releases.
            false => &["docker.io", "docker-cli"],
        };
        let given = args.list("packages");
        let packages = if given.is_empty() { own } else { &given[..] };
        Wanted {
            docker,
            packages: packages.iter().map(|p| (*p).to_string()).collect(),
            repository: args.str("repository").trim_end_matches('/').to_string(),
            key_url: args.opt_str("key_url").map(str::to_string),
            config_file: args.str("config_file").to_string(),
        }
    }

    pub fn files(&self) -> Vec<String> {
        vec![SOURCES.into(), PIN.into(), DROP_IN.into(), RUNTIME_DROP_IN.into(), self.config_file.clone()]
    }

    /// Where the key is, `{os}` still in it: the host puts its own system there.
    pub fn key_url(&self) -> String {
        self.key_url.clone().unwrap_or_else(|| format!("{}/gpg", self.repository))
    }

    pub fn key_url_on(&self, seen: &Seen) -> String {
        self.key_url().replace("{os}", &seen.os)
    }

    /// # Errors
    /// A host that does not tell what release it is.
    pub fn sources(&self, args: &Args, seen: &Seen) -> Result<String, Failure> {
        let suite = args.opt_str("codename").unwrap_or(&seen.codename);
        if suite.is_empty() {
            return Err(Failure::new("the host's /etc/os-release has no VERSION_CODENAME: give `codename`"));
        }
        Ok(format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: {}\nArchitectures: {}\nSigned-By: {}\n",
            self.repository.replace("{os}", &seen.os),
            args.list("channel").join(" "),
            args.opt_str("arch").unwrap_or(&seen.arch),
            args.str("keyring")
        ))
    }

    /// The version asked for of a package.
    pub fn version_of<'a>(&self, args: &'a Args, package: &str) -> Option<&'a str> {
        let engine = package.starts_with("docker-ce")
            || ["docker.io", "docker-cli", "docker-engine"].contains(&package);
        match package.starts_with("containerd") {
            true => args.opt_str("containerd_version"),
            false => args.opt_str("version").filter(|_| engine),
        }
    }

    /// apt's preferences that keep the versions asked for.
    pub fn pin(&self, args: &Args) -> Option<String> {
        let mut out = String::new();
        for version in ["version", "containerd_version"].into_iter().filter_map(|n| args.opt_str(n)) {
            let of = |p: &&String| self.version_of(args, p) == Some(version);
            let names: Vec<&str> = self.packages.iter().filter(of).map(String::as_str).collect();
            if !names.is_empty() {
                out += &format!(
                    "Package: {}\nPin: version {}\nPin-Priority: 1001\n\n",
                    names.join(" "),
                    expression(version)
                );
            }
        }
        (!out.is_empty()).then_some(out)
    }

    pub fn packages_known(&self, seen: &Seen) -> Vec<String> {
        self.packages.iter().filter(|p| seen.known(p)).cloned().collect()
    }
}

/// A version's beginning as a regular expression for apt: `24.0` fits `5:24.0.7-1~debian`, not `5:24.01`.
fn expression(version: &str) -> String {
    let escaped: String = version
        .chars()
        .map(|c| if "+.*?()[]{}|^$\\/".contains(c) { format!("\\{c}") } else { c.to_string() })
        .collect();
    let start = if version.contains(':') { "^" } else { "^([0-9]+:)?" };
    format!("/{start}{escaped}([-.~+].*)?$/")
}

/// Whether an installed version is one that begins as asked for.
pub fn fits(wanted: &str, has: &str) -> bool {
    let bare = has.split_once(':').map_or(has, |(_, rest)| rest);
    let begins = |text: &str| {
        text.strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '~', '+']))
    };
    begins(has) || begins(bare)
}

/// The drop-ins of the engine's unit and of containerd's; `None`: no limits are asked for.
///
/// # Errors
/// A name that is no limit.
pub fn drop_ins(args: &Args) -> Result<Option<(String, String)>, Failure> {
    let Some(limits) = args.map("limits").filter(|l| !l.is_empty()) else { return Ok(None) };
    let (mut engine, mut runtime) = ("[Service]\n".to_string(), "[Service]\n".to_string());
    for (name, value) in limits {
        let (name, value) = (name.to_string(), to_text(value));
        let inherited = name.starts_with("Limit");
        let known = (inherited || name == "TasksMax") && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !known || value.contains(['\n', '\r']) {
            return Err(Failure::new(format!(
                "`{name}` is not a limit of a unit; `limits` takes LimitNOFILE, LimitNPROC, LimitCORE, LimitMEMLOCK, TasksMax …"
            )));
        }
        let line = format!("{name}={value}\n");
        engine += &line;
        if inherited {
            runtime += &line;
        }
    }
    Ok(Some((engine, runtime)))
}

/// Whether the limits let the engine, and so its containers, open files without end.
pub fn endless_files(args: &Args) -> bool {
    let value = args.map("limits").and_then(|l| l.get("LimitNOFILE")).map(to_text).unwrap_or_default();
    let soft = value.split_once(':').map_or(value.as_str(), |(soft, _)| soft).trim();
    ["infinity", "unlimited", "18446744073709551615"].contains(&soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_by_their_beginning() {
        for (wanted, has, fit) in [
            ("24.0.7", "5:24.0.7-1~debian.12~bookworm", true),
            ("24.0", "5:24.0.7-1~debian.12~bookworm", true),
            ("5:24.0.7-1~debian.12~bookworm", "5:24.0.7-1~debian.12~bookworm", true),
            ("24.0.7", "5:24.0.71-1", false),
            ("4.0.7", "5:24.0.7-1", false),
            ("20.10.24", "20.10.24+dfsg1-1+b6", true),
            ("24.0.7", "5:24.0.6-1", false),
        ] {
            assert_eq!(fits(wanted, has), fit, "{wanted} {has}");
            let expression = expression(wanted);
            let regex = fancy_regex::Regex::new(expression.trim_matches('/')).unwrap();
            assert_eq!(regex.is_match(has).unwrap(), fit, "{expression} {has}");
        }
    }
}
