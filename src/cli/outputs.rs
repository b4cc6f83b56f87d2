//! Which listeners a run has.

use super::args::OutputArgs;
use super::session::Session;
use crate::exec::event::{Broadcast, Sink};
use crate::ui::adhoc::AdHoc;
use crate::ui::ansible::Ansible;
use crate::ui::destroy::DestroyView;
use crate::ui::json::JsonLines;
use crate::ui::log::Log;
use crate::ui::plan::PlanView;
use crate::ui::progress::Progress;
use crate::ui::{Console, View};
use std::io::IsTerminal;
use std::sync::Arc;

/// How a run is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Plan,
    Apply,
    Ansible,
    AdHoc,
    Destroy,
    /// `gc`
    Collect,
}

pub fn sinks(session: &Session, output: &OutputArgs, kind: Kind) -> Arc<dyn Sink> {
    if output.json {
        return Arc::new(JsonLines(Console::stdout()));
    }
    let diff = output.diff || session.config.diff;
    let view = View { style: session.style, verbosity: output.verbose, diff };
    let progress = progress(kind);
    let above = |console: Console| match &progress {
        Some(progress) => console.above(progress.bars()),
        None => console,
    };
    let (out, talk) = (above(Console::stdout()), above(Console::stderr()));
    let told: Arc<dyn Sink> = match kind {
        Kind::Plan => Arc::new(PlanView::new(out, view)),
        Kind::Apply => Arc::new(Log::new(out, view)),
        Kind::Ansible => Arc::new(Ansible::new(out, talk, view, size().map(|(_, columns)| columns))),
        Kind::Destroy => Arc::new(DestroyView::new(out, view, "Destroy")),
        Kind::Collect => Arc::new(DestroyView::new(out, view, "Garbage")),
        Kind::AdHoc => Arc::new(AdHoc::new(out, talk, view)),
    };
    match progress {
        Some(progress) => Arc::new(Broadcast(vec![told, Arc::new(progress)])),
        None => told,
    }
}

/// Lines that are drawn again and again want a terminal of some size on both streams.
fn progress(kind: Kind) -> Option<Progress> {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    let seen = std::io::stderr().is_terminal() && std::io::stdout().is_terminal() && !dumb;
    let (rows, columns) = size().filter(|_| seen && kind != Kind::AdHoc)?;
    Some(Progress::new(rows, columns))
}

/// Rows and columns of the terminal.
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}
