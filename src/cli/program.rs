//! Playbooks compiled for a command.

use super::args::{RunArgs, words};
use super::fail::{Fail, code};
use super::session::Session;
use crate::base::{Diags, Map};
use crate::resolve::{self, CompileOptions, Compiled};
use crate::syntax::inventory::{Inventory, VarFolders};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compiles; all findings are shown, with those of files of variables, which were `found` before.
pub fn compile(
    session: &Session,
    playbooks: &[PathBuf],
    args: &RunArgs,
    extra: &Map,
    inventory: Option<&Inventory>,
    mut found: Diags,
) -> Result<Compiled, Fail> {
    for playbook in playbooks {
        if session.sources.standing_in(playbook).is_some() {
            continue;
        }
        if !playbook.exists() {
            let fail = Fail::input(format!("the playbook {} is not there", playbook.display()));
            return Err(match similar_file(playbook) {
                Some(name) => fail.hint(format!("did you mean `{name}`?")),
                None => fail,
            });
        }
        if playbook.is_dir() {
            return Err(Fail::input(format!("{} is a folder, not a playbook", playbook.display())));
        }
    }
    let first = playbooks.first().cloned().unwrap_or_default();
    let mut options = CompileOptions::new(first, Arc::clone(&session.keyring), session.sources.clone());
    options.playbooks = playbooks.to_vec();
    options.extra_vars = extra.clone();
    options.inventory = inventory.cloned().map(Arc::new);
    (options.tags, options.skip_tags) = tags(session, args);
    options.becomes = args.login.become_ || session.config.become_ == Some(true);
    options.start_at_task = args.tasks.start_at_task.clone();
    if !session.config.roles_path.is_empty() {
        options.roles_path = session.config.roles_path.clone();
    }
    if !session.config.collections_path.is_empty() {
        options.collections_path = session.config.collections_path.clone();
    }
    options.library = session.config.library.clone();
    options.plugins = session.config.plugins.clone();
    let compiled = resolve::compile(&options).and_then(|mut compiled| {
        session.show(std::mem::take(&mut compiled.warnings));
        // A circle is found before a host is touched.
        let graph = crate::graph::build(&compiled.program)?;
        compiled.program = crate::graph::ordered(compiled.program, &graph);
        Ok(compiled)
    });
    let compiled = match compiled {
        // A run tells its warnings itself when it comes to the host.
        Ok(compiled) if !found.has_errors() => return Ok(compiled),
        Ok(_) => Diags::default(),
        Err(diags) => diags,
    };
    found.extend(compiled);
    session.show(found);
    Err(Fail::told(code::INPUT))
}

/// Reads `group_vars` and `host_vars` of the hosts before any of them is touched: a host must not run without what a
/// broken file was to say. Without an inventory, those of any host.
pub fn variable_files(session: &Session, playbooks: &[PathBuf], inventory: Option<&Inventory>) -> Diags {
    let mut diags = Diags::default();
    let folder = |playbook: &PathBuf| {
        let parent = playbook.parent().filter(|p| !p.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    };
    let folders: BTreeSet<PathBuf> = playbooks.iter().map(folder).collect();
    for folder in folders {
        let files = VarFolders::new(Some(&folder), &session.sources, &session.keyring);
        let Some(inventory) = inventory else {
            files.look(&mut diags);
            continue;
        };
        for host in inventory.hosts.values().filter_map(|host| inventory.host(&host.name)) {
            files.layers(inventory, host, &mut diags);
        }
    }
    diags
}

/// `-t` and `--skip-tags`, or what the configuration has.
pub fn tags(session: &Session, args: &RunArgs) -> (Vec<String>, Vec<String>) {
    let or = |given: Vec<String>, configured: &[String]| {
        if given.is_empty() { configured.to_vec() } else { given }
    };
    let tags = or(words(&args.tasks.tags), &session.config.tags);
    (tags, or(words(&args.tasks.skip_tags), &session.config.skip_tags))
}

fn similar_file(path: &std::path::Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    crate::base::diag::nearest(name, names.iter().map(String::as_str)).map(str::to_string)
}
