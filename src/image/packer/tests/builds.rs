//! Several builders: what a step reads is of the build that runs it.

use super::Case;
use serde_json::{Value, json};

/// Whom each task is for, and its command.
fn tasks(plays: &Value) -> Vec<(String, String)> {
    let all = plays.as_array().unwrap().iter().filter_map(|play| play["tasks"].as_array()).flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    all.map(|task| (text(&task["when"]), text(&task["ansible.builtin.shell"]["cmd"]))).collect()
}

fn of(who: &str, command: &str) -> (String, String) {
    let who = if who.is_empty() { String::new() } else { format!("fitout_image.builder in [{who}]") };
    (who, format!("set -e\n{command}"))
}

const SOURCES: &str = "source \"amazon-ebs\" \"a\" {}\nsource \"amazon-ebs\" \"b\" {}\n";

#[test]
fn steps_in_hcl_name_the_source_that_is_built() {
    let build = "build {
      name = \"all\"
      sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"]
      provisioner \"shell\" {
        inline = [\"echo ${source.type} ${upper(source.name)} {{build_name}} {{build_type}} {{.Name}} ${build.name}\"]
      }
      provisioner \"shell\" {
        inline = [\"the same\"]
      }
      provisioner \"shell\" {
        only = [\"amazon-ebs.b\"]
        inline = [\"only ${source.name}\"]
      }
      post-processor \"manifest\" {
        output = \"${source.name}.json\"
      }
    }";
    let plays = Case::of(&[("t.pkr.hcl", &format!("{SOURCES}{build}"))]).yaml(&[], &[]);
    let expected = [
        of("'a'", "echo amazon-ebs A a amazon-ebs a all"),
        of("'b'", "echo amazon-ebs B b amazon-ebs b all"),
        of("", "the same"),
        of("'b'", "only b"),
    ];
    assert_eq!(tasks(&plays), expected);
}

#[test]
fn steps_in_json_name_the_builder_that_is_built() {
    let template = json!({
        "variables": {"app": "web"},
        "builders": [
            {"type": "amazon-ebs", "name": "{{user `app`}}-a", "ami_name": "{{build_name}}"},
            {"type": "amazon-ebs", "name": "b", "ami_name": "{{build_name}}"},
        ],
        "provisioners": [
            {"type": "shell", "inline": ["echo {{build_name}} {{build_type}} {{.Name}}"]},
            {"type": "shell", "inline": ["plain"], "override": {"b": {"inline": ["its own"]}}},
        ],
    });
    let plays = Case::of(&[("t.json", &template.to_string())]).yaml(&[], &[]);
    let expected = [
        of("'web-a'", "echo web-a amazon-ebs web-a"),
        of("'b'", "echo b amazon-ebs b"),
        of("'web-a'", "plain"),
        of("'b'", "its own"),
    ];
    assert_eq!(tasks(&plays), expected);
    let builders = &plays[0]["image"]["builders"];
    assert_eq!((&builders[0]["ami_name"], &builders[1]["ami_name"]), (&json!("web-a"), &json!("b")));
}

#[test]
fn what_overrides_no_builder_is_refused() {
    let template = json!({
        "builders": [{"type": "amazon-ebs", "name": "a"}],
        "provisioners": [{"type": "shell", "inline": ["x"], "override": {"c": {"inline": ["y"]}}}],
    });
    let said = Case::of(&[("t.json", &template.to_string())]).playbook(&[], &[]).unwrap_err();
    assert!(said.contains("`override`"), "{said}");
}

#[test]
fn builds_have_steps_of_their_own() {
    let build = |name: &str, sources: &str, step: &str| {
        format!(
            "build {{\n name = \"{name}\"\n sources = [{sources}]\n provisioner \"shell\" {{\n inline = [\"{step}\"]\n }}\n}}\n"
        )
    };
    let (a, b) = ("\"source.amazon-ebs.a\"", "\"source.amazon-ebs.b\"");
    let chosen = "  provisioner \"shell\" {\n inline = [\"x\"]\n only = [\"amazon-ebs.a\"]\n\
                  override = { a = { inline = [\"its own\"] } }\n }\n}\n";
    let text = [
        SOURCES,
        &build("one", &format!("{a}, {b}"), "first ${build.name}"),
        build("two", a, "second ${build.name} ${source.name}").strip_suffix("}\n").unwrap(),
        chosen,
    ]
    .concat();
    let plays = Case::of(&[("t.pkr.hcl", &text)]).yaml(&[], &[]);
    assert_eq!(
        tasks(&plays),
        [
            of("'a', 'b'", "first one"),
            of("'two.amazon-ebs.a'", "second two a"),
            of("'two.amazon-ebs.a'", "its own")
        ]
    );
    let also = |n: usize| plays[0]["image"]["builders"][n]["also"].clone();
    assert_eq!([also(1), also(2)], [json!("one.amazon-ebs.b"), json!("two.amazon-ebs.a")]);
    // Its steps know it by its source's name.
    let named = |n: usize| plays[0]["image"]["builders"][n]["build_name"].clone();
    assert_eq!([named(0), named(2)], [serde_json::Value::Null, json!("a")]);
    let text = [SOURCES, &build("", a, "x"), &build("", a, "y")].concat();
    let said = Case::of(&[("t.pkr.hcl", &text)]).playbook(&[], &[]).unwrap_err();
    assert!(said.contains("give the builds names"), "{said}");
}

#[test]
fn steps_for_each_of_several_values() {
    let build = "build {
      sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"]
      dynamic \"provisioner\" {
        for_each = [\"x\", \"y\"]
        labels   = [\"shell\"]
        content {
          inline = [\"${provisioner.key} ${provisioner.value} ${source.name}\"]
        }
      }
    }";
    let plays = Case::of(&[("t.pkr.hcl", &format!("{SOURCES}{build}"))]).yaml(&[], &[]);
    let expected = [of("'a'", "0 x a"), of("'b'", "0 x b"), of("'a'", "1 y a"), of("'b'", "1 y b")];
    assert_eq!(tasks(&plays), expected);
}
