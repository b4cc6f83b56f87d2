//! Writing and looking at files, with awkward names and with each shell there is.

use super::*;
use crate::remote::files::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn content(text: &str) -> Content {
    Content::Bytes(Arc::from(text.as_bytes()))
}

async fn go(remote: &Arc<dyn Remote>, job: Job) -> Output {
    remote.submit(&Become::No, job).await.unwrap()
}

#[test]
fn a_file_is_written_whatever_its_name() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            for name in
                ["plain", "two words", "quo'te\"s", "new\nline", "$(touch x)`id`", "-n", "tail\n", "*"]
            {
                let path = dir.path().join(name);
                let file = WriteFile {
                    mode: Some("0640".into()),
                    ..WriteFile::new(path.to_str().unwrap(), content("text\n"))
                };
                let output = go(&remote, write_file_job(file)).await;
                assert!(output.ok(), "{shell}: {name:?}: {}", output.stderr_text());
                assert_eq!(std::fs::read_to_string(&path).unwrap(), "text\n");
                let options =
                    StatOptions { sha1: true, sha256: true, content: Some(100), ..StatOptions::default() };
                let seen = stat_of(&go(&remote, stat_job([path.to_str().unwrap()], &options)).await);
                let meta = std::fs::metadata(&path).unwrap();
                assert_eq!(
                    (seen.exists, seen.mode, seen.size, seen.inode),
                    (true, 0o640, 5, meta.ino()),
                    "{shell}: {name:?}"
                );
                assert_eq!((seen.uid, seen.mtime, seen.nlink), (meta.uid(), meta.mtime(), 1));
                assert_eq!(seen.owner, "root");
                assert_eq!(seen.content.as_deref(), Some(b"text\n".as_slice()));
            }
            let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
            assert_eq!(names.len(), 8, "no temporary file is left");
        });
    }
}

#[test]
fn what_was_there_is_kept_checked_and_backed_up() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let path = dir.path().join("conf");
            std::fs::write(&path, "old").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
            std::os::unix::fs::chown(&path, Some(12), Some(13)).unwrap();
            let file =
                || WriteFile { backup: true, ..WriteFile::new(path.to_str().unwrap(), content("new")) };
            let absent = go(&remote, write_file_job(WriteFile { expect: Expect::Absent, ..file() })).await;
            assert_eq!(absent.rc, RC_CHANGED, "{shell}");
            let other = Expect::Sha1("0".repeat(40));
            let changed = go(&remote, write_file_job(WriteFile { expect: other, ..file() })).await;
            assert_eq!(changed.rc, RC_CHANGED, "{shell}");
            let refused =
                go(&remote, write_file_job(WriteFile { validate: Some("grep -q old %s".into()), ..file() }))
                    .await;
            assert_eq!(refused.rc, RC_INVALID, "{shell}: {}", refused.stderr_text());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
            // The SHA-1 of `old`.
            let same = Expect::Sha1(
                stat_of(
                    &go(
                        &remote,
                        stat_job(
                            [path.to_str().unwrap()],
                            &StatOptions { sha1: true, ..StatOptions::default() },
                        ),
                    )
                    .await,
                )
                .sha1
                .unwrap(),
            );
            let done = go(
                &remote,
                write_file_job(WriteFile { expect: same, validate: Some("grep -q new %s".into()), ..file() }),
            )
            .await;
            assert!(done.ok(), "{shell}: {}", done.stderr_text());
            let meta = std::fs::metadata(&path).unwrap();
            assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid()), (0o604, 12, 13), "{shell}");
            let copy = done.field(path.to_str().unwrap(), "backup_file").unwrap();
            assert_eq!(std::fs::read_to_string(copy).unwrap(), "old");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
            // However soon the next follows, each copy stays.
            for count in 3..6 {
                assert!(go(&remote, write_file_job(file())).await.ok(), "{shell}");
                assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), count, "{shell}");
            }
        });
    }
}

#[test]
fn links_directories_and_missing_folders() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
            std::fs::write(at("real"), "old").unwrap();
            symlink("real", at("link")).unwrap();
            symlink("nowhere", at("dangling")).unwrap();
            let followed = WriteFile { follow: true, ..WriteFile::new(at("link"), content("new")) };
            assert!(go(&remote, write_file_job(followed)).await.ok());
            assert_eq!(std::fs::read_to_string(at("real")).unwrap(), "new");
            assert!(std::fs::symlink_metadata(at("link")).unwrap().is_symlink());
            let no_folder = go(&remote, write_file_job(WriteFile::new(at("no/x"), content("")))).await;
            assert_eq!(no_folder.rc, RC_NO_DIRECTORY, "{shell}");
            assert_eq!(
                go(&remote, write_file_job(WriteFile::new(at(""), content("")))).await.rc,
                RC_IS_DIRECTORY
            );
            let plain = go(
                &remote,
                stat_job([at("link"), at("dangling"), at("gone"), at("")], &StatOptions::default()),
            )
            .await;
            let all = stats(&plain);
            let of = |name: &str| &all[at(name).as_bytes()];
            assert_eq!(
                (of("link").kind, of("link").target.as_deref()),
                (FileKind::Link, Some(b"real".as_slice())),
                "{shell}"
            );
            assert!(of("dangling").exists && !of("gone").exists, "{shell}");
            assert_eq!(of("").kind, FileKind::Directory);
            let follow = StatOptions { follow: true, ..StatOptions::default() };
            let all = stats(&go(&remote, stat_job([at("link"), at("dangling")], &follow)).await);
            assert_eq!(all[at("link").as_bytes()].kind, FileKind::File, "{shell}");
            assert!(!all[at("dangling").as_bytes()].exists, "{shell}");
        });
    }
}

#[test]
fn many_paths_at_once_are_told_as_each_alone() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
            for name in ["plain", "two words", "back\\slash", "-n", "$(id)", "empty"] {
                std::fs::write(at(name), if name == "empty" { "" } else { name }).unwrap();
            }
            symlink("plain", at("link")).unwrap();
            symlink("nowhere", at("dangling")).unwrap();
            let paths =
                ["empty", "gone", "link", "-n", "", "back\\slash", "dangling", "plain", "$(id)", "two words"];
            let mut paths: Vec<String> = paths.map(at).into();
            let full = StatOptions { sha1: true, sha256: true, content: Some(4), ..StatOptions::default() };
            let all = [full.clone(), StatOptions { follow: true, ..full }, StatOptions::default()];
            for round in 0..2 {
                let mut survey = Survey::default();
                let mixed = all.iter().map(|options| stat_job(&paths, options));
                let mixed: Vec<_> = mixed.map(|job| survey.add(&remote, &Become::No, job)).collect();
                survey.send();
                for (options, mixed) in all.iter().zip(mixed) {
                    let mut each = BTreeMap::new();
                    for path in &paths {
                        each.extend(stats(&go(&remote, stat_job([path], options)).await));
                    }
                    let together = go(&remote, stat_job(&paths, options)).await;
                    assert!(
                        together.ok() && together.stderr.is_empty(),
                        "{shell}: {}",
                        together.stderr_text()
                    );
                    let (mut together, mut mixed) = (stats(&together), stats(&mixed.await.unwrap()));
                    // Reading is what changes it.
                    let seen = each.values_mut().chain(together.values_mut()).chain(mixed.values_mut());
                    seen.for_each(|stat| stat.atime = 0);
                    assert_eq!(together, each, "{shell}: {options:?}");
                    assert_eq!(mixed, each, "{shell}: {options:?} beside others");
                    assert_eq!(each.len(), paths.len());
                }
                // With it no process can tell of all in lines.
                if round == 0 {
                    paths.push(at("new\nline"));
                    std::fs::write(at("new\nline"), "x").unwrap();
                }
            }
        });
    }
}

/// One process tells the sums of all files; which of them is whose must not depend on what became of the others.
#[test]
fn a_path_that_changes_during_the_look_takes_nothing_of_the_others() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
        for name in ["a", "b", "c", "d"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::fs::create_dir(at("bin")).unwrap();
        let sums = format!("#!/bin/sh\n/usr/bin/sha1sum \"$@\"\nrm {0}\nln -fs d {1}\n", at("a"), at("b"));
        std::fs::write(at("bin/sha1sum"), sums).unwrap();
        std::fs::set_permissions(at("bin/sha1sum"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let options = StatOptions { sha1: true, content: Some(9), ..StatOptions::default() };
        let mut job = stat_job(["a", "b", "c", "d"].map(at), &options);
        job.env.push(("PATH".into(), format!("{}:/usr/bin:/bin", at("bin")).into_bytes()));
        let seen = stats(&go(&local("/bin/sh"), job).await);
        for name in ["c", "d"] {
            let alone = stats(&go(&local("/bin/sh"), stat_job([at(name)], &options)).await);
            let (seen, alone) = (&seen[at(name).as_bytes()], &alone[at(name).as_bytes()]);
            assert_eq!((&seen.sha1, &seen.content), (&alone.sha1, &alone.content), "{name}");
            assert_eq!(seen.content.as_deref(), Some(name.as_bytes()));
        }
        for name in ["a", "b"] {
            assert_eq!(seen[at(name).as_bytes()].sha1, None, "{name} is no file any more");
        }
    });
}

/// More paths than one process is asked about.
#[test]
fn hundreds_of_paths_are_told_in_their_order() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let path = |number: usize| dir.path().join(format!("{number} x")).to_str().unwrap().to_string();
            // Every seventh is missing, and the last list is not full.
            for number in (0..200).filter(|number| number % 7 != 0) {
                std::fs::write(path(number), number.to_string()).unwrap();
            }
            let options = StatOptions { sha256: true, content: Some(9), ..StatOptions::default() };
            let seen = stats(&go(&local(&shell), stat_job((0..200).map(path), &options)).await);
            assert_eq!(seen.len(), 200, "{shell}");
            for number in 0..200 {
                let stat = &seen[path(number).as_bytes()];
                let text = (number % 7 != 0).then(|| number.to_string());
                assert_eq!(stat.content.as_deref(), text.as_ref().map(|t| t.as_bytes()), "{shell}: {number}");
                let sum =
                    text.map(|text| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect());
                assert_eq!(stat.sha256, sum, "{shell}: {number}");
            }
        });
    }
}

#[test]
fn a_leading_tilde_is_the_home_of_the_user() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let remote = local(&shell);
            let at_home = |mut job: Job| {
                job.env.push(("HOME".into(), dir.path().as_os_str().as_encoded_bytes().to_vec()));
                job
            };
            let done = go(&remote, at_home(write_file_job(WriteFile::new("~/x y", content("text"))))).await;
            assert!(done.ok(), "{shell}: {}", done.stderr_text());
            assert_eq!(
                done.field("~/x y", "written").as_deref(),
                Some("1"),
                "{shell}: the path as it was given"
            );
            assert_eq!(std::fs::read_to_string(dir.path().join("x y")).unwrap(), "text", "{shell}");
            let all =
                stats(&go(&remote, at_home(stat_job(["~", "~/x y", "~x"], &StatOptions::default()))).await);
            assert_eq!(all[b"~".as_slice()].kind, FileKind::Directory, "{shell}");
            assert_eq!((all[b"~/x y".as_slice()].size, all[b"~x".as_slice()].exists), (4, false), "{shell}");
            let names = ["~root", "~root/", "~daemon", "~$(touch x)", "~-", "~root;x"];
            let all = stats(&go(&remote, stat_job(names, &StatOptions::default())).await);
            let there = names.map(|n| all[n.as_bytes()].exists);
            assert_eq!(there, [true, true, true, false, false, false], "{shell}: homes of others");
        });
    }
}

#[test]
fn texts_read_at_once_are_told_as_each_alone() {
    use crate::modules::text::{TextFile, read_text, text_file};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::create_dir(at("folder")).unwrap();
    for (name, mode) in [("a", 0o640), ("folder/b", 0o600), ("new\nline", 0o604), ("last", 0o755)] {
        std::fs::write(at(name), format!("{name}\n\n")).unwrap();
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("folder", at("link")).unwrap();
    let names = ["a", "gone", "nowhere/x", "folder/b", "new\nline", "link/b", "a", "link/none", "last"];
    let paths: Vec<String> = names.iter().map(|name| at(name)).chain(["~root/.none".into()]).collect();
    let file = |output: &Output, path: &str| text_file(output, path).unwrap();
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let together = go(&remote, read_text(&paths)).await;
            for path in &paths {
                let alone = go(&remote, read_text([path])).await;
                assert_eq!(file(&together, path), file(&alone, path), "{shell}: {path:?}");
            }
            let last = file(&together, &at("last"));
            let expected = TextFile {
                path: at("last"),
                exists: true,
                dir: true,
                content: "last\n\n".into(),
                mode: "755".into(),
                owner: "root".into(),
                group: "root".into(),
            };
            assert_eq!(last, expected, "{shell}");
            assert!(!file(&together, &at("nowhere/x")).dir, "{shell}");
            assert_eq!(file(&together, "~root/.none").path, "/root/.none", "{shell}");
        });
    }
}

/// Short texts are read by the shell itself, which has its own ideas of some bytes.
#[test]
fn a_text_is_told_byte_for_byte() {
    let bytes = (1..=255u8).collect::<Vec<_>>();
    let pairs = bytes.iter().flat_map(|b| [*b, 0x81, *b, b'\\', *b, b'\n']).collect::<Vec<_>>();
    let mut texts: Vec<Vec<u8>> =
        vec![bytes.repeat(3), b"\n\n".to_vec(), b" a \t\n  b ".to_vec(), b"a\\\nb\\".to_vec()];
    texts.extend([
        vec![b'x'; 1999],
        vec![b'\n'; 2000],
        vec![b'\n'; 2001],
        b"line\n".repeat(500),
        vec![b'y'; 3000],
    ]);
    texts.extend(pairs.chunks(600).map(<[u8]>::to_vec));
    let tell =
        Script::for_each("t", "for item do text_of \"$item\" && emit \"$item\" text \"$content\"; done; :");
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let at = |number: usize| dir.path().join(number.to_string()).to_str().unwrap().to_string();
            texts.iter().enumerate().for_each(|(number, text)| std::fs::write(at(number), text).unwrap());
            let remote = local(&shell);
            let told = go(&remote, Job::new(&tell).args((0..texts.len()).map(at))).await;
            let options = StatOptions { content: Some(9999), ..StatOptions::default() };
            let seen = stats(&go(&remote, stat_job((0..texts.len()).map(at), &options)).await);
            for (number, text) in texts.iter().enumerate() {
                let value = told.records().find(|(item, _, _)| *item == at(number).as_bytes()).unwrap().2;
                assert_eq!(value, text.as_slice(), "{shell}: text {number}");
                assert_eq!(
                    seen[at(number).as_bytes()].content.as_ref(),
                    Some(text),
                    "{shell}: content {number}"
                );
            }
            // Files of the kernel's are as long as what is read of them; what is no file is told as such.
            let more =
                go(&remote, Job::new(&tell).args(["/proc/sys/kernel/ostype", "/etc", "/nowhere"])).await;
            assert_eq!(more.field("/proc/sys/kernel/ostype", "text").as_deref(), Some("Linux\n"), "{shell}");
            assert_eq!(more.records().count(), 1, "{shell}: {}", more.stderr_text());
        });
    }
}

/// A NUL is no text: what has one comes another way.
#[test]
fn bytes_that_are_no_text_arrive() {
    for shell in shells() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("bytes").to_str().unwrap().to_string();
            let bytes = b"a\0b\n\0".to_vec();
            std::fs::write(&path, &bytes).unwrap();
            let options = StatOptions { content: Some(9), ..StatOptions::default() };
            let seen = stats(&go(&local(&shell), stat_job([&path], &options)).await);
            assert_eq!(seen[path.as_bytes()].content, Some(bytes), "{shell}");
        });
    }
}
