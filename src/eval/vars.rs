//! The precedence of variables: one ordered list, and the stack that is looked up by it.

use crate::base::{Map, Value};
use std::sync::Arc;

/// Where a variable comes from, from the weakest to the strongest: Ansible's documented order.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What the command line says that is not a variable (`-u user`).
    CommandLine,
    /// `defaults/main.yml` of the role.
    RoleDefaults,
    /// Of groups, `all` among them, in the inventory itself.
    InventoryGroupVars,
    /// `group_vars/all` beside the inventory.
    InventoryGroupVarsAll,
    /// `group_vars/all` beside the playbook.
    PlaybookGroupVarsAll,
    /// `group_vars/` of groups but `all`, beside the inventory.
    InventoryGroupVarsFiles,
    /// `group_vars/` of groups but `all`, beside the playbook.
    PlaybookGroupVars,
    /// Of the host, in the inventory itself.
    InventoryHostVars,
    /// `host_vars/` beside the inventory.
    InventoryHostVarsFiles,
    /// `host_vars/` beside the playbook.
    PlaybookHostVars,
    /// Facts of the host and `set_fact` with `cacheable`.
    Facts,
    /// `vars:` of the play.
    PlayVars,
    /// Answers to `vars_prompt:` of the play.
    PlayVarsPrompt,
    /// `vars_files:` of the play, later files over earlier ones.
    PlayVarsFiles,
    /// `vars/main.yml` of the role.
    RoleVars,
    /// `vars:` of blocks; the executor keeps them with those of the task.
    BlockVars,
    /// `vars:` of the task, and of what it stands in.
    TaskVars,
    /// What the module `include_vars` has read on this host.
    IncludeVars,
    /// `set_fact` and `register`.
    SetFacts,
    /// What `roles:` or an import gives the role beside its keywords.
    RoleParams,
    /// `vars:` of an include.
    IncludeParams,
    /// Loop variables and what the engine itself defines (`inventory_hostname`, `ansible_loop`).
    Magic,
    /// `-e`: always wins.
    ExtraVars,
}

impl Level {
    /// Whether the inventory or the files of its groups and hosts give it.
    fn is_of_inventory(self) -> bool {
        (Level::InventoryGroupVars..=Level::PlaybookHostVars).contains(&self)
    }

    /// Whether it comes of a task and what it stands in, whatever the host.
    pub fn is_of_task(self) -> bool {
        use Level::*;
        matches!(self, RoleDefaults | RoleVars | BlockVars | TaskVars | RoleParams | IncludeParams | Magic)
    }

    /// As messages name it.
    pub fn describe(self) -> &'static str {
        match self {
            Level::CommandLine => "the command line",
            Level::RoleDefaults => "the role's defaults",
            Level::InventoryGroupVars => "a group in the inventory",
            Level::InventoryGroupVarsAll => "group_vars/all beside the inventory",
            Level::PlaybookGroupVarsAll => "group_vars/all beside the playbook",
            Level::InventoryGroupVarsFiles => "group_vars beside the inventory",
            Level::PlaybookGroupVars => "group_vars beside the playbook",
            Level::InventoryHostVars => "the host in the inventory",
            Level::InventoryHostVarsFiles => "host_vars beside the inventory",
            Level::PlaybookHostVars => "host_vars beside the playbook",
            Level::Facts => "the host's facts",
            Level::PlayVars => "the play's vars",
            Level::PlayVarsPrompt => "the play's vars_prompt",
            Level::PlayVarsFiles => "the play's vars_files",
            Level::RoleVars => "the role's vars",
            Level::BlockVars => "the block's vars",
            Level::TaskVars => "the task's vars",
            Level::IncludeVars => "include_vars",
            Level::SetFacts => "set_fact or register",
            Level::RoleParams => "the role's parameters",
            Level::IncludeParams => "the include's vars",
            Level::Magic => "fitout itself",
            Level::ExtraVars => "-e on the command line",
        }
    }
}

/// Layers of variables, kept sorted from the weakest to the strongest. Cloning copies one pointer a layer.
#[derive(Clone, Debug, Default)]
pub struct Layers(Vec<(Level, Arc<Map>)>);

impl Layers {
    /// Adds a layer above all layers of the same or a lower level.
    pub fn push(&mut self, level: Level, vars: Arc<Map>) {
        if vars.is_empty() {
            return;
        }
        let at = self.0.partition_point(|(l, _)| *l <= level);
        self.0.insert(at, (level, vars));
    }

    /// These layers with one more.
    pub fn with(&self, level: Level, vars: Arc<Map>) -> Layers {
        let mut layers = self.clone();
        layers.push(level, vars);
        layers
    }

    /// These layers with those of `other` merged in; of one level, those of `other` win.
    pub fn merged(&self, other: &Layers) -> Layers {
        let mut layers = self.clone();
        for (level, vars) in &other.0 {
            layers.push(*level, vars.clone());
        }
        layers
    }

    /// These layers with those of a task, which another host carries out for its own.
    pub fn with_task(&self, own: &Layers) -> Layers {
        let task = own.0.iter().filter(|(level, _)| level.is_of_task()).cloned().collect();
        self.merged(&Layers(task))
    }

    /// Removes all layers of a level.
    pub fn drop_level(&mut self, level: Level) {
        self.0.retain(|(l, _)| *l != level);
    }

    /// Puts other layers in the place of all that come of the inventory.
    pub fn replace_inventory(&mut self, by: &Layers) {
        self.0.retain(|(level, _)| !level.is_of_inventory());
        by.0.iter().for_each(|(level, vars)| self.push(*level, Arc::clone(vars)));
    }

    /// The strongest value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find_map(|(_, vars)| vars.get(name))
    }

    /// The strongest value of a name and the level that gives it.
    pub fn find(&self, name: &str) -> Option<(Level, &Value)> {
        self.0.iter().rev().find_map(|(level, vars)| vars.get(name).map(|v| (*level, v)))
    }

    /// All names, each once, weakest layer first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut seen = std::collections::HashSet::new();
        let keys = self.0.iter().flat_map(|(_, vars)| vars.keys().filter_map(|k| k.as_str()));
        keys.filter(move |name| seen.insert(*name))
    }

    /// The layers from the weakest to the strongest, as they were put on.
    pub fn iter(&self) -> impl Iterator<Item = (Level, &Arc<Map>)> {
        self.0.iter().map(|(level, vars)| (*level, vars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, value: i64) -> Arc<Map> {
        Arc::new(Map::from_iter([(name.into(), Value::Int(value))]))
    }

    #[test]
    fn the_strongest_layer_wins_whatever_the_order_of_pushing() {
        let mut layers = Layers::default();
        layers.push(Level::ExtraVars, layer("port", 3));
        layers.push(Level::RoleDefaults, layer("port", 1));
        layers.push(Level::PlayVars, layer("port", 2));
        assert_eq!(layers.find("port"), Some((Level::ExtraVars, &Value::Int(3))));
        layers.drop_level(Level::ExtraVars);
        assert_eq!(layers.find("port"), Some((Level::PlayVars, &Value::Int(2))));
    }

    #[test]
    fn within_one_level_the_later_layer_wins() {
        let layers =
            Layers::default().with(Level::SetFacts, layer("x", 1)).with(Level::SetFacts, layer("x", 2));
        assert_eq!(layers.get("x"), Some(&Value::Int(2)));
        assert_eq!(layers.names().collect::<Vec<_>>(), ["x"]);
    }
}
