//! Typed reading of validated arguments, and what follows from them alone: claims, coercion.

use super::{Args, Failure};
use crate::base::{List, Map, Value};
use crate::plan::Claims;
use crate::spec::{self, ModuleSpec};

/// Readers of [`Args`]. The types were checked before, so a reader that finds another type gives the empty value.
pub trait ArgsExt {
    /// The argument as it is; `None` where it is not given and has no default.
    fn value(&self, name: &str) -> Option<&Value>;

    /// The text of an argument; empty when it is not given.
    fn str(&self, name: &str) -> &str {
        self.opt_str(name).unwrap_or_default()
    }

    /// As [`ArgsExt::str`], where empty and not given differ. A secret gives its plain text, where it can be
    /// opened.
    fn opt_str(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(text)
    }

    /// False where it is not given.
    fn bool(&self, name: &str) -> bool {
        self.opt_bool(name).unwrap_or(false)
    }

    /// As [`ArgsExt::bool`], where false and not given differ.
    fn opt_bool(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// A whole number; units are as the module's reference page says.
    fn opt_int(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// As [`ArgsExt::opt_int`], 0 where it is not given.
    fn int(&self, name: &str) -> i64 {
        self.opt_int(name).unwrap_or(0)
    }

    /// A number with or without fraction.
    fn opt_float(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            Value::Float(f) => Some(*f),
            Value::Int(i) => Some(*i as f64),
            _ => None,
        }
    }

    /// The texts of a list; empty when it is not given.
    fn list(&self, name: &str) -> Vec<&str> {
        self.items(name).iter().filter_map(text).collect()
    }

    /// The elements of a list, whatever they are; empty when it is not given.
    fn items(&self, name: &str) -> &[Value] {
        self.value(name).and_then(Value::as_list).map_or(&[], List::as_slice)
    }

    /// The pairs of a dictionary; `None` where it is not given or not known yet.
    fn map(&self, name: &str) -> Option<&Map> {
        self.value(name).and_then(Value::as_map)
    }

    /// Given, and not null.
    fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|v| !v.is_null())
    }
}

impl ArgsExt for Map {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(s) => Some(s),
        Value::Template(t) => Some(&t.text),
        Value::Secret(s) => s.reveal().ok(),
        _ => None,
    }
}

/// As [`spec::coerce`], the error as a task's failure: Ansible's sentence, which names the module where it has to.
pub fn coerce(spec: &ModuleSpec, given: Map) -> Result<Args, Failure> {
    spec::coerce(spec, given).map_err(Failure::new)
}

/// Whether a value, or one inside it, is not known yet.
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => true,
        Value::List(items) => items.iter().any(has_unknown),
        Value::Map(map) => map.values().any(has_unknown),
        _ => false,
    }
}

/// The claims that module.yml states, `{arg}` replaced by each value of that argument. Without `reads` and
/// `writes` in the spec, or where an argument of a pattern is not known yet: everything.
pub fn spec_claims(spec: &ModuleSpec, args: &Args) -> Claims {
    if spec.reads.is_empty() && spec.writes.is_empty() {
        return Claims::everything();
    }
    let expand_all = |patterns: &[String]| -> Option<Vec<String>> {
        patterns.iter().map(|p| expand(p, args)).collect::<Option<Vec<_>>>().map(|v| v.concat())
    };
    match (expand_all(&spec.reads), expand_all(&spec.writes)) {
        (Some(reads), Some(writes)) => Claims { reads, writes },
        _ => Claims::everything(),
    }
}

/// An argument that is not given leaves no claim; an unknown one makes the pattern unknown.
fn expand(pattern: &str, args: &Args) -> Option<Vec<String>> {
    let mut out = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        let values = match args.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(value) if has_unknown(value) => return None,
            Some(Value::List(items)) => items.iter().map(spec::to_text).collect(),
            Some(value) => vec![spec::to_text(value)],
        };
        out = out.iter().flat_map(|o| values.iter().map(move |v| format!("{o}{before}{v}"))).collect();
        rest = tail;
    }
    for text in &mut out {
        text.push_str(rest);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> ModuleSpec {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn patterns_take_each_value_and_unknown_ones_claim_everything() {
        let spec = spec("{name: p, summary: s, writes: ['package:{name}', 'lock:dpkg', 'file:{dest}']}");
        let mut args = Args::new();
        args.insert("name".into(), Value::from(vec!["vim".into(), "git".into()]));
        let claims = spec_claims(&spec, &args);
        assert_eq!(claims.writes, ["package:vim", "package:git", "lock:dpkg"]);
        args.insert("dest".into(), Value::Unknown("x".into()));
        assert_eq!(spec_claims(&spec, &args), Claims::everything());
    }
}
