//! Inventories: hosts and groups from INI, YAML, directories, host lists and programs, merged in the order given.
//!
//! Hosts and groups are indices into two maps; ids stay valid when a run adds hosts or groups. The groups make a
//! directed graph without cycles under `all`; a host knows only the groups it stands in directly.

mod ini;
mod layers;
mod literal;
mod load;
mod pattern;
mod range;
mod tree;

use crate::base::{Diags, Key, Map, Sources, Span, Value};
use indexmap::IndexMap;
pub use layers::{Layer, LayerKind, VarFolders};
pub use load::{Plugin, load, load_with};
pub use pattern::{Order, PatternError, Selection, UnknownName, order_hosts};
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// Index of a host in [`Inventory::hosts`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub u32);

/// Index of a group in [`Inventory::groups`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// The group of all hosts.
pub const ALL: GroupId = GroupId(0);
/// The group of the hosts that stand in no other.
pub const UNGROUPED: GroupId = GroupId(1);
/// Names that mean this machine where the inventory has no such host.
pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A host as the sources have it, merged in the order in which they were given.
#[derive(Clone, Debug)]
pub struct Host {
    /// The key it has in [`Inventory::hosts`].
    pub name: Arc<str>,
    /// Variables of the inventory itself, not of host_vars files.
    pub vars: Arc<Map>,
    /// The groups it stands in directly.
    pub groups: Vec<GroupId>,
    /// Not of the inventory: this machine, found by name only and no part of `all`.
    pub implicit: bool,
    /// Where a source names it first; `None`: a program's, a list's, or made by the run.
    pub span: Option<Span>,
    /// The file, program or host list that named it first; not of a host that a task added.
    pub origin: Option<Arc<str>>,
}

/// A group as the sources have it. It may stand in several others, but never in itself.
#[derive(Clone, Debug)]
pub struct Group {
    /// The key it has in [`Inventory::groups`].
    pub name: Arc<str>,
    /// Variables of the inventory itself, not of group_vars files.
    pub vars: Arc<Map>,
    /// Groups that stand in it directly.
    pub children: Vec<GroupId>,
    /// Groups it stands in directly; only `all` has none.
    pub parents: Vec<GroupId>,
    /// The hosts that stand in it directly.
    pub hosts: Vec<HostId>,
    /// The longest way from `all`, whose depth is 0.
    pub depth: u32,
    /// `ansible_group_priority`; of two groups of one depth the higher wins.
    pub priority: i64,
    /// Where a source names it first; `None`: a program's, or made by the run.
    pub span: Option<Span>,
}

/// Hosts and groups of all sources. Ids are positions in these maps, so nothing is ever removed.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// By name; a [`HostId`] is a position.
    pub hosts: IndexMap<Arc<str>, Host>,
    /// By name, `all` and `ungrouped` too; a [`GroupId`] is a position.
    pub groups: IndexMap<Arc<str>, Group>,
    /// Folders beside whose files group_vars and host_vars are looked for, in the order of the sources.
    pub folders: Vec<PathBuf>,
    /// What was given with `-i`, as it is to be shown.
    pub sources: Vec<String>,
    /// The file, program or host list that is being read.
    reading: Option<Arc<str>>,
}

impl Default for Inventory {
    fn default() -> Self {
        let mut inventory = Inventory {
            hosts: IndexMap::new(),
            groups: IndexMap::new(),
            folders: Vec::new(),
            sources: Vec::new(),
            reading: None,
        };
        inventory.add_group("all", None);
        inventory.add_group("ungrouped", None);
        inventory.add_child(ALL, UNGROUPED);
        inventory
    }
}

/// The hosts that were met: a flag for each, since every play asks for all of them, and there may be ten thousand.
struct Met(Vec<bool>);

impl Met {
    fn none(inventory: &Inventory) -> Met {
        Met(vec![false; inventory.hosts.len()])
    }

    /// Notes the host; whether it had not been met.
    fn first(&mut self, host: HostId) -> bool {
        !std::mem::replace(&mut self.0[host.0 as usize], true)
    }
}

impl std::ops::Index<HostId> for Inventory {
    type Output = Host;
    fn index(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }
}

impl std::ops::Index<GroupId> for Inventory {
    type Output = Group;
    fn index(&self, id: GroupId) -> &Group {
        &self.groups[id.0 as usize]
    }
}

impl Inventory {
    /// By its exact name, `localhost` only where it is in the inventory or was added.
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.hosts.get_index_of(name).map(|n| HostId(id(n)))
    }

    /// By its exact name; patterns are [`pattern`]'s.
    pub fn group(&self, name: &str) -> Option<GroupId> {
        self.groups.get_index_of(name).map(|n| GroupId(id(n)))
    }

    /// The hosts of the inventory; without those that are only implied.
    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + '_ {
        let all = self.hosts.values().enumerate();
        all.filter(|(_, h)| !h.implicit).map(|(n, _)| HostId(id(n)))
    }

    /// The hosts of a group and of the groups below it, in Ansible's order.
    pub fn hosts_in(&self, group: GroupId) -> Vec<HostId> {
        let (mut seen_groups, mut met) = (HashSet::from([group]), Met::none(self));
        let (mut queue, mut hosts) = (VecDeque::from([group]), Vec::new());
        while let Some(next) = queue.pop_front() {
            hosts.extend(self[next].hosts.iter().copied().filter(|h| met.first(*h)));
            queue.extend(self[next].children.iter().copied().filter(|g| seen_groups.insert(*g)));
        }
        hosts
    }

    /// All groups of a host but `all`: outer before inner, so that later ones win.
    pub fn groups_of(&self, host: HostId) -> Vec<GroupId> {
        let mut groups: Vec<GroupId> = Vec::new();
        let mut queue: Vec<GroupId> = self[host].groups.clone();
        while let Some(next) = queue.pop() {
            if next != ALL && !groups.contains(&next) {
                groups.push(next);
                queue.extend(&self[next].parents);
            }
        }
        groups.sort_by(|a, b| {
            let (a, b) = (&self[*a], &self[*b]);
            (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name))
        });
        groups
    }

    /// `group_names`: sorted, without `all`.
    pub fn group_names(&self, host: HostId) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.groups_of(host).iter().map(|g| Arc::clone(&self[*g].name)).collect();
        names.sort();
        names
    }

    /// Finds or adds a host. An implied one becomes a host of the inventory.
    pub fn add_host(&mut self, name: &str, span: Option<Span>) -> HostId {
        if let Some((n, _, host)) = self.hosts.get_full_mut(name) {
            if host.implicit {
                host.implicit = false;
                host.vars = Arc::default();
                host.span = span;
                host.origin = self.reading.clone();
            }
            return HostId(id(n));
        }
        let name: Arc<str> = name.into();
        let host = Host {
            name: Arc::clone(&name),
            vars: Arc::default(),
            groups: Vec::new(),
            implicit: false,
            span,
            origin: self.reading.clone(),
        };
        HostId(id(self.hosts.insert_full(name, host).0))
    }

    /// Finds or adds a group.
    pub fn add_group(&mut self, name: &str, span: Option<Span>) -> GroupId {
        if let Some(n) = self.groups.get_index_of(name) {
            return GroupId(id(n));
        }
        let name: Arc<str> = name.into();
        let group = Group {
            name: Arc::clone(&name),
            vars: Arc::default(),
            children: Vec::new(),
            parents: Vec::new(),
            hosts: Vec::new(),
            depth: 0,
            priority: 1,
            span,
        };
        GroupId(id(self.groups.insert_full(name, group).0))
    }

    /// Puts a host into a group.
    pub fn add_member(&mut self, group: GroupId, host: HostId) {
        let member = &mut self.hosts[host.0 as usize];
        if !member.groups.contains(&group) {
            member.groups.push(group);
            self.groups[group.0 as usize].hosts.push(host);
        }
    }

    /// Puts a host into a group during a run, where hosts come at their own pace: those that come are in the inventory's
    /// order all the same.
    pub fn add_late_member(&mut self, group: GroupId, host: HostId) {
        if self[host].groups.contains(&group) {
            return;
        }
        self.add_member(group, host);
        let members = &mut self.groups[group.0 as usize].hosts;
        members.pop();
        let at = members.iter().rposition(|member| member.0 < host.0).map_or(0, |before| before + 1);
        members.insert(at, host);
    }

    /// Puts a group below another. What would close a circle is refused: false.
    pub fn add_child(&mut self, parent: GroupId, child: GroupId) -> bool {
        if self[child].parents.contains(&parent) {
            return true;
        }
        if self.is_below(parent, child) {
            return false;
        }
        self.groups[parent.0 as usize].children.push(child);
        self.groups[child.0 as usize].parents.push(parent);
        true
    }

    /// Whether `group` is `above` or stands below it.
    fn is_below(&self, group: GroupId, above: GroupId) -> bool {
        let (mut seen, mut queue) = (HashSet::new(), vec![group]);
        while let Some(next) = queue.pop() {
            if next == above {
                return true;
            }
            queue.extend(self[next].parents.iter().copied().filter(|g| seen.insert(*g)));
        }
        false
    }

    /// Sets a variable of the inventory's layer; a later source overrides an earlier one.
    pub fn set_host_var(&mut self, host: HostId, key: Key, value: Value) {
        Arc::make_mut(&mut self.hosts[host.0 as usize].vars).insert(key, value);
    }

    /// As for hosts. `ansible_group_priority` is no variable: it sets the group's priority, where it is a
    /// number.
    pub fn set_group_var(&mut self, group: GroupId, key: Key, value: Value) {
        let group = &mut self.groups[group.0 as usize];
        if key.as_str() == Some("ansible_group_priority") {
            let number = match &value {
                Value::Int(n) => Some(*n),
                other => other.as_str().and_then(|s| s.trim().parse().ok()),
            };
            group.priority = number.unwrap_or(group.priority);
            return;
        }
        Arc::make_mut(&mut group.vars).insert(key, value);
    }

    /// Puts in order what additions left open: groups without a parent go below `all`, hosts without a group into
    /// `ungrouped`, depths are counted, and this machine is there under its names. May be called again.
    pub fn reconcile(&mut self) {
        for n in 1..self.groups.len() {
            if self.groups[n].parents.is_empty() {
                self.add_child(ALL, GroupId(id(n)));
            }
        }
        for n in 0..self.hosts.len() {
            let host = &self.hosts[n];
            let grouped = host.groups.iter().any(|g| *g != ALL && *g != UNGROUPED);
            if !grouped && !host.implicit {
                self.add_member(UNGROUPED, HostId(id(n)));
            } else if grouped && host.groups.contains(&UNGROUPED) {
                self.hosts[n].groups.retain(|g| *g != UNGROUPED);
            }
        }
        let hosts = &self.hosts;
        self.groups[UNGROUPED.0 as usize].hosts.retain(|h| hosts[h.0 as usize].groups.contains(&UNGROUPED));
        self.count_depths();
        for name in LOCAL_NAMES {
            if self.hosts.contains_key(name) {
                continue;
            }
            let here = self.add_host(name, None);
            self.set_host_var(here, "ansible_connection".into(), "local".into());
            self.hosts[here.0 as usize].implicit = true;
        }
    }

    fn count_depths(&mut self) {
        let mut open: Vec<usize> = self.groups.values().map(|g| g.parents.len()).collect();
        let mut ready: Vec<GroupId> =
            (0..open.len()).filter(|n| open[*n] == 0).map(|n| GroupId(id(n))).collect();
        while let Some(next) = ready.pop() {
            let depth = self[next].depth + 1;
            for child in self[next].children.clone() {
                let group = &mut self.groups[child.0 as usize];
                group.depth = group.depth.max(depth);
                open[child.0 as usize] -= 1;
                if open[child.0 as usize] == 0 {
                    ready.push(child);
                }
            }
        }
    }
}

fn id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// What the readers of one source share.
struct Target<'a> {
    inventory: &'a mut Inventory,
    sources: &'a Sources,
    keyring: &'a super::vault::Keyring,
    diags: &'a mut Diags,
    plugin: &'a dyn Plugin,
}

#[cfg(test)]
mod tests;
