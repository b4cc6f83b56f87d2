//! Modes, owners, links and whole trees of files, on a real file system.

use super::*;

#[tokio::test]
async fn edits_that_fail_tell_why() {
    let host = Host::new();
    for (module, rest) in [
        ("lineinfile", "line: a"),
        ("blockinfile", "block: a"),
        ("replace", "regexp: a"),
        ("ini_file", "section: s, create: false"),
    ] {
        let failed = host.run(module, &format!(r#"{{path: "@/none", {rest}}}"#)).await.unwrap_err();
        assert_eq!(failed.result.opt_int("rc"), Some(257), "{module}: {}", failed.message);
    }
    std::fs::write(host.path("x"), "a\n").unwrap();
    let (_, result) = host.run("replace", r#"{path: "@/x", regexp: a, replace: b}"#).await.unwrap();
    assert_eq!(result.opt_int("rc"), Some(0));
    let refused = r#"{path: "@/x", line: c, validate: "grep -q never %s"}"#;
    let failed = host.run("lineinfile", refused).await.unwrap_err();
    assert!(failed.message.starts_with("failed to validate"), "{}", failed.message);
    assert_eq!(failed.result.get("msg"), None, "what would have been told");
}

#[tokio::test]
async fn set_id_bits_of_folders_are_set_and_cleared() {
    let host = Host::new();
    for mode in ["2755", "0755", "1777", "0750"] {
        let yaml = format!(r#"{{path: "@/d", state: directory, mode: "{mode}"}}"#);
        let result = host.converges("file", &yaml).await;
        let told = if mode.starts_with('0') { mode.to_string() } else { format!("0{mode}") };
        assert_eq!(result.str("mode"), told);
    }
    host.converges("file", r#"{path: "@/d", mode: "2755"}"#).await;
    host.converges("file", r#"{path: "@/d/below", state: directory, mode: "0755"}"#).await;
    host.converges("file", r#"{path: "@/d", state: directory, recurse: true, mode: "0700"}"#).await;
    assert_eq!((host.mode("d"), host.mode("d/below")), (0o700, 0o700));
}

#[tokio::test]
async fn attributes_are_those_of_what_links_lead_to() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let host = Host::new();
    for folder in ["d/e", "out/in"] {
        std::fs::create_dir_all(host.path(folder)).unwrap();
    }
    for file in ["d/e/x", "one", "out/in/y", "two"] {
        std::fs::write(host.path(file), "").unwrap();
    }
    for (target, link) in [("d", "l"), ("../one", "d/f"), ("../out", "d/o"), ("nowhere", "d/n"), ("two", "t")]
    {
        symlink(target, host.path(link)).unwrap();
    }
    host.converges("file", r#"{path: "@/l", state: directory, recurse: true, mode: "0710"}"#).await;
    let all = ["d", "d/e", "d/e/x", "one", "out", "out/in", "out/in/y"];
    assert_eq!(all.map(|name| host.mode(name)), [0o710; 7]);
    let own = r#"{path: "@/d", state: directory, recurse: true, mode: "0700", follow: false}"#;
    host.converges("file", own).await;
    assert_eq!(["d/e/x", "one", "out/in/y"].map(|name| host.mode(name)), [0o700, 0o710, 0o710]);
    host.converges("file", r#"{path: "@/t", src: two, state: link, mode: "0604"}"#).await;
    host.converges("file", r#"{path: "@/new", src: two, state: link, mode: "0640"}"#).await;
    assert_eq!(host.mode("two"), 0o640);
    if std::fs::metadata(host.path("d")).unwrap().uid() != 0 {
        return;
    }
    let groups = |name: &str| {
        let path = host.path(name);
        (std::fs::symlink_metadata(&path).unwrap().gid(), std::fs::metadata(&path).unwrap().gid())
    };
    host.converges("file", r#"{path: "@/t", state: link, group: "12345"}"#).await;
    assert_eq!(groups("t"), (0, 12345));
    host.converges("file", r#"{path: "@/t", state: link, group: "12346", follow: false}"#).await;
    assert_eq!(groups("t"), (12346, 12345));
    host.converges("file", r#"{path: "@/l", state: directory, recurse: true, group: "12345"}"#).await;
    assert_eq!(
        (groups("l"), groups("d/f"), groups("out/in/y")),
        ((0, 12345), (12345, 12345), (12345, 12345))
    );
}

#[tokio::test]
async fn hard_links_give_way_and_take_place_as_ln_has_it() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let host = Host::new();
    std::fs::create_dir_all(host.path("d/full")).unwrap();
    for file in ["a", "b"] {
        std::fs::write(host.path(file), file).unwrap();
    }
    let inode = |name: &str| std::fs::symlink_metadata(host.path(name)).unwrap().ino();
    symlink("b", host.path("l")).unwrap();
    host.converges("file", r#"{path: "@/l", src: "@/a", state: hard}"#).await;
    symlink("d", host.path("ld")).unwrap();
    host.converges("file", r#"{path: "@/d", src: "@/a", state: hard, force: true}"#).await;
    assert_eq!((inode("l"), inode("d/a")), (inode("a"), inode("a")));
    assert!(Path::new(&host.path("d/full")).is_dir());
    std::fs::create_dir(host.path("d/b")).unwrap();
    let failed =
        host.run("file", r#"{path: "@/d", src: "@/b", state: hard, force: true}"#).await.unwrap_err();
    assert!(failed.message.contains("Is a directory"), "{}", failed.message);
    host.converges("file", r#"{path: "@/l", state: hard, mode: "0604"}"#).await;
    let failed = host.run("file", r#"{path: "@/b", state: hard}"#).await.unwrap_err();
    assert_eq!(failed.message, "src is required for creating new hardlinks");
}

#[tokio::test]
async fn links_are_touched_as_what_they_lead_to() {
    let host = Host::new();
    std::os::unix::fs::symlink("nope", host.path("l")).unwrap();
    for follow in [true, false] {
        let yaml = format!(r#"{{path: "@/l", state: touch, follow: {follow}}}"#);
        let failed = host.run("file", &yaml).await.unwrap_err();
        assert!(failed.message.contains("modification or access time: [Errno 2]"), "{}", failed.message);
    }
    assert!(!Path::new(&host.path("nope")).exists());
    std::fs::write(host.path("nope"), "").unwrap();
    let times = "access_time: preserve, modification_time: '202401020304.05'";
    let result =
        host.converges("file", &format!(r#"{{path: "@/l", state: touch, follow: false, {times}}}"#)).await;
    assert_eq!(result.str("state"), "link");
}

#[tokio::test]
async fn a_tree_that_is_copied_on_the_host_keeps_its_modes() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let host = Host::new();
    std::fs::create_dir_all(host.path("s/sub")).unwrap();
    for (name, mode) in [("s/a", 0o600), ("s/sub/b", 0o755)] {
        std::fs::write(host.path(name), name).unwrap();
        std::fs::set_permissions(host.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    for (name, mode) in [("s", 0o750), ("s/sub", 0o700)] {
        std::fs::set_permissions(host.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let modes = |top: &str| ["", "/a", "/sub", "/sub/b"].map(|name| host.mode(&format!("{top}{name}")));
    host.converges("copy", r#"{src: "@/s/", dest: "@/t", remote_src: true, mode: preserve}"#).await;
    assert_eq!(modes("t"), [0o750, 0o600, 0o700, 0o755]);
    host.converges("copy", r#"{src: "@/s/", dest: "@/t", remote_src: true, mode: "0711"}"#).await;
    assert_eq!(modes("t"), [0o711, 0o600, 0o700, 0o755]);
    let into = r#"{src: "@/s", dest: "@/u/v/", remote_src: true, directory_mode: "0777"}"#;
    host.converges("copy", into).await;
    assert_eq!((host.mode("u"), host.mode("u/v"), modes("u/v/s")), (0o777, 0o777, modes("s")));
    if std::fs::metadata(host.path("t")).unwrap().uid() == 0 {
        std::fs::write(host.path("t/own"), "").unwrap();
        let owned = r#"{src: "@/s/", dest: "@/t", remote_src: true, owner: "12345", group: "12345"}"#;
        host.converges("copy", owned).await;
        let owner = |name: &str| std::fs::metadata(host.path(name)).unwrap().uid();
        assert_eq!(["t", "t/own", "t/sub/b"].map(owner), [12345; 3]);
    }
}
