//! Brackets that are opened and never closed: the parser gives up lines later.

/// How many lines above the fault a bracket is looked for.
const LINES: usize = 40;

/// The last bracket before `at` (a byte offset) that nothing closes before the lines are indented as its own line is.
pub(super) fn unclosed(text: &str, at: usize) -> Option<usize> {
    let mut starts: Vec<usize> = text[..at].rmatch_indices('\n').map(|(n, _)| n + 1).take(LINES).collect();
    starts.push(0);
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |n| from + n);
    starts.into_iter().filter(|start| *start <= at).find_map(|start| {
        let line = &text[start..line_end(start)];
        let indent = line.len() - line.trim_start().len();
        let mut scan = Scan::default();
        scan.line(line, start);
        for (below, line) in lines_from(text, line_end(start)) {
            let word = line.trim_start();
            let deeper = line.len() - word.len() > indent || word.starts_with([']', '}']);
            if scan.open.is_empty() || !(deeper || word.is_empty() || word.starts_with('#')) {
                break;
            }
            scan.line(line, below);
        }
        scan.open.last().copied().filter(|open| *open < at)
    })
}

/// The lines below the one that ends at `end`, each with where it begins.
fn lines_from(text: &str, end: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut start = end + 1;
    text.get(start..).unwrap_or_default().split('\n').map(move |line| {
        let from = start;
        start += line.len() + 1;
        (from, line)
    })
}

#[derive(Default)]
struct Scan {
    /// Where brackets were opened that are not closed yet.
    open: Vec<usize>,
    quote: Option<char>,
}

impl Scan {
    fn line(&mut self, line: &str, start: usize) {
        // What stands before a value: there a bracket or a quote begins one, elsewhere it is a letter of it.
        let (mut before, mut escaped) = ('-', false);
        for (at, c) in line.char_indices() {
            match self.quote {
                Some('"') if c == '\\' && !escaped => {
                    escaped = true;
                    continue;
                }
                Some(quote) if c == quote && !escaped => self.quote = None,
                Some(_) => {}
                None if c == '#' && line[..at].ends_with(' ') => return,
                None => self.plain(c, before, start + at),
            }
            escaped = false;
            before = if c.is_whitespace() { before } else { c };
        }
    }

    fn plain(&mut self, c: char, before: char, at: usize) {
        let begins = matches!(before, ':' | ',' | '-' | '[' | '{');
        match c {
            '"' | '\'' if begins => self.quote = Some(c),
            '[' | '{' if begins => self.open.push(at),
            ']' | '}' => drop(self.open.pop()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracket_that_is_never_closed_is_found() {
        // `^` stands before the bracket that is meant, `!` where the parser gives up.
        let cases = [
            "a: ^[!",
            "a: ^[1, 2\nb: !3\n",
            "- x: ^{a: \"[\", b: 1\n-! y: 2\n",
            "- x: ^{a: {b: 1}\n  -! y: 2\n",
            "a: {b: ^[1, 2\nc: !3\n",
            "a:\n  - ^{b: 'it''s {'\n  !- c\n",
            "a: ^[ # ]\n! b: 1\n",
            // These are closed, or are none.
            "a: [1,\n  b c: d: !e,\n  2\n]\n",
            "a: x[1\nb: !c: d\n",
            "a: {b: 1}\nc: !d: e\n",
            "a: don't [\nb: !c: d\n",
        ];
        for case in cases {
            let mark = case.find('^');
            let text = case.replace(['^', '!'], "");
            let at = case.find('!').unwrap() - usize::from(mark.is_some());
            assert_eq!(unclosed(&text, at), mark, "{case}");
        }
    }
}
