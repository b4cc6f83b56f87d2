//! Sources, provisioners and post-processors: their options and blocks.

use super::super::model::{Part, Setting, text_of};
use super::{Reader, block_place, labels, place, value};
use crate::base::{Diag, FileId, Map, Value};
use ::hcl::edit::Span as _;
use ::hcl::edit::structure::{Attribute, Block, Structure};
use indexmap::IndexMap;

/// Blocks of which there may be several, as Packer declares them; they are lists. Any other stands once.
const REPEATED: [&str; 9] = [
    "ami_block_device_mappings",
    "filter",
    "fleet_tag",
    "launch_block_device_mappings",
    "run_tag",
    "run_volume_tag",
    "snapshot_tag",
    "spot_tag",
    "tag",
];

impl Reader<'_> {
    pub(super) fn part(&mut self, file: FileId, block: &Block) -> Part {
        self.part_of(file, labels(block).into_iter().next().unwrap_or_default(), block)
    }

    /// A part of this kind, whose options stand in a block.
    pub(super) fn part_of(&mut self, file: FileId, kind: String, block: &Block) -> Part {
        let mut part = Part {
            name: kind.clone(),
            also: None,
            source: None,
            kind,
            span: block_place(file, block),
            options: IndexMap::new(),
            only: Vec::new(),
            except: Vec::new(),
        };
        self.body(file, block, &mut part.options);
        let mut names = |option: &str| match part.options.shift_remove(option).map(|setting| setting.value) {
            Some(Value::List(items)) => items.iter().map(text_of).collect(),
            Some(one) => vec![text_of(&one)],
            None => Vec::new(),
        };
        (part.only, part.except) = (names("only"), names("except"));
        part
    }

    /// Options and blocks by name.
    fn body(&mut self, file: FileId, block: &Block, options: &mut IndexMap<String, Setting>) {
        for structure in &block.body {
            match structure {
                Structure::Attribute(attribute) => {
                    let span = place(file, attribute.key.span());
                    let setting = Setting { value: self.attribute(file, attribute), span };
                    self.add(attribute.key.as_str(), setting, false, options);
                }
                Structure::Block(inner) if inner.ident.as_str() == "dynamic" => {
                    let Some(dynamic) = self.dynamic(file, inner) else { continue };
                    for turn in 0..dynamic.turns.len() {
                        self.turn(&dynamic, turn);
                        let value = self.nested(file, dynamic.content);
                        let setting = Setting { value, span: block_place(file, inner) };
                        self.add(&dynamic.name, setting, true, options);
                    }
                }
                Structure::Block(inner) => {
                    let setting = Setting { value: self.nested(file, inner), span: block_place(file, inner) };
                    self.add(inner.ident.as_str(), setting, true, options);
                }
            }
        }
    }

    fn add(&mut self, name: &str, setting: Setting, block: bool, options: &mut IndexMap<String, Setting>) {
        match (options.get_mut(name), block && REPEATED.contains(&name)) {
            (None, false) => drop(options.insert(name.to_string(), setting)),
            (None, true) => {
                let value = Value::from(vec![setting.value]);
                options.insert(name.to_string(), Setting { value, ..setting });
            }
            (Some(Setting { value: Value::List(all), .. }), true) => {
                let mut all = all.to_vec();
                all.push(setting.value);
                options.insert(name.to_string(), Setting { value: all.into(), ..setting });
            }
            (Some(_), _) => self.invalid(setting.span, format!("`{name}` is said twice")),
        }
    }

    fn nested(&mut self, file: FileId, block: &Block) -> Value {
        let mut options = IndexMap::new();
        self.body(file, block, &mut options);
        options.into_iter().map(|(name, setting)| (name.into(), setting.value)).collect::<Map>().into()
    }

    pub(super) fn attribute(&mut self, file: FileId, attribute: &Attribute) -> Value {
        let read = self.evaluate(file, &attribute.value).map_or(Value::Null, |v| value(&v));
        match super::super::json::interpolated(&read, &self.names) {
            Ok(value) => value,
            Err(message) => {
                let at = place(file, attribute.value.span());
                self.diags.push(Diag::error("packer-undefined", at, message));
                read
            }
        }
    }
}
