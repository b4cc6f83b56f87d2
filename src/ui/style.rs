//! Colour, or none: every output reads the same without.

use crate::exec::event::Outcome;
use crate::plan::Action;
use std::io::IsTerminal;

/// Paints text, or leaves it as it is.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to paint at all.
    pub colour: bool,
}

/// What a text means; the colour follows from it, as Ansible's do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Green: it is as it should be, or comes to be there.
    Good,
    /// Yellow: something changes.
    Change,
    /// Red and bold: a failure.
    Bad,
    /// Cyan: passed over, ignored or unknown.
    Skip,
    /// Dim: not what to look at first.
    Quiet,
    /// Bold: a heading.
    Strong,
    /// Red: something goes.
    Delete,
}

impl Style {
    /// `wanted` is `--color`/`--no-color`; without them NO_COLOR, FORCE_COLOR, TERM and the terminal decide.
    pub fn detect(wanted: Option<bool>, stream: &impl IsTerminal) -> Style {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let forced = set("FORCE_COLOR") || std::env::var("ANSIBLE_FORCE_COLOR").is_ok_and(|v| truthy(&v));
        let refused = set("NO_COLOR") || std::env::var("ANSIBLE_NOCOLOR").is_ok_and(|v| truthy(&v));
        let colour = wanted.unwrap_or(!refused && (forced || (stream.is_terminal() && !dumb)));
        Style { colour }
    }

    /// The text between ANSI codes, or as it is without colour.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_string();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Change => "33",
            Paint::Bad => "1;31",
            Paint::Skip => "36",
            Paint::Quiet => "2",
            Paint::Strong => "1",
            Paint::Delete => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn truthy(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "y" | "t")
}

/// Green, yellow, cyan or red, as Ansible has them.
pub fn outcome_paint(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::Ok => Paint::Good,
        Outcome::Changed => Paint::Change,
        Outcome::Skipped | Outcome::Ignored | Outcome::Unknown => Paint::Skip,
        Outcome::Failed | Outcome::Unreachable => Paint::Bad,
    }
}

/// The sign and the colour of an action, Terraform's where it has one.
pub fn action_sign(action: Action) -> (&'static str, Paint) {
    match action {
        Action::Create => ("+", Paint::Good),
        Action::Update => ("~", Paint::Change),
        Action::Replace => ("±", Paint::Change),
        Action::Delete => ("-", Paint::Delete),
        Action::Run => (">", Paint::Skip),
    }
}

/// A task's name as people read it: `role: name`, where Ansible's own form is `role : name`.
pub fn title(name: &str) -> String {
    printable(name).replacen(" : ", ": ", 1)
}

/// Text that cannot steer the terminal: control characters but newline and tab are written out.
pub fn printable(text: &str) -> String {
    let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.chars().any(bad) {
        return text.to_string();
    }
    text.chars().flat_map(|c| if bad(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// One line: the first, with a mark where more follows, at most `width` characters.
pub fn one_line(text: &str, width: usize) -> String {
    let text = printable(text.trim_end());
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let more = lines.next().is_some();
    let cut: String = first.chars().take(width).collect();
    if more || cut.len() < first.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_colour_is_left_as_it_is() {
        assert_eq!(Style { colour: false }.paint(Paint::Bad, "x"), "x");
        assert_eq!(Style { colour: true }.paint(Paint::Bad, "x"), "\x1b[1;31mx\x1b[0m");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\tc\n"), "a\\u{1b}[2Jb\tc\n");
        assert_eq!(one_line("first\nsecond", 80), "first…");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line("abc\n", 3), "abc");
    }
}
