//! `compose`, `groups` and `keyed_groups`: variables and groups made of a host's variables.

use super::reader::Reader;
use crate::base::{Diag, Diags, Key, Map, Span, Value};
use crate::eval::{Engine, MapScope, Truth};
use crate::spec::to_text;
use crate::syntax::inventory::{HostId, Inventory};
use std::sync::Arc;

/// What is common to the plugins that make groups.
pub struct Composed {
    pub compose: Vec<(String, Value, Span)>,
    pub groups: Vec<(String, Value, Span)>,
    pub keyed_groups: Vec<(Map, Span)>,
    pub leading_separator: bool,
    pub strict: bool,
}

impl Composed {
    /// The options' names.
    pub const NAMES: [&str; 5] = ["compose", "groups", "keyed_groups", "leading_separator", "strict"];

    pub fn read(reader: &mut Reader<'_>) -> Composed {
        Composed {
            compose: reader.expressions("compose"),
            groups: reader.expressions("groups"),
            keyed_groups: keyed(reader),
            leading_separator: reader.flag("leading_separator", true),
            strict: reader.flag("strict", false),
        }
    }

    /// What cannot be evaluated is passed over, unless the file is `strict`.
    pub fn told(&self, span: Span, host: &str, why: &str, diags: &mut Diags) {
        if self.strict {
            let diag = Diag::error("inventory-plugin", span, format!("{host}: {why}"));
            diags.push(diag.hint("`strict: false` passes over what cannot be evaluated"));
        }
    }
}

fn keyed(reader: &mut Reader<'_>) -> Vec<(Map, Span)> {
    let known = ["key", "prefix", "separator", "parent_group", "default_value", "trailing_separator"];
    let mut all = Vec::new();
    for item in reader.items("keyed_groups") {
        let Value::Map(map) = item.to_value(reader.keyring) else {
            reader.error(item.span, "an entry of `keyed_groups` is a mapping with `key`");
            continue;
        };
        for (key, _) in item.as_map().unwrap_or_default() {
            let name = to_text(&key.to_value(reader.keyring));
            if !known.contains(&name.as_str()) {
                let message = format!("`{name}` is no part of a keyed group");
                let diag = Diag::error("inventory-plugin", key.span, message);
                reader.diags.push(diag.did_you_mean(&name, known));
            }
        }
        match map.get("key") {
            Some(_) if map.contains_key("default_value") && map.contains_key("trailing_separator") => {
                reader.error(item.span, "`default_value` and `trailing_separator` exclude each other");
            }
            Some(_) => all.push((Map::clone(&map), item.span)),
            None => reader.error(item.span, "an entry of `keyed_groups` needs a `key`"),
        }
    }
    all
}

/// An expression, or a text with templates in it.
fn evaluated(engine: &Engine, value: &Value, scope: &MapScope) -> Result<Value, String> {
    let found = match value {
        Value::Str(text) => engine.expression(text, scope),
        other => engine.evaluate(other, scope),
    };
    found.map_err(|e| e.to_string())
}

impl Composed {
    /// Sets the variables of `compose` in the host's scope; each sees those before it. Tells which were set.
    pub fn compose(&self, engine: &Engine, scope: &mut MapScope, host: &str, diags: &mut Diags) -> Vec<Key> {
        let mut set = Vec::new();
        for (name, expression, span) in &self.compose {
            match evaluated(engine, expression, scope) {
                Ok(value) => {
                    Arc::make_mut(&mut scope.vars).insert(name.as_str().into(), value);
                    set.push(name.as_str().into());
                }
                Err(why) => self.told(*span, host, &format!("compose.{name}: {why}"), diags),
            }
        }
        set
    }

    /// Puts the host into its groups.
    pub fn place(
        &self,
        inventory: &mut Inventory,
        host: HostId,
        engine: &Engine,
        scope: &MapScope,
        name: &str,
        diags: &mut Diags,
    ) {
        for (group, condition, span) in &self.groups {
            match engine.condition(condition, scope) {
                Ok(Truth::True) => {
                    let group = inventory.add_group(&safe(group), Some(*span));
                    inventory.add_member(group, host);
                }
                Ok(_) => {}
                Err(why) => self.told(*span, name, &format!("groups.{group}: {why}"), diags),
            }
        }
        for (keyed, span) in &self.keyed_groups {
            let key = keyed.get("key").cloned().unwrap_or_default();
            let (groups, parent) = match self.made(engine, keyed, &key, scope) {
                Ok(made) => made,
                Err(why) => {
                    self.told(*span, name, &format!("keyed_groups: {why}"), diags);
                    continue;
                }
            };
            for group in groups {
                let group = inventory.add_group(&group, Some(*span));
                inventory.add_member(group, host);
                if let Some(parent) = &parent {
                    let above = inventory.add_group(parent, Some(*span));
                    if !inventory.add_child(above, group) {
                        let message = format!("the group `{parent}` cannot stand above itself");
                        diags.push(Diag::error("inventory-plugin", *span, message));
                    }
                }
            }
        }
    }

    /// The groups that one entry makes for a host, and the group above them.
    fn made(
        &self,
        engine: &Engine,
        keyed: &Map,
        key: &Value,
        scope: &MapScope,
    ) -> Result<(Vec<String>, Option<String>), String> {
        let given = |name: &str| keyed.get(name).filter(|v| !v.is_null());
        let text = |name: &str, or: &str| given(name).map_or_else(|| or.to_string(), to_text);
        let default = given("default_value").map(to_text);
        let separator = text("separator", "_");
        let or_default = |text: String| default.clone().filter(|_| text.is_empty()).unwrap_or(text);
        let trailing = keyed.get("trailing_separator") != Some(&Value::Bool(false));
        let names: Vec<String> = match evaluated(engine, key, scope)? {
            Value::Str(text) if text.is_empty() && default.is_none() => return Err("the key is empty".into()),
            Value::Str(text) => vec![or_default(text.to_string())],
            Value::List(list) => list.iter().map(|v| or_default(to_text(v))).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(name, value)| match or_default(to_text(value)) {
                    value if value.is_empty() && !trailing => name.to_string(),
                    value => format!("{name}{separator}{value}"),
                })
                .collect(),
            Value::Null => return Err("the key is empty".into()),
            scalar @ (Value::Int(_) | Value::Bool(_) | Value::Float(_)) => vec![to_text(&scalar)],
            _ => return Err("the key is neither a text nor a list or mapping of texts".into()),
        };
        let prefix = text("prefix", "");
        let separator = if prefix.is_empty() && !self.leading_separator { "" } else { separator.as_str() };
        let groups = names.iter().map(|name| safe(&format!("{prefix}{separator}{name}"))).collect();
        let parent = match given("parent_group") {
            Some(parent) => Some(safe(&to_text(&engine.evaluate(parent, scope).map_err(|e| e.to_string())?))),
            None => None,
        };
        Ok((groups, parent))
    }
}

/// A group's name as Ansible allows it: letters, digits and `_`, no digit first.
fn safe(name: &str) -> String {
    let plain = |(n, c): (usize, char)| match c {
        '_' => '_',
        c if c.is_alphanumeric() && !(n == 0 && c.is_numeric()) => c,
        _ => '_',
    };
    name.chars().enumerate().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Sources;

    #[test]
    fn names_are_made_safe() {
        let cases = [("a-b.c", "a_b_c"), ("1a", "_a"), ("größe", "größe"), ("_x", "_x")];
        cases.iter().for_each(|(name, expected)| assert_eq!(safe(name), *expected));
    }

    #[test]
    fn a_key_becomes_groups_as_ansible_makes_them() {
        let json = serde_json::json!({"tags": {"Name": "a", "Role": ""}, "list": ["x", ""], "zone": "eu-1a", "n": 1});
        let Value::Map(vars) = Value::from_json(&json) else { unreachable!() };
        let scope = MapScope::new(Map::clone(&vars));
        let engine = Engine::new(Sources::default());
        let mut options = Composed {
            compose: Vec::new(),
            groups: Vec::new(),
            keyed_groups: Vec::new(),
            leading_separator: true,
            strict: false,
        };
        let mut made = |keyed: serde_json::Value, leading: bool| {
            options.leading_separator = leading;
            let Value::Map(keyed) = Value::from_json(&keyed) else { unreachable!() };
            let key = keyed.get("key").cloned().unwrap_or_default();
            options.made(&engine, &keyed, &key, &scope).map(|(groups, parent)| {
                groups.into_iter().chain(parent.map(|p| format!("^{p}"))).collect::<Vec<_>>().join(" ")
            })
        };
        let cases = [
            (serde_json::json!({"key": "zone", "prefix": "az"}), true, "az_eu_1a"),
            (serde_json::json!({"key": "zone"}), true, "_eu_1a"),
            (serde_json::json!({"key": "zone"}), false, "eu_1a"),
            (serde_json::json!({"key": "zone", "prefix": "az", "separator": "-"}), true, "az_eu_1a"),
            (
                serde_json::json!({"key": "zone", "separator": "", "parent_group": "all-zones"}),
                true,
                "eu_1a ^all_zones",
            ),
            (serde_json::json!({"key": "list", "prefix": "l", "default_value": "none"}), true, "l_x l_none"),
            (serde_json::json!({"key": "tags", "prefix": "tag"}), true, "tag_Name_a tag_Role_"),
            (
                serde_json::json!({"key": "tags", "prefix": "tag", "trailing_separator": false}),
                true,
                "tag_Name_a tag_Role",
            ),
            (
                serde_json::json!({"key": "tags", "prefix": "tag", "default_value": "d"}),
                true,
                "tag_Name_a tag_Role_d",
            ),
            (serde_json::json!({"key": "n", "prefix": "n"}), true, "n_1"),
        ];
        for (keyed, leading, expected) in cases {
            assert_eq!(made(keyed.clone(), leading).as_deref(), Ok(expected), "{keyed}");
        }
        assert!(made(serde_json::json!({"key": "tags.Role"}), true).is_err());
        assert!(made(serde_json::json!({"key": "missing"}), true).is_err());
    }
}
