//! A module's interface, read from its module.yml: the one source of checks, help and reference pages.

mod check;
mod coerce;
mod convert;
mod freeform;

pub use check::check_args;
pub use coerce::{coerce, from_yaml, resolve};
pub use convert::{convert, to_bool, to_text};
pub use freeform::{FreeForm, Word, split_free_form, split_words};

use indexmap::IndexMap;
use serde::Deserialize;

/// module.yml as types.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleSpec {
    /// Short name: `apt`.
    pub name: String,
    /// Fully qualified and former names: `ansible.builtin.apt`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line, no full stop.
    pub summary: String,
    /// Paragraphs of Markdown for the reference page.
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub args: IndexMap<String, ArgSpec>,
    /// Names of shared argument lists (`/modules/common/NAME.yml`), put behind `args` when the module is loaded.
    #[serde(default)]
    pub common: Vec<String>,
    /// The argument that a bare string is (`command: uptime` → `cmd`). Such a module takes `k=v` words out of
    /// the string only where `free_form_keys` names them.
    #[serde(default)]
    pub free_form: Option<String>,
    #[serde(default)]
    pub free_form_keys: Vec<String>,
    /// Any further key is accepted (`set_fact`, `debug`-like modules do not need it).
    #[serde(default)]
    pub open: bool,
    #[serde(default)]
    pub mutually_exclusive: Vec<Vec<String>>,
    #[serde(default)]
    pub required_together: Vec<Vec<String>>,
    #[serde(default)]
    pub required_one_of: Vec<Vec<String>>,
    /// `[arg, value, [args required then]]`.
    #[serde(default)]
    pub required_if: Vec<(String, serde_yaml::Value, Vec<String>)>,
    #[serde(default)]
    pub check_mode: Support,
    #[serde(default)]
    pub diff: Support,
    /// Commands the host must have, for the message when one is missing.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Patterns as in [`crate::plan::Claims`], with `{arg}` replaced by the argument's value (each of a list).
    /// Neither given: the module claims everything, unless its code says otherwise.
    #[serde(default)]
    pub reads: Vec<String>,
    #[serde(default)]
    pub writes: Vec<String>,
    /// For modules without code: the argument whose list gives the items, and how each observed property is
    /// compared with the argument of that name.
    #[serde(default)]
    pub each: Option<String>,
    #[serde(default)]
    pub observe: IndexMap<String, Comparator>,
    #[serde(default)]
    pub returns: IndexMap<String, String>,
    /// Tasks, as they stand in a playbook; each is compiled by a test.
    #[serde(default)]
    pub examples: Vec<serde_yaml::Value>,
    /// Deprecated names of this module, with what to say.
    #[serde(default)]
    pub deprecated: IndexMap<String, String>,
}

/// One argument of a module, as module.yml writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgSpec {
    #[serde(default, rename = "type")]
    pub kind: ArgType,
    /// Element type of a list.
    #[serde(default)]
    pub of: Option<ArgType>,
    #[serde(default)]
    pub default: Option<serde_yaml::Value>,
    #[serde(default)]
    pub choices: Vec<serde_yaml::Value>,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub required: bool,
    /// Its value is shown nowhere.
    #[serde(default)]
    pub secret: bool,
    pub doc: String,
    /// Says what to use instead, when the argument is deprecated.
    #[serde(default)]
    pub deprecated: Option<String>,
    /// Those of `aliases` that are deprecated: the argument's own name is their successor.
    #[serde(default)]
    pub former: Vec<String>,
    /// Members of a dict (or of each dict of a list).
    #[serde(default)]
    pub options: IndexMap<String, ArgSpec>,
}

/// The types of module.yml. Arguments are coerced to them as Ansible does: `"yes"` is true for a bool.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArgType {
    #[default]
    Str,
    Bool,
    Int,
    Float,
    List,
    Dict,
    Path,
    Raw,
    /// A file mode: octal number, octal text, or symbolic text.
    Mode,
    /// A size in bytes, with or without unit.
    Bytes,
    /// Text, or any other value written as JSON.
    Json,
}

/// How well a module does check mode and diff, for its reference page.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    #[default]
    Full,
    Partial,
    None,
}

/// How an observed property is compared with the wanted one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparator {
    Equal,
    Mode,
    Version,
    /// Every wanted member is there; more may be.
    Subset,
    /// Reported, never compared.
    Never,
}
