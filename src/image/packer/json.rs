//! Templates in JSON: `variables`, `builders`, `provisioners`, `post-processors`.

use super::interpolate::{self, Names};
use super::model::{Inputs, Part, Setting, Template};
use crate::base::{Diag, Diags, FileId, List, Map, Sources, Span, Value};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::{self, Node};
use std::collections::HashMap;
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
    reader.names.user = Some(user);
    let builders = reader.builders(&root);
    let provisioners = reader.parts(root.get("provisioners"), "provisioner");
    let post_processors = reader.parts(root.get("post-processors"), "post-processor");
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

    /// The user variables: defaults, then files, then `-var`.
    fn variables(&mut self, root: &Node, inputs: &Inputs, sources: &Sources) -> HashMap<String, String> {
        let mut values: HashMap<String, Option<String>> = HashMap::new();
        self.names.env = true;
        for (key, node) in root.get("variables").and_then(Node::as_map).unwrap_or_default() {
            let name = key.scalar().map(|s| s.text.to_string()).unwrap_or_default();
            let value = match node.is_null() {
                true => None,
                false => Some(self.text(node)),
            };
            values.insert(name, value);
        }
        self.names.env = false;
        for path in &inputs.var_files {
            for (name, value) in self.var_file(path, sources) {
                values.insert(name, Some(value));
            }
        }
        for (name, value) in &inputs.vars {
            if !values.contains_key(name) {
                let known = values.keys().map(String::as_str);
                let diag =
                    Diag::error("packer-undefined", None, format!("-var {name}: no variable has this name"));
                self.diags.push(diag.did_you_mean(name, known));
            }
            values.insert(name.clone(), Some(value.clone()));
        }
        let unset = values.iter().filter(|(_, v)| v.is_none()).map(|(n, _)| n.clone());
        for name in unset.collect::<Vec<_>>() {
            let node = root.get("variables").and_then(|v| v.get(&name)).unwrap_or(root);
            let message = format!("the variable `{name}` has no value");
            let diag = Diag::error("packer-undefined", node.span, message);
            self.diags.push(diag.hint(format!("give one with `-var {name}=VALUE` or `-var-file FILE`")));
        }
        values.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    fn var_file(&mut self, path: &Path, sources: &Sources) -> Vec<(String, String)> {
        let file = match yaml::read_text(path, sources) {
            Ok(file) => file,
            Err(diag) => {
                self.diags.push(diag);
                return Vec::new();
            }
        };
        let Some(root) = yaml::parse(file, &sources.get(file).text, self.diags) else { return Vec::new() };
        let pairs = root.as_map().unwrap_or_default();
        let text = |node: &Node| super::model::text_of(&node.to_value(&Keyring::default()));
        pairs.iter().map(|(k, v)| (k.to_key().to_string(), text(v))).collect()
    }

    fn secrets(&mut self, root: &Node, user: &HashMap<String, String>) -> Vec<String> {
        let named = root.get("sensitive-variables").and_then(Node::as_seq).unwrap_or_default();
        let values = named.iter().filter_map(|n| user.get(&**n.as_str()?)).filter(|v| !v.is_empty());
        values.cloned().collect()
    }

    fn builders(&mut self, root: &Node) -> Vec<Part> {
        let mut all = Vec::new();
        for node in root.get("builders").and_then(Node::as_seq).unwrap_or_default() {
            let named = |key: &str| node.get(key).and_then(Node::as_str).map(|s| s.to_string());
            let kind = named("type").unwrap_or_default();
            let name = named("name").unwrap_or_else(|| kind.clone());
            self.names.build = Some((name, kind));
            all.extend(self.part(node, "builder"));
        }
        self.names.build = all.first().map(|b: &Part| (b.name.clone(), b.kind.clone()));
        all
    }

    /// A list of parts; post-processors may be names, objects, or sequences of them.
    fn parts(&mut self, node: Option<&Node>, what: &str) -> Vec<Part> {
        let mut all = Vec::new();
        for item in node.and_then(Node::as_seq).unwrap_or_default() {
            match (item.as_str(), item.as_seq()) {
                (Some(kind), _) => all.push(bare(kind, item)),
                (_, Some(_)) => all.extend(self.parts(Some(item), what)),
                _ => all.extend(self.part(item, what)),
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
                "name" => part.name = super::model::text_of(&read),
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
        interpolate::text(&source, &self.names).unwrap_or_else(|message| {
            self.diags.push(Diag::error("packer-undefined", node.span, message));
            String::new()
        })
    }
}

fn bare(kind: &str, node: &Node) -> Part {
    Part {
        kind: kind.to_string(),
        name: kind.to_string(),
        span: node.span,
        options: indexmap::IndexMap::new(),
        only: Vec::new(),
        except: Vec::new(),
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().map(super::model::text_of).collect(),
        one => vec![super::model::text_of(one)],
    }
}

/// Packer's own functions in texts that HCL has evaluated (`{{ .Vars }}` in an execute_command, `{{timestamp}}`).
pub fn interpolated(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Str(text) => interpolate::text(text, &Names::default())?.into(),
        Value::List(items) => items.iter().map(interpolated).collect::<Result<List, _>>()?.into(),
        Value::Map(map) => {
            let read = |(k, v): (&crate::base::Key, &Value)| Ok((k.clone(), interpolated(v)?));
            map.iter().map(read).collect::<Result<Map, String>>()?.into()
        }
        other => other.clone(),
    })
}
