//! Runs the tables in tests/eval: a template, `⇒`, what it comes to; `vars:` blocks stand above.

use super::*;
use std::fmt::Write;

/// The value as a table writes it: a text as it is with `\n` for newlines, the rest as Python's repr.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(s) => format!("str {}", PyRepr(&Value::Str(s.clone()))),
        Value::Secret(s) => format!("secret {}", s.reveal().unwrap_or("locked")),
        Value::Unknown(why) => format!("unknown {why}"),
        other => PyRepr(other).to_string(),
    }
}

fn templates(value: &Value) -> Value {
    match value {
        Value::Str(s) if s.starts_with("!unknown ") => Value::Unknown(s[9..].into()),
        Value::Str(s) if s.starts_with("!secret ") => Value::Secret(Secret::new(&s[8..])),
        Value::Str(s) if s.starts_with("!locked ") => Value::Secret(Secret::locked(&s[8..])),
        Value::Str(s) if s.contains("{{") || s.contains("{%") => {
            Value::Template(Arc::new(Template { text: s.clone(), span: None }))
        }
        Value::List(l) => Value::from(l.iter().map(templates).collect::<List>()),
        Value::Map(m) => Value::from(m.iter().map(|(k, v)| (k.clone(), templates(v))).collect::<Map>()),
        other => other.clone(),
    }
}

fn outcome(engine: &Engine, text: &str, scope: &MapScope) -> String {
    let result = match text.strip_prefix("when ") {
        Some(condition) => {
            return match engine.condition(&templates(&Value::from(condition)), scope) {
                Ok(truth) => format!("{truth:?}"),
                Err(e) => format!("error {}", e.message),
            };
        }
        None => engine.evaluate(&templates(&Value::from(text)), scope),
    };
    result.map_or_else(|e| format!("error {}", e.message), |v| shown(&v))
}

fn run_table(name: &str, table: &str) -> (usize, String) {
    let engine = Engine::new(Sources::default());
    let mut scope = MapScope::default();
    let (mut count, mut wrong) = (0, String::new());
    let mut vars = None::<String>;
    for (number, line) in table.lines().enumerate() {
        if let Some(block) = &mut vars {
            if !line.is_empty() {
                block.push_str(line);
                block.push('\n');
                continue;
            }
            let read = yaml::read(block).unwrap_or_else(|e| panic!("{name}:{number}: {e}"));
            scope = MapScope::new(templates(&read).as_map().cloned().unwrap_or_default());
            vars = None;
        }
        match line.split_once(" ⇒ ") {
            _ if line == "vars:" => vars = Some(String::new()),
            Some((text, expected)) => {
                count += 1;
                let found = outcome(&engine, &text.trim().replace('⏎', "\n"), &scope);
                let matches = match expected.trim().strip_prefix("error ") {
                    Some(part) => found.strip_prefix("error ").is_some_and(|f| f.contains(part)),
                    None => found == expected.trim(),
                };
                if !matches {
                    let _ = writeln!(
                        wrong,
                        "{name}:{}: {text}\n  expected {expected}\n  found    {found}",
                        number + 1
                    );
                }
            }
            None => {
                assert!(line.is_empty() || line.starts_with('#'), "{name}:{}: no ⇒ in {line}", number + 1)
            }
        }
    }
    (count, wrong)
}

#[test]
fn the_tables_hold() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/eval");
    let (mut total, mut failures) = (0, String::new());
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "txt") {
            let table = std::fs::read_to_string(&path).unwrap();
            let (count, wrong) = run_table(&path.file_name().unwrap().to_string_lossy(), &table);
            total += count;
            failures.push_str(&wrong);
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(total >= 250, "only {total} cases were found");
}
