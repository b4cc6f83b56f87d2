//! Modules at boot: what is read of modules-load.d, asked of systemd-modules-load itself.

use super::*;

/// The modules that it tries to load; in a container there are none, and it names each that it does not find.
fn tried(node: &Host, module: &str) -> bool {
    let said = on(node, "/lib/systemd/systemd-modules-load 2>&1 || true");
    said.replace('-', "_").contains(&format!("'{module}'"))
}

#[test]
fn a_module_goes_out_of_every_file_that_is_read_at_boot() {
    let guard = lab(1);
    let node = guard.hosts().remove(0);
    on(
        &node,
        "mkdir -p /etc/modules-load.d /usr/lib/modules-load.d /run/modules-load.d /etc/modprobe.d && \
         printf 'overlay\\n br-netfilter\\n' >/etc/modules-load.d/k8s.conf && \
         echo br_netfilter >/usr/lib/modules-load.d/vendor.conf && \
         echo br_netfilter >/usr/lib/modules-load.d/hidden.conf && : >/run/modules-load.d/hidden.conf && \
         printf 'options br_netfilter a=1\\noptions loop max_loop=8\\n' >/etc/modprobe.d/net.conf",
    );
    assert!(tried(&node, "br_netfilter") && tried(&node, "overlay"), "it does not say what it loads");
    let place = place(
        &guard,
        "- modprobe: {name: br_netfilter, state: absent, persistent: absent, live: never}
- modprobe: {name: overlay, persistent: present, live: never}",
    );
    let vendor = "/usr/lib/modules-load.d/vendor.conf loads br_netfilter at boot";
    let seen = place.apply(&[]);
    seen.is(0, &["/etc/modules-load.d/k8s.conf names br_netfilter", vendor, "1 changed"]);
    assert!(!seen.all().contains("hidden.conf"), "{}", seen.all());
    let files = "cat /etc/modules-load.d/k8s.conf /etc/modprobe.d/net.conf; ls /etc/modules-load.d";
    let left = "overlay\n# br-netfilter\n#options br_netfilter a=1\noptions loop max_loop=8\n";
    assert!(on(&node, files).starts_with(left), "{}", on(&node, files));
    assert!(tried(&node, "br_netfilter"), "the distribution's file is left");
    // The cure that was named.
    on(&node, "ln -s /dev/null /etc/modules-load.d/vendor.conf");
    let seen = place.apply(&[]);
    seen.unchanged();
    assert!(!seen.all().contains("vendor.conf"), "{}", seen.all());
    assert!(!tried(&node, "br_netfilter") && tried(&node, "overlay"));
}
