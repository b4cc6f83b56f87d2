//! fitout: YAML playbooks compiled into one graph and run over SSH.
//!
//! The layers, each importing only those below it, are described in docs/architecture.md.

/// `eprintln!` for a reader that may have gone away (`fitout … 2>&1 | head`), which is no reason to end in a panic.
macro_rules! note {
    ($($text:tt)*) => {
        drop(std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("{}\n", format_args!($($text)*))))
    };
}

/// `println!` in the manner of `note!`.
macro_rules! told {
    ($($text:tt)*) => {
        drop(std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($text)*))))
    };
}

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
