//! The controller's side of expressions and modules: where local files are searched.

use super::scope::PlayScope;
use super::state::Run;
use crate::eval::{LookupContext, ToCome};
use crate::graph::RoleScope;
use crate::modules::Failure;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The role's directory first, then the playbook's.
pub fn context(run: &Arc<Run>, play: &PlayScope, role: Option<&RoleScope>) -> LookupContext {
    let playbook = play.plan.playbook_dir.clone();
    let search = role.map(|r| r.path.clone()).into_iter().chain([playbook.clone()]).collect();
    let weak = Arc::downgrade(run);
    let matcher = move |pattern: &str| -> Result<Vec<String>, String> {
        let run = weak.upgrade().ok_or("the run is over")?;
        let inventory = run.inventory();
        super::world::select(&inventory, pattern)
    };
    let weak = Arc::downgrade(run);
    let opener = move |text: &str| -> Result<String, String> {
        let run = weak.upgrade().ok_or("the run is over")?;
        (run.vault)(text)
    };
    let weak = Arc::downgrade(run);
    let to_come = move |path: &Path| super::state::locked(&weak.upgrade()?.on_controller).before(path);
    LookupContext {
        search,
        playbook_dir: playbook,
        match_hosts: Some(Arc::new(matcher)),
        open_vault: Some(Arc::new(opener)),
        check_mode: run.check(),
        to_come: run.check().then(|| Arc::new(to_come) as ToCome),
    }
}

/// A local file as Ansible finds it: absolute, or below `kind/` of each directory, or in the directory itself.
pub fn find_file(context: &LookupContext, kind: &str, name: &str) -> Result<PathBuf, Failure> {
    let expanded = match name.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().map(|home| home.join(rest)),
        None => None,
    };
    let wanted = expanded.unwrap_or_else(|| PathBuf::from(name));
    if wanted.is_absolute() {
        return match wanted.exists() {
            true => Ok(wanted),
            false => Err(Failure::new(format!("{name} does not exist on the controller"))),
        };
    }
    let below = |dir: &PathBuf| crate::eval::lookups::below(dir, kind, &wanted);
    let tried: Vec<PathBuf> = context.search.iter().flat_map(below).collect();
    match tried.iter().find(|path| path.exists()) {
        Some(found) => Ok(found.clone()),
        None => Err(not_found(name, &tried)),
    }
}

fn not_found(name: &str, tried: &[PathBuf]) -> Failure {
    let shown: Vec<String> = tried.iter().map(|p| shorten(p).display().to_string()).collect();
    Failure::new(format!("could not find `{name}` on the controller; looked at {}", shown.join(", ")))
}

fn shorten(path: &Path) -> &Path {
    let here = std::env::current_dir();
    here.ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}
