//! Every way out of a bake with the builder disk: an error, signals, kill -9 and then gc, at each of its steps. What makes
//! the disk is real; what takes long (an operating system, and booting it) is not there, for programs are stubs.

#![allow(clippy::unwrap_used)]

#[path = "bake_disk/direct.rs"]
mod direct;
#[path = "bake_disk/name.rs"]
mod name;
#[path = "bake_disk/said.rs"]
mod said;
mod support;

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::place::{Place, Seen, stub};

const PLAY: &str = "- name: A disk
  hosts: all
  gather_facts: false
  image:
    name: disk
    size: 512M
    formats: [FORMATS]
    builders: [{type: disk, provision: chroot}]
    source: {url: 'file://ROOT', checksum: 'sha256:SUM'}
  tasks:
    - command: STEP provision
      delegate_to: localhost
      changed_when: false
  verify:
    - command: STEP verify
      delegate_to: localhost
      changed_when: false
      when: fitout_image.phase == 'verify'
";

/// A step, and the program in it that hangs or fails, with its arguments.
const STEPS: [(&str, &str); 8] = [
    ("root file system", "curl *"),
    ("mounts", "mount *"),
    ("provision", "step provision"),
    ("clean", "sh *clean.sh*"),
    ("disk", "mke2fs *"),
    ("boot", "ssh *is-system-running*"),
    ("verify", "step verify"),
    ("publish", "qemu-img convert*"),
];

/// What belongs to one machine; an image has none of it, or has it empty.
const CLEANED: [&str; 16] = [
    "etc/machine-id",
    "etc/ssh/ssh_host_rsa_key",
    "etc/docker/key.json",
    "var/lib/docker/engine-id",
    "var/lib/docker/swarm/state.json",
    "var/lib/cloud/instance/id",
    "var/lib/systemd/random-seed",
    "var/lib/dhcp/eth0.leases",
    "var/lib/apt/lists/debian_Packages",
    "var/log/journal/1/system.journal",
    "var/log/auth.log",
    "var/log/wtmp",
    "root/.bash_history",
    "root/.ssh/known_hosts",
    "home/admin/.bash_history",
    "tmp/x",
];

/// cap_net_raw=ep
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A folder with a play and a root file system of what a disk needs, by name.
fn place(formats: &str) -> Place {
    let place = Place::default();
    for name in ["curl", "mount", "mke2fs", "qemu-img", "sh"] {
        let real = std::env::split_paths("/usr/sbin:/usr/bin:/sbin:/bin").map(|folder| folder.join(name));
        let real = real.into_iter().find(|path| path.is_file()).unwrap();
        stub(&place, name, &format!("*) exec '{}' \"$@\" ;;", real.display()));
    }
    stub(&place, "ssh", "*is-system-running*) echo running ;;");
    stub(&place, "step", "");
    stub(&place, "qemu-system-x86_64", "*) exec tail --pid=$PPID -f /dev/null ;;");
    // Inside is nothing that could run.
    let chroot = "*grub-mkimage*i386*) head -c 2048 /dev/zero >\"$1/boot/grub/i386-pc/core.img\" ;;\n\
                  *grub-mkimage*) : >\"$1/boot/grub/BOOTX64.EFI\" ;;\n*vmlinuz*) echo /boot/vmlinuz-1 ;;";
    stub(&place, "chroot", chroot);
    let grub = ["boot.img", "core.img"].map(|name| format!("root/usr/lib/grub/i386-pc/{name}"));
    for name in ["boot/vmlinuz-1", "boot/initrd.img-1", "usr/bin/grub-mkimage", "usr/lib/grub/x86_64-efi/x"] {
        place.write(&format!("root/{name}"), "");
    }
    for name in CLEANED.iter().chain(&["etc/ssh/sshd_config", "usr/sbin/x"]) {
        place.write(&format!("root/{name}"), "of one machine\n");
    }
    grub.iter().for_each(|name| drop(place.write(name, &"\0".repeat(512))));
    let at = |name: &str| place.path().join("root").join(name);
    std::os::unix::fs::symlink("x", at("usr/sbin/link")).unwrap();
    for (name, mode) in [("usr/bin/su", 0o4755), ("usr/bin/ping", 0o755)] {
        place.write(&format!("root/{name}"), "a program\n");
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(at("usr/bin/ping"), "security.capability", &CAPABILITY, flags).unwrap();
    let tar = place.path().join("root.tar");
    let packed = Command::new("tar")
        .arg("-C")
        .arg(place.path().join("root"))
        .args(["--xattrs", "--xattrs-include=*", "-cf"])
        .arg(&tar)
        .arg(".")
        .status();
    assert!(packed.unwrap().success());
    let sum: String =
        Sha256::digest(std::fs::read(&tar).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    let step = place.path().join("stubs/step").display().to_string();
    // The folder's random name comes last: it may have any letters.
    let play = PLAY.replace("SUM", &sum).replace("FORMATS", formats);
    let play = play.replace("STEP", &step).replace("ROOT", &tar.display().to_string());
    place.write("site.yml", &play);
    place
}

fn bake(place: &Place, more: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = place.command(&[&["bake", "site.yml"], more].concat());
    command.env("PATH", place.stubs()).envs(env.iter().copied());
    command
}

fn seen(mut command: Command) -> Seen {
    Seen::of(&support::output(&mut command))
}

/// Nothing in the folder of images, no mount, and no process that was started in it or holds a file there.
#[track_caller]
fn nothing_is_left(place: &Place, why: &str) {
    let names = std::fs::read_dir(place.path().join("images")).into_iter().flatten().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert_eq!(names, [""; 0], "{why}");
    let folder = place.path().display().to_string();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&folder), "{why}: {mounts}");
}

/// Processes of the bake that are there.
fn running(place: &Place) -> Vec<(i32, String)> {
    let path = format!("PATH={}", place.path().display());
    let one = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let [words, environment] = ["cmdline", "environ"].map(|name| {
            String::from_utf8_lossy(&std::fs::read(entry.path().join(name)).unwrap_or_default()).into_owned()
        });
        (environment.contains(&path) && !words.is_empty()).then(|| (pid, words.replace('\0', " ")))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(one).collect()
}

/// They end with the bake. A command of a play on this machine itself is not the bake's: it ends when it has done.
fn all_end(place: &Place, step: &str) {
    loop {
        let there = running(place);
        if there.is_empty() {
            return;
        }
        for (pid, _) in there.iter().filter(|_| ["provision", "verify"].contains(&step)) {
            let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
        }
        std::thread::yield_now();
    }
}

/// A bake that hangs in a step.
/// `heard`: somebody reads what it says then.
fn caught(place: &Place, step: &str, program: &str, heard: bool) -> Child {
    let mut command = bake(place, &[], &[("STUB_HANGS", program)]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let wanted = format!("bake: {step}");
    let mut said = Vec::new();
    while said.last() != Some(&wanted) {
        said.push(lines.next().unwrap_or_else(|| panic!("no {step}: {said:#?}")).unwrap());
    }
    if heard {
        std::thread::spawn(move || lines.for_each(drop));
    }
    while !running(place).iter().any(|(_, line)| line.starts_with("tail --pid")) {
        assert!(child.try_wait().unwrap().is_none(), "{step}: it ended");
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_disk_is_made_of_what_is_given() {
    let place = place("qcow2, raw, tar");
    let ended = seen(bake(&place, &[], &[]));
    ended.is(0, &["bake: verify", ".qcow2", ".raw", ".tar"]);
    let base = ended.out.lines().find_map(|l| l.strip_suffix(".tar")).unwrap();
    let list = support::output(Command::new("tar").arg("-tvf").arg(place.path().join(format!("{base}.tar"))));
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let sizes = |name: &str| {
        let line = list.lines().find(|line| line.ends_with(&format!(" ./{name}")));
        line.map_or(0, |line| line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap())
    };
    CLEANED.iter().for_each(|name| assert_eq!(sizes(name), 0, "{name}"));
    assert!(sizes("usr/sbin/x") > 0 && list.contains("./etc/machine-id"), "{list}");
    let partitions = partitions(&place.path().join(format!("{base}.raw")));
    let names: Vec<_> = partitions.iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["bios", "esp", "root"]);
    let mut same = Command::new("qemu-img");
    same.args(["compare", &format!("{base}.raw"), &format!("{base}.qcow2")]).current_dir(place.path());
    assert!(support::output(&mut same).status.success());
    all_end(&place, "");

    let before = listing(&place, &format!("{base}.tar"));

    // What was made is the source of the next: the raw disk, then the qcow2.
    let mut source = format!("{base}.raw");
    for format in ["qcow2", "tar"] {
        let image = format!("{{size: 512M, formats: [{format}], verify: false, source: {{path: {source}}}}}");
        place.write(
            "next.yml",
            &format!("- name: next\n  hosts: all\n  gather_facts: false\n  image: {image}\n"),
        );
        let mut next = place.command(&["bake", "next.yml", "--out", "next"]);
        let ended = Seen::of(&support::output(next.env("PATH", place.stubs())));
        ended.is(0, &[]);
        source = ended.out.lines().last().unwrap().to_string();
    }
    assert_eq!(listing(&place, &source), before, "what goes through disks comes out as it was");
    let unpack = ["-xpf", &source, "--xattrs", "--xattrs-include=*", "-C", "next"];
    assert!(Command::new("tar").args(unpack).current_dir(place.path()).status().unwrap().success());
    let at = |name: &str| place.path().join("next").join(name);
    assert_eq!(std::fs::read_link(at("usr/sbin/link")).unwrap().to_str(), Some("x"));
    assert_eq!(std::fs::metadata(at("usr/bin/su")).unwrap().permissions().mode() & 0o7777, 0o4755);
    let mut seen = [0; 20];
    let length = rustix::fs::getxattr(at("usr/bin/ping"), "security.capability", &mut seen).unwrap();
    assert_eq!(seen[..length], CAPABILITY);
}

/// Mode, owner, size and name of all that a tarball holds, without what a disk brings along.
fn listing(place: &Place, tar: &str) -> Vec<String> {
    let mut list = Command::new("tar");
    list.args(["-tvf", tar, "--numeric-owner"]).current_dir(place.path());
    let list = support::output(&mut list);
    assert!(list.status.success());
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Date and time stand between.
        [&fields[..3], &fields[5..]].concat().join(" ")
    };
    let list = String::from_utf8(list.stdout).unwrap();
    let mut lines: Vec<String> = list.lines().map(line).filter(|l| !l.contains("lost+found")).collect();
    lines.sort();
    assert!(lines.len() > CLEANED.len(), "{list}");
    lines
}

#[test]
fn two_disks_of_one_input_differ_in_times_of_change_alone() {
    let place = place("raw");
    let epoch = [("SOURCE_DATE_EPOCH", "1700000000")];
    let disks = ["one", "two"].map(|out| {
        let ended = seen(bake(&place, &["--out", out, "--force", "-e", "{\"image_verify\": false}"], &epoch));
        ended.is(0, &[".raw"]);
        place.path().join(ended.out.lines().find(|line| line.ends_with(".raw")).unwrap())
    });
    assert_ne!(disks[0], disks[1]);
    let partitions = disks.each_ref().map(|disk| partitions(disk));
    assert_eq!(partitions[0], partitions[1]);
    // Nobody can set when an inode was changed, but in a file system that is not mounted.
    let start = partitions[0].last().unwrap()["start"].as_u64().unwrap() * 512;
    for disk in &disks {
        let script: String = (1..200).fold(String::new(), |script, inode| {
            script + &format!("set_inode_field <{inode}> ctime 0\nset_inode_field <{inode}> ctime_extra 0\n")
        });
        let script = place.write("ctimes", &script);
        let mut zero = Command::new("debugfs");
        zero.args(["-w", "-f"]).arg(script).arg(format!("{}?offset={start}", disk.display()));
        let zeroed = support::output(zero.env("E2FSPROGS_FAKE_TIME", "1700000000"));
        assert!(zeroed.status.success(), "{}", String::from_utf8_lossy(&zeroed.stderr));
    }
    let same = support::output(Command::new("cmp").args(&disks));
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
}

fn partitions(disk: &Path) -> Vec<serde_json::Value> {
    let table = support::output(Command::new("sfdisk").arg("--json").arg(disk));
    let table: serde_json::Value = serde_json::from_slice(&table.stdout).unwrap();
    let mut partitions = table["partitiontable"]["partitions"].as_array().unwrap().clone();
    // The device's name is in each.
    partitions.iter_mut().for_each(|p| drop(p.as_object_mut().unwrap().remove("node")));
    partitions
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let place = place("qcow2");
    for (step, program) in STEPS {
        // A machine that does not answer is waited for as long as it runs.
        let program = if step == "boot" { "[qs][es][mh]*" } else { program };
        let ended = seen(bake(&place, &[], &[("STUB_FAILS", program)]));
        ended.is(1, &[&format!("error: bake: {step}: ")]);
        nothing_is_left(&place, &ended.all());
    }
    let play = std::fs::read_to_string(place.path().join("site.yml")).unwrap();
    // Nobody may use what is not as it should be: a play that would change the booted image, or what has not gone.
    let changes = play.replace(
        "step provision\n      delegate_to: localhost\n      changed_when: false\n",
        "step provision\n      delegate_to: localhost\n",
    );
    assert_ne!(changes, play);
    place.write("site.yml", &changes);
    let ended = seen(bake(&place, &[], &[]));
    ended.is(1, &["error: bake: verify: ", "the plays would change the booted image"]);
    nothing_is_left(&place, &ended.all());
    place.write("site.yml", &play);
    let cleans = place.path().join("stubs/sh");
    let real = std::fs::read_to_string(&cleans).unwrap();
    stub(&place, "sh", "*clean.sh*' clean'*) ;;\n*) exec /bin/sh \"$@\" ;;");
    let ended = seen(bake(&place, &[], &[]));
    ended.is(
        1,
        &["error: bake: clean: ", "machine_id: /etc/machine-id has content", "/root/.bash_history is there"],
    );
    nothing_is_left(&place, &ended.all());
    place.write("stubs/sh", &real);
    std::fs::set_permissions(&cleans, std::fs::Permissions::from_mode(0o755)).unwrap();
    // What comes of it is not what was named.
    let (before, rest) = play.split_once("sha256:").unwrap();
    place.write("site.yml", &format!("{before}sha256:{}{}", "0".repeat(64), &rest[64..]));
    let ended = seen(bake(&place, &[], &[]));
    ended.is(1, &["bake: root file system: ", "root.tar: its SHA-256 is "]);
    nothing_is_left(&place, &ended.all());
    // For a look, where it is told.
    for flag in ["--keep-on-error", "--on-error=abort"] {
        let ended = seen(bake(&place, &[flag], &[]));
        ended.is(1, &["kept for a look: ", "images/.bake-"]);
        place.run(&["gc", "--yes"]);
        nothing_is_left(&place, &ended.all());
    }
    let ended = seen(bake(&place, &["--on-error=ask"], &[]));
    ended.is(1, &["there is no terminal to ask on; cleaning up"]);
    nothing_is_left(&place, &ended.all());
}

#[test]
fn signals_leave_nothing_and_gc_removes_what_a_kill_leaves() {
    let place = place("qcow2");
    for (n, (step, program)) in STEPS.into_iter().enumerate() {
        // The last is what a terminal that is closed sends.
        let (signal, code) = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)][n % 3];
        let mut child = caught(&place, step, program, signal != Signal::HUP);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{step}");
        nothing_is_left(&place, step);
        all_end(&place, step);

        let mut child = caught(&place, step, program, true);
        child.kill().unwrap();
        child.wait().unwrap();
        all_end(&place, step);
    }
    assert!(!place.names("images").is_empty());
    place.run(&["gc", "--plan"]).is(2, &["would remove images/.bake-"]);
    assert!(!place.names("images").is_empty());
    place.run(&["gc", "--yes"]).is(0, &["removed images/.bake-"]);
    nothing_is_left(&place, "gc");
}

#[test]
fn a_disk_that_is_too_small_is_told_what_it_needs() {
    let place = place("raw");
    // More than the root file system of the smallest disk can hold, and nothing that a hole could stand for.
    let big = std::fs::File::create(place.path().join("big")).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(1), 480 << 20), &mut &big).unwrap();
    let mut add = Command::new("tar");
    add.args(["-rf", "root.tar", "big"]).current_dir(place.path());
    assert!(add.status().unwrap().success());
    let image = "{size: 512M, formats: [raw], verify: false, source: {path: root.tar}}";
    place.write(
        "site.yml",
        &format!("- name: disk\n  hosts: all\n  gather_facts: false\n  image: {image}\n  tasks: []\n"),
    );
    let ended = seen(bake(&place, &[], &[]));
    ended.is(1, &["bake: disk: ", "the disk is too small", "hint: give more `size`"]);
    nothing_is_left(&place, &ended.all());
}
