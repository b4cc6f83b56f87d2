//! apt on lab hosts: the machine's own sources and ways out, and a cache of packages that outlives the hosts.

use super::{find_tool, run};
use std::fs;
use std::path::{Path, PathBuf};

/// Settings of the machine's apt that decide how it reaches its archives; the rest is the machine's taste.
const PREFIXES: [&str; 6] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Retries",
    "Acquire::ForceIPv4",
];

/// Where the machine's packages come from, as far as it concerns one suite: (file name, text) each.
pub(super) fn sources(suite: &str) -> Vec<(&'static str, String)> {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
    files.push("/etc/apt/sources.list".into());
    files.sort();
    let (mut lines, mut stanzas) = (String::new(), String::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|e| e.to_str()) {
            Some("list") => lines += &list_lines(&text, suite),
            Some("sources") => stanzas += &deb822_stanzas(&text, suite),
            _ => {}
        }
    }
    [("machine.list", lines), ("machine.sources", stanzas)].into_iter().filter(|s| !s.1.is_empty()).collect()
}

/// `bookworm`, `bookworm-updates`, `bookworm-security`: suites of one release.
fn of_release(word: &str, suite: &str) -> bool {
    word.strip_prefix(suite).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '/']))
}

/// The lines of a one-line-style list that name the release and the component `main`, i.e. the distribution itself.
fn list_lines(text: &str, suite: &str) -> String {
    let fits = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.first() == Some(&"deb") && words.contains(&"main") && words.iter().any(|w| of_release(w, suite))
    };
    let signed_elsewhere = |line: &&str| line.contains("signed-by") && !line.contains("debian-archive");
    text.lines().filter(fits).filter(|line| !signed_elsewhere(line)).map(|line| format!("{line}\n")).collect()
}

/// The stanzas of a deb822 file that name the release and the component `main`.
fn deb822_stanzas(text: &str, suite: &str) -> String {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = without_comments.join("\n");
    let stanzas = joined.split("\n\n").filter(|stanza| {
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then_some(value)
            });
            line.unwrap_or_default().split_whitespace().collect::<Vec<_>>()
        };
        let signed = field("Signed-By").join(" ");
        field("Types").contains(&"deb")
            && field("Components").contains(&"main")
            && field("Suites").iter().any(|word| of_release(word, suite))
            && field("Enabled") != ["no"]
            && (signed.is_empty() || signed.contains("debian-archive"))
    });
    stanzas.map(|stanza| format!("{}\n\n", stanza.trim())).collect()
}

/// The machine's apt settings that a host needs to reach the same archives, and its proxies from the environment.
pub(super) fn settings() -> Vec<String> {
    let mut lines = Vec::new();
    if find_tool("apt-config").is_some() {
        let dump = run("apt-config", &["dump"], None).unwrap_or_default();
        let wanted = |line: &&str| PREFIXES.iter().any(|prefix| line.starts_with(prefix));
        lines.extend(dump.lines().filter(wanted).map(str::to_owned));
    }
    for (variable, key) in [("http_proxy", "Acquire::http::Proxy"), ("https_proxy", "Acquire::https::Proxy")]
    {
        let value = std::env::var(variable).unwrap_or_default();
        if !value.is_empty() && !value.contains('"') && !lines.iter().any(|line| line.starts_with(key)) {
            lines.push(format!("{key} \"{value}\";"));
        }
    }
    lines
}

/// Takes the packages a host has downloaded into the lab's cache. Best effort: the cache only saves time.
pub(super) fn harvest(upper: &Path, archives: &Path) {
    link_all(&upper.join("var/cache/apt/archives"), archives);
}

/// Gives a host the packages of the lab's cache. Links, not copies: apt replaces an archive, it never writes into one.
pub(super) fn seed(archives: &Path, cache: &Path) {
    link_all(archives, cache);
    let _ = fs::create_dir_all(cache.join("partial"));
}

fn link_all(from: &Path, to: &Path) {
    let _ = fs::create_dir_all(to);
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "deb") && entry.file_type().is_ok_and(|t| t.is_file()) {
            let _ = fs::hard_link(&path, to.join(entry.file_name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_releases_own_archives_are_taken() {
        let list = "deb http://m/debian bookworm main\ndeb http://m/debian bookworm-updates main\n\
                    deb-src http://m/debian bookworm main\ndeb http://other bookworm stable\n\
                    deb http://m/debian trixie main\n# deb http://m/debian bookworm main\n";
        let taken = list_lines(list, "bookworm");
        assert_eq!(taken, "deb http://m/debian bookworm main\ndeb http://m/debian bookworm-updates main\n");
    }

    #[test]
    fn stanzas_are_taken_by_suite_component_and_key() {
        let ours = "Types: deb\nURIs: http://m/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg";
        let theirs =
            "Types: deb\nURIs: http://m/x\nSuites: bookworm\nComponents: main\nSigned-By: /etc/x.gpg";
        let off = "Types: deb\nEnabled: no\nURIs: http://m/x\nSuites: bookworm\nComponents: main";
        let text = format!("# words\n{ours}\n\n{theirs}\n\n{off}\n");
        assert_eq!(deb822_stanzas(&text, "bookworm"), format!("{ours}\n\n"));
        assert_eq!(deb822_stanzas(&text, "book"), "");
    }
}
