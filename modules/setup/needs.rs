//! Which sections of the gathering script tell which facts.

use std::collections::BTreeSet;

/// Every section the script knows.
pub const SECTIONS: &[&str] = &[
    "platform",
    "distribution",
    "pkg_mgr",
    "service_mgr",
    "fqdn",
    "dns",
    "cmdline",
    "caps",
    "fips",
    "selinux",
    "apparmor",
    "load",
    "memory",
    "cpu",
    "ssh_keys",
    "dmi",
    "virtual",
    "mounts",
    "devices",
    "network",
    "chroot",
    "user",
    "env",
    "date_time",
    "python",
    "local",
    "reboot",
    "initiators",
    "lvm",
];

/// What `gather_subset` brings only where it is asked for; all else comes unless `!min` is given.
const ASKED_FOR: &[&str] = &["memory", "cpu", "dmi", "virtual", "mounts", "devices", "lvm", "network"];

fn min() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().copied().filter(|section| !ASKED_FOR.contains(section))
}

/// The facts a run can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactNeeds {
    /// Some expression uses the facts as a whole, or by a name not known before the run.
    All,
    /// Top-level names in `ansible_facts`, without the prefix.
    Names(BTreeSet<String>),
}

impl FactNeeds {
    /// The script's sections that tell these facts. Names that no section tells ask for nothing.
    pub fn sections(&self) -> BTreeSet<&'static str> {
        match self {
            FactNeeds::All => SECTIONS.iter().copied().collect(),
            FactNeeds::Names(names) => names.iter().flat_map(|n| sections_of(n)).copied().collect(),
        }
    }
}

/// Sections that a fact is made from. A name nobody knows may be an interface (`eth0`).
fn sections_of(fact: &str) -> &'static [&'static str] {
    let name = fact.strip_prefix("ansible_").unwrap_or(fact);
    match name {
        "system"
        | "kernel"
        | "kernel_version"
        | "machine"
        | "architecture"
        | "userspace_architecture"
        | "userspace_bits"
        | "nodename"
        | "hostname"
        | "machine_id" => &["platform"],
        "fqdn" | "domain" => &["platform", "fqdn"],
        "os_family" | "lsb" => &["distribution"],
        "pkg_mgr" => &["pkg_mgr", "distribution"],
        "service_mgr" => &["service_mgr"],
        "dns" => &["dns"],
        "cmdline" | "proc_cmdline" => &["cmdline"],
        "fips" => &["fips"],
        "selinux" | "selinux_python_present" => &["selinux"],
        "apparmor" => &["apparmor"],
        "uptime_seconds" | "loadavg" => &["load"],
        "memory_mb" => &["memory"],
        "env" => &["env"],
        "date_time" => &["date_time"],
        "local" => &["local"],
        "is_chroot" => &["chroot"],
        "reboot_required" | "reboot_required_pkgs" => &["reboot"],
        "mounts" => &["mounts"],
        "devices" | "device_links" => &["devices"],
        "lvm" => &["lvm"],
        "iscsi_iqn" | "hostnqn" | "fibre_channel_wwn" => &["initiators"],
        "flags" => &["cpu"],
        "form_factor" | "system_vendor" => &["dmi"],
        "discovered_interpreter_python" | "interpreter_python_fallback" => &["python"],
        // Results of other modules and words of the language, never told by the script.
        "packages" | "services" | "facts" | "gather_subset" | "module_setup" | "facts_path" => &[],
        _ => by_prefix(name),
    }
}

fn by_prefix(name: &str) -> &'static [&'static str] {
    const PREFIXES: &[(&str, &[&str])] = &[
        ("distribution", &["distribution"]),
        ("processor", &["cpu"]),
        ("mem", &["memory"]),
        ("swap", &["memory"]),
        ("virtualization_", &["virtual", "dmi"]),
        ("product_", &["dmi"]),
        ("bios_", &["dmi"]),
        ("board_", &["dmi"]),
        ("chassis_", &["dmi"]),
        ("ssh_host_key_", &["ssh_keys"]),
        ("system_capabilities", &["caps"]),
        ("python", &["python"]),
        ("user_", &["user"]),
        ("real_", &["user"]),
        ("effective_", &["user"]),
        ("getent_", &[]),
    ];
    let found = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map_or(&["network"], |(_, sections)| sections)
}

/// The sections of `gather_subset`: `all`, `min`, groups, single facts, each also refused by `!`.
///
/// # Errors
/// Names the subset that does not exist.
pub fn sections_of_subset(subset: &[&str]) -> Result<BTreeSet<&'static str>, String> {
    let words: Vec<&str> =
        subset.iter().flat_map(|s| s.split(',')).map(str::trim).filter(|s| !s.is_empty()).collect();
    let (refused, asked): (Vec<&str>, Vec<&str>) = words.iter().partition(|w| w.starts_with('!'));
    let mut out = BTreeSet::new();
    if !refused.contains(&"!min") {
        out.extend(min());
    }
    if asked.is_empty() && !refused.contains(&"!all") {
        out.extend(SECTIONS.iter().copied());
    }
    for word in &asked {
        out.extend(one_subset(word)?);
    }
    let explicit: BTreeSet<&str> =
        asked.iter().map(|w| one_subset(w)).collect::<Result<Vec<_>, _>>()?.concat().into_iter().collect();
    let explicit_all = asked.contains(&"all");
    for word in refused.iter().map(|w| &w[1..]).filter(|w| *w != "all" && *w != "min") {
        for section in one_subset(word)? {
            if explicit_all || !explicit.contains(section) {
                out.remove(section);
            }
        }
    }
    Ok(out)
}

fn one_subset(word: &str) -> Result<Vec<&'static str>, String> {
    Ok(match word {
        "all" => SECTIONS.to_vec(),
        "min" => min().collect(),
        "hardware" => vec!["memory", "cpu", "dmi", "mounts", "devices", "lvm", "load"],
        "network" | "interfaces" | "all_ipv4_addresses" | "all_ipv6_addresses" | "default_ipv4"
        | "default_ipv6" => vec!["network"],
        "virtual" => vec!["virtual", "dmi"],
        "caps" => vec!["caps"],
        "chroot" => vec!["chroot"],
        "platform" => vec!["platform", "fqdn"],
        "user" => vec!["user"],
        "ssh_pub_keys" | "ssh_host_pub_keys" => vec!["ssh_keys"],
        "processor" => vec!["cpu"],
        "memory" => vec!["memory"],
        "fibre_channel_wwn" | "iscsi" | "nvme" => vec!["initiators"],
        // Nothing of these is told; asking for them is no error.
        "ohai" | "facter" | "date" => Vec::new(),
        name => {
            let sections = sections_of(name).to_vec();
            if sections == ["network"] {
                return Err(format!(
                    "gather_subset has no `{name}`; there are all, min, hardware, network, virtual, and the names of \
                     single facts (each also with `!`)"
                ));
            }
            sections
        }
    })
}
