//! A command line taken apart as Python's `shlex.split` does it: nothing is expanded, and `#` begins no comment.

/// A quote that is never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quote is not closed")]
pub struct Unclosed;

/// The words of a line. A backslash before the end of a line joins it with the next.
///
/// # Errors
/// A quote is not closed.
pub fn split(line: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => match chars.next() {
                Some('\n') => {}
                next => word.get_or_insert_default().push(next.unwrap_or('\\')),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or(Unclosed)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => quoted(&mut chars, word.get_or_insert_default())?,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Up to the closing `"`; a backslash counts before that and before another one.
fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), Unclosed> {
    loop {
        match chars.next().ok_or(Unclosed)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(Unclosed)? {
                '\n' => {}
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Unclosed, split};

    #[test]
    fn lines_are_taken_apart_as_python_does_it() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  a\tb \n c ", &["a", "b", "c"]),
            ("echo #a # b", &["echo", "#a", "#", "b"]),
            ("a'b c'd \"e f\" '' \"\"", &["ab cd", "e f", "", ""]),
            (r#"a\ b "c\"d" "\$x" '\n' \$y"#, &["a b", "c\"d", r"\$x", r"\n", "$y"]),
            ("a \\\n  b \"c\\\nd\"", &["a", "b", "cd"]),
            ("end\\", &["end\\"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), *words, "{line}");
        }
        for line in ["'a", "\"a", "\"a\\", "a\"b'"] {
            assert_eq!(split(line), Err(Unclosed), "{line}");
        }
    }
}
