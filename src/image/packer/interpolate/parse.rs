//! Texts and calls of Go's template language.

pub enum Token {
    Text(String),
    /// What stands between `{{` and `}}`.
    Code(String),
}

impl Token {
    /// Empty for a text.
    pub fn code(&self) -> &str {
        match self {
            Token::Text(_) => "",
            Token::Code(code) => code,
        }
    }
}

pub enum Word {
    Name(String),
    Text(String),
    Field(String),
    /// In parentheses.
    Call(Vec<Vec<Word>>),
}

/// A text in its parts; blanks beside `{{-` and `-}}` are gone.
pub fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut rest = source;
    while let Some(begin) = rest.find("{{") {
        let inner = &rest[begin + 2..];
        let end = end_of(inner).ok_or_else(|| format!("`{{{{` without `}}}}` in `{source}`"))?;
        let (mut code, mut after, mut before) = (&inner[..end], &inner[end + 2..], &rest[..begin]);
        if let Some(trimmed) = code.strip_prefix("- ") {
            before = before.trim_end();
            code = trimmed;
        }
        if let Some(trimmed) = code.strip_suffix(" -") {
            after = after.trim_start();
            code = trimmed;
        }
        all.push(Token::Text(before.to_string()));
        all.push(Token::Code(code.trim().to_string()));
        rest = after;
    }
    all.push(Token::Text(rest.to_string()));
    Ok(all)
}

/// Where the `}}` is that is in no string.
fn end_of(code: &str) -> Option<usize> {
    let mut quote = None;
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(b'"'), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'`' | b'"') => quote = Some(bytes[at]),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The words of each call of a pipeline.
pub fn pipeline(code: &str) -> Result<Vec<Vec<Word>>, String> {
    let (calls, rest) = calls(code)?;
    if rest.is_empty() { Ok(calls) } else { Err(format!("`{code}`: a `)` without `(`")) }
}

/// The calls up to the end or a `)` that is not theirs, and the rest from there on.
fn calls(code: &str) -> Result<(Vec<Vec<Word>>, &str), String> {
    let mut all = vec![Vec::new()];
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '|' => {
                all.push(Vec::new());
                rest = rest[1..].trim_start();
                continue;
            }
            ')' => break,
            '(' => {
                let (inner, after) = calls(&rest[1..])?;
                (Word::Call(inner), after.strip_prefix(')').ok_or("a ( is not closed")?)
            }
            '`' => {
                let end = rest[1..].find('`').ok_or("a ` is not closed")?;
                (Word::Text(rest[1..=end].to_string()), &rest[end + 2..])
            }
            '"' => quoted(rest)?,
            _ => bare(rest),
        };
        if let Some(call) = all.last_mut() {
            call.push(word);
        }
        rest = after.trim_start();
    }
    Ok((all, rest))
}

/// A name, a field or a number.
fn bare(rest: &str) -> (Word, &str) {
    let ends = |c: char| c.is_whitespace() || "|()".contains(c);
    let end = rest.find(ends).unwrap_or(rest.len());
    let name = &rest[..end];
    let word = match name.strip_prefix('.') {
        Some(field) => Word::Field(field.to_string()),
        None if name.parse::<f64>().is_ok() => Word::Text(name.to_string()),
        None => Word::Name(name.to_string()),
    };
    (word, &rest[end..])
}

fn quoted(rest: &str) -> Result<(Word, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(text), &rest[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    Err("a \" is not closed".into())
}
