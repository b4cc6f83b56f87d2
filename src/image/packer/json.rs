//! Templates in JSON: `variables`, `builders`, `provisioners`, `post-processors`.

mod variables;

use super::interpolate::{self, Names};
use super::model::{Inputs, Part, Setting, Template, of_builders, text_of};
use crate::base::{Diag, Diags, FileId, List, Map, Severity, Sources, Span, Value};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::{self, Node};
use std::path::Path;

const KEYS: [&str; 7] = [
    "variables",
    "sensitive-variables",
    "builders",
    "provisioners",
    "post-processors",
    "description",
    "min_packer_version",
];

/// What is wrong with a text that is no JSON.
fn no_json(file: FileId, sources: &Sources) -> Option<Diag> {
    let source = sources.get(file);
    let error = serde_json::from_str::<serde::de::IgnoredAny>(&source.text).err()?;
    let start =
        source.line_start(error.line()).map_or(0, |start| start as usize + error.column().saturating_sub(1));
    let start = start.min(source.text.len().saturating_sub(1));
    let said = error.to_string();
    let why = said.split(" at line ").next().unwrap_or_default();
    Some(Diag::error("packer-invalid", Span::new(file, start, start + 1), format!("not JSON: {why}")))
}

pub fn read(path: &Path, inputs: &Inputs, sources: &Sources, diags: &mut Diags) -> Option<Template> {
    let file = match yaml::read_text(path, sources) {
        Ok(file) => file,
        Err(diag) => {
            diags.push(diag);
            return None;
        }
    };
    let mut found = Diags::default();
    let root = yaml::parse(file, &sources.get(file).text, &mut found);
    match root.is_none().then(|| no_json(file, sources)).flatten() {
        Some(diag) => diags.push(diag),
        None => diags.extend(found),
    }
    let root = root?;
    let mut reader = Reader { diags, names: Names { folder: folder(path), ..Names::default() } };
    reader.keys(&root);
    let user = reader.variables(&root, inputs, sources);
    let secrets = reader.secrets(&root, &user);
    reader.names.user = user;
    let builders = reader.builders(&root);
    let provisioners = reader.steps(root.get("provisioners"), "provisioner", &builders);
    let post_processors = reader.steps(root.get("post-processors"), "post-processor", &builders);
    Some(Template { path: path.to_path_buf(), builders, provisioners, post_processors, secrets })
}

/// The folder of a template, as `template_dir` gives it.
pub fn folder(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()).display().to_string()
}

struct Reader<'a> {
    diags: &'a mut Diags,
    names: Names,
}

impl Reader<'_> {
    fn keys(&mut self, root: &Node) {
        let Some(pairs) = root.as_map() else {
            self.invalid(root, "a Packer template is an object with `builders`");
            return;
        };
        for (key, _) in pairs {
            let word = key.scalar().map(|s| s.text.to_string()).unwrap_or_default();
            if !KEYS.contains(&word.as_str()) && !word.starts_with('_') {
                self.diags.push(
                    Diag::error(
                        "packer-invalid",
                        key.span,
                        format!("`{word}` is no part of a Packer template"),
                    )
                    .did_you_mean(&word, KEYS),
                );
            }
        }
        if root.get("builders").is_none() {
            self.invalid(root, "there is no `builders`: nothing is built");
        }
    }

    fn invalid(&mut self, node: &Node, message: impl Into<String>) {
        self.diags.push(Diag::error("packer-invalid", node.span, message));
    }

    fn builders(&mut self, root: &Node) -> Vec<Part> {
        let mut all = Vec::new();
        for node in root.get("builders").and_then(Node::as_seq).unwrap_or_default() {
            let kind = node.get("type").and_then(Node::as_str).map(|s| s.to_string()).unwrap_or_default();
            self.names.build = None;
            let name = node.get("name").filter(|n| n.as_str().is_some()).map(|n| self.text(n));
            self.names.build = Some((name.unwrap_or_else(|| kind.clone()), kind));
            all.extend(self.part(node, "builder"));
        }
        all
    }

    /// Provisioners or post-processors; these may be names, objects, or sequences of them.
    fn steps(&mut self, node: Option<&Node>, what: &str, builders: &[Part]) -> Vec<Part> {
        self.names.step = true;
        let mut all = Vec::new();
        for item in node.and_then(Node::as_seq).unwrap_or_default() {
            match (item.as_str(), item.as_seq()) {
                (Some(kind), _) => all.push(bare(kind, item)),
                (_, Some(_)) => all.extend(self.steps(Some(item), what, builders)),
                _ => all.extend(of_builders(builders, |builder| {
                    self.names.build = builder.map(|b| (b.name.clone(), b.kind.clone()));
                    let before = errors(self.diags);
                    let part = self.part(item, what);
                    part.ok_or(()).map(|part| (part, errors(self.diags) == before))
                })),
            }
        }
        all
    }

    fn part(&mut self, node: &Node, what: &str) -> Option<Part> {
        let Some(pairs) = node.as_map() else {
            self.invalid(node, format!("a {what} is an object with a `type`"));
            return None;
        };
        let Some(kind) = node.get("type").and_then(Node::as_str).map(|s| s.to_string()) else {
            self.invalid(node, format!("this {what} has no `type`"));
            return None;
        };
        let mut part = bare(&kind, node);
        for (key, value) in pairs {
            let word = key.to_key().to_string();
            let read = self.value(value);
            match word.as_str() {
                "type" => {}
                "name" => part.name = text_of(&read),
                "only" | "except" => {
                    let names = list(&read);
                    if word == "only" { part.only = names } else { part.except = names }
                }
                _ if word.starts_with('_') => {}
                _ => {
                    part.options.insert(word, Setting { value: read, span: key.span });
                }
            }
        }
        Some(part)
    }

    fn value(&mut self, node: &Node) -> Value {
        if let Some(items) = node.as_seq() {
            return items.iter().map(|i| self.value(i)).collect::<List>().into();
        }
        if let Some(pairs) = node.as_map() {
            let read = |(k, v): &(Node, Node)| (k.to_key(), self.value(v));
            return pairs.iter().map(read).collect::<Map>().into();
        }
        match node.as_str() {
            Some(_) => self.text(node).into(),
            None => node.to_value(&Keyring::default()),
        }
    }

    fn text(&mut self, node: &Node) -> String {
        let source = node.scalar().map(|s| s.text.to_string()).unwrap_or_default();
        let text = interpolate::text(&source, &self.names);
        for name in self.names.undeclared.take() {
            let told = |diag: &Diag| diag.span == Some(node.span);
            if !self.diags.iter().any(told) {
                let message =
                    format!("no variable `{name}` is declared in `variables`: it is empty, as in Packer");
                self.diags.push(Diag::warning("packer-undefined", node.span, message));
            }
        }
        text.unwrap_or_else(|message| {
            self.diags.push(Diag::error("packer-undefined", node.span, message));
            String::new()
        })
    }
}

/// How many errors were found.
pub fn errors(diags: &Diags) -> usize {
    diags.iter().filter(|diag| diag.severity == Severity::Error).count()
}

fn bare(kind: &str, node: &Node) -> Part {
    Part {
        kind: kind.to_string(),
        name: kind.to_string(),
        also: None,
        source: None,
        span: node.span,
        options: indexmap::IndexMap::new(),
        only: Vec::new(),
        except: Vec::new(),
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(text_of).collect(),
        one => vec![text_of(one)],
    }
}

/// Packer's own functions in texts that HCL has evaluated (`{{ .Vars }}` in an execute_command, `{{timestamp}}`).
pub fn interpolated(value: &Value, names: &Names) -> Result<Value, String> {
    Ok(match value {
        Value::Str(text) => interpolate::text(text, names)?.into(),
        Value::List(items) => {
            items.iter().map(|item| interpolated(item, names)).collect::<Result<List, _>>()?.into()
        }
        Value::Map(map) => {
            let read = |(k, v): (&crate::base::Key, &Value)| Ok((k.clone(), interpolated(v, names)?));
            map.iter().map(read).collect::<Result<Map, String>>()?.into()
        }
        other => other.clone(),
    })
}
