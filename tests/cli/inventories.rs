//! Inventories shown, and where they come from.

use super::Place;

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
