//! The lab's network: one bridge a lab, one veth pair and one network namespace a host, NAT to the outside.

use super::host::HostPlan;
use super::state::Record;
use super::{LabError, StateDir, io, run};
use std::fs;
use std::path::Path;

pub(super) struct Net<'a> {
    state: &'a StateDir,
    record: &'a Record,
}

/// Name of the bridge of network N; the hosts' veths are called `folNhI`.
pub(super) fn bridge(net: u8) -> String {
    format!("fol{net}")
}

/// This machine's end of a host's link.
pub(super) fn veth(net: u8, index: usize) -> String {
    format!("{}h{index}", bridge(net))
}

/// N of 10.213.N.0/24, as far as no route and no link of this machine uses it.
pub(super) fn free_networks() -> Result<impl Iterator<Item = u8>, LabError> {
    let routes = run("ip", &["-4", "-o", "route", "show", "table", "all"], None)?;
    let routed: Vec<ipnet::Ipv4Net> = routes
        .split_whitespace()
        .filter_map(|word| {
            word.parse().ok().or_else(|| word.parse::<std::net::Ipv4Addr>().ok().map(ipnet::Ipv4Net::from))
        })
        .filter(|net: &ipnet::Ipv4Net| net.prefix_len() > 0)
        .collect();
    Ok((0..=254).filter(move |n| {
        let Ok(wanted) = ipnet::Ipv4Net::new(std::net::Ipv4Addr::new(10, 213, *n, 0), 24) else {
            return false;
        };
        let free = !routed.iter().any(|used| used.contains(&wanted) || wanted.contains(used));
        free && !Path::new("/sys/class/net").join(bridge(*n)).exists()
    }))
}

/// Takes a link up or down.
pub(super) fn set_link(name: &str, up: bool) -> Result<(), LabError> {
    run("ip", &["link", "set", "dev", name, if up { "up" } else { "down" }], None).map(drop)
}

impl<'a> Net<'a> {
    pub(super) fn new(state: &'a StateDir, record: &'a Record) -> Self {
        Net { state, record }
    }

    fn alias(&self) -> String {
        alias(self.state, &self.record.name)
    }

    /// Makes the bridge; false when someone else was faster.
    pub(super) fn add_bridge(&self) -> Result<bool, LabError> {
        let name = bridge(self.record.net);
        match run("ip", &["link", "add", &name, "type", "bridge"], None) {
            Ok(_) => {}
            Err(LabError::Command { output, .. }) if output.contains("File exists") => return Ok(false),
            Err(error) => return Err(error),
        }
        let net = self.record.net;
        let batch = format!(
            "link set dev {name} alias \"{}\"\naddr add 10.213.{net}.1/24 dev {name}\nlink set dev {name} up\n",
            self.alias()
        );
        run("ip", &["-batch", "-"], Some(&batch))?;
        Ok(true)
    }

    /// Lets the hosts out. Rules go first in their chains, because a container engine may drop what follows.
    pub(super) fn open_nat(&self) -> Result<(), LabError> {
        let _lock = self.state.lock("forward")?;
        let switch = Path::new(FORWARD);
        let former = fs::read_to_string(switch).map_err(io("cannot read", switch))?;
        if former.trim() == "0" {
            let note = self.state.path().join("forward.was-off");
            fs::write(&note, "").map_err(io("cannot write", &note))?;
            fs::write(switch, "1").map_err(io("cannot write", switch))?;
        }
        for rule in nat_rules(self.record.net) {
            let mut args = vec!["-w"];
            args.extend(rule.table());
            args.extend(["-I", rule.chain]);
            args.extend(rule.rest.iter().map(String::as_str));
            run("iptables", &args, None)?;
        }
        Ok(())
    }

    /// A namespace held by a mount of its own, and a veth from it to the bridge. In place before the host boots, so that
    /// nothing in the host has to configure a network.
    pub(super) fn add_host(&self, plan: &HostPlan) -> Result<(), LabError> {
        if plan.is_vm() {
            return self.add_tap(plan);
        }
        let holder = plan.dir.join("netns");
        fs::create_dir_all(&plan.dir).map_err(io("cannot make", &plan.dir))?;
        fs::write(&holder, "").map_err(io("cannot write", &holder))?;
        let holder = holder.display().to_string();
        run("unshare", &[&format!("--net={holder}"), "true"], None)?;
        let veth = &plan.veth;
        let inside = format!("--net={holder}");
        // A namespace is named by a process in it, so the pair is made from within and our end handed out.
        let pair = ["ip", "link", "add", "host0", "type", "veth", "peer", "name", veth, "netns", "1"];
        run("nsenter", &[&[inside.as_str()], &pair[..]].concat(), None)?;
        self.plug(veth)?;
        let batch = format!(
            "link set dev lo up\nlink set dev host0 up\naddr add {}/24 brd + dev host0\nroute add default via 10.213.{}.1\n",
            plan.address, self.record.net
        );
        run("nsenter", &[&inside, "ip", "-batch", "-"], Some(&batch)).map(drop)
    }
    /// A virtual machine's link: the emulator opens it by name, and it lasts until it is deleted, as a veth does.
    fn add_tap(&self, plan: &HostPlan) -> Result<(), LabError> {
        fs::create_dir_all(&plan.dir).map_err(io("cannot make", &plan.dir))?;
        run("ip", &["tuntap", "add", "dev", &plan.veth, "mode", "tap"], None)?;
        self.plug(&plan.veth)
    }

    /// Marks a link as this lab's and puts it on the bridge.
    fn plug(&self, link: &str) -> Result<(), LabError> {
        let (alias, bridge) = (self.alias(), bridge(self.record.net));
        let batch = format!(
            "link set dev {link} alias \"{alias}\"\nlink set dev {link} master {bridge}\nlink set dev {link} up\n"
        );
        run("ip", &["-batch", "-"], Some(&batch)).map(drop)
    }
}

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

struct Rule {
    nat: bool,
    chain: &'static str,
    rest: Vec<String>,
}

impl Rule {
    fn table(&self) -> [&'static str; 2] {
        ["-t", if self.nat { "nat" } else { "filter" }]
    }
}

/// All rules name the bridge or the network, so they can be found by the network's number alone.
fn nat_rules(net: u8) -> [Rule; 3] {
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
    let (bridge, subnet) = (bridge(net), format!("10.213.{net}.0/24"));
    [
        Rule {
            nat: true,
            chain: "POSTROUTING",
            rest: words(format!("-s {subnet} ! -d {subnet} -j MASQUERADE")),
        },
        Rule { nat: false, chain: "FORWARD", rest: words(format!("-i {bridge} -j ACCEPT")) },
        Rule { nat: false, chain: "FORWARD", rest: words(format!("-o {bridge} -j ACCEPT")) },
    ]
}

fn alias(state: &StateDir, lab: &str) -> String {
    format!("fitout-lab {} {lab}", state.tag())
}

/// Links of this state directory with their labs: (link, lab).
pub(super) fn links(state: &StateDir) -> Vec<(String, String)> {
    let prefix = alias(state, "");
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let alias = fs::read_to_string(entry.path().join("ifalias")).ok()?;
            let lab = alias.trim_end().strip_prefix(&prefix)?.to_owned();
            Some((entry.file_name().to_string_lossy().into_owned(), lab))
        })
        .collect()
}

/// Removes a lab's links and rules. The hosts must be gone.
pub(super) fn remove(state: &StateDir, lab: &str, record: Option<&Record>) -> Result<(), LabError> {
    let mut names: Vec<String> =
        links(state).into_iter().filter(|(_, owner)| owner == lab).map(|l| l.0).collect();
    if let Some(record) = record {
        // A kill may have come between a link and its alias.
        names.extend(nameless(record));
    }
    let mut nets: Vec<u8> = record.map(|r| r.net).into_iter().collect();
    for link in names {
        nets.extend(link.strip_prefix("fol").and_then(|n| n.parse::<u8>().ok()));
        match run("ip", &["link", "del", "dev", &link], None) {
            // A veth goes when its namespace goes, which may be now.
            Err(error) if Path::new("/sys/class/net").join(&link).exists() => return Err(error),
            _ => {}
        }
    }
    nets.sort_unstable();
    nets.dedup();
    for net in nets {
        close_nat(net);
    }
    Ok(())
}

/// Links with this lab's names that carry no alias: an alias would show whose they are.
fn nameless(record: &Record) -> Vec<String> {
    let hosts = (1..=record.hosts).map(|index| veth(record.net, index));
    let bare = |name: &String| {
        let text = fs::read_to_string(Path::new("/sys/class/net").join(name).join("ifalias"));
        text.is_ok_and(|alias| alias.trim().is_empty())
    };
    std::iter::once(bridge(record.net)).chain(hosts).filter(bare).collect()
}

/// Deletes the rules of a network, each as often as it is there.
fn close_nat(net: u8) {
    for rule in nat_rules(net) {
        loop {
            let mut args = vec!["-w"];
            args.extend(rule.table());
            args.extend(["-D", rule.chain]);
            args.extend(rule.rest.iter().map(String::as_str));
            // It fails when there is no such rule, which is the end of the loop.
            if run("iptables", &args, None).is_err() {
                break;
            }
        }
    }
}

/// Puts forwarding back when a lab had switched it on and none is left.
pub(super) fn restore_forwarding(state: &StateDir) -> Result<(), LabError> {
    let _lock = state.lock("forward")?;
    let note = state.path().join("forward.was-off");
    if note.exists() && links(state).is_empty() && state.names()?.is_empty() {
        fs::write(FORWARD, "0").map_err(io("cannot write", Path::new(FORWARD)))?;
        fs::remove_file(&note).map_err(io("cannot remove", &note))?;
    }
    Ok(())
}
