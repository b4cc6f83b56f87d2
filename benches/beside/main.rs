//! Measures the tool beside its peers, all in one run, on throw-away hosts and through a network of known latency.
//! The unit of every comparison is `ssh HOST true` on the same path: the least that any of them could cost.

mod compile;
mod contenders;
mod measure;
mod site;
mod table;

#[path = "../../tests/support/proxy.rs"]
#[allow(dead_code)]
mod proxy;

use clap::Parser;
use contenders::Contender;
use measure::{Sample, Summary};
use site::Site;
use std::error::Error;
use std::path::PathBuf;
use table::{Table, millis, ratio, seconds};

/// Any failure ends the measuring, in its own words.
pub type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
struct Options {
    /// Python environment with ansible-core, Mitogen and pyinfra; without it the peers are left out.
    #[arg(long)]
    venv: Option<PathBuf>,
    /// The program to measure.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_fitout"))]
    program: PathBuf,
    /// Runs of each; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Numbers of hosts for the runs of the tool alone.
    #[arg(long, value_delimiter = ',', default_value = "1,10,50")]
    hosts: Vec<usize>,
    /// Round trips to measure at, in milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "0,50")]
    round_trips: Vec<u64>,
    /// Only these parts: converged, first, fleet, cluster, compile.
    #[arg(long, value_delimiter = ',', default_value = "converged,first,fleet,cluster,compile")]
    parts: Vec<String>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|p| p == part)
    }
}

fn main() -> Fallible<()> {
    let mut options = Options::parse();
    // Commands run in folders of their own.
    options.program = options.program.canonicalize()?;
    options.venv = options.venv.map(std::path::absolute).transpose()?;
    if options.wants("compile") {
        compile::report(&options.program, options.runs)?;
    }
    if options.wants("converged") || options.wants("first") {
        let site = Site::up(1)?;
        for &rtt in &options.round_trips {
            if options.wants("first") {
                first_run(&site, &options, rtt)?;
            }
            if options.wants("converged") {
                converged(&site, &options, rtt)?;
            }
        }
    }
    if options.wants("fleet") {
        fleet(&options)?;
    }
    if options.wants("cluster") {
        cluster(&options)?;
    }
    Ok(())
}

/// The median of so many runs of each. In turns, so that a noisy minute hits all alike.
fn in_turns(
    contenders: &[Contender],
    runs: usize,
    mut run: impl FnMut(&Contender) -> Fallible<Sample>,
) -> Fallible<Vec<Summary>> {
    let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs {
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            samples.push(run(contender)?);
        }
    }
    Ok(samples.iter().map(|samples| Summary::of(samples)).collect())
}

/// Every contender on a host that is already as the playbook says.
fn converged(site: &Site, options: &Options, rtt: u64) -> Fallible<()> {
    let way = site.way(rtt)?;
    let contenders = Contender::all(&options.program, options.venv.as_deref());
    for contender in &contenders {
        contender.converge(&way)?;
    }
    let medians = in_turns(&contenders, options.runs, |contender| contender.run(&way))?;
    let unit = medians[0];
    let mut table =
        Table::new(&["converged, 1 host", "s", "x ssh", "CPU ms", "x ssh", "trips", "connections"]);
    for (contender, one) in contenders.iter().zip(&medians) {
        table.row(vec![
            contender.name.to_string(),
            seconds(one.wall),
            ratio(one.wall, unit.wall),
            millis(one.cpu),
            ratio(one.cpu, unit.cpu),
            one.trips.to_string(),
            one.connections.to_string(),
        ]);
    }
    println!("\n### Converged, round trip {rtt} ms\n\n{table}");
    Ok(())
}

/// A fresh host, by the tool and by a script that does the same in one session.
fn first_run(site: &Site, options: &Options, rtt: u64) -> Fallible<()> {
    let contenders = [Contender::by_hand(), Contender::tool(&options.program)];
    let medians = in_turns(&contenders, options.runs, |contender| {
        site.reset()?;
        contender.run(&site.way(rtt)?)
    })?;
    let unit = medians[0];
    let mut table = Table::new(&["first run, 1 host", "s", "x script", "CPU ms", "trips"]);
    for (contender, one) in contenders.iter().zip(&medians) {
        table.row(vec![
            contender.name.to_string(),
            seconds(one.wall),
            ratio(one.wall, unit.wall),
            millis(one.cpu),
            one.trips.to_string(),
        ]);
    }
    println!("\n### First run, round trip {rtt} ms\n\n{table}");
    Ok(())
}

/// The tool alone on more and more hosts, against `ssh` to one of them.
fn fleet(options: &Options) -> Fallible<()> {
    let mut table = Table::new(&[
        "converged, fitout",
        "rtt ms",
        "s",
        "x ssh to one",
        "CPU ms a host",
        "x ssh",
        "own peak MB",
    ]);
    for &hosts in &options.hosts {
        let site = Site::up(hosts)?;
        for &rtt in &options.round_trips {
            let way = site.way(rtt)?;
            let (ssh, tool) = (Contender::ssh("node1"), Contender::tool(&options.program));
            tool.converge(&way)?;
            let medians = in_turns(&[ssh, tool], options.runs, |contender| contender.run(&way))?;
            let (unit, all) = (medians[0], medians[1]);
            let each = all.cpu / u32::try_from(hosts)?;
            table.row(vec![
                format!("{hosts} hosts"),
                rtt.to_string(),
                seconds(all.wall),
                ratio(all.wall, unit.wall),
                millis(each),
                ratio(each, unit.cpu),
                format!("{:.1}", all.peak_kib as f64 / 1024.0),
            ]);
        }
    }
    println!("\n### Numbers of hosts\n\n{table}");
    Ok(())
}

/// The three nodes of a swarm that is as it should be, against `ssh` to the slowest of them, and to all at once: here
/// the hosts share the controller's processors.
fn cluster(options: &Options) -> Fallible<()> {
    let site = Site::up(3)?;
    let mut table =
        Table::new(&["converged swarm, 3 nodes", "rtt ms", "s", "x slowest ssh", "x ssh to all at once"]);
    for &rtt in &options.round_trips {
        let way = site.way(rtt)?;
        std::fs::write(
            way.file("groups.ini"),
            "[swarm_managers]\nnode1\n[swarm_workers]\nnode2\nnode3\n\
             [all:vars]\ncontainer_engine_source=distribution\n",
        )?;
        let mut contenders = vec![Contender::cluster(&options.program)];
        contenders[0].converge(&way)?;
        let nodes = ["node1", "node2", "node3"];
        contenders.push(Contender::at_once(&nodes));
        contenders.extend(nodes.map(Contender::ssh));
        let medians = in_turns(&contenders, options.runs, |contender| contender.run(&way))?;
        let slowest = medians[2..].iter().map(|one| one.wall).max().unwrap_or_default();
        table.row(vec![
            "fitout apply playbooks/cluster.yml".into(),
            rtt.to_string(),
            seconds(medians[0].wall),
            ratio(medians[0].wall, slowest),
            ratio(medians[0].wall, medians[1].wall),
        ]);
    }
    println!("\n### A swarm\n\n{table}");
    Ok(())
}
