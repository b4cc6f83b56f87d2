//! Versions in the order that dpkg has them.

use std::cmp::Ordering;

/// Epoch, then upstream's version, then Debian's revision.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| by_runs(a.1, b.1)).then_with(|| by_runs(a.2, b.2))
}

fn parts(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.parse().unwrap_or(0), upstream, revision)
}

/// Runs of other characters and of digits in turn: the former by their letters, the latter as numbers.
fn by_runs(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b) = (run(&mut a, |c| !c.is_ascii_digit()), run(&mut b, |c| !c.is_ascii_digit()));
        let (number_a, number_b) = (run(&mut a, |c| c.is_ascii_digit()), run(&mut b, |c| c.is_ascii_digit()));
        let order = by_letters(text_a, text_b).then_with(|| by_number(number_a, number_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn run<'a>(text: &mut &'a str, of: fn(char) -> bool) -> &'a str {
    let (run, rest) = text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()));
    *text = rest;
    run
}

/// A tilde stands before the end, the end before letters, and letters before all else.
fn by_letters(a: &str, b: &str) -> Ordering {
    let rank = |c: Option<char>| match c {
        Some('~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, u32::from(c)),
        Some(c) => (3, u32::from(c)),
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = rank(x).cmp(&rank(y));
        if order.is_ne() || (x.is_none() && y.is_none()) {
            return order;
        }
    }
}

fn by_number(a: &str, b: &str) -> Ordering {
    let [a, b] = [a, b].map(|n| n.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair in `dpkg --compare-versions`' order.
    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let rising = "1.0~rc1 1.0~rc1-1 1.0 1.0-0.1 1.0-1 1.0-1+b1 1.0a 1.0+dfsg 1.0.1 1.9 1.10 1.10-1~bpo1 1.10-1 2 1:0.1 2:0";
        let rising: Vec<&str> = rising.split(' ').collect();
        for (n, one) in rising.iter().enumerate() {
            for (m, other) in rising.iter().enumerate() {
                assert_eq!(compare(one, other), n.cmp(&m), "{one} {other}");
            }
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
        assert_eq!(compare("0:1", "1"), Ordering::Equal);
        assert_eq!(compare("1.0-0", "1.0"), Ordering::Equal);
    }
}
