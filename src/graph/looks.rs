//! Commands that only look. Where a task says of one `changed_when: false`, what was seen before it is still true after
//! it; of any other the words mean what Ansible has them mean, that it is not *counted* as a change.

use crate::base::{Map, Value};

/// Programs that change nothing on the host, whatever their arguments.
const PROGRAMS: &[&str] = &[
    "[",
    "apt-cache",
    "basename",
    "blkid",
    "cat",
    "cd",
    "cksum",
    "cmp",
    "cut",
    "df",
    "diff",
    "dig",
    "dirname",
    "dpkg-query",
    "du",
    "echo",
    "egrep",
    "false",
    "fgrep",
    "file",
    "findmnt",
    "free",
    "getcap",
    "getconf",
    "getenforce",
    "getent",
    "grep",
    "groups",
    "head",
    "host",
    "id",
    "last",
    "ldd",
    "ls",
    "lsb_release",
    "lsblk",
    "lscpu",
    "lsmod",
    "lsof",
    "lspci",
    "md5sum",
    "modinfo",
    "netstat",
    "nproc",
    "nslookup",
    "pgrep",
    "pidof",
    "ping",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "sestatus",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "stat",
    "tail",
    "test",
    "tr",
    "true",
    "type",
    "uname",
    "uptime",
    "vmstat",
    "wc",
    "which",
    "who",
    "whoami",
    "zcat",
    "zgrep",
];

/// Programs of which only some calls look: the word or option that must come first (`docker ps`, `dpkg -l`).
const CALLS: &[(&str, &[&str])] = &[
    ("apt-mark", &["showauto", "showhold", "showmanual"]),
    ("command", &["-v", "-V"]),
    ("crontab", &["-l"]),
    ("docker", &["images", "info", "inspect", "logs", "ps", "version"]),
    ("dpkg", &["--compare-versions", "--get-selections", "--print-architecture", "-L", "-S", "-l", "-s"]),
    ("git", &["describe", "log", "ls-files", "ls-remote", "rev-parse", "show"]),
    ("helm", &["list", "ls", "status", "version"]),
    ("hostnamectl", &["status"]),
    ("iptables", &["-L", "-S", "-nL"]),
    ("kubectl", &["cluster-info", "describe", "get", "version"]),
    ("loginctl", &["list-sessions", "list-users", "show-user", "user-status"]),
    ("nft", &["list"]),
    ("nginx", &["-T", "-V", "-t", "-v"]),
    ("rpm", &["-q", "-qa", "-qi", "-ql"]),
    ("set", &["-e", "-eo", "-euo", "-o", "-u"]),
    ("sshd", &["-T", "-t"]),
    ("swapon", &["--show", "-s"]),
    (
        "systemctl",
        &[
            "cat",
            "get-default",
            "is-active",
            "is-enabled",
            "is-failed",
            "is-system-running",
            "list-timers",
            "list-unit-files",
            "list-units",
            "show",
            "status",
        ],
    ),
    ("timedatectl", &["show", "status"]),
    ("ufw", &["status"]),
    ("update-alternatives", &["--display", "--list", "--query"]),
    ("virsh", &["dominfo", "list", "net-list"]),
    ("visudo", &["-c", "-cf"]),
];

/// A program that looks, unless one of these letters is among its short options, or one of these words is there: a
/// whole argument, what a long option begins with, or signs within an argument.
struct Unless {
    program: &'static str,
    letters: &'static str,
    words: &'static [&'static str],
}

const UNLESS: &[Unless] = &[
    Unless { program: "awk", letters: "fi", words: &["--", "system(", ">", "|"] },
    Unless { program: "curl", letters: "DFJKOQTXacdo", words: &["--", "%output{"] },
    Unless { program: "date", letters: "s", words: &["--set"] },
    Unless {
        program: "find",
        letters: "",
        words: &["-delete", "-exec", "-execdir", "-fls", "-fprint", "-fprint0", "-fprintf", "-ok", "-okdir"],
    },
    Unless { program: "journalctl", letters: "", words: &["--flush", "--rotate", "--vacuum"] },
    Unless { program: "sed", letters: "fi", words: &["--in-place", "--file", "w "] },
    Unless { program: "sort", letters: "o", words: &["--"] },
    Unless { program: "ss", letters: "DK", words: &["--diag", "--kill"] },
    Unless { program: "sysctl", letters: "fpw", words: &["--load", "--system", "--write", "="] },
];

/// What asks any program for its version.
const VERSION: &[&str] = &["--version", "-V", "-version", "--help"];

/// Whether a `command` or `shell` with these arguments only looks. What is not known for sure does not.
pub(super) fn only_looks(module: &str, args: &Map) -> bool {
    let text = |name: &str| args.get(name).and_then(Value::as_str);
    let listed = args.get("argv").and_then(Value::as_list).map(|argv| {
        argv.iter().map(|word| word.as_str().map(str::to_string)).collect::<Option<Vec<String>>>()
    });
    match (module, listed, text("cmd").or_else(|| text("_raw_params"))) {
        ("command", Some(Some(words)), _) => looks(&words),
        ("command", None, Some(line)) => crate::base::words::split(line).is_ok_and(|words| looks(&words)),
        ("shell", _, Some(script)) => parts(script).is_some_and(|parts| {
            parts
                .iter()
                .all(|part| shell_words::split(part).is_ok_and(|words| words.is_empty() || looks(&words)))
        }),
        _ => false,
    }
}

/// The commands of a shell's line; `None` where anything may be written or called that is not seen here.
fn parts(script: &str) -> Option<Vec<String>> {
    let mut script = script.to_string();
    for nothing in ["2>/dev/null", "2> /dev/null", ">/dev/null", "> /dev/null", "2>&1"] {
        script = script.replace(nothing, " ");
    }
    let (mut parts, mut part, mut quote) = (Vec::new(), String::new(), None);
    for c in script.chars() {
        match (quote, c) {
            // What a substitution calls is not seen, in double quotes neither.
            (None | Some('"'), '`' | '$' | '\\') => return None,
            (None, '>' | '<' | '(' | ')' | '{' | '}' | '#') => return None,
            (None, '|' | '&' | ';' | '\n') => parts.push(std::mem::take(&mut part)),
            (None, '\'' | '"') => {
                quote = Some(c);
                part.push(c);
            }
            (Some(open), _) if c == open => {
                quote = None;
                part.push(c);
            }
            _ => part.push(c),
        }
    }
    parts.push(part);
    Some(parts)
}

fn looks(words: &[String]) -> bool {
    let set =
        |word: &&String| word.split_once('=').is_some_and(|(name, _)| crate::syntax::playbook::is_name(name));
    let words: Vec<&str> = words.iter().skip_while(set).map(String::as_str).collect();
    let Some((program, args)) = words.split_first() else { return true };
    let program = program.rsplit('/').next().unwrap_or(program);
    if PROGRAMS.contains(&program) || matches!(args, [only] if VERSION.contains(only)) {
        return true;
    }
    if let Some((_, calls)) = CALLS.iter().find(|(name, _)| *name == program) {
        let own = |arg: &&&str| ["--no-pager", "--quiet", "--user", "-q"].contains(*arg);
        return args.iter().find(|arg| !own(arg)).is_some_and(|first| calls.contains(first));
    }
    if program == "ip" {
        return ip_looks(args);
    }
    if let Some(unless) = UNLESS.iter().find(|unless| unless.program == program) {
        // A bare word sets the time.
        let sets = |arg: &&str| program == "date" && !arg.starts_with(['-', '+']);
        return !args.iter().any(|arg| sets(arg) || unless.writes(arg));
    }
    // Without arguments they tell.
    args.is_empty()
        && matches!(program, "hostname" | "mount" | "env" | "locale" | "hostnamectl" | "timedatectl")
}

/// `ip [OPTIONS] OBJECT [show|list|ls|get …]`. Its other words have abbreviations (`ip a d`), so these are asked for.
fn ip_looks(args: &[&str]) -> bool {
    let writes = |name: &str| name.starts_with('b') && !name.starts_with("br");
    let option = |arg: &&&str| arg.starts_with('-') && !writes(arg.trim_start_matches('-'));
    let mut words = args.iter().skip_while(option);
    let object = words.next().is_none_or(|object| object.starts_with(|c: char| c.is_ascii_alphabetic()));
    object && words.next().is_none_or(|word| ["get", "list", "ls", "show"].contains(word))
}

impl Unless {
    fn writes(&self, arg: &str) -> bool {
        let short = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
        let options = short.chars().take_while(char::is_ascii_alphabetic);
        let said = |word: &&str| match *word {
            option if option.starts_with("--") => arg.starts_with(option),
            word if word.chars().all(|c| c.is_alphanumeric() || c == '-') => arg == word,
            signs => arg.contains(signs),
        };
        options.into_iter().any(|c| self.letters.contains(c)) || self.words.iter().any(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(module: &str, line: &str) -> bool {
        only_looks(module, &Map::from_iter([("cmd".into(), Value::from(line))]))
    }

    #[test]
    fn a_command_that_only_looks_is_known() {
        for (module, line) in [
            ("command", "cat /etc/hostname"),
            ("command", "/usr/bin/systemctl is-active 'a b.service'"),
            ("command", "docker --version"),
            ("command", "docker ps -a"),
            ("command", "systemctl --user is-enabled x"),
            ("command", "curl -fsS http://a"),
            ("command", "date +%s"),
            ("command", "sed -n 's/^a//p' /etc/x"),
            ("command", "dpkg -s openssh-server"),
            ("command", "find /etc -name '*.conf'"),
            ("command", "ip -4 addr show"),
            ("command", "ip -br a"),
            ("command", "ip -o route get 10.0.0.1"),
            ("command", "ss -tln"),
            ("shell", "set -o pipefail\ngrep -c '^x>' /etc/passwd 2>/dev/null | wc -l"),
            ("shell", "test -e /a && echo yes || echo 'no; $x'"),
            ("shell", "LC_ALL=C sysctl -n net.ipv4.ip_forward"),
        ] {
            assert!(said(module, line), "{module}: {line}");
        }
    }

    #[test]
    fn whatever_may_write_is_none() {
        for (module, line) in [
            ("command", "systemctl daemon-reload"),
            ("command", "apt-get update"),
            ("command", "docker rm x"),
            ("command", "docker rm ps"),
            ("command", "find /a -delete"),
            ("command", "sed -i s/a/b/ /etc/x"),
            ("command", "sysctl -w a=1"),
            ("command", "hostname new"),
            ("command", "sed -ri s/a/b/ /etc/x"),
            ("command", "curl -fsSLo /etc/x http://a"),
            ("command", "sort -uo f f"),
            ("command", "date 010112002026"),
            ("command", "ip netns exec a rm b"),
            ("command", "awk -f program"),
            ("command", "command rm -v x"),
            ("command", "sysctl -qp"),
            ("command", "sysctl -f /etc/x"),
            ("command", "rm version"),
            ("command", "curl -sD /etc/x http://a"),
            ("command", "sort --out=/etc/x f"),
            ("command", "ss -K dst 10.0.0.1"),
            ("command", "ip a d 10.0.0.1/8 dev x"),
            ("command", "ip -b /tmp/x"),
            ("shell", r#"grep "a\"b" f; rm "x""#),
            ("shell", r"echo \'; rm x; echo \'"),
            ("command", "env X=1 rm a"),
            ("command", "ip link add x type dummy"),
            ("command", "unknown"),
            ("shell", "cat a > b"),
            ("shell", "echo $(rm a)"),
            ("shell", "echo \"`rm a`\""),
            ("shell", "cat a | tee b"),
            ("shell", "cat a; touch b"),
            ("raw", "cat a"),
        ] {
            assert!(!said(module, line), "{module}: {line}");
        }
        let listed = |words: &[&str]| {
            let argv: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
            only_looks("command", &Map::from_iter([("argv".into(), argv.into())]))
        };
        assert!(listed(&["stat", "a b"]));
        assert!(!listed(&["touch", "stat"]));
    }
}
