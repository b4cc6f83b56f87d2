//! `validate_argument_spec`: a role's parameters against the `argument_specs` of its meta.

use super::outcome::UnitOutcome;
use super::scope::TaskScope;
use super::state::Run;
use crate::base::{List, Map, Value};
use crate::eval::Scope;
use crate::modules::{Args, ArgsExt, Failure};
use std::sync::Arc;

/// Every fault of the parameters, all of them in one failure.
pub fn validate(run: &Run, args: &Args, scope: &Arc<TaskScope>) -> Result<UnitOutcome, Failure> {
    let spec = args.map("argument_spec").cloned().unwrap_or_default();
    let given = args.map("provided_arguments").cloned();
    let mut faults = Faults::default();
    for (name, option) in &spec {
        let name = name.to_string();
        let value = match &given {
            Some(given) => given.get(name.as_str()).cloned(),
            None => match scope.get(&name) {
                None => None,
                Some(raw) => match run.engine.evaluate(&raw, &**scope) {
                    Ok(value) => Some(value),
                    Err(error) => {
                        faults.push(format!("{name}: {error}"));
                        continue;
                    }
                },
            },
        };
        check(&name, option, value.as_ref(), &mut faults);
    }
    let faults = faults.told();
    let context = args.map("validate_args_context").cloned().unwrap_or_default();
    if faults.is_empty() {
        let result = [
            ("msg".into(), "The arg spec validation passed".into()),
            ("validate_args_context".into(), context.into()),
        ];
        return Ok(UnitOutcome::done(None, result.into_iter().collect()));
    }
    let mut failure = Failure::new(format!("Validation of arguments failed:\n{}", faults.join("\n")));
    let errors: List = faults.iter().map(|f| f.as_str().into()).collect();
    failure.result.extend([
        ("argument_errors".into(), errors.into()),
        ("argument_spec_data".into(), spec.into()),
        ("validate_args_context".into(), context.into()),
    ]);
    Err(failure)
}

/// What is wrong with the values.
#[derive(Default)]
struct Faults {
    /// Names of what has to be given and is not.
    missing: Vec<String>,
    others: Vec<String>,
}

impl Faults {
    fn push(&mut self, fault: String) {
        self.others.push(fault);
    }

    /// All that is missing as one fault, before the others.
    fn told(mut self) -> Vec<String> {
        self.missing.sort_unstable();
        let first = format!("missing required arguments: {}", self.missing.join(", "));
        let first = (!self.missing.is_empty()).then_some(first);
        first.into_iter().chain(self.others).collect()
    }
}

fn check(name: &str, option: &Value, value: Option<&Value>, faults: &mut Faults) {
    let truth = |key: &str| option.get(key).and_then(crate::spec::to_bool).unwrap_or(false);
    let value = match value {
        None | Some(Value::Omit) => {
            if truth("required") {
                faults.missing.push(name.to_string());
            }
            return;
        }
        Some(Value::Unknown(_)) => return,
        // None of a list of choices, but no value of a wrong type where none has to be given.
        Some(Value::Null) if !truth("required") => return choices(name, option, &Value::Null, faults),
        Some(value) => value,
    };
    let kind = option.get("type").and_then(Value::as_str).unwrap_or("str");
    let value = match typed(kind, value) {
        Ok(value) => value,
        Err(why) => {
            faults.push(format!("argument '{name}' {why}"));
            return;
        }
    };
    choices(name, option, &value, faults);
    let members = option.get("options").and_then(Value::as_map);
    match (&value, members) {
        (Value::Map(map), Some(members)) => inside(name, members, map, faults),
        (Value::List(list), Some(members)) => {
            for item in list.iter() {
                match typed("dict", item) {
                    Ok(Value::Map(map)) => inside(name, members, &map, faults),
                    Ok(_) => faults.push(format!("value of '{name}' must be of type dict or list of dicts")),
                    Err(why) => faults.push(format!("Elements value for option '{name}' {why}")),
                }
            }
        }
        (Value::List(list), None) => {
            let Some(of) = option.get("elements").and_then(Value::as_str) else { return };
            for item in list.iter() {
                if let Err(why) = typed(of, item) {
                    faults.push(format!("Elements value for option '{name}' {why}"));
                }
            }
        }
        _ => {}
    }
}

fn inside(name: &str, members: &Map, map: &Map, faults: &mut Faults) {
    for (key, option) in members {
        let key = key.to_string();
        check(&format!("{name}.{key}"), option, map.get(key.as_str()), faults);
    }
    let unknown = map.keys().filter(|k| !members.contains_key(*k));
    unknown.for_each(|k| faults.push(format!("{name}: unknown option `{k}`")));
}

fn choices(name: &str, option: &Value, value: &Value, faults: &mut Faults) {
    let Some(allowed) = option.get("choices").and_then(Value::as_list) else { return };
    let text = |v: &Value| crate::spec::to_text(v);
    let of: Vec<String> = allowed.iter().map(text).collect();
    let one = |value: &Value, faults: &mut Faults| {
        if !of.contains(&text(value)) {
            let got = if value.is_null() { "None".into() } else { text(value) };
            faults.push(format!("value of {name} must be one of: {}, got: {got}", of.join(", ")));
        }
    };
    match value {
        Value::List(list) => list.iter().for_each(|v| one(v, faults)),
        other => one(other, faults),
    }
}

fn typed(kind: &str, value: &Value) -> Result<Value, String> {
    use crate::spec::ArgType;
    let kind = match kind {
        "bool" => ArgType::Bool,
        "int" => ArgType::Int,
        "float" => ArgType::Float,
        "list" => ArgType::List,
        "dict" => ArgType::Dict,
        "path" => ArgType::Path,
        "raw" | "any" => ArgType::Raw,
        "json" | "jsonarg" => ArgType::Json,
        "bytes" | "bits" => ArgType::Bytes,
        _ => ArgType::Str,
    };
    match (kind, value) {
        // What has to be given is not given by null.
        (ArgType::Str | ArgType::Raw, Value::Null) => Ok(Value::Null),
        (_, Value::Null) => Err(format!("must be {}, not null", words(kind))),
        _ => crate::spec::convert(kind, value),
    }
}

fn words(kind: crate::spec::ArgType) -> &'static str {
    use crate::spec::ArgType;
    match kind {
        ArgType::Bool => "a boolean",
        ArgType::Int => "a whole number",
        ArgType::Float => "a number",
        ArgType::List => "a list",
        ArgType::Dict => "a dict",
        ArgType::Path => "a path",
        _ => "a value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_all_told() {
        let json = |text: &str| Value::from_json(&serde_json::from_str(text).unwrap());
        let cases = [
            (r#"{"type":"int","required":true}"#, None, "missing required"),
            (r#"{"type":"int"}"#, Some(r#""x""#), "argument 'p'"),
            (r#"{"type":"str","choices":["a","b"]}"#, Some(r#""c""#), "must be one of: a, b"),
            (r#"{"type":"dict","options":{"x":{"type":"int"}}}"#, Some(r#"{"y":1}"#), "unknown option `y`"),
            (r#"{"type":"list","elements":"int"}"#, Some(r#"["q"]"#), "Elements value"),
            (r#"{"type":"list","elements":"dict","options":{"x":{}}}"#, Some(r#"["q"]"#), "Elements value"),
            (r#"{"type":"dict","required":true}"#, Some("null"), "must be a dict"),
            (r#"{"type":"str","choices":["a"]}"#, Some("null"), "must be one of: a"),
        ];
        for (option, value, expected) in cases {
            let mut faults = Faults::default();
            check("p", &json(option), value.map(json).as_ref(), &mut faults);
            let faults = faults.told();
            assert!(faults.iter().any(|f| f.contains(expected)), "{option}: {faults:?}");
        }
        let mut faults = Faults::default();
        check("x", &json(r#"{"type":"int"}"#), Some(&json("3")), &mut faults);
        assert!(faults.told().is_empty());
        let mut faults = Faults::default();
        check("x", &json(r#"{"type":"int"}"#), Some(&json(r#""q""#)), &mut faults);
        for name in ["b", "a"] {
            check(name, &json(r#"{"required":true}"#), None, &mut faults);
        }
        let told = faults.told();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], "missing required arguments: a, b");
        assert!(told[1].starts_with("argument 'x'"), "{told:?}");
    }
}
