//! What a module is to the executor. The modules themselves live in /modules, one folder each:
//!
//! - `module.yml` ([`ModuleSpec`]): arguments, claims, return values, documentation, examples. Its folder has
//!   the module's short name. Modules of Ansible carry its names, arguments, defaults and return values.
//! - either `probe.sh` and `apply.sh`, driven by [`declarative`]: the arguments come as variables, the items of
//!   `each` as `"$@"`; the probe emits (item, property, value), `observe` says how each is compared;
//! - or `native.rs` with `pub fn behaviour() -> crate::modules::Behaviour`. Its scripts are files beside it,
//!   taken in with [`script!`](crate::script); a second file is declared in it as `mod second;`;
//! - `cases.yml`: arguments and observed records → expected decision, run without a host (see cases.rs); of a module that
//!   is no [`Staged`] one, tasks to be played and what must come of them (see tests/cases.rs).
//!
//! The build script finds the folders: a new module touches no other file. Folders of the same shape (without
//! native.rs) in a user's `library/` are loaded at run time by [`Registry::with_library`].

mod args;
#[cfg(test)]
mod cases;
pub mod cloud;
pub mod declarative;
pub mod facts;
pub mod files;
pub mod forecast;
pub mod http;
pub mod kernel;
pub mod kit;
pub mod registry;
pub mod run;
pub mod swarm;
pub mod text;

pub use forecast::Forecast;

pub use args::{ArgsExt, coerce, has_unknown, spec_claims};
pub use registry::{Registry, registry};

use crate::base::{Map, Value};
use crate::plan::{Claims, Decision};
use crate::remote::{Become, Content, Job, Output, Remote, RemoteError};
use crate::spec::ModuleSpec;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// Arguments after validation against the spec: aliases resolved, types coerced, defaults filled in.
pub type Args = Map;

/// A task's failure in a user's words, with return values (`rc`, `stderr` …) where there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Shown as it is, secrets replaced.
    pub message: String,
    /// Empty where the failure has only words.
    pub result: Map,
}

/// What a module may ask of the controller while it decides.
pub trait Controller: Send + Sync {
    /// Effects will not be sent: a plan or `--check`.
    fn check_mode(&self) -> bool;
    /// `--diff` was asked for, or a plan shows diffs: contents are worth reading.
    fn diff_mode(&self) -> bool;
    /// Finds a local file as Ansible does: `kind` is `files`, `templates` or `vars`; the role, then the playbook.
    fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Failure>;
    /// The folder that relative local paths to be written start from: the playbook's.
    fn base_dir(&self) -> PathBuf {
        PathBuf::from(".")
    }
    /// The bytes of a local file; vault files are decrypted unless `raw`.
    fn read_file(&self, path: &std::path::Path, raw: bool) -> Result<Arc<[u8]>, Failure>;
    /// Renders a template with the task's variables and the module's template options.
    fn render(&self, path: &std::path::Path, options: &Args) -> Result<String, Failure>;
    /// A fact of the host (`ansible_facts` name without prefix), where gathered.
    fn fact(&self, name: &str) -> Option<Value>;
    /// As the inventory names the host, whatever its address.
    fn inventory_hostname(&self) -> &str;
}

/// The usual kind: probe → decide → apply → probe again. Everything but the jobs is pure.
pub trait Staged: Send + Sync {
    /// What the task touches, from its arguments. The default reads `reads`/`writes` of the spec.
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        spec_claims(spec, args)
    }
    /// Jobs that read and report; none is allowed to change the host.
    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure>;
    /// The decision from the outputs of the probes, one for each job and in their order.
    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure>;
    /// The final return values from the effects' outputs. Called also when one failed: the default turns the
    /// first failed output into a failure with its stderr.
    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        let _ = args;
        match done.iter().find(|o| !o.ok()) {
            Some(failed) => Err(Failure::from_output(failed)),
            None => Ok(decision.result),
        }
    }
    /// Whether, in a plan, it tells itself what is to be expected where what it looks at is yet to come; what another one that
    /// only looks has found is not known behind an effect that may change it.
    fn predicts(&self) -> bool {
        false
    }
    /// Whether its effects may be begun again, from the look on, when the connection was lost while they were under way: what
    /// is wanted does not depend on what is there, the look sees all of it, and nothing runs on without the connection.
    fn begins_again(&self) -> bool {
        false
    }
    /// On a plan: what the effects will leave, by claim (`user:bob`, `package:nginx`; `None`: it will be gone), for
    /// the probes of later tasks. Files that the shared jobs write need not be told.
    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        let _ = (args, decision);
        Vec::new()
    }
    /// On a plan: lays what earlier changes will leave over this module's own probes; whether that changed anything.
    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let _ = (args, seen, forecast);
        false
    }
    /// Whether the decision rests on nothing of the files that are probed but what they are, text, owner and mode, so that it
    /// can be made on what is about to be written there. Not where it tells times or inodes.
    fn rests_on_text(&self, args: &Args) -> bool {
        let _ = args;
        false
    }
    /// What the probes look at, where that is less than what the task's effects touch and need.
    fn looks_at(&self, args: &Args) -> Option<Claims> {
        let _ = args;
        None
    }
    /// Whether what the probes find stays true when this thing is made that was not there (a claim: `group:web`).
    fn holds(&self, args: &Args, made: &str) -> bool {
        let _ = (args, made);
        false
    }
    /// Whether to probe once more after the effects and fail if `decide` still sees a change.
    fn verify(&self) -> bool {
        true
    }
}

/// Why a procedure did not come to its end.
#[derive(Clone, Debug)]
pub enum ProcedureError {
    /// With what return values there are.
    Failed(Failure),
    /// The host could not be asked: it is unreachable, as for any other task.
    Remote(RemoteError),
}

impl From<Failure> for ProcedureError {
    fn from(failure: Failure) -> Self {
        ProcedureError::Failed(failure)
    }
}

impl From<RemoteError> for ProcedureError {
    fn from(error: RemoteError) -> Self {
        ProcedureError::Remote(error)
    }
}

/// The end of a procedure.
pub type ProcedureFuture<'a> = Pin<Box<dyn Future<Output = Result<Outcome, ProcedureError>> + Send + 'a>>;

/// For what takes several dependent steps on the host (reboot, wait_for, fetch of large files, git).
pub trait Procedure: Send + Sync {
    /// By default from module.yml; a module overrides it where arguments decide more exactly.
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        spec_claims(spec, args)
    }
    /// Runs it; in check mode (`call.controller.check_mode()`) it must change nothing and predict.
    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a>;
}

/// What a [`Procedure`] gets to work with.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Validated against the spec.
    pub args: &'a Args,
    /// A shell on the host that does the work.
    pub remote: &'a dyn Remote,
    /// Who runs the jobs there.
    pub become_user: &'a Become,
    /// What else may be asked, and whether this is check mode.
    pub controller: &'a dyn Controller,
}

/// What a procedure did: without a change it is `ok`.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was changed, or in check mode would be; `None`: nothing.
    pub change: Option<crate::plan::Change>,
    /// The return values, without `changed` and `failed`.
    pub result: Map,
    /// Shown whether there was a change or not.
    pub warnings: Vec<String>,
}

/// How a module is carried out.
#[derive(Clone)]
pub enum Behaviour {
    /// Probe, decision, effects.
    Staged(Arc<dyn Staged>),
    /// Steps of its own on the host.
    Procedure(Arc<dyn Procedure>),
    /// Carried out over a cloud's API, on the controller.
    Cloud(Arc<dyn cloud::CloudModule>),
    /// Carried out by the executor itself on the controller: debug, set_fact, add_host, meta, include_vars …
    Control,
}

/// An entry of the registry: how it is documented and checked, and how it is carried out.
#[derive(Clone)]
pub struct Module {
    /// Names, arguments and documentation.
    pub spec: Arc<ModuleSpec>,
    /// How it is carried out.
    pub behaviour: Behaviour,
}

impl Module {
    /// What a task with these arguments touches.
    pub fn claims(&self, args: &Args) -> Claims {
        let claims = match &self.behaviour {
            Behaviour::Staged(module) => module.claims(&self.spec, args),
            Behaviour::Procedure(module) => module.claims(&self.spec, args),
            Behaviour::Cloud(module) => module.claims(&self.spec, args),
            Behaviour::Control => Claims::default(),
        };
        claims.plainly()
    }
}

impl Failure {
    /// A failure without return values. The message is shown as it is.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), result: Map::new() }
    }

    /// A failed job as a failure: its stderr is the message, or else its exit status; `rc` and `stderr` are
    /// returned.
    pub fn from_output(output: &Output) -> Failure {
        let stderr = output.stderr_text();
        let message = match (output.status, stderr.is_empty()) {
            (crate::remote::Status::TimedOut, _) => "timed out".to_string(),
            (_, false) => stderr.clone(),
            (_, true) => format!("exit status {}", output.rc),
        };
        let mut failure = Failure::new(message);
        failure.result.insert("rc".into(), output.rc.into());
        failure.result.insert("stderr".into(), stderr.into());
        failure
    }
}

/// Bytes as a job's stdin.
pub fn bytes(content: impl Into<Vec<u8>>) -> Content {
    Content::Bytes(Arc::from(content.into()))
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Module({})", self.spec.name)
    }
}

/// A constant script beside native.rs, made once: `script!("stat.probe", "probe.sh")`.
#[macro_export]
macro_rules! script {
    ($name:literal, $($file:literal),+) => {{
        static SCRIPT: std::sync::LazyLock<std::sync::Arc<$crate::remote::Script>> =
            std::sync::LazyLock::new(|| $crate::remote::Script::new($name, concat!($(include_str!($file)),+)));
        &*SCRIPT
    }};
}
