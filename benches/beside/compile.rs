//! How long `fitout check` takes for what is large: 100 plays with 10,000 tasks, an inventory of 10,000 hosts.

use crate::Fallible;
use crate::measure::{self, Sample};
use crate::table::{Table, seconds};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

const PLAYS: usize = 100;
const TASKS: usize = 100;
const HOSTS: usize = 10_000;

pub fn report(program: &Path, runs: usize) -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("small.ini"), "host00001\n")?;
    fs::write(folder.path().join("large.ini"), inventory()?)?;
    fs::write(folder.path().join("small.yml"), plays(1, 1)?)?;
    fs::write(folder.path().join("large.yml"), plays(PLAYS, TASKS)?)?;
    let mut table = Table::new(&["fitout check", "s", "CPU s", "peak MB"]);
    let cases = [
        ("1 task, 1 host", "small.ini", "small.yml"),
        ("10,000 tasks in 100 plays, 1 host", "small.ini", "large.yml"),
        ("1 task, 10,000 hosts", "large.ini", "small.yml"),
        ("10,000 tasks in 100 plays, 10,000 hosts", "large.ini", "large.yml"),
    ];
    for (name, inventory, playbook) in cases {
        let mut command = Command::new(program);
        command.args(["check", "-i", inventory, playbook]).current_dir(&folder).env("HOME", folder.path());
        let mut samples = Vec::new();
        for _ in 0..runs {
            samples.push(measure::run(&command, None)?.sample);
        }
        let one = Sample::of(&samples);
        let peak = format!("{:.0}", one.peak_kib as f64 / 1024.0);
        table.row(vec![name.into(), seconds(one.wall), seconds(one.cpu), peak]);
    }
    println!("\n### Compile time\n\n{table}");
    Ok(())
}

fn inventory() -> Fallible<String> {
    let mut text = String::new();
    for rack in 0..100 {
        writeln!(text, "[rack{rack:02}]")?;
        for unit in 0..HOSTS / 100 {
            let number = rack * (HOSTS / 100) + unit;
            writeln!(
                text,
                "host{number:05} ansible_host=10.{}.{}.{} slot={unit}",
                rack,
                unit / 250,
                unit % 250
            )?;
        }
        writeln!(text, "[rack{rack:02}:vars]\nrow={}", rack / 10)?;
    }
    Ok(text)
}

/// Tasks as they are in real playbooks: some with templates, conditions, loops, registered results and handlers.
fn plays(plays: usize, tasks: usize) -> Fallible<String> {
    let mut text = String::new();
    for play in 0..plays {
        writeln!(
            text,
            "- name: Play {play}\n  hosts: all\n  vars: {{base: /srv/p{play}, level: 3}}\n  tasks:"
        )?;
        for task in 0..tasks {
            writeln!(text, "    - name: Task {play}.{task}")?;
            match task % 5 {
                0 => writeln!(
                    text,
                    "      file: {{path: \"{{{{ base }}}}/{task}\", state: directory, mode: \"0755\"}}"
                )?,
                1 => writeln!(
                    text,
                    "      copy: {{content: \"level = {{{{ level }}}}\\n\", dest: \"/etc/p{play}-{task}.conf\", mode: \"0644\"}}\n      notify: Restart {play}"
                )?,
                2 => writeln!(
                    text,
                    "      lineinfile: {{path: /etc/p{play}.conf, line: \"{{{{ item }}}}\"}}\n      loop: [a{task}, b{task}]"
                )?,
                3 => writeln!(
                    text,
                    "      command: /bin/true {task}\n      register: r{task}\n      changed_when: r{task}.rc != 0"
                )?,
                _ => writeln!(
                    text,
                    "      template: {{src: /dev/null, dest: \"/etc/t{play}-{task}\", mode: \"0644\"}}\n      when: level | int > 2 and slot is defined"
                )?,
            }
        }
        writeln!(
            text,
            "  handlers:\n    - name: Restart {play}\n      service: {{name: p{play}, state: restarted}}"
        )?;
    }
    Ok(text)
}
