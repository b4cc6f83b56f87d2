//! Things go wrong on the machine itself: secrets under every output, interrupts, kills, odd names and odd output.
#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use support::place::{Place, fifo, hear};

const LOCAL: &str = "h1 ansible_connection=local\n";

/// None of these words may be seen anywhere.
const SECRETS: [&str; 3] = ["s3cr3t-in-vault", "s3cr3t-no-log", "s3cr3t-loop"];

fn clean(text: &str, wher: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is seen in {wher}:\n{text}");
    }
}

#[test]
fn secrets_are_in_no_output_journal_or_plan() {
    let place = Place::new(LOCAL, "");
    let out = place.path().join("made");
    std::fs::create_dir(&out).unwrap();
    place.write("vault-password", "open sesame\n");
    place.write("secret.yml", "vaulted: s3cr3t-in-vault\n");
    let sealed = place.run(&["vault", "encrypt", "--vault-password-file", "vault-password", "secret.yml"]);
    sealed.is(0, &[]);
    assert!(!std::fs::read_to_string(place.path().join("secret.yml")).unwrap().contains("s3cr3t"));
    let made = out.display();
    place.write(
        "site.yml",
        &format!(
            "- hosts: all
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - name: A vaulted value in a file
      copy: {{content: 'x {{{{ vaulted }}}} y', dest: {made}/vaulted}}
    - name: A hidden command
      command: echo s3cr3t-no-log
      register: hidden
      no_log: true
    - name: A hidden loop
      copy: {{content: '{{{{ item }}}}', dest: '{made}/loop'}}
      loop: [s3cr3t-loop]
      no_log: true
    - name: A hidden failure
      shell: echo s3cr3t-no-log >&2; echo {{{{ vaulted }}}}; exit 3
      no_log: true
      ignore_errors: true
    - name: A failure that names it
      shell: echo {{{{ vaulted }}}} >&2; exit 3
      ignore_errors: true
    - name: Shown
      debug: {{msg: 'it is {{{{ vaulted }}}}'}}
    - name: Asserted
      assert: {{that: vaulted == 'other', fail_msg: 'not {{{{ vaulted }}}}'}}
      ignore_errors: true
    - name: 'Named {{{{ vaulted }}}}'
      lineinfile: {{path: {made}/lines, create: true, line: 'k={{{{ vaulted }}}}'}}
"
        ),
    );
    let vault = ["--vault-password-file", "vault-password", "-i", "hosts"];
    let plan = |more: &[&str]| place.run(&[&["plan", "site.yml"], &vault[..], more].concat());
    let seen = plan(&["-vvv", "--diff", "--out", "saved"]);
    seen.is(2, &[]);
    clean(&seen.all(), "plan -vvv --diff");
    clean(&plan(&["--json", "--diff", "-vvv"]).all(), "plan --json");
    clean(&std::fs::read_to_string(place.path().join("saved")).unwrap(), "the saved plan");
    for more in [&["-vvv", "--diff"][..], &["--json", "--diff", "-vvv"]] {
        for name in ["vaulted", "loop", "lines"] {
            let _ = std::fs::remove_file(out.join(name));
        }
        let seen = place.run(&[&["apply", "--yes", "site.yml"], &vault[..], more].concat());
        seen.is(0, &[]);
        clean(&seen.all(), "apply");
        // The test itself can see: what is hidden arrived.
        assert_eq!(std::fs::read_to_string(out.join("vaulted")).unwrap(), "x s3cr3t-in-vault y");
        assert_eq!(std::fs::read_to_string(out.join("loop")).unwrap(), "s3cr3t-loop");
    }
    let seen = place.run(&[&["playbook", "site.yml", "-vvv", "-D"], &vault[..]].concat());
    seen.is(0, &[]);
    clean(&seen.all(), "playbook");
    assert!(!place.kept().is_empty(), "no journal was kept");
    clean(&place.kept(), "the journal");
    clean(&place.run(&["log"]).all(), "fitout log");
}

#[test]
fn exit_codes_say_what_became_of_it() {
    let place = Place::new(LOCAL, "- command: 'true'\n  changed_when: false\n");
    place.apply(&[]).is(0, &[]);
    let verify = || place.run(&["verify", "-i", "hosts", "site.yml"]);
    verify().is(0, &[]);
    place.tasks(&format!("- copy: {{content: x, dest: {}/there}}\n", place.path().display()));
    verify().is(2, &["not as the playbook says"]);
    place.apply(&[]).is(0, &[]);
    verify().is(0, &[]);
    place.tasks("- command: 'false'\n");
    place.apply(&[]).is(1, &[]);
    place.tasks("- comand: 'false'\n");
    place.apply(&[]).is(3, &["comand", "command"]);
    place.tasks("- file: {path: /tmp, state: directory}\n");
    place.write("hosts", "h1 ansible_host=127.0.0.1 ansible_port=1\n");
    place.apply(&[]).is(4, &["h1"]);
    place.run(&["plan", "-i", "hosts", "site.yml"]).is(4, &["127.0.0.1"]);
    place.run(&["playbook", "-i", "hosts", "site.yml"]).is(4, &["UNREACHABLE"]);
    place.write("hosts", "h1 ansible_host=no.such.host.invalid\n");
    place.apply(&[]).is(4, &["no.such.host.invalid"]);
}

#[test]
fn the_first_interrupt_finishes_what_runs_and_begins_nothing() {
    let place = Place::new(LOCAL, "");
    let (started, go, dir) = (place.path().join("started"), place.path().join("go"), place.path().display());
    fifo(&started);
    fifo(&go);
    place.tasks(&format!(
        "- name: Runs\n  shell: echo on > {dir}/started; cat {dir}/go > {dir}/finished\n- name: Later\n  shell: touch {dir}/later\n"
    ));
    let mut running = place.start(&[]);
    assert_eq!(hear(&started), "on\n");
    running.signal(Signal::INT);
    running.hear("once more stops at once");
    std::fs::write(&go, "done").unwrap();
    let seen = running.end();
    seen.is(130, &["stopping"]);
    assert_eq!(std::fs::read_to_string(place.path().join("finished")).unwrap(), "done");
    assert!(!place.path().join("later").exists(), "a task began after the interrupt");
    let journal = place.kept();
    assert!(journal.contains("\"end\":\"Runs\""), "{journal}");
    assert!(!journal.contains("\"begin\":\"Later\""), "{journal}");
}

#[test]
fn the_second_interrupt_ends_what_runs() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    // The pipe ends for the reader when the last process of the task is gone.
    place.tasks(&format!("- name: Hangs\n  shell: exec 9> {dir}/started; echo on >&9; sleep 1000 & wait\n"));
    let running = place.start(&[]);
    let mut held = std::io::BufReader::new(std::fs::File::open(&started).unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut held, &mut line).unwrap();
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    let seen = running.end();
    seen.is(130, &[]);
    std::io::Read::read_to_string(&mut held, &mut line).unwrap();
    assert_eq!(line, "on\n");
}

#[test]
fn a_killed_run_is_followed_by_one_that_converges() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    let tasks = |middle: &str| {
        place.tasks(&format!(
            "- name: First\n  copy: {{content: one, dest: {dir}/one}}\n{middle}- name: Last\n  copy: {{content: two, dest: {dir}/two}}\n"
        ));
    };
    tasks(&format!("- name: Middle\n  shell: echo on > {dir}/started; cat {dir}/go\n"));
    fifo(&place.path().join("go"));
    let running = place.start(&[]);
    assert_eq!(hear(&started), "on\n");
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None);
    // Lets the command go that the killed run had begun, if it is there still: whoever also reads waits for nobody.
    drop(std::fs::File::options().read(true).write(true).open(place.path().join("go")).unwrap());
    assert!(place.kept().contains("\"begin\":\"Middle\""), "{}", place.kept());
    assert!(!place.path().join("two").exists());
    place.run(&["log"]).is(0, &[]);
    tasks("");
    place.apply(&[]).is(0, &[]);
    assert_eq!(std::fs::read_to_string(place.path().join("two")).unwrap(), "two");
    place.run(&["verify", "-i", "hosts", "site.yml"]).is(0, &[]);
}

#[test]
fn a_killed_run_leaves_no_command_running_on_this_machine() {
    let place = Place::new(
        "here ansible_connection=local\n",
        "- shell: echo $$ > {{ playbook_dir }}/pid; echo up > {{ playbook_dir }}/up; sleep 600; true\n",
    );
    let up = place.path().join("up");
    fifo(&up);
    let running = place.start(&[]);
    hear(&up);
    let pid = std::fs::read_to_string(place.path().join("pid")).unwrap();
    running.signal(Signal::KILL);
    running.end();
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while process.exists() {
        assert!(std::time::Instant::now() < until, "the command runs on");
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_hangs_is_ended_with_its_children() {
    let place = Place::new(LOCAL, "");
    let (started, dir) = (place.path().join("started"), place.path().display());
    fifo(&started);
    place.tasks(&format!(
        "- name: Hangs\n  shell: exec 9> {dir}/started; echo on >&9; sleep 1000 & sleep 1000\n  timeout: 1\n"
    ));
    let running = place.start(&[]);
    // Ends when the last of them is gone.
    assert_eq!(hear(&started), "on\n");
    running.end().is(1, &["Hangs", "Timed out after 1 second(s)"]);
}

#[test]
fn odd_names_and_values_arrive_as_they_are() {
    let names = [
        "a b",
        "it's",
        "say \"x\"",
        "two\nlines",
        "$(touch pwned)",
        "`touch pwned`",
        "-rf",
        "*",
        "ü",
        "a;b&c|d",
    ];
    let place = Place::new(LOCAL, "");
    let made = place.path().join("made");
    std::fs::create_dir(&made).unwrap();
    let list = serde_json::to_string(&names).unwrap();
    let dir = made.display();
    place.write("vars.json", &format!("{{\"names\": {list}, \"dir\": \"{dir}\"}}"));
    place.tasks(
        "- copy: {content: '{{ item }}', dest: '{{ dir }}/{{ item }}'}
  loop: '{{ names }}'
- file: {path: '{{ dir }}/d {{ item }}', state: directory, mode: '0700'}
  loop: '{{ names }}'
- lineinfile: {path: '{{ dir }}/lines', line: '{{ item }}', create: true}
  loop: ['-e', '--help', '$(touch pwned)']
- command: {argv: [printf, '%s', '{{ item }}']}
  register: said
  changed_when: false
  loop: '{{ names }}'
- assert: {that: said.results | map(attribute='stdout') | list == names}
- stat: {path: '{{ dir }}/{{ item }}'}
  register: found
  loop: '{{ names }}'
- assert: {that: found.results | map(attribute='stat.exists') | min}
",
    );
    place.apply(&["-e", "@vars.json"]).is(0, &[]);
    for name in names {
        assert_eq!(std::fs::read_to_string(made.join(name)).unwrap(), name);
        assert!(made.join(format!("d {name}")).is_dir());
    }
    assert_eq!(std::fs::read_to_string(made.join("lines")).unwrap(), "-e\n--help\n$(touch pwned)\n");
    assert_eq!(place.names("made").len(), 2 * names.len() + 1, "{:?}", place.names("made"));
    assert!(!place.path().join("pwned").exists());
    let again = place.apply(&["-e", "@vars.json", "--json"]);
    again.is(0, &[]);
    assert!(!again.out.contains("\"outcome\":\"changed\""), "{}", again.out);
}

#[test]
fn much_output_and_binary_output_are_taken() {
    let place = Place::new(
        LOCAL,
        "- shell: head -c 100000000 /dev/zero | tr '\\0' x
  register: much
- shell: \"printf 'a\\\\000b\\\\377c'\"
  register: binary
- assert: {that: [much.stdout | length == 64 * 1024 * 1024, binary.stdout | length >= 3]}
",
    );
    place.apply(&[]).is(0, &["the output is longer than 64 MiB"]);
    // What was said is there twice at most: as it came, and as the result that later tasks read.
    place.tasks("- shell: head -c 100000000 /dev/zero | tr '\\0' x");
    let (code, kib) = place.peak(&["apply", "--yes", "-i", "hosts", "site.yml"]);
    assert_eq!(code, 0);
    assert!(kib < 230 * 1024, "{} MiB", kib / 1024);
}

#[test]
fn odd_input_is_bad_input() {
    let place = Place::new(LOCAL, "- debug: {msg: x}\n");
    std::fs::write(place.path().join("bad.yml"), b"- hosts: all\n  name: \xff\xfe\n").unwrap();
    place.run(&["check", "-i", "hosts", "bad.yml"]).is(3, &["bad.yml", "UTF-8"]);
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let refs = vec![format!("*a{}", n - 1); 9].join(",");
        bomb.push_str(&format!("a{n}: &a{n} [{refs}]\n"));
    }
    place.write("group_vars/all.yml", &bomb);
    place.apply(&[]).is(3, &["all.yml"]);
    std::fs::remove_file(place.path().join("group_vars/all.yml")).unwrap();
    place.write("hosts", &format!("h1 ansible_connection=local long={}\n", "x".repeat(1 << 20)));
    place.apply(&[]).is(0, &[]);
}
