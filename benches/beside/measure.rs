//! One run of a command: wall time, processor time of all that it started, and its own peak memory.
//!
//! A command runs in a cgroup of its own. So the time of what it leaves running (a multiplexing ssh, say) counts too, and
//! what it leaves running can be ended: every run begins without open connections.

use crate::Fallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Default)]
pub struct Sample {
    pub wall: Duration,
    pub cpu: Duration,
    /// Peak resident memory of the command itself, without its children.
    pub peak_kib: u64,
    pub trips: usize,
    pub connections: usize,
}

/// Medians, each of its own.
pub type Summary = Sample;

impl Sample {
    pub fn of(samples: &[Sample]) -> Summary {
        fn median<T: Ord + Copy + Default>(values: impl Iterator<Item = T>) -> T {
            let mut values: Vec<T> = values.collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        }
        Sample {
            wall: median(samples.iter().map(|s| s.wall)),
            cpu: median(samples.iter().map(|s| s.cpu)),
            peak_kib: median(samples.iter().map(|s| s.peak_kib)),
            trips: median(samples.iter().map(|s| s.trips)),
            connections: median(samples.iter().map(|s| s.connections)),
        }
    }
}

/// What a run said, for the message when it went wrong and for checks.
pub struct Finished {
    pub sample: Sample,
    pub said: String,
}

/// Runs to the end; a command that fails is an error that holds what it said.
pub fn run(command: &Command, input: Option<&Path>) -> Fallible<Finished> {
    let group = Group::new()?;
    let output = tempfile::NamedTempFile::new()?;
    // The shell joins the cgroup and becomes the command: same process id, nothing counted but what it does.
    let mut started = Command::new("/bin/sh");
    started.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""]).arg(&group.path);
    started.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => started.env(name, value),
            None => started.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        started.current_dir(folder);
    }
    started.stdin(match input {
        Some(path) => Stdio::from(fs::File::open(path)?),
        None => Stdio::null(),
    });
    started.stdout(output.reopen()?).stderr(output.reopen()?);
    let begin = Instant::now();
    let mut child = started.spawn()?;
    let watched = child.id();
    let watcher = thread::spawn(move || peak_kib(watched));
    let status = child.wait()?;
    let wall = begin.elapsed();
    let peak_kib = watcher.join().unwrap_or_default();
    let cpu = group.cpu()?;
    drop(group);
    let said = fs::read_to_string(output.path())?;
    if !status.success() {
        return Err(format!("{command:?}: {status}\n{said}").into());
    }
    Ok(Finished { sample: Sample { wall, cpu, peak_kib, ..Sample::default() }, said })
}

/// Reads the high-water mark for as long as the process is there; the kernel keeps it only that long.
fn peak_kib(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/status");
    let mut peak = 0;
    while let Ok(status) = fs::read_to_string(&path) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A process that has ended and is not yet waited for has no such line.
        let Some(kib) = line.and_then(|text| text.split_whitespace().next()?.parse().ok()) else { break };
        peak = kib;
        thread::sleep(Duration::from_millis(10));
    }
    peak
}

/// A cgroup that accounts processor time, in either version of the hierarchy.
struct Group {
    path: PathBuf,
}

impl Group {
    fn new() -> Fallible<Self> {
        let first = PathBuf::from("/sys/fs/cgroup/cpuacct");
        let top = if first.exists() { first } else { PathBuf::from("/sys/fs/cgroup") };
        let path = top.join(format!("fitout-bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Group { path })
    }

    fn cpu(&self) -> Fallible<Duration> {
        if let Ok(nanos) = fs::read_to_string(self.path.join("cpuacct.usage")) {
            return Ok(Duration::from_nanos(nanos.trim().parse()?));
        }
        let stat = fs::read_to_string(self.path.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        Ok(Duration::from_micros(usage.ok_or("no usage_usec in cpu.stat")?.trim().parse()?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Ends what the command left, until the kernel lets the empty cgroup go.
        let limit = Instant::now() + Duration::from_secs(10);
        while fs::remove_dir(&self.path).is_err() && Instant::now() < limit {
            let left = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
            for pid in
                left.lines().filter_map(|line| line.parse().ok()).filter_map(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
