//! `dynamic` blocks: one block for each of several values.

use super::{Reader, block_place, labels, place};
use crate::base::FileId;
use ::hcl::Value as Hcl;
use ::hcl::edit::Span as _;
use ::hcl::edit::structure::Block;

pub struct Dynamic<'b> {
    /// Of the blocks that it stands for.
    pub name: String,
    /// Key and value of each.
    pub turns: Vec<(Hcl, Hcl)>,
    /// What each block has, as `NAME.key` and `NAME.value` say.
    pub content: &'b Block,
    iterator: String,
}

impl Reader<'_> {
    pub(super) fn dynamic<'b>(&mut self, file: FileId, block: &'b Block) -> Option<Dynamic<'b>> {
        let at = block_place(file, block);
        let name = labels(block).into_iter().next().unwrap_or_default();
        let known = ["for_each", "iterator", "labels"];
        if let Some(other) = block.body.attributes().find(|a| !known.contains(&a.key.as_str())) {
            let message = format!("`{}` is no part of a `dynamic`", other.key.as_str());
            self.invalid(place(file, other.key.span()), message);
        }
        let content = block.body.get_blocks("content").next();
        let each = block.body.get_attribute("for_each");
        let (Some(content), Some(each), 1) = (content, each, block.body.blocks().count()) else {
            self.invalid(at, "a `dynamic` has `for_each` and one block `content`");
            return None;
        };
        let turns = match self.evaluate(file, &each.value)? {
            Hcl::Array(items) => {
                items.into_iter().enumerate().map(|(at, value)| ((at as u64).into(), value)).collect()
            }
            Hcl::Object(map) => map.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            _ => {
                self.invalid(place(file, each.value.span()), "`for_each` is a list or a mapping");
                return None;
            }
        };
        let iterator = block.body.get_attribute("iterator").map(|a| a.value.to_string().trim().to_string());
        Some(Dynamic { iterator: iterator.unwrap_or_else(|| name.clone()), name, turns, content })
    }

    /// Makes one of the values known, for what is read next.
    pub(super) fn turn(&mut self, dynamic: &Dynamic<'_>, at: usize) {
        let (key, value) = &dynamic.turns[at];
        self.declare(&dynamic.iterator, [("key", key.clone()), ("value", value.clone())]);
    }
}
