//! `{{ … }}` in the texts of a template: Packer's functions, in Go's template language as far as templates use it.

mod parse;
mod words;

use super::model::field;
use parse::{Token, Word};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// What a text may refer to.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// User variables.
    pub user: HashMap<String, String>,
    /// User variables whose values are not known yet, while variables are themselves read.
    pub waiting: BTreeSet<String>,
    /// The builder's name and kind where they are known.
    pub build: Option<(String, String)>,
    /// A step of a build is read, not a builder: `.Name` is the builder's.
    pub step: bool,
    /// The template's folder.
    pub folder: String,
    /// The environment is read in `variables` only, as in Packer.
    pub env: bool,
    /// Variables that were asked for and that nobody declares: they are empty.
    pub undeclared: RefCell<Vec<String>>,
}

/// With what an error begins that is about a variable of [`Names::waiting`]; its name follows.
pub const WAITS: &str = "waits for ";

/// What a call gives: `if` takes a text for true that is not empty, whatever it says.
#[derive(Clone)]
enum Got {
    Text(String),
    Truth(bool),
}

impl Got {
    fn text(self) -> String {
        match self {
            Got::Text(text) => text,
            Got::Truth(truth) => truth.to_string(),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Got::Text(text) => !text.is_empty(),
            Got::Truth(truth) => *truth,
        }
    }
}

/// A text with its functions carried out. Fields of the build (`.SourceAMI`) stay, marked.
pub fn text(source: &str, names: &Names) -> Result<String, String> {
    let tokens = parse::tokens(source)?;
    let mut out = String::new();
    let mut at = 0;
    while at < tokens.len() {
        at = block(&tokens, at, Some(&mut out), names)?;
        if at < tokens.len() {
            return Err(format!("`{{{{{}}}}}` without `{{{{if …}}}}` in `{source}`", tokens[at].code()));
        }
    }
    Ok(out)
}

/// Writes what stands from `at` on, to the end or the `else` or `end` that is not its own; its place. Without `out`
/// nothing is carried out.
fn block(
    tokens: &[Token],
    mut at: usize,
    mut out: Option<&mut String>,
    names: &Names,
) -> Result<usize, String> {
    while let Some(token) = tokens.get(at) {
        let code = token.code();
        let word = code.split_whitespace().next().unwrap_or_default();
        match token {
            Token::Text(text) => out.iter_mut().for_each(|out| out.push_str(text)),
            Token::Code(_) if word == "else" || word == "end" => return Ok(at),
            Token::Code(_) if word == "if" => {
                at = choice(tokens, at, out.as_deref_mut(), names)?;
                continue;
            }
            Token::Code(code) => {
                if let Some(out) = out.as_deref_mut() {
                    out.push_str(&pipeline(code, names)?.text());
                }
            }
        }
        at += 1;
    }
    Ok(at)
}

/// `if`, any number of `else if`, `else`, `end`: the first that is true is written. The place after it.
fn choice(
    tokens: &[Token],
    mut at: usize,
    mut out: Option<&mut String>,
    names: &Names,
) -> Result<usize, String> {
    let mut chosen = false;
    loop {
        let code = tokens[at].code().trim_start_matches("else").trim();
        let now = match (out.is_some() && !chosen, code.strip_prefix("if")) {
            (false, _) => false,
            (true, Some(condition)) => pipeline(condition, names)?.truth(),
            (true, None) => true,
        };
        chosen |= now;
        at = block(tokens, at + 1, if now { out.as_deref_mut() } else { None }, names)?;
        match tokens.get(at).map(Token::code) {
            None => return Err("`{{if …}}` without `{{end}}`".into()),
            Some("end") => return Ok(at + 1),
            Some(_) => {}
        }
    }
}

fn pipeline(code: &str, names: &Names) -> Result<Got, String> {
    run(parse::pipeline(code)?, code, names)
}

/// `a | b x | c`: each call gets what the one before it gave as its last argument.
fn run(calls: Vec<Vec<Word>>, code: &str, names: &Names) -> Result<Got, String> {
    let mut piped: Option<Got> = None;
    for call in calls {
        let mut words = call.into_iter();
        let Some(first) = words.next() else {
            return Err(format!("an empty call in `{{{{{code}}}}}`"));
        };
        let mut given = Vec::new();
        for word in words {
            given.push(value(word, code, names)?);
        }
        given.extend(piped.take());
        piped = Some(match first {
            Word::Name(name) => call_of(&name, given, names)?,
            other if given.is_empty() => value(other, code, names)?,
            _ => return Err(format!("`{code}`: a text is no function")),
        });
    }
    piped.ok_or_else(|| "`{{}}` is empty".to_string())
}

fn value(word: Word, code: &str, names: &Names) -> Result<Got, String> {
    match (word, &names.build) {
        (Word::Text(text), _) => Ok(Got::Text(text)),
        (Word::Field(name), Some(build)) if names.step && ["Name", "BuildName"].contains(&&*name) => {
            Ok(Got::Text(build.0.clone()))
        }
        (Word::Field(name), Some(build)) if names.step && name == "BuilderType" => {
            Ok(Got::Text(build.1.clone()))
        }
        (Word::Field(name), _) => Ok(Got::Text(field(&name))),
        (Word::Name(name), _) => call_of(&name, Vec::new(), names),
        (Word::Call(calls), _) => run(calls, code, names),
    }
}

fn call_of(name: &str, given: Vec<Got>, names: &Names) -> Result<Got, String> {
    let all = || given.iter().cloned().map(Got::text).collect::<Vec<_>>();
    let two = || match all().as_slice() {
        [first, others @ ..] if !others.is_empty() => Ok(others.contains(first)),
        _ => Err(format!("`{name}` compares two texts")),
    };
    let unknown = all().iter().any(|text| text.contains(super::model::FIELD.0));
    match name {
        "eq" | "ne" | "not" | "and" | "or" if unknown => {
            Err(format!("`{name}`: what only the build knows cannot be asked for"))
        }
        "eq" => Ok(Got::Truth(two()?)),
        "ne" => Ok(Got::Truth(!two()?)),
        "not" => Ok(Got::Truth(!given.first().is_some_and(Got::truth))),
        // As in Go: the argument that decides it.
        "and" => given.iter().find(|g| !g.truth()).or(given.last()).cloned().ok_or("`and` of nothing".into()),
        "or" => given.iter().find(|g| g.truth()).or(given.last()).cloned().ok_or("`or` of nothing".into()),
        "true" | "false" if given.is_empty() => Ok(Got::Truth(name == "true")),
        _ => words::function(name, &all(), names).map(Got::Text),
    }
}

#[cfg(test)]
mod tests;
