//! Groups of flags that several commands share; names are Ansible's where Ansible has them.

use super::fail::Fail;
use crate::cloud::Access;
use crate::exec::cloud::gc::Where;
use crate::exec::cloud::lock::LockPlace;
use clap::{ArgAction, Args};
use std::path::PathBuf;

/// Hosts: `-i`, `-l`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Hosts")]
pub struct HostArgs {
    /// Inventory file, folder, program, or `host,list,`; may be given more than once
    #[arg(short, long = "inventory", visible_alias = "inventory-file", value_name = "INVENTORY")]
    pub inventory: Vec<String>,
    /// Only these hosts of each play: a pattern, or @FILE
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
}

/// `-e` and vaults: what it takes to read the user's files.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Variables")]
pub struct VarArgs {
    /// Variables as `k=v`, YAML, JSON, or @FILE; may be given more than once
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    pub vault: VaultArgs,
}

#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Vault")]
pub struct VaultArgs {
    /// Vault identity: ID@FILE, ID@PROGRAM, ID@prompt
    #[arg(long, value_name = "ID@SOURCE")]
    pub vault_id: Vec<String>,
    /// File (or program that prints) a vault password
    #[arg(long, visible_alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// Ask for the vault password
    #[arg(short = 'J', long, visible_alias = "ask-vault-password")]
    pub ask_vault_pass: bool,
}

/// Which tasks.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Tasks")]
pub struct TaskArgs {
    /// Only tasks and plays with these tags
    #[arg(short, long, value_name = "TAGS")]
    pub tags: Vec<String>,
    /// Not tasks and plays with these tags
    #[arg(long, value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// Begin at the task of this name
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Run handlers even if a task failed
    #[arg(long)]
    pub force_handlers: bool,
}

/// How hosts are reached, and who does the work there.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Connection")]
pub struct LoginArgs {
    /// ssh, local, chroot or nspawn
    #[arg(short, long, value_name = "KIND", value_parser = |text: &str| worker("connection", text))]
    pub connection: Option<String>,
    /// Log in as this user
    #[arg(short, long = "user", value_name = "USER")]
    pub user: Option<String>,
    /// Private key file
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Further arguments for ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// Further arguments for ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Accepted; files travel over the one ssh session
    #[arg(long, hide = true, value_name = "ARGS", allow_hyphen_values = true)]
    pub scp_extra_args: Option<String>,
    /// Accepted; files travel over the one ssh session
    #[arg(long, hide = true, value_name = "ARGS", allow_hyphen_values = true)]
    pub sftp_extra_args: Option<String>,
    /// Seconds to wait for a connection
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Learn the keys of unknown hosts; changed keys are refused still
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// Not supported: see the hint it prints
    #[arg(short = 'k', long = "ask-pass", hide = true)]
    pub ask_pass: bool,
    /// Not supported: see the hint it prints
    #[arg(long, visible_alias = "conn-pass-file", hide = true, value_name = "FILE")]
    pub connection_password_file: Option<PathBuf>,
    /// Work as another user (root, if not said otherwise)
    #[arg(short, long = "become")]
    pub become_: bool,
    /// sudo, su or doas
    #[arg(long, value_name = "METHOD", value_parser = |text: &str| worker("become_method", text))]
    pub become_method: Option<String>,
    /// Work as this user
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// Ask for the password that `--become` needs
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// File (or program that prints) the password that `--become` needs
    #[arg(long, visible_alias = "become-pass-file", value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
    /// Hosts worked on at a time
    #[arg(short, long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub forks: Option<usize>,
}

/// A connection or a way to become that there is.
fn worker(key: &str, text: &str) -> Result<String, String> {
    crate::syntax::playbook::check_worker(key, text).map_err(|hints| hints.join("; "))?;
    Ok(text.to_string())
}

/// How much is shown, and how.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Show more; up to -vvvv
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show what changes in files
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// One JSON event a line on stdout (docs/events.md)
    #[arg(long)]
    pub json: bool,
    /// Colour, also where there is no terminal
    #[arg(long, overrides_with = "no_color")]
    pub color: bool,
    /// No colour
    #[arg(long, overrides_with = "color")]
    pub no_color: bool,
}

impl OutputArgs {
    pub fn colour(&self) -> Option<bool> {
        (self.color || self.no_color).then_some(self.color)
    }
}

/// Which cloud is asked, without a playbook that says it.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Cloud")]
pub struct CloudArgs {
    /// Only this stack
    #[arg(long, value_name = "STACK")]
    pub stack: Option<String>,
    /// Where to look: AWS_REGION or the profile's, if not given; may be given more than once
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,
    /// Look in all regions that the account may use
    #[arg(long, conflicts_with = "region")]
    pub all_regions: bool,
    /// Profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Address of the service, instead of AWS's own
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
}

impl CloudArgs {
    pub fn place(&self) -> Where {
        let access = Access {
            profile: self.profile.clone(),
            endpoint: self.endpoint_url.clone(),
            ..Access::default()
        };
        Where {
            access,
            regions: words(&self.region),
            everywhere: self.all_regions,
            stack: self.stack.clone(),
        }
    }
}

/// Where a stack's lock is.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct LockArgs {
    /// Where stacks are locked: s3://BUCKET/PREFIX[?region=REGION], or local; else FITOUT_LOCK says it
    #[arg(long, value_name = "PLACE")]
    pub lock: Option<String>,
}

impl LockArgs {
    pub fn place(&self) -> Result<LockPlace, Fail> {
        let set = self.lock.clone().map(|text| ("--lock", text));
        let set = set.or_else(|| std::env::var("FITOUT_LOCK").ok().map(|text| ("FITOUT_LOCK", text)));
        let Some((what, text)) = set else { return Ok(LockPlace::Local) };
        text.parse().map_err(|why| Fail::input(format!("{what}: {why}")))
    }
}

/// Accepted from Ansible's habits and told about.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct LegacyArgs {
    /// Accepted: facts are not cached
    #[arg(long, hide = true)]
    pub flush_cache: bool,
    /// Accepted: Python modules are not run
    #[arg(short = 'M', long, hide = true, value_name = "PATH")]
    pub module_path: Vec<String>,
}

/// Everything a command that works on hosts takes.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub hosts: HostArgs,
    #[command(flatten)]
    pub vars: VarArgs,
    #[command(flatten)]
    pub tasks: TaskArgs,
    #[command(flatten)]
    pub login: LoginArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub legacy: LegacyArgs,
}

/// `a,b` and repeated flags as one list.
pub fn words(given: &[String]) -> Vec<String> {
    given.iter().flat_map(|t| t.split(',')).map(|t| t.trim().to_string()).filter(|t| !t.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_in_commas_and_in_turn() {
        assert_eq!(words(&["a,b".into(), " c".into(), "".into()]), ["a", "b", "c"]);
    }
}
