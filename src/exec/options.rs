//! How a run is asked for, and what it reports.

use super::event::HostRecap;
use super::saved::SavedPlan;
use crate::base::{Map, Secret};
use crate::syntax::inventory::Inventory;
use indexmap::IndexMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a run is for. It decides whether effects are made, and on what.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Probes and decides; what an effect not made would tell is unknown, never a failure.
    Plan,
    /// Makes every effect that is due.
    #[default]
    Apply,
    /// Looks at what the cloud tasks own, and removes it; no host is touched.
    Destroy,
    /// As `ansible-playbook`: with `check`, tasks that cannot predict are skipped.
    Playbook,
}

/// Defaults for hosts that say nothing themselves; command line and ansible.cfg.
#[derive(Clone, Debug, Default)]
pub struct BecomeOptions {
    /// `-b`
    pub on: Option<bool>,
    /// `--become-method`; `None`: sudo.
    pub method: Option<String>,
    /// `--become-user`; `None`: root.
    pub user: Option<String>,
    /// Options for the method's command, of ansible.cfg or the environment.
    pub flags: Option<String>,
    /// The method's command; `None`: the method's name.
    pub exe: Option<String>,
    /// Asked for with `-K`, or read of a file; `None`: the method may not ask.
    pub password: Option<Secret>,
}

/// How hosts are reached where the inventory does not say it: the command line and the environment.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// `-c`: ssh, local, chroot, nspawn.
    pub kind: Option<String>,
    /// `-u`
    pub remote_user: Option<String>,
    /// `--private-key`; `None`: what ssh finds by itself.
    pub private_key: Option<PathBuf>,
    /// `--ssh-common-args` and `--ssh-extra-args`, as written.
    pub ssh_args: Option<String>,
    /// `None`: as the user's ssh configuration says, which by default is strict.
    pub host_key_checking: HostKeys,
    /// `-T`: how long a login may take.
    pub timeout: Duration,
}

/// What is done with a host's key that is not known yet, or is another than before.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum HostKeys {
    /// As the user's ssh configuration says; strict where it says nothing.
    #[default]
    Strict,
    /// Unknown hosts are learnt, changed keys refused.
    AcceptNew,
    /// Asked for with ANSIBLE_HOST_KEY_CHECKING=False.
    Off,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        ConnectionOptions {
            kind: None,
            remote_user: None,
            private_key: None,
            ssh_args: None,
            host_key_checking: HostKeys::Strict,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Whether to go on, from the number of things that it is about.
#[derive(Clone)]
pub struct Confirm(pub Arc<dyn Fn(usize) -> bool + Send + Sync>);

impl std::fmt::Debug for Confirm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Confirm")
    }
}

/// Reads the inventory's sources once more (`meta: refresh_inventory`); an error in words.
#[derive(Clone)]
pub struct Reread(pub Arc<dyn Fn() -> Result<Inventory, String> + Send + Sync>);

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reread")
    }
}

/// All that the command line asks of a run, after flags, environment and configuration were put together.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What it is for.
    pub mode: Mode,
    /// `-C`; always so in [`Mode::Plan`].
    pub check: bool,
    /// `-D`: differences are shown.
    pub diff: bool,
    /// Hosts worked on at a time.
    pub forks: usize,
    /// `-l`, a host pattern.
    pub limit: Option<String>,
    /// `-t`; empty: all tasks but those tagged `never`.
    pub tags: Vec<String>,
    /// `--skip-tags`
    pub skip_tags: Vec<String>,
    /// Each host begins at the first task whose name fits this.
    pub start_at_task: Option<String>,
    /// `-e`, files and words together; later ones win.
    pub extra_vars: Map,
    /// Where neither play nor inventory says whether and as whom to become another user.
    pub become_options: BecomeOptions,
    /// Where neither play nor inventory says how a host is reached.
    pub connection: ConnectionOptions,
    /// Notified handlers run on hosts that failed too.
    pub force_handlers: bool,
    /// What `no_log` is where nothing says so.
    pub no_log: bool,
    /// Whether plays without `gather_facts` gather.
    pub gathers: bool,
    /// Whether a failure on one host counts for all where nothing says so.
    pub any_errors_fatal: bool,
    /// How many `-v` were given.
    pub verbosity: u8,
    /// Asked before `destroy` removes that many things; without it nothing is removed.
    pub confirm: Option<Confirm>,
    /// With [`Mode::Destroy`]: only what counts as an orphan is removed.
    pub orphans: Option<super::cloud::orphans::Orphans>,
    /// The name that what a playbook makes in a cloud is tagged with; `fitout_stack` in the play overrides it.
    pub stack: String,
    /// Where stacks are locked; `fitout_lock` in the play overrides it.
    pub lock: super::cloud::lock::LockPlace,
    /// On a plan that will be saved: goes into the fingerprints of its decisions.
    pub salt: Option<String>,
    /// The plan that is executed; what it does not have is not done.
    pub saved: Option<Arc<SavedPlan>>,
    /// The run that this one goes on with.
    pub resume: Option<Arc<super::Resume>>,
    /// Where journal and saved state go: `.fitout`.
    pub run_dir: PathBuf,
    /// `None`: the inventory stays what it was when the run began.
    pub reread: Option<Reread>,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            mode: Mode::Apply,
            check: false,
            diff: false,
            forks: 50,
            limit: None,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            start_at_task: None,
            extra_vars: Map::new(),
            become_options: BecomeOptions::default(),
            connection: ConnectionOptions::default(),
            force_handlers: false,
            no_log: false,
            gathers: true,
            any_errors_fatal: false,
            verbosity: 0,
            confirm: None,
            orphans: None,
            stack: "default".into(),
            lock: super::cloud::lock::LockPlace::Local,
            salt: None,
            saved: None,
            resume: None,
            run_dir: PathBuf::from(".fitout"),
            reread: None,
        }
    }
}

/// What a run came to: the exit code follows from it.
#[derive(Clone, Debug, Default)]
pub struct RunReport {
    /// Hosts of which there is something to count.
    pub recap: IndexMap<Arc<str>, HostRecap>,
    /// Something was, or with a plan would be, changed.
    pub changes: bool,
    /// A host failed, or could not begin a play.
    pub failed: bool,
    /// A host could not be reached, or was lost.
    pub unreachable: bool,
    /// It was asked to stop, by a signal or a key.
    pub interrupted: bool,
    /// Things of a cloud that were to go and are still there: of `destroy`, or replaced.
    pub left: usize,
    /// Its decisions; of use only for a plan that will be saved.
    pub saved: SavedPlan,
}
