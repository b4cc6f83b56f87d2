//! `-e`: `k=v` words, YAML, JSON, `@FILE`.

use super::fail::Fail;
use crate::base::{Diags, Map, Sources, Template, Value};
use crate::spec::split_words;
use crate::syntax::vars_file::{load_data_file, parse_text};
use crate::syntax::vault::Keyring;
use std::path::Path;
use std::sync::Arc;

/// All `-e` in order; later ones win.
pub fn extra_vars(
    given: &[String],
    sources: &Sources,
    keyring: &Keyring,
    diags: &mut Diags,
) -> Result<Map, Fail> {
    let mut all = Map::new();
    for text in given {
        let value = one(text.trim(), sources, keyring, diags)?;
        match value {
            Value::Map(map) => all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
            Value::Null => {}
            other => {
                let message = format!("-e: variables are a mapping, not {}", other.type_name());
                return Err(Fail::input(message)
                    .hint("write -e name=value, -e '{\"name\": \"value\"}' or -e @file.yml"));
            }
        }
    }
    Ok(all)
}

fn one(text: &str, sources: &Sources, keyring: &Keyring, diags: &mut Diags) -> Result<Value, Fail> {
    if let Some(path) = text.strip_prefix('@') {
        let path = Path::new(path);
        return load_data_file(path, sources, keyring, diags)
            .ok_or_else(|| Fail::told(super::fail::code::INPUT));
    }
    if text.starts_with(['{', '[']) || (!text.contains('=') && text.contains(':')) {
        let node = parse_text("<extra vars>", text, sources, diags);
        return node.map(|n| n.to_value(keyring)).ok_or_else(|| Fail::told(super::fail::code::INPUT));
    }
    let words = split_words(text, None).map_err(|e| Fail::input(format!("-e {text}: {e}")))?;
    if !words.rest.is_empty() {
        return Err(Fail::input(format!("-e: `{}` is not name=value", words.rest))
            .hint("quote values with blanks: -e 'name=\"a b\"'"));
    }
    Ok(words.words.into_iter().map(|w| (w.key, text_value(&w.value))).collect())
}

/// Text from the command line; templates stay templates.
pub fn text_value(text: &str) -> Value {
    match text.contains("{{") || text.contains("{%") {
        true => Value::Template(Arc::new(Template { text: text.into(), span: None })),
        false => text.into(),
    }
}
