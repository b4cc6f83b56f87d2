//! Files of variables: YAML or JSON mappings, encrypted as a whole or not.

use super::ast::{Entries, Spanned};
use super::vault::{Keyring, is_vault};
use super::yaml::{self, Node};
use crate::base::{Diag, Diags, FileId, Key, Map, Sources, Span, Value};
use std::path::Path;
use std::sync::Arc;

/// A data file that was read: its tree, and whether its texts are secret.
pub(super) struct Loaded {
    pub node: Node,
    pub secret: bool,
}

/// Reads a file of variables. An empty file holds none. `None`: the errors are in `diags`.
pub fn load_vars_file(
    path: &Path,
    sources: &Sources,
    keyring: &Keyring,
    diags: &mut Diags,
) -> Option<Entries> {
    let Loaded { node, secret } = load(path, sources, keyring, diags)?;
    if node.is_null() {
        return Some(Entries::new());
    }
    let Some(pairs) = node.as_map() else {
        let message = format!("a file of variables holds a mapping, not {}", node.type_name());
        diags.push(Diag::error("vars-not-mapping", node.span, message).hint("write `name: value` lines"));
        return None;
    };
    Some(pairs.iter().map(|(k, v)| entry(k, v, secret, keyring)).collect())
}

/// Reads a file that may hold any one value (`include_vars`, `lookup('file')`-like uses, `@file` extra variables).
pub fn load_data_file(path: &Path, sources: &Sources, keyring: &Keyring, diags: &mut Diags) -> Option<Value> {
    let Loaded { node, secret } = load(path, sources, keyring, diags)?;
    Some(value(&node, secret, keyring))
}

/// The plain map of entries, for those who need no places.
pub fn to_map(entries: &Entries) -> Map {
    entries.iter().map(|(k, v)| (Key::Str(Arc::clone(&k.value)), v.value.clone())).collect()
}

/// Reads YAML text that came from no file (`-e '{a: b}'`); `name` is shown in its place.
pub fn parse_text(name: &str, text: &str, sources: &Sources, diags: &mut Diags) -> Option<Node> {
    let file = sources.add(name, text);
    yaml::parse(file, text, diags)
}

fn entry(k: &Node, v: &Node, secret: bool, keyring: &Keyring) -> (Spanned<Arc<str>>, Spanned<Value>) {
    let key = match k.to_key() {
        Key::Str(text) => text,
        other => other.to_string().into(),
    };
    (Spanned { value: key, span: k.span }, Spanned { value: value(v, secret, keyring), span: v.span })
}

fn value(node: &Node, secret: bool, keyring: &Keyring) -> Value {
    if secret { node.to_secret_value(keyring) } else { node.to_value(keyring) }
}

pub(super) fn load(path: &Path, sources: &Sources, keyring: &Keyring, diags: &mut Diags) -> Option<Loaded> {
    let file = yaml::read_text(path, sources).map_err(|d| diags.push(d)).ok()?;
    let text = Arc::clone(&sources.get(file).text);
    if is_vault(text.as_bytes()) {
        return decrypted(path, file, &text, sources, keyring, diags);
    }
    parse_yaml_or_json(file, &text, diags).map(|node| Loaded { node, secret: false })
}

/// The tree of a text that is YAML or JSON.
pub(super) fn parse_yaml_or_json(file: FileId, text: &str, diags: &mut Diags) -> Option<Node> {
    let mut own = Diags::default();
    let node = yaml::parse(file, text, &mut own);
    // JSON is YAML but for rare things (tabs, keys of a thousand letters): then it is read as what it is.
    let node = match node {
        None if text.trim_start().starts_with(['{', '[']) => {
            json(file, text).inspect(|_| own = Diags::default())
        }
        node => node,
    };
    diags.extend(own);
    node
}

/// A file encrypted as a whole. What is shown of it has its letters masked, so places stay right and nothing leaks.
fn decrypted(
    path: &Path,
    file: FileId,
    text: &str,
    sources: &Sources,
    keyring: &Keyring,
    diags: &mut Diags,
) -> Option<Loaded> {
    let plain = match keyring.open_text(text) {
        Ok(plain) => plain,
        Err(why) => {
            let end = text.find('\n').unwrap_or(text.len());
            let message = format!("cannot decrypt {}: {why}", path.display());
            diags.push(Diag::error("vault", Span::new(file, 0, end), message));
            return None;
        }
    };
    let masked: String = plain.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
    let inner = sources.add(path, masked);
    let mut own = Diags::default();
    let node = yaml::parse(inner, &plain, &mut own);
    // The words of a finding may quote what is in the file.
    for found in own.iter() {
        let mut shown = Diag::error(found.code, found.span, "the decrypted text is not good YAML here");
        shown.severity = found.severity;
        diags.push(shown.hint("see `fitout vault edit`"));
    }
    node.map(|node| Loaded { node, secret: true })
}

/// JSON text as YAML nodes that all have the file's span.
fn json(file: FileId, text: &str) -> Option<Node> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let span = Span::new(file, 0, text.len());
    Some(Node::from_json(&value, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/vault").join(name)
    }

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn load(path: &Path, keyring: &Keyring) -> Result<Map, String> {
        let (sources, mut diags) = (Sources::default(), Diags::default());
        let entries = load_vars_file(path, &sources, keyring, &mut diags);
        let shown: Vec<_> = diags.iter().map(|d| d.render(&sources, false)).collect();
        entries.map(|e| to_map(&e)).ok_or_else(|| shown.join("\n"))
    }

    #[test]
    fn yaml_and_json_are_read() {
        let none = Keyring::default();
        for (name, text, want) in [
            ("a.yml", "a: 1\nb: [x]\n", r#"{"a":1,"b":["x"]}"#),
            ("a.json", "{\n\t\"a\": 1,\n\t\"b\": [\"yes\"]\n}\n", r#"{"a":1,"b":["yes"]}"#),
            ("empty.yml", "---\n", "{}"),
        ] {
            let (_folder, path) = file(name, text);
            assert_eq!(Value::from(load(&path, &none).unwrap()).to_json().to_string(), want);
        }
        let (_folder, path) = file("l.yml", "- a\n");
        assert!(load(&path, &none).unwrap_err().contains("holds a mapping, not a list"));
    }

    #[test]
    fn a_file_encrypted_as_a_whole_holds_secrets() {
        let mut keyring = Keyring::default();
        assert!(load(&fixture("v11.yml"), &keyring).unwrap_err().contains("no vault password given"));
        keyring.add("default", "swordfish");
        let map = load(&fixture("v11.yml"), &keyring).unwrap();
        assert_eq!(format!("{:?}", map["db_password"]), "Secret(********)");
        assert_eq!(map["port"], Value::Int(5432));
        assert!(matches!(map["greeting"], Value::Template(_)));
    }

    #[test]
    fn errors_in_an_encrypted_file_show_its_line_and_not_its_text() {
        let mut keyring = Keyring::default();
        keyring.add("default", "p");
        let (_folder, path) = file("v.yml", &keyring.seal(b"a: 1\nb: sesame: c\n", None).unwrap());
        let message = load(&path, &keyring).unwrap_err();
        assert!(message.contains("v.yml:2:") && !message.contains("sesame"), "{message}");
    }
}
