//! Things go wrong on real hosts: passwords, bare hosts, disks, locks, links. In each case the message says what
//! happened, the exit code is right and nothing is half-written.
#![allow(clippy::unwrap_used)]

#[path = "hosts_faults/links.rs"]
mod links;
mod support;

use fitout::lab::{Guard, Host};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::place::{Place, Seen};
use support::watch::Watch;
use support::{PASSWORD, lab, on, output, read_only, small_disk};

/// A folder whose inventory is the lab's, with further variables for all hosts.
fn place(lab: &Guard, vars: &str, tasks: &str) -> Place {
    let inventory = std::fs::read_to_string(lab.inventory_path()).unwrap();
    Place::new(&format!("{inventory}{vars}\n"), tasks)
}

fn exists(host: &Host, path: &str) -> bool {
    host.root_dir().unwrap().join(path.trim_start_matches('/')).exists()
}

fn read(host: &Host, path: &str) -> String {
    std::fs::read_to_string(host.root_dir().unwrap().join(path.trim_start_matches('/'))).unwrap()
}

/// What stands in a folder of the host.
fn names(host: &Host, folder: &str) -> Vec<String> {
    on(host, &format!("ls -A {folder}")).lines().map(String::from).collect()
}

fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !seen() {
        assert!(Instant::now() < limit, "in vain waited for: {what}");
        std::thread::yield_now();
    }
}

/// Types a password at the prompt of a run that has a terminal.
fn typed(place: &Place, password: &str, args: &[&str]) -> Seen {
    let words: Vec<String> = [env!("CARGO_BIN_EXE_fitout")]
        .iter()
        .chain(args)
        .map(|word| shell_words::quote(word).into_owned())
        .collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--echo", "never", "--command", &words.join(" "), "/dev/null"]);
    let typed = tempfile::tempdir().unwrap();
    let input = typed.path().join("typed");
    std::fs::write(&input, format!("{password}\n")).unwrap();
    script.current_dir(place.path()).stdin(std::fs::File::open(&input).unwrap());
    let seen = output(&mut script);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Seen { code: seen.status.code(), out: text(&seen.stdout), err: text(&seen.stderr) }
}

/// Stands on a command line of the run, to prove that the watch would see a password there.
const MARK: &str = "seen-on-a-command-line";

#[test]
fn a_sudo_password_is_asked_once_and_seen_nowhere() {
    let lab = lab(2);
    let hosts = lab.hosts();
    let place = place(
        &lab,
        "ansible_user=pw",
        "- name: As root
  become: true
  command: timeout 100 cat /root/gate /root/seen-on-a-command-line
  failed_when: false
- become: true
  copy: {content: root's, dest: /root/made, mode: '0600'}
- become: true
  shell: grep -c . /root/made && id -un
- command: id -un
  register: me
  failed_when: me.stdout != 'pw'
",
    );
    let args = ["apply", "--yes", "-vvv", "--diff", "-K", "-i", "hosts", "site.yml"];
    for host in &hosts {
        on(host, "mkfifo /root/gate");
    }
    let watch = Watch::start(&[PASSWORD, MARK]);
    let right = std::thread::scope(|scope| {
        let run = scope.spawn(|| typed(&place, PASSWORD, &args));
        // The watch can see; only now the run goes on.
        until("the mark is seen", || watch.sees(MARK) || run.is_finished());
        for host in &hosts {
            on(host, "timeout 20 sh -c ': >/root/gate'");
        }
        run.join().unwrap()
    });
    let words = watch.words();
    right.is(0, &[]);
    assert_eq!(right.all().to_lowercase().matches("password").count(), 1, "{}", right.all());
    for host in &hosts {
        assert_eq!(read(host, "/root/made"), "root's");
    }
    assert!(words.iter().any(|(word, _)| word == MARK), "the watch sees nothing");
    let leaked: Vec<_> = words.iter().filter(|(word, _)| word == PASSWORD).collect();
    assert!(leaked.is_empty(), "{leaked:?}");

    let wrong = typed(&place, "not-the-password", &args);
    wrong.is(1, &["node1: wrong sudo password", "node2: wrong sudo password"]);
    for host in &hosts {
        // Each wrong try counts towards the user's lockout, so there is one.
        let tries = on(host, "journalctl -q -o cat _COMM=sudo | grep -c 'authentication failure'");
        assert_eq!(tries.trim(), "1");
    }

    let plain = place.run(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    plain.is(1, &["sudo asks for a password", "--ask-become-pass"]);

    let kept = [right.all(), wrong.all(), plain.all(), place.kept()].concat();
    for host in &hosts {
        let everywhere =
            on(host, "journalctl -q -o cat; grep -rs . /tmp /run/user /home /root /var/log || :");
        let kept = [kept.as_str(), &everywhere].concat();
        for secret in [PASSWORD, "not-the-password"] {
            assert!(!kept.contains(secret), "{secret} is seen in\n{kept}");
        }
    }
}

#[test]
fn a_doas_password_is_given_at_a_terminal_of_the_host() {
    let lab = lab(1);
    let hosts = lab.hosts();
    let host = &hosts[0];
    on(host, "apt-get -qq update && apt-get -qq install -y opendoas >/dev/null");
    on(host, "echo 'permit pw' >/etc/doas.conf; chmod 600 /etc/doas.conf; mkfifo /root/gate");
    let place = place(
        &lab,
        "ansible_user=pw\nansible_become_method=doas",
        "- name: As root
  become: true
  command: timeout 100 cat /root/gate /root/seen-on-a-command-line
  failed_when: false
- name: large
  become: true
  copy: {src: big, dest: /root/big, mode: '0600'}
- name: bytes come through as they are
  become: true
  shell: |
    printf 'a\\r\\n\\004\\177b' && id -un >&2
  register: odd
  failed_when: odd.stdout | b64encode != 'YQ0KBH9i' or odd.stderr != 'root'
",
    );
    std::fs::write(place.path().join("big"), vec![7_u8; 1 << 20]).unwrap();
    let args = ["apply", "--yes", "-vvv", "--diff", "-K", "-i", "hosts", "site.yml"];
    let watch = Watch::start(&[PASSWORD, MARK]);
    let right = std::thread::scope(|scope| {
        let run = scope.spawn(|| typed(&place, PASSWORD, &args));
        until("the mark is seen", || watch.sees(MARK) || run.is_finished());
        on(host, "timeout 20 sh -c ': >/root/gate'");
        run.join().unwrap()
    });
    let words = watch.words();
    right.is(0, &[]);
    assert_eq!(right.all().to_lowercase().matches("password").count(), 1, "{}", right.all());
    assert_eq!(on(host, "stat -c '%s %U' /root/big").trim(), "1048576 root");
    let leaked: Vec<_> = words.iter().filter(|(word, _)| word == PASSWORD).collect();
    assert!(leaked.is_empty(), "{leaked:?}");

    let wrong = typed(&place, "not-the-password", &args);
    wrong.is(1, &["node1: wrong doas password"]);
    let plain = place.apply(&[]);
    plain.is(1, &["doas asks for a password to become root", "--ask-become-pass"]);
    on(host, "mv /usr/bin/script /usr/bin/script.away");
    let bare = typed(&place, PASSWORD, &args);
    bare.is(1, &["at a terminal only", "hint: install `script`"]);

    let everywhere = on(host, "journalctl -q -o cat; grep -rs . /tmp /run/user /home /root /var/log || :");
    let kept = [right.all(), wrong.all(), plain.all(), bare.all(), place.kept(), everywhere].concat();
    for secret in [PASSWORD, "not-the-password"] {
        assert!(!kept.contains(secret), "{secret} is seen in\n{kept}");
    }
}

#[test]
fn a_su_password_is_given_once_and_a_wrong_one_is_said() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    on(host, "echo 'root:of root $1' | chpasswd");
    let tasks = "- become: true\n  copy: {content: root's, dest: /root/made, mode: '0600'}\n";
    let place = place(&lab, "ansible_user=pw\nansible_become_method=su", tasks);
    let args = ["apply", "--yes", "-vvv", "-K", "-i", "hosts", "site.yml"];
    let wrong = typed(&place, "not-the-password", &args);
    wrong.is(1, &["node1: wrong su password"]);
    let tries = on(host, "journalctl -q -o cat _COMM=su | grep -c 'authentication failure'");
    assert_eq!(tries.trim(), "1");
    let plain = place.apply(&[]);
    plain.is(1, &["su asks for a password to become root", "--ask-become-pass"]);
    assert!(!exists(host, "/root/made"));
    let right = typed(&place, "of root $1", &args);
    right.is(0, &["changed=1"]);
    assert_eq!(on(host, "stat -c '%a %U' /root/made").trim(), "600 root");
    let kept = [right.all(), wrong.all(), plain.all(), place.kept()].concat();
    assert!(!kept.contains("of root $1") && !kept.contains("not-the-password"), "{kept}");
}

/// A login that sees nothing of the host but busybox: no python, no bash, no sudo, no apt, none of coreutils.
const BARE: &str = r#"
apt-get -qq update && apt-get -qq install busybox-static >/dev/null
mkdir -p /bare/bin /bare/etc /bare/tmp /bare/root /bare/dev /bare/proc /bare/srv
cp /bin/busybox /bare/bin/ && chroot /bare /bin/busybox --install -s /bin
rm -f /bare/bin/bash /bare/bin/sudo
printf 'root:x:0:0:root:/root:/bin/sh\nbare:x:0:0:bare:/root:/bin/sh\n' >/bare/etc/passwd
printf 'root:x:0:\n' >/bare/etc/group
printf 'ID=bare\nNAME=Bare\n' >/bare/etc/os-release
mount --bind /dev /bare/dev && mount -t proc proc /bare/proc
useradd -o -u 0 -g 0 -d /root -M -s /bin/sh bare
printf 'Match User bare\n  ChrootDirectory /bare\n' >/etc/ssh/sshd_config.d/bare.conf
# Not reload: that comes back before the daemon listens again.
systemctl restart ssh
"#;

#[test]
fn a_host_with_nothing_but_busybox_is_enough() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    on(host, BARE);
    let place = place(
        &lab,
        "ansible_user=bare",
        "- setup:
- assert: {that: [ansible_facts.kernel is defined, ansible_facts.os_family is defined]}
- file: {path: /srv/a b/c, state: directory, mode: '0750'}
- copy: {content: \"it's {{ inventory_hostname }}\\n\", dest: /srv/a b/one, mode: '0600'}
- copy: {src: large, dest: /srv/large}
- lineinfile: {path: /srv/lines, line: 'k = $(v)', create: true}
- blockinfile: {path: /srv/lines, block: \"x\\ny\"}
- copy: {content: \"x\\n\", dest: /srv/other, force: false}
- replace: {path: /srv/other, regexp: '^x$', replace: z}
- file: {src: /srv/lines, dest: /srv/link, state: link}
- stat: {path: /srv/link}
  register: link
- assert: {that: link.stat.islnk and link.stat.lnk_source == '/srv/lines'}
- find: {paths: /srv, patterns: 'l*'}
  register: found
- assert: {that: found.matched == 2}
- slurp: {src: /srv/lines}
  register: lines
- assert: {that: \"'k = $(v)' in (lines.content | b64decode)\"}
- shell: test -z \"$BASH_VERSION\" && ! command -v bash python3 sudo
  changed_when: false
",
    );
    place.write("large", &"a line that compresses\n".repeat(100_000));
    place.apply(&[]).is(0, &[]);
    assert_eq!(read(host, "/bare/srv/a b/one"), "it's node1\n");
    let again = place.apply(&["--json"]);
    again.is(0, &[]);
    assert!(!again.out.contains("\"outcome\":\"changed\""), "{}", again.out);
    assert_eq!(names(host, "/bare/tmp"), [""; 0]);

    // What was begun in the background needs no run, and leaves nothing behind.
    place.tasks(
        "- shell: until [ -e /srv/go ]; do sleep 1; done; touch /srv/gone_on
  async: 600
  poll: 0
- shell: sleep 600
  async: 1
  poll: 0
",
    );
    place.apply(&[]).is(0, &[]);
    assert!(!exists(host, "/bare/srv/gone_on"));
    on(host, "touch /bare/srv/go");
    until("the job goes on", || exists(host, "/bare/srv/gone_on"));
    let inside = "for one in /proc/[0-9]*; do [ \"$(readlink $one/root)\" != /bare ] || echo $one; done";
    until("nothing is left", || names(host, "/bare/tmp").is_empty() && on(host, inside).is_empty());

    place.tasks("- apt: {name: hello}\n");
    place.apply(&[]).is(1, &["apt"]);
    place.tasks("- command: id\n  become: true\n");
    place.apply(&[]).is(1, &["sudo is not installed there", "hint:"]);
}

#[test]
fn full_and_read_only_disks_leave_what_was_there() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    small_disk(host, "/small", 256);
    on(host, "echo old >/small/file && mkdir -p /fixed && echo old >/fixed/file");
    read_only(host, "/fixed");
    let place = place(&lab, "", "");
    place.write("large", &"x".repeat(1 << 20));
    place.write("group_vars/all.yml", &format!("long: '{}'\n", "y".repeat(1 << 19)));
    let full = "No space left on device";
    for (task, path) in [
        ("copy: {src: large, dest: /small/file}", "/small/file"),
        ("copy: {content: '{{ long }}', dest: /small/new}", "/small/new"),
        ("lineinfile: {path: /small/file, line: '{{ long }}'}", "/small/file"),
        ("shell: cat /dev/zero >/small/filled", "non-zero return code"),
    ] {
        place.tasks(&format!("- name: Too much\n  {task}\n"));
        place.apply(&[]).is(1, &["Too much", "site.yml:4", full, path]);
        assert_eq!(read(host, "/small/file"), "old\n");
        on(host, "rm -f /small/filled");
        assert_eq!(names(host, "/small"), ["file"], "{task}");
    }
    let fixed = "Read-only file system";
    for task in [
        "copy: {content: new, dest: /fixed/file}",
        "copy: {content: new, dest: /fixed/other}",
        "lineinfile: {path: /fixed/file, line: new}",
        "file: {path: /fixed/folder, state: directory}",
        "file: {path: /fixed/file, state: absent}",
        "file: {path: /fixed/file, mode: '0600'}",
    ] {
        place.tasks(&format!("- name: Not there\n  {task}\n"));
        place.apply(&[]).is(1, &["Not there", "site.yml:4", fixed]);
        assert_eq!(names(host, "/fixed"), ["file"], "{task}");
        assert_eq!(read(host, "/fixed/file"), "old\n");
    }
    // With room again the same run goes through.
    place.tasks("- copy: {src: large, dest: /small/file}\n");
    on(host, "mount -o remount,size=8m /small");
    place.apply(&[]).is(0, &[]);
    assert_eq!(read(host, "/small/file").len(), 1 << 20);
}

/// Holds dpkg's lock as another package manager would, until its stdin ends.
const HOLD: &str = r#"perl -e '
use Fcntl; open(my $f, ">>", "/var/lib/dpkg/lock-frontend") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($f, F_SETLK, $lock) or die "lock: $!";
$| = 1; print "held\n"; <STDIN>'"#;

#[test]
fn the_lock_of_dpkg_is_waited_for() {
    let lab = lab(1);
    let host = &lab.hosts()[0];
    on(host, "apt-get -qq update && apt-get -qq install --download-only hello jq >/dev/null");
    let mut ssh = host.ssh();
    ssh.arg(HOLD).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut holder = ssh.spawn().unwrap();
    let mut held = String::new();
    let mut out = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut held).unwrap();
    assert_eq!(held, "held\n");

    let first = place(&lab, "", "- name: Greeting\n  apt: {name: hello, lock_timeout: 1}\n");
    first.apply(&[]).is(1, &["Greeting", "lock"]);
    assert!(!exists(host, "/usr/bin/hello"));

    first.tasks("- name: Late greeting\n  apt: {name: hello, lock_timeout: 120}\n");
    let second = place(&lab, "", "- name: Filter\n  apt: {name: jq, lock_timeout: 120}\n");
    let (one, two) = (first.start(&[]), second.start(&[]));
    let begun = |place: &Place, task: &str| place.kept().contains(&format!("\"begin\":\"{task}\""));
    until("both wait", || begun(&first, "Late greeting") && begun(&second, "Filter"));
    assert!(!exists(host, "/usr/bin/hello") && !exists(host, "/usr/bin/jq"));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    one.end().is(0, &[]);
    two.end().is(0, &[]);
    assert!(exists(host, "/usr/bin/hello") && exists(host, "/usr/bin/jq"));
    assert_eq!(on(host, "dpkg --audit"), "");
}
