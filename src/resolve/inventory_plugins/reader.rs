//! Reads the options of a plugin's file.

use crate::base::{Diag, Diags, Severity, Span, Value};
use crate::eval::{Engine, MapScope};
use crate::spec::to_text;
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::Node;

/// A plugin's file, and what is found about it.
pub struct Reader<'a> {
    pub root: &'a Node,
    pub keyring: &'a Keyring,
    pub engine: &'a Engine,
    pub diags: &'a mut Diags,
}

/// The options that a plugin has.
pub struct Known<'a> {
    pub names: &'a [&'a str],
    /// Accepted, without an effect here; a notice says so.
    pub without_effect: &'a [&'a str],
    /// What cannot be done, and what to do instead.
    pub refused: &'a [(&'a str, &'a str)],
}

impl<'a> Reader<'a> {
    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diags.push(Diag::error("inventory-plugin", span, message));
    }

    /// An option's value, with lookups carried out.
    pub fn value(&mut self, node: &Node) -> Value {
        match self.engine.evaluate(&node.to_value(self.keyring), &MapScope::default()) {
            Ok(value) => value,
            Err(error) => {
                self.error(node.span, error.to_string());
                Value::Null
            }
        }
    }

    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        let node = names.iter().find_map(|name| self.root.get(name))?;
        let text = match self.value(node) {
            Value::Secret(secret) => secret.reveal().ok().map(str::to_string),
            other => Some(to_text(&other)),
        };
        text.filter(|text| !text.is_empty())
    }

    pub fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(node) = self.root.get(name) else { return Vec::new() };
        match self.value(node) {
            Value::Null => Vec::new(),
            Value::List(list) => list.iter().map(to_text).collect(),
            Value::Str(text) => text.split(',').map(|t| t.trim().to_string()).collect(),
            _ => {
                self.error(node.span, format!("`{name}` wants a list, not {}", node.type_name()));
                Vec::new()
            }
        }
    }

    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(node) = self.root.get(name) else { return default };
        match self.value(node) {
            Value::Bool(flag) => flag,
            _ => {
                self.error(node.span, format!("`{name}` wants yes or no"));
                default
            }
        }
    }

    /// Names with expressions.
    pub fn expressions(&mut self, name: &str) -> Vec<(String, Value, Span)> {
        let Some(node) = self.given(name) else { return Vec::new() };
        let Some(pairs) = node.as_map() else {
            self.error(node.span, format!("`{name}` wants a mapping, not {}", node.type_name()));
            return Vec::new();
        };
        let text = |key: &Node| to_text(&key.to_value(self.keyring));
        pairs.iter().map(|(k, v)| (text(k), v.to_value(self.keyring), v.span)).collect()
    }

    /// Where the plugin is named.
    pub fn place(&self) -> Span {
        self.root.get("plugin").map_or(self.root.span, |p| p.span)
    }

    /// An option that is given, and not as null.
    pub fn given(&self, name: &str) -> Option<&'a Node> {
        self.root.get(name).filter(|n| !n.is_null())
    }

    /// The entries of a list.
    pub fn items(&mut self, name: &str) -> &'a [Node] {
        let Some(node) = self.given(name) else { return &[] };
        node.as_seq().unwrap_or_else(|| {
            self.error(node.span, format!("`{name}` wants a list, not {}", node.type_name()));
            &[]
        })
    }

    /// What `read` makes of the options; `None` where one is unknown or wrong.
    pub fn sound<T>(&mut self, known: &Known<'_>, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let errors = |reader: &Self| reader.diags.iter().filter(|d| d.severity == Severity::Error).count();
        let before = errors(self);
        self.names(known);
        let options = read(self);
        (errors(self) == before).then_some(options)
    }

    /// Every option is known; whether all can be done.
    fn names(&mut self, known: &Known<'_>) {
        for (key, _) in self.root.as_map().unwrap_or_default() {
            let name = to_text(&key.to_value(self.keyring));
            if let Some((_, hint)) = known.refused.iter().find(|(refused, _)| *refused == name) {
                let diag = Diag::error("inventory-plugin", key.span, format!("`{name}` is not supported"));
                self.diags.push(diag.hint(*hint));
            } else if known.without_effect.contains(&name.as_str()) {
                let message = format!("`{name}` has no effect here");
                self.diags.push(Diag::warning("inventory-plugin", key.span, message));
            } else if !known.names.contains(&name.as_str()) {
                let message = format!("the plugin has no option `{name}`");
                let diag = Diag::error("inventory-plugin", key.span, message);
                self.diags.push(diag.did_you_mean(&name, known.names.iter().copied()));
            }
        }
    }
}
