//! getent: entries of a system database as facts.

use crate::base::{List, Map, Value};
use crate::modules::forecast::{Forecast, record};
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

const ABSENT: &str = "One or more supplied key could not be found in the database.";

impl Staged for Getent {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let job = Job::new(script!("getent.probe", "probe.sh"));
        Ok(vec![
            ["database", "key", "service"].into_iter().fold(job, |job, name| job.var(name, args.str(name))),
        ])
    }

    /// What planned users and groups will have is known once they are made; that they will be there is known now.
    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let kind = match args.str("database") {
            "passwd" | "shadow" => "user",
            "group" | "gshadow" => "group",
            _ => return false,
        };
        let Some(output) = seen.first_mut() else { return false };
        let key = args.str("key");
        let mut foreseen = false;
        for (name, there) in forecast.names(kind).filter(|(name, _)| key.is_empty() || key == *name) {
            record(output, name, "will be", if there { kind.as_bytes() } else { b"" });
            if !key.is_empty() {
                record(output, "", "rc", if there { b"0" } else { b"2" });
            }
            foreseen = true;
        }
        foreseen
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let (database, key) = (args.str("database"), args.str("key"));
        let said = output.field("", "said").unwrap_or_default();
        let separator = args.opt_str("split").or(match database {
            "passwd" | "shadow" | "group" | "gshadow" => Some(":"),
            _ => None,
        });
        let (mut entries, mut out) = (Map::new(), Map::new());
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
                return Err(Failure::new(ABSENT));
            }
            Some("2") => {
                entries.insert(key.into(), Value::Null);
                out.insert("msg".into(), ABSENT.into());
            }
            _ => return Err(Failure::new("Enumeration not supported on this database.")),
        }
        for (name, _, kind) in output.records().filter(|(_, key, _)| *key == b"will be") {
            let (name, kind) = (String::from_utf8_lossy(name), String::from_utf8_lossy(kind));
            entries.shift_remove(&*name);
            if !kind.is_empty() {
                entries.insert((&*name).into(), Value::Unknown(format!("the {kind} {name} is made").into()));
            }
        }
        let facts = result([(format!("getent_{database}").as_str(), entries.into())]);
        out.insert("ansible_facts".into(), facts.into());
        Ok(Decision::unchanged(out))
    }
}
