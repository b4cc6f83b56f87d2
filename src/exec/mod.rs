//! The executor: walks the compiled program for every host.
//!
//! Each host walks on its own, in Ansible's order, like a processor that executes out of order and retires in
//! order. At the first task that has not been looked at, everything behind it that can be read with what is known
//! is probed in the same round trip ([`ahead`]). When a task's turn comes its observation is used, unless an
//! effect in between may have touched it (claims); then it is probed again. Effects are sent without waiting for
//! the ones before them, in a chain that stops at the first failure ([`flight`]), and outcomes are told in order.
//! Hosts meet only where they must ([`lockstep`]): `run_once`, `hostvars`, `any_errors_fatal`, `serial`.
//!
//! Invariants: nothing here prints; a secret reaches no event and no journal ([`redact`]); in check mode no effect
//! is sent; an effect is journalled before it is sent.

mod again;
mod ahead;
mod argspec;
mod background;
mod blocks;
pub mod cancel;
pub mod cloud;
mod confirm;
mod connect;
mod control;
mod controller;
mod defaults;
pub mod event;
mod flight;
mod flow;
mod gather;
mod give;
mod handlers;
mod host;
mod include;
pub mod journal;
mod landing;
pub mod listing;
mod lockstep;
mod looks;
mod lookups;
mod loops;
mod manner;
mod meta;
mod names;
mod open_names;
pub mod options;
mod order;
mod outcome;
mod patience;
mod planned;
mod play;
mod probes;
mod prompt;
mod reach;
pub mod redact;
pub mod resume;
pub mod saved;
mod scope;
mod state;
pub mod tags;
mod task;
mod tell;
mod unit;
mod vars_files;
mod world;

pub use cancel::Cancel;
pub use event::{Broadcast, Event, Sink};
pub use options::{BecomeOptions, ConnectionOptions, HostKeys, Mode, Reread, RunOptions, RunReport};
pub use redact::Redactor;
pub use resume::Resume;
pub use saved::SavedPlan;

use crate::base::Secret;
use crate::eval::Engine;
use crate::graph::{Includer, Program};
use crate::syntax::inventory::Inventory;
use crate::syntax::vault::Keyring;
use event::HostRecap;
use futures_util::future::join_all;
use state::{Run, World, locked};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

/// What a run works with.
pub struct Work {
    /// The compiled plays.
    pub program: Program,
    /// Compiles what only the run can name.
    pub includer: Arc<dyn Includer>,
    /// Where the run begins; `add_host` and `group_by` add to a copy.
    pub inventory: Arc<Inventory>,
    /// Evaluates templates; has the files that were read.
    pub engine: Arc<Engine>,
    /// Opens vaults that tasks meet.
    pub keyring: Arc<Keyring>,
    /// Shared with whoever prints besides the sinks.
    pub redactor: Arc<Redactor>,
}

/// Runs all plays. Findings about tasks and hosts are events; an error is what stops the run as a whole.
pub async fn run(
    options: RunOptions,
    work: Work,
    sink: Arc<dyn Sink>,
    cancel: Cancel,
) -> Result<RunReport, String> {
    let began = Instant::now();
    let program = work.program.clone();
    let id = run_id();
    let journal = match journal::Journal::create(&options.run_dir, &id) {
        Ok(journal) => journal,
        Err(message) => {
            sink.event(&Event::Warning { message, place: None });
            journal::Journal::default()
        }
    };
    let run = Arc::new(new_run(options, work, sink, cancel, journal, &id));
    run.redactor.learn_value(&run.options.extra_vars.clone().into());
    if let Some(Ok(password)) = run.options.become_options.password.as_ref().map(Secret::reveal) {
        run.redactor.learn(password);
    }
    let hosts = world::hosts(&run);
    run.emit(Event::RunStarted { run: id.clone(), check: run.check(), hosts });
    run.journal_note(
        &serde_json::json!({"run": id, "of": run.options.stack, "program": program.hash, "check": run.check(),
            "at": journal::now()}),
    );
    // Asked to stop at once: what runs is left where it is, and ended with its connection below.
    let error = tokio::select! {
        ended = run_plays(&run, &program) => ended.err(),
        () = run.cancel.wait(cancel::Stop::Now) => None,
    };
    let left = tokio::select! {
        left = cloud::finish(&run) => left,
        () = run.cancel.wait(cancel::Stop::Now) => 0,
    };
    run.cloud.release().await;
    background::settle(&run).await;
    let report = RunReport { left, ..report(&run, program.hash) };
    let round_trips = locked(&run.connections).values().map(|c| c.round_trips()).sum();
    let recap = report.recap.iter().map(|(h, r)| (Arc::clone(h), r.clone())).collect();
    run.emit(Event::RunDone { recap, elapsed: began.elapsed(), round_trips });
    run.journal_note(
        &serde_json::json!({"done": id, "interrupted": report.interrupted, "at": journal::now()}),
    );
    let connections: Vec<_> = locked(&run.connections).drain().map(|(_, c)| c).collect();
    // One that does not answer holds up no other.
    join_all(connections.iter().map(|connection| connection.reset())).await;
    error.map_or(Ok(report), Err)
}

/// A run's name: when it began, in UTC, and the process.
pub fn run_id() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S").to_string() + &format!("-{}", std::process::id())
}

/// The plays in order, until one says that the run ends.
async fn run_plays(run: &Arc<Run>, program: &Program) -> Result<(), String> {
    for (number, plan) in program.plays.iter().enumerate() {
        if !play::run_play(run, plan, number).await? {
            program.plays[number + 1..].iter().for_each(|plan| play::leave(run, plan));
            break;
        }
    }
    Ok(())
}

fn new_run(
    options: RunOptions,
    work: Work,
    sink: Arc<dyn Sink>,
    cancel: Cancel,
    journal: journal::Journal,
    id: &str,
) -> Run {
    let Work { program: _, includer, inventory, engine, keyring, redactor } = work;
    let opener_redactor = Arc::clone(&redactor);
    let reader_redactor = Arc::clone(&redactor);
    engine.on_secret(move |secret| reader_redactor.learn_value(&crate::base::Value::Secret(secret.clone())));
    let opener_keyring = Arc::clone(&keyring);
    let vault = move |text: &str| {
        let plain = opener_keyring.open_text(text).map_err(|e| e.to_string())?;
        opener_redactor.learn_content(&plain);
        Ok(plain)
    };
    let journal = Arc::new(Mutex::new(journal));
    let cloud = cloud::CloudRun::new(id, &cancel, Arc::clone(&journal));
    Run {
        options,
        engine,
        includer,
        keyring,
        vault: Box::new(vault),
        world: RwLock::new(World { inventory, version: 0, added: Vec::new() }),
        memory: RwLock::default(),
        connections: Mutex::default(),
        sink,
        redactor,
        cancel,
        recap: Mutex::default(),
        lost: Mutex::default(),
        pardoned: Mutex::default(),
        on_controller: Mutex::default(),
        made_here: Default::default(),
        begins: std::sync::OnceLock::new(),
        decisions: Mutex::default(),
        cloud,
        background: Mutex::default(),
        foreseen: Mutex::default(),
        folders: Mutex::default(),
        groups: Mutex::default(),
        turns: Mutex::default(),
        names_of: Mutex::default(),
        journal,
    }
}

/// Whether any host has failed so far.
fn report_failed(run: &Run) -> bool {
    !locked(&run.lost).is_empty() || run.counts_against(|r| r.failed)
}

fn report(run: &Run, program: String) -> RunReport {
    let recap = locked(&run.recap).clone();
    let any = |count: fn(&HostRecap) -> u64| recap.values().any(|r| count(r) > 0);
    let lost = |kind| locked(&run.lost).values().any(|l| *l == kind);
    let mut decisions = std::mem::take(&mut *locked(&run.decisions));
    decisions.sort();
    RunReport {
        changes: any(|r| r.changed) || any(|r| r.unknown),
        failed: lost(state::Lost::Failed) || run.counts_against(|r| r.failed),
        unreachable: lost(state::Lost::Unreachable) || run.counts_against(|r| r.unreachable),
        interrupted: run.cancel.requested(),
        left: 0,
        saved: SavedPlan {
            version: saved::VERSION,
            program,
            salt: run.options.salt.clone().unwrap_or_default(),
            invocation: Vec::new(),
            decisions,
        },
        recap,
    }
}
