//! The operating system's facts: kernel, names, users, time, environment, custom facts.

use super::distribution;
use super::raw::Raw;
use super::security;
use crate::base::{List, Map, Value};

pub fn collect(raw: &Raw, facts: &mut Map) {
    if raw.has("platform") {
        platform(raw, facts);
    }
    if raw.has("fqdn") {
        names(raw, facts);
    }
    if raw.has("distribution") {
        distribution::collect(raw, facts);
    }
    if raw.has("pkg_mgr") {
        facts.insert("pkg_mgr".into(), raw.field("pkg_mgr", "name").unwrap_or("unknown").into());
    }
    if raw.has("service_mgr") {
        facts.insert("service_mgr".into(), service_mgr(raw).into());
    }
    if raw.has("user") {
        user(raw, facts);
    }
    if raw.has("env") {
        facts.insert("env".into(), env(raw.field("run", "env").unwrap_or("")));
    }
    if let Some(date) = raw.field("run", "date") {
        facts.insert("date_time".into(), date_time(date));
    }
    if raw.has("cmdline") {
        cmdline(raw.first("/proc/cmdline").unwrap_or(""), facts);
    }
    if raw.has("python") {
        python(raw, facts);
    }
    if raw.has("local") {
        facts.insert("ansible_local".into(), local(raw));
    }
    if raw.has("ssh_keys") {
        ssh_keys(raw, facts);
    }
    security::collect(raw, facts);
}

fn platform(raw: &Raw, facts: &mut Map) {
    let machine = raw.field("run", "machine").unwrap_or("");
    let node = raw.first("/proc/sys/kernel/hostname").unwrap_or("");
    let bits = if machine.contains("64") || machine == "s390x" { "64" } else { "32" };
    let architecture = match machine {
        m if m.len() == 4 && m.starts_with('i') && m.ends_with("86") => "i386",
        m => m,
    };
    let mut put = |name: &str, value: &str| facts.insert(name.into(), value.into());
    put("system", raw.first("/proc/sys/kernel/ostype").unwrap_or("Linux"));
    put("kernel", raw.first("/proc/sys/kernel/osrelease").unwrap_or(""));
    put("kernel_version", raw.first("/proc/sys/kernel/version").unwrap_or(""));
    put("machine", machine);
    put("architecture", architecture);
    put("userspace_bits", bits);
    put("userspace_architecture", architecture);
    put("nodename", node);
    put("hostname", node.split('.').next().unwrap_or(node));
    for path in ["/var/lib/dbus/machine-id", "/etc/machine-id"] {
        if let Some(id) = raw.first(path) {
            put("machine_id", id);
            break;
        }
    }
}

/// The first name with a dot among a host's names in /etc/hosts, else what `hostname -f` says, else the node name.
fn names(raw: &Raw, facts: &mut Map) {
    let node = raw.first("/proc/sys/kernel/hostname").unwrap_or("");
    let line = raw.lines("/etc/hosts").iter().find_map(|line| {
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().skip(1).collect();
        words.contains(&node).then_some(words)
    });
    let listed = line.and_then(|words| words.into_iter().find(|w| w.contains('.')));
    let fqdn = if node.contains('.') { Some(node) } else { listed };
    let fqdn = fqdn.or_else(|| raw.field("run", "fqdn")).unwrap_or(node);
    facts.insert("fqdn".into(), fqdn.into());
    facts.insert("domain".into(), fqdn.split_once('.').map_or("", |(_, d)| d).into());
}

fn service_mgr(raw: &Raw) -> &str {
    let comm = raw.first("/proc/1/comm").unwrap_or("");
    match comm {
        "procd" => return "openwrt_init",
        "runit-init" | "runit" => return "runit",
        "svscan" | "s6-svscan" => return "svc",
        "openrc-init" => return "openrc",
        "systemd" => return "systemd",
        _ => {}
    }
    if raw.exists("/run/systemd/system") {
        "systemd"
    } else if raw.exists("/run/openrc") || raw.exists("/sbin/openrc") {
        "openrc"
    } else if raw.exists("/sbin/upstart") {
        "upstart"
    } else if raw.exists("/lib/systemd/systemd") && raw.exists("/usr/bin/systemctl") {
        // A root directory or image whose init is not running here.
        "systemd"
    } else if raw.exists("/etc/init.d") {
        "sysvinit"
    } else {
        "service"
    }
}

/// `uid=0(root) gid=0(root) groups=…` and a passwd line.
fn user(raw: &Raw, facts: &mut Map) {
    let id = raw.field("run", "id").unwrap_or("");
    let of = |key: &str| {
        let word = id.split_whitespace().find_map(|w| w.strip_prefix(key))?;
        let number = word.split('(').next()?.parse::<i64>().ok()?;
        Some((number, word.split_once('(').map(|(_, n)| n.trim_end_matches(')')).unwrap_or("")))
    };
    let (uid, name) = of("uid=").unwrap_or((0, ""));
    let (gid, _) = of("gid=").unwrap_or((0, ""));
    let (euid, _) = of("euid=").unwrap_or((uid, ""));
    let (egid, _) = of("egid=").unwrap_or((gid, ""));
    let passwd: Vec<&str> = raw.field("run", "passwd").unwrap_or("").split(':').collect();
    let field = |i: usize| passwd.get(i).copied().unwrap_or("");
    let mut put = |key: &str, value: Value| facts.insert(key.into(), value);
    put("user_id", (if name.is_empty() { field(0) } else { name }).into());
    put("user_uid", uid.into());
    put("user_gid", gid.into());
    put("user_gecos", field(4).into());
    put("user_dir", field(5).into());
    put("user_shell", field(6).into());
    put("real_user_id", uid.into());
    put("effective_user_id", euid.into());
    put("real_group_id", gid.into());
    put("effective_group_id", egid.into());
}

/// Lines of `env`; a line that starts no name continues the value before it.
fn env(text: &str) -> Value {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let named = line.split_once('=').filter(|(n, _)| {
            !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.%()-".contains(&b))
        });
        match (named, out.last_mut()) {
            (Some((name, value)), _) => out.push((name.into(), value.into())),
            (None, Some((_, value))) => {
                value.push('\n');
                value.push_str(line);
            }
            (None, None) => {}
        }
    }
    out.into_iter().collect()
}

fn date_time(line: &str) -> Value {
    let p: Vec<&str> = line.split('|').collect();
    let f = |i: usize| p.get(i).copied().unwrap_or("");
    let (year, month, day, hour, minute, second, epoch) = (f(0), f(1), f(2), f(3), f(4), f(5), f(6));
    let utc = epoch.parse::<i64>().ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    let iso = utc.map(|t| t.to_string()).unwrap_or_default();
    let micro = iso.replace('Z', ".000000Z");
    let basic = format!("{year}{month}{day}T{hour}{minute}{second}");
    let week = |s: &str| s.to_string();
    let mut out: Map = [
        ("date", format!("{year}-{month}-{day}")),
        ("day", day.to_string()),
        ("epoch", epoch.to_string()),
        ("epoch_int", epoch.to_string()),
        ("hour", hour.to_string()),
        ("iso8601", iso),
        ("iso8601_basic", format!("{basic}000000")),
        ("iso8601_basic_short", basic),
        ("iso8601_micro", micro),
        ("minute", minute.to_string()),
        ("month", month.to_string()),
        ("second", second.to_string()),
        ("time", format!("{hour}:{minute}:{second}")),
        ("tz", f(7).to_string()),
        ("tz_dst", f(7).to_string()),
        ("tz_offset", f(8).to_string()),
        ("weekday", f(9).to_string()),
        ("weekday_number", week(f(10))),
        ("weeknumber", week(f(11))),
        ("year", year.to_string()),
    ]
    .into_iter()
    .map(|(k, v)| (k.into(), v.into()))
    .collect();
    out.shift_remove("tz_dst").map(|v| out.insert("tz_dst".into(), v));
    out.into()
}

fn cmdline(line: &str, facts: &mut Map) {
    let words =
        crate::base::words::split(line).unwrap_or_else(|_| line.split_whitespace().map(Into::into).collect());
    let (mut last, mut all) = (Map::new(), Map::new());
    for word in &words {
        let (key, value) = match word.split_once('=') {
            Some((k, v)) => (k, Value::from(v)),
            None => (word.as_str(), Value::Bool(true)),
        };
        last.insert(key.into(), value.clone());
        let merged = match all.shift_remove(key) {
            None => value,
            Some(Value::List(l)) => l.iter().cloned().chain([value]).collect::<List>().into(),
            Some(first) => vec![first, value].into(),
        };
        all.insert(key.into(), merged);
    }
    facts.insert("cmdline".into(), last.into());
    facts.insert("proc_cmdline".into(), all.into());
}

/// Whether Python is there and which; nothing of fitout needs it, playbooks ask.
fn python(raw: &Raw, facts: &mut Map) {
    let Some(path) = raw.field("python", "path") else { return };
    let version = raw.field("run", "python").and_then(|v| v.split_whitespace().nth(1)).unwrap_or("");
    let numbers: Vec<i64> = version.split('.').filter_map(|n| n.parse().ok()).collect();
    let number = |i: usize| Value::from(numbers.get(i).copied().unwrap_or(0));
    let list: List = vec![number(0), number(1), number(2), "final".into(), 0i64.into()];
    let parts: Value = [
        ("major", number(0)),
        ("minor", number(1)),
        ("micro", number(2)),
        ("releaselevel", "final".into()),
        ("serial", 0i64.into()),
    ]
    .into_iter()
    .collect();
    let python: Value = [
        ("executable", Value::from(path)),
        ("type", "cpython".into()),
        ("has_sslcontext", true.into()),
        ("version", parts),
        ("version_info", list.into()),
    ]
    .into_iter()
    .collect();
    facts.insert("python".into(), python);
    facts.insert("python_version".into(), version.into());
    facts.insert("discovered_interpreter_python".into(), path.into());
}

/// Custom facts: JSON, else INI, else an error text in the value's place, as Ansible does.
fn local(raw: &Raw) -> Value {
    let mut out = Map::new();
    for (path, text) in raw.all("local") {
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".fact");
        let rc = raw.field("local_rc", path).unwrap_or("0");
        let value = match rc {
            "0" => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(json) => Value::from_json(&json),
                Err(_) => ini(text).unwrap_or_else(|kind| {
                    format!("error loading facts as {kind} - please check content: {path}").into()
                }),
            },
            "dangling" => format!("Could not stat fact ({path}): no such file or directory").into(),
            rc => format!("Failure executing fact script ({path}), rc: {rc}").into(),
        };
        out.insert(name.into(), value);
    }
    out.into()
}

/// Sections of `name = value` (or `name: value`); names in lower case. The error is what the text is not.
fn ini(text: &str) -> Result<Value, &'static str> {
    const NEITHER: &str = "JSON or ini";
    let mut sections: Vec<(String, Map)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push((name.to_string(), Map::new()));
            continue;
        }
        let (key, value) = line.split_once(['=', ':']).ok_or(NEITHER)?;
        sections.last_mut().ok_or(NEITHER)?.1.insert(key.trim().to_lowercase().into(), value.trim().into());
    }
    let whole = |(name, options): &(String, Map)| {
        let mut values = Map::new();
        for (key, value) in options {
            values.insert(key.clone(), interpolated(value.as_str().unwrap_or_default(), options, 10)?.into());
        }
        Some((name.clone(), values))
    };
    sections.iter().map(whole).collect::<Option<Vec<_>>>().map(|s| s.into_iter().collect()).ok_or("ini")
}

/// `%(name)s` is another option of the section and `%%` a percent sign; any other use of it is an error (`None`).
fn interpolated(value: &str, options: &Map, depth: u8) -> Option<String> {
    let mut parts = value.split('%');
    let mut out = parts.next().unwrap_or_default().to_string();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            out.push('%');
            out += parts.next()?;
            continue;
        }
        let (name, rest) = part.strip_prefix('(')?.split_once(")s")?;
        let inner = options.get(name.to_lowercase().as_str())?.as_str()?;
        out += &interpolated(inner, options, depth.checked_sub(1)?)?;
        out += rest;
    }
    Some(out)
}

fn ssh_keys(raw: &Raw, facts: &mut Map) {
    for (path, lines) in raw.below("/etc/") {
        let name = path.rsplit('/').next().unwrap_or("");
        let Some(kind) = name.strip_prefix("ssh_host_").and_then(|n| n.strip_suffix("_key.pub")) else {
            continue;
        };
        let mut words = lines.first().map(String::as_str).unwrap_or("").split_whitespace();
        if let (Some(key_type), Some(key)) = (words.next(), words.next()) {
            facts.insert(format!("ssh_host_key_{kind}_public").into(), key.into());
            facts.insert(format!("ssh_host_key_{kind}_public_keytype").into(), key_type.into());
        }
    }
}
