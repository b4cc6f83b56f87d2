//! Which names a task mentions, so that the executor knows which values it waits for; and the findings in its
//! templates: syntax, filters, tests and lookups that there are not.

use super::names::Mention;
use super::reads::{reads_here, sends};
use super::unit::{Frame, Unit};
use crate::base::{Diag, Map, Span, Value};
use crate::eval::{self, NameUse};
use crate::graph::{Act, CONNECTION_VARS, Loop, RoleScope, TaskKeywords};
use crate::syntax::ast::{Entries, Keywords, Task};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The names of one task. `None`: cannot be told, so all.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub names: Option<Vec<Arc<str>>>,
    pub other_hosts: bool,
    /// Whether files of the controller are read.
    pub reads_here: bool,
    /// Without those of the file that it renders, where there is one.
    pub looks: Option<Vec<Arc<str>>>,
}

/// What a text uses, or what is wrong with it.
pub(crate) type Analysed = Arc<Result<NameUse, eval::EvalError>>;

/// Keywords whose strings are expressions without braces.
const BARE: &[&str] = &["when", "changed_when", "failed_when", "until"];

impl Unit<'_> {
    pub fn uses(&mut self, act: &Act, keywords: &TaskKeywords, frame: &Frame) -> Uses {
        let mut walk = Walk::default();
        let mut renders = false;
        let k = keywords;
        let conditions = [&k.when, &k.changed_when, &k.failed_when, &k.until, &k.loop_control.break_when];
        for value in conditions.into_iter().flatten() {
            walk.value(self, value, true);
        }
        for value in self::values(k) {
            walk.value(self, value, false);
        }
        // How the host is reached is read without being named.
        let role = frame.role.iter().flat_map(|r| [&r.params, &r.vars, &r.defaults]);
        let maps: Vec<Arc<Map>> = k.vars.iter().chain(role).cloned().collect();
        for value in maps.iter().flat_map(|map| CONNECTION_VARS.iter().filter_map(|name| map.get(*name))) {
            walk.value(self, value, false);
        }
        walk.groups |=
            matches!(&k.loop_, Some(Loop::With { lookup, .. }) if &**lookup == "inventory_hostnames");
        walk.reads_here |= matches!(&k.loop_, Some(Loop::With { lookup, .. }) if reads_here(lookup));
        match act {
            Act::Module { module, args } => {
                let bare = matches!(module.spec.name.as_str(), "assert" | "debug");
                args.iter().for_each(|(name, v)| {
                    walk.value(self, v, bare && matches!(name.as_str(), Some("that" | "var")));
                });
                // A template file and a file of variables have names of their own.
                walk.all |= module.spec.name == "validate_argument_spec";
                walk.reads_here |= sends(&module.spec.name, args);
                renders = module.spec.name == "template";
            }
            Act::IncludeTasks { file, .. } => walk.value(self, file, false),
            Act::IncludeRole(_) => walk.all = true,
            Act::Meta(_) => {}
        }
        walk.follow(self, k, frame);
        let mut looks = None;
        if let (Act::Module { args, .. }, true) = (act, renders) {
            looks = walk.told();
            // With delimiters of its own the file reads otherwise.
            let usual = !args.keys().any(|k| k.to_string().ends_with("_string"));
            walk.file(self, args.get("src").filter(|_| usual), frame);
            walk.follow(self, k, frame);
        }
        let names = walk.told();
        let of_play = walk.names.iter().any(|name| PLAY_HOSTS.contains(&&**name));
        let of_groups = walk.groups || walk.names.iter().any(|name| GROUPS.contains(&&**name));
        // Another host may be about to come into a group.
        let regrouped = of_groups && self.play.regroups.load(Ordering::Relaxed);
        if let Act::Module { module, .. } = act
            && matches!(module.spec.name.as_str(), "add_host" | "group_by")
        {
            self.play.regroups.store(true, Ordering::Relaxed);
        }
        let reads_here = walk.reads_here || names.is_none();
        Uses { other_hosts: names.is_none() || of_play || regrouped, reads_here, names, looks }
    }

    /// What a text uses; each text is looked at once a run.
    pub fn analysed(&self, text: &Arc<str>, bare: bool) -> Analysed {
        let key = (Arc::clone(text), bare);
        let mut known = self.c.analysed.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(found) = known.get(&key) {
            return Arc::clone(found);
        }
        let made = Arc::new(eval::names_used(text, bare));
        known.insert(key, Arc::clone(&made));
        made
    }

    /// Findings in the templates a task writes itself, and the names they use.
    pub fn check_templates(
        &mut self,
        task: &Task,
        args: &Entries,
        (frame, k): (&Frame, &TaskKeywords),
        asserts: bool,
    ) {
        let outer = frame.may_be_skipped() || k.ignore_errors.is_some();
        // What includes bring may have the item of theirs.
        let item = frame.included || frame.role.is_some() || k.loop_.is_some();
        self.check_words(&task.keywords, frame, outer, item);
        let skippable = outer || !k.when.is_empty() || super::names::only_on_demand(&k.tags);
        let place = Place { role: frame.role.clone(), skippable, lazy: false, item };
        let shows = super::known::short(&task.action.name.value) == "debug";
        for (key, value) in args {
            // `debug` says itself that the variable is not there, and goes on.
            let (var, soft) = (shows && &*key.value == "var", Place { skippable: true, ..place.clone() });
            let bare = asserts && &*key.value == "that" || var;
            self.check_value(&value.value, value.span, bare, if var { &soft } else { &place });
        }
    }

    /// The templates among the keywords of a task, a block, an import, a role's use or a play.
    pub fn check_keywords(&mut self, keywords: &Keywords, frame: &Frame, outer: bool) {
        self.check_words(keywords, frame, outer, true);
    }

    fn check_words(&mut self, keywords: &Keywords, frame: &Frame, outer: bool, item: bool) {
        let conditional = keywords.get("when").is_some() || keywords.get("loop").is_some();
        for (key, value) in &keywords.0 {
            let word = &*key.value;
            if let Some(lookup) = word.strip_prefix("with_").filter(|name| !eval::analyse::is_lookup(name)) {
                self.no_loop(lookup, key.span, frame.role.as_deref());
            }
            let bare = BARE.contains(&word);
            // A name that cannot be read spoils no task, and variables are read only where they are used.
            let lazy = matches!(word, "vars" | "name" | "vars_prompt" | "vars_files" | "hosts");
            let mut place = Place { role: frame.role.clone(), skippable: outer || conditional, lazy, item };
            if word == "loop_control" {
                let ends = value.value.get("break_when").map(super::keywords::many).unwrap_or_default();
                // Those in braces are looked at with all else that is in it.
                let ends = ends.into_iter().filter(|condition| matches!(condition, Value::Str(_)));
                ends.for_each(|condition| self.check_value(&condition, value.span, true, &place));
            }
            if word != "when" {
                self.check_value(&value.value, value.span, bare, &place);
                continue;
            }
            // Each condition is read only where those before it hold.
            place.skippable = outer;
            for condition in super::keywords::many(&value.value) {
                self.check_value(&condition, value.span, true, &place);
                place.skippable = true;
            }
        }
    }

    fn check_value(&mut self, value: &Value, span: Span, bare: bool, place: &Place) {
        match value {
            Value::Template(t) => self.check_text(&t.text, t.span.unwrap_or(span), false, place),
            Value::Str(text) if bare => self.check_text(text, span, true, place),
            Value::List(items) => items.iter().for_each(|v| self.check_value(v, span, bare, place)),
            Value::Map(map) => map.values().for_each(|v| self.check_value(v, span, false, place)),
            _ => {}
        }
    }

    fn check_text(&mut self, text: &Arc<str>, span: Span, bare: bool, place: &Place) {
        let analysed = self.analysed(text, bare);
        let used = match &*analysed {
            Ok(used) => used,
            Err(why) => {
                let place = eval::spot(&self.c.loader.sources, span, text, why.line, why.column);
                self.diags.push(super::template_hints::unreadable(place, text, bare, why));
                return;
            }
        };
        let sources = &self.c.loader.sources;
        let at = |name: &str, _| super::names::word_in(span, name, sources);
        for diag in self.unknown_plugins(used, place.role.as_deref(), at) {
            self.diags.push(diag);
        }
        let patterns = super::constants::of_text(used, span, place.lazy || place.skippable, sources);
        patterns.into_iter().for_each(|diag| self.diags.push(diag));
        if !place.lazy {
            let (used, skippable, item) = (Arc::clone(&analysed), place.skippable, place.item);
            self.mentions.push(Mention { used, span, skippable, item });
        }
    }

    /// Filters, tests and lookups that there are not. `at` gives the place of a name and its offset in the text.
    pub fn unknown_plugins(
        &self,
        used: &NameUse,
        role: Option<&RoleScope>,
        at: impl Fn(&str, usize) -> Span,
    ) -> Vec<Diag> {
        type Known = (&'static str, &'static str, fn(&str) -> bool, fn() -> Vec<&'static str>);
        let kinds: [(Known, &Vec<(String, usize)>); 3] = [
            (("unknown-filter", "filter", eval::analyse::is_filter, eval::known_filters), &used.filters),
            (("unknown-test", "test", eval::analyse::is_test, eval::known_tests), &used.tests),
            (("unknown-lookup", "lookup", eval::analyse::is_lookup, eval::known_lookups), &used.lookups),
        ];
        let mut found = Vec::new();
        for ((code, noun, is_known, known), names) in kinds {
            for (name, offset) in names.iter().filter(|(n, _)| !is_known(n)) {
                let span = at(name, *offset);
                found.push(match self.python_file(name, noun, role) {
                    Some(file) => {
                        let message =
                            format!("the {noun} `{name}` is a Python plugin, which fitout cannot run");
                        Diag::error("python-plugin", span, message)
                            .hint(format!("it stands in {}", file.display()))
                    }
                    None => {
                        let diag = Diag::error(code, span, format!("there is no {noun} `{name}`"));
                        match noun == "filter" && eval::analyse::is_test(name) {
                            true => diag.hint(format!("`{name}` is a test: write `is {name}`")),
                            false => diag.did_you_mean(name, known()),
                        }
                    }
                });
            }
        }
        found
    }
}

/// What a text's place says of it.
#[derive(Clone)]
struct Place {
    role: Option<Arc<RoleScope>>,
    skippable: bool,
    /// Read only where something uses it.
    lazy: bool,
    /// A loop around it may define `item`.
    item: bool,
}

/// Names of the hosts that are left in the play.
const PLAY_HOSTS: [&str; 3] = ["ansible_play_hosts", "ansible_play_batch", "play_hosts"];

/// Names of what `add_host` and `group_by` change.
const GROUPS: [&str; 2] = ["groups", "group_names"];

#[derive(Default)]
struct Walk {
    names: Vec<Arc<str>>,
    seen: HashSet<Arc<str>>,
    all: bool,
    /// A lookup goes through the groups.
    groups: bool,
    reads_here: bool,
    /// How many of the names were followed into what defines them.
    followed: usize,
}

impl Walk {
    /// The names; `None` where they cannot be told, or other hosts' are among them.
    fn told(&self) -> Option<Vec<Arc<str>>> {
        let other_hosts = self.names.iter().any(|n| matches!(&**n, "hostvars" | "vars"));
        (!self.all && !other_hosts).then(|| self.names.clone())
    }

    /// Adds the names that the values of these names mention.
    fn follow(&mut self, unit: &Unit, k: &TaskKeywords, frame: &Frame) {
        while self.followed < self.names.len() && !self.all {
            let name = Arc::clone(&self.names[self.followed]);
            self.followed += 1;
            self.define(unit, &name, k, frame);
        }
    }

    fn value(&mut self, unit: &Unit, value: &Value, bare: bool) {
        match value {
            Value::Template(t) => self.text(unit, &t.text, false),
            Value::Str(text) if bare => self.text(unit, text, true),
            Value::List(items) => items.iter().for_each(|v| self.value(unit, v, bare)),
            Value::Map(map) => map.values().for_each(|v| self.value(unit, v, false)),
            _ => {}
        }
    }

    fn text(&mut self, unit: &Unit, text: &Arc<str>, bare: bool) {
        let analysed = unit.analysed(text, bare);
        let Ok(used) = &*analysed else {
            self.all = true;
            return;
        };
        // `template` and `vars` lookups read names that stand elsewhere.
        self.all |= used.lookups.iter().any(|(n, _)| n.ends_with("template") || n.ends_with("vars"));
        self.groups |= used.lookups.iter().any(|(n, _)| n.ends_with("inventory_hostnames"));
        let files = used.lookups.iter().chain(&used.tests).chain(&used.filters);
        self.reads_here |= files.into_iter().any(|(name, _)| reads_here(name));
        for (name, _) in &used.names {
            let name: Arc<str> = name.as_str().into();
            if self.seen.insert(Arc::clone(&name)) {
                self.names.push(name);
            }
        }
    }

    /// The names of a template file. One that cannot be told now may use all.
    fn file(&mut self, unit: &Unit, src: Option<&Value>, frame: &Frame) {
        let found = src.and_then(Value::as_str).and_then(|name| {
            let role = frame.role.iter().flat_map(|r| [r.path.join("templates"), r.path.clone()]);
            let book = &unit.play.playbook_dir;
            let dirs = role.chain([frame.dir.join("templates"), frame.dir.clone()]);
            let mut paths = dirs.chain([book.join("templates"), book.clone()]).map(|d| d.join(name));
            paths.find(|p| p.is_file())
        });
        let text = found.and_then(|path| std::fs::read_to_string(path).ok());
        let text =
            text.filter(|t| !["include", "import", "extends", "#jinja2"].iter().any(|w| t.contains(w)));
        let used =
            text.and_then(|t| eval::analyse::names_used_in_file(&t, &eval::TemplateOptions::default()).ok());
        // What a template imports or includes has names of its own.
        let Some(used) = used.filter(|u| u.lookups.is_empty()) else {
            self.all = true;
            return;
        };
        for (name, _) in &used.names {
            let name: Arc<str> = name.as_str().into();
            if self.seen.insert(Arc::clone(&name)) {
                self.names.push(name);
            }
        }
    }

    /// Follows a name into the variables of that name. One that nothing here defines stays a name: the variables of
    /// the inventory are not looked into.
    fn define(&mut self, unit: &Unit, name: &Arc<str>, k: &TaskKeywords, frame: &Frame) {
        let role = frame.role.iter().flat_map(|r| [&r.params, &r.vars, &r.defaults]);
        let layers = unit.layers.iter().flat_map(|r| [&r.vars, &r.defaults]);
        let maps: Vec<&Arc<Map>> = [&unit.c.extra_vars, &unit.play.vars]
            .into_iter()
            .chain(&k.vars)
            .chain(role)
            .chain(layers)
            .collect();
        for value in maps.into_iter().filter_map(|m| m.get(&**name)) {
            self.value(unit, value, false);
        }
    }
}

/// Every value of the keywords that is a template where it is text.
fn values(k: &TaskKeywords) -> Vec<&Value> {
    let lists = k.environment.iter().chain(&k.notify).chain(&k.module_defaults).chain(&k.tags);
    let single = [
        &k.become_,
        &k.become_user,
        &k.become_method,
        &k.become_flags,
        &k.become_exe,
        &k.remote_user,
        &k.connection,
        &k.port,
        &k.ignore_errors,
        &k.ignore_unreachable,
        &k.any_errors_fatal,
        &k.check_mode,
        &k.diff,
        &k.no_log,
        &k.run_once,
        &k.delegate_to,
        &k.delegate_facts,
        &k.throttle,
        &k.timeout,
        &k.retries,
        &k.delay,
        &k.async_,
        &k.poll,
        &k.loop_control.label,
        &k.loop_control.loop_var,
        &k.loop_control.pause,
    ];
    let mut out: Vec<&Value> = lists.chain(single.into_iter().flatten()).collect();
    match &k.loop_ {
        Some(Loop::Items(value) | Loop::With { terms: value, .. }) => out.push(value),
        None => {}
    }
    out
}
