//! Where things stand in YAML text: what the parser's positions leave out.

/// Turns the parser's character offsets into byte offsets.
pub(super) enum Offsets {
    Ascii,
    Table(Vec<u32>),
}

impl Offsets {
    pub fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Offsets::Ascii;
        }
        Offsets::Table(text.char_indices().map(|(i, _)| u32::try_from(i).unwrap_or(u32::MAX)).collect())
    }

    pub fn byte(&self, index: usize, length: usize) -> usize {
        match self {
            Offsets::Ascii => index.min(length),
            Offsets::Table(table) => table.get(index).map_or(length, |b| *b as usize),
        }
    }
}

/// Where the value begins behind its tag and anchor.
pub(super) fn after_properties(text: &str, start: usize) -> usize {
    let mut rest = &text[start..];
    loop {
        rest = rest.trim_start();
        if rest.starts_with(['!', '&']) {
            rest = rest.find(char::is_whitespace).map_or("", |n| &rest[n..]);
        } else if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |n| &rest[n..]);
        } else {
            return text.len() - rest.len();
        }
    }
}

/// The start of a block scalar's first line, blank ones counted in, from that of the first with text.
pub(super) fn first_line(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end();
    text[before.len()..start].find('\n').map_or(start, |n| before.len() + n + 1)
}

/// The offset of the `|` or `>` on the line that ends before `first`.
pub(super) fn block_header(text: &str, first: usize) -> usize {
    let line = text[..first].trim_end().rfind('\n').map_or(0, |n| n + 1);
    let is_header = |at: &usize| {
        let rest =
            text[at + 1..first].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        rest.trim().is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
    };
    text[line..first].rmatch_indices(['|', '>']).map(|(n, _)| line + n).find(is_header).unwrap_or(first)
}
