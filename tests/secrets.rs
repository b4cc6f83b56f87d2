//! Where secrets must not be while they are used and afterwards: on no command line, in no temporary file, in no log.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use support::place::{Place, Running, fifo};
use support::watch::Watch;

const TASKS: &str = "- name: A vaulted value in the environment
  shell: cat {dir}/gate1 {dir}/mark-1; printf %s $WORD >{dir}/made/environment
  environment: {WORD: '{{ vaulted }}'}
- name: A vaulted value in a file
  copy: {content: '{{ vaulted }}', dest: '{dir}/made/file', validate: 'cat {dir}/gate2 {dir}/mark-2 %s'}
- name: A hidden value in a file
  copy: {content: {hidden}, dest: '{dir}/made/hidden', validate: 'cat {dir}/gate3 {dir}/mark-3 %s'}
  no_log: true
- name: A hidden value over stdin
  shell: cat {dir}/gate4 {dir}/mark-4 - >{dir}/made/stdin; cat {dir}/made/stdin; false
  args: {stdin: {hidden}}
  no_log: true
  ignore_errors: true
- name: A hidden value in the environment
  command: env
  environment: {WORD: {hidden}}
  no_log: true
- name: A temporary file that is left
  shell: mktemp -d | tee {dir}/left; echo {mark} >$(cat {dir}/left)/file
";

/// The command lines of all processes that have this word.
fn command_lines(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

/// Files for something temporary that were written since then, have one of these words and are not of the test itself.
fn left(since: SystemTime, own: &Path, words: &[&str]) -> Vec<String> {
    let folders = ["/tmp", "/var/tmp", "/dev/shm", "/run/user"].map(Path::new);
    let entries = folders.iter().flat_map(|folder| {
        let walk = walkdir::WalkDir::new(folder).into_iter();
        walk.filter_entry(|entry| entry.path() != own).flatten()
    });
    let new = entries.filter(|entry| {
        let of = entry.metadata().ok().filter(|meta| meta.is_file() && meta.len() < 1 << 20);
        of.and_then(|meta| meta.modified().ok()).is_some_and(|at| at >= since)
    });
    let has = |text: Vec<u8>| words.iter().any(|word| String::from_utf8_lossy(&text).contains(word));
    let with = new.filter(|entry| std::fs::read(entry.path()).is_ok_and(has));
    with.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn secrets_are_on_no_command_line_in_no_temporary_file_and_in_no_log() {
    // Another run of this test has its own words.
    let [vaulted, hidden, mark] = ["s3cr3t-of-a-vault", "s3cr3t-not-logged", "left-on-purpose"]
        .map(|w| format!("{w}-{}", std::process::id()));
    let secrets = [vaulted.as_str(), &hidden];
    let place = Place::new("h1 ansible_connection=local\n", "");
    let dir = place.path().display().to_string();
    place.write("password", "open sesame\n");
    place.write("secret.yml", &format!("vaulted: {vaulted}\n"));
    place.write("home/empty", "");
    place.run(&["vault", "encrypt", "--vault-password-file", "password", "secret.yml"]).is(0, &[]);
    std::fs::create_dir(place.path().join("made")).unwrap();
    place.tasks(&TASKS.replace("{dir}", &dir).replace("{hidden}", &hidden).replace("{mark}", &mark));
    let site = std::fs::read_to_string(place.path().join("site.yml")).unwrap();
    place.write("site.yml", &site.replace("  tasks:", "  vars_files: [secret.yml]\n  tasks:"));
    for gate in 1..=4 {
        fifo(&place.path().join(format!("gate{gate}")));
        place.write(&format!("mark-{gate}"), "");
    }
    // A file's clock may be a moment behind.
    let since = SystemTime::now() - Duration::from_secs(1);
    let watch = Watch::start(&secrets);
    let args = ["playbook", "-vvv", "-D", "-i", "hosts", "--vault-password-file", "password", "site.yml"];
    let mut command = place.command(&args);
    let mut running = Running::start(
        command.env("ANSIBLE_LOG_PATH", "log").env("HOME", place.path().join("home")).env_remove("TMPDIR"),
    );
    for gate in 1..=4 {
        // The task stands in the middle: its processes are there, and so is what it has written.
        let limit = Instant::now() + Duration::from_secs(60);
        while command_lines(&format!("{dir}/mark-{gate}")).is_empty() && !running.ended() {
            assert!(Instant::now() < limit, "gate {gate} is not reached");
            std::thread::yield_now();
        }
        for secret in secrets {
            assert_eq!(command_lines(secret), [""; 0], "at gate {gate}");
        }
        assert_eq!(left(since, place.path(), &secrets), [""; 0], "at gate {gate}");
        if !running.ended() {
            std::fs::write(place.path().join(format!("gate{gate}")), "").unwrap();
        }
    }
    let seen = running.end();
    seen.is(0, &["A hidden value in a file", "'no_log: true' was specified"]);
    let of_process = |path: &str| path.ends_with("/cmdline");
    let leaked: Vec<_> = watch.words().into_iter().filter(|(_, path)| of_process(path)).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    // The secrets were used.
    let made = |name: &str| std::fs::read_to_string(place.path().join("made").join(name)).unwrap();
    assert_eq!((made("environment").as_str(), made("file").as_str()), (&*vaulted, &*vaulted));
    assert_eq!(made("hidden"), hidden);
    assert!(made("stdin").starts_with(&hidden), "{}", made("stdin"));
    assert_eq!(place.names("made"), ["environment", "file", "hidden", "stdin"]);

    let found = left(since, place.path(), &[&vaulted, &hidden, &mark]);
    let marked = std::fs::read_to_string(place.path().join("left")).unwrap();
    assert_eq!(found, [format!("{}/file", marked.trim())]);
    std::fs::remove_dir_all(marked.trim()).unwrap();
    let log = std::fs::read_to_string(place.path().join("log")).unwrap();
    assert!(log.contains("TASK [A hidden value over stdin]"), "{log}");
    let home = support::place::text_below(&place.path().join("home"));
    for (what, text) in [("output", seen.all()), ("log", log), ("state", place.kept()), ("home", home)] {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is seen in {what}:\n{text}");
        }
    }
}

#[test]
fn vaulted_values_of_the_inventory_are_hidden_in_what_comes_of_them() {
    let secrets = ["inv3nt0ry-of-a-host", "inv3nt0ry-of-all", "inv3nt0ry-in-line"];
    let place = Place::new("h1 ansible_connection=local\n", "");
    place.write("password", "open sesame\n");
    place.write("host_vars/h1.yml", &format!("of_host: {}\n", secrets[0]));
    place.write("group_vars/all/file.yml", &format!("of_all: {}\n", secrets[1]));
    let vault =
        |args: &[&str]| place.run(&[&["vault"], args, &["--vault-password-file", "password"]].concat());
    vault(&["encrypt", "host_vars/h1.yml", "group_vars/all/file.yml"]).is(0, &[]);
    let inline = vault(&["encrypt-string", "--name", "in_line", secrets[2]]);
    inline.is(0, &["in_line: !vault"]);
    place.write("group_vars/all/inline.yml", &inline.out);
    place.tasks(
        "- shell: echo $A; echo {{ of_all }}-x >&2; echo {{ in_line }} | rev | rev; exit 3
  environment: {A: '{{ of_host }}'}
  ignore_errors: true
  register: said
- debug: {var: said.stdout_lines}
",
    );
    for form in [vec!["playbook", "-v"], vec!["apply", "--yes", "--json"]] {
        let seen = place
            .run(&[&form[..], &["-i", "hosts", "--vault-password-file", "password", "site.yml"]].concat());
        seen.is(0, &["********-x"]);
        for secret in secrets {
            assert!(!seen.all().contains(secret), "{secret} is seen:\n{}", seen.all());
            assert!(!place.kept().contains(secret), "{secret} is kept");
        }
    }
}

#[test]
fn options_of_a_mount_are_hidden_where_that_is_asked_for() {
    let place = Place::new(
        "h1 ansible_connection=local\n",
        "- mount: {path: /data, src: //server/data, fstype: cifs, opts: 'rw,password=0pti0ns-of-a-mount', state: present,
           opts_no_log: true, fstab: '{{ playbook_dir }}/fstab'}
  register: mounted
- debug: {var: mounted}
",
    );
    for form in [vec!["plan", "-D"], vec!["apply", "--yes", "-D", "--json"], vec!["playbook", "-D", "-vvv"]] {
        let seen = place.run(&[&form[..], &["-i", "hosts", "site.yml"]].concat());
        assert!(seen.all().contains("//server/data"), "{}", seen.all());
        assert!(!seen.all().contains("0pti0ns"), "{form:?} {}", seen.all());
        assert!(!place.kept().contains("0pti0ns"), "it is kept");
    }
    let table = std::fs::read_to_string(place.path().join("fstab")).unwrap();
    assert!(table.contains("rw,password=0pti0ns-of-a-mount"), "{table}");
}
