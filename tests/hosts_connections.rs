//! Connections other than a login: a root directory by chroot and as a container; a host that boots anew; and the
//! price of a host where nothing has to be done.

#![allow(clippy::unwrap_used)]

mod support;

use support::place::Place;

const IN_A_ROOT: &str = "- {name: Debian, assert: {that: ansible_facts.distribution == 'Debian'}}
- {name: group, group: {name: crew}}
- {name: user, user: {name: ada, groups: crew, shell: /bin/bash}}
- {name: file, copy: {content: \"hello\\n\", dest: /home/ada/note, owner: ada, mode: '0600'}}
- {name: large, copy: {src: big, dest: /home/ada/big}}
- {name: unit, copy: {content: \"[Timer]\\nOnCalendar=daily\\n[Install]\\nWantedBy=timers.target\\n\", dest: /etc/systemd/system/beat.timer}}
- {name: timer, systemd: {name: beat.timer, enabled: true}}
- {name: as ada, command: id -un, become: true, become_user: ada, become_method: su, register: who, changed_when: false}
- {name: it is ada, assert: {that: who.stdout == 'ada'}}
";

/// A root directory, provisioned, then found as wanted, over one kind of connection.
fn in_a_root(kind: &str) {
    let root = support::root();
    let at = root.path();
    let place =
        Place::new(&format!("inside ansible_connection={kind} ansible_host={}\n", at.display()), IN_A_ROOT);
    let book = std::fs::read_to_string(place.path().join("site.yml")).unwrap();
    place.write("site.yml", &book.replace("gather_facts: false", "gather_facts: true"));
    // More than goes in the stream of jobs.
    std::fs::write(place.path().join("big"), vec![7_u8; 1 << 20]).unwrap();
    place.apply(&[]).is(0, &["changed=6"]);
    assert_eq!(std::fs::read_to_string(at.join("home/ada/note")).unwrap(), "hello\n");
    assert_eq!(std::fs::metadata(at.join("home/ada/big")).unwrap().len(), 1 << 20);
    assert!(at.join("etc/systemd/system/timers.target.wants/beat.timer").is_symlink());
    place.apply(&[]).unchanged();
}

#[test]
fn a_root_directory_is_provisioned_by_chroot() {
    in_a_root("chroot");
}

#[test]
fn a_root_directory_is_provisioned_as_a_container() {
    in_a_root("nspawn");
}

#[test]
fn a_host_boots_anew_and_is_waited_for() {
    let lab = support::lab(1);
    let inventory = lab.inventory_path().display().to_string();
    let place = Place::new(
        "",
        // Nobody can look as a user before it is made, and nothing of ours may run as one that is removed.
        "- {name: a user, user: {name: ada}, become: true}\n\
         - {name: elsewhere, copy: {content: z, dest: /var/tmp/of-ada}, become: true, become_user: ada}\n\
         - {name: as that user, copy: {content: x, dest: ~/note}, become: true, become_user: ada}\n\
         - {name: its home, copy: {content: y, dest: ~ada/other, owner: ada}, become: true}\n\
         - {name: no user, user: {name: ada, state: absent, remove: true}, become: true}\n\
         - {name: before, slurp: {src: /proc/sys/kernel/random/boot_id}, register: before}\n\
         - {name: reboot, reboot: {reboot_timeout: 90, pre_reboot_delay: 0}, become: true}\n\
         - {name: after, slurp: {src: /proc/sys/kernel/random/boot_id}, register: after}\n\
         - {name: another boot, assert: {that: before.content != after.content}}\n\
         - {name: goes down, shell: '(sleep 1; systemctl reboot) >/dev/null 2>&1 &', become: true}\n\
         - {name: comes back, wait_for_connection: {delay: 2, timeout: 90}}\n\
         - {name: answers, ping: {}}\n",
    );
    place.run(&["apply", "--yes", "-i", &inventory, "site.yml"]).is(0, &["failed=0"]);
}

#[test]
fn a_converged_host_costs_three_round_trips_at_most() {
    let lab = support::lab(1);
    let inventory = lab.inventory_path().display().to_string();
    let tasks: String = (0..40)
        .map(|n| match n % 4 {
            0 => format!("- file: {{path: /srv/d{n}, state: directory, mode: '0750'}}\n"),
            1 => format!("- copy: {{content: 'text {n}', dest: /root/f{n}}}\n"),
            2 => format!("- lineinfile: {{path: /root/l{n}, line: a, create: true}}\n"),
            _ => format!("- user: {{name: user{n}, system: true, create_home: false}}\n"),
        })
        .collect();
    let place = Place::new("", &tasks);
    let book = std::fs::read_to_string(place.path().join("site.yml")).unwrap();
    place.write("site.yml", &book.replace("gather_facts: false", "become: true"));
    place.run(&["apply", "--yes", "-i", &inventory, "site.yml"]).is(0, &["changed=40"]);
    let seen = place.run(&["apply", "--yes", "--json", "-i", &inventory, "site.yml"]);
    let done = seen.out.lines().find(|l| l.contains("\"run_done\"")).unwrap();
    let done: serde_json::Value = serde_json::from_str(done).unwrap();
    assert_eq!(done["recap"]["node1"]["changed"], 0, "{}", seen.out);
    // Facts and all probes of the shell of root.
    assert!(done["round_trips"].as_u64().unwrap() <= 3, "{done}");
}

/// The relay node of the benchmark, which has effects that look at those before them, templates made of facts, and a handler.
#[test]
fn a_bare_host_costs_a_few_round_trips() {
    let lab = support::lab(1);
    let inventory = lab.inventory_path().display().to_string();
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/converge/site.yml");
    let place = Place::new("", "");
    let trips = |changed: u64| {
        let seen = place.run(&["apply", "--yes", "--json", "-i", &inventory, site]);
        let done = seen.out.lines().find(|l| l.contains("\"run_done\"")).unwrap();
        let done: serde_json::Value = serde_json::from_str(done).unwrap();
        assert_eq!(done["recap"]["node1"]["changed"], changed, "{}", seen.out);
        done["round_trips"].as_u64().unwrap()
    };
    // Facts and probes; effects, what to look at once more behind them, and the handler.
    assert_eq!(trips(19), 2);
    assert_eq!(trips(0), 1);
}

/// Each as a user's would be run: applied, found as wanted, verified. One that only reads changes nothing at first either.
#[test]
fn examples_run_on_a_bare_host() {
    let lab = support::lab(1);
    let inventory = lab.inventory_path().display().to_string();
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let mut examples: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    examples.sort();
    assert!(examples.len() >= 3, "{examples:?}");
    let place = Place::new("", "");
    for example in examples {
        let book = example.display().to_string();
        let run = |flags: &[&str]| place.run(&[flags, &["-i", &inventory, &book]].concat());
        let planned = run(&["plan"]);
        assert!(matches!(planned.code, Some(0 | 2)), "{}", planned.all());
        run(&["apply", "--yes"]).is(0, &["failed=0"]);
        run(&["apply", "--yes"]).unchanged();
        run(&["verify"]).is(0, &[]);
    }
    assert!(support::on(&lab.hosts()[0], "cat /etc/motd").starts_with("Handle with care, this is node1"));
}

#[test]
fn a_host_behind_another_is_reached_through_it() {
    let lab = support::lab(2);
    let [gate, inner] = &lab.hosts()[..] else { panic!("two hosts") };
    // The gate's own login is made with the same configuration.
    let config = lab.inventory_path().with_file_name("ssh_config").display().to_string();
    let inventory = format!(
        "[all:vars]\nansible_host={0}\n[inner]\n\
         direct ansible_ssh_common_args='-F {config}'\n\
         jump ansible_ssh_common_args='-F {config} -o ProxyJump={1}'\n\
         short ansible_ssh_common_args='-F {config}' ansible_ssh_extra_args='-J {1}'\n",
        inner.address, gate.address
    );
    let place = Place::new(
        &inventory,
        "- {name: from, shell: 'echo ${SSH_CONNECTION%% *}', register: from, changed_when: false}\n\
         - {name: where, command: hostname, register: where, changed_when: false}\n\
         - {name: large, copy: {src: big, dest: '/root/{{ inventory_hostname }}'}}\n\
         - {name: told, debug: {msg: '{{ inventory_hostname }} is {{ where.stdout }} from {{ from.stdout }}'}}\n",
    );
    // More than goes in the stream of jobs.
    std::fs::write(place.path().join("big"), vec![7_u8; 1 << 20]).unwrap();
    let own = inner.address.rsplit_once('.').unwrap().0;
    let told = |name: &str, from: &str| format!("{name} is {} from {from}\"", inner.name);
    let [direct, jump, short] =
        [told("direct", &format!("{own}.1")), told("jump", &gate.address), told("short", &gate.address)];
    place.apply(&["--json"]).is(0, &[&direct, &jump, &short]);
    for name in ["direct", "jump", "short"] {
        assert_eq!(support::on(inner, &format!("stat -c %s /root/{name}")).trim(), "1048576");
    }
}
