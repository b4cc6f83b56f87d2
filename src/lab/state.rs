//! The lab's state directory: which labs there are, and the lock under which that changes.

use super::{LabError, LabOptions, VmOptions, io, net};
use crate::base::maker::Maker;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a lab is, written before anything of it exists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub name: String,
    /// N of 10.213.N.0/24 and of the bridge `folN`.
    pub net: u8,
    pub hosts: usize,
    pub rootfs: PathBuf,
    /// The process that brought the lab up.
    pub maker: Maker,
    /// The lab goes with its maker.
    pub ephemeral: bool,
    /// The root file system is not the lab's own.
    #[serde(default)]
    pub foreign: bool,
    /// The hosts are virtual machines.
    #[serde(default)]
    pub vm: Option<VmOptions>,
    /// How long a host may take to boot, as it was asked for.
    #[serde(default = "usual_limit")]
    pub boot_limit: Duration,
}

fn usual_limit() -> Duration {
    LabOptions::default().boot_limit
}

impl Record {
    fn new(options: &LabOptions, rootfs: &Path, net: u8) -> Record {
        Record {
            name: options.name.clone(),
            net,
            hosts: options.hosts,
            rootfs: rootfs.to_owned(),
            maker: Maker::this(),
            ephemeral: options.ephemeral,
            foreign: options.root.is_some(),
            vm: options.vm.clone(),
            boot_limit: options.boot_limit,
        }
    }

    /// How long a host may take to boot: software emulation on a busy machine is some ten times as slow.
    pub(super) fn boot_limit(&self) -> Duration {
        let least = Duration::from_secs(if self.vm.is_some() { 300 } else { 0 });
        self.boot_limit.max(least)
    }
}

/// Folder with the cached root file systems, downloaded packages, and one folder a lab.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// `$FITOUT_LAB_DIR`, else `/var/lib/fitout-lab`.
    pub fn from_env() -> Self {
        let path = std::env::var_os("FITOUT_LAB_DIR").filter(|dir| !dir.is_empty());
        Self::at(path.map_or_else(|| PathBuf::from("/var/lib/fitout-lab"), PathBuf::from))
    }

    /// A state directory of one's own, made absolute; nothing is read or made.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        StateDir { path: std::path::absolute(&path).unwrap_or(path) }
    }

    /// Absolute; it need not exist before the first lab.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Eight hex digits that mark what the kernel keeps for this state directory.
    pub(super) fn tag(&self) -> String {
        let hash = Sha256::digest(self.path.as_os_str().as_encoded_bytes());
        hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn lab_dir(&self, name: &str) -> PathBuf {
        self.path.join("labs").join(name)
    }

    pub(super) fn archives(&self) -> PathBuf {
        self.path.join("archives")
    }

    /// Serialises what must not happen twice at once; held until dropped, and by the kernel's hand after a kill.
    pub(super) fn lock(&self, what: &str) -> Result<File, LabError> {
        fs::create_dir_all(&self.path).map_err(io("cannot make", &self.path))?;
        let path = self.path.join(format!("{what}.lock"));
        let file = File::options().create(true).append(true).open(&path).map_err(io("cannot open", &path))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|errno| io("cannot lock", &path)(errno.into()))?;
        Ok(file)
    }

    /// Enters a new lab: a free network is chosen and its bridge made, under the lock.
    pub(super) fn claim(&self, options: &LabOptions, rootfs: &Path) -> Result<Record, LabError> {
        let _lock = self.lock("state")?;
        if self.lab_dir(&options.name).exists() {
            return Err(LabError::Exists { name: options.name.clone() });
        }
        let taken: Vec<u8> = self.records()?.iter().map(|record| record.net).collect();
        for candidate in net::free_networks()?.filter(|n| !taken.contains(n)) {
            let record = Record::new(options, rootfs, candidate);
            self.write(&record)?;
            // The bridge's name is the claim: another state directory may want the same network at this moment.
            if net::Net::new(self, &record).add_bridge()? {
                return Ok(record);
            }
        }
        let _ = fs::remove_dir_all(self.lab_dir(&options.name));
        Err(LabError::NoNetwork)
    }

    fn write(&self, record: &Record) -> Result<(), LabError> {
        let dir = self.lab_dir(&record.name);
        fs::create_dir_all(&dir).map_err(io("cannot make", &dir))?;
        let path = dir.join("lab.json");
        let text = serde_json::to_vec(record).map_err(|e| io("cannot write", &path)(e.into()))?;
        let draft = dir.join("lab.json.new");
        fs::write(&draft, text).map_err(io("cannot write", &draft))?;
        fs::rename(&draft, &path).map_err(io("cannot write", &path))
    }

    /// The record of a lab; `None` when there is none or a kill came before it was written.
    pub(super) fn read(&self, name: &str) -> Result<Option<Record>, LabError> {
        let path = self.lab_dir(name).join("lab.json");
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io("cannot read", &path)(e)),
        }
    }

    pub(super) fn names(&self) -> Result<Vec<String>, LabError> {
        let dir = self.path.join("labs");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io("cannot read", &dir)(e)),
        };
        let mut names: Vec<String> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    pub(super) fn records(&self) -> Result<Vec<Record>, LabError> {
        let mut records = Vec::new();
        for name in self.names()? {
            records.extend(self.read(&name)?);
        }
        Ok(records)
    }
}

/// Processes with this variable in their environment.
pub(super) fn processes_marked(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
        })
        .collect()
}

pub(super) fn check_options(options: &LabOptions) -> Result<(), LabError> {
    check_name(&options.name)?;
    match options.hosts {
        1..=250 => Ok(()),
        hosts => Err(LabError::BadCount(hosts)),
    }
}

/// All hosts' root is this machine's root, whose number of inotify instances is limited (128 by the kernel's default). A
/// booted Debian takes five of them, and where there are none left its systemd does not begin.
pub(super) fn check_watches(hosts: usize) -> Result<(), LabError> {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap_or_default();
    fits_watches(hosts, limit.trim().parse().unwrap_or(usize::MAX))
}

fn fits_watches(hosts: usize, limit: usize) -> Result<(), LabError> {
    let needed = 16 + 5 * hosts;
    if needed <= limit {
        return Ok(());
    }
    Err(LabError::Watches { hosts, limit, needed: needed.next_power_of_two() })
}

/// Names become folder names and parts of host names.
pub(super) fn check_name(name: &str) -> Result<(), LabError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=24).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('-');
    if good { Ok(()) } else { Err(LabError::BadName { name: name.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_hosts_than_can_be_watched_are_refused_before_they_boot() {
        assert!(fits_watches(4, 128).is_ok() && fits_watches(50, 1024).is_ok());
        let said = fits_watches(50, 128).unwrap_err().to_string();
        assert!(said.contains("max_user_instances is 128"), "{said}");
        assert!(said.ends_with("`sysctl -w fs.inotify.max_user_instances=512`, or fewer hosts"), "{said}");
    }

    #[test]
    fn a_host_gets_the_time_that_was_asked_for_and_a_virtual_machine_enough() {
        let limit = |options: LabOptions| Record::new(&options, Path::new("/r"), 1).boot_limit().as_secs();
        let of = |seconds: u64, vm: Option<VmOptions>| {
            limit(LabOptions { boot_limit: Duration::from_secs(seconds), vm, ..LabOptions::default() })
        };
        assert_eq!((of(30, None), of(400, None)), (30, 400));
        assert_eq!((of(30, Some(VmOptions::default())), of(400, Some(VmOptions::default()))), (300, 400));
        // A lab of an older program.
        let record = Record::new(&LabOptions::default(), Path::new("/r"), 1);
        let mut json = serde_json::to_value(record).unwrap();
        json.as_object_mut().unwrap().remove("boot_limit");
        assert_eq!(serde_json::from_value::<Record>(json).unwrap().boot_limit().as_secs(), 90);
    }

    #[test]
    fn names_that_could_leave_the_state_directory_are_refused() {
        for name in ["lab", "t-1-2", "0"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "..", "a/b", "-n", "Lab", "a b", "a-name-that-is-too-long-for-it"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn counts_are_bounded() {
        for (hosts, good) in [(0, false), (1, true), (250, true), (251, false)] {
            assert_eq!(check_options(&LabOptions { hosts, ..LabOptions::default() }).is_ok(), good);
        }
    }

    #[test]
    fn state_directories_have_tags_of_their_own() {
        assert_ne!(StateDir::at("/a").tag(), StateDir::at("/b").tag());
        assert_eq!(StateDir::at("/a").tag().len(), 8);
    }
}
