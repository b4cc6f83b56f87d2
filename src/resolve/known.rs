//! Names of Ansible's that fitout knows without having them: so that a message can say "not supported".

/// Actions the compiler carries out itself.
pub(crate) const ACTIONS: &[&str] =
    &["import_playbook", "import_role", "import_tasks", "include", "include_role", "include_tasks", "meta"];

/// Modules of ansible-core and of widely used collections, by their short names.
pub(crate) fn modules() -> impl Iterator<Item = &'static str> {
    include_str!("known_modules.txt").split_ascii_whitespace()
}

/// Whether Ansible has a module of this short name.
pub(crate) fn is_module(name: &str) -> bool {
    modules().any(|m| m == name)
}

/// An action's name without the builtin prefixes.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}
