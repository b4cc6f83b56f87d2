//! Text becomes a program: minijinja's parser, our tree, a cache keyed by the text.

use super::error::{ErrorKind, EvalError, Res};
use super::ir::{Body, Program, Stmt};
use super::{Engine, lower};
use minijinja::machinery::{self, ast};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;
use std::sync::Arc;

/// How a template file is read and written: the template module's options of the same names.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateOptions {
    /// The line end behind a block's tag goes with it.
    pub trim_blocks: bool,
    /// Blanks in front of a block's tag go with it.
    pub lstrip_blocks: bool,
    /// What a line ends with in the result.
    pub newline_sequence: String,
    /// The line end at the file's end stays.
    pub keep_trailing_newline: bool,
    /// What stands around an expression.
    pub variable: (String, String),
    /// What stands around a statement.
    pub block: (String, String),
    /// What stands around a comment.
    pub comment: (String, String),
}

impl Default for TemplateOptions {
    fn default() -> Self {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        TemplateOptions {
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".into(),
            keep_trailing_newline: true,
            variable: pair("{{", "}}"),
            block: pair("{%", "%}"),
            comment: pair("{#", "#}"),
        }
    }
}

/// How a template's first line begins that says how the rest is read.
pub(crate) const HEADER: &str = "#jinja2:";

impl TemplateOptions {
    /// How templates in YAML values are read.
    pub(crate) fn inline() -> Self {
        TemplateOptions { keep_trailing_newline: false, ..TemplateOptions::default() }
    }

    fn syntax(&self) -> Res<SyntaxConfig> {
        let mut builder = SyntaxConfig::builder();
        builder
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            .keep_trailing_newline(self.keep_trailing_newline);
        let usual = TemplateOptions::default();
        if (&self.variable, &self.block, &self.comment) != (&usual.variable, &usual.block, &usual.comment) {
            builder
                .variable_delimiters(self.variable.0.clone(), self.variable.1.clone())
                .block_delimiters(self.block.0.clone(), self.block.1.clone())
                .comment_delimiters(self.comment.0.clone(), self.comment.1.clone());
        }
        builder
            .build()
            .map_err(|e| EvalError::new(ErrorKind::Syntax, format!("the delimiters do not work: {e}")))
    }

    /// Takes over what a first line `#jinja2: trim_blocks: false, …` says; gives the text after it.
    pub(crate) fn header<'t>(&mut self, text: &'t str) -> Res<&'t str> {
        let Some(rest) = text.strip_prefix(HEADER) else { return Ok(text) };
        let (line, body) = rest.split_once('\n').unwrap_or((rest, ""));
        for pair in line.split(',').filter(|p| !p.trim().is_empty()) {
            let (key, value) = pair.split_once(':').ok_or_else(|| {
                EvalError::new(ErrorKind::Syntax, format!("`{pair}` in the #jinja2 line is no `key: value`"))
            })?;
            let value = value.trim().trim_matches(['\'', '"']);
            let truth = || matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1");
            match key.trim() {
                "trim_blocks" => self.trim_blocks = truth(),
                "lstrip_blocks" => self.lstrip_blocks = truth(),
                "keep_trailing_newline" => self.keep_trailing_newline = truth(),
                "newline_sequence" => self.newline_sequence = value.replace("\\n", "\n").replace("\\r", "\r"),
                "variable_start_string" => self.variable.0 = value.to_owned(),
                "variable_end_string" => self.variable.1 = value.to_owned(),
                "block_start_string" => self.block.0 = value.to_owned(),
                "block_end_string" => self.block.1 = value.to_owned(),
                "comment_start_string" => self.comment.0 = value.to_owned(),
                "comment_end_string" => self.comment.1 = value.to_owned(),
                other => {
                    let message = format!("`{other}` in the #jinja2 line is not an option");
                    return Err(EvalError::new(ErrorKind::Syntax, message));
                }
            }
        }
        Ok(body)
    }
}

/// minijinja's finding as ours: what is wrong and where in the text.
pub(crate) fn syntax_error(error: &minijinja::Error, text: &str) -> Box<EvalError> {
    let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    let mut fail = EvalError::new(ErrorKind::Syntax, format!("syntax error in template: {detail}"));
    let at = error.range().map_or(0, |r| r.start.min(text.len()));
    (fail.line, fail.column) = line_column(text, at);
    fail
}

/// Line and column (from 1) of a byte offset.
pub(crate) fn line_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Blanks that are not ASCII (no-break spaces) separate words within tags, as for Jinja2; the parser knows only ASCII
/// ones. Each is replaced by as many blanks as it has bytes, so that places stay.
fn plain_spaces<'t>(text: &'t str, tags: &[&(String, String)], within: Option<&str>) -> Cow<'t, str> {
    let odd = |c: char| c.is_whitespace() && !c.is_ascii();
    if !text.contains(odd) {
        return text.into();
    }
    let (mut out, mut end, mut quote) = (String::with_capacity(text.len()), within, None);
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        match (end, quote) {
            (None, _) => end = tags.iter().find(|t| rest.starts_with(&t.0)).map(|t| t.1.as_str()),
            (Some(close), None) if rest.starts_with(close) => end = None,
            (Some(_), None) if matches!(c, '"' | '\'') => quote = Some(c),
            (Some(_), Some(open)) if c == open => quote = None,
            _ => {}
        }
        match end.is_some() && quote.is_none() && odd(c) {
            true => out.extend(std::iter::repeat_n(' ', c.len_utf8())),
            false => out.push(c),
        }
    }
    out.into()
}

/// The newline behind `{% raw %}` is the text's, as for Jinja2; the parser takes it unless there is a `+` in the tag. That
/// stands in for a blank where there is one.
fn raw_newlines<'t>(text: &'t str, (open, close): &(String, String)) -> Cow<'t, str> {
    let word_of = |inner: &'t str| inner.trim_start_matches(['-', '+']).trim_start();
    let (mut out, mut from) = (Cow::Borrowed(text), 0);
    while let Some(at) = text[from..].find(open.as_str()) {
        let inner = from + at + open.len();
        let Some(length) = text[inner..].find(close.as_str()) else { break };
        let tag = word_of(&text[inner..inner + length]);
        from = inner + length + close.len();
        if tag.trim_end_matches(['-', '+']).trim_end() != "raw" {
            continue;
        }
        if text[from..].trim_start_matches('\r').starts_with('\n') && !tag.ends_with(['-', '+']) {
            let end = inner + length + (out.len() - text.len());
            let blank = usize::from(tag.ends_with(|c: char| c.is_ascii_whitespace()));
            out.to_mut().replace_range(end - blank..end, "+");
        }
        // All up to its end is text.
        let is_end = |at: &usize| word_of(&text[*at + open.len()..]).starts_with("endraw");
        let ends = text[from..].match_indices(open.as_str()).map(|(at, _)| from + at);
        match { ends }.find(is_end) {
            Some(end) => from = end,
            None => break,
        }
    }
    out
}

/// Parses a template's text.
pub(crate) fn template(text: &str, options: &TemplateOptions, inline: bool) -> Res<Program> {
    let spaced = plain_spaces(text, &[&options.variable, &options.block], None);
    let spaced = raw_newlines(&spaced, &options.block);
    let text = spaced.as_ref();
    let tree = machinery::parse(text, "<template>", options.syntax()?).map_err(|e| syntax_error(&e, text))?;
    let ast::Stmt::Template(root) = &tree else {
        return Err(EvalError::new(ErrorKind::Syntax, "not a template"));
    };
    let cx = lower::Cx { text, literal_backslashes: inline, in_output: false };
    let mut body = lower::stmts(cx, &root.children)?;
    let single = body.len() == 1 && matches!(body[0], Stmt::Emit(_)) && !options.keep_trailing_newline;
    let body = match body.pop() {
        Some(Stmt::Emit(expr)) if single => Body::Native(expr),
        Some(last) => {
            body.push(last);
            Body::Text(body)
        }
        None => Body::Text(body),
    };
    let newlines = if inline { text.len() - text.trim_end_matches('\n').len() } else { 0 };
    let changes = super::mutate::may_change(text);
    Ok(Program { text: text.into(), body, newlines, changes })
}

/// Parses a bare expression.
pub(crate) fn expression(text: &str) -> Res<Program> {
    let spaced = plain_spaces(text, &[], Some("\0"));
    let text = spaced.as_ref();
    let cx = lower::Cx { text, literal_backslashes: false, in_output: false };
    let tree = machinery::parse_expr(text).map_err(|e| syntax_error(&e, text))?;
    let (body, changes) = (Body::Native(lower::expr(cx, &tree)?), super::mutate::may_change(text));
    Ok(Program { text: text.into(), body, newlines: 0, changes })
}

impl Engine {
    pub(crate) fn compiled_template(&self, text: &Arc<str>) -> Res<Arc<Program>> {
        let known = self.templates.read().unwrap_or_else(|e| e.into_inner()).get(text).cloned();
        if let Some(known) = known {
            return known.map_err(Box::new);
        }
        let made = template(text, &TemplateOptions::inline(), true).map(Arc::new).map_err(|e| *e);
        let mut cache = self.templates.write().unwrap_or_else(|e| e.into_inner());
        cache.entry(text.clone()).or_insert(made).clone().map_err(Box::new)
    }

    pub(crate) fn compiled_expression(&self, text: &str) -> Res<Arc<Program>> {
        let known = self.expressions.read().unwrap_or_else(|e| e.into_inner()).get(text).cloned();
        if let Some(known) = known {
            return known.map_err(Box::new);
        }
        let made = expression(text).map(Arc::new).map_err(|e| *e);
        let mut cache = self.expressions.write().unwrap_or_else(|e| e.into_inner());
        cache.entry(text.into()).or_insert(made).clone().map_err(Box::new)
    }
}
