//! Variables: what they may refer to, and their types.

use super::Case;
use serde_json::json;

fn described(case: &Case, vars: &[(&str, &str)], files: &[&str]) -> String {
    case.yaml(vars, files)[0]["image"]["builders"][0]["ami_description"].to_string()
}

#[test]
fn values_in_json_refer_to_variables_wherever_they_are_given() {
    let template = json!({
        "variables": {"app": "{{user `team`}}-web", "team": "red", "home": "", "line": "", "number": 3},
        "builders": [{"type": "amazon-ebs", "ami_description":
            "{{user `app`}} {{user `home`}} {{user `line`}} {{user `of_file`}} {{user `number`}}"}],
    });
    let file = r#"{"home": "{{user `app`}}/{{env `CARGO_PKG_NAME`}}", "of_file": "{{upper (user `line`)}}"}"#;
    let case = Case::of(&[("t.json", &template.to_string()), ("v.json", file)]);
    let read = described(&case, &[("line", "{{user `team`}}")], &["v.json"]);
    assert_eq!(read, "\"red-web red-web/fitout red RED 3\"");
}

#[test]
fn variables_that_go_round_are_told() {
    let template = json!({
        "variables": {"z": "{{user `a`}}", "a": "{{user `b`}}", "b": "{{user `c`}}", "c": "{{user `a`}}"},
        "builders": [{"type": "amazon-ebs"}],
    });
    let case = Case::of(&[("t.json", &template.to_string())]);
    let said = case.playbook(&[], &[]).unwrap_err();
    assert!(said.contains("`a` → `b` → `c` → `a`") && said.contains("t.json:1:"), "{said}");
    assert!(case.playbook(&[("c", "x")], &[]).is_ok());
    let said = case.playbook(&[("c", "{{user `nosuch`}}")], &[]).unwrap_err();
    assert!(said.contains("error[packer-undefined]: no variable `nosuch` is declared"), "{said}");
}

const TYPED: &str = "
variable \"encrypt\" {\n type = bool\n default = false\n}
variable \"size\" {\n type = number\n default = 8\n}
variable \"untyped\" {\n default = 1\n}
variable \"zones\" {\n type = list(string)\n default = []\n}
variable \"names\" {\n type = map(string)\n default = {}\n}
source \"amazon-ebs\" \"a\" {
  ami_description = \"${var.encrypt ? \"yes\" : \"no\"} ${var.size + 2} ${var.untyped + 1} ${join(\"-\", var.zones)} ${lookup(var.names, \"a\", \"none\")}\"
}
build {
  sources = [\"source.amazon-ebs.a\"]
}
";

#[test]
fn values_in_hcl_have_the_types_of_their_variables() {
    let file = "encrypt = \"true\"\nzones = [1, \"b\"]\n";
    let case = Case::of(&[("t.pkr.hcl", TYPED), ("v.pkrvars.hcl", file)]);
    assert_eq!(described(&case, &[], &[]), "\"no 10 2  none\"");
    let given = [
        ("encrypt", "false"),
        ("size", "20"),
        ("untyped", "4"),
        ("zones", "[\"x\", \"y\"]"),
        ("names", "{a = 7}"),
    ];
    assert_eq!(described(&case, &given, &[]), "\"no 22 5 x-y 7\"");
    assert_eq!(described(&case, &[], &["v.pkrvars.hcl"]), "\"yes 10 2 1-b none\"");
    for (name, value, wanted) in [
        ("encrypt", "maybe", "neither true nor false"),
        ("size", "big", "`big` is no number"),
        ("zones", "\"x\"", "no list"),
    ] {
        let said = case.playbook(&[(name, value)], &[]).unwrap_err();
        assert!(said.contains(&format!("the variable `{name}`")) && said.contains(wanted), "{said}");
    }
}

#[test]
fn what_is_tried_of_locals_is_known_before() {
    let template = |locals: &str| {
        let build = "build {\n  sources = [\"source.amazon-ebs.a\"]\n}\n";
        let source = "source \"amazon-ebs\" \"a\" {\n  ami_description = local.a\n}\n";
        Case::of(&[("t.pkr.hcl", &format!("locals {{\n{locals}\n}}\n{source}{build}"))])
    };
    let case = template("a = try(local.ab.x, \"none\")\nab = {x = upper(local.b)}\nb = \"there\"");
    assert_eq!(described(&case, &[], &[]), "\"THERE\"");
    let said = template("a = try(local.b, 1)\nb = try(local.a, 2)").playbook(&[], &[]).unwrap_err();
    assert!(said.contains("the local `a` refers to itself"), "{said}");
}

#[test]
fn what_nobody_declares_is_empty_and_told() {
    let template = json!({
        "builders": [{"type": "amazon-ebs", "name": "a"}, {"type": "amazon-ebs", "name": "b"}],
        "provisioners": [{"type": "shell", "inline": ["{{build_name}}<{{user `nosuch`}}>"]}],
    });
    let said = Case::of(&[("t.json", &template.to_string())]).playbook(&[], &[]).unwrap_err();
    assert!(said.contains("warning[packer-undefined]: no variable `nosuch`"), "{said}");
    assert_eq!((said.matches("nosuch` is").count(), said.contains("error")), (1, false), "{said}");
}
