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
    seen.is(0, &["it is , of 0, False, False"]);
    assert!(!seen.all().contains("Which colour:"), "{}", seen.all());
}
