//! The last line before any output: known secrets are replaced wherever they stand.

use crate::base::{HIDDEN, Key, List, Map, Value};
use base64::Engine as _;
use std::collections::HashSet;
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// Below this many characters a secret would match by chance all over the output.
const SHORTEST: usize = 4;

/// Secrets learnt in a run, in the forms in which they could turn up.
#[derive(Default)]
pub struct Redactor(RwLock<Known>);

#[derive(Default)]
struct Known {
    secrets: HashSet<String>,
    /// The longest first, so that a secret inside another one does not leave its rest.
    forms: Vec<String>,
}

impl Redactor {
    /// Takes a secret, and its forms as JSON, base64 and a quoted shell word. One below four characters is
    /// not taken, nor one that is a truth value: it would hide half of the output.
    pub fn learn(&self, secret: &str) {
        let truth = ["true", "false", "none", "null"].iter().any(|word| secret.eq_ignore_ascii_case(word));
        if truth || secret.chars().count() < SHORTEST {
            return;
        }
        if self.known().secrets.contains(secret) {
            return;
        }
        let json = serde_json::Value::from(secret).to_string();
        let forms = [
            secret.to_string(),
            json[1..json.len() - 1].to_string(),
            base64::engine::general_purpose::STANDARD.encode(secret),
            shell_words::quote(secret).into_owned(),
        ];
        let mut known = self.0.write().unwrap_or_else(|e| e.into_inner());
        known.secrets.insert(secret.to_string());
        for form in forms {
            if !known.forms.contains(&form) {
                known.forms.push(form);
            }
        }
        known.forms.sort_by_key(|s| std::cmp::Reverse(s.len()));
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(|e| e.into_inner())
    }

    /// Every value of a decrypted file of variables: each scalar line of it is a secret.
    pub fn learn_content(&self, text: &str) {
        for line in text.lines() {
            let value = line.split_once(": ").map_or(line, |(_, v)| v).trim().trim_matches(['"', '\'']);
            if value.chars().count() >= 2 * SHORTEST {
                self.learn(value);
            }
        }
    }

    /// Learns all secrets inside a value.
    pub fn learn_value(&self, value: &Value) {
        match value {
            Value::Secret(secret) => {
                if let Ok(plain) = secret.reveal() {
                    self.learn(plain);
                }
            }
            Value::List(list) => list.iter().for_each(|v| self.learn_value(v)),
            Value::Map(map) => map.values().for_each(|v| self.learn_value(v)),
            _ => {}
        }
    }

    /// The text with every known secret, wherever it stands, replaced by [`HIDDEN`].
    pub fn text(&self, text: &str) -> String {
        let known = self.known();
        let mut clean = text.to_string();
        for secret in &known.forms {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), HIDDEN);
            }
        }
        clean
    }

    /// As [`Redactor::text`], for all texts and keys inside a value.
    pub fn value(&self, value: &Value) -> Value {
        if self.known().forms.is_empty() {
            return value.clone();
        }
        self.clean(value)
    }

    fn clean(&self, value: &Value) -> Value {
        match value {
            Value::Str(s) => Value::Str(Arc::from(self.text(s))),
            Value::List(list) => list.iter().map(|v| self.clean(v)).collect::<List>().into(),
            Value::Map(map) => {
                let pair = |(k, v): (&Key, &Value)| {
                    let key = k.as_str().map_or_else(|| k.clone(), |k| self.text(k).into());
                    (key, self.clean(v))
                };
                map.iter().map(pair).collect::<Map>().into()
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form_it_takes() {
        let redactor = Redactor::default();
        redactor.learn("pa\"ss word");
        for form in ["pa\"ss word", r#"pa\"ss word"#, "cGEic3Mgd29yZA==", "'pa\"ss word'"] {
            let shown = redactor.text(&format!("x {form} y"));
            assert_eq!(shown, format!("x {HIDDEN} y"), "{form}");
        }
        let value: Value = [("k", Value::from(vec![Value::from("pa\"ss word!")]))].into_iter().collect();
        assert!(!redactor.value(&value).to_json().to_string().contains("ss word"));
    }

    #[test]
    fn short_words_are_left_alone() {
        let redactor = Redactor::default();
        redactor.learn_content("user: someone\npassword: '12345678'\n");
        assert_eq!(redactor.text("someone 12345678"), format!("someone {HIDDEN}"));
        redactor.learn("a");
        redactor.learn("True");
        assert_eq!(redactor.text("a banana is True"), "a banana is True");
    }
}
