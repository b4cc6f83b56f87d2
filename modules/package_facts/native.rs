//! package_facts: the package database as one dict.

use crate::base::{List, Map, Value};
use crate::modules::kit::{only, result};
use crate::modules::{Args, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// One listing of dpkg, rpm, apk or pacman, whichever the host has.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(PackageFacts))
}

struct PackageFacts;

impl Staged for PackageFacts {
    fn probe(&self, _: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![Job::new(script!("package_facts.probe", "probe.sh"))])
    }

    fn decide(&self, _: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let Some((source, _, list)) = output.records().next() else {
            return Err(Failure::new("the host reported no packages"));
        };
        let (source, list) = (String::from_utf8_lossy(source), String::from_utf8_lossy(list));
        if source == "none" {
            return Err(Failure::new(
                "Could not detect a supported package manager (dpkg, rpm, apk, pacman)",
            ));
        }
        let mut packages: indexmap::IndexMap<&str, List> = indexmap::IndexMap::new();
        for line in list.lines() {
            let f: Vec<&str> = line.split('\t').collect();
            let [status, name, version, arch, extra, last] = f[..] else { continue };
            if !matches!(status, "installed" | "triggers-awaited" | "triggers-pending") {
                continue;
            }
            let mut one: Map =
                result([("name", name.into()), ("version", version.into()), ("source", (&*source).into())]);
            if !arch.is_empty() {
                one.insert("arch".into(), arch.into());
            }
            if source == "rpm" {
                one.insert("release".into(), extra.into());
                one.insert("epoch".into(), last.parse::<i64>().ok().into());
            } else if source == "apt" {
                one.insert("category".into(), extra.into());
                one.insert("origin".into(), last.into());
            }
            packages.entry(name).or_default().push(one.into());
        }
        let packages: Value = packages.into_iter().collect();
        let facts = result([("packages", packages)]);
        Ok(Decision::unchanged(result([("ansible_facts", facts.into())])))
    }
}
