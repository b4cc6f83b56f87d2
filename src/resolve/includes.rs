//! Roles and files that tasks name: imports become their steps, includes become nodes that are expanded when a host
//! reaches them. Includes of fixed names are compiled with the play too, so that their errors are found early.

use super::keywords::inherit;
use super::load::missing;
use super::roles::{From, RoleRef, role_argument};
use super::tasks::file_argument;
use super::unit::{Compiler, Frame, Site, Unit};
use crate::base::diag::nearest;
use crate::base::{Diag, Diags, Severity, Span, Value};
use crate::graph::{
    Act, IncludeRole, IncludedRole, Includer, NodeId, RoleCall, Sequence, Step, TaskKeywords, TaskNode,
};
use crate::spec::unknown_argument;
use crate::syntax::ast::{Entries, Keywords, Spanned, Task};
use std::path::Path;
use std::sync::Arc;

/// What an import or include of a role, and of a file, takes.
const OF_A_ROLE: &[&str] = &[
    "name",
    "role",
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "apply",
    "public",
    "allow_duplicates",
    "rolespec_validate",
];
const OF_A_FILE: &[&str] = &["file", "_raw_params", "free_form", "apply"];
/// Names that a file has when it is written without one.
const FREE: &[&str] = &["_raw_params", "free_form"];

impl Unit<'_> {
    /// The arguments of an import or include; those that it does not take are told and left out. Old `include` took
    /// variables beside its file.
    fn options(&mut self, task: &Task, known: &[&'static str]) -> (Entries, bool) {
        let mut entries = self.arguments(&task.action, None);
        let action = &task.action.name.value;
        if super::known::short(action) == "include" {
            return (entries, true);
        }
        let import = super::known::short(action).starts_with("import_");
        let known: Vec<&str> = known.iter().copied().filter(|name| !(import && *name == "apply")).collect();
        let names: Vec<&str> = known.iter().copied().filter(|name| !FREE.contains(name)).collect();
        let count = entries.len();
        entries.retain(|(key, _)| {
            let takes = known.contains(&&*key.value);
            if !takes {
                let diag = unknown_argument(&key.value, key.span, action, &names, &names);
                let near = nearest(&key.value, names.iter().copied()).is_some();
                self.diags.push(if near { diag } else { diag.hint("variables go into `vars:` of the task") });
            }
            takes
        });
        let all = entries.len() == count;
        (entries, all)
    }

    /// The arguments of an import or include of a file, with that file.
    pub fn file_options(&mut self, task: &Task) -> Option<(Entries, Value, Span)> {
        let (entries, all) = self.options(task, OF_A_FILE);
        let file = file_argument(&entries);
        if file.is_none() && all {
            self.no_file(task);
        }
        file.map(|(file, span)| (entries, file, span))
    }

    fn role_options(&mut self, task: &Task) -> Option<(Entries, Spanned<Value>)> {
        let (entries, all) = self.options(task, OF_A_ROLE);
        let name = role_argument(&entries).cloned();
        if name.is_none() && all {
            self.no_role(task);
        }
        name.map(|name| (entries, name))
    }

    pub fn import_role(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        self.refuse_on_import(task, "import_role");
        if frame.handlers {
            self.refuse_as_handler(task);
        }
        self.check_keywords(&task.keywords, frame, frame.may_be_skipped());
        let inner = frame.with(self.task_keywords(task, frame));
        let Some((entries, name)) = self.role_options(task) else { return Vec::new() };
        let mut known = |value: &Spanned<Value>| match self.known_text(&value.value, &inner) {
            Ok(text) => Some(text),
            Err(why) => {
                let message = format!("import_role must be known before the run: {why}");
                let diag = Diag::error("import-template", value.span, message);
                self.diags.push(diag.hint("use include_role, or give the variable with -e"));
                None
            }
        };
        let Some(role) = known(&name) else { return Vec::new() };
        let mut part = |key: &str| find(&entries, key).and_then(&mut known);
        let from = From {
            tasks: part("tasks_from"),
            vars: part("vars_from"),
            defaults: part("defaults_from"),
            handlers: part("handlers_from"),
            validate: validates(&entries),
        };
        let call = RoleRef { name: role, span: name.span, params: Arc::default(), from, key: None };
        self.role(&call, &inner).map(|b| b.steps).unwrap_or_default()
    }

    fn no_role(&mut self, task: &Task) {
        let message = format!("`{}` names no role", task.action.name.value);
        let diag = Diag::error("missing-argument", task.action.name.span, message);
        self.diags.push(diag.hint("give it `name:`"));
    }

    pub fn include_tasks(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        self.refuse_on_include(task, frame);
        let Some((entries, file, span)) = self.file_options(task) else { return Vec::new() };
        self.check_apply(&entries);
        let keywords = self.task_keywords(task, frame);
        let apply = self.apply(&entries);
        let act = Act::IncludeTasks { file: file.clone(), dir: frame.dir.clone(), apply: apply.clone() };
        let id = self.c.next_id();
        let site = self.put_site(id, task, frame, apply.as_deref());
        let node = self.node(task, act, keywords, frame, &entries, Some(id));
        if let Some(file) = file.as_str() {
            self.preload_tasks(&node, file, span, &site);
        }
        vec![Step::Task(node)]
    }

    fn preload_tasks(&mut self, node: &Arc<TaskNode>, file: &str, span: Span, site: &Site) {
        match self.find_tasks(file, &site.frame) {
            Ok(path) if site.frame.is_inside(&path) => {}
            Ok(path) => {
                let steps = self.task_file(&path, span, &site.frame);
                let mut known = self.c.included_tasks.lock().unwrap_or_else(|e| e.into_inner());
                known.insert((node.id, file.to_string()), Arc::new(Sequence { steps }));
            }
            Err(looked) => {
                self.lost(missing("missing-file", span, &format!("`{file}`"), &looked), site.frame.handlers);
            }
        }
    }

    pub fn include_role(&mut self, task: &Task, frame: &Frame) -> Vec<Step> {
        self.refuse_on_include(task, frame);
        let Some((entries, name)) = self.role_options(task) else { return Vec::new() };
        self.check_apply(&entries);
        let keywords = self.task_keywords(task, frame);
        let apply = self.apply(&entries);
        let value = |key: &str| find(&entries, key).map(|v| v.value.clone());
        let flag = |key: &str, or: bool| value(key).map_or(or, |v| super::constant::is_true(&v));
        let include = Arc::new(IncludeRole {
            name: name.value.clone(),
            tasks_from: value("tasks_from").unwrap_or_else(|| "main".into()),
            vars_from: value("vars_from"),
            defaults_from: value("defaults_from"),
            handlers_from: value("handlers_from"),
            public: flag("public", false),
            allow_duplicates: flag("allow_duplicates", true),
            rolespec_validate: validates(&entries),
            apply: apply.clone(),
        });
        let id = self.c.next_id();
        let site = self.put_site(id, task, frame, apply.as_deref());
        let node =
            self.node(task, Act::IncludeRole(Arc::clone(&include)), keywords, frame, &entries, Some(id));
        if let Some(call) = constant_call(&include) {
            self.preload_role(&node, &call, &include, name.span, &site);
        }
        vec![Step::Task(node)]
    }

    fn preload_role(
        &mut self,
        node: &Arc<TaskNode>,
        call: &RoleCall,
        include: &IncludeRole,
        span: Span,
        site: &Site,
    ) {
        // A role that includes itself under a condition ends at run time, not here.
        let depth = site.frame.chain.iter().filter(|(p, _)| p.ends_with(&call.name)).count();
        if depth > 0 && self.c.recursive(call, &site.frame) || site.frame.chain.len() > 60 {
            return;
        }
        let before = self.diags.iter().count();
        if let Some(made) = self.included_role(call, include.rolespec_validate, span, &site.frame) {
            let mut known = self.c.included_roles.lock().unwrap_or_else(|e| e.into_inner());
            known.insert((node.id, call.clone()), made);
            return;
        }
        // A role that only some hosts need may be installed nowhere else; who comes to it fails there by name.
        let itself = |found: &Diag| found.code == "unknown-role" && found.span == Some(span);
        let conditional = site.frame.conditional || !site.frame.keywords.when.is_empty();
        if conditional && self.diags.iter().nth(before).is_some_and(itself) {
            self.diags.soften(before);
        }
    }

    /// The role of an include, with the handlers it brings.
    fn included_role(
        &mut self,
        call: &RoleCall,
        validate: bool,
        span: Span,
        frame: &Frame,
    ) -> Option<IncludedRole> {
        let from = From {
            tasks: Some(call.tasks_from.clone()).filter(|t| t != "main"),
            vars: call.vars_from.clone(),
            defaults: call.defaults_from.clone(),
            handlers: call.handlers_from.clone(),
            validate,
        };
        let reference = RoleRef { name: call.name.clone(), span, params: Arc::default(), from, key: None };
        let (layers, handlers) = (std::mem::take(&mut self.layers), std::mem::take(&mut self.handlers));
        let seen = std::mem::take(&mut self.with_handlers);
        let body = self.role(&reference, frame);
        self.layers = layers;
        self.with_handlers = seen;
        let own = std::mem::replace(&mut self.handlers, handlers);
        self.included_handlers.extend(own.iter().cloned());
        let body = body?;
        Some(IncludedRole {
            body: Arc::new(Sequence { steps: body.steps }),
            handlers: own,
            scope: body.scope,
        })
    }

    /// What the tasks of an include inherit: all that is around it, of itself only `vars` and `apply`.
    fn put_site(&mut self, id: NodeId, task: &Task, frame: &Frame, apply: Option<&TaskKeywords>) -> Site {
        let own = task.keywords.0.iter().filter(|(k, _)| &*k.value == "vars").cloned().collect();
        let mut keywords = inherit(&frame.keywords, &Keywords(own));
        if let Some(apply) = apply {
            keywords = over(keywords, apply);
        }
        let conditional = frame.conditional || task.keywords.0.iter().any(|(k, _)| &*k.value == "when");
        let looped = |k: &str| k == "loop" || k.starts_with("with_");
        let lenient = frame.lenient || task.keywords.0.iter().any(|(k, _)| looped(&k.value));
        let frame = Frame { conditional, lenient, included: true, ..frame.with(keywords) };
        let site = Site { frame, play: Arc::clone(&self.play) };
        self.c.put_site(id, site.clone());
        site
    }

    fn apply(&mut self, entries: &Entries) -> Option<Arc<TaskKeywords>> {
        let apply = find(entries, "apply")?;
        let Some(map) = apply.value.as_map() else {
            self.diags.push(Diag::error("wrong-type", apply.span, "apply wants a mapping of keywords"));
            return None;
        };
        let entry = |k: &crate::base::Key, v: &Value| {
            let key = Spanned { value: k.to_string().into(), span: apply.span };
            (key, Spanned { value: v.clone(), span: apply.span })
        };
        let keywords = Keywords(map.iter().map(|(k, v)| entry(k, v)).collect());
        Some(Arc::new(inherit(&TaskKeywords::default(), &keywords)))
    }
}

fn find<'e>(entries: &'e Entries, key: &str) -> Option<&'e Spanned<Value>> {
    entries.iter().find(|(k, _)| &*k.value == key).map(|(_, v)| v)
}

fn validates(entries: &Entries) -> bool {
    find(entries, "rolespec_validate").is_none_or(|v| super::constant::is_true(&v.value))
}

/// The call an include makes when all its names are constants.
fn constant_call(include: &IncludeRole) -> Option<RoleCall> {
    let optional = |value: &Option<Value>| match value {
        None => Some(None),
        Some(v) => v.as_str().map(|s| Some(s.to_string())),
    };
    Some(RoleCall {
        name: include.name.as_str()?.to_string(),
        tasks_from: include.tasks_from.as_str()?.to_string(),
        vars_from: optional(&include.vars_from)?,
        defaults_from: optional(&include.defaults_from)?,
        handlers_from: optional(&include.handlers_from)?,
    })
}

/// `apply` keywords over inherited ones.
fn over(mut outer: TaskKeywords, apply: &TaskKeywords) -> TaskKeywords {
    outer.when.extend(apply.when.iter().cloned());
    outer.tags.extend(apply.tags.iter().cloned());
    outer.vars.extend(apply.vars.iter().cloned());
    outer.environment.extend(apply.environment.iter().cloned());
    outer.module_defaults.extend(apply.module_defaults.iter().cloned());
    outer.notify.extend(apply.notify.iter().cloned());
    macro_rules! override_with { ($($field:ident),*) => {$(
        if apply.$field.is_some() { outer.$field = apply.$field.clone(); }
    )*} }
    override_with!(
        become_,
        become_user,
        become_method,
        become_flags,
        become_exe,
        remote_user,
        connection,
        port
    );
    override_with!(ignore_errors, ignore_unreachable, any_errors_fatal, check_mode, diff, no_log, run_once);
    override_with!(delegate_to, delegate_facts, throttle, timeout);
    outer
}

impl Compiler {
    fn recursive(&self, call: &RoleCall, frame: &Frame) -> bool {
        let tasks = Path::new("tasks").join(&call.tasks_from);
        frame.chain.iter().any(|(p, _)| {
            let stem = p.with_extension("");
            call.tasks_from == "main" && p.ends_with(&call.name)
                || stem.ends_with(Path::new(&call.name).join(&tasks))
        })
    }

    fn words(&self, diags: Diags) -> Result<(), String> {
        if !diags.has_errors() {
            return Ok(());
        }
        let errors = diags.into_sorted().into_iter().filter(|d| d.severity == Severity::Error);
        let words: Vec<String> = errors.map(|d| d.render(&self.loader.sources, false)).collect();
        Err(words.join("\n"))
    }
}

/// The compiler as the executor sees it.
pub(crate) struct RunTime(pub Arc<Compiler>);

impl Includer for RunTime {
    fn tasks(&self, node: &TaskNode, file: &str) -> Result<Arc<Sequence>, String> {
        let c = &*self.0;
        let key = (node.id, file.to_string());
        let known = c.included_tasks.lock().unwrap_or_else(|e| e.into_inner()).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let site = c.site(node.id).ok_or("the include is not of this run")?;
        let mut unit = Unit::new(c, Arc::clone(&site.play));
        let path = unit.find_tasks(file, &site.frame).map_err(|looked| {
            let places: Vec<String> = looked.iter().map(|p| p.display().to_string()).collect();
            format!("`{file}` does not exist; looked for {}", places.join(", "))
        })?;
        // Recursion is legal here: the file may well be one of those around the include.
        let frame = Frame { chain: Arc::default(), conditional: true, ..site.frame.clone() };
        let steps = unit.task_file(&path, node.span, &frame);
        c.words(unit.diags)?;
        let made = Arc::new(Sequence { steps });
        let mut all = c.included_tasks.lock().unwrap_or_else(|e| e.into_inner());
        Ok(Arc::clone(all.entry(key).or_insert(made)))
    }

    fn role(&self, node: &TaskNode, call: &RoleCall) -> Result<IncludedRole, String> {
        let c = &*self.0;
        let key = (node.id, call.clone());
        let known = c.included_roles.lock().unwrap_or_else(|e| e.into_inner()).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let site = c.site(node.id).ok_or("the include is not of this run")?;
        let validate = match &node.act {
            Act::IncludeRole(include) => include.rolespec_validate,
            _ => true,
        };
        let mut unit = Unit::new(c, Arc::clone(&site.play));
        let frame = Frame { chain: Arc::default(), conditional: true, ..site.frame.clone() };
        let made = unit.included_role(call, validate, node.span, &frame);
        c.words(unit.diags)?;
        let made = made.ok_or_else(|| format!("role `{}` cannot be compiled", call.name))?;
        let mut all = c.included_roles.lock().unwrap_or_else(|e| e.into_inner());
        Ok(all.entry(key).or_insert(made).clone())
    }
}
