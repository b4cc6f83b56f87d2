use super::*;
use crate::base::Value;
use crate::graph::{Act, Sequence, Step};
use std::path::Path;

/// Files of one case in a folder of their own; the name is the first column, then the text.
pub(crate) fn case(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

pub(crate) fn options(dir: &Path) -> CompileOptions {
    CompileOptions::new(dir.join("site.yml"), Arc::new(Keyring::default()), Sources::default())
}

fn compiled(dir: &Path) -> Compiled {
    let options = options(dir);
    compile(&options).unwrap_or_else(|d| {
        let words: Vec<String> = d.iter().map(|d| d.render(&options.sources, false)).collect();
        panic!("{}", words.join("\n"));
    })
}

/// The program as text, one step a line.
fn outline(sequence: &Sequence, depth: usize, out: &mut String) {
    for step in &sequence.steps {
        let pad = "  ".repeat(depth);
        match step {
            Step::Flush { .. } => out.push_str(&format!("{pad}flush\n")),
            Step::Block(block) => {
                out.push_str(&format!("{pad}block\n"));
                outline(&block.body, depth + 1, out);
            }
            Step::Task(node) => {
                let act = match &node.act {
                    Act::Module { module, .. } => module.spec.name.clone(),
                    Act::IncludeTasks { .. } => "include_tasks".into(),
                    Act::IncludeRole(_) => "include_role".into(),
                    Act::Meta(word) => format!("meta {word}"),
                };
                let k = &node.keywords;
                let role = node.role.as_ref().map(|r| format!("{}: ", r.name)).unwrap_or_default();
                out.push_str(&format!("{pad}{role}{act} when={} tags={}\n", k.when.len(), k.tags.len()));
            }
        }
    }
}

fn body(compiled: &Compiled) -> String {
    let mut out = String::new();
    outline(&compiled.program.plays[0].body, 0, &mut out);
    out
}

#[test]
fn sections_roles_and_dependencies_come_in_order() {
    let dir = case(&[
        (
            "site.yml",
            "- hosts: all\n  tags: site\n  pre_tasks:\n    - ping:\n  roles:\n    - {role: web, when: x, listen_port: 80}\n    - base\n  tasks:\n    - import_tasks: more.yml\n      when: y\n    - block:\n        - command: uptime\n      when: z\n  handlers:\n    - name: own\n      ping:\n",
        ),
        ("more.yml", "- ping:\n  when: [a, b]\n"),
        ("roles/web/tasks/main.yml", "- include_tasks: inner.yml\n  tags: inner\n"),
        ("roles/web/tasks/inner.yml", "- ping:\n"),
        ("roles/web/handlers/main.yml", "- name: restart\n  listen: web changed\n  ping:\n"),
        ("roles/web/meta/main.yml", "dependencies:\n  - base\n"),
        ("roles/base/tasks/main.yaml", "- ping:\n"),
        ("roles/base/defaults/main.yml", "size: 3\n"),
    ]);
    let compiled = compiled(dir.path());
    let expected = "ping when=0 tags=1\nflush\nbase: ping when=1 tags=1\nweb: include_tasks when=1 tags=2\n\
                    base: ping when=0 tags=1\nping when=3 tags=1\nblock\n  command when=1 tags=1\nflush\n";
    assert_eq!(body(&compiled), expected);
    let play = &compiled.program.plays[0];
    let names: Vec<_> = play.handlers.iter().map(|h| h.task.name.clone().unwrap()).collect();
    assert_eq!(names, [Value::from("restart"), Value::from("own")]);
    assert_eq!(&*play.handlers[0].aliases[0], "web : restart");
    assert_eq!(play.handlers[0].listen, [Value::from("web changed"), "web : web changed".into()]);
    assert_eq!(play.role_layers.len(), 3);
    assert_eq!(play.role_layers[1].params.get("listen_port"), Some(&80.into()));
}

#[test]
fn an_include_is_compiled_early_and_again_for_names_of_the_run() {
    let dir = case(&[
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - block:\n        - include_tasks: '{{ x }}.yml'\n          when: own\n          vars: {v: 1}\n      when: outer\n",
        ),
        ("a.yml", "- ping:\n"),
    ]);
    let compiled = compiled(dir.path());
    let Step::Block(block) = &compiled.program.plays[0].body.steps[0] else { panic!() };
    let Step::Task(node) = &block.body.steps[0] else { panic!() };
    let made = compiled.includer.tasks(node, "a.yml").unwrap();
    let Step::Task(inner) = &made.steps[0] else { panic!() };
    assert_eq!(inner.keywords.when, [Value::from("outer")], "an include's own condition stays with it");
    assert_eq!(inner.keywords.vars.len(), 1);
    assert!(Arc::ptr_eq(&made, &compiled.includer.tasks(node, "a.yml").unwrap()), "cached");
    let error = compiled.includer.tasks(node, "b.yml").unwrap_err();
    assert!(error.contains("`b.yml` does not exist"), "{error}");
}

#[test]
fn all_findings_come_at_once() {
    let dir = case(&[
        (
            "site.yml",
            "- hosts: all\n  roles: [wbe]\n  tasks:\n    - copyy: {src: a, dest: b}\n    - include_tasks: gone.yml\n    - import_tasks: self.yml\n    - command:\n",
        ),
        ("self.yml", "- import_tasks: self.yml\n"),
        ("roles/web/tasks/main.yml", "[]\n"),
    ]);
    let codes: Vec<&str> = match compile(&options(dir.path())) {
        Ok(_) => panic!("errors were expected"),
        Err(diags) => diags.into_sorted().iter().map(|d| d.code).collect(),
    };
    for code in ["unknown-role", "missing-file", "cycle"] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
    assert!(codes.iter().any(|c| c.contains("unknown") && *c != "unknown-role"), "{codes:?}");
}

#[test]
fn names_and_handlers_are_followed() {
    let dir = case(&[(
        "site.yml",
        "- hosts: all\n  vars: {a: '{{ r.stdout }}', deep: '{{ a }}'}\n  tasks:\n    - {command: uptime, register: r}\n    - {debug: {msg: '{{ deep }}'}}\n    - {debug: {msg: '{{ from_inventory }}'}}\n",
    )]);
    let compiled = compiled(dir.path());
    let uses: Vec<_> = compiled.program.plays[0].body.steps[..3]
        .iter()
        .map(|s| match s {
            Step::Task(node) => node.uses.clone(),
            _ => panic!(),
        })
        .collect();
    let names = |n: &[&str]| Some(n.iter().map(|s| Arc::from(*s)).collect::<Vec<Arc<str>>>());
    assert_eq!(uses, [names(&[]), names(&["deep", "a", "r"]), names(&["from_inventory"])]);
}

#[test]
fn templates_and_notifies_are_checked() {
    let dir = case(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - {command: '{{ a | defualt(1) }}', notify: restrat}\n    - {command: a, when: x ==}\n  handlers:\n    - {name: restart, command: b}\n",
    )]);
    let diags = compile(&options(dir.path())).err().unwrap().into_sorted();
    let codes: Vec<&str> = diags.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["undefined-name", "unknown-filter", "unknown-handler", "template-syntax"]);
    assert!(diags[2].hints[0].contains("`restart`"));
}

#[test]
fn a_module_that_is_not_there_may_stand_under_a_condition() {
    let task = "- hosts: all\n  tasks:\n    - zypper: {name: x}\n";
    let dir = case(&[("site.yml", task)]);
    assert!(compile(&options(dir.path())).is_err());
    let dir = case(&[("site.yml", &format!("{task}      when: ansible_pkg_mgr == 'zypper'\n"))]);
    let compiled = compiled(dir.path());
    assert!(compiled.warnings.iter().any(|d| d.code == "unsupported-module"));
    let Step::Task(node) = &compiled.program.plays[0].body.steps[0] else { panic!() };
    let Act::Module { module, args } = &node.act else { panic!() };
    assert_eq!(module.spec.name, "fail");
    assert!(args.get("msg").is_some_and(|m| m.as_str().is_some_and(|m| m.contains("zypper"))));
}

/// The codes of all findings, in the order of their places.
fn codes(text: &str) -> String {
    let dir = case(&[("site.yml", text), ("files/there.txt", "x")]);
    let diags = match compile(&options(dir.path())) {
        Ok(compiled) => compiled.warnings,
        Err(diags) => diags,
    };
    diags.into_sorted().iter().map(|d| d.code).collect::<Vec<_>>().join(" ")
}

#[test]
fn warnings_and_missing_files_are_found_where_they_are() {
    let cases = [
        ("command: echo 1 > /sys/x", "shell-in-command"),
        ("command: echo 1 > /sys/x # noqa shell-in-command", ""),
        ("command: echo '1 > 2'", ""),
        ("modprobe: {name: nf_conntrack_ipv4}", "renamed-kernel-module"),
        ("apt_key: {keyserver: a.example, id: AB}", "deprecated-module apt-key-server"),
        ("apt: {name: '{{ item }}'}\n      loop: [a, b]", "package-loop"),
        ("apt: {name: '{{ item }}'}\n      loop: [a, b]\n      register: x\n    - debug: {var: x}", ""),
        ("command: uptime\n      register: never", "unread-register"),
        ("copy: {src: there.txt, dest: /x}", ""),
        ("copy: {src: lost.txt, dest: /x}", "missing-file"),
        ("service: {daemon_reload: true}", ""),
        ("systemd_service: {name: docker}", ""),
        ("service: {state: started}", "argument-group"),
    ];
    for (task, expected) in cases {
        let text = format!("- hosts: all\n  tasks:\n    - {task}\n");
        assert_eq!(codes(&text), expected, "{text}");
    }
    assert_eq!(codes("- hosts: all\n  vars_files: [lost.yml]\n"), "missing-file");
}

#[test]
fn a_tag_that_no_task_has_is_an_error_with_the_nearest_name() {
    let dir = case(&[("site.yml", "- hosts: all\n  tasks:\n    - ping:\n      tags: deploy\n")]);
    let mut options = options(dir.path());
    options.tags = vec!["deplyo".into()];
    let Err(diags) = compile(&options) else { panic!("the tag is accepted") };
    let diag = diags.iter().next().unwrap();
    assert_eq!((diag.code, diag.hints[0].as_str()), ("unknown-tag", "did you mean `deploy`?"));
    options.tags = vec!["deploy".into(), "always".into()];
    assert!(compile(&options).is_ok());
}

/// An image's hash has this one in it, and a saved plan is held to it.
#[test]
fn the_hash_of_a_program_has_the_tools_version() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("site.yml"), "- hosts: all\n  tasks: []\n").unwrap();
    let options = options(dir.path());
    let Ok(made) = compile(&options) else { panic!("it compiles") };
    let made = made.program.hash;
    assert_eq!(made, super::hash(&options, env!("CARGO_PKG_VERSION")));
    assert_ne!(made, super::hash(&options, "0.0.0-another"));
}
