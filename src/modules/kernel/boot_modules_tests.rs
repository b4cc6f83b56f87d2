use super::*;

/// What a probe reports of these files, read in full.
fn found(files: &[(&str, &str)]) -> Output {
    let mut stdout = Vec::new();
    for (path, content) in files {
        for (key, value) in [("exists", "1"), ("content", *content)] {
            stdout.extend(format!("{path}\0{key}\0{value}\0").into_bytes());
        }
    }
    Output::done(0, stdout, "")
}

#[test]
fn one_name_is_read_once_and_a_mask_hides_it() {
    let paths = |files: &[(&str, &str)]| -> Vec<String> {
        let boot = BootModules::read(&found(files));
        boot.loads(&Named(&["br_netfilter"]))
            .into_iter()
            .map(|l| format!("{}:{}", l.path, l.number))
            .collect()
    };
    let (etc, run, vendor) =
        ("/etc/modules-load.d/k8s.conf", "/run/modules-load.d/k8s.conf", "/usr/lib/modules-load.d/k8s.conf");
    assert_eq!(paths(&[(vendor, "# why\nbr-netfilter\n")]), [format!("{vendor}:2")]);
    assert_eq!(paths(&[(vendor, "br_netfilter\n"), (run, "loop\n")]), [""; 0]);
    assert_eq!(
        paths(&[(vendor, "br_netfilter\n"), (etc, "")]),
        [""; 0],
        "a link to /dev/null is an empty file"
    );
    assert_eq!(paths(&[(etc, "#br_netfilter\n;br_netfilter\nbr_netfilter_x\n")]), [""; 0]);
    assert_eq!(paths(&[("/etc/modules", "br_netfilter")]), ["/etc/modules:1"]);
}

#[test]
fn the_later_option_counts_and_lines_go_on() {
    let boot = BootModules::read(&found(&[
        ("/usr/lib/modprobe.d/a.conf", "options nf-conntrack \\\n  hashsize=1 acct=1\n"),
        ("/etc/modprobe.d/b.conf", "options nf_conntrack hashsize=2\noptions other hashsize=9\n"),
        ("/usr/lib/modprobe.d/b.conf", "options nf_conntrack hashsize=3\n"),
    ]));
    let set: Vec<_> = boot.options(&Named(&["nf_conntrack"])).into_iter().map(|(p, v, ..)| (p, v)).collect();
    let text = |p: &str, v: &str| (p.to_string(), v.to_string());
    assert_eq!(set, [text("hashsize", "1"), text("acct", "1"), text("hashsize", "2")]);
}

#[test]
fn only_lines_of_the_module_are_commented_out() {
    let named = Named(&["bonding"]);
    let text = "options bonding mode=1 \\\n miimon=100\noptions loop max_loop=8";
    assert_eq!(without(text, &named, &|_, _| true), format!("#{}", text.replace(" miimon", "# miimon")));
    let kept = "#options bonding mode=1 miimon=100\noptions bonding miimon=100\n";
    assert_eq!(without("options bonding mode=1 miimon=100\n", &named, &|p, _| p == "mode"), kept);
    assert_eq!(unloaded("loop\nbonding", &named), "loop\n#bonding");
    assert_eq!(
        replaced(
            "# x\noptions bonding mode=1\ninstall x /bin/true\noptions bonding a=1\n",
            &named,
            "options bonding mode=4\n"
        ),
        "# x\noptions bonding mode=4\ninstall x /bin/true\n"
    );
}

#[test]
fn the_pattern_finds_every_spelling() {
    assert_eq!(
        Named(&["br_netfilter", ""]).pattern(),
        "^[[:space:]]*((options|blacklist|install)[[:space:]]+)?(br[-_]netfilter)([[:space:]]|$)"
    );
}
