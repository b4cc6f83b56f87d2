//! Texts with calls.

use super::super::functions;
use super::*;

fn names() -> Names {
    let user = [("app", "web"), ("quoted", "a\"b"), ("no", "false"), ("empty", "")];
    Names {
        user: user.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        build: Some(("base".into(), "amazon-ebs".into())),
        folder: "/t".into(),
        ..Names::default()
    }
}

#[test]
fn functions_are_carried_out_and_fields_stay() {
    let stamp = functions::timestamp();
    for (source, expected) in [
        ("plain", "plain".to_string()),
        ("{{user `app`}}-{{ user \"app\" }}", "web-web".into()),
        ("node {{timestamp}}", format!("node {stamp}")),
        ("{{user `app` | upper}}", "WEB".into()),
        ("{{ \"a:b\" | clean_resource_name }}", "a-b".into()),
        ("{{build_name}}/{{build_type}}", "base/amazon-ebs".into()),
        ("{{template_dir}}/x", "/t/x".into()),
        ("{{split `a-b-c` \"-\" 1}}", "b".into()),
        ("{{ .Vars }} sh {{.Path}}", format!("{} sh {}", field("Vars"), field("Path"))),
        ("{{build `ID`}}", field("ID")),
        ("{{user `quoted`}}", "a\"b".into()),
        ("a {{- user `app` -}} b", "awebb".into()),
        ("{{ `}}` }}", "}}".into()),
        ("{{ split (user `app`) \"e\" 0 }}{{ upper (user `app` | lower) }}", "wWEB".into()),
        (
            "a{{if user `empty`}}b{{else if eq (user `app`) `db` `web`}}c{{if true}}d{{end}}{{else}}e{{end}}f",
            "acdf".into(),
        ),
        ("{{if and (user `no`) (not (eq 1 2))}}text{{end}}{{- if false}} x{{end}} y", "text y".into()),
        ("{{if false}}{{user `nosuch`}}{{end}}", String::new()),
    ] {
        assert_eq!(text(source, &names()).as_ref(), Ok(&expected), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (source, said) in [
        ("{{user `ap`}}", "did you mean `app`"),
        ("{{usr `app`}}", "did you mean `user`"),
        ("{{env `HOME`}}", "in `variables` only"),
        ("{{ user `app`", "without `}}`"),
        ("{{}}", "empty"),
        ("{{split `a` `-` 3}}", "no part 3"),
        ("{{upper (user `app`}}", "( is not closed"),
        ("{{user `app`)}}", "without `(`"),
        ("{{if true}}a", "without `{{end}}`"),
        ("a{{end}}", "without `{{if"),
        ("{{if eq .SourceAMI `x`}}a{{end}}", "what only the build knows"),
    ] {
        let error = text(source, &names()).unwrap_err();
        assert!(error.contains(said), "{source}: {error}");
    }
}
