//! Questions at a terminal: a real one (pty), in which somebody reads and types.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use support::place::{Place, Seen};

/// Runs a program in a terminal. Each step: what has to be read, what is typed then, whether it must not be shown.
/// What the terminal has shown goes to stdout.
const TERMINAL: &str = r#"
import json, os, pty, sys, termios
steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(argv[0], argv)
shown = b""
def more():
    global shown
    try:
        block = os.read(terminal, 4096)
    except OSError:
        block = b""
    shown += block
    return block
for wanted, typed, hidden in steps:
    begin = len(shown)
    while wanted.encode() not in shown[begin:] and more():
        pass
    while hidden and termios.tcgetattr(terminal)[3] & termios.ECHO:
        pass
    os.write(terminal, typed.encode() + b"\n")
while more():
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn at_terminal(place: &Place, steps: &[(&str, &str, bool)]) -> Seen {
    let program = place.command(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    let mut command = Command::new("timeout");
    command.args(["60", "python3", "-c", TERMINAL, &serde_json::to_string(steps).unwrap()]);
    command.arg(program.get_program()).args(program.get_args()).current_dir(place.path());
    Seen::of(&support::output(&mut command))
}

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
    let seen =
        at_terminal(&place, &[("Which colour:", "light blue", false), ("The word:", "sesame 1", true)]);
    seen.is(0, &["light blue\r\n"]);
    // Everybody's answer is the one that was given once.
    assert_eq!(seen.all().matches("it is light blue, of 8, True, False").count(), 2, "{}", seen.all());
    for (question, times) in [("Which colour:", 1), ("The word:", 1), ("sesame", 0)] {
        assert_eq!(seen.all().matches(question).count(), times, "{question}\n{}", seen.all());
    }
    assert!(!place.kept().contains("sesame"), "it is kept");

    // Without a terminal nobody is asked, and nobody waits.
    let seen = place.apply(&[]);
    seen.is(0, &["it is , of 0, False, False"]);
    assert!(!seen.all().contains("Which colour:"), "{}", seen.all());
}
