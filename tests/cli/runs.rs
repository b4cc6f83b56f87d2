//! What runs tell, and what stops them.

use super::{Place, SITE};

const GREETING: &str = "- hosts: all
  gather_facts: false
  tasks:
    - name: Greet
      copy: {content: hello, dest: '{{ playbook_dir }}/greeting'}
";

#[test]
fn apply_without_a_terminal_wants_yes() {
    let seen = Place::new().with("site.yml", SITE).run(&["apply", "site.yml", "-i", "a,"]);
    assert_eq!(seen.code, 3);
    assert!(seen.err.contains("hint: give --yes"), "{}", seen.err);
}

#[test]
fn a_run_to_go_on_with_is_named_with_an_equals_sign() {
    let place = Place::new().with("site.yml", SITE);
    let seen = place.run(&["apply", "--yes", "site.yml", "--resume", "20261122"]);
    assert!(seen.code == 3 && seen.err.contains("--resume=20261122"), "{}", seen.err);
    // A playbook behind the flag is a playbook.
    let seen = place.run(&["apply", "--yes", "-i", "a,", "--resume", "site.yml"]);
    assert!(seen.code == 3 && seen.err.contains("`fitout log` lists the runs"), "{}", seen.err);
}

/// Keys come of a cloud's bake, so there is a cloud to look at.
#[test]
fn keys_that_a_killed_bake_left_are_removed_and_its_cloud_is_looked_at() {
    let left = "tmp/fitout-bake-1-1-1-x";
    let place = Place::new().with(&format!("{left}/key"), "");
    let tmp = place.path().join("tmp");
    let env = [("TMPDIR", tmp.to_str().unwrap()), ("AWS_EC2_METADATA_DISABLED", "true")];
    let seen = place.run_with(&["gc", "--plan"], &env, "");
    assert!(
        seen.out.contains("would remove") && place.path().join(left).exists(),
        "{}{}",
        seen.out,
        seen.err
    );
    let seen = place.run_with(&["gc", "--yes"], &env, "");
    assert!(seen.out.contains("removed") && !place.path().join(left).exists(), "{}{}", seen.out, seen.err);
    assert!(seen.code == 1 && seen.err.contains("no region is known"), "{}", seen.err);
}

#[test]
fn what_failed_is_in_the_log_and_can_be_gone_on_with() {
    let site = "- hosts: all\n  gather_facts: false\n  tasks: [{name: Breaks, command: /bin/false}]\n";
    let place = Place::new().with("site.yml", site).with("hosts", "a ansible_connection=local\n");
    let seen = place.run(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    assert!(seen.code == 1 && seen.err.contains("with --resume"), "{}{}", seen.out, seen.err);
    assert!(seen.out.contains("0 changed, 0 ok, 1 failed on 1 host"), "{}", seen.out);
    let log = place.run(&["log"]).out;
    assert!(log.contains("run of site: 0 changed, 1 failed"), "{log}");
    assert!(!log.contains("of default"), "{log}");
    let told = place.run(&["log", "last"]).out;
    assert!(told.contains("a: failed Breaks (site.yml:3:11): non-zero return code"), "{told}");
}

/// `fitout … | head` has read enough at some point.
#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    let place = Place::new();
    for args in [&["facts", "localhost"][..], &["lab", "list"], &["run", "localhost", "--list-hosts"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fitout"));
        let (_, writer) = std::io::pipe().unwrap();
        let ended = command.args(args).current_dir(place.path()).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() != Some(101) && !said.contains("panicked"), "{args:?}: {said}");
    }
}

#[test]
fn a_plan_without_any_host_says_so() {
    let seen = Place::new().with("site.yml", SITE).run(&["verify", "site.yml"]);
    assert!(seen.err.contains("the inventory has no host") && seen.err.contains("-i"), "{}", seen.err);
}

#[test]
fn what_is_misspelt_on_the_command_line_has_a_nearest_right_name() {
    let place = Place::new().with("hosts", "[web]\nnode1\n").with("site.yml", SITE);
    let cases: [(&[&str], &str); 11] = [
        (&["plan", "site.yml", "-c", "sshh"], "did you mean `ssh`?"),
        (&["plan", "site.yml", "--become-method", "sudoo"], "did you mean `sudo`?"),
        (&["inventory", "-i", "hosts", "--graph", "wbe"], "did you mean `web`?"),
        (&["modules", "community.general.sysctl"], "did you mean `ansible.posix.sysctl`?"),
        (&["run", "localhost", "uptime"], "fitout run localhost -a 'uptime'"),
        (&["run", "localhost", "-m", "copy", "-a", "{\"dest\":"], "1 error found"),
        (&["run", "localhost", "-m", "file", "-a", "path=/x state=directry"], "did you mean `directory`?"),
        (&["run", "localhost", "-m", "copy", "-a", "dst=/x content=a"], "did you mean `dest`?"),
        (&["apply", "lost.yml"], "the playbook lost.yml is not there"),
        (
            &["plan", "site.yml", "--vault-password-file", "lost"],
            "the vault password file lost: no such file",
        ),
        (
            &["plan", "site.yml", "--become-password-file", "lost"],
            "the become password file lost: no such file",
        ),
    ];
    for (args, expected) in cases {
        let seen = place.run(args);
        assert!(seen.code == 3 && seen.err.contains(expected), "{args:?}: {}", seen.err);
    }
    let seen = place.run(&["run", "-i", "hosts", "nod1", "-m", "ping"]);
    assert!(seen.err.contains("did you mean `node1`?"), "{}", seen.err);
}

#[test]
fn a_module_is_run_alone_and_the_log_tells_of_it() {
    let place = Place::new().with("hosts", "[web]\na ansible_connection=local\nb ansible_connection=local\n");
    let note = format!("content=x dest={}/note", place.path().display());
    let seen = place.run(&["run", "-i", "hosts", "a", "-m", "copy", "-a", &note]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert!(seen.out.starts_with("a | CHANGED => {"), "{}", seen.out);
    let seen = place.run(&["run", "-i", "hosts", "web", "-m", "pnig"]);
    assert_eq!(seen.code, 3, "{}", seen.out);
    assert!(seen.err.contains("did you mean `ping`?"), "{}", seen.err);
    let failed = place.run(&["run", "-i", "hosts", "web", "-m", "command", "-a", "false"]);
    assert_eq!((failed.code, failed.out.matches("FAILED").count()), (1, 2), "{}", failed.out);
    let lines =
        place.run(&["run", "-o", "-i", "hosts", "a", "-m", "shell", "-a", "echo 1; echo 2; echo e >&2"]);
    assert_eq!(lines.out, "a | CHANGED | rc=0 | (stdout) 1\\n2 (stderr) e\n");
    let begun = place.run(&["run", "-B", "60", "-P", "0", "-i", "hosts", "a", "-m", "command", "-a", "true"]);
    assert!(begun.code == 0 && begun.out.contains("ansible_job_id"), "{}{}", begun.out, begun.err);

    let log = place.run(&["log"]).out;
    assert!(log.contains("1 changed, 0 failed") && log.contains("2 failed"), "{log}");
    let first = log.split_whitespace().next().unwrap().to_string();
    let told = place.run(&["log", &first]).out;
    assert!(told.contains("copy") && told.contains("note is absent"), "{told}");
    let lost = place.run(&["log", &first, "--host", "aa"]);
    assert!(lost.code == 3 && lost.err.contains("did you mean `a`?"), "{}", lost.err);

    let facts = place.run(&["facts", "-i", "hosts", "a"]);
    let facts: serde_json::Value = serde_json::from_str(&facts.out).unwrap();
    assert_eq!(facts["a"]["ansible_system"], "Linux");
}

#[test]
fn a_saved_plan_is_done_as_it_was_shown_or_refused() {
    let place = Place::new().with("site.yml", GREETING);
    let greeting = place.path().join("greeting");
    let plan = || place.run(&["plan", "site.yml", "-i", "localhost,", "-c", "local", "--out", "it.plan"]);
    let planned = plan();
    assert_eq!((planned.code, greeting.exists()), (2, false), "{}{}", planned.out, planned.err);

    // Someone is faster: what was shown is no longer what would be done.
    std::fs::write(&greeting, "something else").unwrap();
    let stale = place.run(&["apply", "it.plan", "--yes"]);
    assert_eq!(stale.code, 1, "{}{}", stale.out, stale.err);
    assert!(stale.err.contains("stale") && stale.err.contains("Greet"), "{}", stale.err);
    assert_eq!(std::fs::read_to_string(&greeting).unwrap(), "something else");

    assert_eq!(plan().code, 2);
    let applied = place.run(&["apply", "it.plan", "--yes"]);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    assert_eq!(std::fs::read_to_string(&greeting).unwrap(), "hello");

    let done = place.run(&["apply", "it.plan", "--yes"]);
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(done.err.contains("needs no change any more"), "{}", done.err);
}

#[test]
fn where_a_task_was_delegated_is_told() {
    let play = "- hosts: a\n  gather_facts: false\n  tasks:\n    - command: 'true'\n      delegate_to: b\n\
                \x20   - ping:\n      delegate_to: '{{ item.at }}'\n      loop: [{at: b}, {at: a}]\n";
    let hosts = "a ansible_connection=local\nb ansible_connection=local\n";
    let place = Place::new().with("site.yml", play).with("hosts", hosts);
    let told = [
        (
            "playbook",
            vec!["changed: [a -> b]", "ok: [a -> b] => (item={'at': 'b'})", "ok: [a] => (item={'at': 'a'})"],
        ),
        ("plan", vec!["command on b"]),
    ];
    for (command, lines) in told {
        let seen = place.run(&[command, "-i", "hosts", "site.yml"]);
        assert!(lines.iter().all(|line| seen.out.contains(line)), "{command}: {}{}", seen.out, seen.err);
    }
}

#[test]
fn what_a_run_that_ends_early_leaves_is_said() {
    let play = "- hosts: all\n  name: Rolling\n  serial: 1\n  gather_facts: false\n  tasks:\n    - command: 'false'\n    - ping:\n\
                - hosts: all\n  name: Next\n  gather_facts: false\n  tasks: [{ping: }]\n";
    let hosts = "a ansible_connection=local\nb ansible_connection=local\nc ansible_connection=local\n";
    let place = Place::new().with("site.yml", play).with("hosts", hosts);
    let seen = place.run(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    let left = [
        "left undone on a: 1 task was",
        "left undone: play Rolling on b, c",
        "left undone: play Next on b, c",
    ];
    assert!(seen.code == 1 && left.iter().all(|text| seen.out.contains(text)), "{}{}", seen.out, seen.err);
}

#[test]
fn what_is_found_first_is_named_from_the_root() {
    let site = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: {msg: \"at {{ lookup('first_found', 'a.txt') }}\"}\n";
    let place = Place::new().with("site.yml", site).with("files/a.txt", "");
    let seen = place.run(&["playbook", "site.yml"]);
    let there = place.path().canonicalize().unwrap().join("files/a.txt");
    assert!(seen.out.contains(&format!("at {}", there.display())), "{}{}", seen.out, seen.err);
}

/// Whoever reads the completions may stop early.
#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let program = assert_cmd::cargo::cargo_bin("fitout");
    let mut child = std::process::Command::new(program)
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

const LEFT: &str = "- hosts: all
  gather_facts: false
  vars: {d: '{{ playbook_dir }}'}
  tasks:
    - name: Goes on
      shell: until [ -e {{ d }}/go ]; do sleep 0.05; done; echo said; touch {{ d }}/gone_on
      async: 600
      poll: 0
    - name: Takes too long
      shell: echo $$ >{{ d }}/pid; sleep 600
      async: 1
      poll: 0
    - name: Has begun
      wait_for: {path: '{{ d }}/pid', sleep: 0, timeout: 60}
";

/// A job in the background needs no run; it ends by itself or at its limit, and leaves nothing behind.
#[test]
fn a_detached_job_goes_on_when_the_run_is_over() {
    let place =
        Place::new().with("site.yml", LEFT).with("hosts", "a ansible_connection=local\n").with("tmp/x", "");
    let tmp = place.path().join("tmp");
    let seen = place.run_with(
        &["apply", "--yes", "-i", "hosts", "site.yml"],
        &[("TMPDIR", tmp.to_str().unwrap())],
        "",
    );
    assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);
    let jobs = || std::fs::read_dir(&tmp).unwrap().count() - 1;
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !holds() {
            assert!(std::time::Instant::now() < deadline, "{what}");
            std::thread::yield_now();
        }
    };
    let pid = std::fs::read_to_string(place.path().join("pid")).unwrap();
    until("what takes too long is not ended", &|| !std::path::Path::new("/proc").join(pid.trim()).exists());
    until("only the other one has a folder", &|| jobs() == 1);
    assert!(!place.path().join("gone_on").exists());
    std::fs::write(place.path().join("go"), "").unwrap();
    until("the job does not go on", &|| place.path().join("gone_on").exists());
    until("the job's folder is left", &|| jobs() == 0);
}
