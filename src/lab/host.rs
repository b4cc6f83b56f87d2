//! One host: its upper layer, its start and its end.

use super::state::Record;
use super::{LabError, MEMBER, StateDir, apt, cgroup, find_tool, io, net, rootfs, run, ssh, vm};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SCRIPT: &str = concat!(include_str!("enter.sh"), include_str!("host.sh"));

/// Everything about a host that follows from its lab's record.
pub(super) struct HostPlan {
    pub name: String,
    pub address: String,
    pub veth: String,
    pub dir: PathBuf,
    lab: String,
    lower: PathBuf,
    cgroup: String,
    member: String,
    machine: String,
    archives: PathBuf,
    net: u8,
    foreign: bool,
    vm: Option<vm::Machine>,
}

/// The users whose homes get the lab's key: name, uid and home as the root file system has them.
struct Login {
    uid: u32,
    gid: u32,
    home: PathBuf,
}

impl HostPlan {
    pub(super) fn new(state: &StateDir, record: &Record, index: usize) -> Self {
        let name = format!("node{index}");
        let vm = record.vm.clone().map(|options| vm::Machine {
            options,
            parts: vm::Parts::at(&record.rootfs),
            mac: format!("52:54:00:d5:{:02x}:{index:02x}", record.net),
        });
        HostPlan {
            address: format!("10.213.{}.{}", record.net, index + 1),
            veth: net::veth(record.net, index),
            dir: state.lab_dir(&record.name).join(&name),
            lab: record.name.clone(),
            lower: vm.as_ref().map_or_else(|| record.rootfs.clone(), |vm| vm.parts.root()),
            cgroup: cgroup::host_path(state, &record.name, &name),
            member: format!("{}-{}", state.tag(), record.name),
            machine: format!("{}-{name}", net::bridge(record.net)),
            archives: state.archives(),
            net: record.net,
            foreign: record.foreign,
            vm,
            name,
        }
    }

    /// The host's systemd, or its emulator, as a process id of this machine.
    pub(super) fn leader(&self) -> Option<u32> {
        if self.vm.is_some() { cgroup::emulator(&self.cgroup) } else { cgroup::leader(&self.cgroup) }
    }

    pub(super) fn is_vm(&self) -> bool {
        self.vm.is_some()
    }

    /// Fills the upper layer with what makes this host this host, and keeps a copy of it for [`HostPlan::restore`].
    pub(super) fn prepare(&self, lab_dir: &Path, pw_hash: &str) -> Result<(), LabError> {
        let pristine = self.dir.join("pristine");
        let write = |path: &str, text: &str, mode| put(&pristine, path, text.as_bytes(), mode);
        make_dirs(&self.lower, &pristine, Path::new("etc/ssh"))?;
        write("etc/hostname", &format!("{}\n", self.name), 0o644)?;
        write("etc/hosts", &format!("127.0.0.1\tlocalhost\n{}\t{}\n", self.address, self.name), 0o644)?;
        write("etc/resolv.conf", &resolv_conf(), 0o644)?;
        write("etc/machine-id", &format!("{:032x}\n", rand::random::<u128>()), 0o444)?;
        // The lists are empty but were so a moment ago, which would pass for fresh: what updates them only when they are
        // old (`cache_valid_time`) would find no package.
        let lists = Path::new("var/lib/apt/lists");
        make_dirs(&self.lower, &pristine, lists)?;
        let lists = pristine.join(lists);
        let aged = File::open(&lists).and_then(|dir| dir.set_modified(std::time::UNIX_EPOCH));
        aged.map_err(io("cannot age", &lists))?;
        if self.foreign {
            for (path, text) in rootfs::additions() {
                make_dirs(&self.lower, &pristine, Path::new(path).parent().unwrap_or(Path::new("")))?;
                write(path, text, 0o644)?;
            }
        } else {
            self.set_password(&pristine, pw_hash)?;
        }
        ssh::generate(&pristine.join("etc/ssh/ssh_host_ed25519_key"), &format!("root@{}", self.name))?;
        let public = lab_dir.join("id_ed25519.pub");
        let public = fs::read(&public).map_err(io("cannot read", &public))?;
        let users = ["root", "deploy", "pw"];
        for user in &users[..if self.foreign { 1 } else { users.len() }] {
            self.authorize(&pristine, user, &public)?;
        }
        if self.is_vm() {
            write("etc/fitout-lab.net", &vm::network(&self.address, self.net), 0o644)?;
        }
        self.restore()
    }

    /// Replaces the upper layer, or the disk, by a fresh one.
    pub(super) fn restore(&self) -> Result<(), LabError> {
        if let Some(vm) = &self.vm {
            return vm.restore(&self.dir);
        }
        apt::harvest(&self.upper(), &self.archives);
        for layer in ["upper", "work", "root"] {
            let dir = self.dir.join(layer);
            remove_tree(&dir)?;
            fs::create_dir_all(&dir).map_err(io("cannot make", &dir))?;
        }
        let from = format!("{}/.", self.dir.join("pristine").display());
        run("cp", &["-a", &from, &self.upper().display().to_string()], None)?;
        let cache = Path::new("var/cache/apt/archives");
        make_dirs(&self.lower, &self.upper(), cache)?;
        apt::seed(&self.archives, &self.upper().join(cache));
        Ok(())
    }

    fn upper(&self) -> PathBuf {
        self.dir.join("upper")
    }

    /// Hands the packages the host downloaded to the lab's cache.
    pub(super) fn keep_packages(&self) {
        apt::harvest(&self.upper(), &self.archives);
    }

    fn set_password(&self, root: &Path, hash: &str) -> Result<(), LabError> {
        let path = self.lower.join("etc/shadow");
        let text = fs::read_to_string(&path).map_err(io("cannot read", &path))?;
        let lines: Vec<String> = text.lines().map(|line| with_password(line, "pw", hash)).collect();
        let copy = root.join("etc/shadow");
        put(root, "etc/shadow", (lines.join("\n") + "\n").as_bytes(), 0o640)?;
        let owner = fs::metadata(&path).map_err(io("cannot read", &path))?;
        let gid = std::os::unix::fs::MetadataExt::gid(&owner);
        chown(&copy, Some(0), Some(gid)).map_err(io("cannot own", &copy))
    }

    fn authorize(&self, root: &Path, user: &str, public: &[u8]) -> Result<(), LabError> {
        let login = self.login(user)?;
        let home = login.home.strip_prefix("/").unwrap_or(&login.home);
        make_dirs(&self.lower, root, home)?;
        let dir = root.join(home).join(".ssh");
        fs::create_dir_all(&dir).map_err(io("cannot make", &dir))?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io("cannot protect", &dir))?;
        let keys = home.join(".ssh/authorized_keys");
        put(root, &keys.display().to_string(), public, 0o600)?;
        for path in [dir, root.join(keys)] {
            chown(&path, Some(login.uid), Some(login.gid)).map_err(io("cannot own", &path))?;
        }
        Ok(())
    }

    fn login(&self, user: &str) -> Result<Login, LabError> {
        let path = self.lower.join("etc/passwd");
        let text = fs::read_to_string(&path).map_err(io("cannot read", &path))?;
        let found =
            text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f.first() == Some(&user));
        let login = found.and_then(|f| {
            Some(Login { uid: f.get(2)?.parse().ok()?, gid: f.get(3)?.parse().ok()?, home: f.get(5)?.into() })
        });
        login.ok_or_else(|| io("cannot use", &path)(std::io::Error::other(format!("it has no user {user}"))))
    }

    /// Starts the host and waits until its systemd says that it has booted, sshd included.
    pub(super) fn boot(&self, limit: Duration) -> Result<(), LabError> {
        if let Some(vm) = &self.vm {
            return vm.boot(self, limit);
        }
        let socket = self.dir.join("notify");
        let _ = fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).map_err(io("cannot bind", &socket))?;
        let dir = |path: &Path| path.display().to_string();
        let words = [dir(&self.lower), dir(&self.dir), self.machine.clone()];
        let mut child = self.launch(SCRIPT, &words, Some(&socket))?;
        let deadline = Instant::now() + limit;
        // Short, so that a host that ends early is noticed early.
        notify.set_read_timeout(Some(Duration::from_millis(100))).map_err(io("cannot use", &socket))?;
        let outcome = self.await_ready(&notify, &mut child, deadline);
        let _ = fs::remove_file(&socket);
        // The host outlives this function; this only takes note of its end, so that no zombie stays.
        std::thread::spawn(move || child.wait());
        outcome
    }

    fn await_ready(
        &self,
        notify: &UnixDatagram,
        child: &mut Child,
        deadline: Instant,
    ) -> Result<(), LabError> {
        let mut buffer = [0_u8; 4096];
        loop {
            if let Ok(length) = notify.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                if text.lines().any(|line| line == "READY=1") {
                    return Ok(());
                }
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(self.failed(format!("it ended with {status}"), &self.console()));
            }
            if Instant::now() > deadline {
                return Err(self.failed("it took too long".into(), &self.console()));
            }
        }
    }

    fn console(&self) -> String {
        let bytes = fs::read(self.dir.join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// That the host did not boot, with the end of what it said.
    pub(super) fn failed(&self, why: String, console: &str) -> LabError {
        let lines: Vec<&str> = console.lines().collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n");
        LabError::Boot { host: self.name.clone(), why, console: last }
    }

    /// Starts a host's first process: `script`, with its cgroup and `words`.
    pub(super) fn launch(
        &self,
        script: &str,
        words: &[String],
        notify: Option<&Path>,
    ) -> Result<Child, LabError> {
        let log_path = self.dir.join("console.log");
        let log = File::create(&log_path).map_err(io("cannot write", &log_path))?;
        let log_too = log.try_clone().map_err(io("cannot write", &log_path))?;
        let unshare = find_tool("unshare").unwrap_or_else(|| "unshare".into());
        Command::new(unshare)
            .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", script, "fitout-lab-host", &self.cgroup])
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(notify.map(|socket| ("NOTIFY_SOCKET", socket)))
            .env(MEMBER, &self.member)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            // Ctrl-C in the terminal is for `up`, which then cleans; not for the hosts.
            .process_group(0)
            .spawn()
            .map_err(|e| self.failed(e.to_string(), ""))
    }

    /// Ends the host at once, as if its power were cut.
    pub(super) fn stop(&self) -> Result<(), LabError> {
        cgroup::kill(&self.lab, &self.cgroup)
    }
}

/// A line of shadow(5) with the password of `user` replaced.
fn with_password(line: &str, user: &str, hash: &str) -> String {
    match line.split(':').collect::<Vec<_>>().as_mut_slice() {
        [name, old, ..] if *name == user => {
            let rest = line.get(name.len() + old.len() + 1..).unwrap_or_default();
            format!("{user}:{hash}{rest}")
        }
        _ => line.to_owned(),
    }
}

/// crypt(3)'s SHA-512 of a password.
pub(super) fn password_hash(password: &str) -> Result<String, LabError> {
    use sha_crypt::{PasswordHasher as _, ShaCrypt};
    let salt: [u8; 12] = rand::random();
    let hash: Result<sha_crypt::PasswordHash, _> =
        ShaCrypt::default().hash_password_with_salt(password.as_bytes(), &salt);
    let hash = hash.map_err(|e| LabError::Command { command: "crypt".into(), output: e.to_string() })?;
    Ok(hash.as_str().to_owned())
}

/// The machine's name servers, as a host can reach them: a stub on loopback is replaced by what is behind it.
fn resolv_conf() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let own = read("/etc/resolv.conf");
    let on_loopback = |text: &str| {
        let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver"));
        servers.map(str::trim).any(|server| server.starts_with("127.") || server == "::1")
    };
    if on_loopback(&own) { read("/run/systemd/resolve/resolv.conf") } else { own }
}

/// Makes a folder of the upper layer with the owner and mode that each part of it has in the lower one: in an overlay
/// the upper folder's are the ones that count.
fn make_dirs(lower: &Path, upper: &Path, path: &Path) -> Result<(), LabError> {
    fs::create_dir_all(upper).map_err(io("cannot make", upper))?;
    fs::set_permissions(upper, fs::Permissions::from_mode(0o755)).map_err(io("cannot protect", upper))?;
    let mut parts: Vec<&Path> = path.ancestors().filter(|part| !part.as_os_str().is_empty()).collect();
    parts.reverse();
    for part in parts {
        let (model, copy) = (lower.join(part), upper.join(part));
        if copy.exists() {
            continue;
        }
        fs::create_dir(&copy).map_err(io("cannot make", &copy))?;
        if let Ok(meta) = fs::metadata(&model) {
            use std::os::unix::fs::MetadataExt;
            chown(&copy, Some(meta.uid()), Some(meta.gid())).map_err(io("cannot own", &copy))?;
            fs::set_permissions(&copy, meta.permissions()).map_err(io("cannot protect", &copy))?;
        }
    }
    Ok(())
}

fn put(root: &Path, path: &str, bytes: &[u8], mode: u32) -> Result<(), LabError> {
    let file = root.join(path);
    fs::write(&file, bytes).map_err(io("cannot write", &file))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).map_err(io("cannot protect", &file))
}

/// Removes a folder with all in it, if it is there.
pub(super) fn remove_tree(dir: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            // A host may have made files immutable.
            let _ = run("chattr", &["-R", "-f", "-i", "-a", &dir.display().to_string()], None);
            fs::remove_dir_all(dir).map_err(io("cannot remove", dir))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_users_password_is_replaced() {
        assert_eq!(with_password("pw:!:19000:0:99999:7:::", "pw", "$6$x"), "pw:$6$x:19000:0:99999:7:::");
        assert_eq!(with_password("pwx:!:19000:0", "pw", "$6$x"), "pwx:!:19000:0");
        assert_eq!(with_password("", "pw", "$6$x"), "");
    }

    #[test]
    fn passwords_are_salted() {
        let (one, two) = (password_hash("a").unwrap(), password_hash("a").unwrap());
        assert!(one.starts_with("$6$") && one != two);
    }
}
