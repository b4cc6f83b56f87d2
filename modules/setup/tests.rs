//! Recorded outputs of the script and the facts they mean.

use super::*;

fn output(sections: &str, files: &str, records: &[(&str, &str, &str)]) -> Output {
    let mut stdout = format!("want\0sections\0{sections}\0run\0files\0{files}\0").into_bytes();
    for (i, k, v) in records {
        stdout.extend(format!("{i}\0{k}\0{v}\0").into_bytes());
    }
    Output::done(0, stdout, "")
}

fn facts(sections: &str, files: &str, records: &[(&str, &str, &str)]) -> serde_json::Value {
    Value::from(parse(&output(sections, files, records)).unwrap()).to_json()
}

const BOOKWORM: &str = "/etc/os-release:PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"
/etc/os-release:NAME=\"Debian GNU/Linux\"
/etc/os-release:VERSION_ID=\"12\"
/etc/os-release:VERSION_CODENAME=bookworm
/etc/os-release:ID=debian
/etc/debian_version:12.11
";

#[test]
fn distributions_have_the_names_playbooks_compare_with() {
    let ubuntu = "/etc/os-release:NAME=\"Ubuntu\"\n/etc/os-release:ID=ubuntu\n/etc/os-release:ID_LIKE=debian\n\
                  /etc/os-release:VERSION_ID=\"22.04\"\n/etc/os-release:VERSION_CODENAME=jammy\n";
    let rocky = "/etc/os-release:NAME=\"Rocky Linux\"\n/etc/os-release:ID=\"rocky\"\n/etc/os-release:VERSION_ID=\"9.3\"\n\
                 /etc/os-release:VERSION=\"9.3 (Blue Onyx)\"\n";
    let unknown = "/etc/os-release:NAME=\"My OS\"\n/etc/os-release:ID=myos\n/etc/os-release:ID_LIKE=\"x ubuntu debian\"\n";
    let cases = [
        (BOOKWORM, ["Debian", "Debian", "12.11", "12", "bookworm"]),
        (ubuntu, ["Ubuntu", "Debian", "22.04", "22", "jammy"]),
        (rocky, ["Rocky", "RedHat", "9.3", "9", "blue onyx"]),
        (unknown, ["My OS", "Debian", "", "", "na"]),
    ];
    for (files, [name, family, version, major, release]) in cases {
        let f = facts("distribution", files, &[]);
        let got = [
            "distribution",
            "os_family",
            "distribution_version",
            "distribution_major_version",
            "distribution_release",
        ]
        .map(|k| f[k].as_str().unwrap_or("none").to_string());
        assert_eq!(got, [name, family, version, major, release], "{files}");
    }
}

#[test]
fn lsb_is_there_only_where_the_host_has_it() {
    assert_eq!(facts("distribution", BOOKWORM, &[])["lsb"], serde_json::json!({}));
    let f = facts("distribution", BOOKWORM, &[("lsb", "present", "1")]);
    assert_eq!(f["lsb"]["id"], "Debian");
    assert_eq!(f["lsb"]["codename"], "bookworm");
}

#[test]
fn names_come_from_the_hosts_file_before_dns() {
    let files = "/proc/sys/kernel/hostname:web1\n/etc/hosts:127.0.0.1 localhost\n/etc/hosts:10.0.0.1 web1 web1.example.org # x\n";
    let f = facts("platform fqdn", files, &[]);
    assert_eq!(
        (&f["fqdn"], &f["domain"], &f["hostname"]),
        (&"web1.example.org".into(), &"example.org".into(), &"web1".into())
    );
    let f = facts("fqdn", "/proc/sys/kernel/hostname:a\n", &[("run", "fqdn", "a.b.c\n")]);
    assert_eq!(f["fqdn"], "a.b.c");
}

#[test]
fn addresses_are_the_same_with_and_without_ip() {
    let sys = "/sys/class/net/eth0/flags:0x1003\n/sys/class/net/eth0/mtu:1500\n/sys/class/net/eth0/address:02:fc:00:00:00:01\n\
               /sys/class/net/eth0/type:1\n/sys/class/net/lo/flags:0x9\n/sys/class/net/lo/type:772\n";
    let addr = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n\
                2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\  valid_lft\n\
                2: eth0    inet6 fe80::1/64 scope link \\       valid_lft\n";
    let route = "8.8.8.8 via 192.0.2.1 dev eth0 src 192.0.2.2 uid 0 \\    cache \n";
    let with = facts("network", sys, &[("run", "addr", addr), ("run", "route4", route)]);
    let proc = "/proc/net/route:Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                /proc/net/route:eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                /proc/net/route:eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                /proc/net/fib_trie:           |-- 127.0.0.1\n/proc/net/fib_trie:              /32 host LOCAL\n\
                /proc/net/fib_trie:           |-- 192.0.2.2\n/proc/net/fib_trie:              /32 host LOCAL\n\
                /proc/net/if_inet6:fe800000000000000000000000000001 02 40 20 80     eth0\n";
    let without = facts("network", &format!("{sys}{proc}"), &[]);
    for f in [&with, &without] {
        assert_eq!(f["default_ipv4"]["address"], "192.0.2.2", "{f}");
        assert_eq!(f["default_ipv4"]["gateway"], "192.0.2.1");
        assert_eq!(f["default_ipv4"]["netmask"], "255.255.255.0");
        assert_eq!(f["eth0"]["ipv4"]["network"], "192.0.2.0");
        assert_eq!(f["eth0"]["ipv6"][0]["address"], "fe80::1");
        assert_eq!(f["all_ipv4_addresses"], serde_json::json!(["192.0.2.2"]));
        assert_eq!(f["interfaces"], serde_json::json!(["eth0", "lo"]));
        assert_eq!(f["default_ipv6"], serde_json::json!({}));
    }
}

#[test]
fn processors_and_memory_are_counted() {
    let cpu = |n: u8, socket: u8| {
        format!(
            "/proc/cpuinfo:processor\t: {n}\n/proc/cpuinfo:vendor_id\t: X\n/proc/cpuinfo:model name\t: Y\n\
                 /proc/cpuinfo:physical id\t: {socket}\n/proc/cpuinfo:siblings\t: 2\n/proc/cpuinfo:cpu cores\t: 1\n"
        )
    };
    let files = [cpu(0, 0), cpu(1, 0), cpu(2, 1), cpu(3, 1)].concat()
        + "/proc/meminfo:MemTotal:       2048 kB\n/proc/meminfo:MemFree:       1024 kB\n";
    let f = facts("cpu memory", &files, &[]);
    assert_eq!(f["processor_count"], 2);
    assert_eq!(f["processor_threads_per_core"], 2);
    assert_eq!(f["processor_vcpus"], 4);
    assert_eq!(f["memtotal_mb"], 2);
    assert_eq!(f["memory_mb"]["real"]["used"], 1);
}

#[test]
fn mounts_have_sizes_and_plain_names() {
    let files = "/proc/mounts:/dev/sda1 / ext4 rw,relatime 0 0\n/proc/mounts:/dev/sdb1 /my\\040disk xfs rw 0 0\n/proc/mounts:proc /proc proc rw 0 0\n";
    let records = [
        ("run", "statfs", "4096|100|40|10|5|/\n512|8|4|2|1|/my disk\n"),
        (
            "run",
            "links",
            "/dev/disk/by-uuid:\ntotal 0\nlrwxrwxrwx 1 root root 10 Jan  1 00:00 aaaa-bbbb -> ../../sda1\n",
        ),
    ];
    let f = facts("mounts", files, &records);
    assert_eq!(f["mounts"].as_array().unwrap().len(), 2);
    assert_eq!(f["mounts"][0]["uuid"], "aaaa-bbbb");
    assert_eq!(f["mounts"][0]["size_available"], 4096 * 40);
    assert_eq!(f["mounts"][1]["mount"], "/my disk");
}

#[test]
fn custom_facts_are_json_or_ini_or_an_error() {
    let records = [
        ("local", "/etc/ansible/facts.d/a.fact", "{\"x\": [1, 2]}"),
        ("local", "/etc/ansible/facts.d/b.fact", "[general]\nName = web\n"),
        ("local", "/etc/ansible/facts.d/c.fact", "oops"),
        ("local", "/etc/ansible/facts.d/d.fact", "[a]\nx = 5%% of %(y)s\ny = 10\n"),
        ("local", "/etc/ansible/facts.d/e.fact", "[a]\nx = a % sign\n"),
        ("local", "/etc/ansible/facts.d/f.fact", ""),
        ("local_rc", "/etc/ansible/facts.d/f.fact", "dangling"),
    ];
    let f = facts("local", "", &records);
    assert_eq!(f["ansible_local"]["a"]["x"][1], 2);
    assert_eq!(f["ansible_local"]["b"]["general"]["name"], "web");
    assert!(f["ansible_local"]["c"].as_str().unwrap().contains("JSON or ini"));
    assert_eq!(f["ansible_local"]["d"]["a"]["x"], "5% of 10");
    assert!(f["ansible_local"]["e"].as_str().unwrap().starts_with("error loading facts as ini"));
    assert!(f["ansible_local"]["f"].as_str().unwrap().starts_with("Could not stat fact"));
}

#[test]
fn where_a_machine_runs_is_told_by_the_strongest_evidence() {
    let cases: &[(&str, &[(&str, &str, &str)], &str, &str)] = &[
        ("", &[("exists", "/.dockerenv", "1")], "docker", "guest"),
        ("/run/systemd/container:systemd-nspawn\n", &[], "container", "guest"),
        ("", &[("run", "container", "container=lxc\n")], "lxc", "guest"),
        ("/sys/class/dmi/id/sys_vendor:QEMU\n", &[], "kvm", "guest"),
        ("/sys/class/dmi/id/product_name:VirtualBox\n", &[], "virtualbox", "guest"),
        ("/proc/cpuinfo:flags\t: fpu hypervisor\n", &[], "kvm", "guest"),
        ("", &[("exists", "/dev/kvm", "1")], "kvm", "host"),
        ("", &[], "NA", "NA"),
    ];
    for (files, records, kind, role) in cases {
        let f = facts("virtual", files, records);
        assert_eq!(
            (f["virtualization_type"].as_str(), f["virtualization_role"].as_str()),
            (Some(*kind), Some(*role)),
            "{files}"
        );
    }
}

#[test]
fn the_service_manager_is_read_from_process_one_or_what_is_installed() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("/proc/1/comm:systemd\n", &[], "systemd"),
        ("/proc/1/comm:init\n", &["/run/systemd/system"], "systemd"),
        ("/proc/1/comm:init\n", &["/sbin/openrc", "/etc/init.d"], "openrc"),
        ("/proc/1/comm:sh\n", &["/lib/systemd/systemd", "/usr/bin/systemctl"], "systemd"),
        ("/proc/1/comm:sh\n", &["/etc/init.d"], "sysvinit"),
        ("", &[], "service"),
    ];
    for (files, exists, expected) in cases {
        let records: Vec<_> = exists.iter().map(|e| ("exists", *e, "1")).collect();
        assert_eq!(facts("service_mgr", files, &records)["service_mgr"], *expected, "{files}");
    }
}

#[test]
fn only_the_sections_a_run_uses_are_gathered() {
    let names = |list: &[&str]| {
        FactNeeds::Names(list.iter().map(|s| s.to_string()).collect())
            .sections()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["os_family", "distribution_release"]), ["distribution"]);
    assert_eq!(names(&["eth0"]), ["network"]);
    assert_eq!(names(&["packages", "services", "getent_passwd"]), [""; 0]);
    assert_eq!(names(&["local"]), ["local"]);
    let subset = |list: &[&str]| sections_of_subset(list).unwrap();
    assert_eq!(subset(&["!all", "!min", "network"]).into_iter().collect::<Vec<_>>(), ["network"]);
    assert!(subset(&["!all"]).contains("distribution"), "min stays");
    assert!(!subset(&["all", "!hardware"]).contains("mounts"));
    assert!(subset(&["!all,!min"]).is_empty());
    assert!(sections_of_subset(&["nonsense"]).is_err());
}

#[test]
fn environments_with_line_breaks_survive() {
    let f = facts("env", "", &[("run", "env", "PATH=/bin\nA=1\n2\nB=x=y\n")]);
    assert_eq!(f["env"], serde_json::json!({"PATH": "/bin", "A": "1\n2", "B": "x=y"}));
}

#[test]
fn disks_have_the_names_of_their_links() {
    let files = "/sys/block/sda/size:204800\n/sys/block/sda/queue/logical_block_size:4096\n\
                 /sys/block/sda/queue/discard_granularity:512\n/sys/block/sda/queue/discard_max_hw_bytes:0\n\
                 /sys/block/sda/sda1/start:2048\n/sys/block/sda/sda1/size:2048\n\
                 /sys/block/dm-0/size:8\n/sys/block/dm-0/dm/name:vg-root\n";
    let links = "/dev/disk/by-id:\ntotal 0\nl 1 root root 9 Jan  1 00:00 wwn-0x5 -> ../../sda\n\
                 l 1 root root 9 Jan  1 00:00 ata-X -> ../../sda\n\n/dev/disk/by-label:\ntotal 0\n\
                 l 1 root root 9 Jan  1 00:00 my\\x20disk -> ../../sda1\n";
    let records =
        [("run", "links", links), ("holder", "sda1", "dm-0"), ("master", "sda1", "dm-0"), ("x", "y", "z")];
    let f = facts("devices", files, &records);
    let sda = &f["devices"]["sda"];
    assert_eq!(sda["links"]["ids"], serde_json::json!(["ata-X", "wwn-0x5"]));
    assert_eq!((&sda["sectors"], &sda["support_discard"]), (&25600.into(), &"0".into()));
    let part = &sda["partitions"]["sda1"];
    assert_eq!((&part["links"]["labels"][0], &part["sectors"]), (&"my disk".into(), &2048.into()));
    assert_eq!(part["holders"], serde_json::json!(["vg-root"]));
    assert_eq!(f["device_links"]["masters"], serde_json::json!({"sda1": ["dm-0"]}));
    assert_eq!(f["device_links"]["ids"]["sda"][0], "ata-X");
}

#[test]
fn volume_groups_are_listed_where_there_are_any() {
    assert_eq!(facts("lvm", "", &[])["lvm"], "N/A");
    let records = [
        ("lvm", "tools", "1"),
        ("run", "vgs", "  vg,1,2,0,wz--n-,9.99,4.99\n"),
        ("run", "lvs", "  root,vg,-wi-ao----,4.00,,,,,,,,\n"),
        ("run", "pvs", "  /dev/sda2,vg,lvm2,a--,9.99,4.99\n"),
    ];
    let expected = serde_json::json!({
        "lvs": {"root": {"size_g": "4.00", "vg": "vg"}},
        "vgs": {"vg": {"size_g": "9.99", "free_g": "4.99", "num_lvs": "2", "num_pvs": "1"}},
        "pvs": {"/dev/sda2": {"size_g": "9.99", "free_g": "4.99", "vg": "vg"}},
    });
    assert_eq!(facts("lvm", "", &records)["lvm"], expected);
}

#[test]
fn capabilities_are_a_limit_where_one_that_the_kernel_has_is_missing() {
    let last = "/proc/sys/kernel/cap_last_cap:5\n";
    let with = |mask: &str| facts("caps", &format!("{last}/proc/self/status:CapEff:\t{mask}\n"), &[]);
    assert_eq!(with("000000000000003f")["system_capabilities_enforced"], "False");
    let some = with("0000000000000021");
    assert_eq!(some["system_capabilities_enforced"], "True");
    assert_eq!(some["system_capabilities"], serde_json::json!(["cap_chown", "cap_kill"]));
}

#[test]
fn bridges_tell_their_ports() {
    let files = "/sys/class/net/br0/flags:0x1\n/sys/class/net/br0/bridge/stp_state:1\n\
                 /sys/class/net/br0/bridge/bridge_id:8000.1\n";
    let f = facts("network", files, &[("port", "br0", "eth1"), ("port", "br1", "eth2")]);
    assert_eq!(f["br0"]["type"], "bridge");
    assert_eq!(
        (&f["br0"]["interfaces"], &f["br0"]["id"], &f["br0"]["stp"]),
        (&serde_json::json!(["eth1"]), &"8000.1".into(), &true.into())
    );
}
