//! The plugin `constructed`: variables and groups made of what the sources before it say of each host.

use super::composed::Composed;
use super::reader::{Known, Reader};
use crate::base::{Diags, Map, Value};
use crate::eval::{Engine, MapScope};
use crate::syntax::inventory::{HostId, Inventory, VarFolders};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::Node;
use std::sync::Arc;

/// The names of the plugin.
pub const PLUGINS: [&str; 2] = ["constructed", "ansible.builtin.constructed"];

/// Facts are not kept from one run to the next.
const WITHOUT_EFFECT: [&str; 5] =
    ["cache", "cache_plugin", "cache_timeout", "cache_connection", "cache_prefix"];

/// Adds to the hosts that are in the inventory by now. `folders`: where `use_vars_plugins` finds group_vars and host_vars.
pub fn fill(
    inventory: &mut Inventory,
    root: &Node,
    keyring: &Keyring,
    engine: &Engine,
    folders: &VarFolders,
    diags: &mut Diags,
) {
    let mut reader = Reader { root, keyring, engine, diags: &mut *diags };
    let names = [&["plugin", "use_vars_plugins"][..], &Composed::NAMES].concat();
    let known = Known { names: &names, without_effect: &WITHOUT_EFFECT, refused: &[] };
    let read = reader.sound(&known, |r| (Composed::read(r), r.flag("use_vars_plugins", false)));
    let Some((composed, with_files)) = read else { return };
    let vars_of = |inventory: &Inventory, host: HostId, diags: &mut Diags| {
        let mut vars = Map::new();
        for layer in folders.layers(inventory, host, diags) {
            if with_files || layer.kind.in_the_sources() {
                vars.extend(layer.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
        }
        let name = &inventory[host].name;
        let short = name.split_once('.').map_or(&**name, |(short, _)| short);
        vars.insert("inventory_hostname".into(), name.as_ref().into());
        vars.insert("inventory_hostname_short".into(), short.into());
        let groups: Vec<Value> = inventory.group_names(host).iter().map(|g| g.as_ref().into()).collect();
        vars.insert("group_names".into(), groups.into());
        vars
    };
    // Depths and the groups of all are not settled before the last source is read.
    let mut seen = inventory.clone();
    seen.reconcile();
    let hosts: Vec<HostId> = inventory.host_ids().collect();
    for host in hosts {
        let name = Arc::clone(&inventory[host].name);
        let mut scope = MapScope::new(vars_of(&seen, host, diags));
        for key in composed.compose(engine, &mut scope, &name, diags) {
            if let Some(value) = scope.vars.get(&key) {
                inventory.set_host_var(host, key, value.clone());
            }
        }
        composed.place(inventory, host, engine, &scope, &name, diags);
    }
}
