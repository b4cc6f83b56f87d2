//! The parser's events become a tree: positions in bytes, aliases copied within a bound, merge keys expanded.

use super::explain;
use super::lenient::{Padded, closing_quote};
use super::place::{Offsets, after_properties, block_header, first_line};
use super::{Node, NodeKind, Scalar, ScalarStyle, Tag};
use crate::base::{Diag, Diags, FileId, Span};
use saphyr_parser::{Event, Parser, ScanError, Span as Range};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Nesting beyond this is no playbook, and walking it would exhaust the stack.
const MAX_DEPTH: usize = 128;
/// Nodes that aliases and merge keys may add to a file; a "billion laughs" wants more.
const MAX_COPIES: usize = 200_000;
/// Nodes under anchors, counted once for each anchor above them.
const MAX_ANCHORED: usize = 1_000_000;

pub(super) fn document(file: FileId, text: &str, diags: &mut Diags) -> Option<Node> {
    let mut padded = Padded::default();
    loop {
        let mut own = Diags::default();
        let mut builder = Builder::new(file, text, &padded, &mut own);
        let result = builder.run();
        let failed = builder.failed;
        match result {
            Err(Fault::Syntax(error, at)) => {
                if padded.text.is_empty() {
                    padded.text = text.to_string();
                }
                if !padded.mend(&error, at) {
                    own.push(explain::syntax(file, text, padded.original(at), error.info()));
                    diags.extend(own);
                    return None;
                }
            }
            Err(Fault::Other(diag)) => {
                own.push(*diag);
                diags.extend(own);
                return None;
            }
            Ok(node) => {
                diags.extend(own);
                return (!failed).then_some(node);
            }
        }
    }
}

/// Why reading stopped.
enum Fault {
    /// At a byte of the padded text.
    Syntax(ScanError, usize),
    Other(Box<Diag>),
}

impl From<Diag> for Fault {
    fn from(diag: Diag) -> Self {
        Fault::Other(Box::new(diag))
    }
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    tag: Tag,
    start: usize,
    /// Values in order; of a mapping, keys and values in turn.
    nodes: Vec<Node>,
    map: bool,
    flow: bool,
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    source: &'a str,
    /// What the parser is given, where it is not `text` itself.
    padded: &'a Padded,
    offsets: Offsets,
    diags: &'a mut Diags,
    open: Vec<Open>,
    /// Nodes by anchor, with their number of nodes.
    anchors: HashMap<usize, (Arc<Node>, usize)>,
    copies: usize,
    anchored: usize,
    failed: bool,
}

type Step<T> = Result<T, Fault>;

impl<'a> Builder<'a> {
    fn new(file: FileId, text: &'a str, padded: &'a Padded, diags: &'a mut Diags) -> Self {
        let read = if padded.text.is_empty() { text } else { &padded.text };
        Builder {
            file,
            text: read,
            source: text,
            padded,
            offsets: Offsets::new(read),
            diags,
            open: Vec::new(),
            anchors: HashMap::new(),
            copies: 0,
            anchored: 0,
            failed: false,
        }
    }

    /// Offsets are those of the text the parser reads; a span is one of the file.
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.padded.original(start), self.padded.original(end.max(start)))
    }

    fn run(&mut self) -> Step<Node> {
        let mut root = None;
        for event in Parser::new_from_str(self.text) {
            let (event, range) = event.map_err(|error| {
                let at = self.offsets.byte(error.marker().index(), self.text.len());
                Fault::Syntax(error, at)
            })?;
            let start = self.offsets.byte(range.start.index(), self.text.len());
            if matches!(event, Event::DocumentStart(_)) && root.is_some() {
                let message = "the file holds more than one YAML document";
                return Err(Diag::error("many-documents", self.span(start, start + 3), message)
                    .hint("keep one document a file: remove the second `---`, or split the file")
                    .into());
            }
            if let Some(node) = self.event(event, range)? {
                root = Some(node);
            }
        }
        Ok(root.unwrap_or_else(|| self.null()))
    }

    fn null(&self) -> Node {
        let span = self.span(0, 0);
        let scalar = Scalar { text: "".into(), style: ScalarStyle::Plain, content: span };
        Node { kind: NodeKind::Scalar(scalar), tag: Tag::None, span }
    }

    /// Takes one event; returns the root when it is complete.
    fn event(&mut self, event: Event, range: Range) -> Step<Option<Node>> {
        let start = self.offsets.byte(range.start.index(), self.text.len());
        let end = self.offsets.byte(range.end.index(), self.text.len());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let properties = anchor != 0 || tag.is_some();
                let start = if properties { after_properties(self.text, start).min(end) } else { start };
                let tag = self.tag(tag.as_deref(), start);
                let (span, content) = self.scalar_spans(style, start, end, properties);
                let scalar = Scalar { text: text.as_ref().into(), style, content };
                if style == ScalarStyle::Plain && tag == Tag::None && super::scalar::too_large(&scalar.text) {
                    let message = format!("`{:.40}` does not fit 64 bits: it is taken as text", scalar.text);
                    let hint = "in quotes it is text for certain; calculations with it are not possible";
                    self.diags.push(Diag::warning("large-number", span, message).hint(hint));
                }
                self.add(Node { kind: NodeKind::Scalar(scalar), tag, span }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag.as_deref(), start, false),
            Event::MappingStart(anchor, tag) => self.begin(anchor, tag.as_deref(), start, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(end),
            Event::Alias(anchor) => {
                let node = self.alias(anchor, start, end)?;
                self.add(node, 0)
            }
            _ => Ok(None),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&saphyr_parser::Tag>,
        start: usize,
        map: bool,
    ) -> Step<Option<Node>> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Diag::error("yaml-too-deep", self.span(start, start + 1), message).into());
        }
        let start = after_properties(self.text, start);
        let tag = self.tag(tag, start);
        let flow = matches!(self.text.as_bytes().get(start), Some(b'{' | b'['));
        self.open.push(Open { anchor, tag, start, nodes: Vec::new(), map, flow });
        Ok(None)
    }

    fn end(&mut self, end: usize) -> Step<Option<Node>> {
        let Some(open) = self.open.pop() else { return Ok(None) };
        let mut span = self.span(open.start, end);
        // The end of a block collection is only seen where the next thing begins. An alias ends elsewhere.
        if let Some(last) = open.nodes.last().filter(|_| !open.flow) {
            span.end = last.span.end.clamp(span.start, span.end);
        }
        let kind = match open.map {
            true => NodeKind::Map(self.pairs(open.nodes, span)?),
            false => NodeKind::Seq(open.nodes),
        };
        self.add(Node { kind, tag: open.tag, span }, open.anchor)
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Step<Option<Node>> {
        if anchor != 0 {
            let size = count(&node);
            // Anchors around anchors are copied too, once for each.
            self.anchored += size;
            if self.anchored > MAX_ANCHORED {
                let message = format!("anchors stand for more than {MAX_ANCHORED} values");
                return Err(Diag::error("yaml-bomb", node.span, message).into());
            }
            self.anchors.insert(anchor, (Arc::new(node.clone()), size));
        }
        match self.open.last_mut() {
            Some(open) => {
                open.nodes.push(node);
                Ok(None)
            }
            None => Ok(Some(node)),
        }
    }

    fn alias(&mut self, anchor: usize, start: usize, end: usize) -> Step<Node> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            let message = "an alias inside the value it stands for";
            return Err(Diag::error("yaml-recursion", self.span(start, end), message).into());
        };
        let node = Arc::clone(node);
        self.copies += size;
        self.bounded(self.span(start, end))?;
        Ok(Node::clone(&node))
    }

    fn bounded(&self, span: Span) -> Step<()> {
        if self.copies <= MAX_COPIES {
            return Ok(());
        }
        let message = format!("aliases expand to more than {MAX_COPIES} values");
        Err(Diag::error("yaml-bomb", span, message)
            .hint("aliases of aliases multiply; write the data out, or use a variable")
            .into())
    }

    fn tag(&mut self, tag: Option<&saphyr_parser::Tag>, start: usize) -> Tag {
        let Some(tag) = tag else { return Tag::None };
        let core = tag.is_yaml_core_schema();
        match tag.suffix.as_str() {
            "vault" | "vault-encrypted" if !core => Tag::Vault,
            "unsafe" if !core => Tag::Unsafe,
            "str" if core => Tag::Str,
            "" | "!" => Tag::Str,
            "int" | "float" | "bool" | "null" if core => Tag::Plain,
            "map" | "seq" | "merge" | "timestamp" if core => Tag::None,
            _ => {
                let name = if core { format!("!!{}", tag.suffix) } else { tag.to_string() };
                // The parser gives no place for the tag itself; it stands just before its value.
                let at = self.text[..start].rfind(&name).unwrap_or(start);
                self.failed = true;
                self.diags.push(
                    Diag::error(
                        "yaml-tag",
                        self.span(at, at + name.len()),
                        format!("the tag `{name}` is not known"),
                    )
                    .hint("known tags are !vault, !unsafe, !!str, !!int, !!float and !!bool"),
                );
                Tag::None
            }
        }
    }

    /// The span of a scalar and that of its text.
    fn scalar_spans(&self, style: ScalarStyle, start: usize, end: usize, properties: bool) -> (Span, Span) {
        let bytes = self.text.as_bytes();
        match style {
            ScalarStyle::Plain => {
                let text = self.text.get(start..end).unwrap_or("");
                let span = self.span(start, start + text.trim_end().len());
                (span, span)
            }
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                // The parser counts the blanks behind the quote in.
                let end = closing_quote(self.text, start).unwrap_or(end);
                (self.span(start, end), self.span(start + 1, end.saturating_sub(1)))
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let text = self.text.get(start..end).unwrap_or("");
                let end = start + text.trim_end().len();
                // Behind a tag the parser gives the header, else the first line with text.
                let first = match bytes.get(start) {
                    Some(b'|' | b'>') if properties => text.find('\n').map_or(end, |n| start + n + 1),
                    _ => first_line(self.text, start),
                };
                let header = block_header(self.text, first);
                let end = header + self.text[header..end.max(header)].trim_end().len();
                let blanks = bytes[first.min(end)..end].iter().take_while(|b| **b == b' ').count();
                (self.span(header, end), self.span((first + blanks).min(end), end))
            }
        }
    }

    /// Keys and values in turn become pairs: merge keys expanded, the last of double keys kept.
    fn pairs(&mut self, nodes: Vec<Node>, span: Span) -> Step<Vec<(Node, Node)>> {
        let mut own: Vec<(Node, Node)> = Vec::with_capacity(nodes.len() / 2);
        let mut merged: Vec<(Node, Node)> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        let mut nodes = nodes.into_iter();
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            let Some(scalar) = key.scalar() else {
                self.failed = true;
                self.diags.push(explain::key_is_collection(&key, span, self.source));
                continue;
            };
            if &*scalar.text == "<<" && scalar.style == ScalarStyle::Plain && key.tag == Tag::None {
                self.merge(&value, &mut merged)?;
                continue;
            }
            match places.get(&scalar.text) {
                Some(at) => {
                    let message = format!("the key `{:.60}` stands twice; the last one counts", scalar.text);
                    self.diags.push(
                        Diag::warning("duplicate-key", key.span, message)
                            .related(own[*at].0.span, "first here"),
                    );
                    own[*at] = (key, value);
                }
                None => {
                    places.insert(Arc::clone(&scalar.text), own.len());
                    own.push((key, value));
                }
            }
        }
        if merged.is_empty() {
            return Ok(own);
        }
        let mut seen: HashSet<Arc<str>> = places.into_keys().collect();
        merged.retain(|(k, _)| k.scalar().is_some_and(|s| seen.insert(Arc::clone(&s.text))));
        merged.extend(own);
        Ok(merged)
    }

    fn merge(&mut self, value: &Node, merged: &mut Vec<(Node, Node)>) -> Step<()> {
        let sources = match &value.kind {
            NodeKind::Map(_) => std::slice::from_ref(value),
            NodeKind::Seq(items) if items.iter().all(|i| i.as_map().is_some()) => items,
            _ => {
                self.failed = true;
                let message =
                    format!("`<<` needs a mapping or a list of mappings, not {}", value.type_name());
                self.diags.push(Diag::error("yaml-merge", value.span, message));
                return Ok(());
            }
        };
        merged.extend(sources.iter().filter_map(Node::as_map).flatten().cloned());
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        NodeKind::Scalar(_) => 0,
        NodeKind::Seq(items) => items.iter().map(count).sum(),
        NodeKind::Map(pairs) => pairs.iter().map(|(k, v)| count(k) + count(v)).sum(),
    }
}
