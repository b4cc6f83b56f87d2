use super::*;
use crate::modules::bytes;
use crate::remote::Script;
use crate::remote::files::{StatOptions, WriteFile, stat_job, stats, write_file_job};

fn options() -> StatOptions {
    StatOptions { follow: true, sha1: true, content: Some(1000), ..StatOptions::default() }
}

fn absent(paths: &[&str]) -> Output {
    let mut output = Output::done(0, "", "");
    paths.iter().for_each(|p| record(&mut output, p, "exists", b"0"));
    output
}

#[test]
fn a_file_that_will_be_written_is_seen_with_its_content_and_its_folders() {
    let mut forecast = Forecast::default();
    let file = WriteFile { mode: Some("0600".into()), ..WriteFile::new("/srv/app//x.conf", bytes("hello")) };
    forecast.learn(&[write_file_job(file)], Vec::new());
    let paths = ["/srv/app/x.conf", "/srv/app", "/srv/other"];
    let mut output = absent(&paths);
    assert!(forecast.amend(&stat_job(paths, &options()), &mut output));
    let seen = stats(&output);
    let file = &seen[paths[0].as_bytes()];
    assert_eq!(
        (file.exists, file.mode, file.size, file.content.as_deref()),
        (true, 0o600, 5, Some(&b"hello"[..]))
    );
    assert_eq!(file.sha1.as_deref(), Some("aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"));
    assert_eq!(seen[paths[1].as_bytes()].kind, crate::remote::files::FileKind::Directory);
    assert!(!seen[paths[2].as_bytes()].exists);
}

#[test]
fn what_will_be_removed_is_gone_with_all_below_it() {
    let mut forecast = Forecast::default();
    let script = Script::new("kit.remove", "");
    forecast.learn(&[Job::new(&script).args(["/srv/app"])], Vec::new());
    let mut output = Output::done(0, "", "");
    record(&mut output, "/srv/app/x", "exists", b"1");
    record(&mut output, "/srv/app/x", "stat", b"81a4\n0\n0\n5\n1\n1\n1\n1\n1\n1\nroot\nroot");
    assert!(forecast.amend(&stat_job(["/srv/app/x"], &options()), &mut output));
    assert!(!stats(&output)["/srv/app/x".as_bytes()].exists);
}

#[test]
fn the_home_of_a_planned_user_is_known_to_who_reads_a_file_in_it() {
    let mut forecast = Forecast::default();
    let user: Map = [("home".into(), "/home/bob".into())].into_iter().collect();
    forecast.learn(&[], vec![("user:bob".into(), Some(user)), ("file:/home/bob".into(), Some(Map::new()))]);
    let mut output = Output::done(0, "", "");
    let item = "~bob/.ssh/authorized_keys";
    record(&mut output, item, "user", b"");
    assert!(forecast.amend(&crate::modules::text::read_text([item]), &mut output));
    let file = crate::modules::text::text_file(&output, item).unwrap();
    assert_eq!((file.path.as_str(), file.exists), ("/home/bob/.ssh/authorized_keys", false));
}

#[test]
fn a_text_that_is_edited_keeps_its_owner_and_mode() {
    let mut forecast = Forecast::default();
    forecast.learn(&[write_file_job(WriteFile::new("/etc/hosts", bytes("new\n")))], Vec::new());
    let mut output = Output::done(0, "", "");
    for (key, value) in [("dir", "755 0 0"), ("exists", "1"), ("stat", "640 root adm"), ("content", "old\n")]
    {
        record(&mut output, "/etc/hosts", key, value.as_bytes());
    }
    assert!(forecast.amend(&crate::modules::text::read_text(["/etc/hosts"]), &mut output));
    let file = crate::modules::text::text_file(&output, "/etc/hosts").unwrap();
    assert_eq!(
        (file.content.as_str(), file.mode.as_str(), file.owner.as_str(), file.group.as_str()),
        ("new\n", "640", "root", "adm")
    );
}

#[test]
fn a_file_that_is_rewritten_keeps_its_labels() {
    let mut forecast = Forecast::default();
    forecast.learn(&[write_file_job(WriteFile::new("/etc/hosts", bytes("new\n")))], Vec::new());
    let mut output = Output::done(0, "", "");
    let found = [
        ("exists", "1"),
        ("stat", "81a4\n0\n0\n4\n1\n1\n1\n1\n1\n1\nroot\nroot"),
        ("context", "system_u:object_r:net_conf_t:s0"),
        ("flags", "----i---e---"),
    ];
    found.iter().for_each(|(key, value)| record(&mut output, "/etc/hosts", key, value.as_bytes()));
    let options = StatOptions { labels: true, ..options() };
    assert!(forecast.amend(&stat_job(["/etc/hosts"], &options), &mut output));
    let file = &stats(&output)["/etc/hosts".as_bytes()];
    assert_eq!(file.content.as_deref(), Some(&b"new\n"[..]));
    assert_eq!(file.context.as_deref(), Some("system_u:object_r:net_conf_t:s0"));
    assert_eq!(file.flags.as_deref(), Some("ie"));
}

#[test]
fn a_package_brings_the_folder_of_a_file_and_not_the_file_as_a_folder() {
    let mut forecast = Forecast::default();
    forecast.learn(&[], vec![("package:fail2ban".into(), Some(Map::new()))]);
    let (folder, file, inside) =
        ("/etc/fail2ban", "/etc/fail2ban/jail.local", "/etc/fail2ban/jail.local/jail.local.j2");
    let foreseen = |paths: [&str; 2], asked: &str| {
        let mut output = absent(&paths);
        forecast.amend(&stat_job(paths, &options()), &mut output);
        stats(&output).remove(asked.as_bytes()).unwrap_or_default()
    };
    assert_eq!(foreseen([file, folder], folder).kind, crate::remote::files::FileKind::Directory);
    assert!(!foreseen([file, inside], file).exists);
}

#[test]
fn packages_are_known_by_parts_of_their_names() {
    let mut forecast = Forecast::default();
    forecast.learn(
        &[],
        vec![("package:openssh-server".into(), Some(Map::new())), ("package:nginx".into(), None)],
    );
    assert!(forecast.package_like("server") && forecast.package_like("openssh"));
    assert!(!forecast.package_like("nginx") && !forecast.package_like("open"));
}
