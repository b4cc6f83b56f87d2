//! Files as written: YAML with positions, playbooks, inventories, vaults.

pub mod ast;
pub mod inventory;
pub mod playbook;
pub mod vars_file;
pub mod vault;
pub mod yaml;
