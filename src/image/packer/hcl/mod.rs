//! Templates in HCL2: `variable`, `locals`, `source`, `build` with provisioners and post-processors, in one file
//! or all `*.pkr.hcl` of a folder.

mod blocks;
mod builds;
mod dynamic;
mod functions;
mod lazy;
mod types;
mod variables;

use super::interpolate::Names;
use super::json::folder;
use super::model::{Inputs, Template};
use crate::base::{Diag, Diags, FileId, Sources, Span as Place, Value};
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::expr::Expression;
use ::hcl::edit::structure::{Block, Body};
use ::hcl::eval::Context;
use std::path::{Path, PathBuf};

/// Fields of `build` that are known when a build runs.
const BUILD_FIELDS: [&str; 9] =
    ["ID", "Host", "Port", "User", "Password", "ConnType", "PackerRunUUID", "SourceAMI", "SourceAMIName"];

/// The files of a template: the one named, or those of a folder in the order of their names.
pub fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    with_ending(path, ".pkr.hcl")
}

fn with_ending(path: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(if path.to_string_lossy().ends_with(".hcl") {
            vec![path.to_path_buf()]
        } else {
            Vec::new()
        });
    }
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?.path();
        if entry.to_string_lossy().ends_with(ending) {
            all.push(entry);
        }
    }
    all.sort();
    Ok(all)
}

pub fn read(path: &Path, inputs: &Inputs, sources: &Sources, diags: &mut Diags) -> Option<Template> {
    let bodies = match files(path) {
        Ok(files) => files.iter().filter_map(|f| parse(f, sources, diags)).collect::<Vec<_>>(),
        Err(error) => {
            diags.push(Diag::error("packer-invalid", None, format!("{}: {error}", path.display())));
            return None;
        }
    };
    let context = functions::context();
    let names = Names { folder: root(path), ..Names::default() };
    let mut reader = Reader { diags, context, names, secrets: Vec::new() };
    reader.paths(path);
    reader.variables(&bodies, path, inputs, sources);
    reader.locals(&bodies);
    let mut template = Template { path: path.to_path_buf(), ..Template::default() };
    reader.builds(&bodies, &mut template);
    template.secrets = reader.secrets;
    (!template.builders.is_empty() || reader.diags.has_errors()).then_some(template)
}

/// The folder of the template.
fn root(path: &Path) -> String {
    if path.is_dir() { path.display().to_string() } else { folder(path) }
}

fn parse(path: &Path, sources: &Sources, diags: &mut Diags) -> Option<(FileId, Body)> {
    let file = match crate::syntax::yaml::read_text(path, sources) {
        Ok(file) => file,
        Err(diag) => {
            diags.push(diag);
            return None;
        }
    };
    match ::hcl::edit::parser::parse_body(&sources.get(file).text) {
        Ok(body) => Some((file, body)),
        Err(error) => {
            let at = error.location().offset();
            diags.push(Diag::error("packer-invalid", Place::new(file, at, at + 1), error.message()));
            None
        }
    }
}

type Blocks<'b> = Vec<(FileId, &'b Block)>;

/// All blocks of a kind, of all files.
fn blocks<'b>(bodies: &'b [(FileId, Body)], kind: &str) -> Blocks<'b> {
    let of = |(file, body): &'b (FileId, Body)| body.blocks().map(|b| (*file, b)).collect::<Vec<_>>();
    bodies.iter().flat_map(of).filter(|(_, b)| b.ident.as_str() == kind).collect()
}

fn place(file: FileId, span: Option<std::ops::Range<usize>>) -> Place {
    let span = span.unwrap_or(0..0);
    Place::new(file, span.start, span.end)
}

fn block_place(file: FileId, block: &Block) -> Place {
    place(file, block.ident.span())
}

fn labels(block: &Block) -> Vec<String> {
    block.labels.iter().map(|l| l.as_str().to_string()).collect()
}

struct Reader<'a> {
    diags: &'a mut Diags,
    context: Context<'static>,
    /// For Packer's own functions in texts.
    names: Names,
    secrets: Vec<String>,
}

impl Reader<'_> {
    fn declare<'n>(&mut self, name: &str, values: impl IntoIterator<Item = (&'n str, Hcl)>) {
        let object = values.into_iter().map(|(k, v)| (k.to_string(), v)).collect::<::hcl::Map<_, _>>();
        self.context.declare_var(name, Hcl::Object(object));
    }

    fn paths(&mut self, path: &Path) {
        let cwd = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
        self.declare("path", [("root", Hcl::from(root(path))), ("cwd", Hcl::from(cwd))]);
        self.declare("packer", [("version", Hcl::from(env!("CARGO_PKG_VERSION")))]);
    }

    fn invalid(&mut self, at: Place, message: impl Into<String>) {
        self.diags.push(Diag::error("packer-invalid", at, message));
    }

    fn evaluate(&mut self, file: FileId, expression: &Expression) -> Option<Hcl> {
        match lazy::evaluate(expression, &self.context) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = place(file, expression.span());
                self.diags.push(Diag::error("packer-undefined", at, error.kind().to_string()));
                None
            }
        }
    }
}

fn value(from: &Hcl) -> Value {
    serde_json::to_value(from).map_or(Value::Null, |json| Value::from_json(&json))
}
