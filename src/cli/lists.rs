//! `--list-tasks`, `--list-hosts`, `--list-tags`: what a playbook holds, in Ansible's form.

use super::execute::{Prepared, runtime};
use super::fail::{Done, Fail, code};
use super::program::compile;
use crate::base::{Diags, Value};
use crate::eval::Engine;
use crate::exec::listing::Listing;
use crate::exec::{Redactor, Work};
use crate::graph::{Act, Program, Sequence, Step, TaskNode};
use crate::syntax::inventory::Inventory;
use clap::Args;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What of it is wanted; nothing is done then.
#[derive(Args, Copy, Clone, Debug, Default)]
pub struct ListArgs {
    /// Show the playbook's tasks and do nothing
    #[arg(id = "list_tasks", long = "list-tasks")]
    tasks: bool,
    /// Show the hosts of each play and do nothing
    #[arg(id = "list_hosts", long = "list-hosts")]
    hosts: bool,
    /// Show the playbook's tags and do nothing
    #[arg(id = "list_tags", long = "list-tags")]
    tags: bool,
    /// Compile only
    #[arg(long)]
    syntax_check: bool,
}

impl ListArgs {
    pub fn any(self) -> bool {
        self.tasks || self.hosts || self.tags || self.syntax_check
    }
}

/// Shows it of each of the playbooks.
pub fn show(prepared: &Prepared, wanted: ListArgs) -> Done {
    let (session, args) = (&prepared.session, &prepared.args);
    let inventory = session.inventory(&args.hosts)?;
    // What a run has in it is made inside one.
    let runtime = runtime()?;
    let _inside = runtime.enter();
    for playbook in &prepared.playbooks {
        let one = std::slice::from_ref(playbook);
        let compiled =
            compile(session, one, args, &prepared.options.extra_vars, Some(&inventory), Diags::default())?;
        let title = playbook.display().to_string();
        let limit = args.hosts.limit.as_deref();
        let work = Work {
            program: compiled.program.clone(),
            includer: compiled.includer,
            inventory: Arc::new(inventory.clone()),
            engine: Arc::new(Engine::new(session.sources.clone())),
            keyring: Arc::clone(&session.keyring),
            redactor: Arc::new(Redactor::default()),
        };
        let listing = Listing::new(prepared.options.clone(), work);
        let text = text(&title, &compiled.program, &listing, &inventory, limit, wanted)?;
        let nothing_else = !(wanted.tasks || wanted.hosts || wanted.tags);
        told!("{}", if nothing_else { format!("\nplaybook: {title}") } else { text.trim_end().to_string() });
    }
    Ok(code::DONE)
}

/// The tasks of a sequence and of the blocks in it, in order.
pub fn tasks(sequence: &Sequence) -> Vec<&Arc<TaskNode>> {
    let mut all = Vec::new();
    for step in &sequence.steps {
        match step {
            Step::Task(task) => all.push(task),
            Step::Block(block) => {
                [&block.body, &block.rescue, &block.always].into_iter().for_each(|s| all.extend(tasks(s)));
            }
            Step::Flush { .. } => {}
        }
    }
    all
}

fn text(
    title: &str,
    program: &Program,
    listing: &Listing,
    inventory: &Inventory,
    limit: Option<&str>,
    wanted: ListArgs,
) -> Result<String, Fail> {
    let mut text = format!("\nplaybook: {title}\n");
    for (number, play) in program.plays.iter().enumerate() {
        let pattern = pattern(&play.hosts);
        let tags = listing.play(play).map_err(Fail::input)?;
        let own = tags.of(&play.keywords, None).shown;
        let title = match shown(&play.name) {
            name if name.is_empty() => pattern.clone(),
            name => name,
        };
        text += &format!("\n  play #{} ({pattern}): {title}\tTAGS: [{}]\n", number + 1, joined(&own));
        if wanted.hosts {
            text += &hosts(&pattern, inventory, limit)?;
        }
        if !wanted.tasks && !wanted.tags {
            continue;
        }
        let all = tasks(&play.body).into_iter().map(|t| (t, tags.of(&t.keywords, t.role.as_ref())));
        let selected: Vec<_> = all.filter(|(_, tags)| tags.taken || wanted.tags && tags.told).collect();
        if wanted.tasks {
            text += "    tasks:\n";
            for (task, tags) in selected.iter().filter(|(_, tags)| tags.taken) {
                text += &format!("      {}\tTAGS: [{}]\n", task_name(task), joined(&tags.shown));
            }
        }
        if wanted.tags {
            let all: BTreeSet<String> =
                selected.into_iter().flat_map(|(_, tags)| tags.shown).chain(own).collect();
            text += &format!("      TASK TAGS: [{}]\n", joined(&all));
        }
    }
    Ok(text)
}

fn hosts(pattern: &str, inventory: &Inventory, limit: Option<&str>) -> Result<String, Fail> {
    let found = inventory.select_limited(pattern, limit).map_err(|e| Fail::input(e.to_string()))?;
    let mut text = format!("    pattern: ['{pattern}']\n    hosts ({}):\n", found.hosts.len());
    found.hosts.iter().for_each(|id| text += &format!("      {}\n", inventory[*id].name));
    Ok(text)
}

/// A play's `hosts` as one pattern.
pub fn pattern(hosts: &Value) -> String {
    match hosts {
        Value::List(list) => list.iter().map(shown).collect::<Vec<_>>().join(","),
        other => shown(other),
    }
}

/// As the run will show it, templates as written.
pub fn task_name(task: &TaskNode) -> String {
    let own = task.name.as_ref().map(shown).filter(|n| !n.is_empty());
    let name = own.unwrap_or_else(|| act_name(&task.act).to_string());
    match &task.role {
        Some(role) => format!("{} : {name}", role.name),
        None => name,
    }
}

pub fn act_name(act: &Act) -> &str {
    match act {
        Act::Module { module, .. } => &module.spec.name,
        Act::IncludeTasks { .. } => "include_tasks",
        Act::IncludeRole(_) => "include_role",
        Act::Meta(_) => "meta",
    }
}

pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Str(text) => text.to_string(),
        Value::Template(template) => template.text.to_string(),
        other => other.to_json().to_string(),
    }
}

fn joined(tags: &BTreeSet<String>) -> String {
    tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
