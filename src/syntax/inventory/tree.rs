//! YAML inventories, and the JSON that inventory programs print.

use super::{ALL, GroupId, Target, range};
use crate::base::{Diag, Key, Span};
use crate::syntax::yaml::Node;
use std::sync::Arc;

/// Reads `group: {hosts, vars, children}` at the top of a file.
pub(super) fn read_yaml(to: &mut Target, root: &Node) {
    let Some(pairs) = root.as_map() else {
        if !root.is_null() {
            let message = format!("an inventory is a mapping of groups, not {}", root.type_name());
            to.diags.push(
                Diag::error("inventory", root.span, message).hint("begin with `all:` and `hosts:` below it"),
            );
        }
        return;
    };
    if let Some(plugin) = root.get("plugin") {
        let name = plugin.as_str().map_or("?", |n| n);
        if to.plugin.read(name, root, to.inventory, to.diags) {
            return;
        }
        let message = format!("the inventory plugin `{name}` cannot be run");
        to.diags.push(
            Diag::error("inventory-plugin", plugin.span, message)
                .hint("there are amazon.aws.aws_ec2 and ansible.builtin.constructed; else use a program that prints the inventory as JSON"),
        );
        return;
    }
    for (key, value) in pairs {
        let group = to.inventory.add_group(&text(key), Some(key.span));
        yaml_group(to, group, value);
    }
}

fn text(node: &Node) -> Arc<str> {
    match node.to_key() {
        Key::Str(text) => text,
        other => other.to_string().into(),
    }
}

fn yaml_group(to: &mut Target, group: GroupId, node: &Node) {
    if node.is_null() {
        return;
    }
    let Some(pairs) = node.as_map() else {
        let message = format!("a group is a mapping, not {}", node.type_name());
        to.diags
            .push(Diag::error("inventory", node.span, message).hint("with `hosts`, `vars` and `children`"));
        return;
    };
    for (key, value) in pairs {
        let name = text(key);
        match &*name {
            "vars" => group_vars(to, group, value),
            "hosts" => members(to, value, "hosts", |to, key, vars| yaml_host(to, group, key, vars)),
            "children" => members(to, value, "children", |to, key, inner| {
                let child = to.inventory.add_group(&text(key), Some(key.span));
                below(to, group, child, key.span);
                yaml_group(to, child, inner);
            }),
            _ => {
                let message = format!("`{name}` is no part of a group");
                let diag = Diag::warning("inventory", key.span, message);
                to.diags.push(diag.did_you_mean(&name, ["hosts", "vars", "children"]));
            }
        }
    }
}

/// Each pair of a mapping; a single name is one without a value.
fn members(to: &mut Target, node: &Node, what: &str, mut each: impl FnMut(&mut Target, &Node, &Node)) {
    if node.is_null() {
        return;
    }
    if node.as_str().is_some() {
        let nothing = Node::from_json(&serde_json::Value::Null, node.span);
        return each(to, node, &nothing);
    }
    let Some(pairs) = node.as_map() else {
        let message = format!("`{what}` wants a mapping, not {}", node.type_name());
        to.diags.push(Diag::error("inventory", node.span, message).hint("write `NAME:` without a dash"));
        return;
    };
    pairs.iter().for_each(|(key, value)| each(to, key, value));
}

fn below(to: &mut Target, group: GroupId, child: GroupId, span: Span) {
    if !to.inventory.add_child(group, child) {
        let (outer, inner) = (&to.inventory[group].name, &to.inventory[child].name);
        let message = match group == child {
            true => format!("the group `{inner}` cannot be its own child"),
            false => {
                format!("`{inner}` cannot stand below `{outer}`: `{outer}` stands below `{inner}` already")
            }
        };
        to.diags.push(Diag::error("inventory-cycle", span, message).hint("groups make a tree, not a circle"));
    }
}

fn group_vars(to: &mut Target, group: GroupId, node: &Node) {
    for (key, value) in var_pairs(to, node) {
        let value = value.to_value(to.keyring);
        to.inventory.set_group_var(group, Key::Str(text(key)), value);
    }
}

fn var_pairs<'n>(to: &mut Target, node: &'n Node) -> &'n [(Node, Node)] {
    match node.as_map() {
        Some(pairs) => pairs,
        None => {
            if !node.is_null() {
                let message = format!("variables are a mapping, not {}", node.type_name());
                to.diags.push(Diag::error("inventory", node.span, message));
            }
            &[]
        }
    }
}

fn yaml_host(to: &mut Target, group: GroupId, key: &Node, vars: &Node) {
    let (names, port) = match range::expand(&text(key)) {
        Ok(expanded) => expanded,
        Err(why) => return to.diags.push(Diag::error("inventory", key.span, why)),
    };
    let pairs = var_pairs(to, vars);
    let vars: Vec<_> = pairs.iter().map(|(k, v)| (Key::Str(text(k)), v.to_value(to.keyring))).collect();
    for name in names {
        let host = to.inventory.add_host(&name, Some(key.span));
        // What stands in `all` alone is sorted into `ungrouped` at the end.
        to.inventory.add_member(group, host);
        if let Some(port) = port {
            to.inventory.set_host_var(host, "ansible_port".into(), u32::from(port).into());
        }
        vars.iter().for_each(|(k, v)| to.inventory.set_host_var(host, k.clone(), v.clone()));
    }
}

/// Reads what `PROGRAM --list` printed. Returns whether it told the variables of hosts (`_meta`).
pub(super) fn read_program(to: &mut Target, root: &Node) -> bool {
    let Some(pairs) = root.as_map() else {
        let message = format!("the program printed {}, not a mapping of groups", root.type_name());
        to.diags.push(Diag::error("inventory", root.span, message));
        return true;
    };
    let mut told = false;
    for (key, value) in pairs {
        let name = text(key);
        if &*name == "_meta" {
            told = value.get("hostvars").is_some();
            for (host, vars) in value.get("hostvars").and_then(Node::as_map).unwrap_or_default() {
                program_host_vars(to, &text(host), vars);
            }
            continue;
        }
        let group = to.inventory.add_group(&name, None);
        program_group(to, group, value);
    }
    told
}

/// The variables that `PROGRAM --host NAME` printed.
pub(super) fn program_host_vars(to: &mut Target, name: &str, vars: &Node) {
    let host = to.inventory.add_host(name, None);
    for (key, value) in var_pairs(to, vars) {
        let value = value.to_value(to.keyring);
        to.inventory.set_host_var(host, Key::Str(text(key)), value);
    }
}

fn program_group(to: &mut Target, group: GroupId, node: &Node) {
    // Of old: a list of hosts, or a mapping of variables for the host of the group's name.
    let hosts = match node.as_seq() {
        Some(items) => items,
        None => node.get("hosts").and_then(Node::as_seq).unwrap_or_default(),
    };
    for host in hosts {
        let id = to.inventory.add_host(&text(host), None);
        to.inventory.add_member(group, id);
    }
    let Some(pairs) = node.as_map() else { return };
    let known = ["hosts", "vars", "children"];
    if !pairs.is_empty() && !known.iter().any(|k| node.get(k).is_some()) {
        let name = Arc::clone(&to.inventory[group].name);
        let host = to.inventory.add_host(&name, None);
        to.inventory.add_member(if group == ALL { super::UNGROUPED } else { group }, host);
        return program_host_vars(to, &name, node);
    }
    if let Some(vars) = node.get("vars") {
        group_vars(to, group, vars);
    }
    for child in node.get("children").and_then(Node::as_seq).unwrap_or_default() {
        let id = to.inventory.add_group(&text(child), None);
        below(to, group, id, child.span);
    }
}
