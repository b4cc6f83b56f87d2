//! fitout: YAML playbooks compiled into one graph and run over SSH.
//!
//! The layers, each importing only those below it, are described in docs/architecture.md.

pub mod base;
pub mod cli;
pub mod cloud;
pub mod eval;
pub mod exec;
pub mod graph;
pub mod image;
pub mod lab;
pub mod modules;
pub mod plan;
pub mod remote;
pub mod resolve;
pub mod spec;
pub mod syntax;
pub mod ui;
