//! Source lines as findings show them: the text of what looks like a secret is starred out, length and columns stay.
//!
//! A finding may be about any line, and people paste findings. So this reads the file as text, without knowing what
//! the finding is about: keys that say that they hold a secret, and all arguments of a task with `no_log`.

use std::ops::Range;

const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "secret_key",
    "private_key",
    "access_key",
    "secret_access_key",
    "key_content",
    "credentials",
];

/// Whether a name says that its value is a secret: `db_password`, `token`.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if name == "update_password" {
        return false;
    }
    NAMES
        .iter()
        .any(|n| name == *n || name.strip_suffix(n).is_some_and(|rest| rest.ends_with(['_', '-', '.'])))
}

/// The text with the secrets of the lines that `shown` touches replaced, byte for byte.
pub fn masked(text: &str, shown: &[Range<usize>]) -> String {
    let lines = lines(text);
    let mut out = text.as_bytes().to_vec();
    let is_shown = |index: usize| {
        lines.get(index).is_some_and(|line| shown.iter().any(|r| line.start <= r.end && r.start <= line.end))
    };
    for (index, line) in lines.iter().enumerate() {
        // A line more than asked for: the renderer shows what lies between two marks.
        if !(index.saturating_sub(1)..=index + 1).any(is_shown) {
            continue;
        }
        let hidden = match in_no_log(text, &lines, index) || in_secret_block(text, &lines, index) {
            true => whole_value(&text[line.clone()], line.start).into_iter().collect(),
            false => values(&text[line.clone()], line.start),
        };
        for range in hidden {
            star(&mut out, range);
        }
    }
    // Only whole characters are replaced, by as many stars as they have bytes.
    String::from_utf8(out).unwrap_or_default()
}

fn star(out: &mut [u8], range: Range<usize>) {
    if let Some(bytes) = out.get_mut(range) {
        bytes.fill(b'*');
    }
}

fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut all = Vec::new();
    for line in text.split_inclusive('\n') {
        all.push(start..start + line.trim_end_matches(['\n', '\r']).len());
        start += line.len();
    }
    all
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where the key of a line begins: behind the dash of a list's entry.
fn column(line: &str) -> usize {
    let mut at = indent(line);
    while let Some(rest) = line[at..].strip_prefix("- ") {
        at += 2 + indent(rest);
    }
    at
}

fn key(line: &str) -> Option<(&str, usize)> {
    let at = column(line);
    let end = at + line[at..].find(':')?;
    let after = line[end + 1..].chars().next();
    after.is_none_or(char::is_whitespace).then(|| (line[at..end].trim_matches(['"', '\'', ' ']), end + 1))
}

/// What stands behind the key, or the whole line where it has none.
fn whole_value(line: &str, start: usize) -> Option<Range<usize>> {
    let from = match key(line) {
        // The structure itself is no secret.
        Some(("name" | "no_log" | "when" | "register" | "tags" | "become" | "loop", _)) => return None,
        Some((_, at)) => at,
        None => indent(line),
    };
    let value = line[from..].trim();
    let at = from + indent(&line[from..]);
    (!value.is_empty()).then(|| start + at..start + at + value.len())
}

/// Values of keys that look secret: `key: value` and `key=value`, in flow mappings and free forms too.
fn values(line: &str, start: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let bytes = line.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    for at in (0..bytes.len()).filter(|i| matches!(bytes[*i], b':' | b'=')) {
        let mut end = at;
        while end > 0 && matches!(bytes[end - 1], b' ' | b'"' | b'\'') {
            end -= 1;
        }
        let begin = (0..end).rev().take_while(|i| word(bytes[*i])).last().unwrap_or(end);
        if !is_secret_name(&line[begin..end]) {
            continue;
        }
        let from = at + 1 + indent(&line[at + 1..]);
        let rest = &line[from..];
        let length = value_length(rest, bytes[at] == b'=', line[..begin].contains('{'));
        if length > 0 && is_hideable(&rest[..length]) {
            found.push(start + from..start + from + length);
        }
    }
    found
}

fn value_length(rest: &str, free_form: bool, flow: bool) -> usize {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        return rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
    }
    let stop = |c: char| free_form && c.is_whitespace() || flow && matches!(c, ',' | '}');
    if rest.starts_with("{{") {
        return rest.find("}}").map_or(rest.len(), |end| end + 2);
    }
    rest[..rest.find(stop).unwrap_or(rest.len())].trim_end().len()
}

/// Templates, vaults and truth words tell nothing and may be what the finding is about.
fn is_hideable(value: &str) -> bool {
    let bare = value.trim_matches(['"', '\'']);
    let word =
        matches!(bare.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "null" | "~" | "omit");
    !word && !bare.is_empty() && !bare.starts_with(['|', '>', '!']) && !is_template(bare)
}

/// A template and nothing else: no text of its own beside it, nor as what it falls back to.
fn is_template(text: &str) -> bool {
    let falls_back = ["default(", "d("].iter().any(|f| text.contains(f)) && text.contains(['\'', '"']);
    text.starts_with("{{") && text.ends_with("}}") && !falls_back
}

/// The line belongs to a block scalar whose key looks secret (`private_key: |`).
fn in_secret_block(text: &str, lines: &[Range<usize>], index: usize) -> bool {
    let own = indent(&text[lines[index].clone()]);
    let mut limit = own;
    for above in lines[..index].iter().rev().map(|r| &text[r.clone()]) {
        if above.trim().is_empty() || indent(above) >= limit {
            continue;
        }
        limit = indent(above);
        let Some((name, at)) = key(above) else { continue };
        let value = above[at..].trim();
        return is_secret_name(name) && (value.is_empty() || value.starts_with(['|', '>']));
    }
    false
}

/// The line belongs to a task that says `no_log`, and not `no_log: false`.
fn in_no_log(text: &str, lines: &[Range<usize>], index: usize) -> bool {
    let get = |i: usize| &text[lines[i].clone()];
    let starts = |line: &str| line.trim_start().starts_with("- ");
    // The innermost entry of a list around the line whose keys are a task's: try each outwards.
    let mut limit = column(get(index)) + 1;
    for first in (0..=index).rev() {
        let line = get(first);
        if line.trim().is_empty() || !starts(line) || indent(line) >= limit {
            continue;
        }
        limit = indent(line);
        let keys_at = column(line);
        let body = (first..lines.len()).take_while(|i| {
            let line = get(*i);
            *i == first || line.trim().is_empty() || indent(line) > limit
        });
        for line in body.map(get) {
            if column(line) == keys_at
                && let Some(("no_log", at)) = key(line)
            {
                return !matches!(line[at..].trim(), "false" | "no" | "False");
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, word: &str) -> String {
        let at = text.find(word).unwrap();
        masked(text, std::slice::from_ref(&(at..at + word.len())))
    }

    #[test]
    fn values_of_secret_keys_are_starred_and_columns_stay() {
        for (line, wanted) in [
            ("db_password: hunter2", "db_password: *******"),
            ("- {name: a, password: hunter2, x: y}", "- {name: a, password: *******, x: y}"),
            ("mysql: user=a password=hunter2 x=y", "mysql: user=a password=******* x=y"),
            ("\"api_key\": \"a b\" # why", "\"api_key\": ***** # why"),
            ("token: \"{{ lookup('env', 'T') }}\"", "token: \"{{ lookup('env', 'T') }}\""),
            ("token: \"{{ x | default('y') }}\"", "token: ************************"),
            ("update_password: on_create", "update_password: on_create"),
            ("no_log: true", "no_log: true"),
            ("keys: abc", "keys: abc"),
            ("password: ä", "password: **"),
        ] {
            assert_eq!(masked(line, std::slice::from_ref(&(0..line.len()))), wanted);
        }
    }

    #[test]
    fn a_block_and_the_arguments_of_a_quiet_task_are_hidden() {
        let text = "private_key: |\n  BEGIN\n  abc\nother: BEGIN\n";
        assert_eq!(shown(text, "abc"), "private_key: |\n  *****\n  ***\nother: BEGIN\n");
        let task = "- name: a\n  no_log: true\n  shell: use hunter2\n  args:\n    chdir: /x\n- shell: fine\n";
        assert!(shown(task, "hunter2").contains("  shell: ***********\n"));
        assert!(shown(task, "chdir").contains("    chdir: **\n"));
        assert!(shown(task, "fine").contains("shell: fine"));
        let loud = "- shell: a b\n  no_log: false\n";
        assert_eq!(shown(loud, "a b"), loud);
    }

    #[test]
    fn lines_that_are_not_shown_are_left_alone() {
        let text = "password: x\n\n\nname: y\n";
        assert_eq!(shown(text, "name"), text);
    }
}
