//! Checks against interfaces: a module's arguments by its module.yml, a role's by its argument_specs.

use super::action::VARIABLE_ARGS;
use super::load::Meta;
use super::roles::RoleRef;
use super::unit::{Frame, Noted, Unit, Written};
use crate::base::diag::Severity;
use crate::base::{Diag, Map, Span, Value};
use crate::graph::{Act, Step, TaskNode};
use crate::modules::Module;
use crate::modules::registry::registry;
use crate::spec::check_args;
use crate::syntax::ast::{Entries, Task};
use std::sync::Arc;

impl Unit<'_> {
    /// Names, types and groups of arguments. Those that module_defaults may add are not missed.
    pub fn check_module_args(&mut self, task: &Task, module: &Arc<Module>, entries: &Entries, frame: &Frame) {
        if entries.iter().any(|(k, _)| &*k.value == VARIABLE_ARGS) {
            return;
        }
        let at = task.action.name.span;
        let given: Vec<(&str, Span, &Value)> =
            entries.iter().map(|(k, v)| (&*k.value, k.span, &v.value)).collect();
        let defaults =
            !frame.keywords.module_defaults.is_empty() || task.keywords.get("module_defaults").is_some();
        // A task that is expected to fail may be written to fail: it warns now and fails when it runs.
        let soft = frame.may_fail(&task.keywords);
        let skippable = frame.may_be_skipped() || task.keywords.get("when").is_some();
        match module.spec.name.as_str() {
            "set_fact" => self.check_facts(entries),
            "package" => self.check_package(entries),
            name => self.check_patterns(name, entries, soft || skippable),
        }
        for diag in check_args(&module.spec, at, &given).iter() {
            let of_absence = matches!(diag.code, "missing-argument" | "argument-group");
            if !(defaults && of_absence) {
                let severity = if soft { Severity::Warning } else { diag.severity };
                self.diags.push(Diag { severity, ..diag.clone() });
            }
        }
    }

    /// Names of variables that are set as written.
    fn check_facts(&mut self, entries: &Entries) {
        let written = |name: &str| !name.contains("{{") && !crate::eval::is_identifier(name);
        for (key, _) in entries.iter().filter(|(key, _)| written(&key.value)) {
            let message = format!("`{}` cannot name a variable", key.value);
            let diag = Diag::error("bad-variable-name", key.span, message);
            self.diags.push(diag.hint("letters, digits and `_`, and no digit first"));
        }
    }

    /// The task that validates a role's arguments before the role's own tasks, as Ansible inserts it.
    pub fn validation(&mut self, meta: &Meta, call: &RoleRef, frame: &Frame) -> Option<Step> {
        let entry = call.from.tasks.as_deref().unwrap_or("main");
        let entry = entry.trim_end_matches(".yml").trim_end_matches(".yaml");
        let spec = meta.argument_specs.as_ref()?.get(entry)?;
        let module = Arc::clone(registry().get("validate_argument_spec")?);
        let mut args = Map::new();
        args.insert(
            "argument_spec".into(),
            spec.get("options").cloned().unwrap_or_else(|| Map::new().into()),
        );
        let role = frame.role.as_ref().and_then(|role| std::path::absolute(&role.path).ok());
        let path = role.map(|path| path.display().to_string()).unwrap_or_default();
        let context =
            [("type", "role"), ("name", &call.name), ("argument_spec_name", entry), ("path", path.as_str())];
        args.insert("validate_args_context".into(), context.into_iter().collect::<Value>());
        let mut keywords = (*frame.keywords).clone();
        if !keywords.tags.contains(&"always".into()) {
            keywords.tags.push("always".into());
        }
        let about = spec.get("short_description").and_then(Value::as_str);
        let words = about.map(|a| format!(" - {a}")).unwrap_or_default();
        let node = Arc::new(TaskNode {
            id: self.c.next_id(),
            span: call.span,
            name: Some(format!("Validating arguments against arg spec '{entry}'{words}").into()),
            act: Act::Module { module, args: Arc::new(args) },
            keywords: Arc::new(keywords),
            role: frame.role.clone(),
            uses: None,
            looks: None,
            uses_other_hosts: false,
            reads_here: false,
        });
        self.tasks.push(Noted {
            node: Arc::clone(&node),
            handler: false,
            lenient: true,
            dir: frame.dir.clone(),
            listen: Vec::new(),
            written: Arc::new(Written::default()),
        });
        Some(Step::Task(node))
    }
}
