//! Filters by name, and how they are called.

mod base;
mod collections;
pub(crate) mod crypt;
mod data;
mod hashes;
mod lists;
mod maths;
mod net;
mod paths;
mod sequences;
mod text;
pub(crate) mod time;
mod urlize;
mod urls;
mod versions;

use super::call::Args;
use super::error::{ErrorKind, EvalError, Fail, Res};
use super::expr::Given;
use super::run::{Run, V};
use crate::base::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use base::word_truth;
pub(crate) use collections::merge;
pub(crate) use lists::{flatten, sort_values};
pub(crate) use net::address_ok;
pub(crate) use paths::expanduser;
pub(crate) use sequences::{product, subelements, together};
pub(crate) use versions::compare_versions;

type Plain = fn(&mut Run<'_>, Value, &Args) -> Res<Value>;

/// How a filter takes its input.
#[derive(Copy, Clone, Debug)]
pub(crate) enum FilterFn {
    /// As it is, undefined too.
    Raw(fn(&mut Run<'_>, V, Given) -> Res<V>),
    /// Evaluated at its top only; members may be templates.
    Shallow(Plain),
    /// Evaluated deeply.
    Deep(Plain),
}

impl FilterFn {
    pub fn call(self, run: &mut Run<'_>, input: V, given: Given) -> Res<V> {
        match self {
            FilterFn::Raw(f) => f(run, input, given),
            FilterFn::Shallow(f) => {
                let value = run.force(input)?;
                let args = Args::of(run, given)?;
                let result = f(run, value, &args)?;
                run.settle(result, "")
            }
            FilterFn::Deep(f) => {
                let value = run.ready(input)?;
                let args = Args::of(run, given)?;
                f(run, value, &args).map(V::Data)
            }
        }
    }
}

type Table = &'static [(&'static str, FilterFn)];

const TABLES: [Table; 13] = [
    base::TABLE,
    collections::TABLE,
    data::TABLE,
    hashes::TABLE,
    lists::TABLE,
    maths::TABLE,
    net::TABLE,
    paths::TABLE,
    sequences::TABLE,
    text::TABLE,
    time::TABLE,
    urlize::TABLE,
    urls::TABLE,
];

fn all() -> &'static HashMap<&'static str, FilterFn> {
    static ALL: OnceLock<HashMap<&'static str, FilterFn>> = OnceLock::new();
    ALL.get_or_init(|| {
        let tables = TABLES.into_iter().chain([versions::TABLE]);
        tables.flat_map(|t| t.iter().copied()).collect()
    })
}

/// Collections whose plugins are ours under the short name.
pub(crate) const COLLECTIONS: &[&str] = &[
    "ansible.builtin.",
    "ansible.legacy.",
    "ansible.utils.",
    "ansible.netcommon.",
    "community.general.",
    "community.crypto.",
    "ansible.windows.",
    "ansible.posix.",
];

/// The short name of a plugin of a collection that is known.
pub(crate) fn short(name: &str) -> &str {
    COLLECTIONS.iter().find_map(|c| name.strip_prefix(c)).unwrap_or(name)
}

pub(crate) fn find(name: &str) -> Option<FilterFn> {
    all().get(short(name)).copied()
}

/// The names of all filters, sorted.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = all().keys().copied().collect();
    names.sort_unstable();
    names
}

pub(crate) fn missing(name: &str) -> Fail {
    let near = crate::base::diag::nearest(short(name), all().keys().copied());
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    EvalError::new(ErrorKind::Syntax, format!("there is no filter `{name}`{hint}"))
}
