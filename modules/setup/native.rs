//! setup: the facts of a host, gathered by one constant script and made into values here.

mod distribution;
mod hardware;
mod needs;
mod network;
mod os;
mod raw;
mod security;
mod storage;

pub use needs::{FactNeeds, sections_of_subset};

use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output, Script};
use crate::spec::ModuleSpec;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

static GATHER: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("setup.gather", include_str!("gather.sh")));

const FACT_PATH: &str = "/etc/ansible/facts.d";

/// The truth is /proc, /sys, a few files and programs; what a host does not tell is left out. Memory is in
/// MiB.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Setup))
}

/// The job that gathers what `needs` names. `subset` (as `gather_subset` has it; empty: all) is read where it is not
/// known which facts are used; what is known to be used is there also outside of it.
///
/// # Errors
/// Names the subset that does not exist.
pub fn gather_job(needs: &FactNeeds, subset: &[&str], fact_path: Option<&str>) -> Result<Job, String> {
    let chosen = sections_of_subset(subset)?;
    let sections = match needs {
        FactNeeds::All => chosen,
        FactNeeds::Names(_) => needs.sections(),
    };
    Ok(job(&sections, fact_path.unwrap_or(FACT_PATH)))
}

fn job(sections: &BTreeSet<&'static str>, fact_path: &str) -> Job {
    let want = sections.iter().copied().collect::<Vec<_>>().join(" ");
    Job::new(&GATHER).var("want", want).var("fact_path", fact_path)
}

/// Facts by their names in `ansible_facts`: without the prefix `ansible_`, except `ansible_local`.
///
/// # Errors
/// Only where the script itself could not run; what a host does not tell is left out.
pub fn parse(output: &Output) -> Result<Map, Failure> {
    let raw = raw::Raw::read(output);
    if !output.ok() && raw.sections.is_empty() {
        return Err(Failure::from_output(output));
    }
    let mut facts = Map::new();
    os::collect(&raw, &mut facts);
    hardware::collect(&raw, &mut facts);
    storage::collect(&raw, &mut facts);
    network::collect(&raw, &mut facts);
    facts.insert("gather_subset".into(), Value::from(vec![Value::from("all")]));
    facts.insert("module_setup".into(), true.into());
    Ok(facts)
}

struct Setup;

impl Staged for Setup {
    fn claims(&self, _: &ModuleSpec, _: &Args) -> Claims {
        // A task that asks for facts wants to see what the tasks before it did.
        Claims { reads: vec!["*".into()], writes: Vec::new() }
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let sections = needs::sections_of_subset(&args.list("gather_subset")).map_err(Failure::new)?;
        let path = args.opt_str("fact_path").unwrap_or(FACT_PATH);
        Ok(vec![job(&sections, path)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = seen.first().ok_or_else(|| Failure::new("the host reported no facts"))?;
        let mut facts = parse(output)?;
        let subset = args.list("gather_subset");
        facts.insert("gather_subset".into(), subset.into_iter().map(Value::from).collect::<Vec<_>>().into());
        let filters: Vec<&str> = args.list("filter").into_iter().filter(|f| !f.is_empty()).collect();
        let facts: Map =
            facts.into_iter().filter(|(k, _)| wanted(&k.to_string(), &filters)).map(prefixed).collect();
        let mut result = Map::new();
        result.insert("ansible_facts".into(), facts.into());
        Ok(Decision::unchanged(result))
    }
}

/// A fact's filter names it with or without the prefix and may hold shell wildcards.
fn wanted(name: &str, filters: &[&str]) -> bool {
    let full = if name.starts_with("ansible_") { name.to_string() } else { format!("ansible_{name}") };
    filters.is_empty()
        || filters.iter().any(|f| {
            let matcher = globset::GlobBuilder::new(f).build().map(|g| g.compile_matcher());
            matcher.map_or(*f == name, |m| m.is_match(name) || m.is_match(&full))
        })
}

fn prefixed((key, value): (crate::base::Key, Value)) -> (crate::base::Key, Value) {
    let name = key.to_string();
    match name.as_str() {
        "gather_subset" | "module_setup" => (key, value),
        n if n.starts_with("ansible_") => (key, value),
        _ => (format!("ansible_{name}").into(), value),
    }
}

#[cfg(test)]
mod tests;
