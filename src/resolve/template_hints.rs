//! What to write instead, where the words of the parser do not say it.

use crate::base::diag::nearest;
use crate::base::{Diag, Span};
use crate::eval::EvalError;

/// Words that begin a block's tag.
const TAGS: [&str; 28] = [
    "autoescape",
    "block",
    "break",
    "call",
    "continue",
    "do",
    "elif",
    "else",
    "endautoescape",
    "endblock",
    "endcall",
    "endfilter",
    "endfor",
    "endif",
    "endmacro",
    "endraw",
    "endset",
    "endwith",
    "extends",
    "filter",
    "for",
    "from",
    "if",
    "import",
    "include",
    "macro",
    "set",
    "with",
];

/// What a block's tag begins and another ends.
const BLOCKS: [&str; 8] = ["autoescape", "block", "call", "filter", "for", "if", "macro", "with"];

/// Words between two conditions; another word there is one of them misspelt.
const BETWEEN: [&str; 5] = ["and", "else", "if", "in", "or"];

/// The finding for a text that the template language cannot read.
pub(crate) fn unreadable(place: Span, text: &str, bare: bool, why: &EvalError) -> Diag {
    let what = if bare { "expression" } else { "template" };
    let words = why.message.strip_prefix("syntax error in template: ").unwrap_or(&why.message);
    let diag = Diag::error("template-syntax", place, format!("the {what} cannot be read: {words}"));
    let line = text.lines().nth((why.line as usize).saturating_sub(1)).unwrap_or_default();
    let rest: String = line.chars().skip((why.column as usize).saturating_sub(1)).collect();
    hint(text, bare).or_else(|| unfinished(text, bare, words, &rest)).into_iter().fold(diag, Diag::hint)
}

/// A hint that follows from what the parser met, and what stands there.
fn unfinished(text: &str, bare: bool, words: &str, rest: &str) -> Option<String> {
    if !bare && text.rsplit("{{").next().is_some_and(|last| text.contains("{{") && !last.contains("}}")) {
        return Some("what `{{` opens, `}}` closes".into());
    }
    if !bare && words.starts_with("unexpected end of input") {
        return open_block(text).map(|tag| format!("`{{% {tag} … %}}` wants an `{{% end{tag} %}}`"));
    }
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let after = words.starts_with("unexpected input after") || words.starts_with("unexpected identifier");
    let right = nearest(&word, BETWEEN).filter(|_| after && word.len() > 1)?;
    Some(format!("did you mean `{right}`?"))
}

/// The last block that is begun and not ended.
fn open_block(text: &str) -> Option<&str> {
    let mut open = Vec::new();
    for word in tags(text).filter_map(|words| words.split_whitespace().next()) {
        if BLOCKS.contains(&word) {
            open.push(word);
        } else if word.starts_with("end") {
            open.pop();
        }
    }
    open.pop()
}

/// A hint for a text that the template language cannot read.
fn hint(text: &str, bare: bool) -> Option<String> {
    if !bare && nested(text) {
        return Some("braces do not stand inside braces: a variable is named as it is".into());
    }
    if bare && text.contains("{{") {
        return Some("this is an expression already: write it without braces".into());
    }
    if !bare && tags(text).any(|words| words.starts_with("else if")) {
        return Some("write `{% elif … %}`".into());
    }
    let unknown = tags(text).filter_map(|words| words.split_whitespace().next()).find(|w| !TAGS.contains(w));
    if let Some(word) = unknown.filter(|_| !bare) {
        return nearest(word, TAGS).map(|right| format!("did you mean `{right}`?"));
    }
    (bare && single_equals(text)).then(|| "`==` compares".into())
}

/// The words of each `{% … %}`.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split("{%").skip(1).map(|rest| {
        let words = rest.split("%}").next().unwrap_or(rest);
        words.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace())
    })
}

fn nested(text: &str) -> bool {
    text.split("{{").skip(1).any(|inside| !inside.contains("}}")) && text.matches("{{").count() > 1
}

/// Whether there is a `=` of its own, outside of brackets (where it names an argument) and quotes.
fn single_equals(text: &str) -> bool {
    let (mut depth, mut quote, mut before) = (0usize, None, ' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '=') if depth == 0 => {
                let alone = !matches!(before, '=' | '!' | '<' | '>') && chars.peek() != Some(&'=');
                if alone {
                    return true;
                }
            }
            _ => {}
        }
        before = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_say_what_to_write() {
        let cases = [
            ("x = 5", true, Some("`==` compares")),
            ("x == 'a=b' and f(y=1)", true, None),
            ("{{ x }} == 1", true, Some("this is an expression already: write it without braces")),
            ("{% if a %}b{% else if c %}d{% endif %}", false, Some("write `{% elif … %}`")),
            ("{% for a in b %}{% endfro %}", false, Some("did you mean `endfor`?")),
            ("{{ {{ a }} }}", false, Some("braces do not stand inside braces: a variable is named as it is")),
            ("{{ a }} {{ b + }}", false, None),
        ];
        for (text, bare, expected) in cases {
            assert_eq!(hint(text, bare).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_finished_is_told() {
        let (end, after) = ("unexpected end of input, expected …", "unexpected input after expression");
        let cases = [
            ("{{ a ", false, end, "", Some("what `{{` opens, `}}` closes")),
            (
                "{{ a }",
                false,
                "unexpected `}`, expected end of variable block",
                "}",
                Some("what `{{` opens, `}}` closes"),
            ),
            (
                "{% for a in b %}{% if a %}x{% endif %}",
                false,
                end,
                "",
                Some("`{% for … %}` wants an `{% endfor %}`"),
            ),
            ("a andd b", true, after, "andd b", Some("did you mean `and`?")),
            ("a b", true, after, "b", None),
        ];
        for (text, bare, words, rest, expected) in cases {
            assert_eq!(unfinished(text, bare, words, rest).as_deref(), expected, "{text}");
        }
    }
}
