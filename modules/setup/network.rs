//! Interfaces, addresses, default routes and name servers.

use super::raw::Raw;
use crate::base::{List, Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub fn collect(raw: &Raw, facts: &mut Map) {
    if raw.has("dns") {
        facts.insert("dns".into(), dns(raw));
    }
    if raw.has("network") {
        interfaces(raw, facts);
    }
}

fn dns(raw: &Raw) -> Value {
    let mut out = Map::new();
    let mut servers: List = Vec::new();
    for line in raw.lines("/etc/resolv.conf") {
        let mut words = line.split(['#', ';']).next().unwrap_or("").split_whitespace();
        let (Some(key), rest) = (words.next(), words.map(Value::from).collect::<List>()) else { continue };
        match key {
            "nameserver" => servers.extend(rest),
            "domain" => {
                out.insert("domain".into(), rest.first().cloned().unwrap_or_default());
            }
            "search" | "sortlist" => {
                out.insert(key.into(), rest.into());
            }
            "options" => {
                let options = rest.iter().filter_map(Value::as_str).map(|o| match o.split_once(':') {
                    Some((name, value)) => (name, Value::from(value)),
                    None => (o, Value::Bool(true)),
                });
                out.insert("options".into(), options.collect());
            }
            _ => {}
        }
    }
    if !servers.is_empty() {
        out.insert("nameservers".into(), servers.into());
    }
    out.into()
}

/// One `inet`/`inet6` line.
struct Address {
    v6: bool,
    address: String,
    prefix: u8,
    scope: String,
    broadcast: Option<String>,
}

fn interfaces(raw: &Raw, facts: &mut Map) {
    let mut found: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for (path, _) in raw.below("/sys/class/net/") {
        if let Some((name, "flags" | "mtu")) = path.split_once('/') {
            found.entry(name.to_string()).or_default();
        }
    }
    match raw.field("run", "addr") {
        Some(text) => text.lines().filter_map(ip_addr).for_each(|(name, a)| {
            found.entry(name).or_default().push(a);
        }),
        None => without_ip(raw).into_iter().for_each(|(name, a)| found.entry(name).or_default().push(a)),
    }
    let (mut all4, mut all6): (List, List) = (Vec::new(), Vec::new());
    let mut dicts: BTreeMap<&str, Map> = BTreeMap::new();
    for (name, addresses) in &found {
        for a in addresses.iter() {
            match a.v6 {
                true if a.address != "::1" => all6.push(a.address.as_str().into()),
                false if !a.address.starts_with("127.") => all4.push(a.address.as_str().into()),
                _ => {}
            }
        }
        dicts.insert(name, interface(raw, name, addresses));
    }
    for (fact, v6) in [("default_ipv4", false), ("default_ipv6", true)] {
        facts.insert(fact.into(), default_route(raw, v6, &dicts).into());
    }
    facts.insert("all_ipv4_addresses".into(), all4.into());
    facts.insert("all_ipv6_addresses".into(), all6.into());
    facts.insert("interfaces".into(), found.keys().map(|n| n.as_str().into()).collect::<List>().into());
    for (name, dict) in dicts {
        facts.insert(name.replace(['-', '.', ':'], "_").into(), dict.into());
    }
}

/// `2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\ …`
fn ip_addr(line: &str) -> Option<(String, Address)> {
    let mut words = line.split_whitespace().skip(1);
    let name = words.next()?.split('@').next()?.to_string();
    let v6 = match words.next()? {
        "inet" => false,
        "inet6" => true,
        _ => return None,
    };
    let (address, prefix) = match words.next()?.split_once('/') {
        Some((a, p)) => (a.to_string(), p.parse().ok()?),
        None => return None,
    };
    let rest: Vec<&str> = words.collect();
    let after =
        |key: &str| rest.iter().position(|w| *w == key).and_then(|i| rest.get(i + 1)).map(|w| w.to_string());
    Some((
        name,
        Address { v6, address, prefix, scope: after("scope").unwrap_or_default(), broadcast: after("brd") },
    ))
}

/// Addresses from /proc, for a host without `ip`. IPv4 ones are matched to interfaces by the routes.
fn without_ip(raw: &Raw) -> Vec<(String, Address)> {
    let mut out = Vec::new();
    for line in raw.lines("/proc/net/if_inet6") {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [hex, _, prefix, scope, _, name] = words[..] else { continue };
        let (Ok(bits), Ok(prefix)) = (u128::from_str_radix(hex, 16), u8::from_str_radix(prefix, 16)) else {
            continue;
        };
        let scope = match scope {
            "00" => "global",
            "10" => "host",
            "20" => "link",
            _ => "site",
        };
        let address = std::net::Ipv6Addr::from(bits).to_string();
        out.push((
            name.to_string(),
            Address { v6: true, address, prefix, scope: scope.into(), broadcast: None },
        ));
    }
    let mut local = BTreeSet::new();
    let mut last = None;
    for line in raw.lines("/proc/net/fib_trie") {
        if let Some(leaf) = line.trim().strip_prefix("|-- ") {
            last = leaf.trim().parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL")
            && let Some(address) = last
        {
            local.insert(address);
        }
    }
    for (name, destination, mask, _) in routes(raw).into_iter().filter(|r| r.2 != 0) {
        for address in local.iter().filter(|a| u32::from(**a) & mask == destination && !a.is_loopback()) {
            let prefix = u8::try_from(mask.leading_ones()).unwrap_or(32);
            let broadcast = Some(Ipv4Addr::from(destination | !mask).to_string());
            let address = Address {
                v6: false,
                address: address.to_string(),
                prefix,
                scope: "global".into(),
                broadcast,
            };
            out.push((name.clone(), address));
        }
    }
    if local.contains(&Ipv4Addr::LOCALHOST) {
        let address = "127.0.0.1".to_string();
        out.push((
            "lo".into(),
            Address { v6: false, address, prefix: 8, scope: "host".into(), broadcast: None },
        ));
    }
    out
}

/// /proc/net/route: (interface, destination, mask, gateway), addresses as numbers.
fn routes(raw: &Raw) -> Vec<(String, u32, u32, u32)> {
    let rows = raw.lines("/proc/net/route").iter().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |i: usize| u32::from_str_radix(words.get(i)?, 16).ok().map(u32::swap_bytes);
        Some((words.first()?.to_string(), number(1)?, number(7)?, number(2)?))
    });
    rows.collect()
}

fn interface(raw: &Raw, name: &str, addresses: &[Address]) -> Map {
    let file = |file: &str| raw.first(&format!("/sys/class/net/{name}/{file}"));
    let flags =
        file("flags").and_then(|f| u32::from_str_radix(f.trim_start_matches("0x"), 16).ok()).unwrap_or(0);
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.into(), value);
    put("device", name.into());
    put("active", (flags & 1 != 0).into());
    put("promisc", (flags & 0x100 != 0).into());
    if let Some(mac) = file("address").filter(|m| !m.is_empty() && *m != "00:00:00:00:00:00") {
        put("macaddress", mac.into());
    }
    if let Some(mtu) = file("mtu").and_then(|m| m.parse::<i64>().ok()) {
        put("mtu", mtu.into());
    }
    if let Some(speed) = file("speed").and_then(|m| m.parse::<i64>().ok()) {
        put("speed", speed.into());
    }
    let kind = match file("type") {
        _ if file("bridge/stp_state").is_some() => "bridge",
        _ if file("bonding/mode").is_some() => "bonding",
        Some("1") => "ether",
        Some("32") => "infiniband",
        Some("512") => "ppp",
        Some("772") => "loopback",
        Some("65534") => "tunnel",
        _ => "unknown",
    };
    put("type", kind.into());
    if kind == "bridge" {
        let ports = raw.all("port").filter(|(bridge, _)| *bridge == name).map(|(_, port)| port.into());
        put("interfaces", ports.collect::<List>().into());
        put("id", file("bridge/bridge_id").unwrap_or("").into());
        put("stp", (file("bridge/stp_state") == Some("1")).into());
    }
    let mut v4 = addresses.iter().filter(|a| !a.v6);
    if let Some(first) = v4.next() {
        put("ipv4", ipv4(first).into());
        let more: List = v4.map(|a| ipv4(a).into()).collect();
        if !more.is_empty() {
            put("ipv4_secondaries", more.into());
        }
    }
    let v6: List = addresses
        .iter()
        .filter(|a| a.v6)
        .map(|a| {
            let pairs = [
                ("address", a.address.clone()),
                ("prefix", a.prefix.to_string()),
                ("scope", a.scope.clone()),
            ];
            pairs.into_iter().collect()
        })
        .collect();
    if !v6.is_empty() {
        put("ipv6", v6.into());
    }
    out
}

fn ipv4(a: &Address) -> Map {
    let mask = u32::MAX.checked_shl(32 - u32::from(a.prefix.min(32))).unwrap_or(0);
    let network = a.address.parse::<Ipv4Addr>().map(|ip| Ipv4Addr::from(u32::from(ip) & mask).to_string());
    let pairs = [
        ("address", a.address.clone()),
        ("broadcast", a.broadcast.clone().unwrap_or_default()),
        ("netmask", Ipv4Addr::from(mask).to_string()),
        ("network", network.unwrap_or_default()),
        ("prefix", a.prefix.to_string()),
    ];
    pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect()
}

/// Interface, gateway and source address of the way to the internet, with that interface's particulars.
fn default_route(raw: &Raw, v6: bool, dicts: &BTreeMap<&str, Map>) -> Map {
    let mut out = Map::new();
    let said = raw.field("run", if v6 { "route6" } else { "route4" }).unwrap_or("");
    let words: Vec<&str> = said.split_whitespace().collect();
    let after = |key: &str| words.iter().position(|w| *w == key).and_then(|i| words.get(i + 1)).copied();
    let mut device = after("dev").map(str::to_string);
    let mut gateway = after("via").map(str::to_string);
    if device.is_none() && !v6 && raw.field("run", "addr").is_none() {
        let default = routes(raw).into_iter().find(|r| r.1 == 0 && r.2 == 0);
        gateway = default.as_ref().map(|r| Ipv4Addr::from(r.3).to_string());
        device = default.map(|r| r.0);
    }
    let Some(device) = device else { return out };
    let Some(dict) = dicts.get(device.as_str()) else { return out };
    let source = after("src")
        .or_else(|| dict.get("ipv4").and_then(|v| v.get("address")).and_then(Value::as_str).filter(|_| !v6));
    let mut put = |key: &str, value: Option<Value>| value.map(|v| out.insert(key.into(), v));
    put("interface", Some(device.as_str().into()));
    put("gateway", gateway.map(Into::into));
    put("address", source.map(Into::into));
    for key in ["macaddress", "mtu", "type"] {
        put(key, dict.get(key).cloned());
    }
    if v6 {
        let list = dict.get("ipv6").and_then(Value::as_list);
        let own = list.and_then(|l| l.iter().find(|a| a.get("address").and_then(Value::as_str) == source));
        put("prefix", own.and_then(|a| a.get("prefix")).cloned());
        put("scope", own.and_then(|a| a.get("scope")).cloned());
        return out;
    }
    put("alias", Some(device.as_str().into()));
    let lists = [
        dict.get("ipv4").cloned().map(|v| vec![v]),
        dict.get("ipv4_secondaries").and_then(Value::as_list).cloned(),
    ];
    let own =
        lists.into_iter().flatten().flatten().find(|a| a.get("address").and_then(Value::as_str) == source);
    for key in ["broadcast", "netmask", "network", "prefix"] {
        put(key, own.as_ref().and_then(|a| a.get(key)).cloned());
    }
    out
}
