//! Progress on a terminal: one line a host while that fits, one line for all where it does not.

use super::style::one_line;
use crate::exec::event::{Event, Name, Sink};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Redraws a second.
const RATE: u8 = 8;

/// Lines at the bottom of the terminal; everything else is printed above them (see `Console::above`).
pub struct Progress {
    bars: MultiProgress,
    /// More hosts than this share one line.
    most: usize,
    width: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hosts: HashMap<Name, ProgressBar>,
    all: Option<ProgressBar>,
    total: usize,
    finished: usize,
    running: HashMap<Name, String>,
}

impl Progress {
    /// `rows` and `columns` are the terminal's size.
    pub fn new(rows: usize, columns: usize) -> Progress {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let most = (rows / 3).clamp(1, 20);
        Progress { bars, most, width: columns.saturating_sub(40).max(20), state: Mutex::default() }
    }

    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    fn line(&self, prefix: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {prefix:<20!} {elapsed:>4} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(prefix.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn begin(&self, state: &mut State, hosts: &[Name]) {
        self.clear(state);
        state.total = hosts.len();
        if hosts.len() > self.most {
            state.all = Some(self.line(&format!("{} hosts", hosts.len())));
        } else {
            state.hosts = hosts.iter().map(|h| (Name::clone(h), self.line(h))).collect();
        }
    }

    fn say(&self, state: &mut State, host: &Name, what: &str) {
        if let Some(bar) = state.hosts.get(host) {
            bar.set_message(one_line(what, self.width));
        }
        if let Some(bar) = &state.all {
            state.running.insert(Name::clone(host), what.to_string());
            bar.set_message(one_line(
                &format!("{} done, {} running; {host}: {what}", state.finished, state.running.len()),
                self.width,
            ));
        }
    }

    fn end_host(&self, state: &mut State, host: &Name) {
        if let Some(bar) = state.hosts.remove(host) {
            bar.finish_and_clear();
        }
        state.running.remove(host);
        state.finished += 1;
    }

    fn clear(&self, state: &mut State) {
        state.hosts.drain().for_each(|(_, bar)| bar.finish_and_clear());
        if let Some(bar) = state.all.take() {
            bar.finish_and_clear();
        }
        *state = State::default();
    }
}

impl Sink for Progress {
    fn event(&self, event: &Event) {
        let state = &mut *self.state.lock().unwrap_or_else(|e| e.into_inner());
        match event {
            Event::PlayStarted { hosts, .. } => self.begin(state, hosts),
            Event::TaskStarted(task) => self.say(state, &task.host, &task.name),
            Event::Effect { task, change, .. } => {
                let word = crate::exec::saved::action_word(change.action);
                self.say(state, &task.host, &format!("{} [{word}]", task.name));
            }
            Event::Retry { task, attempt, retries, .. } => {
                self.say(state, &task.host, &format!("{} (attempt {} of {retries})", task.name, attempt + 1));
            }
            Event::HostDone { host, .. } => self.end_host(state, host),
            Event::PlayEnded { .. } | Event::RunDone { .. } => self.clear(state),
            _ => {}
        }
    }
}
