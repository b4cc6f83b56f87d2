//! Every name that something might define: generously, since a name too many costs a finding and a name too few makes
//! a false one.

use super::CompileOptions;
use super::action::VARIABLE_ARGS;
use super::facts::Needed;
use super::plays::Made;
use super::unit::{Noted, Unit};
use crate::base::diag::nearest;
use crate::base::{Map, Value};
use crate::graph::{Act, Loop, TaskKeywords};
use crate::spec::ModuleSpec;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Names that are always there, or whenever what sets them is.
const MAGIC: &[&str] = &[
    "caller",
    "environment",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "item",
    "kwargs",
    "loop",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
    "self",
    "super",
    "template_destpath",
    "template_fullpath",
    "template_host",
    "template_mtime",
    "template_path",
    "template_run_date",
    "template_uid",
    "varargs",
    "vars",
];

/// Facts of any name; what connections and the engine set.
const PREFIXES: &[&str] = &["ansible_", "facter_", "ohai_"];

/// Modules that set facts without the usual prefix.
const FACT_MODULES: &[(&str, &str)] =
    &[("service_facts", "services"), ("package_facts", "packages"), ("getent", "getent_*")];

#[derive(Default)]
pub(crate) struct Defined {
    names: HashSet<String>,
    /// Names of which only a part is known: `*_port`.
    patterns: Vec<String>,
    guarded: HashSet<String>,
    /// How often a variable is given a value, and the value.
    values: HashMap<String, (usize, Value)>,
    /// Something defines names that cannot be told.
    pub open: bool,
    /// Roles that only the run can name: each may define anything.
    pub late_roles: usize,
    /// Something other than a loop defines `item`.
    pub item: bool,
    walked: HashSet<usize>,
}

impl Defined {
    pub fn collect(options: &CompileOptions, made: &[Made], needed: &Needed) -> Defined {
        let mut all = Defined { open: needed.open_files, ..Defined::default() };
        all.names.extend(MAGIC.iter().map(|n| n.to_string()));
        if let Some(play) = made.first() {
            all.plain_map(&play.unit, &options.extra_vars);
            for inventory in options.inventory.iter() {
                inventory.hosts.values().for_each(|h| all.plain_map(&play.unit, &h.vars));
                inventory.groups.values().for_each(|g| all.plain_map(&play.unit, &g.vars));
            }
        }
        for play in made {
            all.play(play);
        }
        for (path, text) in &needed.files {
            all.file(path, text, made);
        }
        all
    }

    /// Whether something may define the name, or the name may be missing.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
            || self.guarded.contains(name)
            || PREFIXES.iter().any(|p| name.starts_with(p))
            || self.patterns.iter().any(|p| fits(p, name))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The value of a variable that has one value only, wherever it is used.
    pub fn only_value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|(count, _)| *count == 1).map(|(_, value)| value)
    }

    /// Whether the run itself gives the name a value, whatever variables say.
    pub fn is_given(&self, name: &str) -> bool {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || MAGIC.contains(&name)
    }

    fn play(&mut self, play: &Made) {
        let unit = &play.unit;
        self.open |= unit.incomplete;
        self.map(unit, &play.plan.vars);
        // Whoever bakes the play gives it to it.
        self.names.extend(play.plan.image.iter().map(|_| "fitout_image".to_string()));
        play.plan.vars_prompt.iter().for_each(|prompt| self.defined_elsewhere(&prompt.name));
        for name in play.plan.vars_files.iter().filter_map(Value::as_str) {
            let book = &play.plan.playbook_dir;
            let found = [book.join(name), book.join("vars").join(name)].into_iter().find(|p| p.is_file());
            let file = found.and_then(|p| unit.c.loader.vars(&p, &mut crate::base::Diags::default()));
            file.iter().for_each(|f| self.map(unit, &f.map));
        }
        for role in &unit.layers {
            [&role.defaults, &role.vars, &role.params].into_iter().for_each(|m| self.map(unit, m));
        }
        for noted in &unit.tasks {
            self.task(unit, noted);
        }
        for mention in &unit.mentions {
            if let Ok(used) = &*mention.used {
                self.guarded.extend(used.guarded.iter().cloned());
            }
        }
        super::template_files::names(unit, &mut |_, used, _, _| {
            self.guarded.extend(used.guarded.iter().cloned());
        });
    }

    fn task(&mut self, unit: &Unit, noted: &Noted) {
        let k: &TaskKeywords = &noted.node.keywords;
        k.register.iter().for_each(|name| self.defined_elsewhere(name));
        k.vars.iter().for_each(|m| self.map(unit, m));
        if let Some(role) = &noted.node.role {
            [&role.defaults, &role.vars, &role.params].into_iter().for_each(|m| self.map(unit, m));
        }
        for name in [&k.loop_control.loop_var, &k.loop_control.index_var].into_iter().flatten() {
            self.name(name.as_str(), name);
        }
        match &noted.node.act {
            Act::Module { module, args } => self.module(noted, &module.spec, args),
            Act::IncludeRole(role) => self.late_roles += usize::from(matches!(role.name, Value::Template(_))),
            Act::Meta(word) => self.open |= &**word == "refresh_inventory",
            Act::IncludeTasks { .. } => {}
        }
    }

    fn module(&mut self, noted: &Noted, spec: &ModuleSpec, args: &Map) {
        match spec.name.as_str() {
            "set_fact" | "add_host" => {
                for key in args.keys().filter_map(|k| k.as_str()) {
                    self.open |= key == VARIABLE_ARGS;
                    match key.contains("{{") {
                        true => self.patterns.push(pattern(key)),
                        false => self.defined_elsewhere(key),
                    }
                }
            }
            "include_vars" => {
                if let Some(name) = args.get("name") {
                    self.name(name.as_str(), name);
                }
            }
            "validate_argument_spec" => {}
            name => {
                let sets = FACT_MODULES.iter().find(|(m, _)| *m == name);
                self.patterns.extend(sets.map(|(_, n)| n.to_string()));
                // A module that fitout lacks fails when it is reached, but its facts are what the author meant.
                let written = &*noted.written.action_name;
                let foreign = written.rsplit('.').next().filter(|word| *word != name);
                let meant = |word: &str| {
                    word.ends_with("_facts") || nearest(word, ["set_fact", "include_vars"]).is_some()
                };
                self.open |= foreign.is_some_and(meant)
                    || sets.is_none() && spec.returns.contains_key("ansible_facts");
            }
        }
    }

    fn name(&mut self, name: Option<&str>, value: &Value) {
        match name {
            Some(name) if !matches!(value, Value::Template(_)) => self.defined_elsewhere(name),
            _ => self.open |= matches!(value, Value::Template(_)),
        }
    }

    /// A name whose value is not to be had here.
    fn defined_elsewhere(&mut self, name: &str) {
        self.item |= name == "item";
        self.names.insert(name.to_string());
        self.values.entry(name.to_string()).or_default().0 += 2;
    }

    fn map(&mut self, unit: &Unit, map: &Arc<Map>) {
        if self.walked.insert(Arc::as_ptr(map) as usize) {
            self.plain_map(unit, map);
        }
    }

    fn plain_map(&mut self, unit: &Unit, map: &Map) {
        for (key, value) in map {
            let name = key.to_string();
            let known = self.values.entry(name.clone()).or_insert_with(|| (0, value.clone()));
            known.0 += 1;
            self.item |= name == "item";
            self.names.insert(name);
            self.guards(unit, value);
        }
    }

    fn guards(&mut self, unit: &Unit, value: &Value) {
        match value {
            Value::Template(t) => {
                if let Ok(used) = &*unit.analysed(&t.text, false) {
                    self.guarded.extend(used.guarded.iter().cloned());
                }
            }
            Value::List(items) => items.iter().for_each(|v| self.guards(unit, v)),
            Value::Map(map) => map.values().for_each(|v| self.guards(unit, v)),
            _ => {}
        }
    }

    /// A file that a run may read and that was not compiled: all its keys may be names.
    fn file(&mut self, path: &Path, text: &str, made: &[Made]) {
        let Some(first) = made.first() else { return };
        let loader = &first.unit.c.loader;
        if loader.has_read(path) {
            let read = loader.vars(path, &mut crate::base::Diags::default());
            // What no play and no role has from the start, a task includes, and perhaps not for all hosts.
            let read = read.filter(|file| !self.walked.contains(&(Arc::as_ptr(&file.map) as usize)));
            for (key, value) in read.iter().flat_map(|file| file.map.iter()) {
                self.defined_elsewhere(&key.to_string());
                self.guards(&first.unit, value);
            }
            return;
        }
        if text.starts_with("$ANSIBLE_VAULT") {
            match loader.keyring.open_text(text) {
                Ok(plain) => self.lines(path, &plain),
                Err(_) => self.open = true,
            }
            return;
        }
        self.lines(path, text);
    }

    fn lines(&mut self, path: &Path, text: &str) {
        let template = path.components().any(|c| c.as_os_str() == "templates");
        for line in text.lines() {
            if ["default", " defined", "undefined", " in vars"].iter().any(|w| line.contains(w)) {
                self.guarded.extend(super::facts::words(line).map(|(_, w)| w.to_string()));
            }
            if template {
                continue;
            }
            self.open |=
                line.split("}}").skip(1).any(|rest| rest.trim_start_matches(name_char).starts_with("\":"));
            let mut before = "";
            for (at, word) in super::facts::words(line) {
                let rest = line[at + word.len()..].trim_start_matches(['"', '\'']).trim_start();
                let named = matches!(before, "register" | "loop_var" | "index_var" | "name");
                if named || rest.starts_with([':', '=']) {
                    self.defined_elsewhere(word);
                }
                before = word;
            }
        }
    }
}

/// Whether a name of a file may lead out of the folders that are read.
pub(crate) fn outside(name: &Value, noted: &Noted) -> bool {
    leads_away(name) && !chosen(name, noted)
}

/// Whether a name of a file begins with what only the run knows, or with another folder.
pub(crate) fn leads_away(name: &Value) -> bool {
    let Value::Template(t) = name else { return false };
    let text = t.text.trim();
    let known = ["role_path", "playbook_dir", "ansible_os_family", "ansible_distribution", "ansible_facts"];
    let first = text.strip_prefix("{{").map(|rest| super::facts::leading_word(rest.trim_start()));
    let plain_file =
        text.rsplit_once("}}").is_some_and(|(before, rest)| rest.starts_with('.') && !before.contains('/'));
    let from_known = first.is_some_and(|w| known.iter().any(|k| w.starts_with(k)));
    climbs(text) || first.is_some() && !from_known && !plain_file
}

/// Whether a path leaves its folder for another than the role's own.
fn climbs(text: &str) -> bool {
    let own = ["vars", "tasks", "defaults"].iter().any(|f| text.trim_start_matches("../").starts_with(f));
    text.starts_with(['/', '~']) || text.contains("..") && !(own && text.starts_with("../"))
}

/// Whether the name is one of a loop's or a lookup's constant files, none of which leads away.
fn chosen(name: &Value, noted: &Noted) -> bool {
    fn any_away(value: &Value) -> bool {
        match value {
            Value::List(items) => items.iter().any(any_away),
            Value::Map(map) => map.values().any(any_away),
            Value::Str(text) => climbs(text),
            other => leads_away(other),
        }
    }
    let Value::Template(t) = name else { return false };
    match &noted.node.keywords.loop_ {
        Some(Loop::Items(items) | Loop::With { terms: items, .. }) => !any_away(items),
        None => t.text.contains("first_found"),
    }
}

fn name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A key with `*` for each of its templates.
fn pattern(key: &str) -> String {
    let mut out = String::new();
    let mut rest = key;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        out.push('*');
        rest = rest[at..].find("}}").map_or("", |end| &rest[at + end + 2..]);
    }
    out + rest
}

/// Whether a name fits a pattern of constant parts and `*`.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|p| name.strip_prefix(p)) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (n, part) in parts.iter().enumerate() {
        if n + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_stands_for_all_that_fit() {
        for (key, name, expected) in [
            ("{{ a }}_port", "http_port", true),
            ("{{ a }}_port", "http_ports", false),
            ("x_{{ a }}_{{ b }}_y", "x_1_2_y", true),
            ("x_{{ a }}", "y_1", false),
            ("{{ a }}", "anything", true),
        ] {
            assert_eq!(fits(&pattern(key), name), expected, "{key} {name}");
        }
    }
}
