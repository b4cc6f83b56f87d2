//! What every layer may use: source positions, diagnostics, and the runtime value.

#[cfg(test)]
pub mod busy;
pub mod diag;
pub mod maker;
pub mod mask;
pub mod pyjson;
pub mod pyregex;
pub mod pyrepr;
pub mod source;
pub mod value;
pub mod words;

pub use diag::{Diag, Diags, Severity};
pub use pyrepr::PyRepr;
pub use source::{FileId, SourceFile, Sources, Span};
pub use value::{HIDDEN, Key, List, Map, Secret, Template, Value};
