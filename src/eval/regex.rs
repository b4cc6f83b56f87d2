//! Python's regular expressions for templates: compiled once a run, errors as evaluation errors.

use super::error::{Res, wrong};
use crate::base::pyregex;
pub(crate) use crate::base::pyregex::{Flags, escape};
use fancy_regex::{Captures, Regex};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// Compiled expressions by their text.
#[derive(Default)]
pub(crate) struct Cache(RwLock<HashMap<(String, Flags), Arc<Regex>>>);

impl Cache {
    pub fn get(&self, pattern: &str, flags: Flags) -> Res<Arc<Regex>> {
        let key = (pattern.to_owned(), flags);
        if let Some(known) = self.0.read().unwrap_or_else(|e| e.into_inner()).get(&key) {
            return Ok(known.clone());
        }
        let made = Arc::new(pyregex::compile(pattern, flags).map_err(wrong)?);
        self.0.write().unwrap_or_else(|e| e.into_inner()).insert(key, made.clone());
        Ok(made)
    }
}

/// All matches in Python's way: an empty one may follow directly on another.
pub(crate) fn all<'t>(regex: &Regex, text: &'t str, limit: usize) -> Res<Vec<Captures<'t, str>>> {
    pyregex::all(regex, text, limit).map_err(wrong)
}

/// `re.sub`: the text and how many replacements were made.
pub(crate) fn substitute(regex: &Regex, text: &str, with: &str, limit: usize) -> Res<(String, usize)> {
    pyregex::substitute(regex, text, with, limit).map_err(wrong)
}
