//! What a template says, whatever its form.

use crate::base::{Span, Value};
use indexmap::IndexMap;
use std::path::PathBuf;

/// What a caller gives beside the template.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `-var NAME=VALUE`, in order.
    pub vars: Vec<(String, String)>,
    /// `-var-file FILE`, in order; `-var` wins over them.
    pub var_files: Vec<PathBuf>,
}

/// One option of a builder, provisioner or post-processor.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Interpolated; a field that only the build knows stands between [`FIELD`] marks.
    pub value: Value,
    /// Where the template says it.
    pub span: Span,
}

/// A builder, provisioner or post-processor.
#[derive(Clone, Debug)]
pub struct Part {
    /// `amazon-ebs`, `shell` …
    pub kind: String,
    /// Of a builder: its name; without one its kind. No other builder of the template has it.
    pub name: String,
    /// Of a builder in HCL: what Packer calls its build, `BUILD.amazon-ebs.base`; without a name of the build `amazon-ebs.base`.
    pub also: Option<String>,
    /// Of a builder: what its own steps know it as, where that is not `name`.
    pub source: Option<String>,
    /// Where it begins.
    pub span: Span,
    /// All but its name and what says for which builders it is.
    pub options: IndexMap<String, Setting>,
    /// Names of the builders this part is for; empty: all.
    pub only: Vec<String>,
    /// Names of the builders this part is not for.
    pub except: Vec<String>,
}

impl Part {
    /// An option with its place, whatever its type; `None` where the template does not set it.
    pub fn get(&self, option: &str) -> Option<&Setting> {
        self.options.get(option)
    }

    /// An option as text, numbers and bools as Packer would print them.
    pub fn text(&self, option: &str) -> Option<String> {
        self.get(option).map(|s| text_of(&s.value))
    }

    /// A list of texts, or one text.
    pub fn texts(&self, option: &str) -> Vec<String> {
        match self.get(option).map(|s| &s.value) {
            Some(Value::List(items)) => items.iter().map(text_of).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(one) => vec![text_of(one)],
        }
    }

    /// A list of texts, or one text with commas, as Packer splits it; an empty one names nothing.
    pub fn list(&self, option: &str) -> Vec<String> {
        match self.get(option).map(|s| &s.value) {
            Some(Value::Str(text)) => {
                text.split(',').filter(|part| !part.is_empty()).map(str::to_string).collect()
            }
            _ => self.texts(option),
        }
    }

    /// Whether an option is on: a bool, or text that Packer takes for one. One that is not set is off.
    pub fn truth(&self, option: &str) -> bool {
        self.get(option).is_some_and(|s| matches!(&*text_of(&s.value), "true" | "True" | "1"))
    }

    /// Whether it says the same as another reading of it.
    fn same(&self, other: &Part) -> bool {
        let values = |part: &Part| -> Vec<(String, Value)> {
            part.options.iter().map(|(name, setting)| (name.clone(), setting.value.clone())).collect()
        };
        let whom = |part: &Part| (part.kind.clone(), part.only.clone(), part.except.clone());
        whom(self) == whom(other) && values(self) == values(other)
    }

    /// Takes what `override` says for this builder. One that names no builder stays, and is refused as an option.
    fn carry_override(&mut self, builders: &[Part], builder: &Part) {
        let Some(Setting { value: Value::Map(all), span }) = self.options.get("override").cloned() else {
            return;
        };
        let is = |key: &str, b: &Part| key == b.name || key == b.full_name() || b.is_source(key);
        if !all.iter().all(|(key, _)| builders.iter().any(|b| is(&key.to_string(), b))) {
            return;
        }
        self.options.shift_remove("override");
        let own = all.iter().filter(|(key, _)| is(&key.to_string(), builder));
        for (name, value) in own.filter_map(|(_, own)| own.as_map()).flatten() {
            self.options.insert(name.to_string(), Setting { value: value.clone(), span });
        }
    }

    /// Whether it takes part in a builder's build.
    pub fn serves(&self, builder: &Part) -> bool {
        let named = |names: &[String]| names.iter().any(|n| *n == builder.name || *n == builder.full_name());
        (self.only.is_empty() || named(&self.only)) && !named(&self.except)
    }

    /// Whether this is its source, where the builder has another name to be told from another build's.
    pub fn is_source(&self, name: &str) -> bool {
        let short = name.strip_prefix(&self.kind).and_then(|n| n.strip_prefix('.')).unwrap_or(name);
        self.source.as_deref() == Some(short)
    }

    /// `amazon-ebs.base`, as HCL's `only` names a source.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.kind, self.name)
    }
}

/// A step as each builder's build reads it: one for all where they read the same, else one for each that it serves.
/// `read`: also whether there was nothing wrong with it; one that is wrong is read once.
pub fn of_builders(
    builders: &[Part],
    mut read: impl FnMut(Option<&Part>) -> Result<(Part, bool), ()>,
) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for builder in builders {
        match read(Some(builder)) {
            Err(()) => return all,
            Ok((part, false)) => return vec![part],
            Ok((mut part, true)) => {
                part.carry_override(builders, builder);
                all.push(part);
            }
        }
    }
    match all.as_slice() {
        [] => read(None).into_iter().map(|(part, _)| part).collect(),
        [first, others @ ..] if others.iter().all(|other| first.same(other)) => vec![first.clone()],
        _ => {
            let served = all.into_iter().zip(builders).filter(|(part, builder)| part.serves(builder));
            let own = |(part, builder): (Part, &Part)| Part {
                only: vec![builder.full_name()],
                except: Vec::new(),
                ..part
            };
            served.map(own).collect()
        }
    }
}

/// A template after reading: variables and functions are gone.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The file or folder that was given.
    pub path: PathBuf,
    /// Those that were chosen.
    pub builders: Vec<Part>,
    /// In the order in which they run.
    pub provisioners: Vec<Part>,
    /// In the order in which they run.
    pub post_processors: Vec<Part>,
    /// Values of sensitive variables: what holds one is kept out of every output.
    pub secrets: Vec<String>,
}

/// Around the name of a field that is known when the build runs (`SourceAMI`). Private characters, so that no
/// text of a user can hold them.
pub const FIELD: (char, char) = ('\u{e0f0}', '\u{e0f1}');

/// The mark that stands for a field, to be replaced when the build knows it.
pub fn field(name: &str) -> String {
    format!("{}{name}{}", FIELD.0, FIELD.1)
}

/// A scalar as Packer writes it into text.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        other => other.to_json().to_string(),
    }
}
