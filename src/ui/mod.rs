//! Outputs: each listens to the events of a run and knows nothing else of it.

pub mod adhoc;
pub mod ansible;
pub mod console;
pub mod destroy;
pub mod diff;
pub mod failure;
pub mod json;
pub mod log;
pub mod merge;
pub mod plan;
pub mod progress;
pub mod recap;
pub mod style;
mod warnings;

pub use console::Console;
pub use style::Style;

/// What an output is told about how much and how to show.
#[derive(Copy, Clone, Debug, Default)]
pub struct View {
    /// Whether it is painted.
    pub style: Style,
    /// Number of `-v`.
    pub verbosity: u8,
    /// `--diff`
    pub diff: bool,
}
