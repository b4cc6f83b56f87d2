//! Commands: what only a shell would understand, and keys of key servers.

use super::{argument, text};
use crate::base::Diag;
use crate::modules::Module;
use crate::resolve::unit::Noted;

pub(super) fn signs(noted: &Noted, module: &Module) -> Option<Diag> {
    if module.spec.name != "command" {
        return None;
    }
    let (value, span) = argument(noted, module, "cmd")?;
    let bare = outside_quotes(text(value)?);
    let (message, hint) = match bare.split_whitespace().find(|w| is_shell_sign(w)) {
        Some(sign) => {
            (format!("`{sign}` is handed to the program as it stands"), "use `shell`, or write it without")
        }
        None if sets_variable(&bare) => {
            let word = bare.split_whitespace().next()?;
            let message = format!("`{word}` is taken for the name of the program");
            (message, "use `environment`, or `shell`")
        }
        None => {
            let glob = globs(&bare)?;
            (format!("`{glob}` names one file with such a name"), "use `shell`, or `find` and a loop")
        }
    };
    let message = format!("`command` runs no shell: {message}");
    Some(Diag::warning("shell-in-command", span, message).hint(hint))
}

/// Whether it begins with `NAME=VALUE`, which is the shell's way to set a variable for a program.
fn sets_variable(bare: &str) -> bool {
    let mut words = bare.split_whitespace();
    let first = words.next().and_then(|word| word.split_once('='));
    first.is_some_and(|(name, _)| crate::eval::is_identifier(name)) && words.next().is_some()
}

fn is_shell_sign(word: &str) -> bool {
    let redirects = |sign: &str| {
        word.strip_prefix(sign)
            .is_some_and(|to| to.starts_with(|c: char| c.is_alphanumeric() || "./$_&".contains(c)))
    };
    matches!(word, "|" | "||" | "&&" | "<" | ">" | ">>" | "2>" | "2>>" | "2>&1" | "&>" | ";" | "&")
        || [">", ">>", "2>", "2>>", "&>", "<"].into_iter().any(redirects)
        || word.ends_with(';') && !word.ends_with("\\;")
        || ["&&", "||", "$(", "`"].iter().any(|sign| word.contains(sign))
}

/// A path with wildcards; programs that search have their own.
fn globs(text: &str) -> Option<&str> {
    let program = text.split_whitespace().next()?.rsplit('/').next()?;
    let own = ["find", "tar", "rsync", "systemctl", "grep", "egrep", "sed", "awk"].contains(&program);
    let is_path = |word: &&str| ["/", "./", "../", "~/"].iter().any(|start| word.starts_with(start));
    text.split_whitespace().filter(|_| !own).filter(is_path).find(|word| word.contains(['*', '?']))
}

/// The text without what stands in quotes or in `{{ }}`.
fn outside_quotes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = if rest.starts_with("{{") {
            rest.find("}}").map(|e| e + 2)
        } else if c == '\'' || c == '"' {
            rest[1..].find(c).map(|e| e + 2)
        } else {
            out.push(c);
            Some(c.len_utf8())
        };
        match end {
            Some(end) => {
                if end > c.len_utf8() {
                    out.push('_');
                }
                rest = &rest[end..];
            }
            None => break,
        }
    }
    out
}

pub(super) fn key_server(noted: &Noted, module: &Module) -> Option<Diag> {
    let span = match module.spec.name.as_str() {
        "apt_key" => argument(noted, module, "keyserver")?.1,
        "command" | "shell" => {
            let (value, span) = argument(noted, module, "cmd")?;
            let written = text(value)?;
            let asks = ["--keyserver", "--recv"].iter().any(|flag| written.contains(flag));
            let by_gpg = ["--keyserver", "--recv"].iter().all(|flag| written.contains(flag))
                && written.split([' ', '/', '|', ';', '(']).any(|word| matches!(word, "gpg" | "gpg2"));
            if by_gpg {
                let message = "key servers are unreliable: they are down, or no longer have the key";
                let hint = "fetch the key from who signs with it (`get_url`), by https";
                return Some(Diag::warning("apt-key-server", span, message).hint(hint));
            }
            (asks && written.contains("apt-key")).then_some(span)?
        }
        _ => return None,
    };
    let message = "key servers are unreliable, and a key of apt-key vouches for every repository";
    let hint = "`deb822_repository` with `signed_by` binds the key to its repository";
    Some(Diag::warning("apt-key-server", span, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_the_shell_count_outside_quotes_and_templates() {
        let found = |text: &str| outside_quotes(text).split_whitespace().any(is_shell_sign);
        for text in [
            "echo 1 > /sys/x",
            "a | b",
            "a && b",
            "a 2>/dev/null",
            "a; b",
            "echo $(date)",
            "a||b",
            "a >out",
            "echo `date`",
        ] {
            assert!(found(text), "{text}");
        }
        for text in [
            "echo 'a > b'",
            "x {{ y | default('') }}",
            "find . -exec rm {} \\;",
            "a -> b",
            "sh -c \"a && b\"",
            "test a -ge b",
        ] {
            assert!(!found(text), "{text}");
        }
    }

    #[test]
    fn wildcards_of_paths_are_the_shells() {
        assert_eq!(globs("rm -f /tmp/a /tmp/x*.log"), Some("/tmp/x*.log"));
        for text in ["find /x -path /x/*", "dpkg -l linux-*", "ls /a", "echo what?"] {
            assert_eq!(globs(text), None, "{text}");
        }
    }

    #[test]
    fn a_variable_in_front_is_the_shells() {
        for (text, expected) in [
            ("A=b cmd", true),
            ("A_1=_ cmd -x", true),
            ("a=b", false),
            ("cmd A=b", false),
            ("./a=b c", false),
        ] {
            assert_eq!(sets_variable(text), expected, "{text}");
        }
    }
}
