//! What can go wrong in an expression, in a user's words, with its place.

use crate::base::Span;
use std::fmt;
use std::sync::Arc;

/// The kind of an evaluation's failure.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorKind {
    /// A name or attribute that nothing defines; holds it as written.
    Undefined(String),
    /// The text is no template or expression.
    Syntax,
    /// A value of the wrong type or content for what is done with it.
    Type,
    /// A lookup failed (missing file, failed command).
    Lookup,
    /// Variables that are defined by each other, or nested too deeply.
    Recursion,
    /// A vault value that no password opens.
    Locked,
    /// `mandatory` was not satisfied.
    Mandatory,
    /// A file to include, import or extend that cannot be read.
    File,
    /// Not a failure: the result depends on an effect not yet made; becomes `Value::Unknown`.
    Unknown(Arc<str>),
}

/// A failure of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalError {
    /// What went wrong, for code that goes on from it.
    pub kind: ErrorKind,
    /// In a user's words, without the place.
    pub message: String,
    /// The place in the user's files, where it is known.
    pub span: Option<Span>,
    /// Line and column (from 1) inside the template's own text.
    pub line: u32,
    /// From 1; of no use where `line` is 0.
    pub column: u32,
    /// The template file (for included files and the template module).
    pub file: Option<Arc<str>>,
}

pub(crate) type Fail = Box<EvalError>;
pub(crate) type Res<T> = Result<T, Fail>;

impl EvalError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Fail {
        Box::new(EvalError { kind, message: message.into(), span: None, line: 0, column: 0, file: None })
    }

    /// True when the failure is that something is not defined.
    pub fn is_undefined(&self) -> bool {
        matches!(self.kind, ErrorKind::Undefined(_))
    }
}

/// A failure about a value's type or content.
pub(crate) fn wrong(message: impl Into<String>) -> Fail {
    EvalError::new(ErrorKind::Type, message)
}

/// A failure of a lookup.
pub(crate) fn lookup_failed(message: impl Into<String>) -> Fail {
    EvalError::new(ErrorKind::Lookup, message)
}

/// What stands for the missing `else` of an inline `if`: it is undefined, but prints as nothing.
pub(crate) const NO_ELSE: &str = "if";

/// What an undefined value comes to where it is used: an error, but for a missing `else`.
pub(crate) fn of_undefined(error: &EvalError) -> Result<crate::base::Value, Fail> {
    match &error.kind {
        ErrorKind::Undefined(name) if name == NO_ELSE => Ok("".into()),
        _ => Err(Box::new(error.clone())),
    }
}

/// Something is not defined.
pub(crate) fn undefined(name: &str, message: impl Into<String>) -> Fail {
    EvalError::new(ErrorKind::Undefined(name.to_owned()), message)
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.file {
            Some(file) if self.line > 0 => write!(f, " ({file}:{}:{})", self.line, self.column),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for EvalError {}
