//! YAML with positions: a tree of nodes in which every value knows the bytes it came from.
//!
//! Scalars are read as Ansible reads them (YAML 1.1, PyYAML's rules), aliases and merge keys are expanded within
//! a bound, and what is wrong is reported with a hint rather than with the parser's words.

mod brackets;
mod explain;
mod lenient;
mod place;
mod read;
mod scalar;

use super::vault::Keyring;
use crate::base::{Diag, Diags, FileId, Key, List, Map, Secret, Sources, Span, Template, Value};
pub use saphyr_parser::ScalarStyle;
pub use scalar::resolve;
use std::path::Path;
use std::sync::Arc;

/// A value as it stands in a file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its scalar, elements or pairs.
    pub kind: NodeKind,
    /// As it is written; `!unsafe` holds for all that is inside, too.
    pub tag: Tag,
    /// The bytes of the value; quotes and a block scalar's `|` belong to it.
    pub span: Span,
}

/// What a node is. Aliases are resolved: an anchor's node stands wherever it is referred to.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// Text, a number, a bool or null.
    Scalar(Scalar),
    /// In the order of the file.
    Seq(Vec<Node>),
    /// Keys are scalars; each stands once; merge keys are expanded.
    Map(Vec<(Node, Node)>),
}

/// A scalar as it is written; its type follows from text and style.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Quotes and escapes resolved, folds and indents of a block scalar taken out.
    pub text: Arc<str>,
    /// Plain, quoted or block: only a plain one can be other than text.
    pub style: ScalarStyle,
    /// The text alone, without quotes; of a block scalar, from its first line on.
    pub content: Span,
}

/// The tags that the language knows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// None is written, or one that does not change the value.
    None,
    /// `!vault` and `!vault-encrypted`.
    Vault,
    /// `!unsafe`: never a template.
    Unsafe,
    /// `!!str` and `!`: text whatever it looks like.
    Str,
    /// `!!int`, `!!float`, `!!bool`, `!!null`: text read as if it were plain.
    Plain,
}

impl Node {
    /// The scalar; `None` for lists and mappings.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(s) => Some(s),
            _ => None,
        }
    }

    /// The text of a scalar that is a string (`yes`, `1` and `~` are not, unless quoted).
    pub fn as_str(&self) -> Option<&Arc<str>> {
        let scalar = self.scalar()?;
        match self.plain_value() {
            Some(Value::Str(_)) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The elements, in order; `None` for all else.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs in the order of the file; `None` for all else.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            NodeKind::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// A plain empty, `~` or `null`; a quoted one is text.
    pub fn is_null(&self) -> bool {
        matches!(self.plain_value(), Some(Value::Null))
    }

    /// The member of a map under a text key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(k, _)| k.scalar().is_some_and(|s| &*s.text == key)).map(|(_, v)| v)
    }

    /// The runtime value. Text with `{{`, `{%` or `{#` becomes a template, `!vault` text a secret.
    pub fn to_value(&self, keyring: &Keyring) -> Value {
        self.value(&Reading { keyring, secret: false }, false)
    }

    /// As [`Node::to_value`], for a file that was encrypted as a whole: its texts are secrets.
    pub fn to_secret_value(&self, keyring: &Keyring) -> Value {
        self.value(&Reading { keyring, secret: true }, false)
    }

    /// A map's key.
    pub fn to_key(&self) -> Key {
        match self.plain_value() {
            Some(Value::Null) => Key::Null,
            Some(Value::Bool(b)) => Key::Bool(b),
            Some(Value::Int(i)) => Key::Int(i),
            _ => Key::Str(self.scalar().map_or_else(|| "".into(), |s| Arc::clone(&s.text))),
        }
    }

    /// JSON as nodes that all stand at `span`.
    pub(super) fn from_json(json: &serde_json::Value, span: Span) -> Node {
        use serde_json::Value as J;
        let text = |text: &str, style| NodeKind::Scalar(Scalar { text: text.into(), style, content: span });
        let kind = match json {
            J::Array(items) => NodeKind::Seq(items.iter().map(|i| Node::from_json(i, span)).collect()),
            J::Object(map) => {
                let key = |k: &str| Node { kind: text(k, ScalarStyle::DoubleQuoted), tag: Tag::None, span };
                NodeKind::Map(map.iter().map(|(k, v)| (key(k), Node::from_json(v, span))).collect())
            }
            J::String(s) => text(s, ScalarStyle::DoubleQuoted),
            other => text(&other.to_string(), ScalarStyle::Plain),
        };
        Node { kind, tag: Tag::None, span }
    }

    /// `mapping`, `list`, `string` …, for messages.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Seq(_) => "a list",
            NodeKind::Map(_) => "a mapping",
            NodeKind::Scalar(_) => match self.plain_value() {
                Some(Value::Null) => "nothing",
                Some(Value::Bool(_)) => "a boolean",
                Some(Value::Int(_) | Value::Float(_)) => "a number",
                _ => "a string",
            },
        }
    }

    /// A scalar's value before templates and vaults are looked at.
    fn plain_value(&self) -> Option<Value> {
        let scalar = self.scalar()?;
        let plain = match self.tag {
            Tag::None => scalar.style == ScalarStyle::Plain,
            Tag::Plain => true,
            Tag::Vault | Tag::Unsafe | Tag::Str => false,
        };
        Some(if plain { resolve(&scalar.text) } else { Value::Str(Arc::clone(&scalar.text)) })
    }

    fn value(&self, reading: &Reading, inert: bool) -> Value {
        let inert = inert || self.tag == Tag::Unsafe;
        match &self.kind {
            NodeKind::Seq(items) => {
                Value::from(items.iter().map(|n| n.value(reading, inert)).collect::<List>())
            }
            NodeKind::Map(pairs) => {
                Value::from(pairs.iter().map(|(k, v)| (k.to_key(), v.value(reading, inert))).collect::<Map>())
            }
            NodeKind::Scalar(scalar) if self.tag == Tag::Vault => {
                Value::Secret(match reading.keyring.open_text(&scalar.text) {
                    Ok(plain) => Secret::new(plain),
                    Err(why) => Secret::locked(why.to_string()),
                })
            }
            NodeKind::Scalar(scalar) => match self.plain_value() {
                Some(Value::Str(text)) if !inert && is_template(&text) => {
                    Value::Template(Arc::new(Template { text, span: Some(scalar.content) }))
                }
                Some(Value::Str(text)) if reading.secret && !text.is_empty() => {
                    Value::Secret(Secret::new(&*text))
                }
                other => other.unwrap_or_default(),
            },
        }
    }
}

struct Reading<'a> {
    keyring: &'a Keyring,
    secret: bool,
}

/// Whether text has to go through the template engine.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Reads the one document of `file`. An empty one is null. `None`: the errors are in `diags`.
pub fn parse(file: FileId, text: &str, diags: &mut Diags) -> Option<Node> {
    read::document(file, text, diags)
}

/// Reads a file into `sources`: UTF-8, a byte order mark dropped.
pub fn read_text(path: &Path, sources: &Sources) -> Result<FileId, Diag> {
    if let Some(text) = sources.standing_in(path) {
        return Ok(sources.add(path, text));
    }
    let bytes = std::fs::read(path).map_err(|e| {
        Diag::error("cannot-read", None, format!("cannot read {}: {}", path.display(), io_words(&e)))
    })?;
    add_bytes(path, bytes, sources)
}

/// Puts a file's bytes into `sources` as text; an error tells where they are not UTF-8.
pub fn add_bytes(path: &Path, bytes: Vec<u8>, sources: &Sources) -> Result<FileId, Diag> {
    let bad = match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            return Ok(sources.add(path, text));
        }
        Err(bad) => bad,
    };
    let at = bad.utf8_error().valid_up_to();
    let byte = bad.as_bytes().get(at).copied().unwrap_or_default();
    // The text before the bad byte keeps its offsets; what follows is only for show, so a line of it is enough.
    let end = bad.as_bytes()[at..].iter().position(|b| *b == b'\n').map_or(bad.as_bytes().len(), |n| at + n);
    let shown = String::from_utf8_lossy(&bad.as_bytes()[..end.min(at + 200)]).into_owned();
    let file = sources.add(path, shown);
    let message = format!("byte {at} (0x{byte:02x}) is not UTF-8");
    Err(Diag::error("not-utf8", Span::new(file, at, at + '\u{fffd}'.len_utf8()), message)
        .hint("save the file as UTF-8; of Latin-1 text: `iconv -f latin1 -t utf8`"))
}

/// An input error without the operating system's number.
pub(crate) fn io_words(error: &std::io::Error) -> String {
    let words = error.to_string();
    match words.find(" (os error") {
        Some(end) => words[..end].to_lowercase(),
        None => words,
    }
}

#[cfg(test)]
mod tests;
