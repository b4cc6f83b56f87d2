//! Claims of cloud modules: as module.yml states them, with what is not known yet covering its whole kind.

use crate::base::{Map, Value};
use crate::modules::{Args, ArgsExt};
use crate::plan::Claims;
use crate::spec::{self, ModuleSpec};

/// `reads` and `writes` of the spec, `{arg}` replaced by each value of that argument; where it is not known the
/// pattern covers all of the kind (`ec2_key:*`). What removes claims everything: what stands on a thing is not named
/// by the task that removes it.
pub fn claims(spec: &ModuleSpec, args: &Args) -> Claims {
    let state = args.value("state");
    let removes = matches!(state, Some(Value::Unknown(_)))
        || matches!(args.str("state"), "absent" | "terminated" | "deregistered");
    if removes && !spec.writes.is_empty() {
        return Claims::everything();
    }
    let all = |patterns: &[String]| patterns.iter().flat_map(|p| expand(p, args)).collect();
    Claims { reads: all(&spec.reads), writes: all(&spec.writes) }
}

fn expand(pattern: &str, args: &Map) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else { return vec![pattern.to_string()] };
    let Some((name, after)) = rest.split_once('}') else { return vec![pattern.to_string()] };
    let one = |value: &Value| match value {
        Value::Unknown(_) | Value::Template(_) => format!("{before}*"),
        value => format!("{before}{}{after}", spec::to_text(value)),
    };
    match args.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.iter().map(one).collect(),
        Some(value) => vec![one(value)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A misspelt kind orders nothing, and nobody would notice.
    #[test]
    fn each_kind_that_a_module_reads_is_one_that_a_module_writes() {
        let entries = crate::modules::registry::generated::ENTRIES;
        let specs: Vec<ModuleSpec> = entries.iter().map(|e| serde_yaml::from_str(e.spec).unwrap()).collect();
        let kind = |pattern: &str| pattern.split_once(':').map_or(pattern, |(kind, _)| kind).to_string();
        let written: BTreeSet<_> = specs.iter().flat_map(|s| &s.writes).map(|p| kind(p)).collect();
        // The last ones no task changes.
        let others = ["*", "aws", "host", "connection", "controller", "network"].map(str::to_string);
        let (mut checked, mut unwritten) = (0, Vec::new());
        for spec in &specs {
            for read in &spec.reads {
                checked += 1;
                if !written.contains(&kind(read)) && !others.contains(&kind(read)) {
                    unwritten.push(format!("{}: {read}", spec.name));
                }
            }
        }
        assert!(checked > 50 && unwritten.is_empty(), "of {checked}: {unwritten:#?}");
    }

    #[test]
    fn the_unknown_covers_its_kind_and_removal_covers_all() {
        let spec: ModuleSpec = serde_yaml::from_str(
            "{name: m, summary: s, reads: ['ec2_key:{key}', 'ec2_group:{groups}'], writes: ['ec2_instance:{name}']}",
        )
        .unwrap();
        let mut args = Args::new();
        args.insert("name".into(), "web".into());
        args.insert("key".into(), Value::Unknown("x".into()));
        args.insert("groups".into(), Value::from(vec!["a".into(), "b".into()]));
        let found = claims(&spec, &args);
        assert_eq!(found.reads, ["ec2_key:*", "ec2_group:a", "ec2_group:b"]);
        assert_eq!(found.writes, ["ec2_instance:web"]);
        args.insert("state".into(), "absent".into());
        assert_eq!(claims(&spec, &args), Claims::everything());
    }
}
