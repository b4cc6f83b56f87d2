//! What to write instead, where the words of the parser do not say it.

use crate::base::diag::nearest;

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

/// A hint for a text that the template language cannot read.
pub(crate) fn hint(text: &str, bare: bool) -> Option<String> {
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
}
