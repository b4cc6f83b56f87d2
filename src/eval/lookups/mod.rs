//! Lookups: what `lookup()`, `query()` and `with_*` fetch on the controller.

mod files;
mod filetree;
mod lists;
mod parsers;
mod values;

use super::call::Args;
use super::error::{ErrorKind, EvalError, Fail, Res, lookup_failed};
use super::run::Run;
use super::{Engine, Scope, filters, globals};
use crate::base::{List, Map, Value};

pub use files::below;
pub(crate) use files::glob;

/// The names of all lookups, sorted.
pub(crate) const NAMES: &[&str] = &[
    "cartesian",
    "config",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "filetree",
    "first_found",
    "flattened",
    "index_of",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "lines",
    "list",
    "merge_variables",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "url",
    "varnames",
    "vars",
];

/// Runs a lookup by name, as `with_NAME` does: terms already evaluated, options by name.
///
/// # Errors
/// Unknown lookup, missing file, failed command: kind `Lookup`.
pub fn run(
    name: &str,
    terms: &[Value],
    options: &Map,
    engine: &Engine,
    scope: &dyn Scope,
) -> Result<List, EvalError> {
    let mut run = Run::new(engine, scope);
    match within(&mut run, name, terms, options) {
        Ok(items) if run.touched_secret => Ok(items.into_iter().map(super::hide).collect()),
        Ok(items) => Ok(items),
        Err(e) => match e.kind {
            ErrorKind::Unknown(why) => Ok(vec![Value::Unknown(why)]),
            _ => Err(*e),
        },
    }
}

/// What a lookup is called with.
struct Call<'a> {
    terms: &'a [Value],
    args: Args,
}

impl Call<'_> {
    fn option(&self, name: &str) -> Option<&Value> {
        self.args.named(name).filter(|v| !v.is_null())
    }

    fn option_text(&self, run: &mut Run<'_>, name: &str) -> Res<Option<String>> {
        self.option(name).map(|v| run.text(v)).transpose()
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        self.args.flag(usize::MAX, name, default)
    }

    /// The terms as texts, lists among them opened.
    fn texts(&self, run: &mut Run<'_>) -> Res<Vec<String>> {
        let mut flat = List::new();
        filters::flatten(&self.terms.to_vec(), None, false, &mut flat);
        flat.iter().map(|t| run.text(t)).collect()
    }
}

/// A lookup inside a running evaluation.
pub(crate) fn within(run: &mut Run<'_>, name: &str, terms: &[Value], options: &Map) -> Res<List> {
    let short = filters::short(name);
    let named = options.iter().map(|(k, v)| (k.to_string().into(), v.clone())).collect();
    let call = Call { terms, args: Args { pos: Vec::new(), named } };
    let found = match short {
        "items" => lists::items(&call),
        "list" => Ok(terms.to_vec()),
        "flattened" => lists::flattened(&call),
        "dict" => lists::dict(&call),
        "nested" | "cartesian" => lists::nested(&call),
        "together" => lists::together(&call),
        "subelements" => lists::subelements(run, &call),
        "indexed_items" => lists::indexed(&call),
        "sequence" => lists::sequence(run, &call),
        "random_choice" => lists::random_choice(&call),
        "index_of" => lists::index_of(run, &call),
        "env" => values::env(run, &call),
        "vars" => values::vars(run, &call),
        "varnames" => values::varnames(run, &call),
        "merge_variables" => values::merge_variables(run, &call),
        "inventory_hostnames" => values::inventory_hostnames(run, &call),
        "config" => values::config(run, &call),
        "pipe" => values::pipe(run, &call, false),
        "lines" => values::pipe(run, &call, true),
        "url" => values::url(run, &call),
        "password" => values::password(run, &call),
        "file" => files::file(run, &call, false),
        "unvault" => files::file(run, &call, true),
        "template" => files::template(run, &call),
        "fileglob" => files::fileglob(run, &call),
        "first_found" => files::first_found(run, &call),
        "filetree" => filetree::filetree(run, &call),
        "ini" => parsers::ini(run, &call),
        "csvfile" => parsers::csvfile(run, &call),
        _ => return Err(globals::no_lookup(name)),
    };
    found.map_err(|e| named_failure(e, short))
}

fn named_failure(mut e: Fail, name: &str) -> Fail {
    if matches!(e.kind, ErrorKind::Lookup | ErrorKind::Type) {
        e.kind = ErrorKind::Lookup;
        e.message = format!("lookup `{name}`: {}", e.message);
    }
    e
}

/// A failure because of a file.
fn unreadable(path: &std::path::Path, e: &std::io::Error) -> Fail {
    lookup_failed(format!("{}: {e}", path.display()))
}
