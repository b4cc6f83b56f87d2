//! Links that are cut in the middle, and much that goes over one.

use super::support::proxy::LatencyProxy;
use super::*;

/// The lab's host behind a link that can be cut.
fn behind(lab: &Guard, proxy: &LatencyProxy, tasks: &str) -> Place {
    let address = proxy.address();
    let inventory = std::fs::read_to_string(lab.inventory_path()).unwrap();
    let line = inventory.lines().find(|line| line.starts_with("node1 ")).unwrap();
    let ours = format!("node1 ansible_host={} ansible_port={}", address.ip(), address.port());
    let inventory = inventory
        .replace(line, &ours)
        .replace("-o IdentitiesOnly", "-o HostKeyAlias=node1 -o IdentitiesOnly");
    Place::new(&inventory, tasks)
}

/// Bytes that no compression makes fewer.
fn noise(path: &Path, length: usize) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::fs::write(path, (0..length).map(|_| next()).collect::<Vec<u8>>()).unwrap();
}

#[test]
fn a_link_cut_in_the_middle_of_a_file_or_command_breaks_nothing() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    let proxy = LatencyProxy::start(format!("{}:22", host.address).parse().unwrap(), Duration::ZERO).unwrap();
    let place = behind(&lab, &proxy, "- name: Large\n  copy: {src: large, dest: /srv/large}\n");
    noise(&place.path().join("large"), 24 << 20);
    on(host, "echo old >/srv/large");
    proxy.cut_after(8 << 20);
    // Over a new connection the file is sent again, and it is a change.
    let cut = place.apply(&[]);
    assert!(proxy.sent() > 32 << 20, "it was not cut: {}", cut.all());
    cut.is(0, &["Large", "node1", "changed=1"]);
    until("the temporary file goes", || names(host, "/srv") == ["large"]);
    let there = std::fs::read(host.root_dir().unwrap().join("srv/large")).unwrap();
    assert!(there == std::fs::read(place.path().join("large")).unwrap());

    // A command whose end nobody has seen is not begun again.
    place.tasks(
        "- name: Runs\n  shell: echo on >>/srv/begun; cat /srv/go; echo on >>/srv/ended\n- name: Later\n  copy: {content: x, dest: /srv/later}\n",
    );
    on(host, "mkfifo /srv/go");
    let running = place.start(&[]);
    until("the command runs", || exists(host, "/srv/begun"));
    proxy.cut();
    let cut = running.end();
    cut.is(4, &["Runs", "node1"]);
    assert!(!exists(host, "/srv/later"));
    on(host, "timeout 1 sh -c ': >/srv/go' || :");
    assert_eq!(read(host, "/srv/begun"), "on\n");
    let kept = place.kept();
    assert!(kept.contains("\"begin\":\"Runs\"") && !kept.contains("\"begin\":\"Later\""), "{kept}");
}

#[test]
fn a_gigabyte_is_sent_with_little_memory() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    let place = place(&lab, "", "- copy: {src: large, dest: /srv/large}\n");
    let size = 1 << 30;
    std::fs::File::create(place.path().join("large")).unwrap().set_len(size).unwrap();
    let (code, kib) = place.peak(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    assert_eq!(code, 0);
    assert_eq!(std::fs::metadata(host.root_dir().unwrap().join("srv/large")).unwrap().len(), size);
    assert!(kib < 100 << 10, "{} MiB of memory", kib >> 10);
}
