//! What is wrong with a YAML file, in the user's words.

use super::Node;
use crate::base::{Diag, FileId, Span};

/// The diagnostic for the parser's `info` at a byte offset.
pub(super) fn syntax(file: FileId, text: &str, at: usize, info: &str) -> Diag {
    let at = floor(text, at);
    let line = Line::around(text, at);
    if let Some(diag) = tab(file, text, &line, info) {
        return diag;
    }
    if info.contains("unexpected end of stream")
        || info.contains("indentation in quoted") && text[at..].starts_with(['"', '\''])
    {
        return Diag::error(
            "yaml-syntax",
            place(file, text, at),
            "the quote that opens here is never closed",
        );
    }
    if info.contains("recursion limit") {
        return Diag::error("yaml-too-deep", place(file, text, at), "too many brackets inside each other");
    }
    if info.contains("scanning an anchor") {
        return Diag::error("yaml-syntax", place(file, text, at), "a name is missing after this character")
            .hint("a value that begins with `*` or `&` needs quotes: \"*\"");
    }
    if info.contains("unknown anchor") {
        return Diag::error("yaml-syntax", place(file, text, at), "the alias names no anchor above it")
            .hint("a value that begins with `*` needs quotes: \"*\"");
    }
    // The fault is often on the line before the one where the parser gives up.
    let lines = [Some(line), line.before(text)];
    for line in lines.into_iter().flatten() {
        if let Some((from, to)) = bare_template(line.text) {
            let span = Span::new(file, line.start + from, line.start + to);
            let template = &line.text[from..to];
            return template_quotes(span, template);
        }
        if let Some((from, to)) = text_after_quote(line.text) {
            let span = Span::new(file, line.start + from, line.start + to);
            return Diag::error("yaml-syntax", span, "text after the closing quote")
                .hint("put the whole value into one pair of quotes, the other kind inside it");
        }
    }
    if let Some(open) = super::brackets::unclosed(text, at) {
        let message = format!("the `{}` that opens here is never closed", &text[open..open + 1]);
        return Diag::error("yaml-syntax", place(file, text, open), message);
    }
    let diag = Diag::error("yaml-syntax", place(file, text, at), words(info));
    match hint(&line, at, info) {
        Some(hint) => diag.hint(hint),
        None => diag,
    }
}

/// A mapping or list as a key: nearly always an unquoted `{{ }}`.
pub(super) fn key_is_collection(key: &Node, map: Span, text: &str) -> Diag {
    let whole = text.get(map.start as usize..map.end as usize).unwrap_or("");
    if whole.starts_with("{{") {
        let line = whole.lines().next().unwrap_or("").trim_end();
        let end = map.start + u32::try_from(line.len()).unwrap_or(0);
        return template_quotes(Span { end, ..map }, line);
    }
    Diag::error("yaml-key", key.span, format!("a key must be text, not {}", key.type_name()))
}

fn template_quotes(span: Span, template: &str) -> Diag {
    let quoted = template.replace('"', "'");
    let shown = if quoted.len() <= MAX_SHOWN { quoted.as_str() } else { "{{ … }}" };
    Diag::error("yaml-template-quotes", span, "a value that begins with `{{` needs quotes")
        .hint(format!("write \"{shown}\""))
}

/// Bytes of the user's text that a hint repeats, at most.
const MAX_SHOWN: usize = 100;

#[derive(Copy, Clone)]
struct Line<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n);
        Line { start, text: &text[start..end] }
    }

    fn before(&self, text: &'a str) -> Option<Self> {
        Some(Line::around(text, self.start.checked_sub(1)?))
    }
}

/// The parser's words, without its grammar where that says nothing to a user.
fn words(info: &str) -> String {
    let known = [
        ("mapping values are not allowed", "a second `: ` where no mapping can begin"),
        ("did not find expected key", "neither a key of this mapping nor its end"),
        ("did not find expected '-' indicator", "neither a `- ` of this list nor its end"),
        ("expected ',' or ']'", "a `,` or `]` is missing"),
        ("expected ',' or '}'", "a `,` or `}` is missing"),
        ("simple key expect", "a line that is neither `key: value` nor part of the value above"),
        ("simple key expected", "a line that is neither `key: value` nor part of the value above"),
        ("block sequence entries are not allowed", "a list cannot begin here"),
        ("unknown escape character", "an unknown `\\` escape in double quotes"),
        ("unexpected character", "a value cannot begin with this character"),
        ("invalid indentation", "the indentation fits neither the line above nor any before it"),
        ("wrongly indented line", "the line is indented less than the first line of its block"),
    ];
    let found = known.iter().find(|(theirs, _)| info.contains(theirs));
    found.map_or_else(|| format!("not YAML: {info}"), |(_, ours)| (*ours).to_string())
}

fn hint(line: &Line, at: usize, info: &str) -> Option<String> {
    let value = line.text.split_once(": ").map(|(_, v)| v.trim());
    if info.contains("mapping values are not allowed") {
        return Some(match value {
            Some(value) if value.len() > MAX_SHOWN => "put the value into quotes".into(),
            Some(value) if value.contains(": ") || value.ends_with(':') => {
                format!("put the value into quotes: '{}'", value.replace('\'', "''"))
            }
            _ => "does the line above end its value, and do both lines begin in the same column?".into(),
        });
    }
    if info.contains("unknown escape") {
        return Some("write `\\\\`, or use single quotes, in which a backslash is only a backslash".into());
    }
    if info.contains("unexpected character") {
        let bad = line.text.get(at - line.start..).and_then(|s| s.chars().next())?;
        return Some(format!("put a value that begins with `{bad}` into quotes"));
    }
    let indentation = ["expected key", "'-' indicator", "simple key", "sequence entries", "indent"];
    indentation
        .iter()
        .any(|part| info.contains(part))
        .then(|| "look at the indentation here and on the lines above".into())
}

/// A tab where blanks must be, on the line or the one before it.
fn tab(file: FileId, text: &str, line: &Line, info: &str) -> Option<Diag> {
    let lines = [Some(*line), line.before(text)];
    let found = lines.into_iter().flatten().find_map(|line| {
        let indent = line.text.find(|c: char| c != ' ' && c != '\t').unwrap_or(line.text.len());
        line.text[..indent].find('\t').map(|at| line.start + at)
    });
    let at = match found {
        Some(at) => at,
        None if info.contains("tab") || info.contains("valid YAML whitespace") => {
            line.start + line.text.find('\t')?
        }
        None => return None,
    };
    Some(
        Diag::error("yaml-tab", Span::new(file, at, at + 1), "a tab where YAML wants blanks")
            .hint("replace the tab"),
    )
}

/// `key: {{ x }} …` or `- {{ x }} …`: the range of the value.
fn bare_template(line: &str) -> Option<(usize, usize)> {
    let from = [": {{", "- {{"].iter().find_map(|open| line.find(open)).map(|at| at + 2).or_else(|| {
        let indent = line.len() - line.trim_start().len();
        line[indent..].starts_with("{{").then_some(indent)
    })?;
    let before = &line[..from];
    // Inside quotes or a comment it is something else.
    let quoted = before.matches('"').count() % 2 == 1 || before.matches('\'').count() % 2 == 1;
    (!quoted && !before.contains(" #")).then(|| (from, line.trim_end().len()))
}

/// `key: "a" b`: the range of ` b`.
fn text_after_quote(line: &str) -> Option<(usize, usize)> {
    let from = line.find(": ").map(|at| at + 2).or_else(|| line.find("- ").map(|at| at + 2))?;
    let quote = line[from..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let close = from + 1 + line[from + 1..].find(quote)?;
    let rest = line[close + 1..].trim_end();
    let after = rest.trim_start();
    let harmless =
        after.is_empty() || after.starts_with(['#', ':', ',', ']', '}']) || rest.starts_with(quote);
    (!harmless).then(|| (close + 1, close + 1 + rest.len()))
}

fn place(file: FileId, text: &str, at: usize) -> Span {
    let width = text[at..].chars().next().map_or(0, char::len_utf8);
    Span::new(file, at, at + width)
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}
