//! `build` blocks: which sources they build, and by which steps.

use super::super::json::errors;
use super::super::model::{Part, Template, field, of_builders, text_of};
use super::{BUILD_FIELDS, Blocks, Reader, block_place, blocks, labels, place};
use crate::base::{Diag, FileId, Span as Place};
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::structure::{Block, Body};

impl Reader<'_> {
    /// All builds, as one template: a step of one of several is for its builders only.
    pub(super) fn builds(&mut self, bodies: &[(FileId, Body)], template: &mut Template) {
        self.kinds_of_blocks(bodies);
        let declared = blocks(bodies, "source");
        self.all_differ(&declared);
        let builds = blocks(bodies, "build");
        // A file that could not be read may have it.
        if builds.is_empty() && !self.diags.has_errors() {
            self.diags.push(Diag::error("packer-invalid", None, "the template has no `build` block"));
        }
        for (file, build) in &builds {
            let name = self.build_name(*file, build);
            let mut builders = self.builders(&declared, (*file, build));
            for at in 0..builders.len() {
                let (before, rest) = builders.split_at_mut(at);
                let others: Vec<&Part> = template.builders.iter().chain(before.iter()).collect();
                self.own_name(&mut rest[0], &name, &others);
            }
            let (mut provisioners, mut post_processors) = self.steps((*file, build), &name, &builders);
            if builds.len() > 1 {
                for step in provisioners.iter_mut().chain(&mut post_processors) {
                    let served = builders.iter().filter(|b| step.serves(b)).map(Part::full_name);
                    (step.only, step.except) = (served.collect(), Vec::new());
                }
                // No builder of this build: none at all, then.
                provisioners.retain(|step| !step.only.is_empty());
                post_processors.retain(|step| !step.only.is_empty());
            }
            template.builders.append(&mut builders);
            template.provisioners.append(&mut provisioners);
            template.post_processors.append(&mut post_processors);
        }
    }

    fn kinds_of_blocks(&mut self, bodies: &[(FileId, Body)]) {
        for (file, body) in bodies {
            for block in body.blocks() {
                let kind = block.ident.as_str();
                if !["packer", "variable", "locals", "local", "source", "build"].contains(&kind) {
                    let message = format!("`{kind}` blocks are not supported in a Packer template");
                    self.diags.push(Diag::error("packer-unsupported", block_place(*file, block), message));
                }
            }
            for attribute in body.attributes() {
                let at = place(*file, attribute.key.span());
                self.invalid(at, format!("`{}` stands in no block", attribute.key.as_str()));
            }
        }
    }

    fn all_differ(&mut self, declared: &Blocks<'_>) {
        for (at, (file, block)) in declared.iter().enumerate() {
            let name = labels(block);
            if declared[..at].iter().any(|(_, other)| labels(other) == name) {
                let message = format!("the source `{}` is declared twice", name.join("."));
                self.invalid(block_place(*file, block), message);
            }
        }
    }

    /// `name` of a build; its other attributes are looked at here too.
    fn build_name(&mut self, file: FileId, build: &Block) -> String {
        let mut name = String::new();
        for attribute in build.body.attributes() {
            match attribute.key.as_str() {
                "name" => name = text_of(&self.attribute(file, attribute)),
                "sources" | "description" => {}
                other => {
                    let at = place(file, attribute.key.span());
                    self.invalid(at, format!("`{other}` is no part of a `build`"));
                }
            }
        }
        name
    }

    /// A source that two builds use has in the second the name that Packer has for its build.
    fn own_name(&mut self, builder: &mut Part, build: &str, others: &[&Part]) {
        let full = match build.is_empty() {
            true => builder.full_name(),
            false => format!("{build}.{}", builder.full_name()),
        };
        let taken = |name: &str| others.iter().any(|other| other.name == name);
        if taken(&builder.name) && !build.is_empty() {
            builder.source = Some(std::mem::replace(&mut builder.name, full.clone()));
        }
        builder.also = Some(full);
        if taken(&builder.name) {
            let message = format!("two builds of the source `{}`: give the builds names", builder.name);
            self.invalid(builder.span, message);
        }
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

    /// Provisioners and post-processors, as the build of each builder reads them.
    fn steps(
        &mut self,
        (file, build): (FileId, &Block),
        name: &str,
        builders: &[Part],
    ) -> (Vec<Part>, Vec<Part>) {
        let mut fields: Vec<_> = BUILD_FIELDS.map(|name| (name, Hcl::from(field(name)))).to_vec();
        fields.push(("name", Hcl::from(name)));
        self.declare("build", fields);
        self.names.step = true;
        let (mut provisioners, mut post) = (Vec::new(), Vec::new());
        for block in build.body.blocks() {
            match block.ident.as_str() {
                "provisioner" => provisioners.extend(self.step(file, kind(block), block, builders)),
                "post-processor" => post.extend(self.step(file, kind(block), block, builders)),
                "post-processors" => {
                    for inner in block.body.blocks() {
                        match inner.ident.as_str() {
                            "post-processor" => post.extend(self.step(file, kind(inner), inner, builders)),
                            other => self.no_part(file, inner, other),
                        }
                    }
                }
                "source" => {}
                "dynamic" => {
                    let Some(dynamic) = self.dynamic(file, block) else { continue };
                    let all = match dynamic.name.as_str() {
                        "provisioner" => &mut provisioners,
                        "post-processor" => &mut post,
                        other => {
                            self.no_part(file, block, other);
                            continue;
                        }
                    };
                    for turn in 0..dynamic.turns.len() {
                        self.turn(&dynamic, turn);
                        let kind =
                            block.body.get_attribute("labels").and_then(|a| self.evaluate(file, &a.value));
                        let kind =
                            kind.as_ref().and_then(|k| k.as_array()?.first()?.as_str().map(str::to_string));
                        all.extend(self.step(file, kind.unwrap_or_default(), dynamic.content, builders));
                    }
                }
                other => self.no_part(file, block, other),
            }
        }
        self.names.step = false;
        self.names.build = None;
        (provisioners, post)
    }

    fn no_part(&mut self, file: FileId, block: &Block, name: &str) {
        let message = format!("`{name}` in a `build` is not supported");
        self.diags.push(Diag::error("packer-unsupported", block_place(file, block), message));
    }

    fn step(&mut self, file: FileId, kind: String, block: &Block, builders: &[Part]) -> Vec<Part> {
        of_builders(builders, |builder| {
            let (name, of) = builder.map(|b| (b.name.clone(), b.kind.clone())).unwrap_or_default();
            // The source has its own name, whatever the builder is called to be told from another.
            let name = builder.and_then(|b| b.source.clone()).unwrap_or(name);
            let known = [("name", Hcl::from(name.as_str())), ("type", Hcl::from(of.as_str()))];
            self.declare("source", known);
            self.names.build = Some((name, of));
            let before = errors(self.diags);
            let mut part = self.part_of(file, kind.clone(), block);
            // Within its build a source is known by its own name.
            for name in part.only.iter_mut().chain(&mut part.except) {
                if let Some(builder) = builders.iter().find(|b| b.is_source(name)) {
                    *name = builder.full_name();
                }
            }
            Ok((part, errors(self.diags) == before))
        })
    }
}

/// What kind of part a block is: its label.
fn kind(block: &Block) -> String {
    labels(block).into_iter().next().unwrap_or_default()
}
