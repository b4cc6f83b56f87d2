//! PyYAML lets the lines of a quoted text or a bracket stand left of their key, or behind a tab; the parser here does
//! not. Such lines are read as if they were indented with blanks, and positions are mapped back.

use saphyr_parser::ScanError;

/// Deeper than any playbook is indented, so one insertion is enough.
const PAD: &str = "                                                                                ";
/// Faults to be mended in one file, at most: each costs one more reading.
const MAX_TRIES: usize = 64;

/// A text in which some lines were indented, and where.
#[derive(Default)]
pub(super) struct Padded {
    pub text: String,
    /// Offsets in `text` of the inserted blanks, ascending.
    pads: Vec<usize>,
    tries: usize,
}

impl Padded {
    /// `key:<tab>value` is read as with a blank.
    fn blank_for_tab(&mut self, at: usize) -> bool {
        let blanks = self.text[..at].trim_end_matches([' ', '\t']).len();
        let end = at + self.text[at..].len() - self.text[at..].trim_start_matches([' ', '\t']).len();
        let tabs = self.text[blanks..end].contains('\t');
        if tabs {
            self.text.replace_range(blanks..end, &" ".repeat(end - blanks));
        }
        tabs
    }

    /// The offset in the original text.
    pub fn original(&self, offset: usize) -> usize {
        let before = self.pads.partition_point(|p| *p < offset);
        let Some(last) = before.checked_sub(1).map(|n| self.pads[n]) else { return offset };
        (offset - last).saturating_sub(PAD.len()) + last - (before - 1) * PAD.len()
    }

    fn insert(&mut self, at: usize) {
        self.text.insert_str(at, PAD);
        let place = self.pads.partition_point(|p| *p < at);
        self.pads.iter_mut().skip(place).for_each(|p| *p += PAD.len());
        self.pads.insert(place, at);
    }

    /// Indents the lines that `error`, at byte `at` of the padded text, is about. False: it is about other things.
    pub fn mend(&mut self, error: &ScanError, at: usize) -> bool {
        self.tries += 1;
        if self.tries > MAX_TRIES {
            return false;
        }
        if error.info().contains("valid YAML whitespace") {
            return self.blank_for_tab(at);
        }
        let tab = error.info().contains("tab cannot be used as indentation");
        if !tab && !error.info().contains("invalid indentation") {
            return false;
        }
        let mut lines: Vec<usize> = if error.info().contains("quoted scalar") {
            let Some(end) = closing_quote(&self.text, at) else { return false };
            let breaks = self.text[at..end].match_indices('\n').map(|(n, _)| at + n + 1);
            breaks.collect()
        } else {
            // A line within brackets: the parser says so of no other.
            vec![self.text[..at].rfind('\n').map_or(0, |n| n + 1)]
        };
        lines.retain(|start| !self.text[*start..].starts_with(PAD));
        // From the last to the first, so that the offsets before stay right.
        lines.iter().rev().for_each(|at| self.insert(*at));
        !lines.is_empty()
    }
}

/// The offset after the quote that closes the one at `start`.
pub(super) fn closing_quote(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            b if b == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}
