//! The string form of a task's arguments: `copy: src=a dest="b c"`, `command: ls creates=/x`.

use super::ModuleSpec;
use std::ops::Range;

/// What a string of arguments says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FreeForm {
    /// In the order of the text.
    pub words: Vec<Word>,
    /// The text that is no `k=v`, with its quotes, as written.
    pub rest: String,
}

/// One `key=value`, unquoted, and the bytes of the string it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// A backslash in front of `=` makes no key.
    pub key: String,
    /// Outer quotes and escapes taken away; may hold templates.
    pub value: String,
    /// Bytes of the whole text, to show where it stands.
    pub at: Range<usize>,
}

/// Splits a string as the module wants it: where it has a free form, only its `free_form_keys` are taken out
/// (`command: echo a=b creates=/x` keeps `echo a=b`), else every `k=v`. The error says which quote or brace is
/// left open.
pub fn split_free_form(spec: &ModuleSpec, text: &str) -> Result<FreeForm, String> {
    let only = spec.free_form.as_ref().map(|_| spec.free_form_keys.as_slice());
    split_words(text, only)
}

/// As [`split_free_form`], with the keys to take out; `None`: all.
pub fn split_words(text: &str, only: Option<&[String]>) -> Result<FreeForm, String> {
    let mut out = FreeForm::default();
    let mut rest_end = 0;
    for at in words(text)? {
        let word = &text[at.clone()];
        let pair = match only {
            // A script's own `k=v` keep their backslashes: only named keys are looked at.
            Some(keys) => pair(word).filter(|(k, _)| keys.iter().any(|x| x == k.trim())),
            None => pair(word),
        };
        match pair {
            Some((key, value)) => out.words.push(Word {
                key: key.trim().to_string(),
                value: unquote(&unescape(value.trim())).to_string(),
                at,
            }),
            None => {
                // Blanks and line ends between kept words stay as they are written.
                let gap = if out.rest.is_empty() { "" } else { &text[rest_end..at.start] };
                let blank = gap.bytes().all(|b| b.is_ascii_whitespace());
                out.rest.push_str(if blank { gap } else { " " });
                out.rest.push_str(word);
                rest_end = at.end;
            }
        }
    }
    Ok(out)
}

fn pair(word: &str) -> Option<(&str, &str)> {
    let bytes = word.as_bytes();
    // A key may be a template: `{{ 'x' ~ item }}=1`.
    let (mut depth, mut plain, mut i) = (0usize, true, 0);
    while i < bytes.len() {
        match bytes.get(i..i + 2).unwrap_or_default() {
            b"{{" => (depth, i) = (depth + 1, i + 1),
            b"}}" if depth > 0 => (depth, i) = (depth - 1, i + 1),
            _ if depth > 0 => {}
            _ if bytes[i] == b'=' && i > 0 && bytes[i - 1] != b'\\' => {
                return plain.then_some((&word[..i], &word[i + 1..]));
            }
            _ => plain &= bytes[i].is_ascii_alphanumeric() || b"_.-".contains(&bytes[i]) || bytes[i] >= 0x80,
        }
        i += 1;
    }
    None
}

/// Ranges of words parted by blanks; quotes and Jinja blocks keep blanks inside a word.
fn words(text: &str) -> Result<Vec<Range<usize>>, String> {
    let bytes = text.as_bytes();
    let (mut out, mut start, mut quote, mut depth) = (Vec::new(), None, None, Vec::new());
    let mut i = 0;
    while i < bytes.len() {
        let two = bytes.get(i..i + 2).unwrap_or_default();
        let open = match two {
            b"{{" => Some("}}"),
            b"{%" => Some("%}"),
            b"{#" => Some("#}"),
            _ => None,
        };
        let blank = bytes[i].is_ascii_whitespace();
        if blank && quote.is_none() && depth.is_empty() {
            out.extend(start.take().map(|s| s..i));
            i += 1;
            continue;
        }
        start = start.or(Some(i));
        if let Some(close) = open.filter(|_| depth.is_empty()) {
            depth.push(close);
            i += 2;
            continue;
        }
        if depth.last().is_some_and(|close| close.as_bytes() == two) {
            depth.pop();
            i += 2;
            continue;
        }
        match (bytes[i], quote) {
            (b'\\', _) if depth.is_empty() => i += 1,
            (q @ (b'\'' | b'"'), None) if depth.is_empty() => quote = Some(q),
            (q, Some(open)) if q == open && depth.is_empty() => quote = None,
            _ => {}
        }
        i += 1;
    }
    // Inside a block quotes are Jinja's: where it is open, that is why a quote before it is too.
    match (quote, depth.last()) {
        (_, Some(close)) => Err(format!("`{close}` is missing")),
        (Some(q), None) => Err(format!("a {} is not closed", q as char)),
        (None, None) => {
            out.extend(start.map(|s| s..bytes.len()));
            Ok(out)
        }
    }
}

/// Python's escapes in a `k=v` value: `\n`, `\t`, `\\`, `\x41`, `A` …; others stay.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let hex = |digits: usize| {
            let number = u32::from_str_radix(after.get(1..1 + digits)?, 16).ok()?;
            Some((char::from_u32(number)?, 1 + digits))
        };
        let found = match after.chars().next() {
            Some('x') => hex(2),
            Some('u') => hex(4),
            Some('U') => hex(8),
            Some(c @ ('\\' | '\'' | '"')) => Some((c, 1)),
            Some('n') => Some(('\n', 1)),
            Some('t') => Some(('\t', 1)),
            Some('r') => Some(('\r', 1)),
            Some('a') => Some(('\x07', 1)),
            Some('b') => Some(('\x08', 1)),
            Some('f') => Some(('\x0c', 1)),
            Some('v') => Some(('\x0b', 1)),
            _ => None,
        };
        let used = match found {
            Some((c, used)) => {
                out.push(c);
                used
            }
            None => {
                out.push('\\');
                0
            }
        };
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

fn unquote(text: &str) -> &str {
    let quoted = text.len() > 1 && (text.starts_with('"') || text.starts_with('\''));
    let same = quoted && text.as_bytes()[0] == text.as_bytes()[text.len() - 1];
    if same && !text.ends_with("\\\"") { &text[1..text.len() - 1] } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, keys: Option<&[&str]>) -> (Vec<(String, String)>, String) {
        let keys: Option<Vec<String>> = keys.map(|k| k.iter().map(|s| s.to_string()).collect());
        let form = split_words(text, keys.as_deref()).unwrap();
        (form.words.into_iter().map(|w| (w.key, w.value)).collect(), form.rest)
    }

    #[test]
    fn pairs_and_the_rest_are_told_apart() {
        let command = Some(&["creates", "chdir"][..]);
        let cases: &[(&str, Option<&[&str]>, &[(&str, &str)], &str)] = &[
            ("src=a dest=\"b c\"", None, &[("src", "a"), ("dest", "b c")], ""),
            (
                "path={{ a | default('x y') }}/z state=touch",
                None,
                &[("path", "{{ a | default('x y') }}/z"), ("state", "touch")],
                "",
            ),
            ("echo a=b  creates=/x 'c  d'", command, &[("creates", "/x")], "echo a=b 'c  d'"),
            ("echo  'a  b'\nls", command, &[], "echo  'a  b'\nls"),
            ("chdir=/tmp ls", command, &[("chdir", "/tmp")], "ls"),
            (r"line='a\nb'", None, &[("line", "a\nb")], ""),
            ("msg=a=b", None, &[("msg", "a=b")], ""),
            ("{{ 'x' ~ item }}_y={{ item }}", None, &[("{{ 'x' ~ item }}_y", "{{ item }}")], ""),
            ("{{ f(a='b') }}", None, &[], "{{ f(a='b') }}"),
            ("tasks.yml x=1", None, &[("x", "1")], "tasks.yml"),
            (r#"test "$a" = 'b' && x="y z""#, command, &[], r#"test "$a" = 'b' && x="y z""#),
        ];
        for (text, keys, pairs, rest) in cases {
            let (found, left) = split(text, *keys);
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!((found.as_slice(), left.as_str()), (*pairs, *rest), "{text}");
        }
    }

    #[test]
    fn open_quotes_and_braces_are_errors() {
        let why = |text: &str| split_words(text, None).unwrap_err();
        assert_eq!(why("a='b"), "a ' is not closed");
        assert_eq!(why("a={{ b"), "`}}` is missing");
        assert_eq!(why("a=\"{{ b }\""), "`}}` is missing");
    }
}
