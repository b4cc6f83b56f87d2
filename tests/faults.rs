//! Things go wrong on the machine itself: interrupts, kills, hanging commands, odd names and odd input.
#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use support::place::{Place, fifo, hear};

const LOCAL: &str = "h1 ansible_connection=local\n";

#[test]
fn exit_codes_say_what_became_of_it() {
    let place = Place::new(LOCAL, "- command: 'true'\n  changed_when: false\n");
    place.apply(&[]).is(0, &[]);
    let verify = || place.run(&["verify", "-i", "hosts", "site.yml"]);
    verify().is(0, &[]);
    place.tasks(&format!("- copy: {{content: x, dest: {}/there}}\n", place.path().display()));
    verify().is(2, &["not as the playbook says"]);
    place.apply(&[]).is(0, &[]);
    verify().is(0, &[]);
    place.tasks("- command: 'false'\n");
    place.apply(&[]).is(1, &[]);
    place.tasks("- comand: 'false'\n");
    place.apply(&[]).is(3, &["comand", "command"]);
    place.tasks("- file: {path: /tmp, state: directory}\n");
    place.write("hosts", "h1 ansible_host=127.0.0.1 ansible_port=1\n");
    place.apply(&[]).is(4, &["h1"]);
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(4, &["127.0.0.1"]);
    place.run(&["playbook", "-i", "hosts", "site.yml"]).is(4, &["UNREACHABLE"]);
    place.write("hosts", "h1 ansible_host=no.such.host.invalid\n");
    place.apply(&[]).is(4, &["no.such.host.invalid"]);
}

#[test]
fn the_second_interrupt_ends_what_runs() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    // The pipe ends for the reader when the last process of the task is gone.
    place.tasks(&format!("- name: Hangs\n  shell: exec 9> {dir}/started; echo on >&9; sleep 1000 & wait\n"));
    let running = place.start(&[]);
    let mut held = std::io::BufReader::new(std::fs::File::open(&started).unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut held, &mut line).unwrap();
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let seen = running.end();
    seen.is(130, &[]);
    std::io::Read::read_to_string(&mut held, &mut line).unwrap();
    assert_eq!(line, "on\n");
}

#[test]
fn a_killed_run_is_followed_by_one_that_converges() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    let tasks = |middle: &str| {
        place.tasks(&format!(
            "- name: First\n  copy: {{content: one, dest: {dir}/one}}\n{middle}- name: Last\n  copy: {{content: two, dest: {dir}/two}}\n"
        ));
    };
    tasks(&format!("- name: Middle\n  shell: echo on > {dir}/started; cat {dir}/go\n"));
    fifo(&place.path().join("go"));
    let running = place.start(&[]);
    assert_eq!(hear(&started), "on\n");
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    // Lets the command go that the killed run had begun.
    std::fs::write(place.path().join("go"), "").unwrap();
    assert!(place.kept().contains("\"begin\":\"Middle\""), "{}", place.kept());
    assert!(!place.path().join("two").exists());
    place.run(&["log"]).is(0, &[]);
    tasks("");
    place.apply(&[]).is(0, &[]);
    assert_eq!(std::fs::read_to_string(place.path().join("two")).unwrap(), "two");
    place.run(&["verify", "-i", "hosts", "site.yml"]).is(0, &[]);
}

#[test]
fn a_command_that_hangs_is_ended_with_its_children() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    place.tasks(&format!(
        "- name: Hangs\n  shell: exec 9> {dir}/started; echo on >&9; sleep 1000 & sleep 1000\n  timeout: 1\n"
    ));
    let running = place.start(&[]);
    // Ends when the last of them is gone.
    assert_eq!(hear(&started), "on\n");
    running.end().is(1, &["Hangs", "1 s"]);
}

#[test]
fn odd_names_and_values_arrive_as_they_are() {
    let names = [
        "a b",
        "it's",
        "say \"x\"",
        "two\nlines",
        "$(touch pwned)",
        "`touch pwned`",
        "-rf",
        "*",
        "ü",
        "a;b&c|d",
    ];
    let place = Place::new(LOCAL, "");
    let made = place.path().join("made");
    std::fs::create_dir(&made).unwrap();
    let list = serde_json::to_string(&names).unwrap();
    let dir = made.display();
    place.write("vars.json", &format!("{{\"names\": {list}, \"dir\": \"{dir}\"}}"));
    place.tasks(
        "- copy: {content: '{{ item }}', dest: '{{ dir }}/{{ item }}'}
  loop: '{{ names }}'
- file: {path: '{{ dir }}/d {{ item }}', state: directory, mode: '0700'}
  loop: '{{ names }}'
- lineinfile: {path: '{{ dir }}/lines', line: '{{ item }}', create: true}
  loop: ['-e', '--help', '$(touch pwned)']
- command: {argv: [printf, '%s', '{{ item }}']}
  register: said
  changed_when: false
  loop: '{{ names }}'
- assert: {that: said.results | map(attribute='stdout') | list == names}
- stat: {path: '{{ dir }}/{{ item }}'}
  register: found
  loop: '{{ names }}'
- assert: {that: found.results | map(attribute='stat.exists') | min}
",
    );
    place.apply(&["-e", "@vars.json"]).is(0, &[]);
    for name in names {
        assert_eq!(std::fs::read_to_string(made.join(name)).unwrap(), name);
        assert!(made.join(format!("d {name}")).is_dir());
    }
    assert_eq!(std::fs::read_to_string(made.join("lines")).unwrap(), "-e\n--help\n$(touch pwned)\n");
    assert_eq!(place.names("made").len(), 2 * names.len() + 1, "{:?}", place.names("made"));
    assert!(!place.path().join("pwned").exists());
    let again = place.apply(&["-e", "@vars.json", "--json"]);
    again.is(0, &[]);
    assert!(!again.out.contains("\"outcome\":\"changed\""), "{}", again.out);
}

#[test]
fn odd_input_is_bad_input() {
    let place = Place::new(LOCAL, "- debug: {msg: x}\n");
    std::fs::write(place.path().join("bad.yml"), b"- hosts: all\n  name: \xff\xfe\n").unwrap();
    place.run(&["check", "-i", "hosts", "bad.yml"]).is(3, &["bad.yml", "UTF-8"]);
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    place.write("group_vars/all.yml", &bomb);
    place.apply(&[]).is(3, &["all.yml"]);
    std::fs::remove_file(place.path().join("group_vars/all.yml")).unwrap();
    place.write("hosts", &format!("h1 ansible_connection=local long={}\n", "x".repeat(1 << 20)));
    place.apply(&[]).is(0, &[]);
}
