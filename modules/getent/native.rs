//! getent: entries of a system database as facts.

use crate::base::{List, Map, Value};
use crate::modules::kit::{only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// The truth is `getent`, or the file in /etc where there is none; a key that is missing is a failure unless
/// `fail_key` is off.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Getent))
}

struct Getent;

impl Staged for Getent {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let job = Job::new(script!("getent.probe", "probe.sh"));
        Ok(vec![
            ["database", "key", "service"].into_iter().fold(job, |job, name| job.var(name, args.str(name))),
        ])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let (database, key) = (args.str("database"), args.str("key"));
        let said = output.field("", "said").unwrap_or_default();
        let separator = args.opt_str("split").or(match database {
            "passwd" | "shadow" | "group" | "gshadow" => Some(":"),
            _ => None,
        });
        let mut entries = Map::new();
        match output.field("", "rc").as_deref() {
            Some("0") => {
                for line in said.lines().filter(|l| !l.is_empty()) {
                    let fields: Vec<&str> = match separator {
                        Some(s) => line.split(s).collect(),
                        None => line.split_whitespace().collect(),
                    };
                    let rest: List = fields.iter().skip(1).map(|f| (*f).into()).collect();
                    // Names that stand twice (services of two protocols) keep all their entries.
                    let name = fields.first().copied().unwrap_or("");
                    match entries.get(name).cloned() {
                        None => entries.insert(name.into(), rest.into()),
                        Some(Value::List(first)) if first.iter().all(|v| v.as_list().is_none()) => {
                            entries.insert(name.into(), vec![Value::List(first), rest.into()].into())
                        }
                        Some(Value::List(all)) => entries.insert(
                            name.into(),
                            all.iter().cloned().chain([rest.into()]).collect::<List>().into(),
                        ),
                        Some(_) => None,
                    };
                }
            }
            Some("1") => return Err(Failure::new("Missing arguments, or database unknown.")),
            Some("2") if args.bool("fail_key") => {
                return Err(Failure::new("One or more supplied key could not be found in the database."));
            }
            Some("2") => {
                entries.insert(key.into(), Value::Null);
            }
            _ => return Err(Failure::new("Enumeration not supported on this database.")),
        }
        let facts = result([(format!("getent_{database}").as_str(), entries.into())]);
        Ok(Decision::unchanged(result([("ansible_facts", facts.into())])))
    }
}
