//! The tool beside Ansible's collection amazon.aws, with one playbook on the tests' cloud: time and calls of the first run
//! and of one that changes nothing; and the tool's way along the graph where states take their time.

#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../beside/table.rs"]
#[allow(dead_code)]
mod table;

use clap::Parser;
use serde_json::json;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::cloud::World;
use table::{Table, ratio, seconds};

type Fallible<T> = Result<T, Box<dyn Error>>;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGtleWJhZGtleWJhZGtleWJhZGtleWJhZGtleWJh bench\n";

/// What a change of state takes in [`chain`], in seconds, and how many of them follow one another there.
const DELAY: u64 = 10;
const LONGEST: u64 = 3;

#[derive(Parser)]
struct Options {
    /// Python environment with the package `ansible` and boto3; without it the peer is left out.
    #[arg(long)]
    venv: Option<PathBuf>,
    /// Runs of each; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One run: how long, how many calls, and how many of them write.
#[derive(Clone, Copy)]
struct Seen {
    time: Duration,
    calls: usize,
    writes: usize,
}

fn main() -> Fallible<()> {
    let options = Options::parse();
    let venv = options.venv.map(std::path::absolute).transpose()?;
    let mut contenders: Vec<(&str, Option<PathBuf>)> = vec![("fitout", None)];
    contenders.extend(venv.map(|venv| ("ansible, amazon.aws", Some(venv))));
    let (mut first, mut second) = (vec![Vec::new(); contenders.len()], vec![Vec::new(); contenders.len()]);
    for _ in 0..options.runs {
        for (at, (_, venv)) in contenders.iter().enumerate() {
            let (one, two) = both_runs(venv.as_deref())?;
            first[at].push(one);
            second[at].push(two);
        }
    }
    println!("\n### The same playbook on the tests' cloud\n");
    for (name, samples) in [("first run", first), ("nothing to change", second)] {
        let mut table = Table::new(&[name, "s", "x fitout", "calls", "writes"]);
        let medians: Vec<Seen> = samples.into_iter().map(median).collect();
        for ((name, _), one) in contenders.iter().zip(&medians) {
            let cells = [seconds(one.time), ratio(one.time, medians[0].time)];
            let counts = [one.calls.to_string(), one.writes.to_string()];
            table.row([vec![name.to_string()], cells.to_vec(), counts.to_vec()].concat());
        }
        println!("{table}");
    }
    chain()
}

fn median(mut samples: Vec<Seen>) -> Seen {
    samples.sort_by_key(|s| s.time);
    samples[samples.len() / 2]
}

/// In a cloud of its own: the first run, and one after it. Who left nothing to do is checked by calls that write.
fn both_runs(venv: Option<&Path>) -> Fallible<(Seen, Seen)> {
    let mut world = World::new(include_str!("site.yml"));
    world.place.write("key.pub", KEY);
    // Ansible tags nothing as ours.
    world.unchecked = true;
    let first = timed(&world, venv)?;
    let second = timed(&world, venv)?;
    Ok((first, second))
}

fn timed(world: &World, venv: Option<&Path>) -> Fallible<Seen> {
    world.proxy.forget();
    let mut command = world.command(&["apply", "--yes", "site.yml"]);
    if let Some(venv) = venv {
        let mut peer = Command::new(venv.join("bin/ansible-playbook"));
        let python = format!("ansible_python_interpreter={}", venv.join("bin/python").display());
        peer.args(["-e", &python, "site.yml"]).current_dir(world.place.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => peer.env(name, value),
                None => peer.env_remove(name),
            };
        }
        peer.env("ANSIBLE_HOME", world.place.path().join("home/.ansible")).env("LC_ALL", "C.UTF-8");
        command = peer;
    }
    let began = Instant::now();
    let output = support::output(&mut command);
    let time = began.elapsed();
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        return Err(format!("{command:?}\n{}", String::from_utf8_lossy(&said)).into());
    }
    Ok(Seen { time, calls: world.calls().len(), writes: world.writes().len() })
}

/// Against the longest chain of what EC2 itself takes its time for.
fn chain() -> Fallible<()> {
    let world = World::new(include_str!("chain.yml"));
    world.settings(
        &json!({"delays": {"instance.pending": DELAY, "image.pending": DELAY, "nat.pending": DELAY}}),
    );
    let one = timed(&world, None)?;
    let longest = Duration::from_secs(DELAY * LONGEST);
    let mut table = Table::new(&["10 s for each change of state", "s", "x longest chain", "calls"]);
    table.row(vec![
        "longest chain: instance, image, group".into(),
        seconds(longest),
        ratio(longest, longest),
        "".into(),
    ]);
    table.row(vec!["fitout".into(), seconds(one.time), ratio(one.time, longest), one.calls.to_string()]);
    println!("### Along the graph\n\n{table}");
    let gone = world.destroy();
    if gone.code != Some(0) {
        return Err(gone.all().into());
    }
    Ok(())
}
