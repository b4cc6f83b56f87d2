//! Variables and locals of HCL2 templates.

use super::super::model::{Inputs, text_of};
use super::types::Type;
use super::{Blocks, Reader, block_place, blocks, labels, parse, place, value, with_ending};
use crate::base::{Diag, FileId, Sources, Span as Place};
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::expr::Expression;
use ::hcl::edit::structure::{Block, Body};
use indexmap::IndexMap;
use std::path::Path;

struct Variable {
    kind: Type,
    /// `None`: it has none.
    value: Option<Hcl>,
    sensitive: bool,
}

type Values = IndexMap<String, Variable>;

impl Reader<'_> {
    pub(super) fn variables(
        &mut self,
        bodies: &[(FileId, Body)],
        path: &Path,
        inputs: &Inputs,
        sources: &Sources,
    ) {
        let declared = blocks(bodies, "variable");
        let mut values = Values::new();
        for (file, block) in &declared {
            self.declared(*file, block, &mut values);
        }
        let automatic = with_ending(path, ".auto.pkrvars.hcl").unwrap_or_default();
        let automatic = automatic.into_iter().filter(|_| path.is_dir());
        for file in automatic.chain(inputs.var_files.iter().cloned()) {
            let Some((id, body)) = parse(&file, sources, self.diags) else { continue };
            for attribute in body.attributes() {
                let value = self.evaluate(id, &attribute.value);
                let fit = |kind: &Type, _: &Reader<'_>| kind.fit(value.unwrap_or_default());
                self.set(&mut values, attribute.key.as_str(), place(id, attribute.key.span()), fit);
            }
        }
        for (name, text) in &inputs.vars {
            let fit = |kind: &Type, reader: &Reader<'_>| kind.parse(text, &reader.context);
            self.set(&mut values, name, None, fit);
        }
        for (file, block) in &declared {
            let name = labels(block).into_iter().next().unwrap_or_default();
            if values.get(&name).is_some_and(|v| v.value.is_none()) {
                let at = block_place(*file, block);
                let diag = Diag::error("packer-undefined", at, format!("the variable `{name}` has no value"));
                self.diags.push(diag.hint(format!("give one with `-var {name}=VALUE` or `-var-file FILE`")));
            }
        }
        for variable in values.values().filter(|v| v.sensitive) {
            self.secret(variable.value.as_ref());
        }
        let values = values.into_iter().map(|(k, v)| (k, v.value.unwrap_or_default()));
        self.context.declare_var("var", Hcl::Object(values.collect()));
        self.validate(&declared);
    }

    /// What a `variable` block says, and the environment.
    fn declared(&mut self, file: FileId, block: &Block, values: &mut Values) {
        let name = labels(block).into_iter().next().unwrap_or_default();
        for attribute in block.body.attributes() {
            if !["type", "default", "description", "sensitive"].contains(&attribute.key.as_str()) {
                let at = place(file, attribute.key.span());
                self.invalid(at, format!("`{}` is no part of a `variable`", attribute.key.as_str()));
            }
        }
        let attribute = |name: &str| block.body.get_attribute(name).map(|a| &a.value);
        let default = attribute("default").and_then(|e| self.evaluate(file, e));
        let kind = match attribute("type").map(|e| (e, Type::read(e))) {
            Some((_, Ok(kind))) => kind,
            Some((expression, Err(why))) => {
                self.invalid(place(file, expression.span()), format!("the type of `{name}`: {why}"));
                Type::Any
            }
            None => default.as_ref().map_or(Type::Any, Type::of),
        };
        let sensitive = attribute("sensitive").is_some_and(is_true);
        let default = default.and_then(|value| match kind.fit(value) {
            Ok(value) => Some(value),
            Err(why) => {
                let why = if sensitive { "it does not fit the type" } else { why.as_str() };
                self.invalid(block_place(file, block), format!("the default of `{name}`: {why}"));
                None
            }
        });
        if values.insert(name.clone(), Variable { kind, value: default, sensitive }).is_some() {
            self.invalid(block_place(file, block), format!("the variable `{name}` is declared twice"));
        }
        if let Ok(given) = std::env::var(format!("PKR_VAR_{name}")) {
            let fit = |kind: &Type, reader: &Reader<'_>| kind.parse(&given, &reader.context);
            self.set(values, &name, None, fit);
        }
    }

    /// Gives a variable a value, made fit for its type.
    fn set(
        &mut self,
        values: &mut Values,
        name: &str,
        at: impl Into<Option<Place>>,
        fit: impl FnOnce(&Type, &Reader<'_>) -> Result<Hcl, String>,
    ) {
        match values.get_mut(name) {
            Some(variable) => match fit(&variable.kind, self) {
                Ok(value) => variable.value = Some(value),
                Err(why) => {
                    let message = format!("the variable `{name}`: {why}");
                    let message = if variable.sensitive {
                        format!("the variable `{name}` is of another type")
                    } else {
                        message
                    };
                    self.diags.push(Diag::error("packer-invalid", at, message));
                }
            },
            None => {
                let diag = Diag::error("packer-undefined", at, format!("no variable `{name}` is declared"));
                self.diags.push(diag.did_you_mean(name, values.keys().map(String::as_str)));
            }
        }
    }

    fn secret(&mut self, value_of: Option<&Hcl>) {
        let secret = value_of.map(|v| text_of(&value(v)));
        self.secrets.extend(secret.filter(|s| !s.is_empty()));
    }

    fn validate(&mut self, declared: &Blocks<'_>) {
        for (file, block) in declared {
            for rule in block.body.get_blocks("validation") {
                let attribute = |name: &str| rule.body.get_attribute(name).map(|a| &a.value);
                let Some(condition) = attribute("condition") else { continue };
                if self.evaluate(*file, condition) == Some(Hcl::Bool(false)) {
                    let said = attribute("error_message").and_then(|e| self.evaluate(*file, e));
                    let said = said.map(|v| text_of(&value(&v))).unwrap_or_default();
                    self.invalid(place(*file, condition.span()), format!("a variable is not valid: {said}"));
                }
            }
        }
    }

    /// Locals may refer to each other in any order: they are evaluated until none is left, or none can be.
    pub(super) fn locals(&mut self, bodies: &[(FileId, Body)]) {
        let mut waiting: Vec<(FileId, String, &Expression)> = Vec::new();
        for (file, block) in blocks(bodies, "locals") {
            waiting.extend(block.body.attributes().map(|a| (file, a.key.as_str().to_string(), &a.value)));
        }
        for (file, block) in blocks(bodies, "local") {
            let name = labels(block).into_iter().next().unwrap_or_default();
            waiting.extend(block.body.get_attribute("expression").map(|a| (file, name, &a.value)));
        }
        let secret = |(_, block): &(FileId, &Block)| {
            let is = block.body.get_attribute("sensitive").is_some_and(|a| is_true(&a.value));
            labels(block).into_iter().next().filter(|_| is)
        };
        let secrets: Vec<String> = blocks(bodies, "local").iter().filter_map(secret).collect();
        let mut known = ::hcl::Map::new();
        loop {
            self.context.declare_var("local", Hcl::Object(known.clone()));
            let before = waiting.len();
            let unknown: Vec<String> = waiting.iter().map(|(_, name, _)| name.clone()).collect();
            waiting.retain(|(_, name, expression)| {
                // `try` would do without what is not known yet.
                let written = expression.to_string();
                if unknown.iter().any(|name| mentions(&written, name)) {
                    return true;
                }
                match super::lazy::evaluate(expression, &self.context) {
                    Ok(value) => known.insert(name.clone(), value).is_some(),
                    Err(_) => true,
                }
            });
            if waiting.len() == before {
                break;
            }
        }
        for name in &secrets {
            self.secret(known.get(name));
        }
        for (file, name, expression) in waiting {
            if self.evaluate(file, expression).is_some() {
                let at = place(file, expression.span());
                self.invalid(at, format!("the local `{name}` refers to itself, by way of others or not"));
            }
        }
    }
}

/// Whether an expression has `local.NAME`.
fn mentions(written: &str, name: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let wanted = format!("local.{name}");
    written.match_indices(&wanted).any(|(at, _)| !written[at + wanted.len()..].starts_with(goes_on))
}

fn is_true(expression: &Expression) -> bool {
    matches!(expression, Expression::Bool(b) if *b.value())
}
