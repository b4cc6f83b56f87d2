//! The functions of HCL2 templates that real ones use.

use super::super::functions;
use ::hcl::Value;
use ::hcl::eval::{Context, Evaluate, FuncArgs, FuncDef, ParamType};
use base64::Engine as _;

type Given = Result<Value, String>;
type Function = fn(FuncArgs) -> Given;

/// A context in which they are declared.
pub fn context() -> Context<'static> {
    let mut context = Context::new();
    for (name, function) in ONE_TEXT {
        context.declare_func(*name, FuncDef::new(*function, [ParamType::String]));
    }
    for (name, least, function) in ANY {
        let definition = FuncDef::builder().params(vec![ParamType::Any; *least]);
        context.declare_func(*name, definition.variadic_param(ParamType::Any).build(*function));
    }
    context
}

const ONE_TEXT: &[(&str, Function)] = &[
    ("lower", |a| Ok(text(&a, 0).to_lowercase().into())),
    ("upper", |a| Ok(text(&a, 0).to_uppercase().into())),
    ("trimspace", |a| Ok(text(&a, 0).trim().into())),
    ("chomp", |a| Ok(text(&a, 0).trim_end_matches(['\n', '\r']).into())),
    ("basename", |a| Ok(name_of(std::path::Path::new(&text(&a, 0)).file_name()))),
    ("dirname", |a| Ok(name_of(std::path::Path::new(&text(&a, 0)).parent().map(|p| p.as_os_str())))),
    ("abspath", |a| {
        std::path::absolute(text(&a, 0)).map(|p| p.display().to_string().into()).map_err(|e| e.to_string())
    }),
    ("env", |a| Ok(std::env::var(text(&a, 0)).unwrap_or_default().into())),
    ("file", |a| {
        std::fs::read_to_string(text(&a, 0)).map(Value::from).map_err(|e| format!("{}: {e}", text(&a, 0)))
    }),
    ("base64encode", |a| Ok(base64::engine::general_purpose::STANDARD.encode(text(&a, 0)).into())),
    ("clean_resource_name", |a| Ok(functions::clean_resource_name(&text(&a, 0)).into())),
    ("jsondecode", |a| serde_json::from_str::<Value>(&text(&a, 0)).map_err(|e| e.to_string())),
    ("yamldecode", |a| serde_yaml::from_str::<Value>(&text(&a, 0)).map_err(|e| e.to_string())),
];

/// Name, least number of arguments, function.
const ANY: &[(&str, usize, Function)] = &[
    ("timestamp", 0, |_| Ok(functions::isotime(None).into())),
    ("legacy_isotime", 0, |a| {
        let layout = a.first().map(|_| text(&a, 0));
        Ok(functions::isotime(layout.as_deref()).into())
    }),
    ("formatdate", 2, |a| formatdate(&text(&a, 0), &text(&a, 1))),
    ("uuidv4", 0, |_| Ok(functions::uuid().into())),
    ("format", 1, |a| format(&a)),
    ("join", 1, |a| {
        let parts = a.iter().skip(1).flat_map(|v| v.as_array().cloned().unwrap_or_default());
        Ok(parts.map(|v| plain(&v)).collect::<Vec<_>>().join(&text(&a, 0)).into())
    }),
    ("split", 2, |a| Ok(Value::Array(text(&a, 1).split(text(&a, 0).as_str()).map(Value::from).collect()))),
    ("replace", 3, |a| Ok(text(&a, 0).replace(&text(&a, 1), &text(&a, 2)).into())),
    ("regex_replace", 3, |a| {
        let regex = fancy_regex::Regex::new(&text(&a, 1)).map_err(|e| e.to_string())?;
        Ok(regex.replace_all(&text(&a, 0), text(&a, 2).as_str()).into_owned().into())
    }),
    ("concat", 0, |a| {
        Ok(Value::Array(a.iter().flat_map(|v| v.as_array().cloned().unwrap_or_default()).collect()))
    }),
    ("merge", 0, |a| {
        Ok(Value::Object(a.iter().flat_map(|v| v.as_object().cloned().unwrap_or_default()).collect()))
    }),
    ("coalesce", 1, |a| {
        let full = |v: &&Value| !v.is_null() && v.as_str() != Some("");
        a.iter().find(full).cloned().ok_or_else(|| "every argument is empty".to_string())
    }),
    ("length", 1, |a| match &a[0] {
        Value::Array(items) => Ok((items.len() as u64).into()),
        Value::Object(map) => Ok((map.len() as u64).into()),
        other => Ok((plain(other).chars().count() as u64).into()),
    }),
    ("contains", 2, |a| Ok(a[0].as_array().is_some_and(|items| items.contains(&a[1])).into())),
    ("lookup", 2, |a| {
        let found = a[0].as_object().and_then(|map| map.get(&text(&a, 1)).cloned());
        found.or_else(|| a.get(2).cloned()).ok_or_else(|| format!("there is no `{}`", text(&a, 1)))
    }),
    ("element", 2, |a| {
        let items = a[0].as_array().filter(|items| !items.is_empty()).ok_or("the list is empty")?;
        let index = a[1].as_number().and_then(|n| n.as_u64()).ok_or("the index is no number")?;
        Ok(items[usize::try_from(index).unwrap_or(0) % items.len()].clone())
    }),
    ("keys", 1, |a| {
        Ok(Value::Array(a[0].as_object().into_iter().flatten().map(|(k, _)| k.as_str().into()).collect()))
    }),
    ("values", 1, |a| {
        Ok(Value::Array(a[0].as_object().into_iter().flatten().map(|(_, v)| v.clone()).collect()))
    }),
    ("toset", 1, |a| Ok(a[0].clone())),
    ("tostring", 1, |a| Ok(text(&a, 0).into())),
    ("tonumber", 1, |a| super::types::number(&text(&a, 0)).ok_or_else(|| "not a number".into())),
    ("jsonencode", 1, |a| serde_json::to_string(&a[0]).map(Value::from).map_err(|e| e.to_string())),
    // Where the argument can fail they are carried out before: see `lazy`.
    ("try", 1, |a| Ok(a[0].clone())),
    ("can", 1, |_| Ok(true.into())),
    ("flatten", 1, |a| {
        let mut flat = Vec::new();
        flatten(&a[0], &mut flat);
        Ok(Value::Array(flat))
    }),
    ("compact", 1, |a| {
        let full = |v: &&Value| !v.is_null() && v.as_str() != Some("");
        Ok(Value::Array(a[0].as_array().into_iter().flatten().filter(full).cloned().collect()))
    }),
    ("templatefile", 2, |a| templatefile(&text(&a, 0), &a[1])),
];

fn flatten(value: &Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other.clone()),
    }
}

/// A file as a template of HCL's, which sees these variables only.
fn templatefile(path: &str, vars: &Value) -> Given {
    let file = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let template: ::hcl::Template = file.parse().map_err(|e| format!("{path}: {e}"))?;
    let mut context = context();
    for (name, value) in vars.as_object().ok_or("the variables of a template are an object")? {
        context.declare_var(name.as_str(), value.clone());
    }
    template.evaluate(&context).map(Value::from).map_err(|e| format!("{path}: {}", e.kind()))
}

fn text(given: &FuncArgs, at: usize) -> String {
    given.get(at).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn name_of(name: Option<&std::ffi::OsStr>) -> Value {
    name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default().into()
}

/// `%s`, `%d` and `%v` with the arguments in order; `%%` is a per cent sign.
fn format(given: &FuncArgs) -> Given {
    let layout = text(given, 0);
    let mut out = String::new();
    let mut next = 1;
    let mut chars = layout.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '%' { chars.next() } else { None }) {
            ('%', Some('%')) => out.push('%'),
            ('%', Some('s' | 'd' | 'v')) => {
                out.push_str(&given.get(next).map(plain).ok_or("fewer arguments than the format asks for")?);
                next += 1;
            }
            ('%', other) => return Err(format!("`%{}` is not supported", other.unwrap_or(' '))),
            _ => out.push(c),
        }
    }
    Ok(out.into())
}

/// HCL's layouts: runs of one letter (`YYYY`, `MM`, `hh`) and texts in `'`.
fn formatdate(layout: &str, at: &str) -> Given {
    let at: jiff::Timestamp = at.parse().map_err(|e| format!("`{at}`: {e}"))?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let words = [
        ("YYYY", "%Y"),
        ("YY", "%y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("MM", "%m"),
        ("M", "%-m"),
        ("DD", "%d"),
        ("D", "%-d"),
        ("EEEE", "%A"),
        ("EEE", "%a"),
        ("hh", "%H"),
        ("h", "%-H"),
        ("HH", "%I"),
        ("H", "%-I"),
        ("AA", "%p"),
        ("aa", "%P"),
        ("mm", "%M"),
        ("m", "%-M"),
        ("ss", "%S"),
        ("s", "%-S"),
        ("ZZZZZ", "+00:00"),
        ("ZZZZ", "+0000"),
        ("ZZZ", "UTC"),
        ("Z", "Z"),
    ];
    let mut out = String::new();
    let mut rest = layout;
    'next: while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let end = rest[1..].find('\'').ok_or("a ' is not closed")?;
            out.push_str(&rest[1..=end]);
            rest = &rest[end + 2..];
            continue;
        }
        for (word, directive) in words {
            if let Some(after) = rest.strip_prefix(word) {
                out.push_str(&at.strftime(directive).to_string());
                rest = after;
                continue 'next;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::super::lazy;
    use super::*;

    #[test]
    fn functions_of_hcl() {
        for (source, expected) in [
            ("upper(\"a\")", "\"A\""),
            ("join(\"-\", [\"a\", 1])", "\"a-1\""),
            ("formatdate(\"YYYY-MM-DD'T'hh:mm:ssZ\", \"2017-03-09T05:07:08Z\")", "\"2017-03-09T05:07:08Z\""),
            ("replace(\"a:b\", \":\", \"-\")", "\"a-b\""),
            ("regex_replace(\"a1b22\", \"[0-9]+\", \"-\")", "\"a-b-\""),
            ("format(\"%s-%d%%\", \"a\", 2)", "\"a-2%\""),
            ("length(concat([1], [2, 3]))", "3"),
            ("merge({a = 1}, {b = 2}).b", "2"),
            ("coalesce(\"\", \"x\")", "\"x\""),
            ("lookup({a = 1}, \"b\", 7)", "7"),
            ("split(\",\", \"a,b\")[1]", "\"b\""),
            ("flatten([1, [2, [3]], []])", "[1,2,3]"),
            ("compact([\"a\", \"\", null])", "[\"a\"]"),
            ("try({a = 1}.b, \"x\")", "\"x\""),
            ("[can({a = 1}.b), can({a = 1}.a), can(1 + true)]", "[false,true,false]"),
            ("\"${try({a = 1}.b, 2)}-${can(nosuch)}\"", "\"2-false\""),
            ("can(nosuch) ? 1 : try(nosuch, lower(\"B\"))", "\"b\""),
            ("jsondecode(\"{\\\"a\\\": [1]}\").a[0]", "1"),
        ] {
            let expression = ::hcl::edit::parser::parse_expr(source).unwrap();
            let value = lazy::evaluate(&expression, &context()).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn a_file_is_a_template() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "%{ for n in names ~}\nhost ${upper(n)}\n%{ endfor ~}\n").unwrap();
        let call = format!("templatefile(\"{}\", {{names = [\"a\", \"b\"]}})", file.path().display());
        let expression = ::hcl::edit::parser::parse_expr(&call).unwrap();
        assert_eq!(lazy::evaluate(&expression, &context()).unwrap(), Value::from("host A\nhost B\n"));
    }
}
