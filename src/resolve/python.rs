//! Python files of the repository: named where they would be needed, never run.

use super::unit::{Frame, Unit};
use crate::graph::RoleScope;
use std::path::PathBuf;

impl Unit<'_> {
    /// The collections of this name (`NAMESPACE.NAME.WHAT`) that are installed.
    pub(super) fn collection_of(&self, name: &str) -> Vec<PathBuf> {
        let parts: Vec<&str> = name.split('.').collect();
        let [namespace, collection, _, ..] = parts.as_slice() else { return Vec::new() };
        let roots = self.c.collection_roots(&self.play.playbook_dir).into_iter();
        roots
            .map(|root| root.join(namespace).join(collection))
            .filter(|path| self.c.loader.is_there(path))
            .collect()
    }

    /// The Python file of the repository that brings a filter, a test or a lookup.
    pub(super) fn python_file(&self, name: &str, noun: &str, role: Option<&RoleScope>) -> Option<PathBuf> {
        let book = &self.play.playbook_dir;
        let short = name.rsplit('.').next().unwrap_or(name);
        // A repository's ansible.cfg may name folders beside it, for playbooks that stand deeper.
        let homes = [Some(book.clone()), role.map(|r| r.path.clone()), Some(PathBuf::new())];
        let roots = homes.into_iter().flatten().flat_map(|home| {
            let galaxy = self.galaxy(&home).map(|g| g.root.clone());
            [Some(home), galaxy].into_iter().flatten()
        });
        let configured =
            self.c.plugins.iter().filter(|(kind, _)| *kind == noun).map(|(_, path)| path.clone());
        let folders = roots
            .chain(self.collection_of(name))
            .flat_map(|r| [r.join(format!("{noun}_plugins")), r.join("plugins").join(noun)])
            .chain(configured)
            .filter(|f| self.c.loader.is_there(f));
        let files = folders.flat_map(|f| std::fs::read_dir(f).into_iter().flatten().flatten());
        let mut python = files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "py"));
        python.find(|path| {
            let named = path.file_stem().is_some_and(|s| s == short);
            let quoted = [format!("'{short}'"), format!("\"{short}\"")];
            named
                || noun != "lookup"
                    && std::fs::read_to_string(path).is_ok_and(|t| quoted.iter().any(|q| t.contains(q)))
        })
    }

    /// A Python file of the repository that would provide a module or an action.
    pub(super) fn python_plugin(&self, word: &str, frame: &Frame) -> Option<PathBuf> {
        let mut roots = vec![self.play.playbook_dir.clone(), PathBuf::new()];
        roots.extend(frame.role.as_ref().map(|r| r.path.clone()));
        let home = frame.role.as_ref().map_or(&self.play.playbook_dir, |r| &r.path);
        roots.extend(self.galaxy(home).map(|g| g.root.clone()));
        roots.extend(self.collection_of(word));
        let name = word.rsplit('.').next().unwrap_or(word);
        let folders = ["library", "action_plugins", "plugins/modules", "plugins/action"];
        let paths = roots.iter().flat_map(|r| folders.iter().map(|f| r.join(f).join(format!("{name}.py"))));
        let configured = self.c.plugins.iter().filter(|(kind, _)| *kind == "action");
        let configured = configured.map(|(_, folder)| folder.join(format!("{name}.py")));
        let mut paths = paths.chain(configured).filter(|p| self.c.loader.is_there(p));
        paths.next()
    }
}
