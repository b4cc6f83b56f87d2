//! Images: baked, booted, planned against, and nothing left of the making. One bake serves many assertions.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use support::output;
use support::place::Place;

const PLAY: &str = "- name: Tuned node
  hosts: tuned
  image:
    name: node
    size: 2G
    groups: [tuned]
    formats: [qcow2, tar]
  vars: {secret_word: not-for-the-image}
  tasks:
    - copy: {content: \"baked\\n\", dest: /etc/baked}
      when: fitout_image is defined
    - copy: {content: x, dest: /etc/live}
      when: fitout_image is not defined
    - sysctl:
        values: {vm.swappiness: 10, net.core.somaxconn: 4096}
        sysctl_file: /etc/sysctl.d/60-node.conf
    - copy:
        dest: /etc/systemd/system/probe.service
        content: |
          [Service]
          ExecStart=/bin/sleep infinity
          [Install]
          WantedBy=multi-user.target
    - service: {name: probe, state: started, enabled: true}
    - copy: {content: \"ls\\n\", dest: /root/.bash_history}
      when: fitout_image is defined and fitout_image.phase == 'bake'
  verify:
    - command: sysctl -n vm.swappiness
      register: seen
      changed_when: false
      failed_when: seen.stdout != '10'
    - command: systemctl is-active probe
      changed_when: false
";

/// What a bake may leave beside finished images: nothing.
fn drafts(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path().join("images")).into_iter().flatten().flatten();
    let names = entries.map(|e| e.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".bake-")).collect()
}

#[test]
fn a_play_becomes_an_image_that_boots_and_has_nothing_left_to_do() {
    let place = Place::default();
    place.write("site.yml", PLAY);
    let first = place.run(&["bake", "site.yml"]);
    first.is(0, &["bake: verify", "node-"]);
    assert_eq!(drafts(&place), [""; 0]);
    let files: Vec<&str> = first.out.lines().filter(|l| l.starts_with("images/")).collect();
    assert_eq!(files.len(), 2, "{}", first.out);
    let base = files[0].strip_suffix(".qcow2").unwrap();

    let manifest = std::fs::read(place.path().join(format!("{base}.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["verified"], true);
    assert_eq!(manifest["sysctl"]["vm.swappiness"], "10");
    assert!(manifest["packages"]["openssh-server"].is_string());
    let changed: Vec<&str> =
        manifest["changed"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
    assert!(changed.contains(&"+ /etc/baked") && !changed.contains(&"+ /etc/live"), "{changed:?}");
    let spdx = std::fs::read_to_string(place.path().join(format!("{base}.spdx.json"))).unwrap();
    assert!(spdx.contains("pkg:deb/debian/openssh-server@"));

    // Nothing of one machine, of the bake, or secret is in it.
    let tar = place.path().join(format!("{base}.tar"));
    let list = output(Command::new("tar").arg("-tf").arg(&tar));
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for gone in
        ["ssh_host_", "sbin/policy-rc.d", ".ssh/authorized_keys", ".bash_history", "var/lib/apt/lists/deb"]
    {
        assert!(!list.lines().any(|l| l.contains(gone) && !l.ends_with('/')), "{gone} is in the image");
    }
    let id = output(Command::new("tar").arg("-xOf").arg(&tar).arg("./etc/machine-id"));
    assert!(id.status.success() && id.stdout.is_empty());
    let grep = format!("tar -xOf '{}' | grep -c not-for-the-image", tar.display());
    assert_eq!(String::from_utf8_lossy(&output(Command::new("sh").args(["-c", &grep])).stdout).trim(), "0");

    // The same inputs are the same image; others are not.
    place.run(&["bake", "site.yml"]).is(0, &["is there; nothing that goes into it has changed"]);
    place.run(&["images"]).is(0, &["verified", "qcow2"]);
    place.run(&["images", "prune", "--keep", "0"]).is(0, &["removed node-"]);
    assert_eq!(std::fs::read_dir(place.path().join("images")).unwrap().count(), 0);
}

#[test]
fn an_interrupted_bake_leaves_nothing() {
    let place = Place::default();
    place.write("site.yml", PLAY);
    let mut bake =
        place.command(&["bake", "site.yml"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(bake.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "bake: root file system"));
    // It has begun to write.
    let root = || std::fs::read_dir(place.path().join("images")).into_iter().flatten().flatten().next();
    while !root().is_some_and(|draft| draft.path().join("root/var").is_dir()) {
        assert!(bake.try_wait().unwrap().is_none(), "it ended too early");
    }
    assert!(Command::new("kill").arg(bake.id().to_string()).status().unwrap().success());
    assert_eq!(bake.wait().unwrap().code(), Some(143));
    assert_eq!(drafts(&place), [""; 0]);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&place.path().display().to_string()), "{mounts}");
}

#[test]
fn what_cannot_be_baked_is_refused_before_anything_is_made() {
    let place = Place::default();
    let play = |image: &str| place.write("site.yml", &format!("- hosts: all\n{image}  tasks: []\n"));
    play("");
    place.run(&["bake", "site.yml"]).is(3, &["no play of site.yml has `image:`"]);
    play("  image: {sise: 3G}\n");
    place.run(&["bake", "site.yml"]).is(3, &["there is no option `sise`", "did you mean `size`?"]);
    play("  image: {builders: [floppy]}\n");
    place.run(&["bake", "site.yml"]).is(3, &["there is no builder `floppy`"]);
    assert!(!place.path().join("images").exists());
}
