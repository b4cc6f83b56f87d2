//! Variables and locals of HCL2 templates.

use super::super::model::{Inputs, text_of};
use super::{Blocks, Reader, block_place, blocks, labels, parse, place, value, with_ending};
use crate::base::{Diag, FileId, Sources, Span as Place};
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::expr::Expression;
use ::hcl::edit::structure::Body;
use ::hcl::eval::Evaluate;
use indexmap::IndexMap;
use std::path::Path;

impl Reader<'_> {
    pub(super) fn variables(
        &mut self,
        bodies: &[(FileId, Body)],
        path: &Path,
        inputs: &Inputs,
        sources: &Sources,
    ) {
        let mut values: IndexMap<String, Option<Hcl>> = IndexMap::new();
        let mut sensitive = Vec::new();
        let declared = blocks(bodies, "variable");
        for (file, block) in &declared {
            let name = labels(block).into_iter().next().unwrap_or_default();
            let default = block.body.get_attribute("default").map(|a| &a.value);
            let default = default.and_then(|e| self.evaluate(*file, e));
            let given = std::env::var(format!("PKR_VAR_{name}")).ok().map(Hcl::from);
            if block.body.get_attribute("sensitive").is_some_and(|a| is_true(&a.value)) {
                sensitive.push(name.clone());
            }
            values.insert(name, given.or(default));
        }
        let automatic = with_ending(path, ".auto.pkrvars.hcl").unwrap_or_default();
        let automatic = automatic.into_iter().filter(|_| path.is_dir());
        for file in automatic.chain(inputs.var_files.iter().cloned()) {
            let Some((id, body)) = parse(&file, sources, self.diags) else { continue };
            for attribute in body.attributes() {
                let value = self.evaluate(id, &attribute.value);
                self.set(&mut values, attribute.key.as_str(), value, place(id, attribute.key.span()));
            }
        }
        for (name, text) in &inputs.vars {
            // A list or an object is written as in HCL; anything else is text.
            let written = ::hcl::edit::parser::parse_expr(text).ok();
            let written = written.filter(|e| matches!(e, Expression::Array(_) | Expression::Object(_)));
            let value = written.and_then(|e| ::hcl::expr::Expression::from(e).evaluate(&self.context).ok());
            let value = value.unwrap_or_else(|| Hcl::from(text.as_str()));
            self.set(&mut values, name, Some(value), None);
        }
        for (file, block) in &declared {
            let name = labels(block).into_iter().next().unwrap_or_default();
            if values.get(&name).is_some_and(Option::is_none) {
                let at = block_place(*file, block);
                let diag = Diag::error("packer-undefined", at, format!("the variable `{name}` has no value"));
                self.diags.push(diag.hint(format!("give one with `-var {name}=VALUE` or `-var-file FILE`")));
            }
        }
        let values: Vec<_> = values.into_iter().map(|(k, v)| (k, v.unwrap_or_default())).collect();
        for name in sensitive {
            let secret = values.iter().find(|(k, _)| *k == name).map(|(_, v)| text_of(&value(v)));
            self.secrets.extend(secret.filter(|s| !s.is_empty()));
        }
        self.context.declare_var("var", Hcl::Object(values.into_iter().collect()));
        self.validate(&declared);
    }

    fn set(
        &mut self,
        values: &mut IndexMap<String, Option<Hcl>>,
        name: &str,
        value: Option<Hcl>,
        at: impl Into<Option<Place>>,
    ) {
        match values.get_mut(name) {
            Some(slot) => *slot = value,
            None => {
                let diag = Diag::error("packer-undefined", at, format!("no variable `{name}` is declared"));
                self.diags.push(diag.did_you_mean(name, values.keys().map(String::as_str)));
            }
        }
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
        let mut known = ::hcl::Map::new();
        loop {
            self.context.declare_var("local", Hcl::Object(known.clone()));
            let before = waiting.len();
            waiting.retain(|(_, name, expression)| {
                let plain = ::hcl::expr::Expression::from((*expression).clone());
                match plain.evaluate(&self.context) {
                    Ok(value) => known.insert(name.clone(), value).is_some(),
                    Err(_) => true,
                }
            });
            if waiting.len() == before {
                break;
            }
        }
        for (file, _, expression) in waiting {
            self.evaluate(file, expression);
        }
    }
}

fn is_true(expression: &Expression) -> bool {
    matches!(expression, Expression::Bool(b) if *b.value())
}
