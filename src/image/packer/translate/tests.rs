//! Whole templates and the playbooks they become.

use super::super::{Inputs, read};
use super::*;
use crate::base::Sources;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packer")
}

/// The playbook of a template, or its findings, as text without this machine's paths.
fn outcome(name: &str, inputs: &Inputs) -> String {
    let (sources, mut diags) = (Sources::default(), Diags::default());
    let translated =
        read(&folder().join(name), inputs, &sources, &mut diags).and_then(|t| translate(&t, &mut diags));
    let found =
        diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect::<Vec<_>>().join("\n\n");
    let shown = translated.map(|t| t.shown()).unwrap_or_default();
    let began = super::super::functions::timestamp();
    let here = std::env::current_dir().unwrap().display().to_string();
    format!("{found}{shown}").replace(&began, "TIMESTAMP").replace(&here, "HERE")
}

fn inputs(vars: &[(&str, &str)]) -> Inputs {
    Inputs { vars: vars.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(), var_files: Vec::new() }
}

#[test]
fn a_template_of_2017_in_json() {
    insta::assert_snapshot!(outcome("node_2017.json", &inputs(&[("region", "eu-west-1")])));
}

#[test]
fn both_forms_say_the_same() {
    let json = outcome("node_2017.json", &inputs(&[("region", "eu-west-1")]));
    let hcl = outcome("node.pkr.hcl", &inputs(&[("region", "eu-west-1")]));
    // But for what Packer calls a build.
    assert_eq!(json, hcl.replace("      also: amazon-ebs.base\n", ""));
}

#[test]
fn what_is_not_supported_is_refused_by_name_and_place() {
    insta::assert_snapshot!("refused_json", outcome("refused.json", &Inputs::default()));
    insta::assert_snapshot!("refused_hcl", outcome("refused.pkr.hcl", &Inputs::default()));
}

#[test]
fn sensitive_values_are_not_shown() {
    let shown = outcome("secret.json", &inputs(&[("key", "hunter2-hunter2")]));
    assert!(shown.contains("no_log: true") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_cannot_be_read_is_one_finding_with_its_place() {
    for (name, place) in [("broken.json", "broken.json:3:"), ("broken.pkr.hcl", "broken.pkr.hcl:2:")] {
        assert!(super::super::is_template(&folder().join(name)));
        let said = outcome(name, &Inputs::default());
        assert!(said.contains(place) && said.matches("error[").count() == 1, "{said}");
    }
}
