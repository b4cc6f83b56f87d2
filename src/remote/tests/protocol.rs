//! Quoting, framing, chains, time limits and shells that die, with each shell there is.

use super::*;
use proptest::prelude::*;

fn script(text: &str) -> Arc<Script> {
    Script::new("test", text)
}

async fn sh(remote: &Arc<dyn Remote>, text: &str) -> Output {
    remote.submit(&Become::No, Job::new(&script(text))).await.unwrap()
}

#[test]
fn outputs_come_back_whole_and_in_order() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let texts = [
                "echo one; echo two >&2",
                "exit 7",
                "printf 'a\\0b\\377'",
                "no_such_command_x",
                "kill -9 $$x",
            ];
            let jobs: Vec<_> =
                texts.iter().map(|t| remote.submit(&Become::No, Job::new(&script(t)))).collect();
            let mut outputs = Vec::new();
            for job in jobs {
                outputs.push(job.await.unwrap());
            }
            assert_eq!(outputs[0], Output::done(0, "one\n", "two\n"), "{shell}");
            assert_eq!(outputs[1], Output::done(7, "", ""), "{shell}");
            assert_eq!(outputs[2].stdout, b"a\0b\xff", "{shell}");
            assert_eq!(outputs[3].rc, 127, "{shell}");
            assert_eq!(remote.round_trips(), 1, "{shell}");
            assert_eq!(sh(&remote, "echo x").await.stdout, b"x\n");
            assert_eq!(remote.round_trips(), 2, "{shell}");
        });
    }
}

#[test]
fn a_script_with_a_fault_harms_only_itself() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            for text in [
                "if then ((",
                "'",
                "}",
                "exit 3; }",
                "set -e; false; echo no",
                "exec 1>&- 2>&-",
                "set",
                "return 4",
            ] {
                sh(&remote, text).await;
                assert_eq!(sh(&remote, "echo next").await, Output::done(0, "next\n", ""), "{shell}: {text}");
            }
        });
    }
}

#[test]
fn the_surroundings_of_a_script_are_plain() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let seen = sh(&remote, "umask; echo $LC_ALL; cat; command -v sysctl >/dev/null; case $PATH in */sbin*) echo sbin;; esac").await;
            assert_eq!(String::from_utf8_lossy(&seen.stdout), "0022\nC\nsbin\n", "{shell}");
            let job = Job::new(&script("env; tr '\\0' '\\n' </proc/self/cmdline"))
                .var("secret", "hunter2")
                .var("home", "x");
            let seen = remote.submit(&Become::No, job.args(["hunter2"])).await.unwrap();
            assert!(!String::from_utf8_lossy(&seen.stdout).contains("hunter2"), "{shell}");
        });
    }
}

#[test]
fn a_broken_chain_skips_the_rest() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let job =
                |text: &str, chain| remote.submit(&Become::No, Job { chain, ..Job::new(&script(text)) });
            let jobs = [
                job("true", Some(1)),
                job("exit 9", Some(1)),
                job("echo no", Some(1)),
                job("echo yes", Some(2)),
                job("echo free", None),
            ];
            let mut seen = Vec::new();
            for job in jobs {
                let output = job.await.unwrap();
                seen.push((output.status, output.rc, String::from_utf8(output.stdout).unwrap()));
            }
            let want = [
                (Status::Done, 0, ""),
                (Status::Done, 9, ""),
                (Status::Skipped, 0, ""),
                (Status::Done, 0, "yes\n"),
                (Status::Done, 0, "free\n"),
            ];
            assert_eq!(seen, want.map(|(s, r, t)| (s, r, t.to_string())), "{shell}");
        });
    }
}

#[test]
fn a_job_past_its_time_is_ended_with_all_it_started() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let folder = tempfile::tempdir().unwrap();
            let told = folder.path().join("told");
            let slow = Job::new(&script(
                "trap 'echo TERM >\"$told\"; exit' TERM; sleep 987.5 & sleep 987.5; echo late",
            ))
            .var("secret", "hunter2")
            .var("told", told.to_str().unwrap())
            .timeout(Some(Duration::from_secs(3)));
            let slow = remote.submit(&Become::No, slow);
            let quick = remote
                .submit(&Become::No, Job::new(&script("echo quick")).timeout(Some(Duration::from_secs(60))));
            let slow = slow.await.unwrap();
            assert_eq!((slow.status, slow.stdout.as_slice()), (Status::TimedOut, b"".as_slice()), "{shell}");
            assert!(!slow.stderr_text().contains("hunter2"), "{shell} shows the job: {}", slow.stderr_text());
            assert_eq!(quick.await.unwrap(), Output::done(0, "quick\n", ""), "{shell}");
            assert_eq!(std::fs::read_to_string(&told).unwrap(), "TERM\n", "{shell}: TERM must do");
            let left = sh(&remote, "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null | grep '^sleep 987.5'").await;
            assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{shell}");
        });
    }
}

#[test]
fn a_job_deaf_to_term_is_killed() {
    run(async {
        let remote = local("/bin/sh");
        let deaf = Job::new(&script("trap '' TERM; while :; do sleep 0.1; done"))
            .timeout(Some(Duration::from_millis(100)));
        let output = remote.submit(&Become::No, deaf).await.unwrap();
        assert_eq!(output.status, Status::TimedOut);
        assert_eq!(sh(&remote, "echo alive").await.stdout, b"alive\n");
    });
}

#[test]
fn a_job_that_kills_its_shell_is_lost_and_the_next_finds_a_new_one() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let killed = remote.submit(&Become::No, Job::new(&script("kill -9 $$; sleep 1")));
            let behind = remote.submit(&Become::No, Job::new(&script("echo never")));
            assert!(matches!(killed.await, Err(RemoteError::Lost(_))), "{shell}");
            assert!(matches!(behind.await, Err(RemoteError::Lost(_))), "{shell}");
            assert_eq!(sh(&remote, "echo again").await.stdout, b"again\n", "{shell}");
        });
    }
}

#[test]
fn a_reset_ends_what_runs() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let job = remote.submit(&Become::No, Job::new(&script("sleep 876.5; echo done")));
            sh(&local(&shell), "until grep -qsz '^876[.]5$' /proc/[0-9]*/cmdline; do :; done").await;
            remote.reset().await;
            assert!(matches!(job.await, Err(RemoteError::Lost(_))), "{shell}");
            let left = sh(&remote, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 876[.]5'").await;
            assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{shell}");
        });
    }
}

#[test]
fn long_output_is_cut_and_long_input_streams() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            let long = sh(&remote, "head -c 104857600 /dev/zero; echo end >&2").await;
            assert_eq!(
                (long.stdout.len(), long.truncated, long.stderr.as_slice()),
                (job::OUTPUT_LIMIT, true, b"end\n".as_slice())
            );
            let content: Vec<u8> =
                (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let count = Job::new(&script("cat")).stdin(Content::Bytes(content.clone().into()));
            let output = remote.submit(&Become::No, count).await.unwrap();
            assert!(output.stdout == content, "{shell}: {} bytes", output.stdout.len());
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &content).unwrap();
            let count = Job::new(&script("wc -c")).stdin(Content::File(file.path().into()));
            let output = remote.submit(&Become::No, count).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "3000000", "{shell}");
        });
    }
}

#[test]
fn what_a_login_says_beside_large_content_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // What is asked of the shell on its command line is to fill a fifo.
    let login =
        |name: &str, filling: &str| program(&dir, name, &format!("[ \"$1\" = -c ] || exec sh\n{filling}"));
    let content = || Content::Bytes(vec![7; 3_000_000].into());
    let talks = login("talks", "sh \"$@\"; echo '^D' >&2");
    run(async {
        let remote = local(&talks);
        for text in ["cat | wc -c", "head -c 5 | wc -c; exec <&-; echo on"] {
            let output = remote.submit(&Become::No, Job::new(&script(text)).stdin(content())).await;
            let expected = if text.ends_with("on") { "5\non\n" } else { "3000000\n" };
            assert_eq!(String::from_utf8_lossy(&output.unwrap().stdout), expected, "{text}");
            // The shell lives on, also after the other has ended.
            assert_eq!(sh(&remote, "sleep 0.3; echo next").await.stdout, b"next\n", "{text}");
        }
    });
    let fails = login("fails", "echo no space >&2; exit 1");
    run(async {
        let job = Job::new(&script("cat")).stdin(content());
        let lost = local(&fails).submit(&Become::No, job).await;
        assert!(matches!(lost, Err(RemoteError::Lost(_))), "{lost:?}");
    });
}

#[test]
fn large_content_leaves_nothing_behind_once_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("tmp");
    std::fs::create_dir(&place).unwrap();
    let login = program(&dir, "login", &format!("TMPDIR={} exec sh \"$@\"", place.display()));
    let kept = || std::fs::read_dir(&place).unwrap().count();
    run(async {
        let remote = local(&login);
        let text = format!("cat >/dev/null; ls -A {}", place.display());
        let look = Job::new(&script(&text)).stdin(Content::Bytes(vec![7; 3_000_000].into()));
        let seen = remote.submit(&Become::No, look).await.unwrap();
        assert!(seen.stdout.starts_with(b".fitout-"), "{seen:?}");
        // The shell that took it is there still.
        sh(&remote, "true").await;
        assert_eq!(kept(), 0);
    });
}

#[test]
fn a_job_that_began_before_its_shell_was_heard_is_ended_too() {
    let dir = tempfile::tempdir().unwrap();
    let heard = dir.path().join("heard");
    // What it says is held back until the file is there.
    let text = format!(
        "[ \"$1\" != -c ] || exec sh \"$@\"\nsh | {{ until [ -e {0} ]; do :; done; exec cat; }}",
        heard.display()
    );
    let shell = program(&dir, "late", &text);
    let begun = dir.path().join("begun");
    run(async {
        let remote = local(&shell);
        let text = format!("sh -c 'echo $$ >{0}.new; mv {0}.new {0}; exec sleep 300'", begun.display());
        let job = Job::new(&script(&text));
        let running = remote.submit(&Become::No, job);
        while !begun.exists() {
            tokio::task::yield_now().await;
        }
        let reset = remote.reset();
        std::fs::write(&heard, "").unwrap();
        reset.await;
        assert!(matches!(running.await, Err(RemoteError::Lost(_))));
        let pid = std::fs::read_to_string(&begun).unwrap();
        let alive = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&alive).contains("300"), "it runs on");
    });
}

#[test]
fn content_that_looks_like_options_or_formats_is_content() {
    for shell in shells() {
        run(async {
            let remote = local(&shell);
            for text in ["-n", "--", "-", "%s%d", "\\n\\101", "a\0-b\0", "'", "\u{81}\u{88}", ""] {
                let job = Job::new(&script("cat")).stdin(Content::Bytes(text.as_bytes().into()));
                let output = remote.submit(&Become::No, job).await.unwrap();
                assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{shell}");
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn any_bytes_arrive_as_they_are(
        var in proptest::collection::vec(1u8.., 0..300),
        args in proptest::collection::vec(proptest::collection::vec(1u8.., 0..40), 0..6),
        stdin in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        for shell in shells() {
            let (var, args, stdin) = (var.clone(), args.clone(), stdin.clone());
            let output = run(async {
                let echo = script("printf '%s\\0' \"$value\" \"$#\" \"$@\"; cat");
                let job = Job::new(&echo).var("value", &var).args(&args).stdin(Content::Bytes(stdin.clone().into()));
                local(&shell).submit(&Become::No, job).await.unwrap()
            });
            let mut want = [var, vec![0]].concat();
            want.extend_from_slice(format!("{}\0", args.len()).as_bytes());
            args.iter().for_each(|a| { want.extend_from_slice(a); want.push(0) });
            // printf prints one empty word for no arguments at all; here there are always two.
            want.extend_from_slice(&stdin);
            prop_assert_eq!(output.stdout, want, "{}", shell);
        }
    }
}
