//! Images: baked, booted, planned against, and nothing left of the making. One bake serves many assertions.

#![allow(clippy::unwrap_used)]

mod support;

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::output;
use support::place::{Place, Running};

const PLAY: &str = "- name: Tuned node
  hosts: tuned
  image:
    name: node
    size: 2G
    groups: [tuned]
    formats: [qcow2, tar]
    # BIOS is what tests/hosts_join.rs boots its image with.
    builders: [{type: disk, firmware: efi}]
  vars: {secret_word: not-for-the-image}
  tasks:
    - copy: {content: \"baked\\n\", dest: /etc/baked}
      when: fitout_image is defined
    - copy: {content: x, dest: /etc/live}
      when: fitout_image is not defined
    - sysctl:
        values: {vm.swappiness: 10, net.core.somaxconn: 4096}
        sysctl_file: /etc/sysctl.d/60-node.conf
    # The image has update-grub, which in the making has no disk to run on.
    - kernel_cmdline: {parameters: [fitout.probe=1]}
    - copy:
        dest: /etc/systemd/system/probe.service
        content: |
          [Service]
          ExecStart=/bin/sleep infinity
          [Install]
          WantedBy=multi-user.target
    # In a container with its own systemd: the play manages services.
    - service: {name: probe, state: started, enabled: true}
    - command: systemctl is-active probe
      changed_when: false
    - command: systemctl is-active ssh
      register: ssh
      changed_when: false
      failed_when: (ssh.stdout == 'active') != (fitout_image.phase == 'verify')
    - copy: {content: \"ls\\n\", dest: /root/.bash_history}
      when: fitout_image is defined and fitout_image.phase == 'bake'
  verify:
    - command: sysctl -n vm.swappiness
      register: seen
      changed_when: false
      failed_when: seen.stdout != '10'
    - command: cat /proc/cmdline
      register: booted
      changed_when: false
      failed_when: \"'fitout.probe=1' not in booted.stdout.split()\"
    - command: systemctl is-active probe
      changed_when: false
";

/// A user, a package, a file; for a container, so that no kernel is in it.
const SMALL: &str = "- name: Small
  hosts: all
  image:
    name: small
    formats: [tar]
    verify: false
  tasks:
    - user: {name: app, shell: /bin/sh}
    - apt: {name: less}
    - copy: {content: \"baked\\n\", dest: /etc/baked}
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

/// Content, mode, owner and time of everything below a root.
fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let entry = |entry: walkdir::DirEntry| {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let content = match meta.file_type() {
            kind if kind.is_symlink() => {
                std::fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
            }
            kind if kind.is_file() => std::fs::read(path).unwrap(),
            _ => Vec::new(),
        };
        let sum = Sha256::digest(&content);
        let seen = format!("{:o} {} {} {} {sum:?}", meta.mode(), meta.uid(), meta.gid(), meta.mtime());
        (path.strip_prefix(root).unwrap().to_path_buf(), seen)
    };
    walkdir::WalkDir::new(root).into_iter().flatten().map(entry).collect()
}

/// The finished image of this format.
fn made(place: &Place, folder: &str, format: &str) -> PathBuf {
    let mut images = std::fs::read_dir(place.path().join(folder)).unwrap().flatten().map(|e| e.path());
    images.find(|p| p.extension().is_some_and(|e| e == format)).unwrap()
}

/// The root file system in the finished tarball.
fn unpacked(place: &Place, folder: &str) -> BTreeMap<PathBuf, String> {
    let tar = made(place, folder, "tar");
    let root = place.path().join(folder).join("root");
    std::fs::create_dir(&root).unwrap();
    let done = output(Command::new("tar").arg("-C").arg(&root).args(["--numeric-owner", "-xpf"]).arg(&tar));
    assert!(done.status.success());
    let seen = tree(&root);
    std::fs::remove_dir_all(root).unwrap();
    seen
}

#[test]
fn one_input_makes_one_image() {
    let place = Place::default();
    place.write("site.yml", SMALL);
    let start = |folder: &str| {
        let mut bake = place.command(&["bake", "site.yml", "--out", folder]);
        Running::start(bake.env("SOURCE_DATE_EPOCH", "1700000000"))
    };
    let (one, other) = (start("a"), start("b"));
    one.end().is(0, &[]);
    other.end().is(0, &[]);
    let [a, b] = ["a", "b"].map(|folder| std::fs::read(made(&place, folder, "tar")).unwrap());
    if a != b {
        let (a, b) = (unpacked(&place, "a"), unpacked(&place, "b"));
        let differ: Vec<&PathBuf> = a.keys().chain(b.keys()).filter(|p| a.get(*p) != b.get(*p)).collect();
        panic!("two bakes of one input differ, in {differ:?}");
    }
}
