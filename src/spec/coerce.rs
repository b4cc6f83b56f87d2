//! Arguments at run time: every value is known, and what leaves here a module can rely on.

use super::convert::{convert, shown, to_text};
use super::{ArgSpec, ArgType, ModuleSpec};
use crate::base::diag::nearest;
use crate::base::{Key, List, Map, Value};
use indexmap::IndexMap;

/// Resolves aliases, drops omitted arguments, converts types, checks choices and what is required, and fills in
/// defaults. Arguments that are not given and have no default are absent from the result. The error is one
/// sentence for the user.
pub fn coerce(spec: &ModuleSpec, given: Map) -> Result<Map, String> {
    let mut args = members(&spec.name, &spec.args, given, spec.open, "")?;
    check_groups(spec, &|name| args.get(name).filter(|v| !v.is_null()))?;
    fill_defaults(&spec.args, &mut args);
    for (name, arg) in &spec.args {
        if arg.required && !args.contains_key(name.as_str()) {
            return Err(match spec.name.as_str() {
                "fetch" => "src and dest are required".to_string(),
                _ => format!("missing required arguments: {name}"),
            });
        }
    }
    Ok(args)
}

fn members(
    module: &str,
    known: &IndexMap<String, ArgSpec>,
    given: Map,
    open: bool,
    within: &str,
) -> Result<Map, String> {
    let mut args = Map::new();
    for (key, value) in given {
        let word = key.to_string();
        match resolve(known, &word) {
            _ if matches!(value, Value::Omit) => {}
            Some((name, arg)) => {
                let value = one(arg, &value).map_err(|e| format!("argument `{within}{name}` {e}"))?;
                if !value.is_null() || arg.kind == ArgType::Raw {
                    args.insert(Key::from(name), value);
                }
            }
            None if open || known.is_empty() && !within.is_empty() => {
                args.insert(key, value);
            }
            None => return Err(unknown(module, known, &word, within)),
        }
    }
    Ok(args)
}

/// Modules that Ansible carries out on the controller, and whose arguments it checks there, with other words.
const ACTIONS: &[&str] = &[
    "add_host",
    "assert",
    "debug",
    "fail",
    "fetch",
    "group_by",
    "include_vars",
    "reboot",
    "script",
    "wait_for_connection",
];

/// Playbooks look for Ansible's sentences.
fn unknown(module: &str, known: &IndexMap<String, ArgSpec>, word: &str, within: &str) -> String {
    if module.is_empty() {
        return format!("unknown argument `{word}`");
    }
    if ACTIONS.contains(&module) {
        return format!("Invalid options for {module}: {within}{word}");
    }
    let text = format!("Unsupported parameters for ({module}) module: {within}{word}");
    if module == "shell" {
        return text;
    }
    let hint =
        nearest(word, all_names(known)).map(|right| format!(" Did you mean `{right}`?")).unwrap_or_default();
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    format!("{text}. Supported parameters include: {}.{hint}", names.join(", "))
}

/// The names of arguments, aliases too.
pub fn all_names(known: &IndexMap<String, ArgSpec>) -> impl Iterator<Item = &str> {
    known.iter().flat_map(|(n, a)| a.aliases.iter().map(String::as_str).chain([n.as_str()]))
}

/// The argument that `word` names, by its own name or an alias.
pub fn resolve<'a>(known: &'a IndexMap<String, ArgSpec>, word: &str) -> Option<(&'a str, &'a ArgSpec)> {
    let found = known.get_key_value(word);
    let found = found.or_else(|| known.iter().find(|(_, a)| a.aliases.iter().any(|x| x == word)));
    found.map(|(n, a)| (n.as_str(), a))
}

/// One value against its argument; the error reads after the argument's name.
pub(super) fn one(arg: &ArgSpec, value: &Value) -> Result<Value, String> {
    let value = choice_of_bool(arg, value);
    let value = convert(arg.kind, &value)?;
    let value = match (&value, arg.kind) {
        (Value::List(items), ArgType::List) => elements(arg, items)?,
        (Value::Map(map), ArgType::Dict) if !arg.options.is_empty() => {
            Value::from(suboptions(arg, map.as_ref().clone())?)
        }
        _ => value,
    };
    check_choice(arg, &value)?;
    Ok(value)
}

fn elements(arg: &ArgSpec, items: &List) -> Result<Value, String> {
    let kind = arg.of.unwrap_or(if arg.options.is_empty() { ArgType::Raw } else { ArgType::Dict });
    let mut out = List::with_capacity(items.len());
    for (n, item) in items.iter().enumerate() {
        if matches!(item, Value::Omit) {
            continue;
        }
        let item = convert(kind, item).map_err(|e| format!("at element {} {e}", n + 1))?;
        out.push(match &item {
            Value::Map(map) if !arg.options.is_empty() => Value::from(suboptions(arg, map.as_ref().clone())?),
            _ => item,
        });
    }
    Ok(Value::from(out))
}

fn suboptions(arg: &ArgSpec, given: Map) -> Result<Map, String> {
    let mut map =
        members("", &arg.options, given, false, "").map_err(|e| format!("has a wrong member: {e}"))?;
    fill_defaults(&arg.options, &mut map);
    for (name, sub) in &arg.options {
        if sub.required && !map.contains_key(name.as_str()) {
            return Err(format!("lacks the required member `{name}`"));
        }
    }
    Ok(map)
}

fn fill_defaults(known: &IndexMap<String, ArgSpec>, args: &mut Map) {
    for (name, arg) in known {
        if let Some(default) = &arg.default
            && !args.contains_key(name.as_str())
        {
            let value = from_yaml(default);
            args.insert(Key::from(name.as_str()), one(arg, &value).unwrap_or(value));
        }
    }
}

/// YAML reads the bare words `yes` and `no` as booleans; where the choices are words, the word is meant.
fn choice_of_bool(arg: &ArgSpec, value: &Value) -> Value {
    let Value::Bool(b) = value else { return value.clone() };
    if arg.kind != ArgType::Str || arg.choices.is_empty() {
        return value.clone();
    }
    let words = if *b { ["yes", "true", "on", "True"] } else { ["no", "false", "off", "False"] };
    let choices: Vec<String> = arg.choices.iter().map(|c| to_text(&from_yaml(c))).collect();
    let word = words.into_iter().find(|w| choices.iter().any(|c| c == w));
    word.map_or_else(|| value.clone(), Value::from)
}

fn check_choice(arg: &ArgSpec, value: &Value) -> Result<(), String> {
    if arg.choices.is_empty() || matches!(value, Value::Null | Value::Unknown(_) | Value::Template(_)) {
        return Ok(());
    }
    let choices: Vec<String> = arg.choices.iter().map(|c| to_text(&from_yaml(c))).collect();
    let fits =
        |v: &Value| matches!(v, Value::Template(_) | Value::Unknown(_)) || choices.contains(&to_text(v));
    let wrong = match value {
        Value::List(items) => items.iter().find(|v| !fits(v)),
        single => (!fits(single)).then_some(single),
    };
    let Some(wrong) = wrong else { return Ok(()) };
    let hint = match nearest(&to_text(wrong), choices.iter().map(String::as_str)) {
        Some(right) => format!("; did you mean `{right}`?"),
        None => String::new(),
    };
    Err(format!("must be one of {}, not {}{hint}", choices.join(", "), shown(wrong)))
}

/// The rules between arguments. `given` finds an argument that has a value, by its own name.
pub(super) fn check_groups<'a>(
    spec: &ModuleSpec,
    given: &dyn Fn(&str) -> Option<&'a Value>,
) -> Result<(), String> {
    let present =
        |names: &[String]| -> Vec<String> { names.iter().filter(|n| given(n).is_some()).cloned().collect() };
    for group in &spec.mutually_exclusive {
        let present = present(group);
        if present.len() > 1 {
            return Err(format!("parameters are mutually exclusive: {}", present.join("|")));
        }
    }
    for group in &spec.required_together {
        let present = present(group);
        if !present.is_empty() && present.len() < group.len() {
            return Err(format!("parameters are required together: {}", group.join(", ")));
        }
    }
    let by_default =
        |names: &[String]| names.iter().any(|n| spec.args.get(n).is_some_and(|a| a.default.is_some()));
    for group in &spec.required_one_of {
        if present(group).is_empty() && !by_default(group) {
            return Err(format!("one of the following is required: {}", group.join(", ")));
        }
    }
    for (name, value, needed) in &spec.required_if {
        let wanted = to_text(&from_yaml(value));
        let default = spec.args.get(name).and_then(|a| a.default.as_ref()).map(from_yaml);
        let actual = given(name).cloned().or(default);
        if actual.is_some_and(|a| to_text(&a).eq_ignore_ascii_case(&wanted)) {
            let missing: Vec<String> = needed.iter().filter(|n| given(n).is_none()).cloned().collect();
            if !missing.is_empty() {
                return Err(format!(
                    "{name} is {wanted} but all of the following are missing: {}",
                    missing.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// A value of module.yml.
pub fn from_yaml(yaml: &serde_yaml::Value) -> Value {
    use serde_yaml::Value as Y;
    match yaml {
        Y::Null => Value::Null,
        Y::Bool(b) => Value::Bool(*b),
        Y::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Y::String(s) => Value::from(s.as_str()),
        Y::Sequence(items) => Value::from(items.iter().map(from_yaml).collect::<List>()),
        Y::Mapping(map) => {
            map.iter().map(|(k, v)| (Key::from(to_text(&from_yaml(k))), from_yaml(v))).collect()
        }
        Y::Tagged(tagged) => from_yaml(&tagged.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Sources, Span};
    use crate::spec::check_args;

    const SPEC: &str = "
name: pkg
summary: s
mutually_exclusive: [[file, name]]
required_one_of: [[name, file]]
required_if: [[state, latest, [channel]]]
args:
  name: {type: list, of: str, aliases: [pkg], doc: d}
  file: {type: path, doc: d}
  state: {choices: ['present', 'absent', latest], default: present, doc: d}
  update: {choices: ['yes', 'no', safe], doc: d}
  channel: {doc: d}
  force: {type: bool, default: no, doc: d}
  opts: {type: list, of: dict, doc: d, options: {a: {type: int, required: true, doc: d}, b: {default: x, doc: d}}}
";

    fn spec() -> ModuleSpec {
        serde_yaml::from_str(SPEC).unwrap()
    }

    fn args(yaml: &str) -> Map {
        from_yaml(&serde_yaml::from_str(yaml).unwrap()).as_map().unwrap().clone()
    }

    #[test]
    fn arguments_come_out_complete_and_typed() {
        let got = coerce(&spec(), args("{pkg: 'a,b', update: true, opts: [{a: '1'}]}")).unwrap();
        let expected =
            args("{name: [a, b], update: 'yes', opts: [{a: 1, b: x}], state: present, force: false}");
        assert_eq!(Value::from(got), Value::from(expected));
        let mut omitted = args("{name: a}");
        omitted.insert("state".into(), Value::Omit);
        assert_eq!(coerce(&spec(), omitted).unwrap().get("state"), Some(&"present".into()));
    }

    #[test]
    fn what_is_wrong_is_said_at_run_time_and_at_compile_time() {
        let cases = [
            ("{nmae: a, file: /x}", "Did you mean `name`?"),
            ("{name: a, state: abesnt}", "did you mean `absent`?"),
            ("{name: a, file: /x}", "parameters are mutually exclusive: file|name"),
            ("{state: present}", "one of the following is required: name, file"),
            ("{name: a, state: latest}", "state is latest but all of the following are missing: channel"),
            ("{name: a, force: perhaps}", "must be a boolean"),
            ("{name: a, opts: [{b: y}]}", "lacks the required member `a`"),
            ("{name: a, opts: [{a: 1, c: y}]}", "unknown argument `c`"),
        ];
        let sources = Sources::default();
        let span = Span::new(sources.add("x", "abc"), 0, 1);
        for (yaml, part) in cases {
            let given = args(yaml);
            let error = coerce(&spec(), given.clone()).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
            let pairs: Vec<_> = given.iter().map(|(k, v)| (k.as_str().unwrap_or(""), span, v)).collect();
            let static_too = !part.starts_with("lacks");
            assert_eq!(check_args(&spec(), span, &pairs).has_errors(), static_too, "{yaml}");
        }
    }

    #[test]
    fn unknown_arguments_are_told_in_ansibles_words() {
        let cases = [
            ("pkg", "Unsupported parameters for (pkg) module: zz. Supported parameters include: name, file,"),
            ("shell", "Unsupported parameters for (shell) module: zz"),
            ("wait_for_connection", "Invalid options for wait_for_connection: zz"),
        ];
        for (name, sentence) in cases {
            let spec = ModuleSpec { name: name.into(), ..spec() };
            assert!(coerce(&spec, args("{name: a, zz: b}")).unwrap_err().starts_with(sentence), "{name}");
        }
    }

    #[test]
    fn a_default_is_one_of_those_required() {
        let text = "
name: unit
summary: s
args:
  reload: {type: bool, default: false, doc: d}
  state: {type: str, doc: d}
  name: {type: str, doc: d}
required_one_of: [[state, reload]]
";
        let mut spec: ModuleSpec = serde_yaml::from_str(text).unwrap();
        let given = || Map::from_iter([("name".into(), "x".into())]);
        assert!(coerce(&spec, given()).is_ok());
        spec.args["reload"].default = None;
        assert!(
            coerce(&spec, given()).unwrap_err().contains("one of the following is required: state, reload")
        );
    }
}
