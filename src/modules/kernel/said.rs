//! What is told besides the outcome: lines of sysctl.d that say nothing, keys whose module may come too late, and who
//! sets a parameter after all files.

use super::boot;
use super::boot_modules::{BootModules, Named, plain};
use super::found_files::Files;
use super::key;
use super::settings::{Setting, Wish};
use crate::remote::Output;

/// The switch of forwarding, which programs set that need it.
const FORWARDING: &str = "net/ipv4/ip_forward";

/// Whether a wish takes forwarding away.
pub fn no_forwarding<'a>(wish: &'a Wish<'_>) -> Option<&'a Setting> {
    let is_it = |s: &&Setting| s.path == FORWARDING || key::twin(&s.path) == Some(FORWARDING);
    wish.settings.iter().filter(|_| wish.present).find(|s| is_it(s) && key::same(&s.path, &s.value, "0"))
}

/// The key of a wish that keeps iptables from what goes through bridges.
pub fn unfiltered<'a>(wish: &'a Wish<'_>) -> Option<&'a Setting> {
    let is_it = |s: &&Setting| {
        s.path.starts_with("net/bridge/bridge-nf-call-ip") && key::same(&s.path, &s.value, "0")
    };
    wish.settings.iter().filter(|_| wish.present).find(is_it)
}

/// The keys of a wish that kube-proxy sets, each with the option that keeps it from that.
pub fn proxied<'a>(wish: &'a Wish<'_>) -> impl Iterator<Item = (&'a str, &'static str)> {
    const KEYS: [(&str, &str); 4] = [
        ("net/netfilter/nf_conntrack_max", "maxPerCore: 0"),
        ("net/nf_conntrack_max", "maxPerCore: 0"),
        ("net/netfilter/nf_conntrack_tcp_timeout_established", "tcpEstablishedTimeout: 0s"),
        ("net/netfilter/nf_conntrack_tcp_timeout_close_wait", "tcpCloseWaitTimeout: 0s"),
    ];
    let keys = wish.settings.iter().filter(|_| wish.present);
    keys.filter_map(|s| {
        let (_, option) = KEYS.iter().find(|(path, _)| *path == s.path)?;
        Some((s.name.as_str(), *option))
    })
}

/// Who sets a parameter when it starts, which is after all files of parameters.
pub fn late_writers(wish: &Wish<'_>, output: &Output) -> Vec<String> {
    let late = |key: &str| output.field("late", key);
    let mut said = Vec::new();
    if let Some(Setting { name, .. }) = no_forwarding(wish) {
        said.extend(late("engine").map(|engine| format!(
            "{name} will be 1 again: the container engine ({engine}) sets it when it starts; `\"ip-forward\": false` \
             in /etc/docker/daemon.json keeps it from that"
        )));
        for found in late("networkd").unwrap_or_default().lines() {
            let (file, line) = found.split_once(':').unwrap_or((found, ""));
            let line = line.trim();
            said.push(format!(
                "{name} will be 1 again: systemd-networkd sets it when it starts, as {file} has `{line}`"
            ));
        }
    }
    if let (Some(Setting { name, .. }), Some(engine)) = (unfiltered(wish), late("bridges")) {
        said.push(format!(
            "{name} will be 1 again where the container engine ({engine}) has a network whose containers must not \
             reach each other: it needs that, as a swarm's docker_gwbridge does"
        ));
    }
    if let Some(program) = late("proxy") {
        said.extend(proxied(wish).map(|(name, option)| format!(
            "{name} will be what kube-proxy makes of it: it sets it when it starts, and {program} is there; \
             `conntrack.{option}` in its configuration keeps it from that"
        )));
    }
    said
}

/// Keys that come with a module are set at boot only when it is loaded by then, or udev sets them again.
pub fn late_modules(wish: &Wish<'_>, output: &Output) -> Vec<String> {
    let mut said: Vec<(&str, String)> = Vec::new();
    // A host that has not been looked at says nothing.
    let Some(udev) = output.field("boot", "udev") else { return Vec::new() };
    let rules = output.field("boot", "rules").unwrap_or_default();
    let builtin = output.field("boot", "builtin").unwrap_or_default();
    let boot = BootModules::read(output);
    for Setting { name, path, .. } in &wish.settings {
        let Some(module) = key::module(path) else { continue };
        let early = !boot.loads(&Named(&[module])).is_empty();
        let kernel = builtin.lines().any(|l| plain(l).ends_with(&format!("/{module}.ko")));
        let late = udev.lines().any(|found| {
            let (file, rule) = found.split_once(':').unwrap_or_default();
            !rule.trim_start().starts_with('#') && rule.contains(module) && !hidden(file, &rules)
        });
        if early || kernel || late || said.iter().any(|(m, _)| *m == module) {
            continue;
        }
        let message = format!(
            "{name} may be lost at boot: nothing loads {module} before the kernel parameters are set; name it in \
             /etc/modules-load.d (`modprobe: {{name: {module}, persistent: present}}`)"
        );
        said.push((module, message));
    }
    said.into_iter().map(|(_, message)| message).collect()
}

/// Whether a rule's file is hidden by one of its name in a folder that comes before; `others` are those.
fn hidden(file: &str, others: &str) -> bool {
    let rank = |path: &str| ["/etc/", "/run/", "/usr/local/"].iter().position(|f| path.starts_with(f));
    let own = rank(file).unwrap_or(usize::MAX);
    others.lines().any(|o| boot::base(o) == boot::base(file) && rank(o).is_some_and(|r| r < own))
}

/// One warning of all lines that are read at boot and say nothing: somebody means what does not happen.
pub fn nothing_said(files: &Files) -> Option<String> {
    let lines: Vec<(&str, usize, &str)> = files
        .read_at_boot()
        .into_iter()
        .flat_map(|file| file.lines.iter().map(|(number, text)| (file.path.as_str(), *number, text.as_str())))
        .filter(|(_, _, text)| boot::says_nothing(text))
        .collect();
    let (path, number, text) = lines.first()?;
    let more = match lines.len() {
        1 => String::new(),
        n => format!(" (and {} more such line{})", n - 1, if n == 2 { "" } else { "s" }),
    };
    let text: String = text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).take(60).collect();
    Some(format!("{path}:{number} sets nothing at boot and is left alone: `{text}`{more}"))
}
