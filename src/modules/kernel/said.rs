//! What is told besides the outcome: lines of sysctl.d that say nothing, and who sets a parameter after all files.

use super::boot;
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

/// Who sets forwarding when it starts, which is after all files of parameters.
pub fn late_writers(wish: &Wish<'_>, output: &Output) -> Vec<String> {
    let Some(Setting { name, .. }) = no_forwarding(wish) else { return Vec::new() };
    let mut said = Vec::new();
    if let Some(engine) = output.field("late", "engine") {
        said.push(format!(
            "{name} will be 1 again: the container engine ({engine}) sets it when it starts; `\"ip-forward\": false` \
             in /etc/docker/daemon.json keeps it from that"
        ));
    }
    for found in output.field("late", "networkd").unwrap_or_default().lines() {
        let (file, line) = found.split_once(':').unwrap_or((found, ""));
        let line = line.trim();
        said.push(format!(
            "{name} will be 1 again: systemd-networkd sets it when it starts, as {file} has `{line}`"
        ));
    }
    said
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
