//! Two changes of one stack exclude each other, on one machine and over S3; what is left over is told and taken over.

#![allow(clippy::unwrap_used)]

mod support;

use rustix::process::Signal;
use serde_json::{Value as Json, json};
use std::process::Command;
use std::time::{Duration, Instant};
use support::cloud::World;
use support::cloud_proxy::Fault;
use support::place::{Running, Seen};

const PLAYBOOK: &str = "\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ec2_vpc_net: {name: web, cidr_block: 10.10.0.0/16}
      register: network
    - ec2_vpc_subnet: {vpc_id: '{{ network.vpc.id }}', cidr: 10.10.1.0/24}
";

const LOCK: &str = "/locks/team/site.lock";
const PLACE: &str = "s3://locks/team";
const PUT: &str = "PUT /locks/team/site.lock?x-id=PutObject";

/// A cloud with a bucket for locks.
fn world() -> World {
    let world = World::new(PLAYBOOK);
    assert_eq!(world.s3("PUT", "/locks", "").0, 200);
    world
}

/// The program in another folder with the same playbook, which is what another machine has.
fn elsewhere(world: &World, folder: &tempfile::TempDir, args: &[&str]) -> Command {
    std::fs::write(folder.path().join("site.yml"), PLAYBOOK).unwrap();
    let mut command = world.command(args);
    command.current_dir(folder.path()).env("FITOUT_LOCK", PLACE);
    command
}

fn ended(mut command: Command) -> Seen {
    Seen::of(&support::output(&mut command))
}

const APPLY: [&str; 3] = ["apply", "--yes", "site.yml"];

#[test]
fn two_applies_of_one_stack_exclude_each_other_from_any_folder() {
    let world = world();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    let first = Running::start(&mut elsewhere(&world, &one, &APPLY));
    world.proxy.wait_held();
    let second = ended(elsewhere(&world, &two, &APPLY));
    let plan = ended(elsewhere(&world, &two, &["plan", "site.yml"]));
    let unlock = ended(elsewhere(&world, &two, &["unlock", "site"]));
    world.proxy.release();
    let process = first.id();
    second.is(
        1,
        &[
            "the stack `site` is being changed by run ",
            &format!("(process {process}), for "),
            PLACE,
            "fitout unlock site",
        ],
    );
    assert!(
        second.all().contains(&format!("{process} of ")) || second.all().contains(" of "),
        "{}",
        second.all()
    );
    assert!(plan.code == Some(2) || plan.code == Some(0), "a plan needs no lock: {}", plan.all());
    unlock.is(1, &["the stack `site` is held by run ", "--force"]);
    first.end().is(0, &["2 changed"]);
    assert_eq!(world.count("vpc"), 1);
    // The lock goes with the run.
    assert_eq!(world.s3("GET", LOCK, "").0, 404);
    ended(elsewhere(&world, &two, &APPLY)).is(0, &["0 changed"]);
    ended(elsewhere(&world, &two, &["unlock", "site"])).is(0, &["nobody holds the stack `site`"]);
    ended(elsewhere(&world, &two, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
    assert_eq!(world.s3("GET", LOCK, "").0, 404);
}

/// Neither has seen the other's lock when it asks for its own.
#[test]
fn of_two_that_ask_at_the_same_moment_one_gets_the_lock() {
    let world = world();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world.proxy.fault(PUT, Fault::HeldBack, 2);
    let mut runs = [&one, &two].map(|folder| Running::start(&mut elsewhere(&world, folder, &APPLY)));
    world.proxy.wait_held_of(2);
    // Whoever gets it stays here until the other was told.
    world.proxy.fault("CreateVpc", Fault::Held, 2);
    world.proxy.release();
    let limit = Instant::now() + Duration::from_secs(60);
    while !runs.iter_mut().any(Running::ended) {
        assert!(Instant::now() < limit, "neither run was refused");
        std::thread::sleep(Duration::from_millis(5));
    }
    world.proxy.wait_held();
    let (first, second) = (runs[0].ended(), runs[1].ended());
    assert!(first != second, "both were refused");
    assert_eq!(world.times("CreateVpc"), 1);
    world.proxy.clear();
    let [one, two] = runs.map(Running::end);
    let (winner, loser) = if first { (two, one) } else { (one, two) };
    loser.is(1, &["the stack `site` is being changed by run "]);
    winner.is(0, &["2 changed"]);
    assert_eq!(world.count("vpc"), 1);
    let folder = tempfile::tempdir().unwrap();
    ended(elsewhere(&world, &folder, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
}

#[test]
fn without_a_bucket_the_lock_is_of_the_folder() {
    let world = World::new(PLAYBOOK);
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    let first = world.start(&APPLY);
    world.proxy.wait_held();
    let second = world.apply();
    let destroy = world.destroy();
    let unlock = world.run(&["unlock", "site"]);
    first.signal(Signal::KILL);
    first.end();
    world.proxy.clear();
    second.is(1, &["is being changed by run ", " of ", ", for "]);
    assert_eq!(destroy.code, Some(1), "{}", destroy.all());
    unlock.is(1, &["is held by run ", "end that"]);
    // A lock ends with its process.
    world.run(&["unlock", "site"]).is(0, &["nobody holds"]);
    world.apply().is(0, &[]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn what_a_killed_run_left_locked_is_taken_over() {
    let world = world();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    let first = Running::start(&mut elsewhere(&world, &one, &APPLY));
    world.proxy.wait_held();
    first.signal(Signal::KILL);
    let process = first.id();
    first.end();
    world.proxy.clear();
    assert_eq!(world.s3("GET", LOCK, "").0, 200);
    ended(elsewhere(&world, &two, &APPLY)).is(0, &["taken over: ", &format!("process {process} is no more")]);
    assert_eq!((world.count("vpc"), world.s3("GET", LOCK, "").0), (1, 404));
    ended(elsewhere(&world, &two, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
}

#[test]
fn a_lost_answer_is_no_lost_lock() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    world.proxy.fault(PUT, Fault::ReplyLost, 1);
    world.proxy.fault("DELETE /locks/team/site.lock?x-id=DeleteObject", Fault::ReplyLost, 1);
    ended(elsewhere(&world, &dir, &APPLY)).is(0, &["2 changed"]);
    assert_eq!(world.s3("GET", LOCK, "").0, 404);
    ended(elsewhere(&world, &dir, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
}

/// A lock of another machine, last heard of so many minutes ago.
fn foreign(world: &World, minutes: u64) {
    let ago = Command::new("date")
        .args(["-u", &format!("-d@{}", now() - 60 * minutes), "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    let moment = String::from_utf8(ago.unwrap().stdout).unwrap().trim().to_string();
    let holder = json!({"stack": "site", "run": "20261121T110000-9", "owner": "ada@other", "process": 9,
        "machine": "another", "began": "1", "since": moment, "renewed": moment});
    assert_eq!(world.s3("PUT", LOCK, &holder.to_string()).0, 200);
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_lock_of_another_machine_counts_until_nothing_is_heard_of_it() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    foreign(&world, 2);
    let told = ["is being changed by run 20261121T110000-9 of ada@other (process 9), for 2m"];
    ended(elsewhere(&world, &dir, &APPLY)).is(1, &told);
    ended(elsewhere(&world, &dir, &["unlock", "site"]))
        .is(1, &["is held by run 20261121T110000-9", "--force"]);
    ended(elsewhere(&world, &dir, &["unlock", "--force", "site"]))
        .is(0, &["freed the stack `site`", "ada@other"]);
    foreign(&world, 10);
    // Silent, but not for so long that a wrong clock could not explain it.
    ended(elsewhere(&world, &dir, &APPLY)).is(1, &["for 10m"]);
    ended(elsewhere(&world, &dir, &["unlock", "site"])).is(0, &["freed the stack `site`"]);
    foreign(&world, 30);
    ended(elsewhere(&world, &dir, &APPLY)).is(0, &["taken over: nothing was heard of it for 30m"]);
    let writes: Vec<String> = world.writes().into_iter().filter(|w| w.contains("CreateVpc")).collect();
    assert_eq!(writes.len(), 1, "{writes:?}");
    ended(elsewhere(&world, &dir, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
}

#[test]
fn a_run_whose_lock_is_taken_away_begins_nothing_new() {
    let world = world();
    let dir = tempfile::tempdir().unwrap();
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    let told = dir.path().join("told");
    let mut command = elsewhere(&world, &dir, &APPLY);
    command.env("FITOUT_LOCK_RENEWAL", "1").stdout(std::fs::File::create(&told).unwrap());
    let mut run = command.spawn().unwrap();
    world.proxy.wait_held();
    let limit = Instant::now() + Duration::from_secs(60);
    let until = |what: &dyn Fn() -> bool| {
        while !what() {
            assert!(Instant::now() < limit, "{}", std::fs::read_to_string(&told).unwrap());
            std::thread::yield_now();
        }
    };
    // It is renewed meanwhile.
    until(&|| world.times(PUT) > 1);
    foreign(&world, 0);
    until(&|| std::fs::read_to_string(&told).unwrap().contains("was taken away: nothing new begins"));
    world.proxy.release();
    assert_eq!((run.wait().unwrap().code(), world.times("CreateSubnet")), (Some(130), 0));
    let now: Json = serde_json::from_str(&world.s3("GET", LOCK, "").1).unwrap();
    assert_eq!(now["owner"], "ada@other", "another's lock was removed");
    world.s3("DELETE", LOCK, "");
    ended(elsewhere(&world, &dir, &["destroy", "--yes", "site.yml"])).is(0, &["0 left"]);
}

#[test]
fn the_play_may_say_where_it_is_locked_and_gc_waits_for_it_too() {
    let world = world();
    let vars = "  vars: {fitout_lock: 's3://locks/team', fitout_expires: 0s}\n  tasks:\n";
    world.playbook(&PLAYBOOK.replace("  tasks:\n", vars));
    world.apply().is(0, &["2 changed"]);
    assert_eq!(world.times(PUT), 1);
    foreign(&world, 1);
    world.apply().is(1, &["ada@other"]);
    world.plan().is(0, &["no changes"]);
    world.destroy().is(1, &["ada@other"]);
    world.run(&["gc", "--yes", "--lock", PLACE]).is(1, &["is being changed by run 20261121T110000-9"]);
    assert_eq!(world.ours().len(), 2);
    world.s3("DELETE", LOCK, "");
    world.run(&["gc", "--yes", "--lock", PLACE]).is(0, &["2 removed, 0 left"]);
    world.run(&["gc", "--plan", "--lock", "ftp://x"]).is(3, &["--lock: `ftp://x` is no place for locks"]);
}
