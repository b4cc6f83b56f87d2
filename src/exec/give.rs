//! Variables that tasks set, and whose they are: the host's own, or with `delegate_facts` the delegate's.

use super::control::Done;
use super::host::{Host, TaskContext};
use super::outcome::{TaskOutcome, UnitOutcome};
use super::scope::TaskScope;
use super::state::HostMemory;
use crate::base::{List, Map, Value};
use crate::eval::is_identifier;
use crate::graph::Act;
use crate::modules::{Args, Failure, Module};
use crate::spec::ArgType;
use std::sync::Arc;

impl Host {
    pub(super) fn delegates_facts(&self, cx: &TaskContext, scope: &Arc<TaskScope>) -> bool {
        super::unit::evaluated_flag(&self.run, &cx.keywords.delegate_facts, scope, false).unwrap_or(false)
    }

    /// The host that facts belong to which are found in this scope (of an item, in a loop).
    fn whose_facts(&self, cx: &TaskContext, scope: &Arc<TaskScope>) -> Arc<str> {
        if !self.delegates_facts(cx, scope) {
            return Arc::clone(&self.name);
        }
        match super::unit::evaluated_text(&self.run, &cx.keywords.delegate_to, scope) {
            Ok(Some(other)) => other.into(),
            _ => Arc::clone(&self.name),
        }
    }

    /// A host learns something: this one, or another that sees it when it comes to its next task.
    fn remember_for(&mut self, host: &Arc<str>, change: impl FnOnce(&mut HostMemory)) {
        if *host == self.name {
            return self.remember(change);
        }
        self.run.remember(host, |memory| {
            change(memory);
            memory.given += 1;
        });
    }

    /// Sees what other hosts have given to this one since its last task.
    pub(super) fn catch_up(&mut self) {
        let given = self.run.given(&self.name);
        if given != self.given {
            self.given = given;
            self.refresh();
            // What was read ahead was read without it.
            self.ahead.clear();
        }
    }

    /// The facts of each unit go to the host that they belong to.
    pub(super) fn learn_facts(&mut self, cx: &TaskContext, outcome: &TaskOutcome) {
        // These two have put their names among the variables already.
        if matches!(cx.node.action_name(), "set_fact" | "include_vars") {
            return;
        }
        for unit in &outcome.units {
            let Some(facts) = unit.result.get("ansible_facts").and_then(Value::as_map) else { continue };
            let whose = self.whose_facts(cx, &self.unit_scope(cx, outcome, unit));
            self.remember_for(&whose, |memory| memory.learn(facts));
        }
    }

    /// The variables that another host's `set_fact` or `include_vars` has set.
    pub(super) fn take_variables(&mut self, cx: &TaskContext, outcome: &TaskOutcome) {
        let Act::Module { module, args } = &cx.node.act else { return };
        let name = module.spec.name.as_str();
        if !matches!(name, "set_fact" | "include_vars") {
            return;
        }
        let cacheable = args.get("cacheable").and_then(crate::spec::to_bool) == Some(true);
        let facts = outcome.units.iter().filter_map(|unit| unit.result.get("ansible_facts")?.as_map());
        self.remember(|memory| {
            for (key, value) in facts.flat_map(|facts| facts.iter()) {
                if cacheable {
                    HostMemory::insert(&mut memory.cacheable, key.clone(), value.clone());
                }
                let place = if name == "set_fact" { &mut memory.set } else { &mut memory.included };
                HostMemory::insert(place, key.clone(), value.clone());
            }
        });
    }

    pub(super) fn set_fact(
        &mut self,
        cx: &TaskContext,
        module: &Module,
        raw: &Map,
        scope: &Arc<TaskScope>,
    ) -> Done {
        let mut facts =
            super::defaults::for_module(&self.run, &cx.keywords, module, scope).map_err(Failure::new)?;
        let cacheable = self.of_type(raw, "cacheable", ArgType::Bool, scope)? == Some(Value::Bool(true));
        for (key, value) in raw.iter().filter(|(key, _)| key.as_str() != Some("cacheable")) {
            let value = self.evaluated(value, scope)?;
            let key = match key.as_str() {
                Some(text) if text.contains("{{") => {
                    let template = crate::base::Template { text: text.into(), span: None };
                    self.evaluated(&Value::Template(Arc::new(template)), scope)?
                }
                Some(text) => text.into(),
                None => Value::from(key.to_string()),
            };
            if let Value::Unknown(why) = &key {
                return Ok(UnitOutcome::unknown(&**why));
            }
            let name = crate::spec::to_text(&key);
            if !is_identifier(&name) {
                let may = "it has letters, digits and underscores, and does not begin with a digit";
                return Err(Failure::new(format!("set_fact: `{name}` is not a variable name: {may}")));
            }
            if value == Value::Omit {
                continue;
            }
            facts.insert(name.into(), value);
        }
        if facts.is_empty() {
            return Err(Failure::new(
                "No key/value pairs provided, at least one is required for this action to succeed",
            ));
        }
        let shown = facts.clone();
        let set = |memory: &mut HostMemory| {
            for (key, value) in facts {
                if cacheable {
                    HostMemory::insert(&mut memory.cacheable, key.clone(), value.clone());
                }
                HostMemory::insert(&mut memory.set, key, value);
            }
        };
        let whose = self.whose_facts(cx, scope);
        self.remember_for(&whose, set);
        // Registered as Ansible does it; the names are variables, not facts (`learn` knows).
        let result = [("ansible_facts".into(), Value::from(shown))].into_iter().collect();
        Ok(UnitOutcome::done(None, result))
    }

    pub(super) fn include_vars(&mut self, cx: &TaskContext, args: &Args, scope: &Arc<TaskScope>) -> Done {
        let loaded = super::vars_files::include(&self.run, args, scope)?;
        let files: List = loaded.files.iter().map(|f| f.display().to_string().into()).collect();
        let vars = loaded.vars;
        let shown = Value::from(vars.clone());
        let whose = self.whose_facts(cx, scope);
        self.remember_for(&whose, |memory| {
            for (key, value) in vars {
                HostMemory::insert(&mut memory.included, key, value);
            }
        });
        let result = [("ansible_facts", shown), ("ansible_included_var_files", Value::from(files))];
        let result = result.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Ok(UnitOutcome::done(None, result))
    }
}
