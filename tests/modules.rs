//! Modules carried out for real on this machine, in a temporary folder: applied once, nothing to do then.

#![allow(clippy::unwrap_used)]

use fitout::base::{Map, Value};
use fitout::modules::{
    Args, ArgsExt, Behaviour, Call, Controller, Failure, ProcedureError, Staged, coerce, registry,
};
use fitout::plan::Decision;
use fitout::remote::{Become, Connection, Job, Output, Remote, Target, connect};
use fitout::spec::from_yaml;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[path = "modules/files.rs"]
mod files;
#[path = "modules/get_url.rs"]
mod get_url;
#[path = "modules/git.rs"]
mod git;
#[path = "modules/uri.rs"]
mod uri;
#[path = "modules/wait_for.rs"]
mod wait_for;

struct Here {
    files: PathBuf,
}

impl Controller for Here {
    fn check_mode(&self) -> bool {
        false
    }
    fn diff_mode(&self) -> bool {
        true
    }
    fn find_file(&self, _: &str, name: &str) -> Result<PathBuf, Failure> {
        let path = self.files.join(name);
        if path.exists() { Ok(path) } else { Err(Failure::new(format!("{name} was not found"))) }
    }
    fn base_dir(&self) -> PathBuf {
        self.files.clone()
    }
    fn read_file(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Failure> {
        std::fs::read(path).map(Into::into).map_err(|e| Failure::new(e.to_string()))
    }
    fn render(&self, path: &Path, _: &Args) -> Result<String, Failure> {
        std::fs::read_to_string(path).map_err(|e| Failure::new(e.to_string()))
    }
    fn fact(&self, _: &str) -> Option<Value> {
        None
    }
    fn inventory_hostname(&self) -> &str {
        "here"
    }
}

struct Host {
    remote: Arc<dyn Remote>,
    here: Here,
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("local");
        std::fs::create_dir(&files).unwrap();
        let remote = connect(Target::new("here", Connection::Local));
        Host { remote, here: Here { files }, folder }
    }

    /// One without the programs whose names begin so: in its own view of the files they cannot be run. Needs root.
    fn without(names: &[&str]) -> Host {
        let host = Host::new();
        let path =
            format!("{}:/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin", std::env::var("PATH").unwrap());
        let programs: Vec<String> = path
            .split(':')
            .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten())
            .filter(|entry| names.iter().any(|name| entry.file_name().to_string_lossy().starts_with(name)))
            .map(|entry| shell_words::quote(&entry.path().display().to_string()).into_owned())
            .collect();
        let hide = format!(
            "for one in {}; do mount --bind /dev/null \"$one\" || exit 1; done; exec /bin/sh \"$@\"",
            programs.join(" ")
        );
        let shell = host.folder.path().join("shell");
        let text = format!("#!/bin/sh\nexec unshare -m /bin/sh -c {} sh \"$@\"\n", shell_words::quote(&hide));
        std::fs::write(&shell, text).unwrap();
        std::fs::set_permissions(&shell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let target = Target { shell: shell.display().to_string(), ..Target::new("here", Connection::Local) };
        Host { remote: connect(target), ..host }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Arguments as YAML; `@` stands for the temporary folder.
    fn args(&self, module: &str, yaml: &str) -> Args {
        let text = yaml.replace('@', &self.folder.path().display().to_string());
        let given: Map = from_yaml(&serde_yaml::from_str(&text).unwrap()).as_map().unwrap().clone();
        coerce(&registry().get(module).unwrap().spec, given).unwrap()
    }

    async fn jobs(&self, jobs: Vec<Job>) -> Vec<Output> {
        let sent: Vec<_> = jobs.into_iter().map(|j| self.remote.submit(&Become::No, j)).collect();
        let mut outputs = Vec::new();
        for one in sent {
            outputs.push(one.await.unwrap());
        }
        outputs
    }

    async fn decide(&self, module: &dyn Staged, args: &Args) -> Result<Decision, Failure> {
        let seen = self.jobs(module.probe(args, &self.here)?).await;
        module.decide(args, &seen, &self.here)
    }

    /// Runs it; whether it changed anything, and the result.
    async fn run(&self, name: &str, yaml: &str) -> Result<(bool, Map), Failure> {
        let args = self.args(name, yaml);
        match &registry().get(name).unwrap().behaviour {
            Behaviour::Staged(module) => {
                let mut decision = self.decide(module.as_ref(), &args).await?;
                if decision.change.is_none() {
                    return Ok((false, decision.result));
                }
                let done = self.jobs(std::mem::take(&mut decision.effects)).await;
                Ok((true, module.finish(&args, decision, &done)?))
            }
            Behaviour::Procedure(module) => {
                let call = Call {
                    args: &args,
                    remote: self.remote.as_ref(),
                    become_user: &Become::No,
                    controller: &self.here,
                };
                let outcome = match module.run(call).await {
                    Ok(outcome) => outcome,
                    Err(ProcedureError::Failed(failure)) => return Err(failure),
                    Err(ProcedureError::Remote(error)) => panic!("{error}"),
                };
                Ok((outcome.change.is_some(), outcome.result))
            }
            Behaviour::Control | Behaviour::Cloud(_) => panic!("{name} is not carried out on hosts"),
        }
    }

    /// Runs it twice: the first changes something, the second nothing.
    async fn converges(&self, name: &str, yaml: &str) -> Map {
        let first = self.run(name, yaml).await;
        let (changed, result) = first.unwrap_or_else(|f| panic!("{name} {yaml}: {}", f.message));
        assert!(changed, "{name} {yaml}: nothing to do at first");
        self.settled(name, yaml).await;
        result
    }

    async fn settled(&self, name: &str, yaml: &str) {
        let (again, _) = self.run(name, yaml).await.unwrap_or_else(|f| panic!("{name} again: {}", f.message));
        assert!(!again, "{name} {yaml}: changed again");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }
}

#[tokio::test]
async fn files_are_written_edited_and_converge() {
    let host = Host::new();
    let result = host.converges("copy", r#"{content: "a=1\n", dest: "@/x y.conf", mode: "0640"}"#).await;
    assert_eq!((host.read("x y.conf").as_str(), host.mode("x y.conf")), ("a=1\n", 0o640));
    assert_eq!((result.str("mode"), result.opt_int("size")), ("0640", Some(4)));
    let result = host.converges("copy", r#"{content: "b=1\n", dest: "@/x y.conf", backup: true}"#).await;
    assert!(std::fs::read_to_string(result.str("backup_file")).unwrap() == "a=1\n");
    assert_eq!(host.mode("x y.conf"), 0o640, "the mode stays");
    host.converges("lineinfile", r#"{path: "@/x y.conf", regexp: ^b, line: b=2}"#).await;
    host.converges("blockinfile", r#"{path: "@/x y.conf", block: "c\nd"}"#).await;
    host.converges("replace", r#"{path: "@/x y.conf", regexp: "^c$", replace: "e"}"#).await;
    host.converges("ini_file", r#"{path: "@/i", section: s, option: o, value: v}"#).await;
    assert_eq!(host.read("i"), "[s]\no = v\n");
    let expected = "b=2\n# BEGIN ANSIBLE MANAGED BLOCK\ne\nd\n# END ANSIBLE MANAGED BLOCK\n";
    assert_eq!(host.read("x y.conf"), expected);
    std::fs::write(host.here.files.join("t.j2"), "text\n").unwrap();
    host.converges("template", r#"{src: t.j2, dest: "@/t"}"#).await;
    host.converges("template", r#"{src: t.j2, dest: "@/made/for it/"}"#).await;
    assert_eq!(host.read("made/for it/t.j2"), "text\n");
    let failed = host.run("copy", r#"{content: bad, dest: "@/t", validate: "grep -q good %s"}"#).await;
    assert!(failed.unwrap_err().message.contains("validate"));
    assert_eq!(host.read("t"), "text\n", "what is not valid is not written");
}

#[tokio::test]
async fn folders_links_and_times_converge() {
    let host = Host::new();
    host.converges("file", r#"{path: "@/a/b/c", state: directory, mode: "0750"}"#).await;
    assert_eq!((host.mode("a"), host.mode("a/b/c")), (0o750, 0o750));
    std::fs::write(host.path("a/b/f"), "").unwrap();
    host.converges("file", r#"{path: "@/a", state: directory, recurse: true, mode: "u=rwX,go=rX"}"#).await;
    assert_eq!((host.mode("a/b"), host.mode("a/b/f")), (0o755, 0o644));
    host.converges("file", r#"{path: "@/l", src: a/b, state: link}"#).await;
    host.converges("file", r#"{path: "@/l", src: a/b/f, state: link}"#).await;
    assert_eq!(std::fs::read_link(host.path("l")).unwrap(), Path::new("a/b/f"));
    host.converges("file", r#"{path: "@/h", src: "@/a/b/f", state: hard}"#).await;
    let touch = r#"{path: "@/t", state: touch, access_time: preserve, modification_time: "202401020304.05"}"#;
    host.converges("file", touch).await;
    host.converges("file", r#"{path: "@/a", state: absent}"#).await;
    assert!(!Path::new(&host.path("a")).exists());
}

#[tokio::test]
async fn folders_are_copied_from_here_and_there() {
    let host = Host::new();
    let tree = host.here.files.join("tree/sub");
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::write(tree.join("x"), "x").unwrap();
    host.converges("copy", r#"{src: tree, dest: "@/out", mode: "0600"}"#).await;
    assert_eq!((host.read("out/tree/sub/x").as_str(), host.mode("out/tree/sub/x")), ("x", 0o600));
    host.converges("copy", r#"{src: "@/out/tree/", dest: "@/again", remote_src: true}"#).await;
    assert_eq!(host.read("again/sub/x"), "x");
    host.converges("copy", r#"{src: "@/again/sub/x", dest: "@/y", remote_src: true, mode: "0640"}"#).await;
    assert_eq!(host.mode("y"), 0o640);
    host.converges("copy", r#"{src: "@/y", dest: "@/z", remote_src: true}"#).await;
    assert_eq!(host.mode("z"), 0o644, "a new file's mode is the umask's");
}

#[tokio::test]
async fn commands_get_exact_words_and_tell_all() {
    let host = Host::new();
    let (_, result) = host.run("command", r#"{argv: [printf, "<%s>", "a  b", "$(x)", "*"]}"#).await.unwrap();
    assert_eq!(result.str("stdout"), "<a  b><$(x)><*>");
    assert!(result.str("delta").starts_with("0:00:0"), "{result:?}");
    let (_, result) = host.run("command", "{cmd: echo $HOME}").await.unwrap();
    assert_eq!(result.str("stdout"), std::env::var("HOME").unwrap());
    let failure = host.run("command", "{cmd: no-such-program-here}").await.unwrap_err();
    assert_eq!(failure.message, "[Errno 2] No such file or directory: b'no-such-program-here'");
    let failure = host.run("shell", "{cmd: 'echo out; echo err >&2; exit 3'}").await.unwrap_err();
    assert_eq!((failure.message.as_str(), failure.result.opt_int("rc")), ("non-zero return code", Some(3)));
    assert_eq!((failure.result.str("stdout"), failure.result.str("stderr")), ("out", "err"));
    host.converges("shell", r#"{cmd: "touch done", chdir: "@", creates: done}"#).await;
    std::fs::write(host.here.files.join("s.sh"), "#!/bin/sh\necho \"$0 $1\" | sed 's|.*/||'\n").unwrap();
    let (_, result) = host.run("script", "{cmd: s.sh 'a b'}").await.unwrap();
    assert_eq!(result.str("stdout"), "s.sh a b\n");
    let (_, result) = host.run("command", "{cmd: cat, stdin: hi}").await.unwrap();
    assert_eq!(result.str("stdout"), "hi");
}

#[tokio::test]
async fn what_is_there_is_found_and_fetched() {
    let host = Host::new();
    std::fs::write(host.path("a.log"), "needle\n").unwrap();
    std::fs::write(host.path("b.log"), "hay\n").unwrap();
    let (_, result) = host.run("find", r#"{paths: "@", patterns: "*.log", contains: "nee"}"#).await.unwrap();
    assert_eq!(result.opt_int("matched"), Some(1), "{result:?}");
    std::os::unix::fs::symlink(".", host.path("root")).unwrap();
    let (_, result) = host.run("find", r#"{paths: "@/root/", file_type: any, recurse: true}"#).await.unwrap();
    let names: Vec<String> =
        result.items("files").iter().map(|f| f.as_map().unwrap().str("path").into()).collect();
    assert_eq!(names, ["a.log", "b.log", "local", "root"].map(|n| host.path(&format!("root/{n}"))));
    std::os::unix::fs::symlink("local", host.path("link")).unwrap();
    let follow = r#"{paths: "@", file_type: link, follow: true, get_checksum: true}"#;
    let (_, result) = host.run("find", follow).await.unwrap();
    assert_eq!(result.opt_int("matched"), Some(1), "{result:?}");
    let (_, result) = host.run("stat", r#"{path: "@/a.log"}"#).await.unwrap();
    assert_eq!(result.map("stat").unwrap().opt_int("size"), Some(7));
    let blocks = std::os::unix::fs::MetadataExt::blksize(&std::fs::metadata(host.path("a.log")).unwrap());
    assert_eq!(result.map("stat").unwrap().opt_int("block_size"), i64::try_from(blocks).ok());
    let (_, result) = host.run("slurp", r#"{src: "@/a.log"}"#).await.unwrap();
    assert_eq!(result.str("content"), "bmVlZGxlCg==");
    let (_, result) = host.run("tempfile", r#"{path: "@", suffix: .x}"#).await.unwrap();
    assert!(result.str("path").ends_with(".x") && Path::new(result.str("path")).exists());
    let wait = r#"{path: "@/a.log", search_regex: "(n)eedle", timeout: 2}"#;
    let (_, result) = host.run("wait_for", wait).await.unwrap();
    assert_eq!(result.items("match_groups"), ["n".into()]);
    let late = host.run("wait_for", "{port: 1, timeout: 1}").await.unwrap_err();
    assert_eq!(late.message, "Timeout when waiting for 127.0.0.1:1");
    let get = r#"{url: "file://@/a.log", dest: "@/got", mode: "0600"}"#;
    host.converges("get_url", get).await;
    assert_eq!((host.read("got").as_str(), host.mode("got")), ("needle\n", 0o600));
}

#[tokio::test]
async fn archives_are_unpacked_and_compared() {
    let host = Host::new();
    for folder in ["s/top/sub", "d", "z"] {
        std::fs::create_dir_all(host.path(folder)).unwrap();
    }
    std::fs::write(host.path("s/top/sub/x y"), "one").unwrap();
    std::os::unix::fs::symlink("sub", host.path("s/top/link")).unwrap();
    let packed = |tool: &str, args: &[&str]| {
        let done = std::process::Command::new(tool).args(args).current_dir(host.path("s")).output();
        done.is_ok_and(|o| o.status.success())
    };
    assert!(packed("tar", &["-czf", "../local/a.tgz", "top"]));
    let result = host.converges("unarchive", r#"{src: a.tgz, dest: "@/d", list_files: true}"#).await;
    assert_eq!(host.read("d/top/sub/x y"), "one");
    assert_eq!((result.str("handler"), result.list("files").len()), ("TgzArchive", 4));
    std::fs::write(host.path("d/top/sub/x y"), "two").unwrap();
    std::fs::write(host.path("d/own"), "own").unwrap();
    host.converges("unarchive", r#"{src: "@/local/a.tgz", dest: "@/d", remote_src: true}"#).await;
    assert_eq!((host.read("d/top/sub/x y").as_str(), host.read("d/own").as_str()), ("one", "own"));
    host.converges("unarchive", r#"{src: a.tgz, dest: "@/d", mode: "u=rwX,go="}"#).await;
    assert_eq!((host.mode("d/top/sub/x y"), host.mode("d/top/sub")), (0o600, 0o700));
    let stripped = r#"{src: a.tgz, dest: "@/z", extra_opts: [--strip-components=2], exclude: [top/link]}"#;
    host.converges("unarchive", stripped).await;
    assert_eq!(host.read("z/x y"), "one");
    let once = r#"{src: none.tgz, dest: "@/z", creates: "@/z/x y"}"#;
    assert!(!host.run("unarchive", once).await.unwrap().0);
    let python = "import shutil; shutil.make_archive('../local/a', 'zip', '.')";
    if packed("python3", &["-c", python]) && packed("unzip", &["-v"]) {
        std::fs::create_dir(host.path("zip")).unwrap();
        host.converges("unarchive", r#"{src: a.zip, dest: "@/zip"}"#).await;
        assert_eq!(host.read("zip/top/sub/x y"), "one");
    }
    let failed = host.run("unarchive", r#"{src: a.tgz, dest: "@/none"}"#).await.unwrap_err();
    assert!(failed.message.contains("must be an existing dir"), "{}", failed.message);
}

#[tokio::test]
async fn files_are_fetched_and_assembled() {
    let host = Host::new();
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(host.path("x y"), &content).unwrap();
    let result = host.converges("fetch", r#"{src: "@/x y", dest: got}"#).await;
    let dest = host.here.files.join("got/here").join(host.path("x y").trim_start_matches('/'));
    assert!(std::fs::read(&dest).unwrap() == content, "the bytes are the host's");
    assert_eq!(Path::new(result.str("dest")), dest);
    std::fs::write(host.path("x y"), "").unwrap();
    host.converges("fetch", r#"{src: "@/x y", dest: got}"#).await;
    assert_eq!(std::fs::read(&dest).unwrap(), b"");
    host.converges("fetch", r#"{src: "@/x y", dest: "@/flat/", flat: true}"#).await;
    assert_eq!(host.read("flat/x y"), "");
    let failed = host.run("fetch", r#"{src: "@/none", dest: got}"#).await.unwrap_err();
    assert!(failed.message.contains("does not exist"), "{}", failed.message);
    assert!(!host.run("fetch", r#"{src: "@/none", dest: got, fail_on_missing: false}"#).await.unwrap().0);
    let failed = host.run("fetch", r#"{src: "@", dest: got}"#).await.unwrap_err();
    assert!(failed.message.contains("directory"), "{}", failed.message);

    for (name, text) in [("20", "b\n"), ("10", "a"), (".h", "h\n")] {
        std::fs::write(host.path(&format!("local/{name}")), text).unwrap();
    }
    host.converges("assemble", r#"{src: "@/local", dest: "@/whole", regexp: '\d'}"#).await;
    assert_eq!(host.read("whole"), "a\nb\n");
    host.converges("assemble", r#"{src: ., dest: "@/whole", delimiter: "--", remote_src: false}"#).await;
    assert_eq!(host.read("whole"), "h\n--\na\n--\nb\n");
}
