//! The compiled program: one for a run, shared by all hosts, executed literally; and its graph.
//!
//! [`build()`] makes nodes and runs a visible list of small passes, each of which adds edges of one reason. Order on a
//! host is the file's; claims relax it: where two tasks touch nothing in common, no edge is made, and the graph
//! remembers that it was dropped and why.

mod arrange;
mod build;
mod dump;
mod looks;
mod meetings;
mod model;
mod nodes;
mod order;
mod passes;
pub mod program;
#[cfg(test)]
mod tests;
mod touch;

pub use arrange::arrange;
pub use build::build;
pub use model::{Dropped, Edge, Graph, Kind, Node, Reason};
pub use order::ordered;
pub use program::*;
pub use touch::{as_user, touched};

/// A value as a label.
fn text(value: &crate::base::Value) -> String {
    match value {
        crate::base::Value::Template(t) => t.text.to_string(),
        secret @ crate::base::Value::Secret(_) => crate::base::PyRepr(secret).to_string(),
        map @ crate::base::Value::Map(_) => crate::base::PyRepr(map).to_string(),
        crate::base::Value::List(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => crate::spec::to_text(other),
    }
}
