//! Regular expressions with Python's syntax, on fancy-regex.

use fancy_regex::{Captures, Regex};

/// Python's flags.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// `(?i)`
    pub ignore_case: bool,
    /// `(?m)`: `^` and `$` stand at every line.
    pub multi_line: bool,
}

/// An expression in Python's syntax.
pub fn compile(pattern: &str, flags: Flags) -> Result<Regex, String> {
    let mut text = match (flags.ignore_case, flags.multi_line) {
        (true, true) => "(?im)".to_owned(),
        (true, false) => "(?i)".to_owned(),
        (false, true) => "(?m)".to_owned(),
        (false, false) => String::new(),
    };
    text.push_str(&translate(pattern, flags.multi_line));
    Regex::new(&text).map_err(|e| format!("`{pattern}` is no regular expression: {e}"))
}

/// Whether the expression is found anywhere (`re.search`). One that gives up on a text does not match it.
pub fn found(regex: &Regex, text: &str) -> bool {
    regex.is_match(text).unwrap_or(false)
}

/// Python's spelling as the crate's: where the two read the same text differently.
fn translate(pattern: &str, multi_line: bool) -> String {
    let plain_dollar = multi_line || pattern.contains("(?m") || pattern.contains("(?im");
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut class_start = None;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        match (c, class_start) {
            ('\\', _) => {
                i += 1;
                match chars.get(i) {
                    Some('Z') => out.push_str("\\z"),
                    Some(
                        c @ ('<' | '>' | '"' | '\'' | '/' | '@' | '%' | ',' | ':' | ';' | '=' | '!' | '_'
                        | '`'),
                    ) => out.push(*c),
                    Some(c) => out.extend(['\\', *c]),
                    None => out.push('\\'),
                }
            }
            ('[', None) => {
                out.push('[');
                let mut first = i + 1;
                if chars.get(first) == Some(&'^') {
                    out.push('^');
                    first += 1;
                }
                if chars.get(first) == Some(&']') {
                    out.push_str("\\]");
                    first += 1;
                }
                class_start = Some(i);
                i = first - 1;
            }
            (']', Some(_)) => {
                class_start = None;
                out.push(']');
            }
            ('[' | '&' | '~', Some(_)) => out.extend(['\\', c]),
            ('-', Some(_)) if chars.get(i + 1) == Some(&'-') => out.push_str("\\-"),
            ('{', None) if !is_repetition(&chars[i..]) => out.push_str("\\{"),
            ('}', None) if !closes_repetition(&chars[..i]) => out.push_str("\\}"),
            ('$', None) if !plain_dollar => out.push_str("(?:$|(?=\\n\\z))"),
            _ => out.push(c),
        }
        i += 1;
    }
    out
}

/// `{3}`, `{3,}`, `{,5}`, `{3,5}`.
fn is_repetition(chars: &[char]) -> bool {
    let Some(end) = chars.iter().position(|c| *c == '}') else { return false };
    let inner: String = chars[1..end].iter().collect();
    inner.chars().any(|c| c.is_ascii_digit())
        && inner.chars().all(|c| c.is_ascii_digit() || c == ',')
        && inner.matches(',').count() < 2
}

fn closes_repetition(before: &[char]) -> bool {
    before.iter().rposition(|c| *c == '{').is_some_and(|open| {
        let mut whole: Vec<char> = before[open..].to_vec();
        whole.push('}');
        is_repetition(&whole)
    })
}

/// All matches in Python's way: an empty one may follow directly on another.
pub fn all<'t>(regex: &Regex, text: &'t str, limit: usize) -> Result<Vec<Captures<'t, str>>, String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at <= text.len() && (limit == 0 || found.len() < limit) {
        let captures = regex.captures_from_pos(text, at).map_err(|e| format!("regular expression: {e}"))?;
        let Some(captures) = captures else { break };
        let Some((start, end)) = captures.get(0).map(|m| (m.start(), m.end())) else { break };
        at = if start == end { end + text[end..].chars().next().map_or(1, char::len_utf8) } else { end };
        found.push(captures);
    }
    Ok(found)
}

/// `re.sub`: the text and how many replacements were made.
pub fn substitute(regex: &Regex, text: &str, with: &str, limit: usize) -> Result<(String, usize), String> {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let matches = all(regex, text, limit)?;
    // Python reads the replacement before it looks for something to replace.
    if let (true, Some(bad)) = (matches.is_empty(), bad_escape(with)) {
        return Err(format!("bad escape \\{bad}"));
    }
    for captures in &matches {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[copied..whole.start()]);
        expand(with, captures, &mut out)?;
        copied = whole.end();
    }
    out.push_str(&text[copied..]);
    Ok((out, matches.len()))
}

/// The letter behind the first backslash that means nothing in a replacement.
fn bad_escape(with: &str) -> Option<char> {
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        if let Some(letter) = escaped.filter(|l| l.is_ascii_alphabetic() && !"gntrabfv".contains(*l)) {
            return Some(letter);
        }
    }
    None
}

/// Python's replacement text: `\1`, `\g<1>`, `\g<name>`, `\n`.
pub fn expand(with: &str, captures: &Captures<'_, str>, out: &mut String) -> Result<(), String> {
    let mut chars = with.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('g') if chars.peek() == Some(&'<') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                let group = match name.parse::<usize>() {
                    Ok(n) if n < captures.len() => captures.get(n),
                    Ok(n) => return Err(format!("invalid group reference {n}")),
                    Err(_) => captures.name(&name),
                };
                out.push_str(group.map_or("", |m| m.as_str()));
            }
            Some(d @ '1'..='9') => {
                let mut n = d as usize - '0' as usize;
                if let Some(d) = chars.peek().and_then(|c| c.to_digit(10))
                    && n * 10 + (d as usize) < captures.len()
                {
                    n = n * 10 + d as usize;
                    chars.next();
                }
                if n >= captures.len() {
                    return Err(format!("invalid group reference {n}"));
                }
                out.push_str(captures.get(n).map_or("", |m| m.as_str()));
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('\\') | None => out.push('\\'),
            Some(other) if other.is_ascii_alphabetic() => return Err(format!("bad escape \\{other}")),
            Some(other) => out.extend(['\\', other]),
        }
    }
    Ok(())
}

/// `re.escape`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_reads_as_python() {
        let flags = Flags::default();
        let multi = Flags { multi_line: true, ..flags };
        let cases = [
            (r"^#?Port\s", flags, "#Port 22", true),
            (r"a$", flags, "a\n", true),
            (r"a\Z", flags, "a\n", false),
            (r"^b$", multi, "a\nb\nc", true),
            (r"^b$", flags, "a\nb\nc", false),
            (r"(?<!x)y", flags, "xy", false),
            (r"{{ x }}", flags, "a {{ x }}", true),
            (r"(a)\1", flags, "aa", true),
            (r"[[]x]", flags, "[x]", true),
            (r"(?P<n>a)(?P=n)", flags, "aa", true),
            (r"(?i)PORT", flags, "port", true),
        ];
        for (pattern, flags, text, expected) in cases {
            assert_eq!(found(&compile(pattern, flags).unwrap(), text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn replacements_take_groups() {
        let regex = compile(r"(?P<k>\w+)=(\w*)", Flags::default()).unwrap();
        assert_eq!(substitute(&regex, "a=1 b=", r"\2\g<k>;", 0).unwrap(), ("1a; b;".to_string(), 2));
        assert!(substitute(&regex, "a=1", r"\3", 0).is_err());
    }
}
