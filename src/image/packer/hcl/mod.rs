//! Templates in HCL2: `variable`, `locals`, `source`, `build` with provisioners and post-processors, in one file
//! or all `*.pkr.hcl` of a folder.

mod functions;
mod variables;

use super::json::folder;
use super::model::{Inputs, Part, Setting, Template, field, text_of};
use crate::base::{Diag, Diags, FileId, Map, Sources, Span as Place, Value};
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::expr::Expression;
use ::hcl::edit::structure::{Attribute, Block, Body, Structure};
use ::hcl::eval::{Context, Evaluate};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// Fields of `build` that are known when a build runs.
const BUILD_FIELDS: [&str; 9] =
    ["ID", "Host", "Port", "User", "Password", "ConnType", "PackerRunUUID", "SourceAMI", "SourceAMIName"];

/// Blocks that stand once; the others are lists.
const SINGLE: [&str; 8] = [
    "source_ami_filter",
    "vpc_filter",
    "subnet_filter",
    "security_group_filter",
    "metadata_options",
    "aws_polling",
    "assume_role",
    "placement",
];

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
    let mut reader = Reader { diags, context, secrets: Vec::new() };
    reader.paths(path);
    reader.variables(&bodies, path, inputs, sources);
    reader.locals(&bodies);
    let declared = blocks(&bodies, "source");
    let build = reader.only_build(&bodies)?;
    let builders = reader.builders(&declared, build);
    let first = builders.first().map(|b| (b.name.clone(), b.kind.clone())).unwrap_or_default();
    reader.declare("source", [("name", Hcl::from(first.0)), ("type", Hcl::from(first.1))]);
    reader.declare("build", BUILD_FIELDS.map(|name| (name, Hcl::from(field(name)))));
    let (provisioners, post_processors) = reader.steps(build);
    let secrets = reader.secrets;
    Some(Template { path: path.to_path_buf(), builders, provisioners, post_processors, secrets })
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
    secrets: Vec<String>,
}

impl Reader<'_> {
    fn declare<const N: usize>(&mut self, name: &str, values: [(&str, Hcl); N]) {
        let object = values.into_iter().map(|(k, v)| (k.to_string(), v)).collect::<::hcl::Map<_, _>>();
        self.context.declare_var(name, Hcl::Object(object));
    }

    fn paths(&mut self, path: &Path) {
        let root = if path.is_dir() { path.display().to_string() } else { folder(path) };
        let cwd = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
        self.declare("path", [("root", Hcl::from(root)), ("cwd", Hcl::from(cwd))]);
        self.declare("packer", [("version", Hcl::from(env!("CARGO_PKG_VERSION")))]);
    }

    fn invalid(&mut self, at: Place, message: impl Into<String>) {
        self.diags.push(Diag::error("packer-invalid", at, message));
    }

    fn evaluate(&mut self, file: FileId, expression: &Expression) -> Option<Hcl> {
        let plain = ::hcl::expr::Expression::from(expression.clone());
        match plain.evaluate(&self.context) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = place(file, expression.span());
                self.diags.push(Diag::error("packer-undefined", at, error.kind().to_string()));
                None
            }
        }
    }

    fn only_build<'b>(&mut self, bodies: &'b [(FileId, Body)]) -> Option<(FileId, &'b Block)> {
        for (file, body) in bodies {
            for block in body.blocks() {
                let kind = block.ident.as_str();
                if !["packer", "variable", "locals", "local", "source", "build"].contains(&kind) {
                    let message = format!("`{kind}` blocks are not supported in a Packer template");
                    self.diags.push(Diag::error("packer-unsupported", block_place(*file, block), message));
                }
            }
        }
        let builds = blocks(bodies, "build");
        if let Some((file, second)) = builds.get(1) {
            let message = "a second `build` block: one template builds once here";
            self.diags.push(Diag::error("packer-unsupported", block_place(*file, second), message));
        }
        // A file that could not be read may have it.
        if builds.is_empty() && !self.diags.has_errors() {
            self.diags.push(Diag::error("packer-invalid", None, "the template has no `build` block"));
        }
        builds.first().copied()
    }

    /// The sources a build names, with what its own `source` blocks add.
    fn builders(&mut self, declared: &Blocks<'_>, (file, build): (FileId, &Block)) -> Vec<Part> {
        let mut named: Vec<(String, Place, Option<&Block>)> = Vec::new();
        if let Some(list) = build.body.get_attribute("sources") {
            let names = self.evaluate(file, &list.value).unwrap_or_default();
            for name in names.as_array().into_iter().flatten().filter_map(Hcl::as_str) {
                named.push((name.to_string(), place(file, list.key.span()), None));
            }
        }
        for block in build.body.get_blocks("source") {
            let name = labels(block).join(".");
            named.push((name, block_place(file, block), Some(block)));
        }
        let mut all = Vec::new();
        for (name, at, more) in named {
            let short = name.trim_start_matches("sources.").trim_start_matches("source.");
            let Some((of, block)) = declared.iter().find(|(_, b)| labels(b).join(".") == short) else {
                let known: Vec<String> = declared.iter().map(|(_, b)| labels(b).join(".")).collect();
                let diag = Diag::error("packer-undefined", at, format!("no source `{short}` is declared"));
                self.diags.push(diag.did_you_mean(short, known.iter().map(String::as_str)));
                continue;
            };
            let mut part = self.part(*of, block);
            part.name = labels(block).get(1).cloned().unwrap_or_default();
            if let Some(more) = more {
                let more = self.part(file, more);
                if let Some(name) = more.text("name") {
                    part.name = name;
                }
                part.options.extend(more.options.into_iter().filter(|(k, _)| k != "name"));
            }
            all.push(part);
        }
        all
    }

    fn steps(&mut self, (file, build): (FileId, &Block)) -> (Vec<Part>, Vec<Part>) {
        let (mut provisioners, mut post) = (Vec::new(), Vec::new());
        for block in build.body.blocks() {
            match block.ident.as_str() {
                "provisioner" => provisioners.push(self.part(file, block)),
                "post-processor" => post.push(self.part(file, block)),
                "post-processors" => {
                    for inner in block.body.get_blocks("post-processor") {
                        post.push(self.part(file, inner));
                    }
                }
                "source" => {}
                other => {
                    let message = format!("`{other}` in a `build` is not supported");
                    self.diags.push(Diag::error("packer-unsupported", block_place(file, block), message));
                }
            }
        }
        (provisioners, post)
    }

    fn part(&mut self, file: FileId, block: &Block) -> Part {
        let kind = labels(block).into_iter().next().unwrap_or_default();
        let mut part = Part {
            name: kind.clone(),
            kind,
            span: block_place(file, block),
            options: IndexMap::new(),
            only: Vec::new(),
            except: Vec::new(),
        };
        for structure in &block.body {
            match structure {
                Structure::Attribute(attribute) => self.option(file, attribute, &mut part),
                Structure::Block(inner) => self.inner(file, inner, &mut part),
            }
        }
        for name in SINGLE {
            if let Some(setting) = part.options.get_mut(name)
                && let Some([one]) = setting.value.as_list().map(Vec::as_slice)
            {
                setting.value = one.clone();
            }
        }
        part
    }

    fn option(&mut self, file: FileId, attribute: &Attribute, part: &mut Part) {
        let value = self.attribute(file, attribute);
        let names = || value.as_list().into_iter().flatten().map(text_of).collect();
        match attribute.key.as_str() {
            "only" => part.only = names(),
            "except" => part.except = names(),
            name => {
                let span = place(file, attribute.key.span());
                part.options.insert(name.to_string(), Setting { value, span });
            }
        }
    }

    /// Blocks of one name make a list, in their order.
    fn inner(&mut self, file: FileId, block: &Block, part: &mut Part) {
        let span = block_place(file, block);
        if block.ident.as_str() == "dynamic" {
            self.invalid(span, "`dynamic` blocks are not supported: write the blocks out");
            return;
        }
        let read = self.nested(file, block);
        let empty = Setting { value: Value::from(Vec::new()), span };
        let slot = part.options.entry(block.ident.as_str().to_string()).or_insert(empty);
        let mut items = slot.value.as_list().cloned().unwrap_or_default();
        items.push(read);
        slot.value = Value::from(items);
    }

    /// A block inside a source: a mapping; repeated blocks make a list of them.
    fn nested(&mut self, file: FileId, block: &Block) -> Value {
        let mut map = Map::new();
        for attribute in block.body.attributes() {
            map.insert(attribute.key.as_str().into(), self.attribute(file, attribute));
        }
        for inner in block.body.blocks() {
            map.insert(inner.ident.as_str().into(), self.nested(file, inner));
        }
        map.into()
    }

    fn attribute(&mut self, file: FileId, attribute: &Attribute) -> Value {
        let read = self.evaluate(file, &attribute.value).map_or(Value::Null, |v| value(&v));
        match super::json::interpolated(&read) {
            Ok(value) => value,
            Err(message) => {
                let at = place(file, attribute.value.span());
                self.diags.push(Diag::error("packer-undefined", at, message));
                read
            }
        }
    }
}

fn value(from: &Hcl) -> Value {
    serde_json::to_value(from).map_or(Value::Null, |json| Value::from_json(&json))
}
