//! The reader of playbooks and files of tasks: nodes become the tree of [`super::ast`]. It never stops at the first
//! fault; what could not be read is left out and reported.

mod keywords;
mod play;
mod task;

use super::ast::{Entries, Item, Playbook, RoleUse, Spanned};
use super::vars_file;
use super::vault::Keyring;
use super::yaml::Node;
use crate::base::{Diag, Diags, Key, Sources, Span, Value};
pub use keywords::{On, check_worker, is_keyword, is_name, names as keyword_names};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Reads playbooks, tasks and role metadata.
pub struct Reader<'a> {
    sources: &'a Sources,
    keyring: &'a Keyring,
    modules: HashSet<&'a str>,
}

/// `meta/main.yml` of a role.
#[derive(Clone, Debug, Default)]
pub struct RoleMeta {
    /// `dependencies:`, in the order in which they run.
    pub dependencies: Vec<RoleUse>,
    /// Whether it runs again where it ran with the same parameters; false where nothing is said.
    pub allow_duplicates: bool,
    /// All of the file, `argument_specs` and `galaxy_info` too.
    pub all: Entries,
}

/// What the parts of the reader share.
struct Ctx<'a> {
    sources: &'a Sources,
    keyring: &'a Keyring,
    modules: &'a HashSet<&'a str>,
    diags: &'a mut Diags,
}

impl<'a> Reader<'a> {
    /// `modules`: every name a module is called by; used to tell a misspelt keyword from a module, and for hints.
    pub fn new(
        sources: &'a Sources,
        keyring: &'a Keyring,
        modules: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Reader { sources, keyring, modules: modules.into_iter().collect() }
    }

    fn ctx<'b>(&'b self, diags: &'b mut Diags) -> Ctx<'b> {
        Ctx { sources: self.sources, keyring: self.keyring, modules: &self.modules, diags }
    }

    /// Reads a playbook. `None`: nothing of it could be read.
    pub fn playbook(&self, path: &Path, diags: &mut Diags) -> Option<Playbook> {
        let node = self.load(path, diags)?;
        let mut ctx = self.ctx(diags);
        Some(Playbook { path: path.to_path_buf(), entries: play::entries(&mut ctx, &node) })
    }

    /// Reads a file of tasks or handlers. An empty one holds none.
    pub fn tasks(&self, path: &Path, diags: &mut Diags) -> Option<Vec<Item>> {
        let node = self.load(path, diags)?;
        let mut ctx = self.ctx(diags);
        if node.as_map().is_some() {
            ctx.diags.push(
                Diag::error("not-a-list", node.span, "a file of tasks is a list, not a mapping")
                    .hint("begin each task with `- `"),
            );
            return None;
        }
        Some(task::items(&mut ctx, &node, "the file"))
    }

    /// Reads a role's `meta/main.yml`.
    pub fn role_meta(&self, path: &Path, diags: &mut Diags) -> Option<RoleMeta> {
        let node = self.load(path, diags)?;
        let mut ctx = self.ctx(diags);
        let mut meta = RoleMeta::default();
        if node.is_null() {
            return Some(meta);
        }
        let Some(pairs) = node.as_map() else {
            let message = format!("a role's metadata is a mapping, not {}", node.type_name());
            ctx.diags.push(Diag::error("wrong-type", node.span, message));
            return None;
        };
        for (key, value) in pairs {
            match key.as_str().map_or("", |k| k) {
                "dependencies" => meta.dependencies = play::roles(&mut ctx, value, "dependencies"),
                "allow_duplicates" => {
                    meta.allow_duplicates = value.to_value(ctx.keyring) == Value::Bool(true)
                }
                _ => {}
            }
            meta.all.push((ctx.key(key), ctx.value(value)));
        }
        Some(meta)
    }

    fn load(&self, path: &Path, diags: &mut Diags) -> Option<Node> {
        vars_file::load(path, self.sources, self.keyring, diags).map(|loaded| loaded.node)
    }
}

impl Ctx<'_> {
    fn key(&self, node: &Node) -> Spanned<Arc<str>> {
        let value = match node.to_key() {
            Key::Str(text) => text,
            other => other.to_string().into(),
        };
        Spanned { value, span: node.span }
    }

    fn value(&self, node: &Node) -> Spanned<Value> {
        Spanned { value: node.to_value(self.keyring), span: node.span }
    }

    fn entries(&self, pairs: &[(Node, Node)]) -> Entries {
        pairs.iter().map(|(k, v)| (self.key(k), self.value(v))).collect()
    }

    /// Where a key stands within a mapping's text; the mapping itself when that cannot be told.
    fn key_place(&self, map: Span, key: &str) -> Span {
        let text = &self.sources.get(map.file).text;
        let found = text.get(map.start as usize..map.end as usize).and_then(|t| t.find(key));
        match found {
            Some(at) => {
                let start = map.start as usize + at;
                Span::new(map.file, start, start + key.len())
            }
            None => map,
        }
    }
}

#[cfg(test)]
mod tests;
