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
use crate::ui::style::Style;
use crate::ui::{Console, View};
use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// How a run is told.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Plan,
    Apply,
    Ansible,
    AdHoc,
    /// `run --one-line`
    OneLine,
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
        Kind::Ansible => {
            let shown = Ansible::new(out, talk, view, size().map(|(_, columns)| columns));
            match log_file(session, view) {
                Some(logged) => Arc::new(Broadcast(vec![Arc::new(shown), Arc::new(logged)])),
                None => Arc::new(shown),
            }
        }
        Kind::Destroy => Arc::new(DestroyView::new(out, view, "Destroy")),
        Kind::Collect => Arc::new(DestroyView::new(out, view, "Garbage")),
        Kind::AdHoc | Kind::OneLine => Arc::new(AdHoc::new(out, talk, view, kind == Kind::OneLine)),
    };
    match progress {
        Some(progress) => Arc::new(Broadcast(vec![told, Arc::new(progress)])),
        None => told,
    }
}

/// What is shown, in the file of `log_path` too.
fn log_file(session: &Session, view: View) -> Option<Ansible> {
    let path = session.config.log_path.as_ref()?;
    let open = || std::fs::OpenOptions::new().create(true).append(true).open(path);
    match open().and_then(|file| Ok((file.try_clone()?, file))) {
        Ok((lines, errors)) => {
            let view = View { style: Style { colour: false }, ..view };
            Some(Ansible::new(Console::new(Logged(lines)), Console::new(Logged(errors)), view, None))
        }
        Err(error) => {
            note!("warning: the log {} cannot be written: {error}", path.display());
            None
        }
    }
}

/// Lines with the time and the process before them, as Ansible's log has them.
struct Logged(std::fs::File);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
        let user = std::env::var("USER").unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
        let lines = String::from_utf8_lossy(bytes);
        for line in lines.lines().filter(|l| !l.is_empty()) {
            writeln!(self.0, "{now} p={} u={user} n=ansible INFO| {line}", std::process::id())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Lines that are drawn again and again want a terminal of some size on both streams.
fn progress(kind: Kind) -> Option<Progress> {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    let seen = std::io::stderr().is_terminal() && std::io::stdout().is_terminal() && !dumb;
    let (rows, columns) = size().filter(|_| seen && !matches!(kind, Kind::AdHoc | Kind::OneLine))?;
    Some(Progress::new(rows, columns))
}

/// Rows and columns of the terminal.
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}
