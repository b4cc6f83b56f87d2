//! Archives that git makes, of a repository on this machine.

use super::*;

#[tokio::test]
async fn git_fetches_a_refspec_with_the_first_clone_and_tells_why_it_cannot() {
    let host = Host::new();
    let sh = |text: &str| {
        let mut command = std::process::Command::new("sh");
        let done = command.args(["-ec", text]).current_dir(host.folder.path()).output().unwrap();
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let commit = "git -C o -c user.email=a@b -c user.name=a commit -q --allow-empty";
    sh(&format!(
        "git init -q -b main o; {commit} -m one; git -C o update-ref refs/changes/1 HEAD; {commit} -m two"
    ));
    let refspec = r#"refspec: "+refs/changes/*:refs/remotes/origin/changes/*""#;
    let git = |rest: &str| format!(r#"{{repo: "@/o", dest: "@/c", version: main, {rest}}}"#);
    host.converges("git", &git(refspec)).await;
    let first = sh("git -C o rev-parse main~1");
    assert_eq!(sh("git -C c rev-parse origin/changes/1"), first);
    sh(&format!("{commit} -m three"));
    let failed = host.run("git", &git("refspec: refs/none")).await.unwrap_err();
    assert!(failed.message.contains("refs/none"), "{}", failed.message);
}

#[tokio::test]
async fn git_archives_what_is_checked_out() {
    let host = Host::new();
    let sh = |text: &str| {
        let done = std::process::Command::new("sh")
            .args(["-ec", text])
            .current_dir(host.folder.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let commit = "git -C o -c user.email=a@b -c user.name=a commit -q --allow-empty";
    sh(&format!(
        "git init -q -b main o; printf '1\\n' >'o/x  y'; ln -s x o/l; git -C o add .; {commit} -m one; git -C o tag v1"
    ));
    let git = |rest: &str| format!(r#"{{repo: "@/o", dest: "@/c", version: main, {rest}}}"#);
    let mut formats = vec!["zip", "tar", "tar.gz", "tgz", "gz"];
    for (tool, format) in [("bzip2", "tar.bz2"), ("xz", "txz")] {
        if !sh(&format!("command -v {tool} || :")).is_empty() {
            formats.push(format);
        }
    }
    for format in formats {
        let one = git(&format!(r#"archive: "@/a.{format}", archive_prefix: "p q/""#));
        let result = host.converges("git", &one).await;
        assert_eq!(result.str("archive"), host.path(&format!("a.{format}")));
        // Another commit with the same files.
        sh(&format!("{commit} -m again; touch -d 2001-01-01 a.{format}"));
        host.converges("git", &one).await;
        assert_eq!(
            sh(&format!("stat -c %y a.{format} | cut -c 1-4")),
            "2001\n",
            "{format} was written again"
        );
    }
    assert_eq!(sh("tar -tzf a.tgz"), "p q/\np q/l\np q/x  y\n");
    assert_eq!((sh("tar -xOf a.tar 'p q/x  y'"), host.mode("a.tar")), ("1\n".into(), 0o644));
    sh(
        "gzip -t a.tar.gz; chmod 600 a.tar; mkdir z; python3 -m zipfile -e a.zip z; cmp 'o/x  y' 'z/p q/x  y'",
    );
    // One byte of the same size, a mode, a damaged file.
    let tar = git(r#"archive: "@/a.tar""#);
    host.converges("git", &tar).await;
    assert_eq!((sh("tar -tf a.tar"), host.mode("a.tar")), ("l\nx  y\n".into(), 0o600));
    for edit in ["printf '2\\n' >'o/x  y'", "chmod +x 'o/x  y'"] {
        sh(&format!("{edit}; git -C o add .; {commit} -m two"));
        host.converges("git", &git("")).await;
        let (changed, result) = host.run("git", &tar).await.unwrap();
        assert!(changed && result.str("before") == result.str("after"), "{edit}: {result:?}");
        host.settled("git", &tar).await;
    }
    let gz = git(r#"archive: "@/a.gz""#);
    host.converges("git", &gz).await;
    sh("printf x | dd of=a.gz bs=1 seek=30 conv=notrunc 2>/dev/null");
    host.converges("git", &gz).await;
    // A bare repository: of the version, not of HEAD.
    let bare = r#"{repo: "@/o", dest: "@/b.git", bare: true, version: v1, archive: "@/b.tar"}"#;
    host.converges("git", bare).await;
    assert_eq!(sh("tar -xOf b.tar 'x  y'"), "1\n");
    let failed = host.run("git", &git(r#"archive: "@/none/a.tar""#)).await.unwrap_err();
    assert!(failed.message.contains("there is no folder"), "{}", failed.message);
    assert_eq!(
        sh("ls -A | grep -v '^a[.]' | tr '\\n' ' '"),
        "b.git b.tar c local o z ",
        "nothing is left behind"
    );
}
