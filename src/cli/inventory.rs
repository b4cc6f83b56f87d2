//! `fitout inventory`: hosts, groups and variables, as ansible-inventory shows them.

use super::args::{HostArgs, OutputArgs, VarArgs};
use super::fail::{Done, Fail, code};
use super::session::Session;
use crate::base::{Diags, Map, Value};
use crate::eval::yaml;
use crate::spec::to_text;
use crate::syntax::inventory::{ALL, GroupId, HostId, Inventory, VarFolders};
use crate::ui::console::Console;
use clap::Args;
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Show the inventory
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["list", "host", "graph"])))]
pub struct InventoryArgs {
    /// All hosts and groups as JSON
    #[arg(long)]
    list: bool,
    /// The variables of one host as JSON
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Groups and hosts as a tree
    #[arg(long)]
    graph: bool,
    /// With --graph: variables too
    #[arg(long)]
    vars: bool,
    /// Folder beside which group_vars and host_vars are looked for
    #[arg(long, value_name = "FOLDER")]
    playbook_dir: Option<PathBuf>,
    /// With --graph: begin at this group
    #[arg(value_name = "GROUP")]
    group: Option<String>,
    /// With --list and --host: YAML instead of JSON
    #[arg(short, long, conflicts_with = "graph")]
    yaml: bool,
    /// Write it to this file
    #[arg(long = "output", value_name = "FILE")]
    to_file: Option<PathBuf>,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    variables: VarArgs,
    #[command(flatten)]
    output: OutputArgs,
}

struct View<'a> {
    session: &'a Session,
    inventory: &'a Inventory,
    folders: VarFolders,
    extra: Map,
    /// Hosts of `--limit`.
    chosen: Option<Vec<HostId>>,
    with_vars: bool,
}

pub fn run(args: &InventoryArgs) -> Done {
    let session = Session::begin(&args.output, &args.variables.vault)?;
    let extra = session.extra_vars(&args.variables)?;
    let inventory = session.inventory(&args.hosts)?;
    let here = std::env::current_dir().ok();
    let beside = args.playbook_dir.clone().or(here);
    let folders = VarFolders::new(beside.as_deref(), &session.sources, &session.keyring);
    let chosen = match &args.hosts.limit {
        Some(limit) => Some(inventory.limit(limit).map_err(|e| Fail::input(e.to_string()))?.hosts),
        None => None,
    };
    let view =
        View { session: &session, inventory: &inventory, folders, extra, chosen, with_vars: args.vars };
    let text = told(args, &view)?;
    match &args.to_file {
        None => Console::stdout().line(&text),
        Some(file) => std::fs::write(file, text + "\n")
            .map_err(|e| Fail::input(format!("{} cannot be written: {e}", file.display())))?,
    }
    Ok(code::DONE)
}

const AS_INVENTORY: yaml::Layout = yaml::Layout {
    indent: 2,
    flow: yaml::Flow::Never,
    sort: false,
    width: usize::MAX,
    start: false,
    end: false,
    unicode: true,
    style: None,
};

fn told(args: &InventoryArgs, view: &View<'_>) -> Result<String, Fail> {
    let inventory = view.inventory;
    let form = |json: &Json| match args.yaml {
        // As YAML 1.1 is read: `yes`, `1_000` and `11:22:33` are text only in quotes.
        true => yaml::write(&Value::from_json(json), &AS_INVENTORY).trim_end().to_string(),
        false => format!("{json:#}"),
    };
    Ok(if let Some(name) = &args.host {
        let id = inventory.host(name).ok_or_else(|| {
            let fail = Fail::input(format!("the inventory has no host `{name}`"));
            fail.did_you_mean(name, inventory.hosts.keys().map(|k| &**k))
        })?;
        form(&Value::from(view.vars(id)).to_json())
    } else if args.list && args.yaml {
        form(&json!({ "all": view.nested(ALL, &mut Told::default()) }))
    } else if args.list {
        form(&view.list())
    } else {
        let start = match args.group.as_deref() {
            None => ALL,
            Some(name) => inventory.group(name).ok_or_else(|| {
                let fail = Fail::input(format!("the inventory has no group `{name}`"));
                fail.did_you_mean(name, inventory.groups.keys().map(|k| &**k))
            })?,
        };
        let mut lines = vec![format!("@{}:", inventory[start].name)];
        view.tree(start, 1, &mut lines);
        lines.join("\n")
    })
}

/// Hosts and groups that were gone through.
#[derive(Default)]
struct Told {
    hosts: HashSet<HostId>,
    /// Whether there is anything in them.
    groups: HashMap<GroupId, bool>,
}

impl View<'_> {
    /// What the inventory says of a host, strongest last.
    fn vars(&self, host: HostId) -> Map {
        let mut diags = Diags::default();
        let mut vars = Map::new();
        for layer in self.folders.layers(self.inventory, host, &mut diags) {
            vars.extend(layer.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        vars.extend(self.extra.clone());
        self.session.show(diags);
        vars
    }

    fn is_chosen(&self, host: HostId) -> bool {
        self.chosen.as_ref().is_none_or(|c| c.contains(&host))
    }

    fn list(&self) -> Json {
        let mut vars = serde_json::Map::new();
        for id in self.inventory.host_ids().filter(|id| self.is_chosen(*id)) {
            let of = self.vars(id);
            if !of.is_empty() {
                vars.insert(self.inventory[id].name.to_string(), Value::from(of).to_json());
            }
        }
        let mut json = serde_json::Map::new();
        json.insert("_meta".into(), json!({"hostvars": vars}));
        for group in self.inventory.groups.keys().filter_map(|n| self.inventory.group(n)) {
            let entry = self.group(group);
            if group == ALL || entry.as_object().is_some_and(|o| !o.is_empty()) {
                json.insert(self.inventory[group].name.to_string(), entry);
            }
        }
        Json::Object(json)
    }

    /// A group as a YAML inventory has it; what a host or a group is stands where it is first named.
    fn nested(&self, id: GroupId, told: &mut Told) -> Json {
        let group = &self.inventory[id];
        let mut entry = serde_json::Map::new();
        let mut children = serde_json::Map::new();
        for child in &group.children {
            let (of, full) = match told.groups.get(child) {
                Some(full) => (json!({}), *full),
                None => {
                    let of = self.nested(*child, told);
                    let full = of.as_object().is_some_and(|o| !o.is_empty());
                    told.groups.insert(*child, full);
                    (of, full)
                }
            };
            if full {
                children.insert(self.inventory[*child].name.to_string(), of);
            }
        }
        if !children.is_empty() {
            entry.insert("children".into(), children.into());
        }
        let mut hosts = serde_json::Map::new();
        for host in group.hosts.iter().filter(|h| id != ALL && self.is_chosen(**h)) {
            let vars =
                if told.hosts.insert(*host) { Value::from(self.vars(*host)).to_json() } else { json!({}) };
            hosts.insert(self.inventory[*host].name.to_string(), vars);
        }
        if !hosts.is_empty() {
            entry.insert("hosts".into(), hosts.into());
        }
        Json::Object(entry)
    }

    fn group(&self, id: GroupId) -> Json {
        let group = &self.inventory[id];
        let mut entry = serde_json::Map::new();
        let children: Vec<&str> = group.children.iter().map(|c| &*self.inventory[*c].name).collect();
        let hosts: Vec<&str> =
            group.hosts.iter().filter(|h| self.is_chosen(**h)).map(|h| &*self.inventory[*h].name).collect();
        if !children.is_empty() {
            entry.insert("children".into(), children.into());
        }
        if !hosts.is_empty() && (id != ALL) {
            entry.insert("hosts".into(), hosts.into());
        }
        Json::Object(entry)
    }

    fn tree(&self, id: GroupId, depth: usize, lines: &mut Vec<String>) {
        let indent = |depth: usize| format!("{}--", "  |".repeat(depth));
        let group = &self.inventory[id];
        for &child in &group.children {
            lines.push(format!("{}@{}:", indent(depth), self.inventory[child].name));
            self.tree(child, depth + 1, lines);
        }
        for host in group.hosts.iter().filter(|h| self.is_chosen(**h) && id != ALL) {
            lines.push(format!("{}{}", indent(depth), self.inventory[*host].name));
            if self.with_vars {
                lines.extend(shown(&self.vars(*host)).map(|text| indent(depth + 1) + &text));
            }
        }
        if self.with_vars {
            let mut diags = Diags::default();
            let vars = self.folders.of_group(self.inventory, id, &mut diags);
            self.session.show(diags);
            lines.extend(shown(&vars).map(|text| indent(depth) + &text));
        }
    }
}

/// `{name = value}` of each, by name, secrets masked.
fn shown(vars: &Map) -> impl Iterator<Item = String> {
    let text = |value: &Value| to_text(&Value::from_json(&value.to_json()));
    let mut all: Vec<String> = vars.iter().map(|(k, v)| format!("{{{k} = {}}}", text(v))).collect();
    all.sort();
    all.into_iter()
}
