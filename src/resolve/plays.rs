//! Playbooks as plays: imports followed, sections put in order, vars_files read, prompts named.

use super::keywords::{inherit, many};
use super::load::{missing, tidy};
use super::unit::{Compiler, Frame, PlayScope, Unit};
use crate::base::{Diag, Diags, Map, Span, Value};
use crate::graph::{Encrypt, PlayPlan, Prompt, Sequence, Step, TaskKeywords};
use crate::modules::facts::FactNeeds;
use crate::syntax::ast::{Keywords, Play, PlaybookEntry, Spanned};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A compiled play with what the checks want to know of it.
pub(crate) struct Made<'c> {
    pub plan: PlayPlan,
    pub unit: Unit<'c>,
    pub keywords: Keywords,
    pub hosts: Spanned<Value>,
}

/// What `import_playbook` hands down.
#[derive(Clone, Default)]
struct Imported {
    keywords: TaskKeywords,
    chain: Vec<PathBuf>,
}

/// All plays of a playbook and of those it imports, in order.
pub(crate) fn playbook<'c>(c: &'c Compiler, path: &Path, diags: &mut Diags, out: &mut Vec<Made<'c>>) {
    follow(c, path, &Imported::default(), diags, out);
}

fn follow<'c>(c: &'c Compiler, path: &Path, imported: &Imported, diags: &mut Diags, out: &mut Vec<Made<'c>>) {
    let Some(book) = c.loader.playbook(path, diags) else { return };
    let mut inner = imported.clone();
    inner.chain.push(path.to_path_buf());
    for entry in &book.entries {
        match entry {
            PlaybookEntry::Play(play) => {
                let made = compile_play(c, play, path, imported);
                out.push(made);
            }
            PlaybookEntry::Import { file, keywords, .. } => {
                let mut own = inner.clone();
                own.keywords = inherit(&inner.keywords, keywords);
                match imported_path(c, path, file, &own.keywords) {
                    Ok(next) if own.chain.contains(&next) => {
                        let names: Vec<String> = own.chain.iter().map(|p| p.display().to_string()).collect();
                        let message = format!(
                            "playbooks import each other in a circle: {} → {}",
                            names.join(" → "),
                            next.display()
                        );
                        diags.push(Diag::error("cycle", file.span, message));
                    }
                    Ok(next) => follow(c, &next, &own, diags, out),
                    Err(diag) => diags.push(diag),
                }
            }
        }
    }
}

fn imported_path(
    c: &Compiler,
    from: &Path,
    file: &Spanned<Value>,
    k: &TaskKeywords,
) -> Result<PathBuf, Diag> {
    let dir = from.parent().unwrap_or(Path::new("."));
    let scope = Arc::new(PlayScope { playbook_dir: dir.to_path_buf(), ..PlayScope::default() });
    let unit = Unit::new(c, scope);
    let frame = first_frame(k.clone(), dir);
    let name = unit.known_text(&file.value, &frame).map_err(|why| {
        let message = format!("the file of import_playbook must be known before the run: {why}");
        Diag::error("import-template", file.span, message).hint("give the variable with -e")
    })?;
    let path = tidy(&dir.join(&name));
    if path.is_file() {
        return Ok(path);
    }
    let mut looked = vec![path];
    let parts: Vec<&str> = name.split('.').collect();
    if parts.len() >= 3 && !name.contains('/') {
        let checkout = unit.galaxy(dir).filter(|g| g.name == parts[..2].join("."));
        let installed = c.collection_roots(dir).into_iter().map(|root| root.join(parts[0]).join(parts[1]));
        for root in checkout.map(|g| g.root.clone()).into_iter().chain(installed) {
            let dir = root.join("playbooks");
            if let Some(path) = c.loader.main_file(&dir, &parts[2..].join("/")) {
                return Ok(path);
            }
            looked.push(dir.join(parts[2..].join("/")));
        }
    }
    Err(missing("missing-file", file.span, &format!("playbook `{name}`"), &looked))
}

fn first_frame(keywords: TaskKeywords, dir: &Path) -> Frame {
    Frame {
        keywords: Arc::new(keywords),
        role: None,
        dir: dir.to_path_buf(),
        chain: Arc::default(),
        handlers: false,
        conditional: false,
        lenient: false,
        rescued: false,
        included: false,
    }
}

fn compile_play<'c>(c: &'c Compiler, play: &Play, path: &Path, imported: &Imported) -> Made<'c> {
    let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let dir = if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir };
    let mut vars = Map::new();
    for map in &imported.keywords.vars {
        vars.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    let get = |name: &str| play.keywords.get(name).map(|v| v.value.clone());
    for map in get("vars").iter().flat_map(many) {
        vars.extend(map.as_map().into_iter().flat_map(|m| m.iter().map(|(k, v)| (k.clone(), v.clone()))));
    }
    let collections = get("collections").map(|v| many(&v)).unwrap_or_default();
    let vars = Arc::new(vars);
    let mut found = Diags::default();
    let scope = PlayScope {
        playbook_dir: dir.clone(),
        vars: Arc::clone(&vars),
        files: constant_files(c, get("vars_files").as_ref(), &dir, &mut found),
        collections: collections.iter().filter_map(Value::as_str).map(Arc::from).collect(),
        regroups: Default::default(),
    };
    let mut unit = Unit::new(c, Arc::new(scope));
    unit.diags = found;
    let mut keywords = unit.inherit(&first_frame(imported.keywords.clone(), &dir), &play.keywords);
    keywords.vars.clear();
    // What the play waits for is not what each of its tasks waits for.
    let needs = std::mem::take(&mut keywords.needs);
    let frame = first_frame(keywords.clone(), &dir);
    let frame = frame.enter(path, None);
    unit.check_keywords(&play.keywords, &frame, false);
    let (body, handlers) = sections(&mut unit, play, &frame);
    let verify = unit.items(&play.verify, &frame);
    super::notify::check(&mut unit, &handlers);
    check_subset(play, &mut unit.diags);
    let plan = PlayPlan {
        span: play.span,
        name: get("name").filter(|n| !n.is_null()).unwrap_or_else(|| play.hosts.value.clone()),
        hosts: play.hosts.value.clone(),
        playbook_dir: dir,
        gather_facts: get("gather_facts"),
        gather_subset: get("gather_subset"),
        fact_path: get("fact_path"),
        facts_used: None,
        serial: get("serial"),
        max_fail_percentage: get("max_fail_percentage"),
        order: get("order"),
        force_handlers: get("force_handlers"),
        vars,
        vars_files: get("vars_files").map(|v| many(&v)).unwrap_or_default(),
        vars_prompt: prompts(play, &mut unit.diags),
        keywords: Arc::new(TaskKeywords { needs, ..keywords }),
        role_layers: unit.layers.clone(),
        body: Arc::new(body),
        handlers,
        image: play.keywords.get("image").map(|image| (image.value.clone(), image.span)),
        verify: Arc::new(Sequence { steps: verify }),
    };
    Made { plan, unit, keywords: play.keywords.clone(), hosts: play.hosts.clone() }
}

/// A subset of facts that does not exist fails on every host; where it is written out it is told before.
fn check_subset(play: &Play, diags: &mut Diags) {
    let Some(written) = play.keywords.get("gather_subset") else { return };
    let names = many(&written.value);
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    if let Err(why) = crate::modules::facts::gather_job(&FactNeeds::All, &names, None) {
        diags.push(Diag::error("bad-value", written.span, why));
    }
}

/// The variables of `vars_files` with constant names, for names that imports need.
fn constant_files(c: &Compiler, written: Option<&Value>, dir: &Path, diags: &mut Diags) -> Arc<Map> {
    let mut vars = Map::new();
    for name in written.iter().flat_map(|v| many(v)) {
        let Value::Str(name) = name else { continue };
        let found = super::vars_file_places(dir, &name).into_iter().find(|p| p.is_file());
        if let Some(file) = found.and_then(|p| c.loader.vars(&p, diags)) {
            vars.extend(file.map.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    Arc::new(vars)
}

/// pre_tasks, then roles and tasks, then post_tasks, each followed by the handlers that were notified in it.
fn sections(unit: &mut Unit, play: &Play, frame: &Frame) -> (Sequence, Vec<Arc<crate::graph::Handler>>) {
    let mut steps = Vec::new();
    let flush = || Step::Flush { implicit: true };
    steps.extend(unit.items(&play.pre_tasks, frame));
    if !steps.is_empty() {
        steps.push(flush());
    }
    let mut imported = std::mem::take(&mut unit.handlers);
    for role in &play.roles {
        steps.extend(unit.role_use(role, frame));
    }
    let mut handlers = std::mem::take(&mut unit.handlers);
    steps.extend(unit.items(&play.tasks, frame));
    steps.push(flush());
    let before = steps.len();
    steps.extend(unit.items(&play.post_tasks, frame));
    if steps.len() > before {
        steps.push(flush());
    }
    let own = Frame { handlers: true, ..frame.clone() };
    imported.append(&mut unit.handlers);
    handlers.extend(unit.handler_items(&play.handlers, &own));
    // Those of roles that tasks and handlers import come behind the play's own.
    handlers.append(&mut imported);
    handlers.append(&mut unit.handlers);
    (Sequence { steps }, handlers)
}

fn prompts(play: &Play, diags: &mut Diags) -> Vec<Prompt> {
    let Some(written) = play.keywords.get("vars_prompt") else { return Vec::new() };
    let mut out = Vec::new();
    for entry in many(&written.value) {
        match prompt(&entry, written.span) {
            Ok(prompt) => out.push(prompt),
            Err(diag) => diags.push(diag),
        }
    }
    out
}

/// What Ansible calls the hash, and how `password_hash` names it.
const HASHES: [(&str, &str); 4] =
    [("sha512_crypt", "sha512"), ("sha256_crypt", "sha256"), ("md5_crypt", "md5"), ("bcrypt", "blowfish")];

fn encrypt(entry: &Value, span: Span) -> Result<Option<Encrypt>, Diag> {
    let Some(name) = entry.get("encrypt").and_then(Value::as_str) else { return Ok(None) };
    let Some((_, scheme)) = HASHES.iter().find(|(ours, _)| *ours == name) else {
        let known = HASHES.map(|(name, _)| name);
        let message = format!("`encrypt: {name}` is not supported; there is {}", known.join(", "));
        return Err(Diag::error("bad-prompt", span, message).did_you_mean(name, known));
    };
    let salt_size = match entry.get("salt_size") {
        Some(Value::Int(size)) => Some(*size),
        _ => None,
    };
    Ok(Some(Encrypt { scheme: (*scheme).into(), salt: entry.get("salt").cloned(), salt_size }))
}

fn prompt(entry: &Value, span: Span) -> Result<Prompt, Diag> {
    let get = |name: &str| entry.get(name);
    let Some(name) = get("name").and_then(Value::as_str) else {
        return Err(Diag::error("bad-prompt", span, "an entry of vars_prompt needs a `name`"));
    };
    let flag = |key: &str, or: bool| get(key).map_or(or, super::constant::is_true);
    Ok(Prompt {
        name: name.into(),
        prompt: get("prompt").cloned().unwrap_or_else(|| name.into()),
        private: flag("private", true),
        default: get("default").cloned(),
        confirm: flag("confirm", false),
        encrypt: encrypt(entry, span)?,
    })
}
