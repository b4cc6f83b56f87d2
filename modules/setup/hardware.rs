//! Processor, memory, firmware, mounts, uptime, and whether the machine is a virtual one.

use super::raw::Raw;
use super::storage;
use crate::base::{List, Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub fn collect(raw: &Raw, facts: &mut Map) {
    if raw.has("memory") {
        memory(raw, facts);
    }
    if raw.has("cpu") {
        processor(raw, facts);
    }
    if raw.has("dmi") {
        firmware(raw, facts);
    }
    if raw.has("load") {
        load(raw, facts);
    }
    if raw.has("mounts") {
        facts.insert("mounts".into(), mounts(raw));
    }
    if raw.has("virtual") {
        virtualization(raw, facts);
    }
}

fn memory(raw: &Raw, facts: &mut Map) {
    let kib: BTreeMap<&str, i64> = raw
        .lines("/proc/meminfo")
        .iter()
        .filter_map(|l| {
            let (name, rest) = l.split_once(':')?;
            Some((name, rest.split_whitespace().next()?.parse().ok()?))
        })
        .collect();
    let mib = |name: &str| kib.get(name).copied().unwrap_or(0) / 1024;
    let (total, free) = (mib("MemTotal"), mib("MemFree"));
    let no_cache = mib("MemFree") + mib("Cached") + mib("Buffers");
    let swap = (mib("SwapTotal"), mib("SwapFree"), mib("SwapCached"));
    let mut put = |name: &str, value: i64| facts.insert(name.into(), value.into());
    put("memtotal_mb", total);
    put("memfree_mb", free);
    put("swaptotal_mb", swap.0);
    put("swapfree_mb", swap.1);
    let group = |pairs: &[(&str, i64)]| pairs.iter().map(|(k, v)| (*k, *v)).collect::<Value>();
    let all: Value = [
        ("real", group(&[("total", total), ("used", total - free), ("free", free)])),
        ("nocache", group(&[("free", no_cache), ("used", total - no_cache)])),
        (
            "swap",
            group(&[("total", swap.0), ("free", swap.1), ("used", swap.0 - swap.1), ("cached", swap.2)]),
        ),
    ]
    .into_iter()
    .collect();
    facts.insert("memory_mb".into(), all);
}

fn processor(raw: &Raw, facts: &mut Map) {
    let mut list: List = Vec::new();
    let (mut sockets, mut cores, mut count) = (BTreeSet::new(), BTreeMap::new(), 0i64);
    let (mut socket, mut siblings) = (String::new(), 1i64);
    let mut flags = "";
    for line in raw.lines("/proc/cpuinfo") {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key.trim() {
            "processor" if value.bytes().all(|b| b.is_ascii_digit()) => {
                count += 1;
                list.push(value.into());
            }
            "vendor_id" | "model name" | "Processor" | "cpu" => list.push(value.into()),
            "physical id" => {
                socket = value.to_string();
                sockets.insert(socket.clone());
            }
            "cpu cores" => {
                cores.insert(socket.clone(), value.parse::<i64>().unwrap_or(1));
            }
            "siblings" => siblings = value.parse().unwrap_or(1),
            "flags" => flags = value,
            _ => {}
        }
    }
    let count = count.max(1);
    let per_socket = cores.values().next().copied().unwrap_or(1).max(1);
    let sockets = if sockets.is_empty() { count } else { i64::try_from(sockets.len()).unwrap_or(1) };
    let threads = if cores.is_empty() { 1 } else { (siblings / per_socket).max(1) };
    let mut put = |name: &str, value: Value| facts.insert(name.into(), value);
    put("processor", list.into());
    if !flags.is_empty() {
        put("flags", flags.split_whitespace().map(Value::from).collect::<List>().into());
    }
    put("processor_count", sockets.into());
    put("processor_cores", per_socket.into());
    put("processor_threads_per_core", threads.into());
    put("processor_vcpus", if cores.is_empty() { count } else { sockets * per_socket * threads }.into());
    put("processor_nproc", count.into());
}

/// DMI file → fact.
const FIRMWARE: &[(&str, &str)] = &[
    ("bios_date", "bios_date"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("form_factor", "chassis_type"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// Names of SMBIOS chassis types, by number.
const FORM_FACTORS: &[&str] = &[
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

fn firmware(raw: &Raw, facts: &mut Map) {
    for (fact, file) in FIRMWARE {
        let value = dmi(raw, file).unwrap_or("NA");
        let value = match (*fact, value.parse::<usize>()) {
            ("form_factor", Ok(number)) => FORM_FACTORS.get(number).copied().unwrap_or("Unknown"),
            _ => value,
        };
        facts.insert((*fact).into(), value.into());
    }
}

fn dmi<'a>(raw: &'a Raw, file: &str) -> Option<&'a str> {
    raw.first(&format!("/sys/class/dmi/id/{file}"))
}

fn load(raw: &Raw, facts: &mut Map) {
    let seconds = raw.first("/proc/uptime").and_then(|l| l.split(['.', ' ']).next()?.parse::<i64>().ok());
    if let Some(seconds) = seconds {
        facts.insert("uptime_seconds".into(), seconds.into());
    }
    if let Some(line) = raw.first("/proc/loadavg") {
        let numbers = line.split_whitespace().filter_map(|n| n.parse::<f64>().ok());
        facts.insert("loadavg".into(), ["1m", "5m", "15m"].into_iter().zip(numbers).collect());
    }
}

/// `\040` and the like in /proc/mounts.
fn unescape(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")];
    codes.iter().fold(text.to_string(), |t, (code, c)| t.replace(code, c))
}

fn mounts(raw: &Raw) -> Value {
    let sizes: BTreeMap<&str, Vec<i64>> = raw
        .field("run", "statfs")
        .unwrap_or("")
        .lines()
        .filter_map(|l| {
            let mut parts = l.splitn(6, '|');
            let numbers = parts.by_ref().take(5).filter_map(|n| n.parse().ok()).collect();
            Some((parts.next()?, numbers))
        })
        .collect();
    let uuids = storage::uuids(raw);
    let mut out: List = Vec::new();
    for line in raw.lines("/proc/mounts") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [device, dir, fstype, options, ..] = words[..] else { continue };
        if !(device.starts_with('/') || device.contains(":/")) || fstype == "none" {
            continue;
        }
        let dir = unescape(dir);
        let mut mount = Map::new();
        mount.insert("mount".into(), dir.as_str().into());
        mount.insert("device".into(), unescape(device).into());
        mount.insert("fstype".into(), fstype.into());
        mount.insert("options".into(), options.into());
        mount.insert("dump".into(), 0i64.into());
        mount.insert("passno".into(), 0i64.into());
        if let Some([block, total, available, inodes, inodes_free]) =
            sizes.get(dir.as_str()).map(Vec::as_slice)
        {
            for (name, value) in [
                ("size_total", block * total),
                ("size_available", block * available),
                ("block_size", *block),
                ("block_total", *total),
                ("block_available", *available),
                ("block_used", total - available),
                ("inode_total", *inodes),
                ("inode_available", *inodes_free),
                ("inode_used", inodes - inodes_free),
            ] {
                mount.insert(name.into(), value.into());
            }
        }
        let name = device.rsplit('/').next().unwrap_or(device);
        mount.insert("uuid".into(), uuids.get(name).copied().unwrap_or("N/A").into());
        out.push(mount.into());
    }
    out.into()
}

fn virtualization(raw: &Raw, facts: &mut Map) {
    let (kind, role) = virtual_kind(raw);
    let techs = |role_is: &str| -> Value {
        let list: List = if role == role_is { vec![kind.into()] } else { Vec::new() };
        list.into()
    };
    facts.insert("virtualization_type".into(), kind.into());
    facts.insert("virtualization_role".into(), role.into());
    facts.insert("virtualization_tech_guest".into(), techs("guest"));
    facts.insert("virtualization_tech_host".into(), techs("host"));
}

/// (type, role), in the order in which the evidence is decisive.
fn virtual_kind(raw: &Raw) -> (&'static str, &'static str) {
    let cgroup = raw.lines("/proc/1/cgroup").join("\n");
    let container = raw
        .first("/run/systemd/container")
        .or_else(|| raw.field("run", "container").and_then(|l| l.strip_prefix("container=")));
    if raw.exists("/.dockerenv") || raw.exists("/.dockerinit") || cgroup.contains("/docker/") {
        return ("docker", "guest");
    }
    match container {
        Some("lxc" | "lxc-libvirt") => return ("lxc", "guest"),
        Some("podman") => return ("podman", "guest"),
        Some("docker") => return ("docker", "guest"),
        Some(_) => return ("container", "guest"),
        None if raw.exists("/run/.containerenv") => return ("podman", "guest"),
        None if cgroup.contains("/lxc/") || cgroup.contains("/lxc.payload") => return ("lxc", "guest"),
        None if raw.exists("/proc/vz") && !raw.exists("/proc/bc") => return ("openvz", "guest"),
        None => {}
    }
    let dmi_is =
        |file: &str, words: &[&str]| dmi(raw, file).is_some_and(|v| words.iter().any(|w| v.contains(w)));
    let hypervisor_flag =
        raw.lines("/proc/cpuinfo").iter().any(|l| l.starts_with("flags") && l.contains(" hypervisor"));
    let by_dmi: &[(&str, &[&str], &str)] = &[
        ("product_name", &["KVM", "OpenStack", "RHEV", "oVirt", "RHV"], "kvm"),
        (
            "sys_vendor",
            &["QEMU", "Amazon EC2", "DigitalOcean", "Hetzner", "Nutanix", "Google", "Scaleway"],
            "kvm",
        ),
        ("product_name", &["VMware"], "VMware"),
        ("bios_vendor", &["innotek GmbH"], "virtualbox"),
        ("product_name", &["VirtualBox"], "virtualbox"),
        ("product_name", &["HVM domU"], "xen"),
        ("bios_vendor", &["Xen"], "xen"),
        ("sys_vendor", &["Microsoft Corporation"], "VirtualPC"),
        ("sys_vendor", &["Parallels"], "parallels"),
        ("bios_vendor", &["SeaBIOS"], "kvm"),
    ];
    if let Some((.., kind)) = by_dmi.iter().find(|(file, words, _)| dmi_is(file, words)) {
        return (*kind, "guest");
    }
    if raw.first("/sys/hypervisor/type") == Some("xen") || raw.exists("/proc/xen") {
        return ("xen", "guest");
    }
    if hypervisor_flag {
        return ("kvm", "guest");
    }
    if raw.exists("/dev/kvm") { ("kvm", "host") } else { ("NA", "NA") }
}
