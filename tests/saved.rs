//! Saved plans are executed literally or refused, and a run that stopped goes on where it was.

#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use support::place::Place;

const HERE: &str = "here ansible_connection=local\n";

fn plan(place: &Place, code: i32) {
    place.run(&["plan", "--out", "p", "-i", "hosts", "site.yml"]).is(code, &[]);
}

#[test]
fn a_saved_plan_is_done_once_and_holds_no_secret() {
    let place = Place::new(
        HERE,
        "- {name: note, copy: {content: 'my pin', dest: '{{ playbook_dir }}/note'}}\n\
         - {name: quiet, command: touch quiet, args: {chdir: '{{ playbook_dir }}'}, changed_when: false}\n\
         - {name: made, file: {path: '{{ playbook_dir }}/d/e', state: directory}}\n\
         - {name: within, copy: {content: x, dest: '{{ playbook_dir }}/d/e/x'}}\n\
         - {name: each, copy: {content: '{{ item }}', dest: '{{ playbook_dir }}/f{{ item }}'}, loop: [1, 2]}\n",
    );
    plan(&place, 2);
    let file = place.path().join("p");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("my pin") && text.contains("salt"), "{text}");
    // The salt makes two plans of one thing differ.
    plan(&place, 2);
    let again = std::fs::read_to_string(&file).unwrap();
    let prints = |t: &str| {
        let json: serde_json::Value = serde_json::from_str(t).unwrap();
        json["decisions"].as_array().unwrap().iter().map(|d| d["fingerprint"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(prints(&text).len(), 6, "{text}");
    assert!(prints(&text).iter().zip(prints(&again)).all(|(a, b)| *a != b));
    for other in [["-l", "localhost"], ["-t", "x"], ["-e", "a=1"], ["-i", "x,"]] {
        let said = "a saved plan is carried out as it was made";
        place.run(&[&["apply", "p"], &other[..]].concat()).is(3, &[said, "plan again"]);
    }
    assert!(!place.path().join("quiet").exists());
    place.run(&["apply", "p", "--yes", "-v"]).is(0, &[]);
    assert!(
        place.path().join("d/e/x").exists()
            && place.path().join("f2").exists()
            && place.path().join("quiet").exists()
    );
    place.run(&["apply", "p"]).is(1, &["stale", "`note` needs no change any more"]);
}

#[test]
fn what_changes_while_a_saved_plan_runs_stops_it_before_the_effect() {
    // The command is planned, what it will write is not: only the run itself can see it.
    let place = Place::new(
        HERE,
        "- {name: other, shell: 'echo other > {{ playbook_dir }}/note'}\n\
         - {name: note, copy: {content: mine, dest: '{{ playbook_dir }}/note'}}\n\
         - {name: never, copy: {content: x, dest: '{{ playbook_dir }}/never'}}\n",
    );
    plan(&place, 2);
    place.run(&["apply", "p"]).is(1, &["stale: the plan was to create", "plan again"]);
    assert_eq!(std::fs::read_to_string(place.path().join("note")).unwrap(), "other\n");
    assert!(!place.path().join("never").exists());
}

#[test]
fn what_runs_in_the_background_is_planned_and_held_too() {
    let place = Place::new(
        HERE,
        "- {name: job, shell: 'echo done > {{ playbook_dir }}/job', async: 60, poll: 0, register: job}\n\
         - {name: wait, async_status: {jid: '{{ job.ansible_job_id }}'}, register: end, until: end.finished,\
            delay: 0.05, retries: 200}\n",
    );
    plan(&place, 2);
    let text = std::fs::read_to_string(place.path().join("p")).unwrap();
    assert!(text.contains("\"task\": \"job\"") || text.contains("\"task\":\"job\""), "{text}");
    let told = text.replacen("\"fingerprint\": \"", "\"fingerprint\": \"0", 1);
    place.write("other", &told.replacen("\"fingerprint\":\"", "\"fingerprint\":\"0", 1));
    place.run(&["apply", "other"]).is(1, &["stale"]);
    assert!(!place.path().join("job").exists());
    place.run(&["apply", "p"]).is(0, &[]);
    assert!(place.path().join("job").exists());
}

#[test]
fn a_host_that_changed_since_the_plan_is_refused_before_anything() {
    let place = Place::new(
        HERE,
        "- {name: first, copy: {content: x, dest: '{{ playbook_dir }}/first'}}\n\
         - {name: note, copy: {content: mine, dest: '{{ playbook_dir }}/note'}}\n",
    );
    plan(&place, 2);
    place.write("note", "by hand");
    place.run(&["apply", "p"]).is(1, &["nothing was changed", "`note` would change otherwise"]);
    assert!(!place.path().join("first").exists());
}

#[test]
fn a_run_that_failed_is_resumed_with_its_handlers() {
    let place = Place::default();
    place.write("hosts", HERE);
    place.write(
        "site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    \
           - {name: note, copy: {content: x, dest: '{{ playbook_dir }}/note'}, notify: tell}\n    \
           - {name: count, shell: 'echo once >> {{ playbook_dir }}/count'}\n    \
           - {name: gate, command: 'test -e {{ playbook_dir }}/open'}\n    \
           - {name: last, copy: {content: x, dest: '{{ playbook_dir }}/last'}}\n  handlers:\n    \
           - {name: tell, shell: 'echo told >> {{ playbook_dir }}/told'}\n",
    );
    place.apply(&[]).is(1, &["gate"]);
    assert!(!place.path().join("told").exists(), "the handler did not run");
    place.write("open", "");
    std::fs::remove_file(place.path().join("note")).unwrap();
    place.apply(&["--resume"]).is(0, &["resuming run"]);
    assert!(!place.path().join("note").exists(), "what is done is not done again");
    assert_eq!(std::fs::read_to_string(place.path().join("count")).unwrap(), "once\n");
    assert_eq!(std::fs::read_to_string(place.path().join("told")).unwrap(), "told\n");
    assert!(place.path().join("last").exists());
    // Another playbook is no run to go on with.
    place.tasks("- command: 'true'\n");
    place.apply(&["--resume"]).is(3, &["changed since run"]);
}

/// The run dies while the effect is under way: it finds it done when it goes on, and what it was to notify is still told.
#[test]
fn a_run_that_was_killed_is_resumed_with_its_handlers() {
    let place = Place::default();
    place.write("hosts", HERE);
    place.write(
        "site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    \
           - name: made\n      \
             shell: 'touch made; until [ -s pid ]; do sleep 0.01; done; kill -9 $(cat pid)'\n      \
             args: {chdir: '{{ playbook_dir }}', creates: made}\n      notify: tell\n    \
           - {name: other, file: {path: '{{ playbook_dir }}', state: directory}, notify: untold}\n  handlers:\n    \
           - {name: tell, shell: 'echo told >> {{ playbook_dir }}/told'}\n    \
           - {name: untold, shell: 'echo untold >> {{ playbook_dir }}/told'}\n",
    );
    let run = place.start(&[]);
    place.write("pid.new", &run.id().to_string());
    std::fs::rename(place.path().join("pid.new"), place.path().join("pid")).unwrap();
    run.end();
    place.apply(&["--resume"]).is(0, &["resuming run", "changed=1"]);
    assert_eq!(std::fs::read_to_string(place.path().join("told")).unwrap(), "told\n");
}

#[test]
fn json_does_not_mean_yes() {
    let place = Place::new(HERE, "- command: touch x\n");
    place.run(&["apply", "--json", "-i", "hosts", "site.yml"]).is(3, &["--yes"]);
}

#[test]
fn a_plan_of_commands_alone_needs_hosts_that_answer_too() {
    let place = Place::new("gone ansible_host=127.0.0.1 ansible_port=1\n", "- command: 'true'\n");
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(4, &["gone"]);
    place.run(&["plan", "--out", "p", "-i", "hosts", "site.yml"]).is(4, &["was not saved"]);
}
