//! The table of tests/kernel/boot.yml, which the real systemd-sysctl is asked about too, and what only we have.

use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    files: BTreeMap<String, String>,
    keys: BTreeMap<String, Option<String>>,
}

#[test]
fn files_decide_as_systemd_sysctl_has_it() {
    let cases: Vec<Case> = serde_yaml::from_str(include_str!("../../../tests/kernel/boot.yml")).unwrap();
    for case in cases {
        let files: Vec<BootFile> = case.files.iter().map(|(p, c)| BootFile::new(p, c)).collect();
        let boot = effective(&files, &[]);
        for (name, expected) in &case.keys {
            let path = key::path(name);
            let found = boot.decides(&path).and_then(|a| a.value.clone());
            let same = match (&found, expected) {
                (Some(a), Some(b)) => key::same(&path, a, b),
                (a, b) => a == b,
            };
            assert!(same, "{}: {name} is {found:?}, not {expected:?}", case.name);
        }
    }
}

#[test]
fn the_line_that_decides_is_named() {
    let files = [
        BootFile::new("/etc/sysctl.d/50-a.conf", "vm.swappiness = 1\n"),
        BootFile::new("/etc/sysctl.d/99-x.conf", "# why\n\nvm.swappiness = 60\n"),
    ];
    let boot = effective(&files, &[]);
    let expected = Assignment { value: Some("60".into()), file: "/etc/sysctl.d/99-x.conf".into(), line: 3 };
    assert_eq!(boot.decides("vm/swappiness"), Some(&expected));
    assert_eq!(boot.decides("vm/overcommit_memory"), None);
}

#[test]
fn sysctl_conf_is_read_last_where_there_is_no_systemd() {
    let files = [
        BootFile::new("/etc/sysctl.conf", "vm.swappiness = 1\n"),
        BootFile::new("/etc/sysctl.d/99-x.conf", "vm.swappiness = 60\n"),
    ];
    let value =
        |last: &[&str]| effective(&files, last).decides("vm/swappiness").and_then(|a| a.value.clone());
    assert_eq!(value(&[]).as_deref(), Some("60"));
    assert_eq!(value(&["/etc/sysctl.conf"]).as_deref(), Some("1"));
}

#[test]
fn the_later_one_of_two_rivals_decides() {
    let rival = |content: &str, path: &str| {
        effective(&[BootFile::new("/etc/sysctl.d/a.conf", content)], &[])
            .takes_over(path)
            .map(|(key, by)| (key, by.line))
    };
    let both = "vm.dirty_ratio = 10\nvm.dirty_bytes = 50000\n";
    assert_eq!(rival(both, "vm/dirty_ratio"), Some(("vm/dirty_bytes", 2)));
    assert_eq!(rival(both, "vm/dirty_bytes"), None);
    // The kernel does not take it.
    assert_eq!(rival("vm.dirty_ratio = 10\nvm.dirty_bytes = 0\n", "vm/dirty_ratio"), None);
    let zero = "vm.overcommit_ratio = 10\nvm.overcommit_kbytes = 0\n";
    assert_eq!(rival(zero, "vm/overcommit_ratio"), Some(("vm/overcommit_kbytes", 2)));
}

#[test]
fn wildcards_stop_at_a_slash() {
    let cases = [
        ("net/ipv4/conf/*/rp_filter", "net/ipv4/conf/eth0.7/rp_filter", true),
        ("net/*/rp_filter", "net/ipv4/conf/eth0/rp_filter", false),
        ("net/ipv4/conf/eth[0-9]/rp_filter", "net/ipv4/conf/eth3/rp_filter", true),
        ("net/ipv4/conf/eth[!0-9]/rp_filter", "net/ipv4/conf/eth3/rp_filter", false),
        ("net/ipv4/conf/e*0/rp_filter", "net/ipv4/conf/eth0/rp_filter", true),
        ("net/ipv4/conf/?", "net/ipv4/conf/lo", false),
        ("net/ipv4/conf/[", "net/ipv4/conf/[", true),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(matches(pattern, path), expected, "{pattern} and {path}");
    }
}
