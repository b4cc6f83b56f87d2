//! The command line as a user meets it: help, exit codes, messages, lists.

#![allow(clippy::unwrap_used)]

#[path = "cli/inventories.rs"]
mod inventories;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/vaults.rs"]
mod vaults;

use assert_cmd::Command;
use serde_json::{Value, json};
use std::path::Path;

struct Place {
    dir: tempfile::TempDir,
}

struct Seen {
    code: i32,
    out: String,
    err: String,
}

const SITE: &str = "- hosts: all
  name: Base
  gather_facts: false
  tags: [base]
  tasks:
    - name: Say
      debug:
        msg: hello
    - name: Never
      tags: [never, extra]
      command: uptime
";

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn with(self, name: &str, text: &str) -> Place {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, args: &[&str]) -> Seen {
        self.run_with(args, &[], "")
    }

    fn run_with(&self, args: &[&str], env: &[(&str, &str)], stdin: &str) -> Seen {
        let mut command = Command::cargo_bin("fitout").unwrap();
        command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("HOME", self.path());
        command.envs(env.iter().copied()).current_dir(self.path()).args(args).write_stdin(stdin);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Seen { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn help_names_every_command() {
    let seen = Place::new().run(&["--help"]);
    assert_eq!(seen.code, 0);
    let commands =
        "check plan apply verify graph facts inventory modules run playbook vault log lab schema completions";
    for command in commands.split(' ') {
        assert!(seen.out.contains(&format!("\n  {command} ")), "{command} is missing in\n{}", seen.out);
    }
}

#[test]
fn a_misspelt_flag_is_bad_input_and_the_right_one_is_named() {
    let seen = Place::new().run(&["plan", "site.yml", "--inventroy", "x"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("--inventory"), "{}", seen.err);
    let seen = Place::new().run(&["plna"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("plan"), "{}", seen.err);
}

#[test]
fn a_missing_playbook_is_named_with_a_near_one() {
    let place = Place::new().with("site.yml", SITE);
    let seen = place.run(&["check", "sit.yml"]);
    assert_eq!(seen.code, 3);
    assert!(
        seen.err.contains("sit.yml is not there") && seen.err.contains("did you mean `site.yml`?"),
        "{}",
        seen.err
    );
}

#[test]
fn check_finds_all_errors_with_their_places() {
    let place = Place::new().with("site.yml", "- hosts: all\n  tsaks: []\n  tasks:\n    - debgu: msg=x\n");
    let seen = place.run(&["check", "site.yml"]);
    assert_eq!(seen.code, 3, "{}", seen.err);
    for part in ["site.yml:2:3", "site.yml:4:7", "did you mean `tasks`?", "debug"] {
        assert!(seen.err.contains(part), "{part} is missing in\n{}", seen.err);
    }
    assert!(seen.out.is_empty(), "{}", seen.out);
}

#[test]
fn check_counts_what_it_compiled() {
    let place = Place::new().with("site.yml", SITE);
    let seen = place.run(&["check", "site.yml"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "1 play, 2 tasks: no errors\n"), "{}", seen.err);
    let seen = place.run(&["check", "--json", "site.yml"]);
    assert_eq!(events(&seen.out), [json!({"event": "checked", "plays": 1, "tasks": 2})], "{}", seen.err);
}

#[test]
fn check_reads_the_files_of_variables_too() {
    let place = Place::new()
        .with("site.yml", "- hosts: web\n  tasks:\n    - debgu: {}\n")
        .with("group_vars/web.yml", "a: [1\n")
        .with("group_vars/README", "What is here")
        .with("group_vars/all.yml", "b: 1\nb: 2\n");
    let place =
        place.with("host_vars/h/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n").with("hosts", "[web]\nh\n");
    // All of them in one go, with an inventory and without one; what is encrypted needs no password for that.
    for command in [&["check", "site.yml"][..], &["check", "-i", "hosts", "site.yml"]] {
        let seen = place.run(command);
        assert_eq!(seen.code, 3);
        for part in [
            "group_vars/web.yml:1:4",
            "the `[` that opens here is never closed",
            "site.yml:3:7",
            "2 errors found",
        ] {
            assert!(seen.err.contains(part), "{part} is missing in\n{}", seen.err);
        }
    }
    let seen = place.run(&["plan", "-i", "hosts", "site.yml"]);
    assert!(
        seen.code == 3 && seen.err.contains("3 errors found") && seen.err.contains("error[vault]"),
        "{}",
        seen.err
    );
    // A warning is told by `check`, and by a run when it comes to the host.
    let place = Place::new().with("site.yml", SITE).with("group_vars/all.yml", "b: 1\nb: 2\n");
    let seen = place.run(&["check", "site.yml"]);
    assert!(seen.code == 0 && seen.err.contains("warning[duplicate-key]"), "{}", seen.err);
    let seen = place.run(&["apply", "--yes", "-i", "h,", "-c", "local", "site.yml"]);
    let told =
        seen.out.matches("the key `b` stands twice; the last one counts (group_vars/all.yml:2:1)").count();
    assert_eq!((seen.code, told), (0, 1), "{}{}", seen.out, seen.err);
}

#[test]
fn findings_are_events_where_those_are_asked_for() {
    let place = Place::new().with("site.yml", "- hosts: all\n  tsaks: []\n  tasks:\n    - debgu: msg=x\n");
    for command in [&["check", "--json"][..], &["apply", "--yes", "--json"]] {
        let seen = place.run(&[command, &["site.yml"]].concat());
        assert_eq!((seen.code, seen.err.as_str()), (3, "2 errors found; no host was touched\n"));
        let found = events(&seen.out);
        let unknown = json!({"event": "finding", "severity": "error", "code": "unknown-key",
            "message": "`tsaks` is not a keyword of a play", "place": "site.yml:2:3", "related": [],
            "hints": ["did you mean `tasks`?"]});
        assert_eq!((found.len(), &found[0]), (2, &unknown));
        assert_eq!(
            (&found[1]["code"], &found[1]["place"]),
            (&json!("unknown-module"), &json!("site.yml:4:7"))
        );
    }
}

#[test]
fn lists_read_as_ansibles() {
    let place = Place::new().with("site.yml", SITE);
    let run = |flag: &str| place.run(&["playbook", "site.yml", "-i", "a,b,", flag]).out;
    let head = "\nplaybook: site.yml\n\n  play #1 (all): Base\tTAGS: [base]\n";
    assert_eq!(run("--list-tasks"), format!("{head}    tasks:\n      Say\tTAGS: [base]\n"));
    assert_eq!(
        run("--list-hosts"),
        format!("{head}    pattern: ['all']\n    hosts (2):\n      a\n      b\n")
    );
    assert_eq!(run("--list-tags"), format!("{head}      TASK TAGS: [base, extra, never]\n"));
    // The same words for those who plan and apply; and what `-C` means to them.
    for command in ["plan", "apply"] {
        let seen = place.run(&[command, "site.yml", "-i", "a,", "--list-tasks"]);
        assert_eq!((seen.code, seen.out), (0, run("--list-tasks")), "{}", seen.err);
    }
    let local = ["site.yml", "-i", "a,", "-c", "local", "-t", "extra"];
    let seen = place.run(&[&["apply", "-C"], &local[..]].concat());
    assert_eq!(seen.code, 2, "{}", seen.err);
    assert_eq!(seen.out, place.run(&[&["plan"], &local[..]].concat()).out);
    let seen = place.run(&["playbook", "site.yml", "-i", "a,", "--list-tasks", "-t", "extra"]);
    assert!(seen.out.contains("Never\tTAGS: [base, extra, never]"), "{}", seen.out);
}

#[test]
fn templated_tags_are_listed_as_a_run_takes_them() {
    let site = "- hosts: all
  name: Base
  gather_facts: false
  vars: {env: [prod, eu], late: '{{ ansible_os_family | lower }}'}
  vars_files: [more.yml]
  tags: ['{{ base }}']
  tasks:
    - {name: List, debug: {msg: x}, tags: ['{{ env }}', plain]}
    - {name: Group, debug: {msg: x}, tags: '{{ part }},{{ file }}'}
    - {name: Late, debug: {msg: x}, tags: ['{{ late }}', fixed]}
    - {name: Own, debug: {msg: x}, tags: ['{{ own }}'], vars: {own: never}}
    - {name: Shut, debug: {msg: x}, tags: ['x{{ key }}']}
";
    let hosts = "[web]\na\n[db]\nb\n[all:vars]\nansible_connection=local\n";
    let args = ["vault", "encrypt_string", "--vault-password-file", "pw", "--name", "key", "hidden-key"];
    let locked = Place::new().with("pw", "pw").run(&args).out;
    let place = Place::new()
        .with("site.yml", site)
        .with("hosts", hosts)
        .with("more.yml", "file: filed\n")
        .with("pw", "pw")
        .with("group_vars/all.yml", &locked)
        .with("group_vars/web.yml", "part: front\n")
        .with("group_vars/db.yml", "part: back\n");
    let run = |more: &[&str]| {
        let own = ["playbook", "site.yml", "-i", "hosts", "-e", "base=core", "--vault-password-file", "pw"];
        let seen = place.run(&[&own, more].concat());
        assert_eq!(seen.code, 0, "{more:?}: {}", seen.err);
        // What the inventory says of tags is not known to the compiler, which warns.
        assert!(
            seen.err.is_empty() || more.iter().any(|tag| tag.contains("front")),
            "{more:?}: {}",
            seen.err
        );
        seen.out
    };
    let late = "(known at run time: ansible_os_family)";
    let list = "      List\tTAGS: [core, eu, plain, prod]\n";
    let group = "      Group\tTAGS: [back, core, filed, front]\n";
    let open = format!("      Late\tTAGS: [{late}, core, fixed]\n");
    let head = "\nplaybook: site.yml\n\n  play #1 (all): Base\tTAGS: [core]\n";
    let tasks =
        |more: &[&str]| run(&[&["--list-tasks"], more].concat()).replace(&format!("{head}    tasks:\n"), "");
    let shut = "      Shut\tTAGS: [********, core]\n";
    assert_eq!(tasks(&[]), format!("{list}{group}{open}{shut}"));
    assert_eq!(tasks(&["-t", "prod"]), format!("{list}{open}"), "what only the run knows may be `prod`");
    assert_eq!(tasks(&["-t", "prod", "--skip-tags", "fixed"]), list);
    assert_eq!(tasks(&["-t", "front", "-e", "late=x"]), group);
    assert_eq!(
        tasks(&["-l", "a", "-t", "plain,front,back", "-e", "late=x"]),
        format!("{list}{}", group.replace("back, ", ""))
    );
    let tags = run(&["--list-tags", "-t", "plain,fixed"]);
    assert_eq!(tags, format!("{head}      TASK TAGS: [{late}, core, eu, fixed, plain, prod]\n"));
    // The same tasks are carried out.
    let ran = run(&["-t", "front", "-e", "late=x"]);
    let names = ["List", "Group", "Late", "Own", "Shut"].map(|n| ran.contains(&format!("[{n}]")));
    assert_eq!(names, [false, true, false, false, false], "{ran}");
}

#[test]
fn syntax_check_says_the_playbook_and_fails_as_ansible_does() {
    let place =
        Place::new().with("site.yml", SITE).with("bad.yml", "- hosts: all\n  tasks:\n    - nosuch: {}\n");
    let seen = place.run(&["playbook", "site.yml", "--syntax-check"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "\nplaybook: site.yml\n"), "{}", seen.err);
    assert_eq!(place.run(&["playbook", "bad.yml", "--syntax-check"]).code, 4);
}

#[test]
fn a_password_for_ssh_itself_is_refused_with_a_hint() {
    let seen = Place::new().with("site.yml", SITE).run(&["plan", "site.yml", "-k"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("ssh-copy-id"), "{}", seen.err);
}

#[test]
fn a_limit_that_leaves_no_host_is_an_error() {
    let seen =
        Place::new().with("site.yml", SITE).run(&["plan", "site.yml", "-i", "web1,web2,", "-l", "wbe1"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("leaves no host") && seen.err.contains("web1"), "{}", seen.err);
}

#[test]
fn modules_are_listed_and_explained() {
    let place = Place::new();
    assert!(place.run(&["modules"]).out.lines().any(|l| l.starts_with("apt ")));
    let page = place.run(&["modules", "ansible.builtin.apt"]).out;
    assert!(page.starts_with("# apt\n") && page.contains("## Arguments"), "{page}");
    let seen = place.run(&["modules", "atp"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("hint: did you mean `apt`?"), "{}", seen.err);
}

#[test]
fn schema_and_completions_are_usable() {
    let place = Place::new();
    let json: serde_json::Value = serde_json::from_str(&place.run(&["schema"]).out).unwrap();
    assert!(json["$defs"]["module_apt"]["anyOf"][0]["properties"]["name"].is_object());
    assert!(json["$defs"]["play"]["properties"]["hosts"].is_object());
    assert!(place.run(&["completions", "bash"]).out.contains("_fitout"));
}

#[test]
fn the_graph_is_shown_in_three_forms_and_explained() {
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: A\n      copy: {dest: /a, content: x}\n    \
                - name: B\n      copy: {dest: /b, content: x}\n    - name: C\n      command: 'true'\n";
    let place = Place::new().with("site.yml", play);
    let seen = place.run(&["graph", "site.yml", "--format", "json"]);
    assert_eq!(place.run(&["graph", "site.yml", "--json"]).out, seen.out);
    let json: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    let tasks = json["nodes"].as_array().unwrap().iter().filter(|n| n["kind"] == "task");
    assert_eq!(tasks.count(), 3, "{json:#}");
    assert!(place.run(&["graph", "site.yml", "--format", "dot"]).out.starts_with("digraph fitout {"));
    assert!(place.run(&["graph", "site.yml", "--why", "A", "C"]).out.contains("may touch anything"));
    assert!(place.run(&["graph", "site.yml", "--why", "A", "B"]).out.contains("nothing in common"));
    let book = "- hosts: image\n  image: [{type: disk, name: x}]\n  tasks: [{name: A, ping: }]\n\
                \x20 verify: [{name: B, ping: }]\n\
                - hosts: localhost\n  tasks: [{name: C, ec2_key: {name: k, region: eu-west-1}}]\n";
    let place = place.with("kinds.yml", book);
    let seen: serde_json::Value =
        serde_json::from_str(&place.run(&["graph", "kinds.yml", "--format", "json"]).out).unwrap();
    let node =
        |n: &serde_json::Value| format!("{}: {}", n["kind"].as_str().unwrap(), n["name"].as_str().unwrap());
    let kinds: Vec<String> = seen["nodes"].as_array().unwrap().iter().map(node).collect();
    let steps = ["a machine for the image", "the image, made of it", "a machine booted from it"];
    let steps = steps.map(|step| format!("image step: {step}"));
    let found: Vec<&String> = kinds.iter().filter(|k| k.starts_with("image step")).collect();
    assert_eq!(found, steps.iter().collect::<Vec<_>>());
    assert!(kinds.contains(&"cloud resource: C".into()) && kinds.contains(&"task: B".into()), "{kinds:?}");
    let dot = place.run(&["graph", "kinds.yml", "--format", "dot"]).out;
    assert!(
        dot.contains("cloud resource `C`") && dot.contains("image step `a machine for the image`"),
        "{dot}"
    );
    let text = place.run(&["graph", "kinds.yml"]).out;
    assert!(text.contains("task `A`  kinds.yml:3:11") && text.contains("cloud resource `C`"), "{text}");
}

#[test]
fn no_host_at_a_time_and_no_host_at_all_are_said() {
    let place = Place::new().with("site.yml", "- hosts: web\n  tasks: []\n");
    let seen = place.run(&["plan", "-f", "0", "site.yml"]);
    assert!(seen.code == 3 && seen.err.contains("'--forks <N>'"), "{}", seen.err);
    let seen = place.run(&["verify", "site.yml"]);
    assert!(
        seen.err.contains("no host or group `web`") && seen.err.contains("name it with -i"),
        "{}",
        seen.err
    );
}

#[test]
fn modules_are_found_where_the_configuration_says() {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/run/library/greeting");
    let play = "- hosts: localhost\n  gather_facts: false\n  tasks: [{greeting: {path: /tmp/x}}]\n";
    let place = Place::new().with("site.yml", play);
    let seen = place.run(&["check", "site.yml"]);
    assert!(seen.code == 3 && seen.err.contains("greeting"), "{}{}", seen.out, seen.err);
    let place = place.with("own/greeting/empty", "").with("ansible.cfg", "[defaults]\nlibrary = own\n");
    for entry in std::fs::read_dir(module).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, place.path().join("own/greeting").join(path.file_name().unwrap())).unwrap();
    }
    std::fs::remove_file(place.path().join("own/greeting/empty")).unwrap();
    let seen = place.run(&["check", "site.yml"]);
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
}
