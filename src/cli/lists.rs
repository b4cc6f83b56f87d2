//! `--list-tasks`, `--list-hosts`, `--list-tags`: what a playbook holds, in Ansible's form.

use super::fail::Fail;
use crate::base::Value;
use crate::exec::listing::Listing;
use crate::graph::{Act, Program, Sequence, Step, TaskNode};
use crate::syntax::inventory::Inventory;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What of it is wanted.
#[derive(Copy, Clone, Debug, Default)]
pub struct Wanted {
    pub tasks: bool,
    pub hosts: bool,
    pub tags: bool,
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

pub fn text(
    title: &str,
    program: &Program,
    listing: &Listing,
    inventory: &Inventory,
    limit: Option<&str>,
    wanted: Wanted,
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
