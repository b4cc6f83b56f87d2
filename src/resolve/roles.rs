//! Roles: where they are found, what they bring with them, and their tasks as steps.

use super::keywords::inherit;
use super::load::{VarsFile, missing, tidy};
use super::role_params::{inherited_params, parents, split_params};
use super::unit::{Frame, Galaxy, RoleUsed, Unit};
use crate::base::{Diag, Map, Span, Value};
use crate::graph::{Handler, RoleScope, Step};
use crate::syntax::ast::{RoleUse, Spanned};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One use of a role, from whatever form it was written in.
pub(crate) struct RoleRef {
    pub name: String,
    pub span: Span,
    pub params: Arc<Map>,
    pub from: From,
    /// What makes two uses of the role equal; `None`: each use counts (import_role, include_role).
    pub key: Option<String>,
}

/// The entry points of a role.
#[derive(Clone, Debug, Default)]
pub(crate) struct From {
    pub tasks: Option<String>,
    pub vars: Option<String>,
    pub defaults: Option<String>,
    pub handlers: Option<String>,
    /// Whether the arguments are validated against the role's argument_specs.
    pub validate: bool,
}

/// A role as a part of a play.
pub(crate) struct RoleBody {
    pub scope: Arc<RoleScope>,
    pub steps: Vec<Step>,
}

impl Unit<'_> {
    /// An entry of `roles:` or of a role's dependencies.
    pub fn role_use(&mut self, written: &RoleUse, frame: &Frame) -> Vec<Step> {
        let name = match self.known_text(&written.name.value, frame) {
            Ok(name) => name,
            Err(why) => {
                let message = format!("the name of a role must be known before the run: {why}");
                self.diags.push(Diag::error("role-name", written.name.span, message));
                return Vec::new();
            }
        };
        self.check_keywords(&written.keywords, frame, frame.may_be_skipped());
        let (own, params) = split_params(written);
        let mut key = format!("{name}\u{0}");
        for (word, value) in written.keywords.0.iter().chain(&written.params) {
            let _ = write!(key, "{}={:?}\u{0}", word.value, value.value);
        }
        let from = From { validate: true, ..From::default() };
        let call = RoleRef { name, span: written.name.span, params, from, key: Some(key) };
        let frame = frame.with(inherit(&frame.keywords, &own));
        self.role(&call, &frame).map(|body| body.steps).unwrap_or_default()
    }

    /// A role with its dependencies before it. `None`: it is not there, or it has run already.
    pub fn role(&mut self, call: &RoleRef, frame: &Frame) -> Option<RoleBody> {
        let (path, collection, name) = self.find_role(call, frame)?;
        if frame.is_inside(&path) && call.from.tasks.is_none() {
            self.diags.push(role_cycle(call, &path, frame));
            return None;
        }
        let meta = self.c.loader.meta(&path, &mut self.diags);
        if !meta.allow_duplicates && self.has_run(call, frame) {
            return None;
        }
        let inside = frame.enter(&path, Some(call.span));
        let around = frame.role.iter().flat_map(|r| r.around.iter().chain([&r.vars]).cloned());
        let mut scope = Arc::new(RoleScope {
            around: around.filter(|vars| !vars.is_empty()).collect(),
            name,
            collection,
            path: path.clone(),
            defaults: self.role_vars(&path, "defaults", call.from.defaults.as_deref(), call.span),
            vars: self.role_vars(&path, "vars", call.from.vars.as_deref(), call.span),
            params: inherited_params(call, frame),
            parents: parents(call, frame),
            dependency: call.key.is_some() && frame.role.is_some(),
            instance: self.c.next_instance(),
            once: call.key.as_deref().filter(|_| !meta.allow_duplicates).map(Arc::from),
        });
        let mut inside = Frame { role: Some(Arc::clone(&scope)), dir: path.join("tasks"), ..inside };
        let mut steps = Vec::new();
        let mut below: Vec<Arc<Map>> = Vec::new();
        for dependency in &meta.dependencies {
            let known = self.layers.len();
            steps.extend(self.role_use(dependency, &inside));
            let mut brought: Vec<_> = self.layers[known..].iter().collect();
            if brought.is_empty() {
                // It ran before, for another role; what it says holds for this one too.
                let name = self.known_text(&dependency.name.value, &inside).unwrap_or_default();
                brought.extend(self.layers.iter().rfind(|layer| *layer.name == *name));
            }
            below.extend(brought.into_iter().map(|r| Arc::clone(&r.vars)).filter(|vars| !vars.is_empty()));
        }
        if !below.is_empty() {
            let mut around = scope.around.clone();
            around.extend(below);
            scope = Arc::new(RoleScope { around, ..(*scope).clone() });
            inside.role = Some(Arc::clone(&scope));
        }
        self.layers.push(Arc::clone(&scope));
        self.role_handlers(&path, call, &inside);
        if call.from.validate {
            steps.extend(self.validation(&meta, call, &inside));
        }
        steps.extend(self.role_tasks(&path, call, &inside));
        Some(RoleBody { scope, steps })
    }

    fn role_tasks(&mut self, path: &Path, call: &RoleRef, frame: &Frame) -> Vec<Step> {
        let dir = path.join("tasks");
        let from = call.from.tasks.as_deref();
        match self.role_file(&dir, from) {
            Some(file) => self.task_file(&file, call.span, &Frame { dir, ..frame.clone() }),
            None if from.is_some_and(|f| f != "main") => {
                let what = format!("`{}` of role `{}`", from.unwrap_or("main"), call.name);
                let looked = [dir.join(from.unwrap_or("main"))];
                self.lost(missing("missing-file", call.span, &what, &looked), frame.handlers);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn role_handlers(&mut self, path: &Path, call: &RoleRef, frame: &Frame) {
        let from = call.from.handlers.as_deref();
        // Of several uses of a role the last one's handlers answer, with its conditions and parameters.
        let key = (path.to_path_buf(), from.unwrap_or("main").to_string());
        let instance = frame.role.as_ref().map(|r| r.instance).unwrap_or_default();
        if let Some(before) = self.with_handlers.insert(key, instance) {
            self.handlers.retain(|h| h.task.role.as_ref().is_none_or(|r| r.instance != before));
        }
        let dir = path.join("handlers");
        let Some(file) = self.role_file(&dir, from) else { return };
        let frame = Frame { dir, handlers: true, ..frame.clone() };
        let Some(items) = self.c.loader.tasks(&file, &mut self.diags) else {
            self.handlers_incomplete = true;
            return;
        };
        let handlers = self.handler_items(&items, &frame.enter(&file, Some(call.span)));
        self.handlers.extend(handlers);
    }

    fn role_file(&self, dir: &Path, from: Option<&str>) -> Option<PathBuf> {
        match from {
            None | Some("main") => self.c.loader.main_file(dir, "main"),
            Some(name) => {
                let exact = tidy(&dir.join(name));
                let suffixed = || self.c.loader.main_file(exact.parent()?, exact.file_name()?.to_str()?);
                if exact.is_file() { Some(exact.clone()) } else { suffixed() }
            }
        }
    }

    /// defaults or vars: a file, or a folder of files read in the order of their names.
    fn role_vars(&mut self, role: &Path, kind: &str, from: Option<&str>, span: Span) -> Arc<Map> {
        let dir = role.join(kind);
        if !self.c.loader.is_there(&dir) {
            return Arc::default();
        }
        if let Some(file) = self.role_file(&dir, from) {
            let read = self.c.loader.vars(&file, &mut self.diags);
            return read.map(|v: Arc<VarsFile>| Arc::clone(&v.map)).unwrap_or_default();
        }
        let folder = dir.join(from.unwrap_or("main"));
        if folder.is_dir() {
            let mut map = Map::new();
            for file in files_below(&folder) {
                if let Some(read) = self.c.loader.vars(&file, &mut self.diags) {
                    map.extend(read.map.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            return Arc::new(map);
        }
        if let Some(from) = from.filter(|f| *f != "main") {
            let what = format!("`{from}` in {}", dir.display());
            self.lost(missing("missing-file", span, &what, &[]), false);
        }
        Arc::default()
    }

    /// Ansible runs an equal use of a role once. A later use is left out here only where the first cannot have been
    /// skipped; of others the run decides.
    fn has_run(&mut self, call: &RoleRef, frame: &Frame) -> bool {
        let Some(key) = &call.key else { return false };
        let k = &frame.keywords;
        if let Some(first) = self.used_roles.get(key) {
            return first.when.is_empty() && (first.tags.is_empty() || first.tags == k.tags);
        }
        let used = RoleUsed { when: k.when.clone(), tags: k.tags.clone() };
        self.used_roles.insert(key.clone(), used);
        false
    }

    /// Its folder, its collection, and its name: that of a collection's role has the collection's in front.
    fn find_role(&mut self, call: &RoleRef, frame: &Frame) -> Option<(PathBuf, Option<Arc<str>>, Arc<str>)> {
        let own = frame.role.as_ref().and_then(|r| r.collection.clone());
        let named = self.play.collections.iter().cloned();
        for collection in own.into_iter().chain(named) {
            let found = self.in_collection(&collection, &call.name, frame);
            if let Some(path) = found {
                let name = format!("{collection}.{}", call.name).into();
                return Some((path, Some(collection), name));
            }
        }
        let parts: Vec<&str> = call.name.split('.').collect();
        if parts.len() >= 3 && !call.name.contains('/') {
            let collection: Arc<str> = parts[..2].join(".").into();
            if let Some(path) = self.in_collection(&collection, &parts[2..].join("/"), frame) {
                return Some((path, Some(collection), call.name.as_str().into()));
            }
        }
        let mut looked = self.role_dirs(frame);
        for dir in &looked {
            let path = tidy(&dir.join(&call.name));
            if self.c.loader.is_there(&path) && path.is_dir() {
                let collection = self.galaxy(&path).map(|g| g.name.as_str().into());
                return Some((path, collection, call.name.as_str().into()));
            }
        }
        looked.dedup();
        let names: Vec<String> = looked.iter().flat_map(|d| folders(d)).collect();
        let what = format!("role `{}`", call.name);
        let last = call.name.rsplit('.').next().unwrap_or(&call.name);
        let diag =
            missing("unknown-role", call.span, &what, &looked).did_you_mean(last, names.iter().map(|s| &**s));
        let galaxy = call
            .name
            .contains('.')
            .then_some("install it with `ansible-galaxy`, or add its folder to roles_path");
        let diag = match galaxy {
            Some(hint) => diag.hint(hint),
            None => diag,
        };
        self.lost(diag, true);
        None
    }

    fn role_dirs(&self, frame: &Frame) -> Vec<PathBuf> {
        let book = &self.play.playbook_dir;
        let mut dirs = vec![book.join("roles")];
        dirs.extend(self.c.roles_path.iter().cloned());
        if let Some(parent) = frame.role.as_ref().and_then(|r| r.path.parent()) {
            dirs.push(parent.to_path_buf());
        }
        dirs.push(book.clone());
        if let Some(galaxy) = self.galaxy(book) {
            dirs.push(galaxy.root.join("roles"));
        }
        let mut seen = std::collections::HashSet::new();
        dirs.into_iter().map(|d| tidy(&d)).filter(|d| seen.insert(d.clone())).collect()
    }

    fn in_collection(&self, collection: &str, role: &str, frame: &Frame) -> Option<PathBuf> {
        let (namespace, name) = collection.split_once('.')?;
        // A checkout: of the playbook, of the role that names this one, of a folder of roles.
        let around = frame.role.iter().map(|r| &r.path);
        let places = [&self.play.playbook_dir].into_iter().chain(around).chain(&self.c.roles_path);
        let checkout = places.filter_map(|p| self.galaxy(p)).find(|g| g.name == collection);
        let here = checkout.map(|g| g.root.join("roles").join(role));
        let installed = self.c.collection_roots(&self.play.playbook_dir).into_iter();
        let paths = installed.map(|p| p.join(namespace).join(name).join("roles").join(role));
        here.into_iter().chain(paths).find(|p| self.c.loader.is_there(p))
    }

    /// The collection checkout a directory stands in, if any.
    pub fn galaxy(&self, dir: &Path) -> Option<Arc<Galaxy>> {
        let known = |d: &Path| self.c.galaxy.lock().unwrap_or_else(|e| e.into_inner()).get(d).cloned();
        if let Some(known) = known(dir) {
            return known;
        }
        let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
        let found = absolute.ancestors().find(|d| self.c.loader.is_there(&d.join("galaxy.yml")));
        let galaxy = found.and_then(read_galaxy).map(Arc::new);
        let mut all = self.c.galaxy.lock().unwrap_or_else(|e| e.into_inner());
        all.insert(dir.to_path_buf(), galaxy.clone());
        galaxy
    }

    /// Handlers of a list; blocks are no handlers.
    pub fn handler_items(&mut self, items: &[crate::syntax::ast::Item], frame: &Frame) -> Vec<Arc<Handler>> {
        let mut steps = Vec::new();
        for item in items {
            match item {
                crate::syntax::ast::Item::Task(task) => steps.extend(self.task(task, frame)),
                crate::syntax::ast::Item::Block(block) => {
                    let diag = Diag::error("handler-block", block.span, "a block cannot be a handler");
                    self.diags.push(diag.hint("make each of its tasks a handler with the same `listen`"));
                }
            }
        }
        let mut handlers = Vec::new();
        collect_handlers(&steps, &self.tasks, &mut handlers);
        handlers
    }
}

fn collect_handlers(steps: &[Step], noted: &[super::unit::Noted], out: &mut Vec<Arc<Handler>>) {
    for step in steps {
        let Step::Task(node) = step else { continue };
        let listen = noted.iter().rev().find(|n| Arc::ptr_eq(&n.node, node)).map(|n| n.listen.clone());
        let within = |name: &str| node.role.iter().flat_map(|role| role.names_of(name)).collect::<Vec<_>>();
        let aliases = node.name.as_ref().and_then(Value::as_str).map(within).unwrap_or_default();
        let mut listen = listen.unwrap_or_default();
        let qualified: Vec<_> = listen.iter().filter_map(Value::as_str).flat_map(within).collect();
        listen.extend(qualified.iter().map(|name| Value::from(&**name)));
        out.push(Arc::new(Handler { task: Arc::clone(node), listen, aliases }));
    }
}

fn role_cycle(call: &RoleRef, path: &Path, frame: &Frame) -> Diag {
    let from = frame.chain.iter().position(|(p, _)| p == path).unwrap_or(0);
    let names: Vec<String> = frame.chain[from..]
        .iter()
        .map(|(p, _)| p.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let message = format!("roles depend on each other in a circle: {} → {}", names.join(" → "), call.name);
    let mut diag = Diag::error("cycle", call.span, message);
    for (path, span) in &frame.chain[from..] {
        if let Some(span) = span {
            diag = diag.related(*span, format!("{} is used here", path.display()));
        }
    }
    diag
}

fn read_galaxy(root: &Path) -> Option<Galaxy> {
    #[derive(serde::Deserialize)]
    struct File {
        namespace: String,
        name: String,
    }
    let text = std::fs::read_to_string(root.join("galaxy.yml")).ok()?;
    let file: File = serde_yaml::from_str(&text).ok()?;
    Some(Galaxy { root: root.to_path_buf(), name: format!("{}.{}", file.namespace, file.name) })
}

fn folders(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|e| e.path().is_dir()).map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().flatten();
    let plain = files.filter(|e| e.file_type().is_file()).map(|e| e.into_path());
    plain.filter(|p| p.extension().is_none_or(|x| x == "yml" || x == "yaml" || x == "json")).collect()
}

/// A role's name as `import_role`'s `name` or `role` argument gives it.
pub(crate) fn role_argument(args: &[(Spanned<Arc<str>>, Spanned<Value>)]) -> Option<&Spanned<Value>> {
    args.iter().find(|(k, _)| matches!(&*k.value, "name" | "role")).map(|(_, v)| v)
}
