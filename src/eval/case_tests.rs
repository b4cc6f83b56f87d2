//! Runs the tables in tests/eval: a template, `⇒`, what it comes to; `vars:` blocks stand above.

use super::*;
use crate::base::PyRepr;
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

fn scope(yaml_text: &str) -> MapScope {
    MapScope::new(templates(&yaml::read(yaml_text).unwrap()).as_map().cloned().unwrap())
}

fn render(text: &str, scope: &dyn Scope, search: &[PathBuf]) -> Result<Rendered, EvalError> {
    let engine = Engine::new(Sources::default());
    engine.render_file(text, Path::new("x.j2"), &TemplateOptions::default(), search, scope)
}

#[test]
fn files_keep_their_last_newline_and_honour_their_header() {
    let scope = scope("l: [1, 2]\np: '!secret hunter2'\n");
    let plain = "{% for x in l %}\nv={{ x }}\n{% endfor %}\nend\n";
    assert_eq!(render(plain, &scope, &[]).unwrap(), Rendered::Text("v=1\nv=2\nend\n".into()));
    let header = "#jinja2: trim_blocks: False, variable_start_string: '[%', variable_end_string: '%]'\n{% if l %}\n[% l[0] %]{{ x }}\n{% endif %}\n";
    assert_eq!(render(header, &scope, &[]).unwrap(), Rendered::Text("\n1{{ x }}\n".into()));
    assert_eq!(render("p={{ p }}\n", &scope, &[]).unwrap(), Rendered::Secret("p=hunter2\n".into()));
    assert_eq!(render("{{ 'a\\nb' }}", &scope, &[]).unwrap(), Rendered::Text("a\nb".into()));
    for (source, text) in [
        // A tag at the end takes no newline away.
        ("Port 22\n{% if l %}Foo{% endif %}\n", "Port 22\nFoo\n"),
        ("x {% for i in l %}{{ i }}{% endfor %}\n\n", "x 12\n\n"),
        ("x {# said #}\n\n", "x \n\n"),
        // What ends with one already gets no second one.
        ("{{ {'a': 1} | to_nice_yaml }}\n", "a: 1\n"),
        ("{{ l[0] }}\r\nb\r\n", "1\nb\n"),
        ("a\r\n", "a\r\n"),
        // The newline behind `raw` is the text's, that behind its end the tag's.
        (
            "a{% raw %}\n{{ x }}{% raw %}\n{% endraw %}\nb{% raw %}\n-{% endraw %}",
            "a\n{{ x }}{% raw %}\nb\n-",
        ),
        ("a{%raw%}\n{{ x }}{%endraw%}b{% raw%}\n-{% endraw %}", "a\n{{ x }}b\n-"),
        ("{%- raw -%}\n{{ x }}\n{%- endraw %}\nb", "{{ x }}b"),
        ("{% raw %}{{ x }}{% endraw %}\n{{ '{% raw %}' }}\n", "{{ x }}{% raw %}\n"),
        ("a", "a"),
    ] {
        assert_eq!(render(source, &scope, &[]).unwrap(), Rendered::Text(text.into()), "{source:?}");
    }
}

#[test]
fn files_include_import_and_extend_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("base.j2", "<{% block body %}base{% endblock %}>\n");
    write(
        "macros.j2",
        "{% macro hi(n) %}hi {{ n }}{{ mark() }}{% endmacro %}{% macro mark() %}!{% endmacro %}",
    );
    write("part.j2", "part {{ item }}\n");
    let scope = scope("who: ann\n");
    let search = [directory.path().to_path_buf()];
    let child = "{% extends 'base.j2' %}\n{% block body %}child+{{ super() }}{% endblock %}\n";
    assert_eq!(render(child, &scope, &search).unwrap(), Rendered::Text("<child+base>\n".into()));
    let import =
        "{% import 'macros.j2' as m %}{{ m.hi(who) }}{% from 'macros.j2' import hi as h %} {{ h(1) }}\n";
    assert_eq!(render(import, &scope, &search).unwrap(), Rendered::Text("hi ann! hi 1!\n".into()));
    let include =
        "{% for item in [1, 2] %}{% include 'part.j2' %},{% endfor %}{% include 'no.j2' ignore missing %}";
    assert_eq!(render(include, &scope, &search).unwrap(), Rendered::Text("part 1,part 2,".into()));
    let missing = render("{% include 'no.j2' %}", &scope, &search).unwrap_err();
    assert_eq!((missing.kind, missing.line), (ErrorKind::File, 1));
}

#[test]
fn failures_say_where_in_the_file_they_are() {
    let sources = Sources::default();
    let text = "- a: >-\n    one {{ fine }}\n    two {{ nope }}\n";
    let file = sources.add("site.yml", text);
    let span = crate::base::Span::new(file, 5, text.len());
    let engine = Engine::new(sources.clone());
    let template = Template { text: "one {{ fine }}\ntwo {{ nope }}".into(), span: Some(span) };
    let failure = engine.evaluate(&Value::Template(Arc::new(template)), &scope("fine: 1\n")).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Undefined("nope".into()));
    assert_eq!((failure.line, failure.column), (2, 8));
    assert_eq!(sources.location(failure.span.unwrap()), "site.yml:3:12");
    let failure = render("a\n{{ b.c }}\n", &scope("b: {}\n"), &[]).unwrap_err();
    assert_eq!(failure.to_string(), "the dict has no `c` (x.j2:2:4)");
}

#[test]
fn members_that_are_omitted_are_left_out() {
    let engine = Engine::new(Sources::default());
    let value =
        templates(&yaml::read("a: '{{ x | default(omit) }}'\nb: [1, '{{ omit }}']\nc: '{{ y }}'\n").unwrap());
    let found = engine.evaluate(&value, &scope("y: 2\n")).unwrap();
    assert_eq!(shown(&found), "{'b': [1], 'c': 2}");
}

#[test]
fn names_in_use_are_told_with_their_guards() {
    let text = "{% for u in users %}{{ u.name | lower }}{{ ansible_facts['os_family'] }}{% endfor %}{{ port | default(80) }}";
    let used = names_used(text, false).unwrap();
    let names: Vec<&str> = used.names.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["users", "ansible_facts", "port"]);
    assert_eq!(used.guarded, ["port"]);
    assert_eq!(used.facts[0].0, "os_family");
    assert_eq!(used.filters.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["lower", "default"]);
    let used =
        names_used("x is defined and hostvars[h].addr and lookup('file', p) is search('a')", true).unwrap();
    assert_eq!(used.guarded, ["x"]);
    assert_eq!(used.host_names[0].0, "addr");
    assert_eq!((used.lookups[0].0.as_str(), used.tests.len()), ("file", 2));
    assert_eq!(names_used("{{ a b }}", false).unwrap_err().kind, ErrorKind::Syntax);
}
