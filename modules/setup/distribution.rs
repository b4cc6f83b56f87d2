//! Which distribution a host runs, from os-release and the files older ones have.

use super::raw::Raw;
use crate::base::{Map, Value};
use std::collections::BTreeMap;

/// `NAME=value` lines, quotes removed.
pub fn assignments(lines: &[String]) -> BTreeMap<&str, &str> {
    let pairs = lines.iter().filter_map(|l| l.trim().split_once('='));
    pairs.map(|(k, v)| (k.trim(), v.trim().trim_matches(|c| c == '"' || c == '\''))).collect()
}

/// `ID` of os-release → Ansible's name and family.
const DISTRIBUTIONS: &[(&str, &str, &str)] = &[
    ("debian", "Debian", "Debian"),
    ("ubuntu", "Ubuntu", "Debian"),
    ("raspbian", "Debian", "Debian"),
    ("linuxmint", "Linux Mint", "Debian"),
    ("kali", "Kali", "Debian"),
    ("devuan", "Devuan", "Debian"),
    ("pop", "Pop!_OS", "Debian"),
    ("parrot", "Parrot", "Debian"),
    ("deepin", "Deepin", "Debian"),
    ("neon", "KDE neon", "Debian"),
    ("rhel", "RedHat", "RedHat"),
    ("centos", "CentOS", "RedHat"),
    ("fedora", "Fedora", "RedHat"),
    ("rocky", "Rocky", "RedHat"),
    ("almalinux", "AlmaLinux", "RedHat"),
    ("amzn", "Amazon", "RedHat"),
    ("ol", "OracleLinux", "RedHat"),
    ("cloudlinux", "CloudLinux", "RedHat"),
    ("openeuler", "openEuler", "RedHat"),
    ("opensuse-leap", "openSUSE Leap", "Suse"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed", "Suse"),
    ("sles", "SLES", "Suse"),
    ("sled", "SLED", "Suse"),
    ("arch", "Archlinux", "Archlinux"),
    ("manjaro", "Manjaro", "Archlinux"),
    ("alpine", "Alpine", "Alpine"),
    ("gentoo", "Gentoo", "Gentoo"),
    ("void", "Void", "Void"),
    ("nixos", "NixOS", "NixOS"),
    ("flatcar", "Flatcar", "Flatcar"),
];

pub fn collect(raw: &Raw, facts: &mut Map) {
    let (variety, file) = ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .find(|f| !raw.lines(f).is_empty())
        .map_or(("", "/etc/os-release"), |f| (f, f));
    let release = assignments(raw.lines(file));
    let get = |key: &str| release.get(key).copied().unwrap_or("");
    let id = get("ID");
    let known = DISTRIBUTIONS.iter().find(|(i, ..)| *i == id);
    let by_likeness = || {
        let like =
            get("ID_LIKE").split_whitespace().find_map(|l| DISTRIBUTIONS.iter().find(|(i, ..)| *i == l));
        like.map_or(get("NAME"), |(_, _, family)| family)
    };
    let (name, family) = known.map_or_else(|| (get("NAME"), by_likeness()), |(_, n, f)| (*n, *f));
    let version = full_version(raw, id, get("VERSION_ID"));
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or("").to_string();
    let minor = parts.next().map(str::to_string);
    let codename = match get("VERSION_CODENAME") {
        "" => get("VERSION").split_once('(').and_then(|(_, r)| r.split(')').next()).unwrap_or("NA"),
        name => name,
    };
    let mut put = |key: &str, value: Value| facts.insert(key.into(), value);
    put("distribution", name.into());
    put("os_family", family.into());
    put("distribution_version", version.clone().into());
    put("distribution_major_version", major.clone().into());
    put("distribution_release", codename.to_lowercase().into());
    if let Some(minor) = minor {
        put("distribution_minor_version", minor.into());
    }
    if !variety.is_empty() {
        put("distribution_file_variety", family_variety(family).into());
        put("distribution_file_path", variety.into());
        put("distribution_file_parsed", true.into());
    }
    put("lsb", lsb(raw, &release, codename, &major));
}

fn family_variety(family: &str) -> &str {
    match family {
        "Debian" | "RedHat" | "Alpine" | "Archlinux" => family,
        "Suse" => "SUSE",
        _ => "NA",
    }
}

/// Debian and CentOS name only the major version in os-release; the point release is in a file of its own.
fn full_version(raw: &Raw, id: &str, version: &str) -> String {
    let numeric = |s: &str| s.starts_with(|c: char| c.is_ascii_digit());
    match id {
        "debian" => raw.first("/etc/debian_version").filter(|v| numeric(v)).unwrap_or(version).to_string(),
        "centos" => {
            let words = raw.first("/etc/centos-release").unwrap_or("").split_whitespace();
            let full = words.into_iter().find(|w| numeric(w)).unwrap_or(version);
            full.split('.').take(2).collect::<Vec<_>>().join(".")
        }
        "alpine" => raw.first("/etc/alpine-release").unwrap_or(version).to_string(),
        _ => version.to_string(),
    }
}

fn lsb(raw: &Raw, release: &BTreeMap<&str, &str>, codename: &str, major: &str) -> Value {
    let file = assignments(raw.lines("/etc/lsb-release"));
    if raw.field("lsb", "present").is_none() && file.is_empty() {
        return Value::from(Map::new());
    }
    let get =
        |lsb: &str, os: &str| file.get(lsb).or_else(|| release.get(os)).copied().unwrap_or("").to_string();
    let id = get("DISTRIB_ID", "NAME").split_whitespace().next().unwrap_or("").to_string();
    let release = get("DISTRIB_RELEASE", "VERSION_ID");
    let major = release.split('.').next().unwrap_or(major).to_string();
    [
        ("codename", file.get("DISTRIB_CODENAME").copied().unwrap_or(codename).to_string()),
        ("description", get("DISTRIB_DESCRIPTION", "PRETTY_NAME")),
        ("id", id),
        ("major_release", major),
        ("release", release),
    ]
    .into_iter()
    .collect()
}
