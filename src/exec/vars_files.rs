//! Files of variables read while a run goes on: `include_vars` and the play's `vars_files`.

use super::scope::TaskScope;
use super::state::Run;
use crate::base::{Diags, Map, Value};
use crate::eval::{MapScope, Scope};
use crate::graph::PlayPlan;
use crate::modules::{Args, ArgsExt, Failure};
use crate::syntax::vars_file::load_data_file;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Loaded {
    pub files: Vec<PathBuf>,
    pub vars: Map,
}

/// `include_vars` with its arguments `file`, `dir`, `name`, `depth`, `files_matching`, `ignore_files`, `extensions`.
pub fn include(run: &Run, args: &Args, scope: &Arc<TaskScope>) -> Result<Loaded, Failure> {
    let files = match args.opt_str("dir") {
        Some(dir) => directory(args, &directory_path(scope, dir)?)?,
        None => {
            let name =
                args.opt_str("file").ok_or_else(|| Failure::new("include_vars: give `file` or `dir`"))?;
            vec![super::lookups::find_file(scope.context(), "vars", name)?]
        }
    };
    let mut vars = Map::new();
    for file in &files {
        let found = read(run, file)?;
        merge(&mut vars, found, args.str("hash_behaviour") == "merge");
    }
    let vars = match args.opt_str("name").filter(|n| !n.is_empty()) {
        Some(name) => [(name.into(), Value::from(vars))].into_iter().collect(),
        None => vars,
    };
    Ok(Loaded { files, vars })
}

/// The play's `vars_files`, as far as they are known without a host.
pub struct PlayFiles {
    pub vars: Map,
    /// A name needs a host's facts or variables.
    pub late: bool,
}

/// The play's `vars_files`, later files over earlier ones; of a list inside the list the first file that is there.
/// Their names may use the play's own variables, prompts and extra variables; others wait for the host's.
pub fn of_play(run: &Run, plan: &PlayPlan, prompts: &Map) -> Result<PlayFiles, String> {
    let mut known = (*plan.vars).clone();
    known.extend(prompts.clone());
    known.extend(run.options.extra_vars.clone());
    let scope = MapScope::new(known);
    let mut files = PlayFiles { vars: Map::new(), late: false };
    for entry in &plan.vars_files {
        match candidates(run, entry, &scope) {
            Ok(names) if names.unknown.is_empty() => files.vars.extend(first(run, plan, &names)?),
            Ok(_) => files.late = true,
            Err(message) => return Err(message),
        }
    }
    Ok(files)
}

/// All of them for one host, after its facts were gathered.
pub fn of_host(run: &Run, plan: &PlayPlan, scope: &dyn Scope) -> Result<Map, String> {
    let mut vars = Map::new();
    for entry in &plan.vars_files {
        let names = candidates(run, entry, scope)?;
        if let (true, Some(why)) = (names.known.is_empty(), names.unknown.first()) {
            return Err(format!("vars_files: {why}"));
        }
        vars.extend(first(run, plan, &names)?);
    }
    Ok(vars)
}

/// The names that an entry gives, and why others cannot be told.
struct Candidates {
    known: Vec<String>,
    unknown: Vec<String>,
}

fn candidates(run: &Run, entry: &Value, scope: &dyn Scope) -> Result<Candidates, String> {
    let mut names = Candidates { known: Vec::new(), unknown: Vec::new() };
    let alternatives = match entry {
        Value::List(items) => items.to_vec(),
        one => vec![one.clone()],
    };
    for alternative in alternatives {
        match run.engine.evaluate(&alternative, scope) {
            Ok(Value::List(list)) => names.known.extend(list.iter().map(crate::spec::to_text)),
            Ok(Value::Unknown(why)) => names.unknown.push(format!("known after {why}")),
            Ok(one) => names.known.push(crate::spec::to_text(&one)),
            Err(error) if error.is_undefined() => names.unknown.push(error.to_string()),
            Err(error) => return Err(format!("vars_files: {error}")),
        }
    }
    Ok(names)
}

/// The variables of the first file that is there.
fn first(run: &Run, plan: &PlayPlan, names: &Candidates) -> Result<Map, String> {
    let places = |name: &String| crate::resolve::vars_file_places(&plan.playbook_dir, name);
    let Some(path) = names.known.iter().flat_map(places).find(|path| path.is_file()) else {
        return Err(format!(
            "vars_files: {} is not there; names are read from {}",
            names.known.join(" or "),
            plan.playbook_dir.display()
        ));
    };
    read(run, &path).map_err(|e| e.message)
}

/// One file's variables; an empty file has none.
pub fn read(run: &Run, path: &Path) -> Result<Map, Failure> {
    let mut diags = Diags::default();
    let value = load_data_file(path, run.engine.sources(), &run.keyring, &mut diags);
    if diags.has_errors() {
        let text: Vec<String> = diags.iter().map(|d| d.render(run.engine.sources(), false)).collect();
        return Err(Failure::new(text.join("\n")));
    }
    match value {
        Some(Value::Map(map)) => {
            run.redactor.learn_value(&Value::Map(Arc::clone(&map)));
            Ok(Arc::unwrap_or_clone(map))
        }
        None | Some(Value::Null) => Ok(Map::new()),
        Some(other) => Err(Failure::new(format!(
            "{} must hold a mapping of variables, not a {}",
            path.display(),
            other.type_name()
        ))),
    }
}

fn merge(into: &mut Map, from: Map, deep: bool) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Map(old)), Value::Map(new)) if deep => {
                let mut merged = (**old).clone();
                merge(&mut merged, Arc::unwrap_or_clone(new), true);
                *old = Arc::new(merged);
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn directory_path(scope: &TaskScope, dir: &str) -> Result<PathBuf, Failure> {
    super::lookups::find_file(scope.context(), "vars", dir)
}

/// The files of a directory in the order of their names, by extension and pattern.
fn directory(args: &Args, dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let depth = match args.int("depth") {
        0 => usize::MAX,
        n => usize::try_from(n).unwrap_or(usize::MAX),
    };
    let pattern = |name: &str| -> Result<Option<fancy_regex::Regex>, Failure> {
        let Some(text) = args.opt_str(name).filter(|t| !t.is_empty()) else { return Ok(None) };
        fancy_regex::Regex::new(text).map(Some).map_err(|e| Failure::new(format!("{name}: {e}")))
    };
    let matching = pattern("files_matching")?;
    let given = args.list("extensions");
    let extensions = if given.is_empty() { vec!["yaml", "yml", "json"] } else { given };
    let ignored = args.list("ignore_files");
    let wanted = |path: &Path| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        let matches = matching.as_ref().is_none_or(|re| re.is_match(&name).unwrap_or(false));
        let takes = matches && !ignored.contains(&name.as_str());
        match extensions.contains(&extension.as_str()) {
            known if known || !takes || args.bool("ignore_unknown_extensions") => Ok(known && takes),
            _ => {
                let (path, known) = (path.display(), extensions.join(", "));
                Err(Failure::new(format!("{path} does not have a valid extension: {known}")))
            }
        }
    };
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(dir).max_depth(depth).sort_by_file_name() {
        let entry = entry.map_err(|e| Failure::new(format!("include_vars: {e}")))?;
        if entry.file_type().is_file() && wanted(entry.path())? {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_merge_deeply_only_when_asked() {
        let map = |json: &str| match Value::from_json(&serde_json::from_str(json).unwrap()) {
            Value::Map(m) => (*m).clone(),
            _ => Map::new(),
        };
        for (deep, expected) in [(true, r#"{"a":{"x":1,"y":2}}"#), (false, r#"{"a":{"y":2}}"#)] {
            let mut into = map(r#"{"a":{"x":1}}"#);
            merge(&mut into, map(r#"{"a":{"y":2}}"#), deep);
            assert_eq!(Value::from(into).to_json().to_string(), expected);
        }
    }
}
