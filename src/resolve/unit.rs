//! The compiler's state: what lives as long as the run, what one play collects, what a list of tasks inherits.

use super::load::Loader;
use crate::base::{Diags, FileId, Map, Span, Value};
use crate::graph::{Handler, IncludedRole, NodeId, RoleCall, RoleScope, Sequence, TaskKeywords, TaskNode};
use crate::modules::registry::Registry;
use crate::syntax::ast::Keywords;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Lives as long as the run: includes are compiled by the same code while hosts are being changed.
pub(crate) struct Compiler {
    pub loader: Loader,
    pub extra_vars: Arc<Map>,
    pub roles_path: Vec<PathBuf>,
    pub collections_path: Vec<PathBuf>,
    pub library: Vec<PathBuf>,
    pub plugins: Vec<(&'static str, PathBuf)>,
    pub registries: Mutex<HashMap<PathBuf, Option<Arc<Registry>>>>,
    pub galaxy: Mutex<HashMap<PathBuf, Option<Arc<Galaxy>>>>,
    ids: AtomicUsize,
    instances: AtomicUsize,
    pub sites: RwLock<HashMap<NodeId, Arc<Site>>>,
    pub analysed: Mutex<HashMap<(Arc<str>, bool), super::uses::Analysed>>,
    pub template_files: Mutex<HashMap<PathBuf, Option<Arc<super::template_files::TemplateFile>>>>,
    /// Template files that a finding shows.
    pub template_sources: Mutex<HashMap<PathBuf, FileId>>,
    pub included_tasks: Mutex<HashMap<(NodeId, String), Arc<Sequence>>>,
    pub included_roles: Mutex<HashMap<(NodeId, RoleCall), IncludedRole>>,
}

/// A collection checkout: where its galaxy.yml stands, and its name.
#[derive(Debug)]
pub(crate) struct Galaxy {
    pub root: PathBuf,
    /// `namespace.name`
    pub name: String,
}

/// Where an include stands: what its tasks inherit.
#[derive(Clone)]
pub(crate) struct Site {
    pub frame: Frame,
    pub play: Arc<PlayScope>,
}

/// What of a play its lists of tasks need to know.
#[derive(Debug, Default)]
pub(crate) struct PlayScope {
    pub playbook_dir: PathBuf,
    pub vars: Arc<Map>,
    /// Of `vars_files` whose names are constants.
    pub files: Arc<Map>,
    pub collections: Vec<Arc<str>>,
    /// A task read so far changes which hosts are in which group.
    pub regroups: AtomicBool,
}

/// What a list of tasks inherits from where it stands.
#[derive(Clone)]
pub(crate) struct Frame {
    pub keywords: Arc<TaskKeywords>,
    pub role: Option<Arc<RoleScope>>,
    /// The directory of the file the tasks stand in.
    pub dir: PathBuf,
    /// Files and roles being read around this one, outermost first; for cycles.
    pub chain: Arc<Vec<(PathBuf, Option<Span>)>>,
    pub handlers: bool,
    /// Whether an include around it stands under a condition, or is of this run.
    pub conditional: bool,
    /// Whether it may fail or never be reached without harm: a block with `rescue`, an include in a loop.
    pub lenient: bool,
    /// Whether a failure here is caught: a block with `rescue`.
    pub rescued: bool,
    /// Whether an include brings it, whose variables and items are there too.
    pub included: bool,
}

impl Frame {
    /// The frame of a file that is read from here.
    pub fn enter(&self, path: &Path, span: Option<Span>) -> Frame {
        let mut chain = self.chain.to_vec();
        chain.push((path.to_path_buf(), span));
        let dir = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        Frame { dir, chain: Arc::new(chain), ..self.clone() }
    }

    /// Whether tasks here may never run, or may fail without harm.
    pub fn may_be_skipped(&self) -> bool {
        let k = &self.keywords;
        self.lenient
            || self.conditional
            || self.handlers
            || !k.when.is_empty()
            || k.ignore_errors.is_some()
            || super::names::only_on_demand(&k.tags)
    }

    /// Whether a task's failure is expected: caught by a `rescue`, or ignored in so many words.
    pub fn may_fail(&self, keywords: &Keywords) -> bool {
        let ignored = |v: &Value| crate::spec::to_bool(v) == Some(true);
        self.rescued
            || keywords.get("ignore_errors").is_some_and(|v| ignored(&v.value))
            || self.keywords.ignore_errors.as_ref().is_some_and(ignored)
    }

    pub fn is_inside(&self, path: &Path) -> bool {
        self.chain.iter().any(|(p, _)| p == path)
    }

    pub fn with(&self, keywords: TaskKeywords) -> Frame {
        Frame { keywords: Arc::new(keywords), ..self.clone() }
    }
}

/// One play (or one include at run time) being compiled.
pub(crate) struct Unit<'c> {
    pub c: &'c Compiler,
    pub diags: Diags,
    pub play: Arc<PlayScope>,
    pub layers: Vec<Arc<RoleScope>>,
    pub handlers: Vec<Arc<Handler>>,
    /// Handlers of included roles of fixed names; they are loaded when the include runs.
    pub included_handlers: Vec<Arc<Handler>>,
    /// Roles whose handlers were read, and by which use.
    pub with_handlers: HashMap<(PathBuf, String), usize>,
    /// Uses of roles by what makes two uses equal.
    pub used_roles: HashMap<String, RoleUsed>,
    pub tasks: Vec<Noted>,
    /// What blocks notify for their tasks, with its place.
    pub block_notifies: Vec<(Arc<str>, Span)>,
    /// A role or a list of tasks could not be read: what it defines is not known.
    pub incomplete: bool,
    /// A role or a list of handlers could not be read: what handlers there are is not known.
    pub handlers_incomplete: bool,
    /// The names that templates use, with their places.
    pub mentions: Vec<super::names::Mention>,
}

/// The first use of a role: under which conditions and tags it stands.
pub(crate) struct RoleUsed {
    pub when: Vec<Value>,
    pub tags: Vec<Value>,
}

/// A compiled task with what the checks over the whole play want to know of how it was written.
#[derive(Clone)]
pub(crate) struct Noted {
    pub node: Arc<TaskNode>,
    pub handler: bool,
    /// Whether what is around it may be skipped, or may fail without harm.
    pub lenient: bool,
    pub dir: PathBuf,
    pub listen: Vec<Value>,
    pub written: Arc<Written>,
}

/// Places within a task.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub keys: Vec<(Arc<str>, Span, Span)>,
    pub args: Vec<(Arc<str>, Span, Span)>,
    pub action: Option<Span>,
    /// The module's name as written.
    pub action_name: Arc<str>,
}

impl Written {
    /// The place of a keyword's value.
    pub fn key(&self, name: &str) -> Option<Span> {
        self.keys.iter().find(|(k, ..)| &**k == name).map(|(.., v)| *v)
    }

    /// The place of an argument's value.
    pub fn arg(&self, name: &str) -> Option<Span> {
        self.args.iter().find(|(k, ..)| &**k == name).map(|(.., v)| *v)
    }
}

impl Compiler {
    pub fn new(loader: Loader, options: &super::CompileOptions) -> Self {
        Compiler {
            loader,
            extra_vars: Arc::new(options.extra_vars.clone()),
            roles_path: options.roles_path.clone(),
            collections_path: options.collections_path.clone(),
            library: options.library.clone(),
            plugins: options.plugins.clone(),
            registries: Mutex::default(),
            galaxy: Mutex::default(),
            ids: AtomicUsize::new(0),
            instances: AtomicUsize::new(0),
            sites: RwLock::default(),
            analysed: Mutex::default(),
            template_files: Mutex::default(),
            template_sources: Mutex::default(),
            included_tasks: Mutex::default(),
            included_roles: Mutex::default(),
        }
    }

    /// Where installed collections stand: what is configured, then beside the playbook.
    pub fn collection_roots(&self, playbook_dir: &Path) -> Vec<PathBuf> {
        let root = |path: &PathBuf| match path.ends_with("ansible_collections") {
            true => path.clone(),
            false => path.join("ansible_collections"),
        };
        let beside = playbook_dir.join("collections/ansible_collections");
        self.collections_path.iter().map(root).chain([beside]).collect()
    }

    pub fn next_id(&self) -> NodeId {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub fn next_instance(&self) -> usize {
        self.instances.fetch_add(1, Ordering::Relaxed)
    }

    pub fn put_site(&self, id: NodeId, site: Site) {
        self.sites.write().unwrap_or_else(|e| e.into_inner()).insert(id, Arc::new(site));
    }

    pub fn site(&self, id: NodeId) -> Option<Arc<Site>> {
        self.sites.read().unwrap_or_else(|e| e.into_inner()).get(&id).cloned()
    }
}

impl<'c> Unit<'c> {
    pub fn new(c: &'c Compiler, play: Arc<PlayScope>) -> Self {
        Unit {
            c,
            diags: Diags::default(),
            play,
            layers: Vec::new(),
            block_notifies: Vec::new(),
            incomplete: false,
            handlers_incomplete: false,
            handlers: Vec::new(),
            included_handlers: Vec::new(),
            with_handlers: HashMap::new(),
            used_roles: HashMap::new(),
            tasks: Vec::new(),
            mentions: Vec::new(),
        }
    }

    /// A finding that hides others: of what is not there nobody knows what it would define.
    /// `handlers`: there may have been some.
    pub fn lost(&mut self, diag: crate::base::Diag, handlers: bool) {
        self.incomplete = true;
        self.handlers_incomplete |= handlers;
        self.diags.push(diag);
    }

    /// The text of a value that must be known now: a constant, or a template over variables known at compile
    /// time. The error says which variable is not.
    pub fn known_text(&self, value: &Value, frame: &Frame) -> Result<String, String> {
        match value {
            Value::Template(t) => {
                let plain = substitute(&t.text, &|name| self.known_var(name, frame));
                plain.or_else(|why| self.evaluated(value, frame).ok_or(why))
            }
            Value::Str(s) => Ok(s.to_string()),
            Value::Int(i) => Ok(i.to_string()),
            other => Err(format!("a {} is no name", other.type_name())),
        }
    }

    /// An expression over the variables that are known now.
    fn evaluated(&self, value: &Value, frame: &Frame) -> Option<String> {
        let mut known = self.known(frame.role.as_ref(), &frame.keywords);
        for name in ["playbook_dir", "role_path", "role_name"] {
            if let Some(text) = self.known_var(name, frame) {
                known.insert(name.into(), text.into());
            }
        }
        let engine = crate::eval::Engine::new(self.c.loader.sources.clone());
        match engine.evaluate(value, &crate::eval::MapScope::new(known)).ok()? {
            Value::Str(text) => Some(text.to_string()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The variables of a task that are known now.
    pub(crate) fn known(&self, role: Option<&Arc<RoleScope>>, keywords: &TaskKeywords) -> Map {
        let mut known = Map::new();
        let mut add = |map: &Map| known.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
        role.iter().for_each(|r| add(&r.defaults));
        add(&self.play.vars);
        add(&self.play.files);
        role.iter().for_each(|r| add(&r.vars));
        keywords.vars.iter().for_each(|m| add(m));
        role.iter().for_each(|r| add(&r.params));
        add(&self.c.extra_vars);
        known
    }

    fn known_var(&self, name: &str, frame: &Frame) -> Option<String> {
        let role = frame.role.as_ref();
        match name {
            "playbook_dir" => return Some(self.play.playbook_dir.display().to_string()),
            "role_path" => return role.map(|r| r.path.display().to_string()),
            "role_name" | "ansible_role_name" => return role.map(|r| r.name.to_string()),
            _ => {}
        }
        let empty = Arc::new(Map::new());
        let role_map = |pick: fn(&RoleScope) -> &Arc<Map>| role.map_or(&empty, |r| pick(r)).get(name);
        let found = (self.c.extra_vars.get(name))
            .or_else(|| role_map(|r| &r.params))
            .or_else(|| frame.keywords.vars.iter().rev().find_map(|m| m.get(name)))
            .or_else(|| role_map(|r| &r.vars))
            .or_else(|| self.play.files.get(name))
            .or_else(|| self.play.vars.get(name))
            .or_else(|| role_map(|r| &r.defaults))?;
        self.known_text(found, frame).ok()
    }
}

/// Replaces `{{ name }}` and `{{ name | default('x') }}`-free expressions of one plain name.
fn substitute(text: &str, var: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find("}}") else { return Err("`}}` is missing".into()) };
        let name = rest[at + 2..at + end].trim();
        let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !plain {
            return Err(format!("`{name}` can be evaluated only at run time"));
        }
        out.push_str(&var(name).ok_or_else(|| format!("`{name}` is not known before the run"))?);
        rest = &rest[at + end + 2..];
    }
    if rest.contains("{%") {
        return Err("statements can be evaluated only at run time".into());
    }
    out.push_str(rest);
    Ok(out)
}
