//! Tables over what the probe reports.

use super::said::fetched;
use super::seen::{fits, summary};
use super::*;

#[test]
fn versions_fit_exactly_or_by_pattern() {
    for (wanted, version, expected) in [
        ("1.2", "1.2", true),
        ("1.2", "1.2-1", false),
        ("1.2*", "1.2-1", true),
        ("1:*", "1:9.2p1", true),
        ("2*", "1.2", false),
    ] {
        assert_eq!(fits(wanted, version), expected, "{wanted} {version}");
    }
}

#[test]
fn names_that_are_options_or_comparisons_are_refused() {
    assert!(Item::parse("-o=x").is_err());
    for odd in ["vim>9", "vim<=9", "vim>=", "vim>=9*", "vim >= 9", "vim==9"] {
        assert!(Item::parse(odd).is_err(), "{odd}");
    }
    let late = Item::parse("vim>=2:9.0").unwrap();
    assert_eq!((late.name.as_str(), late.at_least), ("vim", true));
    assert!(late.fits("2:9.0") && late.fits("2:9.10-1") && !late.fits("2:8.99") && !late.fits("9.5"));
    assert_eq!(Item::parse("a:i386=1").unwrap().version.as_deref(), Some("1"));
}

#[test]
fn a_summary_names_the_first_few() {
    let lines: Vec<String> =
        (0..7).map(|n| format!("Inst p{n} [1] (2 x)")).chain(["Remv q [1]".into()]).collect();
    assert_eq!(summary(&lines), "7 to install or upgrade: p0, p1, p2, p3, p4 …; 1 to remove: q");
}

#[test]
fn lists_that_came_anew_are_told_from_what_is_signed() {
    for (line, expected) in [
        ("Get:1 http://d bookworm InRelease [151 kB]", false),
        ("Get:2 http://d bookworm Release.gpg [1 kB]", false),
        ("Get:4 http://d bookworm/main amd64 Packages [8790 kB]", true),
        ("Hit:4 http://d bookworm/main amd64 Packages", false),
    ] {
        assert_eq!(fetched(line), expected, "{line}");
    }
}
