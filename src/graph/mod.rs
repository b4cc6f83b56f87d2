//! The compiled program: one for a run, shared by all hosts, executed literally.

pub mod program;

pub use program::*;
