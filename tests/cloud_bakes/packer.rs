//! Templates of Packer's, baked: what their steps see, and what is written when a build is over.

use super::*;

fn builder(name: &str) -> Value {
    json!({"type": "amazon-ebs", "name": name, "region": "us-east-1", "source_ami": DEBIAN,
        "instance_type": "t3.micro", "ssh_username": "root", "ssh_host": "192.0.2.9", "ssh_timeout": "1s",
        "temporary_security_group_source_cidrs": "192.0.2.7/32", "ami_name": format!("x-{name}-{{{{timestamp}}}}"),
        "ami_regions": "", "security_group_ids": ""})
}

fn template(world: &World, template: &Value, more: &[&str]) -> Seen {
    world.place.write("t.json", &template.to_string());
    let mut command = world.command(&[&["bake", "t.json"], more].concat());
    command.env("PATH", world.place.stubs());
    seen(command)
}

fn read(world: &World, name: &str) -> Option<String> {
    std::fs::read_to_string(world.place.path().join(name)).ok()
}

#[test]
fn each_build_runs_its_own_steps_and_each_manifest_is_written() {
    let world = world();
    let log = "echo {{build_name}} $PACKER_BUILD_NAME $PACKER_BUILDER_TYPE ${PACKER_HTTP_ADDR-unset} >>log";
    let known =
        json!({"id": "{{build `SourceAMI`}}", "name": "{{build `SourceAMIName`}}", "who": "{{build_name}}"});
    let manifest = |output: &str| json!({"type": "manifest", "output": output, "custom_data": known});
    let mut last = manifest("only-b.json");
    last["only"] = json!(["b"]);
    let all = json!({"builders": [builder("a"), builder("b")],
        "provisioners": [{"type": "shell-local", "inline": [log]}],
        "post-processors": [manifest("one.json"), [manifest("two.json")], last]});
    template(&world, &all, &[]).is(0, &["us-east-1:ami-"]);
    let mut lines: Vec<String> = read(&world, "log").unwrap().lines().map(str::to_string).collect();
    lines.sort();
    assert_eq!(lines, ["a a amazon-ebs ", "b b amazon-ebs "].map(str::trim_end));
    let names = |file: &str| {
        let json: Value = serde_json::from_str(&read(&world, file).unwrap()).unwrap();
        let builds = json["builds"].as_array().unwrap().clone();
        for build in &builds {
            let data = &build["custom_data"];
            assert_eq!((&data["id"], &data["who"]), (&json!(DEBIAN), &build["name"]), "{build}");
            assert!(data["name"].as_str().unwrap().contains("debian"), "{build}");
            assert_eq!(build["packer_run_uuid"], json["last_run_uuid"]);
        }
        let mut names: Vec<String> = builds.iter().map(|b| b["name"].as_str().unwrap().to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(
        [names("one.json"), names("two.json"), names("only-b.json")],
        [vec!["a", "b"], vec!["a", "b"], vec!["b"]]
    );
}

#[test]
fn a_build_that_fails_is_in_no_manifest() {
    let world = world();
    let fails = json!({"type": "shell-local", "inline": ["exit 3"], "only": ["a"]});
    let mut all = json!({"builders": [builder("a")], "provisioners": [fails],
        "post-processors": [{"type": "manifest", "output": "m.json"}]});
    template(&world, &all, &[]).is(1, &["bake: provisioning: "]);
    assert_eq!(read(&world, "m.json"), None);
    all["builders"] = json!([builder("a"), builder("b")]);
    template(&world, &all, &[]).is(1, &["us-east-1:ami-"]);
    let json: Value = serde_json::from_str(&read(&world, "m.json").unwrap()).unwrap();
    assert_eq!((json["builds"].as_array().unwrap().len(), &json["builds"][0]["name"]), (1, &json!("b")));
}

/// What ansible-local uploads is found where it would be; and a second bake is the same one.
#[test]
fn what_ansible_local_uploads_is_beside_the_playbook() {
    let world = world();
    let place = &world.place;
    place.write("dir/roles/r/tasks/main.yml", "- assert: {that: [of_group == 'group', of_host == 'host']}\n");
    place.write("dir/vars/more.yml", "more: there\n");
    place.write("more/roles/extra/tasks/main.yml", "- assert: {that: \"more == 'there'\"}\n");
    place.write("vars/of_groups/all.yml", "of_group: group\n");
    place.write("vars/of_hosts/127.0.0.1.yml", "of_host: host\n");
    place.write("more/books/x/tasks.yml", "- assert: {that: packer_build_name == 'a'}\n");
    place.write(
        "elsewhere/node.yml",
        "- hosts: all\n  gather_facts: false\n  vars_files: [vars/more.yml]\n  roles: [r, extra]\n  tasks:\n    \
         - include_tasks: playbooks/x/tasks.yml\n    - assert: {that: \"packer_builder_type == 'amazon-ebs'\"}\n",
    );
    let step = json!({"type": "ansible-local", "playbook_file": "elsewhere/node.yml", "playbook_dir": "dir",
        "group_vars": "vars/of_groups", "host_vars": "vars/of_hosts", "role_paths": ["more/roles/extra"],
        "playbook_paths": ["more/books/x"]});
    let all = json!({"builders": [builder("a")], "provisioners": [step]});
    let there = "is there; nothing that goes into it has changed";
    let first = template(&world, &all, &[]);
    first.is(0, &["us-east-1:ami-"]);
    assert!(!first.all().contains(there));
    template(&world, &all, &[]).is(0, &[there]);
    place.write("vars/of_groups/all.yml", "of_group: another\n");
    let broken = template(&world, &all, &[]);
    broken.is(1, &["bake: provisioning: ", "dir/roles/r/tasks/main.yml:1"]);
    // Nothing is written into the user's folders.
    let files = |folder: &str| std::fs::read_dir(place.path().join(folder)).unwrap().count();
    assert_eq!(["dir", "dir/roles", "vars/of_hosts"].map(files), [2, 1, 1]);
    let own = |e: &std::fs::DirEntry| e.file_name().to_string_lossy().starts_with("fitout-packer-");
    let left = std::fs::read_dir(world.temporary()).unwrap().filter_map(Result::ok).filter(own).count();
    assert_eq!(left, 0);
}

/// A folder as `packer build .` takes it, with several builds, of which one is chosen by its name.
#[test]
fn a_folder_has_several_builds() {
    let world = world();
    let options: String =
        builder("a").as_object().unwrap().iter().fold(String::new(), |text, (name, value)| {
            if ["type", "name"].contains(&name.as_str()) {
                text
            } else {
                // Of two that are made at once each has a name of its own.
                format!("{text}  {name} = {value}\n").replace("timestamp", "uuid")
            }
        });
    world.place.write("f/source.pkr.hcl", &format!("source \"amazon-ebs\" \"a\" {{\n{options}}}\n"));
    let log = "echo ${build.name} ${source.name} >>log";
    let build = |name: &str| {
        format!(
            "build {{\n  name = \"{name}\"\n  sources = [\"source.amazon-ebs.a\"]\n  provisioner \"shell-local\" {{\n    \
             inline = [\"{log}\"]\n  }}\n}}\n"
        )
    };
    world.place.write("f/builds.pkr.hcl", &(build("one") + &build("two")));
    let mut command = world.command(&["bake", "./f/../f", "-only=two.*"]);
    command.env("PATH", world.place.stubs());
    seen(command).is(0, &["us-east-1:ami-"]);
    assert_eq!(read(&world, "log").as_deref(), Some("two a\n"));

    // In Packer's lines each build is called as Packer calls it, with its block's name where that has one.
    let lines = |args: &[&str], code: i32| {
        let mut command = world.command(&[&["bake", "-machine-readable", "-force"], args].concat());
        command.env("PATH", world.place.stubs());
        let ended = seen(command);
        ended.is(code, &[]);
        ended.out
    };
    let targets = |out: &str| -> BTreeSet<String> {
        let targets = out.lines().map(|line| line.split(',').nth(1).unwrap().to_string());
        targets.filter(|target| !target.is_empty()).collect()
    };
    let out = lines(&["f"], 0);
    let both = ["one.amazon-ebs.a", "two.amazon-ebs.a"];
    assert_eq!(targets(&out), both.map(str::to_string).into());
    for name in both {
        let ends = |end: &str| out.lines().any(|line| line.ends_with(end));
        assert!(ends(&format!(",,ui,say,==> {name}: instance")), "{out}");
        assert!(ends(&format!(",{name},artifact,0,end")), "{out}");
        assert!(out.contains(&format!(",,ui,say,--> {name}: AMIs were created:\\nus-east-1: ami-")), "{out}");
    }
    let unnamed = build("one").replace("  name = \"one\"\n", "").replace("${build.name} ", "");
    world.place.write("f/builds.pkr.hcl", &unnamed.replace(">>log", ">>log; exit 3"));
    let out = lines(&["f"], 1);
    assert_eq!(targets(&out), [String::from("amazon-ebs.a")].into());
    assert!(out.contains(",amazon-ebs.a,error,bake: provisioning: "), "{out}");
    assert!(out.contains(",,error-count,1\n") && !out.contains("artifact"), "{out}");
}
