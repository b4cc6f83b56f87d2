//! Disks with their partitions and names, volume groups, and what the host is called by its storage.

use super::raw::Raw;
use crate::base::{List, Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub fn collect(raw: &Raw, facts: &mut Map) {
    if raw.has("devices") {
        let links = Links::read(raw);
        facts.insert("devices".into(), devices(raw, &links));
        facts.insert("device_links".into(), links.all());
    }
    if raw.has("lvm") {
        facts.insert("lvm".into(), lvm(raw));
    }
    if raw.has("initiators") {
        let iqn =
            raw.lines("/etc/iscsi/initiatorname.iscsi").iter().find_map(|l| l.strip_prefix("InitiatorName="));
        facts.insert("iscsi_iqn".into(), iqn.map_or("", str::trim).into());
        facts.insert("hostnqn".into(), raw.first("/etc/nvme/hostnqn").unwrap_or("").into());
        let ports = raw.below("/sys/class/fc_host/").filter_map(|(_, lines)| lines.first());
        let names: List = ports.map(|l| l.trim().trim_start_matches("0x").into()).collect();
        facts.insert("fibre_channel_wwn".into(), names.into());
    }
}

/// Names of devices (`sda1`) by kind: the links that udev made of them, and the devices that are made of them.
struct Links(BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>);

/// Folders of links, and Ansible's name of the kind.
const KINDS: [(&str, &str); 3] =
    [("/dev/disk/by-id", "ids"), ("/dev/disk/by-label", "labels"), ("/dev/disk/by-uuid", "uuids")];

impl Links {
    fn read(raw: &Raw) -> Links {
        let mut all: BTreeMap<_, BTreeMap<String, BTreeSet<String>>> =
            ["ids", "labels", "masters", "uuids"].into_iter().map(|kind| (kind, BTreeMap::new())).collect();
        for (kind, name, device) in listed(raw) {
            // Blanks of a label are escaped by udev.
            let name = name.replace("\\x20", " ");
            all.entry(kind).or_default().entry(device.to_string()).or_default().insert(name);
        }
        for (device, master) in raw.all("master") {
            let masters = all.entry("masters").or_default().entry(device.to_string()).or_default();
            masters.extend(master.split_whitespace().map(str::to_string));
        }
        Links(all)
    }

    fn all(&self) -> Value {
        let names =
            |of: &BTreeSet<String>| Value::from(of.iter().map(|n| n.as_str().into()).collect::<List>());
        let kind = |of: &BTreeMap<String, BTreeSet<String>>| {
            of.iter().map(|(device, of)| (device.as_str(), names(of))).collect::<Value>()
        };
        self.0.iter().map(|(name, of)| (*name, kind(of))).collect()
    }

    fn of(&self, device: &str) -> Value {
        let names = |of: &BTreeMap<String, BTreeSet<String>>| -> Value {
            of.get(device).into_iter().flatten().map(|n| n.as_str().into()).collect::<List>().into()
        };
        self.0.iter().map(|(kind, of)| (*kind, names(of))).collect()
    }
}

/// Kind, name and device of each link in the folders of links.
fn listed(raw: &Raw) -> Vec<(&'static str, &str, &str)> {
    let mut kind = None;
    let mut out = Vec::new();
    for line in raw.field("run", "links").unwrap_or("").lines() {
        if let Some((_, name)) =
            line.strip_suffix(':').and_then(|dir| KINDS.iter().find(|(of, _)| *of == dir))
        {
            kind = Some(*name);
        } else if let (Some(kind), Some((left, target))) = (kind, line.rsplit_once(" -> ")) {
            let name = left.rsplit(' ').next().unwrap_or_default();
            out.push((kind, name, target.rsplit('/').next().unwrap_or(target)));
        }
    }
    out
}

/// Device names (`sda1`) with their file system's UUID.
pub fn uuids(raw: &Raw) -> BTreeMap<&str, &str> {
    listed(raw)
        .into_iter()
        .filter(|(kind, ..)| *kind == "uuids")
        .map(|(_, name, device)| (device, name))
        .collect()
}

fn devices(raw: &Raw, links: &Links) -> Value {
    let mut disks: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (path, lines) in raw.below("/sys/block/") {
        if let (Some((disk, rest)), Some(line)) = (path.split_once('/'), lines.first()) {
            disks.entry(disk).or_default().insert(rest, line.trim());
        }
    }
    let uuids = uuids(raw);
    // What a device is a part of: a mapped one is called by its name.
    let holders = |device: &str| -> Value {
        let of =
            raw.all("holder").filter(|(held, _)| *held == device).flat_map(|(_, by)| by.split_whitespace());
        let name = |by: &str| raw.first(&format!("/sys/block/{by}/dm/name")).unwrap_or(by).into();
        of.map(name).collect::<List>().into()
    };
    let mut out = Map::new();
    for (disk, files) in &disks {
        let get = |name: &str| files.get(name).copied();
        let size = |of: &str| get(of).and_then(|s| s.parse::<i64>().ok()).unwrap_or(0) * 512;
        let mut partitions = Map::new();
        for part in files.keys().filter_map(|k| k.strip_suffix("/start")) {
            let bytes = size(&format!("{part}/size"));
            let partition: Value = [
                ("start", Value::from(get(&format!("{part}/start")).unwrap_or("0"))),
                ("sectors", (bytes / 512).into()),
                ("sectorsize", 512i64.into()),
                ("size", human(bytes).into()),
                ("uuid", Value::from(uuids.get(part).copied())),
                ("links", links.of(part)),
                ("holders", holders(part)),
            ]
            .into_iter()
            .collect();
            partitions.insert(part.into(), partition);
        }
        let scheduler = get("queue/scheduler").unwrap_or("");
        let active = scheduler.split_once('[').and_then(|(_, r)| r.split(']').next()).unwrap_or(scheduler);
        let sector = get("queue/logical_block_size").unwrap_or("512");
        let discards =
            get("queue/discard_granularity").filter(|_| get("queue/discard_max_hw_bytes") != Some("0"));
        let mut device: Map = [
            ("model", Value::from(get("device/model"))),
            ("vendor", Value::from(get("device/vendor"))),
            ("sas_address", Value::from(get("device/sas_address"))),
            ("sas_device_handle", Value::from(get("device/sas_device_handle"))),
            ("host", "".into()),
            ("removable", get("removable").unwrap_or("0").into()),
            ("rotational", get("queue/rotational").unwrap_or("0").into()),
            ("support_discard", discards.unwrap_or("0").into()),
            ("scheduler_mode", active.into()),
            ("sectors", (size("size") / sector.parse::<i64>().unwrap_or(512).max(1)).into()),
            ("sectorsize", sector.into()),
            ("size", human(size("size")).into()),
            ("links", links.of(disk)),
            ("holders", holders(disk)),
            ("partitions", partitions.into()),
            // Where /sys/block is links, as it is everywhere now, Ansible says this of every device.
            ("virtual", 1i64.into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
        if let Some(serial) = get("device/serial").filter(|s| !s.is_empty()) {
            device.insert("serial".into(), serial.into());
        }
        out.insert((*disk).into(), device.into());
    }
    out.into()
}

/// Bytes as Ansible writes sizes: `20.00 GB` (powers of 1024).
fn human(bytes: i64) -> String {
    let units = ["Bytes", "KB", "MB", "GB", "TB", "PB"];
    let power = units.iter().skip(1).take_while({
        let mut left = bytes;
        move |_| {
            left /= 1024;
            left > 0
        }
    });
    let steps = power.count();
    let divisor = 1024f64.powi(i32::try_from(steps).unwrap_or(0));
    format!("{:.2} {}", bytes as f64 / divisor, units[steps])
}

/// What `vgs`, `lvs` and `pvs` list; `N/A` where there is no LVM.
fn lvm(raw: &Raw) -> Value {
    if raw.field("lvm", "tools").is_none() {
        return "N/A".into();
    }
    let rows = |tool: &str| -> Vec<Vec<&str>> {
        let lines = raw.field("run", tool).unwrap_or("").lines();
        lines.map(|l| l.trim().split(',').collect::<Vec<_>>()).filter(|r| r.len() >= 4).collect()
    };
    let table = |tool: &str, fields: &[(&str, usize)]| -> Value {
        let row = |row: Vec<&str>| {
            let cell = |at: usize| Value::from(row.get(at).copied().unwrap_or(""));
            let cells: Value = fields.iter().map(|(name, at)| (*name, cell(*at))).collect();
            (row[0].to_string(), cells)
        };
        rows(tool).into_iter().map(row).collect()
    };
    [
        ("lvs", table("lvs", &[("size_g", 3), ("vg", 1)])),
        ("vgs", table("vgs", &[("size_g", 5), ("free_g", 6), ("num_lvs", 2), ("num_pvs", 1)])),
        ("pvs", table("pvs", &[("size_g", 4), ("free_g", 5), ("vg", 1)])),
    ]
    .into_iter()
    .collect()
}
