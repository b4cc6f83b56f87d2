//! Lookups of files on the controller.

use super::{Call, unreadable};
use crate::base::{List, Map, Value};
use crate::eval::compile::TemplateOptions;
use crate::eval::error::{ErrorKind, EvalError, Res, lookup_failed};
use crate::eval::run::Run;
use crate::eval::{Rendered, filters};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a file is looked for: below each search directory in `kind`, then in the directory itself.
/// The places below a role or beside a playbook where Ansible looks for a file of this kind (`files`), in its order.
pub fn below(dir: &Path, kind: &str, name: &Path) -> [PathBuf; 3] {
    [dir.join(kind).join(name), dir.join(name), dir.join("tasks").join(name)]
}

fn candidates(run: &Run<'_>, name: &str, kind: &str) -> Vec<PathBuf> {
    let name = filters::expanduser(name);
    let path = Path::new(&name);
    if path.is_absolute() {
        return vec![path.to_path_buf()];
    }
    let context = run.scope.context();
    let roots = context.search.iter().chain(Some(&context.playbook_dir));
    roots.flat_map(|d| below(d, kind, path)).collect()
}

fn find(run: &Run<'_>, name: &str, kind: &str) -> Res<PathBuf> {
    let places = candidates(run, name, kind);
    let found = places.iter().find(|p| p.exists());
    let to_come = run.scope.context().to_come.as_ref();
    if let Some(why) = to_come.and_then(|to_come| to_come(found.or(places.first())?)) {
        return Err(EvalError::new(ErrorKind::Unknown(Arc::clone(&why)), format!("known after {why}")));
    }
    found.cloned().ok_or_else(|| {
        let tried: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        lookup_failed(format!("could not find `{name}`; looked for {}", tried.join(", ")))
    })
}

/// A file's text; a vault's in clear, and then secret.
pub(super) fn read(run: &mut Run<'_>, path: &Path) -> Res<String> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| lookup_failed(format!("{} is no UTF-8 text", path.display())))?;
    if !text.starts_with("$ANSIBLE_VAULT;") {
        return Ok(text);
    }
    run.touched_secret = true;
    let opener = run.scope.context().open_vault.clone();
    let opener = opener
        .ok_or_else(|| lookup_failed(format!("{} is a vault and there is no password", path.display())))?;
    opener(&text).map_err(|why| lookup_failed(format!("{}: {why}", path.display())))
}

pub(super) fn file(run: &mut Run<'_>, call: &Call<'_>, whole: bool) -> Res<List> {
    let (lstrip, rstrip) = (call.flag("lstrip", false), call.flag("rstrip", !whole));
    let mut out = List::new();
    for name in call.texts(run)? {
        let path = find(run, &name, "files")?;
        let text = read(run, &path)?;
        let mut part = text.as_str();
        if lstrip {
            part = part.trim_start();
        }
        if rstrip {
            part = part.trim_end();
        }
        out.push(Value::from(part));
    }
    Ok(out)
}

pub(super) fn template(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut options = TemplateOptions::default();
    for (name, slot) in [
        ("variable_start_string", &mut options.variable.0),
        ("variable_end_string", &mut options.variable.1),
        ("comment_start_string", &mut options.comment.0),
        ("comment_end_string", &mut options.comment.1),
    ] {
        if let Some(text) = call.option_text(run, name)? {
            *slot = text;
        }
    }
    options.trim_blocks = call.flag("trim_blocks", true);
    options.lstrip_blocks = call.flag("lstrip_blocks", false);
    let mut out = List::new();
    for name in call.texts(run)? {
        let path = find(run, &name, "templates")?;
        let text = read(run, &path)?;
        let mut names = crate::eval::template_names(&path, Value::default(), run.scope);
        if let Some(given) = call.option("template_vars").and_then(Value::as_map) {
            names.extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        let scope = Overlay { inner: run.scope, vars: names.into() };
        let mut inner = Run::new(run.engine, &scope);
        inner.depth = run.depth + 1;
        if inner.depth > 40 {
            return Err(lookup_failed("templates look each other up endlessly"));
        }
        let search: Vec<PathBuf> = path.parent().map(Path::to_path_buf).into_iter().collect();
        let rendered = inner.render_file(&text, &path, &options, &search)?;
        let text = match rendered {
            Rendered::Text(text) => text,
            Rendered::Secret(text) => {
                run.touched_secret = true;
                text
            }
            Rendered::Unknown(why) => return Err(crate::eval::run::unknown(why)),
        };
        let typed = call.flag("convert_data", false) && text.trim_start().starts_with(['{', '[']);
        let data = typed.then(|| crate::eval::yaml::read(&text)).and_then(Result::ok);
        out.push(data.filter(|v| !matches!(v, Value::Str(_))).unwrap_or_else(|| Value::from(text)));
    }
    Ok(out)
}

/// A scope with a few variables over it.
struct Overlay<'a> {
    inner: &'a dyn crate::eval::Scope,
    vars: Value,
}

impl crate::eval::Scope for Overlay<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        self.vars.get(name).cloned().or_else(|| self.inner.get(name))
    }

    fn names(&self) -> Vec<String> {
        let own = self.vars.as_map().map(|m| m.keys().map(ToString::to_string).collect::<Vec<_>>());
        own.into_iter().flatten().chain(self.inner.names()).collect()
    }

    fn context(&self) -> &crate::eval::LookupContext {
        self.inner.context()
    }

    fn host(&self, host: &str) -> Option<std::sync::Arc<dyn crate::eval::Scope>> {
        self.inner.host(host)
    }

    fn hosts(&self) -> Vec<String> {
        self.inner.hosts()
    }
}

/// The files a pattern matches in its directory, sorted.
pub(crate) fn glob(pattern: &Path) -> Res<Vec<PathBuf>> {
    let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(Vec::new());
    };
    let bad = |e: globset::Error| lookup_failed(format!("`{name}` is no pattern: {e}"));
    let matcher =
        globset::GlobBuilder::new(name).literal_separator(true).build().map_err(bad)?.compile_matcher();
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(Vec::new()) };
    let hidden = |n: &str| n.starts_with('.') && !name.starts_with('.');
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_str().is_some_and(|n| !hidden(n) && matcher.is_match(n)))
        .map(|e| e.path())
        .filter(|p| p.is_file())
        .collect();
    found.sort();
    Ok(found)
}

pub(super) fn fileglob(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for pattern in call.texts(run)? {
        for place in candidates(run, &pattern, "files") {
            let found = glob(&place)?;
            if !found.is_empty() {
                // The path is given to other lookups, which would look below their own folders.
                let whole = |p: PathBuf| std::path::absolute(&p).unwrap_or(p).display().to_string();
                out.extend(found.into_iter().map(|p| Value::from(whole(p))));
                break;
            }
        }
    }
    Ok(out)
}

pub(super) fn first_found(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut names = Vec::new();
    let mut skip = call.flag("skip", false);
    let mut terms = List::new();
    filters::flatten(&call.terms.to_vec(), None, false, &mut terms);
    let of_options: Map = call.args.named.iter().map(|(k, v)| (k.clone().into(), v.clone())).collect();
    if of_options.contains_key("files") {
        terms.push(Value::from(of_options));
    }
    for term in &terms {
        let Value::Map(map) = term else {
            names.push(run.text(term)?);
            continue;
        };
        skip |= map.get("skip").is_some_and(|s| match s {
            Value::Str(s) => filters::word_truth(s) == Some(true),
            s => s.truth() == Some(true),
        });
        let files = words(run, map.get("files"))?;
        let paths = words(run, map.get("paths"))?;
        if paths.is_empty() {
            names.extend(files);
        } else {
            names.extend(paths.iter().flat_map(|p| files.iter().map(move |f| format!("{p}/{f}"))));
        }
    }
    for name in names.iter().filter(|n| !n.is_empty()) {
        let kinds = ["files", "vars", "templates", "tasks"];
        let found = kinds.iter().flat_map(|k| candidates(run, name, k)).find(|p| p.exists());
        if let Some(path) = found {
            // Whoever uses it may be in another folder.
            let path = std::path::absolute(&path).unwrap_or(path);
            return Ok(vec![Value::from(path.display().to_string())]);
        }
    }
    if skip {
        return Ok(List::new());
    }
    Err(lookup_failed(format!("none of these files was found: {}", names.join(", "))))
}

/// A list, or a text of names between commas, colons or semicolons.
fn words(run: &mut Run<'_>, value: Option<&Value>) -> Res<Vec<String>> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(l)) => l.iter().map(|v| run.text(v)).collect(),
        Some(v) => {
            let text = run.text(v)?;
            Ok(text.split([',', ';', ':']).map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect())
        }
    }
}

pub(super) fn locate(run: &Run<'_>, name: &str) -> Res<PathBuf> {
    find(run, name, "files")
}
