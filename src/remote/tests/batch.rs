//! Files that are written together are what they would be alone.

use super::*;
use crate::remote::files::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn new(path: &Path, content: &str) -> Job {
    let file = WriteFile {
        expect: Expect::Absent,
        mode: Some("0640".into()),
        ..WriteFile::new(path.to_str().unwrap(), Content::Bytes(Arc::from(content.as_bytes())))
    };
    Job { chain: Some(1), ..write_file_job(file) }
}

/// Changes a variable of a job.
fn set(name: &'static str, value: &'static str) -> impl Fn(&mut Job) {
    move |job| job.vars.iter_mut().find(|(n, _)| &**n == name).unwrap().1 = value.into()
}

/// Sends all, then awaits them in order.
async fn together(remote: &Arc<dyn Remote>, jobs: Vec<Job>) -> Vec<Output> {
    let sent: Vec<_> = jobs.into_iter().map(|job| remote.submit(&Become::No, job)).collect();
    let mut outputs = Vec::new();
    for output in sent {
        outputs.push(output.await.unwrap());
    }
    outputs
}

/// Names and contents that a shell could take for something else.
const AWKWARD: [(&str, &str); 7] = [
    ("plain", "text\n"),
    ("two words", ""),
    ("quo'te\"s", "no line's end"),
    ("new\nline\n", "\n\n\n"),
    ("$(touch x)`id`", "$(id) `id` %s %d \\n \\0 '\n"),
    ("-n", "-n"),
    ("*", "ü\u{1}\n"),
];

#[test]
fn files_written_together_are_whole_whatever_their_names() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let jobs = AWKWARD.map(|(name, content)| new(&dir.path().join(name), content));
            for (output, (name, _)) in together(&remote, jobs.to_vec()).await.iter().zip(AWKWARD) {
                assert!(output.ok(), "{shell}: {name:?}: {}", output.stderr_text());
                let path = dir.path().join(name);
                assert_eq!(output.field(path.to_str().unwrap(), "written").as_deref(), Some("1"), "{shell}");
            }
            for (name, content) in AWKWARD {
                let path = dir.path().join(name);
                assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "{shell}: {name:?}");
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), AWKWARD.len(), "nothing else is left");
        });
    }
}

#[test]
fn what_cannot_be_written_stops_those_behind_it() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let at = |name: &str| dir.path().join(name);
            let folder = at("folder");
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(at("came"), "other").unwrap();
            for (bad, rc, says) in
                [(&folder, RC_IS_DIRECTORY, "is a directory"), (&at("came"), RC_CHANGED, "changed while")]
            {
                // What goes another way, behind them in the chain.
                let after = Job { chain: Some(1), ..Job::new(&Script::new("t", ": >\"$1\"")) };
                let after = after.args([at("after").to_str().unwrap()]);
                let jobs = vec![new(&at("one"), "1"), new(bad, "2"), new(&at("three"), "3"), after];
                let seen = together(&remote, jobs).await;
                assert!(seen[0].ok(), "{shell}: {}", seen[0].stderr_text());
                assert_eq!((seen[1].status, seen[1].rc), (Status::Done, rc), "{shell}");
                assert!(seen[1].stderr_text().contains(says), "{shell}: {}", seen[1].stderr_text());
                let skipped = |output: &Output| output.status == Status::Skipped;
                assert!(skipped(&seen[2]) && skipped(&seen[3]), "{shell}: {seen:?}");
                assert_eq!(std::fs::read_to_string(at("one")).unwrap(), "1");
                assert!(!at("three").exists() && !at("after").exists(), "{shell}");
                std::fs::remove_file(at("one")).unwrap();
                assert_eq!(
                    std::fs::read_dir(dir.path()).unwrap().count(),
                    2,
                    "{shell}: nothing else is left"
                );
                remote.reset().await;
            }
        });
    }
}

#[test]
fn an_owner_that_is_not_there_leaves_nothing() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let remote = local(&shells()[0]);
        let jobs = ["a", "b"].map(|name| new(&dir.path().join(name), "x"));
        let jobs = jobs.map(|mut job| {
            set("owner", "nobody-of-that-name")(&mut job);
            job
        });
        let seen = together(&remote, jobs.to_vec()).await;
        assert!(!seen[0].ok() && seen[0].stderr_text().contains("nobody-of-that-name"), "{:?}", seen[0]);
        assert_eq!(seen[1].status, Status::Skipped);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_folder_that_takes_no_file_is_told_with_the_reason() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let jobs = ["a", "b"].map(|name| new(&Path::new("/sys/kernel").join(name), "x"));
            let seen = together(&remote, jobs.to_vec()).await;
            let said = seen[0].stderr_text();
            assert!(said.contains("/sys/kernel/: cannot make a temporary file: mkdir: "), "{shell}: {said}");
            assert_eq!((seen[0].ok(), seen[1].status), (false, Status::Skipped), "{shell}");
        });
    }
}

/// What waits for its like goes out before anything else, and when nobody waits for its answer.
#[test]
fn the_order_is_that_of_submission() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let remote = local(&shells()[0]);
        let at = |name: &str| dir.path().join(name);
        drop([
            remote.submit(&Become::No, new(&at("a"), "1")),
            remote.submit(&Become::No, new(&at("b"), "2")),
        ]);
        let list = Job::new(&Script::new("t", "cat \"$1/a\" \"$1/b\"; ls \"$1\""))
            .args([dir.path().to_str().unwrap()]);
        let waits = remote.submit(&Become::No, new(&at("c"), "3"));
        let listed = remote.submit(&Become::No, list).await.unwrap();
        assert_eq!(listed.stdout, b"12a\nb\nc\n");
        assert!(waits.await.unwrap().ok());
    });
}

/// What would not come out the same in one job goes by itself.
#[test]
fn only_new_files_of_one_kind_wait_for_each_other() {
    use crate::remote::batch::Batch;
    let path = Path::new("/srv/a/one");
    let cases: Vec<(&str, Box<dyn Fn(&mut Job)>, bool)> = vec![
        ("another file", Box::new(|_| ()), true),
        ("the same file", Box::new(set("path", "/srv/a/one")), false),
        ("another folder", Box::new(set("path", "/srv/b/two")), false),
        ("another mode", Box::new(set("mode", "0600")), false),
        ("a mode of letters", Box::new(set("mode", "u+x")), false),
        ("another owner", Box::new(set("owner", "bin")), false),
        ("a file that is there", Box::new(set("expect", "0123")), false),
        ("a validated file", Box::new(set("validate", "true")), false),
        ("a hidden file", Box::new(set("path", "/srv/a/.two")), false),
        ("another chain", Box::new(|job| job.chain = Some(2)), false),
        ("no chain", Box::new(|job| job.chain = None), false),
        ("a time limit", Box::new(|job| job.timeout = Some(Duration::from_secs(1))), false),
        ("a NUL", Box::new(|job| job.stdin = Some(Content::Bytes(Arc::from(&b"a\0"[..])))), false),
        ("much", Box::new(|job| job.stdin = Some(Content::Bytes(Arc::from(vec![b'a'; 40 << 10])))), false),
    ];
    for (what, change, goes) in cases {
        let mut batch = Batch::default();
        let reply = || tokio::sync::oneshot::channel().0;
        assert!(batch.add(&Become::No, new(path, "1"), reply()).is_ok());
        let mut job = new(Path::new("/srv/a/two"), "2");
        change(&mut job);
        assert_eq!(batch.add(&Become::No, job, reply()).is_ok(), goes, "{what}");
        let merged = crate::remote::batch::merged(&batch.take().1);
        assert_eq!(merged.map(|job| job.args.len()), goes.then_some(6), "{what}");
    }
}

fn folder(path: &Path, mode: &str) -> Job {
    let attributes = FolderAttributes { mode: Some(mode.into()), ..FolderAttributes::default() };
    Job { chain: Some(1), ..folders_job([path.to_str().unwrap()], attributes) }
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// One below the other, twice, with what is missing on the way: each has the mode from the first moment.
#[test]
fn folders_made_together_are_as_each_alone() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let at = |name: &str| dir.path().join(name);
            std::fs::create_dir(at("there")).unwrap();
            let there = mode_of(&at("there"));
            let mut names: Vec<&str> = AWKWARD.map(|(name, _)| name).into();
            names.extend(["one", "one/two", "on/the way/to", "one", "there", "there/new", "slash/"]);
            let jobs = names.iter().map(|name| folder(&at(name), "2750")).collect();
            for (output, name) in together(&remote, jobs).await.iter().zip(&names) {
                assert!(output.ok(), "{shell}: {name:?}: {}", output.stderr_text());
                let told = output.field(at(name).to_str().unwrap(), "made");
                assert_eq!(told.as_deref(), Some("1"), "{shell}: {name:?}");
            }
            for name in names.iter().filter(|name| **name != "there").chain(&["on", "on/the way"]) {
                assert_eq!(mode_of(&at(name)), 0o2750, "{shell}: {name:?}");
            }
            assert_eq!(mode_of(&at("there")), there, "what is there stays as it is");
        });
    }
}

#[test]
fn a_folder_that_cannot_be_made_stops_those_behind_it() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            std::fs::write(at("file"), "").unwrap();
            let mut unknown = folder(&at("owned"), "0700");
            set("owner", "nobody-has-it")(&mut unknown);
            for (bad, says) in
                [(folder(&at("file/below"), "0700"), "file"), (unknown.clone(), "nobody-has-it")]
            {
                let jobs = vec![folder(&at("before/it"), "0700"), bad, folder(&at("behind/it"), "0700")];
                let seen = together(&local(&shell), jobs).await;
                assert!(seen[0].ok() && at("before/it").is_dir(), "{shell}: {}", seen[0].stderr_text());
                assert_eq!((seen[1].status, seen[1].ok()), (Status::Done, false), "{shell}");
                assert!(seen[1].stderr_text().contains(says), "{shell}: {}", seen[1].stderr_text());
                assert_eq!(seen[2].status, Status::Skipped, "{shell}");
                assert!(!at("behind").exists() && !at("owned").exists(), "{shell}: nothing is left of it");
            }
            // Together nothing is made for an owner who is not there, not even what comes first.
            let all = ["a", "b"]
                .map(|name| Job { args: vec![at(name).to_str().unwrap().into()], ..unknown.clone() });
            let seen = together(&local(&shell), all.to_vec()).await;
            assert_eq!((seen[0].status, seen[1].status), (Status::Done, Status::Skipped), "{shell}");
            assert!(!seen[0].ok() && !at("a").exists() && !at("b").exists(), "{shell}");
        });
    }
}

/// Writes of one file, each an edit of what the one before it leaves; the first of `was`.
fn edits(path: &Path, was: &str, texts: &[&str]) -> Vec<Job> {
    let before = [was].into_iter().chain(texts.iter().copied());
    let edit = |(before, text): (&str, &&str)| {
        let file = WriteFile {
            expect: Expect::Sha1(sha1(before.as_bytes())),
            follow: true,
            ..WriteFile::new(path.to_str().unwrap(), Content::Bytes(Arc::from(text.as_bytes())))
        };
        Job { chain: Some(1), ..write_file_job(file) }
    };
    before.zip(texts).map(edit).collect()
}

/// Only the last of them is written, if the file still is what the first was to change.
#[test]
fn edits_of_one_file_are_one_write() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let (file, link) = (dir.path().join("file"), dir.path().join("link"));
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o604)).unwrap();
            std::os::unix::fs::symlink("file", &link).unwrap();
            let jobs = edits(&link, "", &["a", "ab", "abc"]);
            let seen = together(&local(&shell), jobs.clone()).await;
            for output in &seen {
                let written = output.field(link.to_str().unwrap(), "written");
                assert_eq!((output.ok(), written.as_deref()), (true, Some("1")), "{shell}: {output:?}");
            }
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "abc", "{shell}");
            assert_eq!(mode_of(&file), 0o604, "{shell}");
            // It is another file now: none of them is made.
            let seen = together(&local(&shell), jobs).await;
            assert_eq!((seen[0].status, seen[0].rc), (Status::Done, RC_CHANGED), "{shell}");
            assert!(seen[1..].iter().all(|output| output.status == Status::Skipped), "{shell}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "abc", "{shell}");
        });
    }
}

#[test]
fn only_edits_that_follow_from_each_other_are_one() {
    use crate::remote::batch::{Batch, merged};
    let path = Path::new("/etc/hosts");
    let cases: Vec<(&str, Box<dyn Fn(&mut Job)>, bool)> = vec![
        ("the next edit", Box::new(|_| ()), true),
        ("an edit of another text", Box::new(set("expect", "0123")), false),
        ("of whatever is there", Box::new(set("expect", "")), false),
        ("of another file", Box::new(set("path", "/etc/networks")), false),
        ("with a mode", Box::new(set("mode", "0600")), false),
        ("that replaces a link", Box::new(set("follow", "")), false),
        ("with a copy of what was there", Box::new(set("backup", "1")), false),
        ("validated", Box::new(set("validate", "true")), false),
        ("of another chain", Box::new(|job| job.chain = Some(2)), false),
        ("from a file", Box::new(|job| job.stdin = Some(Content::File("/x".into()))), false),
    ];
    for (what, change, goes) in cases {
        let mut jobs = edits(path, "", &["a", "ab", "abc"]);
        change(&mut jobs[1]);
        let mut batch = Batch::default();
        let mut add =
            |job: &Job| batch.add(&Become::No, job.clone(), tokio::sync::oneshot::channel().0).is_ok();
        assert_eq!((add(&jobs[0]), add(&jobs[1])), (true, goes), "{what}");
        assert!(!goes || add(&jobs[2]), "{what}");
        let one = merged(&batch.take().1).map(|job| (job.value("expect").map(<[u8]>::to_vec), job.stdin));
        let whole = (Some(sha1(b"").into_bytes()), Some(Content::Bytes(Arc::from(&b"abc"[..]))));
        assert_eq!(one, goes.then_some(whole), "{what}");
    }
}
