//! Diagnostics: collected, never thrown one by one; each with a code, a place, and a hint.

use super::{Sources, Span};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

/// Whether a finding stops the command: one error is enough, warnings are only told.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Told, and the command goes on.
    Warning,
    /// The command ends when all findings are collected.
    Error,
}

/// One finding about the user's files.
#[derive(Clone, Debug)]
pub struct Diag {
    /// Whether it stops the command.
    pub severity: Severity,
    /// Stable identifier, kebab-case, e.g. `unknown-module`; listed in docs/diagnostics.md.
    pub code: &'static str,
    /// One sentence in a user's words, without a full stop.
    pub message: String,
    /// `None`: it is about no place in a file.
    pub span: Option<Span>,
    /// Further places that explain the finding, each with its own words.
    pub related: Vec<(Span, String)>,
    /// What to do about it, each a line of its own; may be empty.
    pub hints: Vec<String>,
    /// The lines it is about hold a secret: the place is told, the text is not shown.
    pub private: bool,
}

impl Diag {
    /// An error. `code` is one of docs/diagnostics.md; without a span the finding has no place in a file.
    pub fn error(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span.into(), message.into())
    }

    /// As [`Diag::error`], but the command goes on.
    pub fn warning(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span.into(), message.into())
    }

    fn new(severity: Severity, code: &'static str, span: Option<Span>, message: String) -> Self {
        Diag { severity, code, message, span, related: Vec::new(), hints: Vec::new(), private: false }
    }

    /// Keeps the text of its place to itself.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Adds a sentence that says what to do; several are shown in the order in which they were added.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds another place, shown below the finding's own, with words that say what is there.
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }

    /// Adds "did you mean …" when one of `known` is near `word`.
    pub fn did_you_mean<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, known) {
            Some(right) => self.hint(format!("did you mean `{right}`?")),
            None => self,
        }
    }

    /// The finding as the event `finding` of docs/events.md; it quotes nothing of the files.
    pub fn json(&self, sources: &Sources) -> serde_json::Value {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let related = self
            .related
            .iter()
            .map(|(span, words)| serde_json::json!({"place": sources.location(*span), "message": words}));
        serde_json::json!({"event": "finding", "severity": severity, "code": self.code, "message": self.message,
            "place": self.span.map(|span| sources.location(span)), "related": related.collect::<Vec<_>>(),
            "hints": self.hints})
    }

    /// The finding as text with the source line and a mark under the place.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let places: Vec<_> = self
            .span
            .iter()
            .map(|s| (*s, "", AnnotationKind::Primary))
            .chain(self.related.iter().map(|(s, w)| (*s, w.as_str(), AnnotationKind::Context)))
            .map(|(span, words, kind)| (sources.get(span.file), span, words, kind))
            .map(|(file, span, words, kind)| (file.path.display().to_string(), file, span, words, kind))
            .collect();
        // Findings are shown around: secrets in the lines beside them are not.
        let texts: Vec<String> = places
            .iter()
            .map(|(_, file, span, ..)| {
                let here = places.iter().filter(|(_, _, other, ..)| other.file == span.file);
                let shown: Vec<_> = here.map(|(_, _, s, ..)| s.start as usize..s.end as usize).collect();
                if self.private { String::new() } else { super::mask::masked(&file.text, &shown) }
            })
            .collect();
        let mut body: Vec<Element> = Vec::new();
        for ((path, file, span, words, kind), text) in places.iter().zip(&texts) {
            if self.private {
                let (line, column) = file.line_column(span.start);
                body.push(Origin::path(path.as_str()).line(line).char_column(column).into());
                continue;
            }
            // The renderer takes whole characters only; a place may have been reckoned in bytes.
            let start = file.text.floor_char_boundary(span.start as usize);
            let end = file.text.ceil_char_boundary(span.end as usize);
            let mark = kind.span(start..end.max(start));
            let mark = if words.is_empty() { mark } else { mark.label(*words) };
            body.push(Snippet::source(text.as_str()).path(path.as_str()).annotation(mark).into());
        }
        let group = Group::with_title(title).elements(body);
        let hints = self.hints.iter().map(|h| Level::HELP.with_name("hint").message(h.as_str()));
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group.elements(hints)]).to_string()
    }
}

/// The collected findings of one compilation.
#[derive(Clone, Debug, Default)]
pub struct Diags(Vec<Diag>);

impl Diags {
    /// Collects one more finding; doubles go in [`Diags::into_sorted`].
    pub fn push(&mut self, diag: Diag) {
        self.0.push(diag);
    }

    /// Takes all findings of another pass, in their order.
    pub fn extend(&mut self, other: Diags) {
        self.0.extend(other.0);
    }

    /// Whether the command must end before it does anything: warnings alone do not count.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Leaves out findings that do not count here.
    pub fn retain(&mut self, counts: impl FnMut(&Diag) -> bool) {
        self.0.retain(counts);
    }

    /// Makes a warning of the finding at a position.
    pub fn soften(&mut self, index: usize) {
        if let Some(diag) = self.0.get_mut(index) {
            diag.severity = Severity::Warning;
        }
    }

    /// Whether nothing was found at all, not even a warning.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order in which they were found, which need not be that of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Diag> {
        self.0.iter()
    }

    /// Sorted by place, doubles removed.
    pub fn into_sorted(mut self) -> Vec<Diag> {
        self.0.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
        self.0.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message);
        self.0
    }
}

impl From<Diag> for Diags {
    fn from(diag: Diag) -> Self {
        Diags(vec![diag])
    }
}

/// The nearest of `known` to a misspelt `word`, if any is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(distance, _)| (1..=limit).contains(distance))
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_place_mark_and_hint() {
        let sources = Sources::default();
        let id = sources.add("site.yml", "- hosts: all\n  tsaks: []\n");
        let diag = Diag::error("unknown-key", Span::new(id, 15, 20), "`tsaks` is not a play keyword")
            .did_you_mean("tsaks", ["tasks", "tags"]);
        let text = diag.render(&sources, false);
        for part in ["error[unknown-key]", "site.yml:2:3", "^^^^^", "hint: did you mean `tasks`?"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_place_within_a_character_is_shown() {
        let sources = Sources::default();
        let id = sources.add("a.j2", "{% if\u{a0}x %}");
        for (start, end) in [(6, 7), (5, 6), (6, 99)] {
            let text = Diag::error("x", Span::new(id, start, end), "wrong").render(&sources, false);
            assert!(text.contains("a.j2:1:6"), "{text}");
        }
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert_eq!(nearest("foo", ["template", "copy"]), None);
        assert_eq!(nearest("tempalte", ["template", "copy"]), Some("template"));
    }
}
