//! A folder with a playbook and an inventory, and the program run in it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What a run said and left.
pub struct Seen {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Seen {
    /// What an ended process said.
    pub fn of(output: &Output) -> Seen {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Seen { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Everything that was said.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }

    /// Fails the test unless the run ended so and said all of this.
    #[track_caller]
    pub fn is(&self, code: i32, said: &[&str]) {
        let all = self.all();
        assert_eq!(self.code, Some(code), "{all}");
        for text in said {
            assert!(all.contains(text), "`{text}` is not said in\n{all}");
        }
    }

    /// Fails the test unless the run ended well and every line of its recap tells of no change.
    #[track_caller]
    pub fn unchanged(&self) {
        self.is(0, &[]);
        let counts = changes(&self.all());
        assert!(!counts.is_empty() && counts.iter().all(|n| *n == 0), "{counts:?} changed:\n{}", self.all());
    }
}

/// How many changes each recap of a run tells: `changed=N` of a host, `N changed, M ok` of all.
fn changes(said: &str) -> Vec<u64> {
    let mut counts = Vec::new();
    for line in said.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        counts.extend(words.iter().filter_map(|w| w.strip_prefix("changed=")?.parse::<u64>().ok()));
        if let [count, "changed,", _, "ok", ..] = words[..] {
            counts.extend(count.parse::<u64>().ok());
        }
    }
    counts
}

pub struct Place {
    dir: tempfile::TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }
}

impl Place {
    /// A playbook `site.yml` for all hosts of an inventory `hosts`.
    pub fn new(inventory: &str, tasks: &str) -> Place {
        let place = Place::default();
        place.write("hosts", inventory);
        place.tasks(tasks);
        place
    }

    /// The playbook again, with other tasks.
    pub fn tasks(&self, tasks: &str) {
        let tasks: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
        self.write("site.yml", &format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}"));
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = super::fitout();
        command.current_dir(self.path()).args(args).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Seen {
        Seen::of(&super::output(&mut self.command(args)))
    }

    /// Applies the playbook.
    pub fn apply(&self, more: &[&str]) -> Seen {
        self.run(&[&["apply", "--yes", "-i", "hosts", "site.yml"], more].concat())
    }

    /// Applies the playbook and does not wait for the end.
    pub fn start(&self, more: &[&str]) -> Running {
        Running::start(&mut self.command(&[&["apply", "--yes", "-i", "hosts", "site.yml"], more].concat()))
    }

    /// Runs to the end: the exit code, and the peak of resident memory of the program or of what it started, in KiB.
    pub fn peak(&self, args: &[&str]) -> (i64, i64) {
        const MEASURE: &str = "import resource, subprocess, sys
r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(r, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
        let command = self.command(args);
        let mut timed = Command::new("python3");
        timed.args(["-c", MEASURE]).arg(command.get_program()).args(command.get_args());
        let output = super::output(timed.current_dir(self.path()));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = text.split_whitespace().map(|word| word.parse().unwrap());
        (words.next().unwrap(), words.next().unwrap())
    }

    /// A PATH whose first folder has the stubs.
    pub fn stubs(&self) -> String {
        format!("{}:{}", self.path().join("stubs").display(), std::env::var("PATH").unwrap())
    }

    /// All text below the folder's `.fitout`: the journal and what else a run keeps.
    pub fn kept(&self) -> String {
        text_below(&self.path().join(".fitout"))
    }

    /// How many backups, temporaries and the like stand beside a file.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A program of this name in [`Place::stubs`] that hangs or fails where its name and arguments fit the pattern in
/// STUB_HANGS or STUB_FAILS; `cases` (of sh) say what it does else, if not nothing.
pub fn stub(place: &Place, name: &str, cases: &str) {
    let text = format!(
        "#!/bin/sh\nme=\"${{0##*/}} $*\"\n# shellcheck disable=SC2254 # patterns\ncase $me in\n\
         $STUB_HANGS) exec tail --pid=$PPID -f /dev/null ;;\n$STUB_FAILS) echo 'the stub was told to fail' >&2; exit 1 ;;\n{cases}\nesac\n"
    );
    let file = place.write(&format!("stubs/{name}"), &text);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// The contents of all files below a folder.
pub fn text_below(folder: &Path) -> String {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|e| e.file_type().is_file());
    files.map(|e| String::from_utf8_lossy(&std::fs::read(e.path()).unwrap()).into_owned()).collect()
}

/// A run under way; killed at the end of the scope unless it has ended.
pub struct Running {
    child: Option<Child>,
    /// What it has said on stderr, as far as it was listened to.
    heard: String,
    /// And on stdout.
    lines: String,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { child: Some(child), heard: String::new(), lines: String::new() }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits until it says this on stderr, or ends.
    pub fn hear(&mut self, words: &str) {
        let stderr = self.child.as_mut().unwrap().stderr.as_mut().unwrap();
        let mut byte = [0];
        // Byte by byte: the rest is for whoever reads to the end.
        while !self.heard.contains(words) && stderr.read(&mut byte).unwrap() == 1 {
            self.heard.push(char::from(byte[0]));
        }
    }

    /// Waits for an event of `--json`; `false` where the run ends without it.
    pub fn event(&mut self, fits: impl Fn(&serde_json::Value) -> bool) -> bool {
        let stdout = self.child.as_mut().unwrap().stdout.as_mut().unwrap();
        let (mut byte, mut line) = ([0], Vec::new());
        while stdout.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
            if byte[0] == b'\n' {
                self.lines.push_str(&String::from_utf8_lossy(&line));
                if serde_json::from_slice(&line).is_ok_and(|event| fits(&event)) {
                    return true;
                }
                line.clear();
            }
        }
        false
    }

    /// Waits for the end.
    pub fn end(mut self) -> Seen {
        let mut seen = Seen::of(&self.child.take().unwrap().wait_with_output().unwrap());
        seen.err.insert_str(0, &self.heard);
        seen.out.insert_str(0, &self.lines);
        seen
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A named pipe: whoever opens it to write waits until the test reads, and so on the other way.
pub fn fifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success(), "mkfifo {}", path.display());
}

/// Waits until someone writes into a named pipe, and reads what they write.
pub fn hear(path: &Path) -> String {
    let mut text = String::new();
    std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}
