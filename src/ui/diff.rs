//! Before and after as a unified diff.

use super::style::{Paint, Style, printable};
use crate::plan::Diff;
use similar::TextDiff;

/// Texts beyond this many bytes are not compared line by line.
const LARGEST: usize = 2 << 20;

/// The diff with its two header lines, each line ended; empty when before and after are equal.
pub fn unified(diff: &Diff, style: Style) -> String {
    if diff.before == diff.after {
        return String::new();
    }
    let header = |word: &str, name: &str| match name {
        "" => word.to_string(),
        name => format!("{word}: {}", printable(name)),
    };
    let before = header("before", &diff.before_header);
    let after = header("after", &diff.after_header);
    let mut text = style.paint(Paint::Delete, &format!("--- {before}")) + "\n";
    text += &(style.paint(Paint::Good, &format!("+++ {after}")) + "\n");
    if diff.before.len().max(diff.after.len()) > LARGEST {
        text += &format!(
            "({} bytes before, {} after: too large to compare)\n",
            diff.before.len(),
            diff.after.len()
        );
        return text;
    }
    let (old, new) = (printable(&diff.before), printable(&diff.after));
    let lines = TextDiff::from_lines(&old, &new);
    for hunk in lines.unified_diff().context_radius(3).iter_hunks() {
        text += &(style.paint(Paint::Skip, hunk.header().to_string().trim_end()) + "\n");
        for change in hunk.iter_changes() {
            text += &(paint_line(change.tag(), change.value(), style) + "\n");
            if change.missing_newline() {
                text += "\\ No newline at end of file\n";
            }
        }
    }
    text
}

fn paint_line(tag: similar::ChangeTag, line: &str, style: Style) -> String {
    let line = line.trim_end_matches('\n');
    match tag {
        similar::ChangeTag::Delete => style.paint(Paint::Delete, &format!("-{line}")),
        similar::ChangeTag::Insert => style.paint(Paint::Good, &format!("+{line}")),
        similar::ChangeTag::Equal => format!(" {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(before: &str, after: &str) -> String {
        let (before, after) = (before.to_string(), after.to_string());
        let header = "/etc/motd".to_string();
        unified(
            &Diff { before_header: header.clone(), after_header: header, before, after },
            Style::default(),
        )
    }

    #[test]
    fn shows_what_goes_and_what_comes() {
        assert_eq!(
            diff("a\nb\n", "a\nc\n"),
            "--- before: /etc/motd\n+++ after: /etc/motd\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        );
        assert_eq!(diff("a\n", "a\n"), "");
    }

    #[test]
    fn says_when_the_last_newline_is_missing() {
        assert!(diff("a\n", "a").contains("No newline at end of file"));
    }
}
