//! Evaluation of Ansible-flavoured Jinja2.
//!
//! minijinja reads the text (its lexer, grammar and whitespace rules); the tree runs here, directly on
//! [`Value`], because four things must hold that a foreign value type cannot carry: variables are
//! themselves templates and are evaluated when they are touched; what depends on an effect not yet made
//! is *unknown*, not wrong; what touched a secret is secret; and operators are Python's. Every text is
//! parsed once a run and shared by all hosts.

mod access;
pub mod analyse;
mod call;
mod compile;
mod data;
mod encoding;
mod error;
mod exec;
mod expr;
mod filters;
mod globals;
mod ir;
pub mod lookups;
mod lower;
mod macros;
mod methods;
mod moments;
mod mutate;
mod ops;
mod pages;
mod pyformat;
mod python_random;
mod regex;
mod run;
mod scope;
mod template_names;
mod tests;
pub mod vars;
pub(crate) mod yaml;
mod yaml_read;

#[cfg(test)]
mod case_tests;

pub use analyse::{NameUse, known_filters, known_lookups, known_tests, names_used};
pub use compile::TemplateOptions;
pub use encoding::Encoding;
pub use error::{ErrorKind, EvalError};
pub(crate) use expr::spot;
pub(crate) use filters::expanduser;
pub(crate) use methods::is_identifier;
pub use methods::{ends_line, split_lines};
pub use scope::{HostMatcher, LookupContext, MapScope, Scope, ToCome, VaultOpener};
pub use template_names::template_names;
pub use vars::{Layers, Level};

use crate::base::{List, Map, Secret, Sources, Template, Value};
use error::Res;
use ir::Program;
use run::{Run, V};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};

/// The evaluator of one run: everything compiled is kept and shared by all hosts.
pub struct Engine {
    sources: Sources,
    templates: RwLock<HashMap<Arc<str>, Result<Arc<Program>, EvalError>>>,
    expressions: RwLock<HashMap<Arc<str>, Result<Arc<Program>, EvalError>>>,
    regexes: regex::Cache,
    /// Told of each secret that a template reads.
    listener: OnceLock<Listener>,
}

type Listener = Box<dyn Fn(&Secret) + Send + Sync>;

/// What a condition comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Only an effect not yet made could tell; says why.
    Unknown(Arc<str>),
}

/// A rendered template file.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendered {
    /// May be shown.
    Text(String),
    /// The text holds a secret: it must not be shown, nor its difference.
    Secret(String),
    /// Only an effect not yet made could tell the text; says which.
    Unknown(Arc<str>),
}

impl From<bool> for Truth {
    fn from(b: bool) -> Self {
        if b { Truth::True } else { Truth::False }
    }
}

impl Engine {
    /// An engine with empty caches. `sources` is where templates' errors find the text they point into.
    pub fn new(sources: Sources) -> Self {
        Engine {
            sources,
            templates: RwLock::default(),
            expressions: RwLock::default(),
            regexes: regex::Cache::default(),
            listener: OnceLock::new(),
        }
    }

    /// Has `listener` told of each secret that a template reads: parts of what it makes of it may turn up in outputs.
    /// The first listener stays.
    pub fn on_secret(&self, listener: impl Fn(&Secret) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    fn opened(&self, secret: &Secret) {
        if let Some(listener) = self.listener.get() {
            listener(secret);
        }
    }

    /// The files that the spans of this engine's templates are of.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Evaluates all templates in a value, deeply. Values without templates are returned as they are.
    ///
    /// A text that is exactly one `{{ … }}` keeps the type of its expression. Members that come to
    /// [`Value::Omit`] are left out of maps and lists; a member that depends on what is not known yet is
    /// [`Value::Unknown`] on its own.
    pub fn evaluate(&self, value: &Value, scope: &dyn Scope) -> Result<Value, EvalError> {
        if !data::needs_work(value) {
            return Ok(value.clone());
        }
        let mut run = Run::new(self, scope);
        self.members(&mut run, value).map_err(|e| *e)
    }

    fn members(&self, run: &mut Run<'_>, value: &Value) -> Res<Value> {
        Ok(match value {
            Value::Template(t) => run.top(t)?,
            Value::List(items) => {
                let mut out = List::with_capacity(items.len());
                for item in items.iter() {
                    out.extend(Some(self.members(run, item)?).filter(|v| *v != Value::Omit));
                }
                Value::from(out)
            }
            Value::Map(map) => {
                let mut out = Map::with_capacity(map.len());
                for (key, item) in map.iter() {
                    let item = self.members(run, item)?;
                    if item != Value::Omit {
                        out.insert(key.clone(), item);
                    }
                }
                Value::from(out)
            }
            other => other.clone(),
        })
    }

    /// The value of a bare expression (`a.b | default(1)`), with its native type.
    pub fn expression(&self, text: &str, scope: &dyn Scope) -> Result<Value, EvalError> {
        let program = self.compiled_expression(text).map_err(|e| *e)?;
        let mut run = Run::new(self, scope);
        run.whole(&program, None).map_err(|e| *e)
    }

    /// Whether a `when`, `until`, `failed_when`, `changed_when` or `that` holds: a bare expression, a
    /// boolean, or a list of which all must hold.
    pub fn condition(&self, value: &Value, scope: &dyn Scope) -> Result<Truth, EvalError> {
        let mut run = Run::new(self, scope);
        self.holds(&mut run, value).map_err(|e| *e)
    }

    fn holds(&self, run: &mut Run<'_>, value: &Value) -> Res<Truth> {
        match value {
            Value::List(items) => {
                let mut unknown = None;
                for item in items.iter() {
                    match self.holds(run, item)? {
                        Truth::True => {}
                        Truth::False => return Ok(Truth::False),
                        why => unknown = unknown.or(Some(why)),
                    }
                }
                Ok(unknown.unwrap_or(Truth::True))
            }
            Value::Str(text) if text.trim().is_empty() => Ok(Truth::True),
            Value::Str(text) => {
                let program = self.compiled_expression(text)?;
                let result = run.whole(&program, None)?;
                self.verdict(run, result, 0)
            }
            Value::Template(t) => {
                // Also `x == '{{ y }}'`, whose text is an expression once it is rendered.
                let result = run.top(t)?;
                self.verdict(run, result, 1)
            }
            other => self.verdict(run, other.clone(), 0),
        }
    }

    fn verdict(&self, run: &mut Run<'_>, result: Value, templated: u8) -> Res<Truth> {
        Ok(match result {
            Value::Unknown(why) => Truth::Unknown(why),
            Value::Secret(s) => {
                let text = s.reveal().map_err(|why| EvalError::new(ErrorKind::Locked, why))?;
                Truth::from(!text.is_empty())
            }
            Value::Str(text) => match filters::word_truth(&text) {
                Some(known) => Truth::from(known),
                None if templated > 0 && !text.trim().is_empty() => {
                    let program = self.compiled_expression(&text)?;
                    run.distrusted = true;
                    let result = run.whole(&program, None);
                    run.distrusted = false;
                    self.verdict(run, result?, 0)?
                }
                None => Truth::from(!text.is_empty()),
            },
            Value::Null => Truth::False,
            other => Truth::from(other.truth().unwrap_or(false)),
        })
    }

    /// Renders a template file's text, as the template module does.
    ///
    /// `search` holds the directories in which `include`, `import` and `extends` look, besides that of
    /// `path`. A first line `#jinja2: key: value, …` overrides `options`.
    ///
    /// # Errors
    /// Syntax, undefined names, files that cannot be read; with line and column in the template.
    pub fn render_file(
        &self,
        text: &str,
        path: &Path,
        options: &TemplateOptions,
        search: &[PathBuf],
        scope: &dyn Scope,
    ) -> Result<Rendered, EvalError> {
        let mut run = Run::new(self, scope);
        run.render_file(text, path, options, search).map_err(|e| *e)
    }

    fn native(&self, template: &Arc<Template>) -> Res<Arc<Program>> {
        self.compiled_template(&template.text)
    }
}

/// Marks a result that was made from secrets: texts become secrets, in containers each text member.
fn hide(value: Value) -> Value {
    match value {
        Value::Str(s) => Value::Secret(Secret::new(&*s)),
        Value::List(items) => Value::from(items.iter().cloned().map(hide).collect::<List>()),
        Value::Map(map) => {
            Value::from(map.iter().map(|(k, v)| (k.clone(), hide(v.clone()))).collect::<Map>())
        }
        other => other,
    }
}

/// What a runtime object comes to outside the template: plain data only.
fn plain(v: V, run: &mut Run<'_>) -> Res<Value> {
    let value = run.data(v)?;
    Ok(run.deep(&value)?.unwrap_or(value))
}
