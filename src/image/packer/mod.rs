//! Packer's templates, read as playbooks.
//!
//! A template (JSON, or HCL2 in a file or folder) is read into one [`Template`] whatever its form, and translated into a playbook: the
//! builders become the `image:` of the first play, each provisioner a task, `ansible` and `ansible-local` an
//! imported playbook. The ordinary compiler takes it from there, so a baked template is a bake like any other and
//! needs neither Packer nor, on the instance, Ansible.
//!
//! What is not supported is refused by name and place; nothing is passed over in silence.

mod functions;
mod gotime;
mod hcl;
mod interpolate;
mod json;
pub mod manifest;
mod model;
mod options;
mod provision;
mod shell;
mod stage;
mod translate;

pub use functions::timeless;
pub use model::{Inputs, Part, Setting, Template};
pub use provision::seconds;
pub use stage::Stage;
pub use translate::{Translated, translate};

use crate::base::{Diags, Sources};
use std::path::Path;

/// Whether a path is a Packer template by its name or, for `.json`, by what is in it.
pub fn is_template(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() {
        return hcl::files(path).is_ok_and(|files| !files.is_empty());
    }
    if name.ends_with(".pkr.hcl") || name.ends_with(".pkr.json") {
        return true;
    }
    // Also one that is no JSON, by a mistake in it; a playbook is a list.
    let template = |text: String| text.trim_start().starts_with('{') && text.contains("\"builders\"");
    name.ends_with(".json") && std::fs::read_to_string(path).is_ok_and(template)
}

/// Reads a template. Findings are added to `diags`: what was read is then good for finding more, not for a build.
pub fn read(path: &Path, inputs: &Inputs, sources: &Sources, diags: &mut Diags) -> Option<Template> {
    let is_hcl = path.is_dir() || path.to_string_lossy().ends_with(".hcl");
    if is_hcl { hcl::read(path, inputs, sources, diags) } else { json::read(path, inputs, sources, diags) }
}

#[cfg(test)]
mod tests;
