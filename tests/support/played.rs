//! A playbook carried out by the executor in this process, and what came of it. Its hosts are this machine's own shell.
//!
//! Taken in by its path (`#[path = "support/played.rs"]`), since these tests need nothing else of `support`.

use fitout::base::{Diags, Sources};
use fitout::eval::Engine;
use fitout::exec::event::{Event, HostRecap, Sink, TaskDone};
use fitout::exec::{Cancel, Reread, RunOptions, Work};
use fitout::resolve::{CompileOptions, compile};
use fitout::syntax::inventory;
use fitout::syntax::vault::Keyring;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What was seen of a run.
#[derive(Default)]
pub struct Played {
    /// Every task that ended, in the order of their ends. Hosts run at their own pace.
    pub done: Vec<TaskDone>,
    pub round_trips: u64,
    /// What was counted, by host.
    pub recap: Vec<(Arc<str>, HostRecap)>,
    #[allow(dead_code, reason = "not every test looks at it")]
    /// A host failed, and it was not made good.
    pub failed: bool,
}

#[derive(Default)]
struct Seen(Mutex<Played>);

impl Sink for Seen {
    fn event(&self, event: &Event) {
        let mut seen = self.0.lock().unwrap();
        match event {
            Event::TaskDone(done) => seen.done.push(TaskDone::clone(done)),
            Event::RunDone { round_trips, recap, .. } => {
                (seen.round_trips, seen.recap) = (*round_trips, recap.clone());
            }
            _ => {}
        }
    }
}

/// Carries out the playbook at `path` with an inventory of this text, which is written to `dir`, as is the run's state.
/// An error is what was found when it was compiled, as it is shown, or why the run could not begin.
pub fn play(path: &Path, dir: &Path, hosts: &str, options: RunOptions) -> Result<Played, String> {
    let inventory_file = dir.join("hosts");
    std::fs::write(&inventory_file, hosts).unwrap();
    let (sources, keyring) = (Sources::default(), Arc::new(Keyring::default()));
    let mut diags = Diags::default();
    let hosts = inventory::load(&[inventory_file.display().to_string()], &sources, &keyring, &mut diags);
    let compiled =
        compile(&CompileOptions::new(path, Arc::clone(&keyring), sources.clone())).map_err(|diags| {
            diags.into_sorted().iter().map(|d| d.render(&sources, false)).collect::<Vec<_>>().join("\n")
        })?;
    let work = Work {
        program: compiled.program,
        includer: compiled.includer,
        inventory: Arc::new(hosts),
        engine: Arc::new(Engine::new(sources)),
        keyring,
        redactor: Arc::default(),
    };
    let again = move || {
        let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
        Ok(inventory::load(&[inventory_file.display().to_string()], &sources, &keyring, &mut diags))
    };
    let options = RunOptions { run_dir: dir.join("state"), reread: Some(Reread(Arc::new(again))), ..options };
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sink = Arc::<Seen>::clone(&seen);
    let report = runtime.block_on(fitout::exec::run(options, work, sink, Cancel::default()))?;
    let played = std::mem::take(&mut *seen.0.lock().unwrap());
    Ok(Played { failed: report.failed || report.unreachable, ..played })
}
