//! The counts at the end of a run.

use super::style::{Paint, Style};
use crate::exec::event::{HostRecap, Name};

/// `name=count`, painted where it is not 0, padded as Ansible does.
fn count(style: Style, paint: Paint, name: &str, count: u64) -> String {
    let text = format!("{name}={count:<4}");
    if count == 0 { text } else { style.paint(paint, &text) }
}

/// One line a host, in the form of Ansible's PLAY RECAP; `unknown` only where there is one.
pub fn lines(recap: &[(Name, HostRecap)], style: Style) -> Vec<String> {
    let mut sorted: Vec<_> = recap.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    sorted.into_iter().map(|(host, counts)| line(host, counts, style)).collect()
}

/// One line a host that fits a narrow terminal: what hardly ever happens is told where it did.
pub fn short(recap: &[(Name, HostRecap)], style: Style) -> Vec<String> {
    let mut sorted: Vec<_> = recap.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let width = sorted.iter().map(|(host, _)| host.chars().count()).max().unwrap_or(0);
    let line = |(host, r): &(Name, HostRecap)| {
        let mut counts = vec![
            count(style, Paint::Good, "ok", r.ok),
            count(style, Paint::Change, "changed", r.changed),
            count(style, Paint::Bad, "unreachable", r.unreachable),
            count(style, Paint::Bad, "failed", r.failed),
        ];
        let rare = [
            (Paint::Skip, "skipped", r.skipped),
            (Paint::Good, "rescued", r.rescued),
            (Paint::Skip, "ignored", r.ignored),
            (Paint::Skip, "unknown", r.unknown),
        ];
        counts
            .extend(rare.into_iter().filter(|(_, _, n)| *n > 0).map(|(p, name, n)| count(style, p, name, n)));
        let padding = " ".repeat(width - host.chars().count());
        format!("{}{padding} : {}", style.paint(worst(r), host), counts.join(" ").trim_end())
    };
    sorted.into_iter().map(line).collect()
}

fn worst(recap: &HostRecap) -> Paint {
    match recap {
        r if r.failed > 0 || r.unreachable > 0 => Paint::Bad,
        r if r.changed > 0 => Paint::Change,
        _ => Paint::Good,
    }
}

fn line(host: &str, recap: &HostRecap, style: Style) -> String {
    let paint = worst(recap);
    let padding = " ".repeat(26usize.saturating_sub(host.chars().count()));
    let mut counts = vec![
        count(style, Paint::Good, "ok", recap.ok),
        count(style, Paint::Change, "changed", recap.changed),
        count(style, Paint::Bad, "unreachable", recap.unreachable),
        count(style, Paint::Bad, "failed", recap.failed),
        count(style, Paint::Skip, "skipped", recap.skipped),
        count(style, Paint::Good, "rescued", recap.rescued),
        count(style, Paint::Skip, "ignored", recap.ignored),
    ];
    if recap.unknown > 0 {
        counts.push(count(style, Paint::Skip, "unknown", recap.unknown));
    }
    format!("{}{padding} : {}", style.paint(paint, host), counts.join(" "))
}

/// Seconds as people read them: `0.4 s`, `12 s`, `3 min 05 s`.
pub fn seconds(elapsed: std::time::Duration) -> String {
    let whole = elapsed.as_secs();
    match whole {
        0..10 => format!("{:.1} s", elapsed.as_secs_f64()),
        10..60 => format!("{whole} s"),
        _ => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_recap_tells_what_is_rare_only_where_it_happened() {
        let one = HostRecap { ok: 4, changed: 4, ..HostRecap::default() };
        let two = HostRecap { skipped: 2, ..HostRecap::default() };
        let text = short(&[("node1".into(), one), ("db".into(), two)], Style::default());
        assert_eq!(text[0], "db    : ok=0    changed=0    unreachable=0    failed=0    skipped=2");
        assert_eq!(text[1], "node1 : ok=4    changed=4    unreachable=0    failed=0");
    }

    #[test]
    fn a_recap_reads_as_ansibles() {
        let recap = HostRecap { ok: 12, changed: 1, ..HostRecap::default() };
        let text = lines(&[("web1".into(), recap)], Style::default());
        let expected = concat!(
            "web1                       : ok=12   changed=1    unreachable=0    failed=0    skipped=0    ",
            "rescued=0    ignored=0   "
        );
        assert_eq!(text, [expected]);
    }

    #[test]
    fn times_are_short() {
        let shown = |ms| seconds(std::time::Duration::from_millis(ms));
        assert_eq!([shown(440), shown(12_900), shown(185_000)], ["0.4 s", "12 s", "3 min 05 s"]);
    }
}
