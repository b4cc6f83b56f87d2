//! Inventories shown, and where they come from.

use super::Place;
use serde_json::{Value, json};

#[test]
fn the_inventory_is_shown_as_json_and_as_a_tree() {
    let place =
        Place::new().with("hosts", "[web]\na x=1\nb\n[all:vars]\ny=2\n").with("group_vars/web.yml", "z: 3\n");
    let seen = place.run(&["inventory", "-i", "hosts", "--list"]);
    let json: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(json["_meta"]["hostvars"]["a"], serde_json::json!({"x": 1, "y": 2, "z": 3}));
    assert_eq!(json["web"]["hosts"], serde_json::json!(["a", "b"]));
    let seen = place.run(&["inventory", "-i", "hosts", "--graph"]);
    assert_eq!(seen.out, "@all:\n  |--@ungrouped:\n  |--@web:\n  |  |--a\n  |  |--b\n");
    let seen = place.run(&["inventory", "-i", "hosts", "--host", "c"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("no host `c`"), "{}", seen.err);
}

/// The tree is what ansible-inventory 2.19 shows of the same folder.
#[test]
fn a_constructed_source_makes_groups_and_variables_of_those_before_it() {
    let place = Place::new()
        .with("inv/10-hosts.ini", "[web]\nweb1.example.org zone=a size=4\nweb2.example.org zone=b size=16\n[db]\ndb1 zone=a size=8\n")
        .with(
            "inv/20-more.yml",
            "plugin: ansible.builtin.constructed
strict: true
compose:
  ansible_port: 22 if zone == 'a' else 2222
  label: \"'L-' ~ inventory_hostname_short\"
groups:
  big: size | int > 4
  not-web: \"'web' not in group_names\"
keyed_groups:
  - {key: zone, prefix: zone, parent_group: zones}
  - {key: label, separator: ''}
",
        )
        .with("inv/30-files.yml", "plugin: constructed\nuse_vars_plugins: true\ngroups: {of_files: marked | default(false)}\n")
        .with("inv/group_vars/db.yml", "marked: true\n");
    let seen = place.run(&["inventory", "-i", "inv", "--graph"]);
    assert_eq!(
        seen.out,
        "@all:
  |--@ungrouped:
  |--@web:
  |  |--web1.example.org
  |  |--web2.example.org
  |--@db:
  |  |--db1
  |--@zones:
  |  |--@zone_a:
  |  |  |--web1.example.org
  |  |  |--db1
  |  |--@zone_b:
  |  |  |--web2.example.org
  |--@L_web1:
  |  |--web1.example.org
  |--@big:
  |  |--web2.example.org
  |  |--db1
  |--@L_web2:
  |  |--web2.example.org
  |--@not_web:
  |  |--db1
  |--@L_db1:
  |  |--db1
  |--@of_files:
  |  |--db1
",
        "{}",
        seen.err
    );
    let seen = place.run(&["inventory", "-i", "inv", "--graph", "--vars", "db"]);
    let own = ["ansible_port = 22", "label = L-db1", "marked = True", "size = 8", "zone = a"];
    let own: String = own.iter().map(|v| format!("  |  |--{{{v}}}\n")).collect();
    assert_eq!(seen.out, format!("@db:\n  |--db1\n{own}  |--{{marked = True}}\n"));
    let seen = place.run(&["inventory", "-i", "inv", "--host", "web2.example.org"]);
    let json: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(json, serde_json::json!({"zone": "b", "size": 16, "ansible_port": 2222, "label": "L-web2"}));
    let place = place
        .with("inv/40-wrong.yml", "plugin: constructed\nstrict: true\ngroup: {a: 1}\ngroups: {b: nothing}\n");
    let seen = place.run(&["inventory", "-i", "inv", "--graph"]);
    assert_eq!(seen.code, 3);
    assert!(
        seen.err.contains("no option `group`") && seen.err.contains("did you mean `groups`"),
        "{}",
        seen.err
    );
    let place = place.with("inv/40-wrong.yml", "plugin: constructed\nstrict: true\ngroups: {b: nothing}\n");
    let seen = place.run(&["inventory", "-i", "inv", "--graph"]);
    assert!(seen.code == 3 && seen.err.contains("groups.b: "), "{}", seen.err);
}

#[test]
fn configuration_comes_from_flag_environment_file_in_this_order() {
    let place = Place::new()
        .with("ansible.cfg", "[defaults]\ninventory = from_file\n")
        .with("from_file", "filehost\n")
        .with("from_env", "envhost\n");
    let hosts = |args: &[&str], env: &[(&str, &str)]| {
        let args: Vec<&str> = ["inventory", "--graph"].iter().chain(args).copied().collect();
        place.run_with(&args, env, "").out
    };
    let env = [("ANSIBLE_INVENTORY", "from_env")];
    assert!(hosts(&[], &[]).contains("filehost"));
    assert!(hosts(&[], &env).contains("envhost"));
    assert!(hosts(&["-i", "flaghost,"], &env).contains("flaghost"));
}

#[test]
fn called_as_ansibles_a_lost_inventory_is_a_warning() {
    let place =
        Place::new().with("site.yml", "- hosts: localhost\n  gather_facts: false\n  tasks: [ping: ]\n");
    let seen = place.run(&["playbook", "-i", "lost", "site.yml"]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert!(seen.err.contains("there is no inventory `lost`") && seen.out.contains("ok=1"), "{}", seen.out);
    let logged = place.run_with(&["playbook", "site.yml"], &[("ANSIBLE_LOG_PATH", "log")], "");
    let log = std::fs::read_to_string(place.path().join("log")).unwrap();
    let hidden = place.run_with(&["playbook", "-v", "site.yml"], &[("ANSIBLE_NO_LOG", "1")], "");
    assert!(hidden.out.contains("output has been hidden") && !hidden.out.contains("pong"), "{}", hidden.out);
    assert!(logged.code == 0 && log.contains("INFO| TASK [ping]") && log.contains("ok=1"), "{log}");
    assert_eq!(place.run(&["plan", "-i", "lost", "site.yml"]).code, 3);
}

#[test]
fn an_inventory_is_told_as_yaml_and_written_to_a_file() {
    // Texts that an unquoted YAML scalar would not be.
    let odd = json!({"answer": "yes", "mac": "11:22:33:44:55:10", "time": "12:30", "thousand": "1_000", "sign": "="});
    let text = "[web]\na port=80\nb\n[db]\na\n[site:children]\nweb\ndb\n[zone:children]\nweb\n";
    let place = Place::new().with("hosts", text).with("group_vars/db.yml", &odd.to_string());
    let seen = place.run(&["inventory", "-i", "hosts", "--list", "--yaml"]);
    let mut of_a = odd.as_object().unwrap().clone();
    of_a.insert("port".into(), 80.into());
    let expected = json!({"all": {"children": {
        "site": {"children": {"web": {"hosts": {"a": of_a, "b": {}}}, "db": {"hosts": {"a": {}}}}},
        "zone": {"children": {"web": {}}}}}});
    assert_eq!(serde_yaml::from_str::<Value>(&seen.out).unwrap(), expected, "{}", seen.out);
    // What was written is an inventory of the same hosts.
    let seen = place.run(&["inventory", "-i", "hosts", "--list", "-y", "--output", "written.yml"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, ""), "{}", seen.err);
    let elsewhere =
        Place::new().with("hosts", &std::fs::read_to_string(place.path().join("written.yml")).unwrap());
    let list = |place: &Place| {
        serde_json::from_str::<Value>(&place.run(&["inventory", "-i", "hosts", "--list"]).out).unwrap()
    };
    assert_eq!(list(&elsewhere), list(&place));
    let host = place.run(&["inventory", "-i", "hosts", "--host", "b", "-e", "x=1", "--yaml"]);
    assert_eq!(host.out, "x: '1'\n");
    assert_eq!(place.run(&["inventory", "-i", "hosts", "--list", "--output", "no/such/folder"]).code, 3);
}

#[test]
fn one_module_is_run_with_the_variables_and_files_beside_a_folder() {
    let place = Place::new()
        .with("book/group_vars/all.yml", "word: beside\n")
        .with("book/files/one", "its content\n");
    let args =
        ["run", "a", "-i", "a,", "-c", "local", "--playbook-dir", "book", "debug", "-a", "msg={{ word }}"];
    let seen = place.run(&args);
    assert!(seen.code == 0 && seen.out.contains("beside"), "{}{}", seen.out, seen.err);
    let args =
        ["run", "a", "-i", "a,", "-c", "local", "-m", "copy", "-a", "src=one dest={{ playbook_dir }}/copied"];
    assert_ne!(place.run(&args).code, 0);
    assert_eq!(place.run(&[&args[..], &["--playbook-dir", "book"]].concat()).code, 0);
    assert_eq!(std::fs::read_to_string(place.path().join("book/copied")).unwrap(), "its content\n");
}
