//! What a play says of the disk: how the root file system is made, what is taken out of it, and what is told of the result.

use super::*;

fn image(place: &Place, image: &str) {
    let formats = if image.contains("formats:") { "" } else { "formats: [tar], " };
    let image = format!("{{{formats}verify: false, {image}}}");
    let play = format!("- name: n\n  hosts: all\n  gather_facts: false\n  image: {image}\n  tasks: []\n");
    place.write("site.yml", &play);
}

/// Which of [`CLEANED`] are there with what they had, in the tarball that is made of `root.tar`.
fn left(place: &Place, more: &str) -> Vec<&'static str> {
    image(place, &format!("source: {{path: root.tar}}, {more}"));
    let ended = seen(bake(place, &[], &[]));
    ended.is(0, &[".tar"]);
    let tar = ended.out.lines().last().unwrap().to_string();
    let content = |name: &str| {
        let mut read = Command::new("tar");
        read.args(["-xOf", &tar, &format!("./{name}")]).current_dir(place.path());
        support::output(&mut read).stdout
    };
    let policy = Command::new("tar")
        .args(["-tf", &tar, "./usr/sbin/policy-rc.d"])
        .current_dir(place.path())
        .stderr(Stdio::null())
        .status();
    assert!(!policy.unwrap().success(), "{more}: the bake's own policy is in the image");
    CLEANED.into_iter().filter(|name| content(name) == b"of one machine\n").collect()
}

#[test]
fn what_is_to_stay_stays_and_no_cleaning_takes_nothing() {
    let place = place("tar");
    assert_eq!(left(&place, ""), [""; 0]);
    assert_eq!(left(&place, "clean: false"), CLEANED);
    let some =
        ["etc/ssh/ssh_host_rsa_key", "var/log/journal/1/system.journal", "var/log/auth.log", "var/log/wtmp"];
    assert_eq!(left(&place, "keep: [host_keys, logs]"), some);
    assert_eq!(left(&place, "keep: leases"), ["var/lib/dhcp/eth0.leases"]);
}

#[test]
fn the_manifest_has_the_time_of_each_step_and_the_sum_of_each_file() {
    let place = place("raw, tar");
    let ended = seen(bake(&place, &[], &[]));
    ended.is(0, &[".raw", ".tar"]);
    let base = ended.out.lines().find_map(|l| l.strip_suffix(".tar")).unwrap();
    let manifest = std::fs::read(place.path().join(format!("{base}.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let steps: Vec<&str> =
        manifest["timings"].as_array().unwrap().iter().map(|t| t[0].as_str().unwrap()).collect();
    for (step, _) in STEPS {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
    let seconds = manifest["timings"].as_array().unwrap().iter().map(|t| t[1].as_f64().unwrap());
    assert!(seconds.clone().all(|s| s >= 0.0) && seconds.sum::<f64>() > 0.0, "{}", manifest["timings"]);
    let artifacts = manifest["artifacts"].as_array().unwrap();
    assert_eq!(artifacts.len(), 2, "{artifacts:?}");
    for artifact in artifacts {
        let file =
            std::fs::read(place.path().join("images").join(artifact["file"].as_str().unwrap())).unwrap();
        let sum: String = Sha256::digest(&file).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((&artifact["sha256"], &artifact["bytes"]), (&sum.into(), &file.len().into()));
    }
}

/// What of `debootstrap:` reaches mmdebstrap; here it unpacks what is there already.
#[test]
fn a_system_is_made_of_the_suite_variant_and_packages_that_are_said() {
    let place = place("tar");
    let (log, tar) = (place.path().join("asked"), place.path().join("root.tar"));
    let made = format!(
        "*) echo \"$*\" >'{}'; for a; do case $a in /*/.bake-*) mkdir -p \"$a\"; tar -xf '{}' -C \"$a\" ;; esac; done ;;",
        log.display(),
        tar.display()
    );
    stub(&place, "mmdebstrap", &made);
    let asked = |more: &str| {
        image(&place, more);
        seen(bake(&place, &[], &[])).is(0, &["images/"]);
        std::fs::read_to_string(&log).unwrap()
    };
    let ends = |text: &str, wanted: &str| assert!(text.trim_end().ends_with(wanted), "{text}");
    let plain = asked("size: 1G");
    assert!(plain.contains("--variant=minbase ") && plain.contains(" bookworm /"), "{plain}");
    let all = asked(
        "packages: [less], source: {debootstrap: {suite: trixie, variant: apt, packages: [chrony, dbus], \
         mirror: 'http://mirror.example/debian'}}",
    );
    assert!(all.contains("--variant=apt ") && all.contains(" trixie /"), "{all}");
    ends(&all, " http://mirror.example/debian");
    let include = all.split("--include=").nth(1).unwrap().split(' ').next().unwrap();
    let packages: Vec<&str> = include.split(',').collect();
    for package in ["less", "chrony", "openssh-server", "systemd-sysv"] {
        assert!(packages.contains(&package), "{packages:?}");
    }
    assert_eq!(packages.iter().filter(|p| **p == "dbus").count(), 1);
    // For a tarball alone there is nothing that boots.
    assert!(!packages.iter().any(|p| p.starts_with("linux-image") || p.starts_with("grub")), "{packages:?}");
    let disk = asked("formats: [raw], size: 512M").replace(',', " ");
    assert!(disk.contains(" linux-image-cloud-amd64 ") && disk.contains(" grub-pc-bin "), "{disk}");
}
