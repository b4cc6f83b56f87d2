//! A module's interface, read from its module.yml: the one source of checks, help and reference pages.

mod check;
mod coerce;
mod convert;
mod freeform;

pub use check::{check_args, unknown_argument};
pub use coerce::{all_names, coerce, from_yaml, resolve};
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
    /// By name, in the order of the reference page.
    #[serde(default)]
    pub args: IndexMap<String, ArgSpec>,
    /// Names of shared argument lists (`/modules/common/NAME.yml`), put behind `args` when the module is loaded.
    #[serde(default)]
    pub common: Vec<String>,
    /// The argument that a bare string is (`command: uptime` → `cmd`). Such a module takes `k=v` words out of
    /// the string only where `free_form_keys` names them.
    #[serde(default)]
    pub free_form: Option<String>,
    /// With `free_form`: the words `k=v` of the string that are arguments; empty: none is.
    #[serde(default)]
    pub free_form_keys: Vec<String>,
    /// Any further key is accepted (`set_fact`, `debug`-like modules do not need it).
    #[serde(default)]
    pub open: bool,
    /// Groups of arguments of which at most one may be given.
    #[serde(default)]
    pub mutually_exclusive: Vec<Vec<String>>,
    /// Groups of arguments of which all are given, or none.
    #[serde(default)]
    pub required_together: Vec<Vec<String>>,
    /// Groups of arguments of which at least one is given.
    #[serde(default)]
    pub required_one_of: Vec<Vec<String>>,
    /// `[arg, value, [args required then]]`.
    #[serde(default)]
    pub required_if: Vec<(String, serde_yaml::Value, Vec<String>)>,
    /// As `--check` finds it; for the reference page.
    #[serde(default)]
    pub check_mode: Support,
    /// As `--diff` finds it; for the reference page.
    #[serde(default)]
    pub diff: Support,
    /// Commands the host must have, for the message when one is missing.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Patterns as in [`crate::plan::Claims`], with `{arg}` replaced by the argument's value (each of a list).
    /// Neither given: the module claims everything, unless its code says otherwise.
    #[serde(default)]
    pub reads: Vec<String>,
    /// As `reads`, for what it changes.
    #[serde(default)]
    pub writes: Vec<String>,
    /// For modules without code: the argument whose list gives the items, and how each observed property is
    /// compared with the argument of that name.
    #[serde(default)]
    pub each: Option<String>,
    /// By the property's name, as `probe.sh` emits it.
    #[serde(default)]
    pub observe: IndexMap<String, Comparator>,
    /// What `register` has of it, by name, each with its meaning for the reference page.
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
    /// `str` where nothing is said.
    #[serde(default, rename = "type")]
    pub kind: ArgType,
    /// Element type of a list.
    #[serde(default)]
    pub of: Option<ArgType>,
    /// `None`: an argument that is not given is absent.
    #[serde(default)]
    pub default: Option<serde_yaml::Value>,
    /// The only values it takes; empty: any of its type.
    #[serde(default)]
    pub choices: Vec<serde_yaml::Value>,
    /// Other names for it, as playbooks may write them.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its absence is an error.
    #[serde(default)]
    pub required: bool,
    /// Its value is shown nowhere.
    #[serde(default)]
    pub secret: bool,
    /// Its value is shown nowhere where this other argument is true.
    #[serde(default)]
    pub secret_with: Option<String>,
    /// Markdown for the reference page; also the hint where it is missing.
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
    /// Text; a number or a bool becomes text.
    #[default]
    Str,
    /// A bool, or one of Ansible's words for one.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number.
    Float,
    /// A list; a text is split at its commas, a number is a list of one.
    List,
    /// A dictionary; a text of JSON or of `k=v` words becomes one.
    Dict,
    /// A path; `~` and a leading `$HOME` are the host's, and are left to it.
    Path,
    /// Whatever is given, also null.
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
    /// All that is done is predicted.
    #[default]
    Full,
    /// Something of it; `description` says what.
    Partial,
    /// Nothing of it.
    None,
}

/// How an observed property is compared with the wanted one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparator {
    /// The same text; of a list, its elements in order, one a line.
    Equal,
    /// The same octal digits, whatever zeros lead.
    Mode,
    /// The same text, or with `*` at its end one that begins so.
    Version,
    /// Every wanted member is there; more may be.
    Subset,
    /// Reported, never compared.
    Never,
}
