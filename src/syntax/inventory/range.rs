//! Host ranges: `web[01:20:2].example.org`, `db-[a:f]`, and a port behind the name.

/// Hosts that one line may stand for, at most.
const MAX_HOSTS: usize = 1_000_000;

/// The names a host entry stands for, and the port behind it.
pub(super) fn expand(entry: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (name, port) = split_port(entry);
    let mut names = vec![String::new()];
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let Some(length) = rest[open..].find(']') else {
            return Err(format!("the `[` of the range in `{name}` is not closed"));
        };
        let inner = &rest[open + 1..open + length];
        let parts = range(inner)?;
        if names.len().saturating_mul(parts.len()) > MAX_HOSTS {
            return Err(format!("`{name}` stands for more than {MAX_HOSTS} hosts"));
        }
        let before = &rest[..open];
        names = names.iter().flat_map(|n| parts.iter().map(move |p| format!("{n}{before}{p}"))).collect();
        rest = &rest[open + length + 1..];
    }
    if rest.contains(']') {
        return Err(format!("a `]` without its `[` in `{name}`"));
    }
    names.iter_mut().for_each(|n| n.push_str(rest));
    Ok((names, port))
}

/// `name:2222`; an IPv6 address has more colons and stays whole, unless it stands in brackets.
pub(super) fn split_port(entry: &str) -> (&str, Option<u16>) {
    let bracketed = entry.strip_prefix('[').and_then(|e| e.split_once(']'));
    if let Some((address, rest)) = bracketed.filter(|(address, _)| is_address(address)) {
        return (address, rest.strip_prefix(':').and_then(|p| p.parse().ok()));
    }
    let outside = entry.rfind(']').map_or(0, |n| n + 1);
    match entry[outside..].split_once(':') {
        Some((before, port)) if !port.contains(':') => match port.parse() {
            Ok(number) => (&entry[..outside + before.len()], Some(number)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn range(inner: &str) -> Result<Vec<String>, String> {
    let bad = |why: &str| Err(format!("the range `[{inner}]` {why}"));
    let parts: Vec<&str> = inner.split(':').collect();
    let (from, to, step) = match parts[..] {
        [from, to] => (from, to, "1"),
        [from, to, step] => (from, to, step),
        _ => return bad("wants `FROM:TO` or `FROM:TO:STEP`"),
    };
    let Some(step) = step.parse::<usize>().ok().filter(|s| *s > 0) else {
        return bad("has a step that is no number above 0");
    };
    let from = if from.is_empty() { "0" } else { from };
    if let (Ok(first), Ok(last)) = (from.parse::<u64>(), to.parse::<u64>()) {
        // `[01:20]` keeps the width of what it begins with.
        let width = if from.len() > 1 && from.starts_with('0') { from.len() } else { 0 };
        if width > 0 && to.len() != width {
            return bad("must have its ends of one width when the first has zeros in front");
        }
        if first > last {
            return bad("ends before it begins");
        }
        if (last - first) / step as u64 >= MAX_HOSTS as u64 {
            return bad("is too long");
        }
        return Ok((first..=last).step_by(step).map(|n| format!("{n:0width$}")).collect());
    }
    let letter = |s: &str| match s.as_bytes() {
        [b] if b.is_ascii_alphabetic() => Some(*b),
        _ => None,
    };
    match (letter(from), letter(to)) {
        (Some(first), Some(last)) if first.is_ascii_lowercase() == last.is_ascii_lowercase() => {
            if first > last {
                return bad("ends before it begins");
            }
            Ok((first..=last).step_by(step).map(|b| char::from(b).to_string()).collect())
        }
        _ => bad("wants two numbers or two letters of one case"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_expanded() {
        let cases = [
            ("a", "a", None),
            ("a:22", "a", Some(22)),
            ("w[01:03]x", "w01x w02x w03x", None),
            ("w[8:12:2]", "w8 w10 w12", None),
            ("[a:c]-[1:2]", "a-1 a-2 b-1 b-2 c-1 c-2", None),
            ("w[1:2]:2222", "w1 w2", Some(2222)),
            ("w[:1]", "w0 w1", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:22", "2001:db8::1", Some(22)),
        ];
        for (entry, want, port) in cases {
            let (names, found) = expand(entry).unwrap();
            assert_eq!((names.join(" ").as_str(), found), (want, port), "{entry}");
        }
    }

    #[test]
    fn bad_ranges_say_why() {
        let cases = [
            ("w[1:3", "not closed"),
            ("w1]", "without its `[`"),
            ("w[3:1]", "ends before"),
            ("w[1:3:0]", "step"),
            ("w[a:3]", "two numbers"),
            ("w[01:100]", "one width"),
            ("w[0:99999999999]", "too long"),
            ("[0:9999][0:9999]", "more than"),
            ("w[1]", "FROM:TO"),
        ];
        for (entry, why) in cases {
            let error = expand(entry).unwrap_err();
            assert!(error.contains(why), "{entry}: {error}");
        }
    }
}
