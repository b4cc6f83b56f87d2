//! Questions at a terminal: a real one (pty), in which somebody reads and types.

#![allow(clippy::unwrap_used)]

mod support;

use support::place::Place;
use support::terminal::at_terminal;

#[test]
fn answers_are_registered_and_hidden_where_that_is_asked_for() {
    let place = Place::new(
        "one ansible_connection=local\ntwo ansible_connection=local\n",
        "- pause: {prompt: Which colour}
  register: open
- pause: {prompt: The word, echo: false}
  register: hidden
- debug: {msg: \"it is {{ open.user_input }}, of {{ hidden.user_input | length }}, {{ hidden.user_input == 'sesame 1' }}, {{ hidden.echo }}\"}",
    );
    let program = place.command(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    let seen =
        at_terminal(&program, &[("Which colour:", "light blue", false), ("The word:", "sesame 1", true)]);
    seen.is(0, &["light blue\r\n"]);
    // Everybody's answer is the one that was given once.
    assert_eq!(seen.all().matches("it is light blue, of 8, True, False").count(), 2, "{}", seen.all());
    for (question, times) in [("Which colour:", 1), ("The word:", 1), ("sesame", 0)] {
        assert_eq!(seen.all().matches(question).count(), times, "{question}\n{}", seen.all());
    }
    assert!(!place.kept().contains("sesame"), "it is kept");

    // Without a terminal nobody is asked, and nobody waits.
    let seen = place.apply(&[]);
    seen.is(0, &["it is , of 0, False, False", "there is no terminal to ask on; nothing is waited for"]);
    assert!(!seen.all().contains("Which colour:"), "{}", seen.all());
}

/// A shell with the terminal in sight would wait for it.
#[test]
fn this_machine_is_worked_on_from_a_terminal() {
    let place = Place::new(
        "one ansible_connection=local\n",
        "- shell: echo done >there\n  args: {chdir: \"{{ playbook_dir }}\"}",
    );
    let seen = at_terminal(&place.command(&["apply", "--yes", "-i", "hosts", "site.yml"]), &[]);
    seen.is(0, &["changed=1"]);
    assert_eq!(std::fs::read_to_string(place.path().join("there")).unwrap(), "done\n");
}

/// While a host is at work its line says what runs and for how long; the tasks go on only when that was read.
#[test]
fn each_host_has_a_line_that_says_what_runs() {
    let place = Place::new(
        "one ansible_connection=local\ntwo ansible_connection=local\n",
        "- name: waits for {{ inventory_hostname }}\n  shell: until [ -e gate.{{ inventory_hostname }} ]; do sleep 0.05; done\n  \
         args: {chdir: \"{{ playbook_dir }}\"}",
    );
    let gate = |host: &str| format!("\0{}", place.path().join(format!("gate.{host}")).display());
    let program = place.command(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    let steps = [("s waits for one", &*gate("one"), false), ("s waits for two", &*gate("two"), false)];
    let seen = at_terminal(&program, &steps);
    seen.is(0, &["changed=1"]);
    // Where nobody watches, nothing is drawn.
    let plain = place.apply(&[]);
    for host in ["one", "two"] {
        let line = format!(r"{host} +\d+s waits for {host}");
        let line = fancy_regex::Regex::new(&line).unwrap();
        assert!(line.is_match(&seen.out).unwrap(), "{}", seen.out);
        assert!(!line.is_match(&plain.all()).unwrap(), "{}", plain.all());
    }
    assert!(!plain.all().contains('\u{1b}'), "{}", plain.all());
}

#[test]
fn a_play_asks_for_its_variables() {
    let place = Place::new("one ansible_connection=local\n", "");
    place.write(
        "site.yml",
        "- hosts: all
  gather_facts: false
  vars_prompt:
    - {name: colour, prompt: Which colour, private: false, default: green}
    - {name: size, prompt: Which size, private: false, default: 7}
    - {name: word, prompt: The word, confirm: true}
    - {name: given, prompt: Nobody asks}
    - {name: hash, prompt: \"The {{ given }}\", encrypt: sha512_crypt, salt: abcdefgh}
  tasks:
    - debug: {msg: \"{{ colour }}, {{ size }}, {{ given }}\"}
    - assert: {that: \"word == 'sesame 1' and hash == ('sesame 3' | password_hash('sha512', 'abcdefgh'))\"}
",
    );
    let program = place.command(&["apply", "--yes", "-i", "hosts", "-e", "given=as-said", "site.yml"]);
    let steps = [
        ("Which colour [green]:", "light blue", false),
        ("Which size [7]:", "", false),
        ("The word:", "sesame 1", true),
        ("confirm The word:", "sesame 2", true),
        ("DO NOT MATCH", "sesame 1", true),
        ("confirm The word:", "sesame 1", true),
        ("The as-said:", "sesame 3", true),
    ];
    let seen = at_terminal(&program, &steps);
    seen.is(0, &["light blue, 7, as-said", "ok=2"]);
    for (text, times) in [("The word:", 4), ("Nobody asks", 0), ("sesame", 0)] {
        assert_eq!(seen.all().matches(text).count(), times, "{text}\n{}", seen.all());
    }
    assert!(!place.kept().contains("sesame"), "it is kept");
}
