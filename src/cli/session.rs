//! What every command begins with: configuration, vault passwords, variables, the inventory; diagnostics shown.

use super::args::{HostArgs, OutputArgs, VarArgs, VaultArgs};
use super::config::{self, Config};
use super::fail::{Fail, code};
use super::vars;
use crate::base::{Diag, Diags, Map, Severity, Sources};
use crate::cloud::Witness;
use crate::eval::Engine;
use crate::exec::Reread;
use crate::resolve::inventory_plugins::{aws_ec2, constructed};
use crate::syntax::inventory::{self, Inventory, Plugin, Selection, VarFolders};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::Node;
use crate::ui::Style;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

/// The beginnings of one command.
pub struct Session {
    pub config: Config,
    /// An inventory that is not there is a warning, as for ansible-playbook.
    pub forgiving: bool,
    pub sources: Sources,
    pub keyring: Arc<Keyring>,
    /// Findings are events on stdout.
    json: bool,
    /// For stdout.
    pub style: Style,
    /// For stderr.
    pub talk: Style,
}

impl Session {
    /// Reads the configuration and asks for vault passwords where flags want that.
    pub fn begin(output: &OutputArgs, vault: &VaultArgs) -> Result<Session, Fail> {
        let cwd = std::env::current_dir().map_err(|e| Fail::input(format!("working directory: {e}")))?;
        let config = config::read(&cwd, &|name| std::env::var(name).ok()).map_err(Fail::input)?;
        let wanted = output.colour().or_else(|| config.nocolor.then_some(false));
        let style = Style::detect(wanted, &std::io::stdout());
        let talk = Style::detect(wanted, &std::io::stderr());
        config.warnings.iter().for_each(|w| note!("warning: {w}"));
        if output.verbose > 0
            && let Some(file) = &config.file
        {
            note!("Using {} as config file", file.display());
        }
        let keyring = Arc::new(keyring(vault, &config)?);
        let (sources, json) = (Sources::default(), output.json);
        Ok(Session { config, forgiving: false, sources, keyring, json, style, talk })
    }

    pub fn extra_vars(&self, args: &VarArgs) -> Result<Map, Fail> {
        let mut diags = Diags::default();
        let vars = vars::extra_vars(&args.extra_vars, &self.sources, &self.keyring, &mut diags);
        self.show(diags);
        vars
    }

    /// The inventory of `-i`, of the configuration, or this machine alone.
    pub fn inventory(&self, args: &HostArgs) -> Result<Inventory, Fail> {
        let mut diags = Diags::default();
        let plugins = Plugins { sources: self.sources.clone(), keyring: Arc::clone(&self.keyring) };
        let inventory = plugins.load(self.inventories(args), &mut diags);
        let lost: Vec<usize> =
            diags.iter().enumerate().filter(|(_, d)| d.code == "no-inventory").map(|(n, _)| n).collect();
        for index in lost.into_iter().filter(|_| self.forgiving) {
            diags.soften(index);
        }
        if self.show(diags) {
            return Err(Fail::told(code::INPUT));
        }
        if let Some(limit) = &args.limit {
            let chosen = inventory.limit(limit).map_err(|e| Fail::input(e.to_string()))?;
            told_unknown("--limit: ", &chosen);
            if chosen.hosts.is_empty() {
                let fail = Fail::input(format!("--limit `{limit}` leaves no host"));
                return Err(fail.hint("`fitout inventory --graph` shows groups and hosts"));
            }
        }
        Ok(inventory)
    }

    fn inventories<'a>(&'a self, args: &'a HostArgs) -> &'a [String] {
        if args.inventory.is_empty() { &self.config.inventory } else { &args.inventory }
    }

    /// For `meta: refresh_inventory`. What was found at the first reading is not told again.
    pub fn reread(&self, args: &HostArgs) -> Reread {
        let given = self.inventories(args).to_vec();
        let plugins = Plugins { sources: self.sources.clone(), keyring: Arc::clone(&self.keyring) };
        Reread(Arc::new(move || {
            let mut diags = Diags::default();
            let inventory = plugins.load(&given, &mut diags);
            // A run that began without a source goes on without it.
            let wrong = |d: &&Diag| d.severity == Severity::Error && d.code != "no-inventory";
            match diags.iter().find(wrong) {
                Some(wrong) => Err(wrong.render(&plugins.sources, false)),
                None => Ok(inventory),
            }
        }))
    }

    /// Shows findings, on stderr or as events; whether there was an error among them.
    pub fn show(&self, diags: Diags) -> bool {
        let errors = diags.has_errors();
        let sorted = diags.into_sorted();
        for diag in &sorted {
            match self.json {
                true => told!("{}", diag.json(&self.sources)),
                false => note!("{}\n", diag.render(&self.sources, self.talk.colour)),
            }
        }
        let count = sorted.iter().filter(|d| d.severity == Severity::Error).count();
        if count > 0 {
            note!("{count} {} found; no host was touched", if count == 1 { "error" } else { "errors" });
        }
        errors
    }
}

/// Names of a pattern that nothing has, as warnings.
pub fn told_unknown(of: &str, selection: &Selection) {
    for unknown in &selection.unknown {
        let near = unknown.nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        note!("warning: {of}no host or group is called `{}`{near}", unknown.name);
    }
}

/// The plugins that read an inventory's source.
struct Plugins {
    sources: Sources,
    keyring: Arc<Keyring>,
}

impl Plugins {
    fn load(&self, given: &[String], diags: &mut Diags) -> Inventory {
        inventory::load_with(given, &self.sources, &self.keyring, diags, self)
    }
}

struct NoJournal;

impl Witness for NoJournal {
    fn note(&self, _: &serde_json::Value) {}
}

impl Plugin for Plugins {
    fn read(&self, name: &str, root: &Node, inventory: &mut Inventory, diags: &mut Diags) -> bool {
        let (sources, keyring) = (&self.sources, &self.keyring);
        let engine = Engine::new(sources.clone());
        if constructed::PLUGINS.contains(&name) {
            let folders = VarFolders::new(None, sources, keyring);
            constructed::fill(inventory, root, keyring, &engine, &folders, diags);
            return true;
        }
        if !aws_ec2::PLUGINS.contains(&name) {
            return false;
        }
        let runtime = match super::execute::runtime() {
            Ok(runtime) => runtime,
            Err(fail) => {
                diags.push(Diag::error("inventory-plugin", root.span, fail.message));
                return true;
            }
        };
        let (_going_on, stop) = tokio::sync::watch::channel(false);
        let session = crate::cloud::Session::new(Arc::new(NoJournal), stop);
        runtime.block_on(aws_ec2::fill(inventory, root, keyring, &engine, &session, diags));
        true
    }
}

/// The vault passwords that flags and configuration name.
fn keyring(args: &VaultArgs, config: &Config) -> Result<Keyring, Fail> {
    let mut sources: Vec<String> = config.vault_identities.clone();
    sources.extend(args.vault_id.iter().cloned());
    let mut files: Vec<String> = args.vault_password_file.iter().map(|p| p.display().to_string()).collect();
    // It counts beside what is asked for, and behind it.
    let configured = config.vault_password_file.iter().map(|p| p.display().to_string());
    files.extend(configured.filter(|path| args.vault_password_file.iter().all(|p| *p != Path::new(path))));
    // A path may hold `@`: the id is given, so that none is looked for in it.
    sources.extend(files.into_iter().map(|f| format!("default@{f}")));
    if args.ask_vault_pass {
        sources.push("default@prompt".into());
    }
    let ask = |id: &str| {
        let id = if id == "default" { String::new() } else { format!(" ({id})") };
        ask_secret(&format!("Vault password{id}: "))
    };
    Ok(Keyring::from_sources(sources.iter().map(String::as_str), &ask)?)
}

/// Asks on the terminal without echo; an error where there is none.
pub fn ask_secret(prompt: &str) -> Result<String, String> {
    if !std::io::stdin().is_terminal() && std::fs::File::open("/dev/tty").is_err() {
        return Err("there is no terminal to ask for the password on; use a password file".into());
    }
    rpassword::prompt_password(prompt).map_err(|e| format!("the password could not be read: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_password_counts_beside_vault_ids() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, name).unwrap();
            path
        };
        let config = Config { vault_password_file: Some(file("usual")), ..Config::default() };
        let given = VaultArgs {
            vault_id: vec![format!("prod@{}", file("prod").display())],
            vault_password_file: vec![file("other")],
            ask_vault_pass: false,
        };
        let keyring = keyring(&given, &config).unwrap();
        assert_eq!(keyring.ids().collect::<Vec<_>>(), ["prod", "default", "default"]);
        let same = VaultArgs { vault_password_file: vec![file("usual")], ..VaultArgs::default() };
        assert_eq!(super::keyring(&same, &config).unwrap().ids().count(), 1);
    }
}
