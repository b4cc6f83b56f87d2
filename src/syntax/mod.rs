//! Files as written: YAML with positions, playbooks, inventories, vaults.

pub mod ast;
