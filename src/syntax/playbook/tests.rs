//! Tests of the playbook reader: what it makes of good files, and, as snapshots, what it says of bad ones.

use super::super::ast::{ActionArgs, PlaybookEntry};
use super::*;

const MODULES: [&str; 9] =
    ["apt", "copy", "command", "debug", "template", "service", "include_tasks", "meta", "set_fact"];

fn read(text: &str) -> (Vec<PlaybookEntry>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yml");
    std::fs::write(&path, text).unwrap();
    let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
    let playbook = Reader::new(&sources, &keyring, MODULES).playbook(&path, &mut diags);
    let shown: Vec<_> = diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect();
    (playbook.map(|p| p.entries).unwrap_or_default(), shown.join("\n"))
}

fn tasks(text: &str) -> Vec<Item> {
    let indented: String = text.lines().map(|l| format!("  {l}\n")).collect();
    let (mut entries, shown) = read(&format!("- hosts: all\n  tasks:\n{indented}"));
    assert_eq!(shown, "");
    match entries.remove(0) {
        PlaybookEntry::Play(play) => play.tasks,
        other => panic!("{other:?}"),
    }
}

/// `name | arguments | extra | local | keywords` of a task.
fn show(item: &Item) -> String {
    let Item::Task(task) = item else { return "block".into() };
    let value = |v: &Value| v.to_json().to_string();
    let entries = |e: &Entries| {
        e.iter().map(|(k, v)| format!("{}={}", k.value, value(&v.value))).collect::<Vec<_>>().join(" ")
    };
    let args = match &task.action.args {
        ActionArgs::None => "-".into(),
        ActionArgs::Entries(e) => entries(e),
        ActionArgs::Text(t) => value(&t.value),
        ActionArgs::Other(o) => format!("other {}", value(&o.value)),
    };
    let action = &task.action;
    let parts = [args, entries(&action.extra), action.local.to_string(), entries(&task.keywords.0)];
    format!("{} | {}", action.name.value, parts.join(" | "))
}

#[test]
fn every_form_of_a_task_is_read() {
    let cases = [
        ("- apt: name=a state=present", r#"apt | "name=a state=present" |  | false | "#),
        (
            "- ansible.builtin.apt:\n    name: [a]\n  when: x",
            r#"ansible.builtin.apt | name=["a"] |  | false | when="x""#,
        ),
        ("- meta: flush_handlers", r#"meta | "flush_handlers" |  | false | "#),
        ("- debug:", "debug | - |  | false | "),
        ("- command: [a]", r#"command | other ["a"] |  | false | "#),
        ("- action: apt name=a", r#"apt | "name=a" |  | false | "#),
        ("- action: {module: apt, name: a}", r#"apt | name="a" |  | false | "#),
        ("- local_action: command echo {{ x }}", r#"command | "echo {{ x }}" |  | true | "#),
        ("- local_action:\n    module: copy\n    src: a", r#"copy | src="a" |  | true | "#),
        ("- action: '{{ pkg }} name=a'", r#"{{ pkg }} | "name=a" |  | false | "#),
        ("- command: ls\n  args: {chdir: /}", r#"command | "ls" | chdir="/" | false | "#),
        ("- command: ls\n  args: '{{ x }}'", r#"command | "ls" | _variable_params="{{ x }}" | false | "#),
        (
            "- debug: {}\n  with_items: [1]\n  register: r\n  loop_control: {label: x}\n  retries: '3'",
            r#"debug |  |  | false | with_items=[1] register="r" loop_control={"label":"x"} retries="3""#,
        ),
        ("- some.coll.mod:\n    a: b\n  tags: t", r#"some.coll.mod | a="b" |  | false | tags="t""#),
        ("- tempalte: src=a\n  become: yes", r#"tempalte | "src=a" |  | false | become=true"#),
    ];
    for (text, want) in cases {
        assert_eq!(show(&tasks(text)[0]), want, "{text}");
    }
}

#[test]
fn the_place_of_an_action_is_known() {
    let text = "- hosts: all\n  tasks:\n  - action: apt  name={{ x }}\n";
    let (entries, _) = read(text);
    let PlaybookEntry::Play(play) = &entries[0] else { panic!() };
    let Item::Task(task) = &play.tasks[0] else { panic!() };
    let cut = |s: Span| &text[s.start as usize..s.end as usize];
    let ActionArgs::Text(args) = &task.action.args else { panic!() };
    assert_eq!((cut(task.action.name.span), cut(args.span)), ("apt", "name={{ x }}"));
    assert_eq!(cut(task.span), "action: apt  name={{ x }}");
}

#[test]
fn plays_imports_roles_and_blocks_are_read() {
    let text = "- import_playbook: a.yml\n  vars: {x: 1}\n- hosts: [web, '!{{ db }}']\n  user: root\n  roles:\n  - a\n  - {role: b, when: c, port_number: 5}\n  - name: d\n    tags: [e]\n  handlers:\n  - debug:\n    listen: x\n  tasks:\n  - block:\n    - debug:\n    rescue:\n    - meta: noop\n    always: []\n    when: y\n  -\n";
    let (entries, shown) = read(text);
    assert_eq!(shown, "");
    let [PlaybookEntry::Import { file, keywords, .. }, PlaybookEntry::Play(play)] = &entries[..] else {
        panic!()
    };
    assert_eq!((file.value.as_str(), keywords.0.len()), (Some("a.yml"), 1));
    assert_eq!(play.roles.iter().map(|r| r.name.value.as_str().unwrap()).collect::<String>(), "abd");
    assert_eq!((play.roles[1].params.len(), play.roles[1].keywords.0.len()), (1, 1));
    let [Item::Block(block)] = &play.tasks[..] else { panic!("{:?}", play.tasks) };
    assert_eq!(
        (block.body.len(), block.rescue.len(), block.always.len(), block.keywords.0.len()),
        (1, 1, 0, 1)
    );
    assert_eq!(play.handlers.len(), 1);
}

#[test]
fn files_of_tasks_and_metadata_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yml");
    let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
    let reader = Reader::new(&sources, &keyring, MODULES);
    std::fs::write(&path, "---\n").unwrap();
    assert!(reader.tasks(&path, &mut diags).unwrap().is_empty());
    std::fs::write(&path, "allow_duplicates: yes\ndependencies:\n- role: a\n  x: 1\n- b\ngalaxy_info: {}\n")
        .unwrap();
    let meta = reader.role_meta(&path, &mut diags).unwrap();
    assert_eq!((meta.dependencies.len(), meta.allow_duplicates, meta.all.len()), (2, true, 3));
    assert!(diags.is_empty());
    assert!(reader.tasks(&path, &mut diags).is_none() && diags.has_errors());
}

/// Each `tests/syntax/playbooks/*.yml` and what is said of it,
/// as a snapshot beside it.
#[test]
fn bad_playbooks_are_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/playbooks");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "yml"));
    files.sort();
    assert!(files.len() >= 3, "the fixtures are gone");
    for path in files {
        let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
        Reader::new(&sources, &keyring, MODULES).playbook(&path, &mut diags);
        let shown: Vec<_> = diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let settings = {
            let mut s = insta::Settings::clone_current();
            s.set_snapshot_path(&folder);
            s.set_prepend_module_to_snapshot(false);
            s
        };
        settings.bind(|| insta::assert_snapshot!(name, shown.join("\n\n")));
    }
}
