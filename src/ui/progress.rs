//! Progress on a terminal: one line a host while that fits, one line for all where it does not.

use super::style::{one_line, printable};
use crate::exec::event::{Event, Name, Sink};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// Columns of a line that are neither name nor message.
const BESIDE: usize = 10;

/// Redraws a second.
const RATE: u8 = 8;

/// Lines at the bottom of the terminal; everything else is printed above them (see `Console::above`).
pub struct Progress {
    bars: MultiProgress,
    /// More hosts than this share one line.
    most: usize,
    columns: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hosts: HashMap<Name, ProgressBar>,
    all: Option<ProgressBar>,
    finished: usize,
    /// Tasks begun and not done by host, oldest first: effects of several may be on their way.
    running: HashMap<Name, VecDeque<(usize, String)>>,
    /// Columns for the names of hosts, and for what is said of them.
    name: usize,
    message: usize,
}

impl Progress {
    /// `rows` and `columns` are the terminal's size.
    pub fn new(rows: usize, columns: usize) -> Progress {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let most = (rows / 3).clamp(1, 20);
        Progress { bars, most, columns, state: Mutex::default() }
    }

    /// What prints above the lines that are redrawn; a console must write through it while they stand.
    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    fn line(&self, prefix: &str, width: usize) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let template = format!("{{spinner}} {{prefix:<{width}!}} {{elapsed:>4}} {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_prefix(prefix.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn begin(&self, state: &mut State, hosts: &[Name]) {
        self.clear(state);
        let all = format!("{} hosts", hosts.len());
        let alone = hosts.len() > self.most;
        let longest =
            if alone { all.len() } else { hosts.iter().map(|h| h.chars().count()).max().unwrap_or(0) };
        state.name = longest.clamp(1, (self.columns / 3).max(4));
        // Beside the name: spinner, elapsed time, three blanks, and one column that stays free.
        state.message = self.columns.saturating_sub(state.name + BESIDE).max(4);
        if alone {
            state.all = Some(self.line(&all, state.name));
        } else {
            state.hosts = hosts.iter().map(|h| (Name::clone(h), self.line(h, state.name))).collect();
        }
    }

    /// What runs is the oldest task that is not done; `more` is said of it.
    fn show(&self, state: &mut State, host: &Name, more: &str) {
        let running = state.running.get(host);
        let what = running.and_then(VecDeque::front).map_or("", |(_, name)| name.as_str());
        self.say(state, host, &format!("{what}{more}"));
    }

    /// The time beside a host is that of the task that is named.
    fn timed(&self, state: &State, host: &Name, anew: bool) {
        if let Some(bar) = state.hosts.get(host).filter(|_| anew) {
            bar.reset_elapsed();
        }
    }

    fn say(&self, state: &State, host: &Name, what: &str) {
        if let Some(bar) = state.hosts.get(host) {
            bar.set_message(one_line(what, state.message));
        }
        if let Some(bar) = &state.all {
            bar.set_message(one_line(
                &format!("{} done, {} running; {host}: {what}", state.finished, state.running.len()),
                state.message,
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
            Event::TaskStarted(task) => {
                let running = state.running.entry(Name::clone(&task.host)).or_default();
                running.push_back((task.node, task.name.clone()));
                let first = running.len() == 1;
                self.timed(state, &task.host, first);
                self.show(state, &task.host, "");
            }
            Event::TaskDone(done) => {
                if let Some(running) = state.running.get_mut(&done.task.host) {
                    let oldest = running.front().is_some_and(|(node, _)| *node == done.task.node);
                    running.retain(|(node, _)| *node != done.task.node);
                    self.timed(state, &done.task.host, oldest);
                }
                self.show(state, &done.task.host, "");
            }
            Event::Effect { task, change, .. } => {
                let word = crate::exec::saved::action_word(change.action);
                self.show(state, &task.host, &format!(" [{word}]"));
            }
            Event::Progress { task, message, percent, .. } => {
                let done = percent.map(|n| format!(" {n} %")).unwrap_or_default();
                self.show(state, &task.host, &format!(" [{}{done}]", printable(message)));
            }
            Event::Retry { task, attempt, retries, .. } => {
                self.show(state, &task.host, &format!(" (attempt {} of {retries})", attempt + 1));
            }
            Event::HostDone { host, .. } => self.end_host(state, host),
            Event::PlayEnded { .. } | Event::RunDone { .. } => self.clear(state),
            _ => {}
        }
    }
}
