//! The name of an image: the hash of all that goes into it.

use super::*;

#[test]
fn a_name_is_made_of_all_that_goes_in() {
    let place = place("tar");
    let name = |image: &str, tasks: &str, more: &[&str]| {
        let image = format!("{{formats: [tar], verify: false, source: {{path: root.tar}}, {image}}}");
        let play =
            format!("- name: n\n  hosts: all\n  gather_facts: false\n  image: {image}\n  tasks: [{tasks}]\n");
        place.write("site.yml", &play);
        let ended = seen(bake(&place, more, &[]));
        ended.is(0, &[]);
        (
            ended.out.lines().last().unwrap().to_string(),
            ended.err.contains("is there; nothing that goes into it"),
        )
    };
    place.write("files/motd", "one");
    let (first, found) = name("", "", &[]);
    assert_eq!((name("", "", &[]), found), ((first.clone(), true), false));
    let mut names = vec![first.clone(), name("", "", &["-e", "a=1"]).0, name("size: 1G", "", &[]).0];
    names.push(name("", "{debug: {msg: x}}", &[]).0);
    place.write("files/motd", "two");
    names.push(name("", "", &[]).0);
    place.write("files/motd", "one");
    assert_eq!(name("", "", &[]).0, first);
    let packed =
        Command::new("tar").args(["-cf", "root.tar", "-C", "root", "usr"]).current_dir(place.path()).status();
    assert!(packed.unwrap().success());
    names.push(name("", "", &[]).0);
    assert!(!name("", "", &["--force"]).1);
    // Its first part may be a template, over what the play and the command line say.
    let called = name("name: 'n-{{ kind }}'", "", &["-e", "kind=small"]).0;
    assert!(called.starts_with("images/n-small-"), "{called}");
    names.push(called);
    // What a task names elsewhere: a file by its place or a variable, a folder, permissions.
    place.write("aside/tree/deep/file", "one");
    place.write("aside/run.sh", "#!/bin/sh\n");
    let aside = place.path().join("aside");
    let tasks = format!(
        "{{copy: {{src: '{0}/tree', dest: /x}}, when: false}}, \
         {{script: \"'{{{{ there }}}}/run.sh' now\", when: false}}, {{copy: {{src: aside/gone, dest: /x}}, when: false}}",
        aside.display()
    );
    let there = format!("there={}", aside.display());
    let elsewhere = || name("", &tasks, &["-e", &there]);
    let with = elsewhere();
    assert_eq!(elsewhere(), (with.0.clone(), true));
    names.push(with.0);
    place.write("aside/tree/deep/file", "two");
    names.push(elsewhere().0);
    place.write("aside/run.sh", "#!/bin/sh\necho\n");
    names.push(elsewhere().0);
    std::fs::set_permissions(aside.join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o750))
        .unwrap();
    names.push(elsewhere().0);
    place.write("aside/gone", "come");
    names.push(elsewhere().0);
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}
