//! What guards the host: FIPS, AppArmor, SELinux, capabilities; whether it is a chroot, or waits for a reboot.

use super::distribution::assignments;
use super::raw::Raw;
use crate::base::{List, Map, Value};

pub fn collect(raw: &Raw, facts: &mut Map) {
    if raw.has("fips") {
        facts.insert("fips".into(), (raw.first("/proc/sys/crypto/fips_enabled") == Some("1")).into());
    }
    if raw.has("apparmor") {
        let on = raw.field("apparmor", "present").is_some();
        facts.insert(
            "apparmor".into(),
            [("status", if on { "enabled" } else { "disabled" })].into_iter().collect(),
        );
    }
    if raw.has("selinux") {
        facts.insert("selinux".into(), selinux(raw));
        facts.insert("selinux_python_present".into(), true.into());
    }
    if raw.has("reboot") {
        facts.insert("reboot_required".into(), raw.field("reboot", "required").is_some().into());
        let names = raw.field("run", "reboot_pkgs").unwrap_or_default().lines().map(Value::from);
        facts.insert("reboot_required_pkgs".into(), names.collect::<Vec<_>>().into());
    }
    if let Some(is) = raw.field("chroot", "is") {
        facts.insert("is_chroot".into(), (is == "1").into());
    }
    if raw.has("caps") {
        capabilities(raw, facts);
    }
}

fn selinux(raw: &Raw) -> Value {
    let config = assignments(raw.lines("/etc/selinux/config"));
    let Some(enforce) = raw.first("/sys/fs/selinux/enforce") else {
        return [("status", "disabled")].into_iter().collect();
    };
    [
        ("status", "enabled".to_string()),
        ("mode", if enforce == "1" { "enforcing" } else { "permissive" }.to_string()),
        ("config_mode", config.get("SELINUX").copied().unwrap_or("unknown").to_string()),
        ("type", config.get("SELINUXTYPE").copied().unwrap_or("unknown").to_string()),
        ("policyvers", raw.first("/sys/fs/selinux/policyvers").unwrap_or("unknown").to_string()),
    ]
    .into_iter()
    .collect()
}

/// Linux capabilities by bit, from capability.h.
const CAPABILITIES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

fn capabilities(raw: &Raw, facts: &mut Map) {
    let mask = |name: &str| {
        let line = raw.lines("/proc/self/status").iter().find_map(|l| l.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let Some(effective) = mask("CapEff:") else { return };
    // Those that the kernel knows; all of them are no limit.
    let last = raw.first("/proc/sys/kernel/cap_last_cap").and_then(|l| l.parse().ok());
    let all = (2u64 << last.unwrap_or(CAPABILITIES.len() - 1).min(62)) - 1;
    let enforced = effective & all != all;
    let names = CAPABILITIES.iter().enumerate().filter(|(i, _)| enforced && effective & (1 << i) != 0);
    let list: List = names.map(|(_, n)| format!("cap_{n}").into()).collect();
    facts.insert("system_capabilities".into(), list.into());
    facts.insert("system_capabilities_enforced".into(), if enforced { "True" } else { "False" }.into());
}
