//! The runtime value: what YAML, facts, results and expressions all speak.

use super::Span;
use indexmap::{Equivalent, IndexMap};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A value of the language. Cloning is cheap: lists, maps and strings are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// YAML's null, Python's `None`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; larger ones are floats.
    Int(i64),
    /// Any other number, infinities and NaN too.
    Float(f64),
    /// Final text. Never templated again, whatever it contains (facts, results, `!unsafe`).
    Str(Arc<str>),
    /// Elements of any kind.
    List(Arc<List>),
    /// Pairs, in order.
    Map(Arc<Map>),
    /// Text from a file of the user's that holds `{{` or `{%`, not yet evaluated.
    Template(Arc<Template>),
    /// Text that must never be shown: vault values, private prompts, passwords.
    Secret(Secret),
    /// A value that only an effect not yet made could tell (plans on a bare host); says why.
    Unknown(Arc<str>),
    /// Ansible's `omit`: the argument that gets it is dropped.
    Omit,
}

/// A list as YAML and Jinja have it: elements of any kind.
pub type List = Vec<Value>;
/// A dictionary, in the order in which its keys were first set.
pub type Map = IndexMap<Key, Value>;

/// A map's key. Look-ups take `&str`: `map.get("name")`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// YAML's null.
    Null,
    /// `true` or `false`; not the same as `1` or `0`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Final text; keys are never templates.
    Str(Arc<str>),
}

/// Template text with its place, so that an error in it can be shown where it was written.
#[derive(Clone, Debug)]
pub struct Template {
    /// As written, with its braces.
    pub text: Arc<str>,
    /// `None` where no file has it, e.g. `-e`.
    pub span: Option<Span>,
}

/// Secret text, or why it cannot be read (no vault password fits).
#[derive(Clone, PartialEq)]
pub struct Secret(Arc<Result<String, String>>);

impl Secret {
    /// A secret in plain text. It is shown as [`HIDDEN`] wherever a value is printed.
    pub fn new(plain: impl Into<String>) -> Self {
        Secret(Arc::new(Ok(plain.into())))
    }

    /// A secret that cannot be opened; whoever uses it gets `why` as the error.
    pub fn locked(why: impl Into<String>) -> Self {
        Secret(Arc::new(Err(why.into())))
    }

    /// The plain text, for where it is really used.
    ///
    /// # Errors
    /// Why it cannot be opened, in a user's words: no vault password fits.
    pub fn reveal(&self) -> Result<&str, &str> {
        match &*self.0 {
            Ok(plain) => Ok(plain),
            Err(why) => Err(why),
        }
    }
}

/// What stands in any output in a secret's place.
pub const HIDDEN: &str = "********";

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Key {
    /// The text; `None` for a key that is a number, a bool or null.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Key::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The key as a value of the same type: `1` stays a number.
    pub fn to_value(&self) -> Value {
        match self {
            Key::Null => Value::Null,
            Key::Bool(b) => Value::Bool(*b),
            Key::Int(i) => Value::Int(*i),
            Key::Str(s) => Value::Str(Arc::clone(s)),
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Key::Null => 0u8.hash(state),
            Key::Bool(b) => b.hash(state),
            Key::Int(i) => i.hash(state),
            Key::Str(s) => s.hash(state),
        }
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_str() == Some(self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Null => f.write_str("None"),
            Key::Bool(b) => f.write_str(if *b { "True" } else { "False" }),
            Key::Int(i) => write!(f, "{i}"),
            Key::Str(s) => f.write_str(s),
        }
    }
}

impl From<&str> for Key {
    fn from(s: &str) -> Self {
        Key::Str(s.into())
    }
}

impl From<String> for Key {
    fn from(s: String) -> Self {
        Key::Str(s.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(s: Arc<str>) -> Self {
        Key::Str(s)
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(v: $from) -> Self {
                let make: fn($from) -> Value = $make;
                make(v)
            }
        }
    )*};
}

value_from! {
    bool => Value::Bool,
    i64 => Value::Int,
    i32 => |v| Value::Int(v.into()),
    u32 => |v| Value::Int(v.into()),
    usize => |v| Value::Int(i64::try_from(v).unwrap_or(i64::MAX)),
    u64 => |v| Value::Int(i64::try_from(v).unwrap_or(i64::MAX)),
    f64 => Value::Float,
    &str => |v| Value::Str(v.into()),
    String => |v| Value::Str(v.into()),
    Arc<str> => Value::Str,
    List => |v| Value::List(Arc::new(v)),
    Map => |v| Value::Map(Arc::new(v)),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

impl<K: Into<Key>, V: Into<Value>> FromIterator<(K, V)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        Value::from(iter.into_iter().map(|(k, v)| (k.into(), v.into())).collect::<Map>())
    }
}

impl Value {
    /// The text of a string alone: `None` for secrets, numbers and templates not rendered yet.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The elements; `None` for all but lists, unknown values among them.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(l) => Some(l),
            _ => None,
        }
    }

    /// The pairs; `None` for all but dictionaries, unknown values among them.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(m) => Some(m),
            _ => None,
        }
    }

    /// YAML's null alone: an unknown or omitted value is not null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The member of a map under a string key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// Python's name of the value's type, as Ansible's messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) | Value::Template(_) | Value::Secret(_) => "str",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Unknown(_) => "unknown",
            Value::Omit => "omit",
        }
    }

    /// Python's truth of the value; `None` where it is unknown or a template.
    pub fn truth(&self) -> Option<bool> {
        Some(match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Int(i) => *i != 0,
            Value::Float(f) => *f != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::List(l) => !l.is_empty(),
            Value::Map(m) => !m.is_empty(),
            Value::Secret(s) => s.reveal().is_ok_and(|s| !s.is_empty()),
            Value::Omit => true,
            Value::Template(_) | Value::Unknown(_) => return None,
        })
    }

    /// As JSON for data outputs and the wire. Secrets are hidden, keys become text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Null => J::Null,
            Value::Bool(b) => J::Bool(*b),
            Value::Int(i) => J::from(*i),
            Value::Float(f) => serde_json::Number::from_f64(*f).map_or(J::Null, J::Number),
            Value::Str(s) => J::String(s.to_string()),
            Value::List(l) => J::Array(l.iter().map(Value::to_json).collect()),
            Value::Map(m) => J::Object(m.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect()),
            Value::Template(t) => J::String(t.text.to_string()),
            Value::Secret(_) => J::String(HIDDEN.into()),
            Value::Unknown(why) => J::String(format!("(known after: {why})")),
            Value::Omit => J::Null,
        }
    }

    /// The same value without positions or templates: text is text, whatever braces it holds. A whole number
    /// that does not fit is its digits as text, and beyond 64 bits without a sign a float.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as J;
        match json {
            J::Null => Value::Null,
            J::Bool(b) => Value::Bool(*b),
            J::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Value::Int(i),
                (None, Some(large)) => large.to_string().into(),
                (None, None) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            J::String(s) => Value::from(s.as_str()),
            J::Array(a) => Value::from(a.iter().map(Value::from_json).collect::<List>()),
            J::Object(o) => o.iter().map(|(k, v)| (k.as_str(), Value::from_json(v))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_looked_up_by_text_and_keep_other_keys() {
        let mut map = Map::new();
        map.insert(Key::Int(80), "http".into());
        map.insert("name".into(), "web".into());
        let value = Value::from(map);
        assert_eq!(value.get("name"), Some(&"web".into()));
        assert_eq!(value.get("80"), None, "80 the number is not \"80\" the text");
        assert_eq!(value.to_json().to_string(), r#"{"80":"http","name":"web"}"#);
    }

    #[test]
    fn secrets_show_in_no_format() {
        let value = Value::Secret(Secret::new("hunter2"));
        assert_eq!(format!("{value:?}{}", value.to_json()), "Secret(********)\"********\"");
    }
}
