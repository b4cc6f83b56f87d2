//! Internet addresses: the `ipaddr` family.

use super::FilterFn::{self, Deep};
use crate::base::{List, Value};
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("ipaddr", Deep(|r, v, a| query_filter(r, v, a, None))),
    ("ipv4", Deep(|r, v, a| query_filter(r, v, a, Some(4)))),
    ("ipv6", Deep(|r, v, a| query_filter(r, v, a, Some(6)))),
    ("ipwrap", Deep(ipwrap)),
    ("ipsubnet", Deep(ipsubnet)),
    ("ipmath", Deep(ipmath)),
    ("nthhost", Deep(nthhost)),
    ("next_nth_usable", Deep(|r, v, a| nth_usable(r, v, a, 1))),
    ("previous_nth_usable", Deep(|r, v, a| nth_usable(r, v, a, -1))),
    ("network_in_network", Deep(network_in)),
    ("network_in_usable", Deep(network_in)),
    ("cidr_merge", Deep(cidr_merge)),
    ("hwaddr", Deep(hwaddr)),
    ("macaddr", Deep(hwaddr)),
];

/// An address with its prefix, and whether the prefix was written.
#[derive(Copy, Clone, PartialEq)]
struct Address {
    net: IpNet,
    written: bool,
}

fn parse(text: &str) -> Option<Address> {
    let text = text.trim();
    if let Ok(addr) = text.parse::<IpAddr>() {
        return Some(Address { net: IpNet::from(addr), written: false });
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(Address { net, written: true });
    }
    let (addr, mask) = text.split_once('/')?;
    let net = IpNet::with_netmask(addr.trim().parse().ok()?, mask.trim().parse().ok()?).ok()?;
    Some(Address { net, written: true })
}

/// True when a value is an address or network, of a family if one is asked for.
pub(crate) fn address_ok(value: &Value, family: Option<u8>) -> bool {
    value.as_str().and_then(parse).is_some_and(|a| is_version(&a.net, family))
}

pub(crate) fn is_version(net: &IpNet, family: Option<u8>) -> bool {
    match family {
        None => true,
        Some(4) => matches!(net, IpNet::V4(_)),
        Some(_) => matches!(net, IpNet::V6(_)),
    }
}

fn shown(address: &Address) -> String {
    if address.written { address.net.to_string() } else { address.net.addr().to_string() }
}

fn query_filter(run: &mut Run<'_>, value: Value, args: &Args, family: Option<u8>) -> Res<Value> {
    let query = args.text(run, 0, "query")?.unwrap_or_default();
    match &value {
        Value::List(items) => {
            let mut out = List::new();
            for item in items.iter() {
                let found = one(run, item, &query, family)?;
                out.extend(Some(found).filter(|v| *v != Value::Bool(false) && !v.is_null()));
            }
            Ok(Value::from(out))
        }
        other => one(run, other, &query, family),
    }
}

fn one(run: &mut Run<'_>, value: &Value, query: &str, family: Option<u8>) -> Res<Value> {
    let no = Value::Bool(false);
    let text = match value {
        Value::Int(i) => u32::try_from(*i).map(|n| Ipv4Addr::from(n).to_string()).unwrap_or_default(),
        Value::Bool(_) | Value::Null => return Ok(no),
        other => run.text(other)?,
    };
    let Some(address) = parse(&text).filter(|a| is_version(&a.net, family)) else { return Ok(no) };
    if let Ok(n) = query.parse::<i128>() {
        return Ok(
            at(&address.net, n).map_or(no, |ip| Value::from(format!("{ip}/{}", address.net.prefix_len())))
        );
    }
    Ok(answer(&address, query, &text)?.unwrap_or(no))
}

/// The address at an offset in a network, from its end when negative.
fn at(net: &IpNet, n: i128) -> Option<IpAddr> {
    let (first, last) = (number(net.network()), number(net.broadcast()));
    let wanted =
        if n < 0 { last.checked_sub(n.unsigned_abs() - 1)? } else { first.checked_add(n.unsigned_abs())? };
    (first..=last).contains(&wanted).then(|| ip(wanted, net.addr()))
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn ip(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

fn int(n: u128) -> Value {
    i64::try_from(n).map_or_else(|_| Value::from(n.to_string()), Value::Int)
}

/// What a query says of an address; `None` when it does not apply.
fn answer(address: &Address, query: &str, text: &str) -> Res<Option<Value>> {
    let (net, addr, prefix) = (&address.net, address.net.addr(), address.net.prefix_len());
    let single = prefix == net.max_prefix_len();
    let is_network = address.written && addr == net.network() && !single;
    let yes = |test: bool| test.then(|| Value::from(shown(address)));
    let text_of = |v: String| Some(Value::from(v));
    let (first, last) = (number(net.network()), number(net.broadcast()));
    let usable = |n: u128| Some(Value::from(ip(n, addr).to_string()));
    let v4 = matches!(net, IpNet::V4(_));
    Ok(match query {
        "" => yes(true),
        "address" | "ip" if is_network => None,
        "address" | "ip" => text_of(addr.to_string()),
        "host" if is_network => None,
        "host" | "host/prefix" | "hostnet" | "ip/prefix" | "address/prefix" | "gateway" | "gw"
            if is_network =>
        {
            None
        }
        "host" | "host/prefix" | "hostnet" | "ip/prefix" | "address/prefix" | "gateway" | "gw" => {
            text_of(format!("{addr}/{prefix}"))
        }
        "cidr" => text_of(format!("{addr}/{prefix}")),
        "net" => is_network.then(|| Value::from(net.to_string())),
        "network" | "network_id" => text_of(net.network().to_string()),
        "network/prefix" | "subnet" => text_of(net.trunc().to_string()),
        "network_netmask" => text_of(format!("{} {}", net.network(), net.netmask())),
        "ip_netmask" => text_of(format!("{addr} {}", net.netmask())),
        "ip_wildcard" => text_of(format!("{addr} {}", net.hostmask())),
        "netmask" => text_of(net.netmask().to_string()),
        "hostmask" | "wildcard" => text_of(net.hostmask().to_string()),
        "prefix" => Some(Value::Int(prefix.into())),
        "broadcast" if single => None,
        "broadcast" => text_of(net.broadcast().to_string()),
        "size" => Some(int(last - first + 1)),
        "size_usable" => Some(int(if single {
            0
        } else if v4 && prefix < 31 {
            last - first - 1
        } else {
            last - first + 1
        })),
        "first_usable" if v4 && prefix < 31 => usable(first + 1),
        "first_usable" if !single => usable(first),
        "last_usable" if v4 && prefix < 31 => usable(last - 1),
        "last_usable" if !single => usable(last),
        "range_usable" if v4 && prefix < 31 => {
            text_of(format!("{}-{}", ip(first + 1, addr), ip(last - 1, addr)))
        }
        "next_usable" => {
            (number(addr) + 1 < last).then(|| Value::from(ip(number(addr) + 1, addr).to_string()))
        }
        "previous_usable" => {
            (number(addr) > first + 1).then(|| Value::from(ip(number(addr) - 1, addr).to_string()))
        }
        "peer" => text_of(ip(number(addr) ^ if prefix == 31 { 1 } else { 3 }, addr).to_string()),
        "version" => Some(Value::Int(if v4 { 4 } else { 6 })),
        "type" => text_of(if is_network { "network" } else { "address" }.into()),
        "int" | "integer" => Some(int(number(addr))),
        "bool" => Some(Value::Bool(true)),
        "ipv4" if v4 => yes(true),
        "ipv6" if !v4 => yes(true),
        "wrap" => text_of(wrapped(text)),
        "revdns" => text_of(reverse_name(addr)),
        "loopback" | "lo" => yes(addr.is_loopback()),
        "multicast" => yes(addr.is_multicast()),
        "unicast" => yes(!addr.is_multicast()),
        "link-local" => yes(is_link_local(addr)),
        "private" => yes(is_private(addr)),
        "public" => {
            yes(!is_private(addr) && !addr.is_loopback() && !addr.is_multicast() && !is_link_local(addr))
        }
        "ipv4" | "ipv6" | "first_usable" | "last_usable" | "range_usable" => None,
        other => match parse(other) {
            Some(within) => yes(within.net.contains(net)),
            None => return Err(wrong(format!("unknown query `{other}`"))),
        },
    })
}

fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => a.is_private(),
        IpAddr::V6(a) => a.segments()[0] & 0xfe00 == 0xfc00,
    }
}

fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn reverse_name(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(a) => {
            let [a, b, c, d] = a.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(a) => {
            let nibbles = a.octets().into_iter().flat_map(|o| [o >> 4, o & 15]).collect::<Vec<_>>();
            nibbles.iter().rev().map(|n| format!("{n:x}.")).collect::<String>() + "ip6.arpa."
        }
    }
}

fn wrapped(text: &str) -> String {
    let (addr, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    match (addr.parse::<Ipv6Addr>(), prefix) {
        (Ok(_), Some(prefix)) => format!("[{addr}]/{prefix}"),
        (Ok(_), None) => format!("[{addr}]"),
        (Err(_), _) => text.to_owned(),
    }
}

fn ipwrap(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    match &value {
        Value::List(items) => {
            let wrap = |v: &Value| v.as_str().map_or_else(|| v.clone(), |s| Value::from(wrapped(s)));
            Ok(Value::from(items.iter().map(wrap).collect::<List>()))
        }
        Value::Bool(_) | Value::Null => Ok(value),
        other => run.text(other).map(|s| Value::from(wrapped(&s))),
    }
}

fn network(run: &mut Run<'_>, value: &Value) -> Res<IpNet> {
    let text = run.text(value)?;
    parse(&text).map(|a| a.net).ok_or_else(|| wrong(format!("`{text}` is no network")))
}

/// `ipsubnet(size, index)`: how many subnets of a size there are, or the one at an index.
fn ipsubnet(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let net = network(run, &value)?.trunc();
    let Some(query) = args.text(run, 0, "query")?.filter(|q| !q.is_empty()) else {
        return Ok(Value::from(net.to_string()));
    };
    let Ok(size) = query.trim_start_matches('/').parse::<u8>() else { return Ok(Value::Bool(false)) };
    let wrong_size = |_| wrong(format!("a prefix of {size} does not fit {net}"));
    let Some(index) = args.int(1, "index")? else {
        if size < net.prefix_len() {
            return Ok(Value::Bool(false));
        }
        return Ok(int(1u128 << (size - net.prefix_len()).min(127)));
    };
    if size < net.prefix_len() {
        return Ok(Value::from(IpNet::new(net.addr(), size).map_err(wrong_size)?.trunc().to_string()));
    }
    let count = 1i128 << (size - net.prefix_len()).min(126);
    let index = if index < 0 { count + i128::from(index) } else { index.into() };
    if !(0..count).contains(&index) {
        return Ok(Value::Bool(false));
    }
    let step = 1u128.checked_shl(u32::from(net.max_prefix_len() - size)).unwrap_or(0);
    let start = ip(number(net.network()) + index.unsigned_abs() * step, net.addr());
    Ok(Value::from(IpNet::new(start, size).map_err(wrong_size)?.to_string()))
}

fn ipmath(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let addr = network(run, &value)?.addr();
    let by = i128::from(args.int(0, "amount")?.unwrap_or(0));
    let moved = i128::try_from(number(addr)).unwrap_or(i128::MAX).saturating_add(by);
    Ok(Value::from(ip(moved.max(0).unsigned_abs(), addr).to_string()))
}

fn nthhost(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let net = network(run, &value)?;
    let n = args.int(0, "query")?.unwrap_or(0);
    Ok(at(&net, n.into()).map_or(Value::Bool(false), |ip| Value::from(ip.to_string())))
}

fn nth_usable(run: &mut Run<'_>, value: Value, args: &Args, sign: i128) -> Res<Value> {
    let net = network(run, &value)?;
    let by = i128::from(args.int(0, "offset")?.unwrap_or(1)) * sign;
    let wanted =
        i128::try_from(number(net.addr())).unwrap_or(i128::MAX).saturating_add(by).max(0).unsigned_abs();
    let inside = wanted > number(net.network()) && wanted < number(net.broadcast());
    Ok(if inside { Value::from(ip(wanted, net.addr()).to_string()) } else { Value::Bool(false) })
}

fn network_in(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let (outer, inner) = (network(run, &value)?, network(run, args.need(0, "test")?)?);
    Ok(Value::Bool(outer.contains(&inner)))
}

fn cidr_merge(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let (mut v4, mut v6): (Vec<Ipv4Net>, Vec<Ipv6Net>) = Default::default();
    for item in super::lists::items(&value)? {
        match network(run, &item)? {
            IpNet::V4(n) => v4.push(n),
            IpNet::V6(n) => v6.push(n),
        }
    }
    match args.text(run, 0, "action")?.as_deref() {
        None | Some("merge") => {}
        Some("span") => return span(&v4, &v6),
        Some(other) => return Err(wrong(format!("cidr_merge: invalid action '{other}'"))),
    }
    let v4 = Ipv4Net::aggregate(&v4).into_iter().map(|n| n.to_string());
    let v6 = Ipv6Net::aggregate(&v6).into_iter().map(|n| n.to_string());
    Ok(Value::from(v4.chain(v6).map(Value::from).collect::<List>()))
}

/// The smallest network that holds all of them.
fn span(v4: &[Ipv4Net], v6: &[Ipv6Net]) -> Res<Value> {
    if !v4.is_empty() && !v6.is_empty() {
        return Err(wrong("cidr_merge: addresses of both families have no network in common"));
    }
    let nets = v4.iter().copied().map(IpNet::from).chain(v6.iter().copied().map(IpNet::from));
    let nets: Vec<IpNet> = nets.collect();
    let Some(mut all) = nets.first().map(IpNet::trunc) else { return Ok(Value::Null) };
    while !nets.iter().all(|net| all.contains(net)) {
        let Some(wider) = all.supernet() else { break };
        all = wider;
    }
    Ok(Value::from(all.to_string()))
}

fn hwaddr(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    let legal = text.chars().all(|c| c.is_ascii_hexdigit() || ":-.".contains(c));
    if digits.len() != 12 || !legal {
        return Ok(Value::Bool(false));
    }
    let pairs = |size: usize, glue: &str| {
        let chunks: Vec<&str> = (0..12).step_by(size).map(|i| &digits[i..i + size]).collect();
        chunks.join(glue)
    };
    Ok(match args.text(run, 0, "query")?.as_deref() {
        None | Some("") => Value::from(text),
        Some("bool") => Value::Bool(true),
        Some("bare") => Value::from(digits),
        Some("linux" | "unix") => Value::from(pairs(2, ":")),
        Some("cisco") => Value::from(pairs(4, ".")),
        Some("win" | "eui48") => Value::from(pairs(2, "-").to_uppercase()),
        Some(other) => return Err(wrong(format!("unknown query `{other}`"))),
    })
}
