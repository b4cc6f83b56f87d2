//! The module call of a task: which action it is, and its arguments as one list whatever form they were written in.

use super::known;
use super::unit::{Frame, Unit};
use crate::base::diag::nearest;
use crate::base::{Diag, Map, Span, Template, Value};
use crate::graph::RoleScope;
use crate::modules::Module;
use crate::modules::registry::{Registry, nearest_name, registry};
use crate::spec::{FreeForm, split_free_form, split_words};
use crate::syntax::ast::{Action, ActionArgs, Entries, Spanned};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use crate::syntax::ast::VARIABLE_ARGS;

impl Unit<'_> {
    /// The module an action names, else an error that says what it is instead.
    pub fn module(&mut self, action: &Action, frame: &Frame) -> Option<Arc<Module>> {
        let known = match action.name.value.contains("{{") {
            true => self.templated_name(&action.name, frame)?,
            false => action.name.value.to_string(),
        };
        if let Some(module) = self.found_module(&known, frame) {
            return Some(module);
        }
        let diag = self.no_module(&action.name, frame);
        self.diags.push(diag);
        None
    }

    fn found_module(&mut self, name: &str, frame: &Frame) -> Option<Arc<Module>> {
        let role = frame.role.as_ref().map(|r| r.path.clone());
        let beside = role.into_iter().chain([self.play.playbook_dir.clone()]).map(|dir| dir.join("library"));
        let folders: Vec<PathBuf> = beside.chain(self.c.library.iter().cloned()).collect();
        let libraries: Vec<Arc<Registry>> =
            folders.into_iter().filter_map(|folder| self.library(folder)).collect();
        for library in &libraries {
            if let Some(module) = library.get(name) {
                return Some(Arc::clone(module));
            }
        }
        if let Some(module) = registry().get(name) {
            return Some(Arc::clone(module));
        }
        for collection in self.play.collections.clone() {
            if let Some(module) = registry().get(&format!("{collection}.{name}")) {
                return Some(Arc::clone(module));
            }
        }
        None
    }

    /// `with_` with a lookup that there is not.
    pub fn no_loop(&mut self, lookup: &str, span: Span, role: Option<&RoleScope>) {
        let diag = match self.python_file(lookup, "lookup", role) {
            Some(file) => {
                let message = format!("the lookup `{lookup}` is a Python plugin, which fitout cannot run");
                Diag::error("python-plugin", span, message).hint(format!("it stands in {}", file.display()))
            }
            None => {
                let message = format!("there is no lookup `{lookup}` for `with_{lookup}`");
                let diag = Diag::error("unknown-lookup", span, message);
                match nearest(lookup, crate::eval::known_lookups()) {
                    Some(right) => diag.hint(format!("did you mean `with_{right}`?")),
                    None => diag,
                }
            }
        };
        self.diags.push(diag);
    }

    /// Presets for modules that there are not, and arguments that those have not.
    pub fn check_defaults(&mut self, written: &Spanned<Value>, frame: &Frame) {
        let maps = super::keywords::many(&written.value);
        for (key, args) in maps.iter().filter_map(Value::as_map).flatten() {
            let name = key.to_string();
            if name.starts_with("group/") || name.contains("{{") {
                continue;
            }
            let at = |word: &str| super::names::word_in(written.span, word, &self.c.loader.sources);
            let (span, place) = (at(&name), args.as_map());
            let arguments: Vec<(String, Span, &Value)> =
                place.into_iter().flatten().map(|(k, v)| (k.to_string(), at(&k.to_string()), v)).collect();
            let Some(module) = self.found_module(&name, frame) else {
                let diag = self.no_module(&Spanned { value: name.into(), span }, frame);
                // Of others nothing is known here; their tasks say so.
                if diag.code == "unknown-module" {
                    self.diags.push(diag);
                }
                continue;
            };
            let given: Vec<_> = arguments.iter().map(|(k, span, v)| (k.as_str(), *span, *v)).collect();
            let found = crate::spec::check_args(&module.spec, span, &given);
            for diag in found.iter().filter(|d| matches!(d.code, "unknown-argument" | "argument-value")) {
                self.diags.push(diag.clone());
            }
        }
    }

    /// The module that a templated action names: known from constants, or the host's own package manager, for which
    /// `package` stands.
    fn templated_name(&mut self, name: &Spanned<Arc<str>>, frame: &Frame) -> Option<String> {
        let bare: String =
            name.value.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
        if matches!(
            &*bare,
            "{{ansible_pkg_mgr}}" | "{{ansible_facts.pkg_mgr}}" | "{{ansible_facts[pkg_mgr]}}"
        ) {
            return Some("package".into());
        }
        let template = Template { text: Arc::clone(&name.value), span: Some(name.span) };
        match self.known_text(&Value::Template(Arc::new(template)), frame) {
            Ok(known) => Some(known),
            Err(why) => {
                let message = format!("the module of a task must be known before the run: {why}");
                let diag = Diag::error("templated-action", name.span, message);
                self.diags.push(diag.hint("write one task for each module, with `when`"));
                None
            }
        }
    }

    /// A task under a condition whose module fitout lacks may never be reached (another distribution's branch): then
    /// it warns now and fails by name where a host does reach it. Elsewhere nothing runs, and what the task registers,
    /// defines and notifies is known nevertheless.
    pub fn stand_in(
        &mut self,
        action: &Action,
        conditional: bool,
        from: usize,
    ) -> Option<(Arc<Module>, Map)> {
        let fail = Arc::clone(registry().get("fail")?);
        let last = self.diags.iter().nth(from)?.clone();
        if conditional && matches!(last.code, "unsupported-module" | "python-plugin") {
            self.diags.soften(from);
        }
        let mut args = Map::new();
        let place = self.c.loader.sources.location(action.name.span);
        args.insert("msg".into(), format!("{} ({place})", last.message).into());
        Some((fail, args))
    }

    fn library(&mut self, folder: PathBuf) -> Option<Arc<Registry>> {
        let mut known = self.c.registries.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(found) = known.get(&folder) {
            return found.clone();
        }
        let read =
            if folder.is_dir() { Some(Registry::with_library(std::slice::from_ref(&folder))) } else { None };
        let made = match read {
            Some(Ok(registry)) => Some(Arc::new(registry)),
            Some(Err(why)) => {
                self.diags.push(Diag::error("bad-module", None, why));
                None
            }
            None => None,
        };
        known.insert(folder, made.clone());
        made
    }

    fn no_module(&self, name: &Spanned<Arc<str>>, frame: &Frame) -> Diag {
        let word = &*name.value;
        let short = word.rsplit('.').next().unwrap_or(word);
        if let Some(file) = self.python_plugin(word, frame) {
            let message = format!("`{word}` is a Python plugin, which fitout cannot run");
            return Diag::error("python-plugin", name.span, message).hint(format!(
                "it stands in {}; a module of fitout's own is a folder with module.yml",
                file.display()
            ));
        }
        let near = nearest_name(word, registry().all_names().chain(known::ACTIONS.iter().copied()));
        let parts = word.split('.').count();
        let own = word.starts_with("ansible.builtin.") || word.starts_with("ansible.legacy.");
        if parts >= 3 && !own || known::is_module(short) && (parts != 2) {
            let message = format!("module `{word}` is not supported");
            let diag = Diag::error("unsupported-module", name.span, message);
            let diag = near.into_iter().fold(diag, |d, right| d.hint(format!("did you mean `{right}`?")));
            return diag.hint("`fitout modules` lists those that are");
        }
        let diag = Diag::error("unknown-module", name.span, format!("there is no module `{word}`"));
        near.into_iter().fold(diag, |d, right| d.hint(format!("did you mean `{right}`?")))
    }

    /// The arguments in one list. Text is split as the module's interface says.
    pub fn arguments(&mut self, action: &Action, module: Option<&Module>) -> Entries {
        let mut entries = match &action.args {
            ActionArgs::None => Entries::new(),
            ActionArgs::Entries(entries) => entries.clone(),
            ActionArgs::Text(text) => self.text_arguments(action, text, module),
            ActionArgs::Other(value) => self.other_arguments(action, value, module),
        };
        for (key, value) in &action.extra {
            if !entries.iter().any(|(k, _)| k.value == key.value) {
                entries.push((key.clone(), value.clone()));
            }
        }
        entries
    }

    fn other_arguments(
        &mut self,
        action: &Action,
        value: &Spanned<Value>,
        module: Option<&Module>,
    ) -> Entries {
        let free = module.and_then(|m| m.spec.free_form.clone());
        let scalar = !matches!(value.value, Value::List(_) | Value::Map(_));
        match free {
            Some(name) if scalar => {
                vec![(Spanned { value: name.into(), span: value.span }, value.clone())]
            }
            _ if value.value.is_null() => Entries::new(),
            _ => {
                let message = format!(
                    "`{}` wants its arguments as a mapping, not {}",
                    action.name.value,
                    value.value.type_name()
                );
                self.diags.push(Diag::error("argument-form", value.span, message));
                Entries::new()
            }
        }
    }

    fn text_arguments(
        &mut self,
        action: &Action,
        value: &Spanned<Value>,
        module: Option<&Module>,
    ) -> Entries {
        let span = value.span;
        let text = match &value.value {
            Value::Str(text) => Arc::clone(text),
            Value::Template(t) => Arc::clone(&t.text),
            _ => return self.other_arguments(action, value, module),
        };
        let free = module.and_then(|m| m.spec.free_form.clone());
        let split = match module {
            Some(module) => split_free_form(&module.spec, &text),
            None => split_words(&text, None),
        };
        let form = match split {
            Ok(form) => form,
            Err(why) => {
                self.diags.push(Diag::error(
                    "argument-form",
                    span,
                    format!("the arguments cannot be split: {why}"),
                ));
                // It is there, so nothing else is said to be missing.
                let whole = (span, value.value.clone());
                return free.into_iter().map(|name| free_entry(&name, whole.clone())).collect();
            }
        };
        self.split_entries(action, value, &text, form, free, module.is_some())
    }

    fn split_entries(
        &mut self,
        action: &Action,
        value: &Spanned<Value>,
        text: &Arc<str>,
        form: FreeForm,
        free: Option<String>,
        is_module: bool,
    ) -> Entries {
        let span = value.span;
        let mut entries = Entries::new();
        for word in form.words {
            let at = place_of(span, text, word.at.start, word.at.end, &self.c.loader.sources);
            let value = text_value(&word.value, at);
            entries.push((Spanned { value: word.key.into(), span: at }, Spanned { value, span: at }));
        }
        if form.rest.is_empty() {
            return entries;
        }
        let whole = entries.is_empty() && form.rest == text.trim();
        let rest = if whole { value.value.clone() } else { text_value(&form.rest, span) };
        match free {
            Some(name) => entries.insert(0, free_entry(&name, (span, rest))),
            None if !is_module => entries.insert(0, free_entry("_raw_params", (span, rest))),
            None if form.rest.starts_with("{{") && entries.is_empty() => {
                entries.push((Spanned { value: VARIABLE_ARGS.into(), span }, Spanned { value: rest, span }));
            }
            None => {
                let message =
                    format!("`{}` is no `name=value` argument of `{}`", form.rest, action.name.value);
                self.diags.push(Diag::error("argument-form", span, message));
            }
        }
        entries
    }
}

/// The free form as the argument that takes it.
fn free_entry(name: &str, (span, value): (Span, Value)) -> (Spanned<Arc<str>>, Spanned<Value>) {
    (Spanned { value: name.into(), span }, Spanned { value, span })
}

/// A piece of `k=v` text as a value: always text, a template where it holds one.
fn text_value(text: &str, span: Span) -> Value {
    match crate::syntax::yaml::is_template(text) {
        true => Value::Template(Arc::new(Template { text: text.into(), span: Some(span) })),
        false => text.into(),
    }
}

/// The place of a part of a scalar's text; the scalar itself where it is folded or quoted out of step.
fn place_of(span: Span, text: &str, start: usize, end: usize, sources: &crate::base::Sources) -> Span {
    let file = sources.get(span.file);
    let written = file.text.get(span.start as usize..span.end as usize).unwrap_or_default();
    match written.find(text) {
        Some(at) => {
            let base = span.start as usize + at;
            Span::new(span.file, base + start, base + end)
        }
        None => span,
    }
}
