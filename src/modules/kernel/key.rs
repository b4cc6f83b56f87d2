//! Keys and values of kernel parameters: their spellings, and when two values are one to the kernel.

use crate::base::Value;

/// A key as its path below /proc/sys. Where the first separator is a slash, dots are part of a name; else dots
/// separate and slashes stand for the dots of a name (`net.ipv4.conf.eth0/7.rp_filter`).
pub fn path(key: &str) -> String {
    let key = key.trim();
    let swapped: String = match key.find(['.', '/']).map(|i| key.as_bytes()[i]) {
        Some(b'.') => key.chars().map(swap).collect(),
        _ => key.to_string(),
    };
    swapped.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// A path below /proc/sys as a key with dots.
pub fn dotted(path: &str) -> String {
    path.chars().map(swap).collect()
}

fn swap(c: char) -> char {
    match c {
        '.' => '/',
        '/' => '.',
        c => c,
    }
}

/// Whether the path can be a kernel parameter's, or a pattern's of such paths.
pub fn valid(path: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "=#;\\".contains(c);
    path.contains('/') && !path.starts_with('-') && !path.split('/').any(|p| p == "..") && !path.contains(bad)
}

/// A value as it is written: truth values are 1 and 0, a list is its members with blanks between.
pub fn value(given: &Value) -> Option<String> {
    if let Some(items) = given.as_list() {
        let words: Option<Vec<String>> = items.iter().map(value).collect();
        return Some(words?.join(" "));
    }
    let text = crate::modules::kit::text(given)?;
    let text = text.trim();
    Some(match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => "1".into(),
        "no" | "off" | "false" => "0".into(),
        _ => text.to_string(),
    })
}

/// Whether two values of a key are the same to the kernel: it splits at white space, reads numbers of any base
/// and writes them as decimals, and sorts lists of ports.
pub fn same(path: &str, a: &str, b: &str) -> bool {
    if path.ends_with("_reserved_ports")
        && let (Some(a), Some(b)) = (ports(a), ports(b))
    {
        return a == b;
    }
    let mut pair = (a.split_whitespace(), b.split_whitespace());
    loop {
        match (pair.0.next(), pair.1.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || number(a).is_some_and(|n| number(b) == Some(n)) => {}
            _ => return false,
        }
    }
}

/// A number as the kernel reads it: `0x` is hexadecimal, a leading 0 octal.
fn number(word: &str) -> Option<i128> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    Some(sign * value.ok()?)
}

/// `8080,30000-30010` as sorted ranges that do not touch.
fn ports(text: &str) -> Option<Vec<(u32, u32)>> {
    let mut ranges = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        ranges.push((from.trim().parse().ok()?, to.trim().parse().ok()?));
    }
    ranges.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::new();
    for (from, to) in ranges {
        match out.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    Some(out)
}

/// The kernel module that brings a key, where one does.
pub fn module(path: &str) -> Option<&'static str> {
    const BROUGHT: [(&str, &str); 9] = [
        ("net/netfilter/nf_conntrack", "nf_conntrack"),
        ("net/nf_conntrack_max", "nf_conntrack"),
        ("net/netfilter/nf_flowtable", "nf_conntrack"),
        ("net/bridge/", "br_netfilter"),
        ("net/ipv4/vs/", "ip_vs"),
        ("net/sctp/", "sctp"),
        ("sunrpc/", "sunrpc"),
        ("fs/nfs/", "nfs"),
        ("dev/raid/", "md_mod"),
    ];
    BROUGHT.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, module)| *module)
}

/// Other keys that are the same setting: who sets one sets the other.
pub fn twin(path: &str) -> Option<&'static str> {
    const TWINS: [(&str, &str); 2] = [
        ("net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding"),
        ("net/nf_conntrack_max", "net/netfilter/nf_conntrack_max"),
    ];
    TWINS.iter().find_map(|(a, b)| match path {
        p if p == *a => Some(*b),
        p if p == *b => Some(*a),
        _ => None,
    })
}

/// Another key that says the same in another unit: the kernel makes it 0 when this one is set.
pub fn rival(path: &str) -> Option<&'static str> {
    const RIVALS: [(&str, &str); 3] = [
        ("vm/dirty_ratio", "vm/dirty_bytes"),
        ("vm/dirty_background_ratio", "vm/dirty_background_bytes"),
        ("vm/overcommit_ratio", "vm/overcommit_kbytes"),
    ];
    RIVALS.iter().find_map(|(a, b)| match path {
        p if p == *a => Some(*b),
        p if p == *b => Some(*a),
        _ => None,
    })
}

/// Whether a key with a rival makes that one 0 when it is set to this: of some the kernel does not take a 0, or takes
/// it for no change.
pub fn takes_over(path: &str, value: &str) -> bool {
    const NEVER_NONE: [&str; 3] = ["vm/dirty_ratio", "vm/dirty_bytes", "vm/dirty_background_bytes"];
    !(NEVER_NONE.contains(&path) && same(path, value, "0"))
}

/// The order in which keys are set: those first that the kernel carries over to others.
pub fn rank(path: &str) -> u8 {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["net", "ipv4", "ip_forward"] | ["net", "ipv4" | "ipv6", "conf", "all", "forwarding"] => 0,
        ["net", _, "conf", "all", ..] => 1,
        ["net", _, "conf", "default", ..] => 2,
        _ => 3,
    }
}

/// Whether setting one key may change the other.
pub fn resets(path: &str, other: &str) -> bool {
    let family = |path: &str| path.split('/').nth(1).map(str::to_string);
    let last = |path: &str| path.rsplit('/').next().map(str::to_string);
    let interfaces = other.split('/').nth(2) == Some("conf") && family(path) == family(other);
    interfaces && rank(path) < rank(other) && (rank(path) == 0 || last(path) == last(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_however_they_are_written() {
        let cases = [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
            ("net.ipv4.conf.eth0/7.rp_filter", "net/ipv4/conf/eth0.7/rp_filter"),
            ("net/ipv4/conf/eth0.7/rp_filter", "net/ipv4/conf/eth0.7/rp_filter"),
            (" /net//ipv4/./ip_forward ", "net/ipv4/ip_forward"),
        ];
        for (key, expected) in cases {
            assert_eq!(path(key), expected, "{key}");
        }
        assert_eq!(dotted("net/ipv4/conf/eth0.7/rp_filter"), "net.ipv4.conf.eth0/7.rp_filter");
        for bad in ["", "swappiness", "../x", "vm/../x", "vm/a b", "a/b=c", "-a/b"] {
            assert!(!valid(bad), "{bad}");
        }
    }

    #[test]
    fn values_compare_as_the_kernel_keeps_them() {
        let cases = [
            ("net/ipv4/tcp_rmem", "4096 87380  16777216", "4096\t87380\t16777216", true),
            ("kernel/printk", "4 4 1", "4\t4\t1\t7", false),
            ("kernel/sysrq", "0xb0", "176", true),
            ("kernel/sysrq", "010", "8", true),
            ("kernel/sysrq", "010", "10", false),
            ("kernel/core_pattern", "|/bin/false", "|/bin/false", true),
            ("kernel/core_pattern", "0core", "core", false),
            ("net/ipv4/ip_local_reserved_ports", "30000-30009,8080,30010", "8080,30000-30010", true),
            ("net/ipv4/ip_local_reserved_ports", "", "", true),
            ("vm/x", "-1", "-1", true),
            ("vm/x", "", "0", false),
        ];
        for (path, a, b, expected) in cases {
            assert_eq!(same(path, a, b), expected, "{path}: {a} and {b}");
            assert_eq!(same(path, b, a), expected, "{path}: {b} and {a}");
        }
    }

    #[test]
    fn keys_that_the_kernel_carries_over_are_set_first() {
        let ordered = [
            "net/ipv6/conf/all/forwarding",
            "net/ipv4/conf/all/accept_redirects",
            "net/ipv4/conf/default/accept_redirects",
            "net/ipv4/conf/eth0/accept_redirects",
        ];
        assert!(ordered.is_sorted_by_key(|path| rank(path)));
        for (path, other, expected) in [
            ("net/ipv4/ip_forward", "net/ipv4/conf/all/accept_redirects", true),
            ("net/ipv4/ip_forward", "net/ipv6/conf/all/accept_redirects", false),
            ("net/ipv4/ip_forward", "net/ipv4/tcp_rmem", false),
            ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/eth0/disable_ipv6", true),
            ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/eth0/accept_ra", false),
            ("net/ipv6/conf/eth0/disable_ipv6", "net/ipv6/conf/all/disable_ipv6", false),
        ] {
            assert_eq!(resets(path, other), expected, "{path} and {other}");
        }
    }

    #[test]
    fn truth_values_and_lists_become_what_the_kernel_takes() {
        assert_eq!(value(&true.into()).as_deref(), Some("1"));
        assert_eq!(value(&"Off".into()).as_deref(), Some("0"));
        assert_eq!(value(&vec![Value::from(1024), Value::from(65000)].into()).as_deref(), Some("1024 65000"));
        assert_eq!(value(&Value::Null), None);
    }
}
