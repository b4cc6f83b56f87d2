//! Stacks made, changed and destroyed, a story for each group of modules (tests/cloud_account/stories.rs): on the tests' cloud
//! always, and on a real account when `FITOUT_AWS=1` says so.
//!
//! The real one costs a little: at most two `t3.nano` at any time, a NAT gateway for some minutes, in a network of its own.
//! Everything carries the stack `fitout-test-…` and expires after two hours, so `fitout gc` takes what a killed test leaves.
//! docs/testing.md says more.

#![allow(clippy::unwrap_used)]

#[path = "cloud_account/stories.rs"]
mod stories;
mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stories::{STORIES, Story};
use support::cloud::{DEBIAN, World};
use support::place::{Place, Seen};

/// The most that a story may take, and the most machines that there may be at any time.
const LIMIT: Duration = Duration::from_secs(20 * 60);
const MACHINES: usize = 2;
const TYPE: &str = "t3.nano";
const STACKS: &str = "fitout-test-";

/// A cloud that the program is run against.
struct Cloud {
    place: Place,
    stack: String,
    image: String,
    /// Gives the command its credentials.
    dress: Box<dyn Fn(&mut Command)>,
    until: Instant,
}

impl Cloud {
    fn new(image: &str, dress: impl Fn(&mut Command) + 'static) -> Cloud {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let stack = format!("{STACKS}{}-{}", std::process::id(), now.as_nanos());
        let until = Instant::now() + LIMIT;
        Cloud { place: Place::default(), stack, image: image.into(), dress: Box::new(dress), until }
    }

    fn playbook(&self, story: &Story, changed: bool) {
        self.place.write("site.yml", &story.playbook(&self.image, TYPE, changed));
    }

    /// Runs the program, and ends it when the story's time is over.
    fn run(&self, args: &[&str]) -> Seen {
        assert!(Instant::now() < self.until, "the story's time is over");
        self.run_always(args)
    }

    fn run_always(&self, args: &[&str]) -> Seen {
        let mut command = self.place.command(args);
        (self.dress)(&mut command);
        let program = command.get_program().to_owned();
        let mut timed = Command::new("timeout");
        timed.args(["--signal=INT", "--kill-after=120", "1200"]).arg(program).args(command.get_args());
        timed.current_dir(self.place.path()).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => timed.env(name, value),
                None => timed.env_remove(name),
            };
        }
        Seen::of(&support::output(&mut timed))
    }

    fn of_playbook(&self, command: &[&str]) -> Seen {
        let stack = format!("fitout_stack={}", self.stack);
        self.run(&[command, &["-e", &stack, "site.yml"]].concat())
    }

    /// What there is of the stack, by its tags.
    fn state(&self) -> Vec<serde_json::Value> {
        self.list(&["--stack", &self.stack])
    }

    fn list(&self, which: &[&str]) -> Vec<serde_json::Value> {
        let seen = self.run(&[&["state", "list", "--json"], which].concat());
        seen.is(0, &[]);
        seen.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Before anything is made: what killed tests left must not add up.
    fn few_machines(&self) {
        let all = self.list(&[]);
        let ours = |t: &&serde_json::Value| {
            t["kind"] == "instance" && t["stack"].as_str().is_some_and(|stack| stack.starts_with(STACKS))
        };
        let left: Vec<_> = all.iter().filter(ours).map(|t| t["stack"].to_string()).collect();
        assert!(
            left.is_empty(),
            "machines of earlier tests are there: `fitout gc --older-than 0s`: {left:?}"
        );
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // However the story ended. What this cannot remove it names.
        let gone = self.run_always(&["gc", "--yes", "--older-than", "0s", "--stack", &self.stack]);
        if gone.code != Some(0) {
            eprintln!("left of {}: {}", self.stack, gone.all());
        }
    }
}

fn told(cloud: &Cloud, story: &Story, changed: usize, what: &[&str]) {
    let seen = cloud.of_playbook(&["apply", "--yes"]);
    let count = format!("{changed} changed");
    seen.is(0, &[&[count.as_str()], what].concat());
    let machines = cloud.state().iter().filter(|t| t["kind"] == "instance").count();
    assert!(machines <= story.machines().min(MACHINES), "{machines} machines");
}

fn tell(cloud: &Cloud, story: &Story) {
    cloud.playbook(story, false);
    cloud.of_playbook(&["plan"]).is(2, &[&format!("{} to change", story.makes)]);
    assert_eq!(cloud.state().len(), 0);
    told(cloud, story, story.makes, story.told);
    let state = cloud.state();
    for (kind, count) in story.there {
        assert_eq!(state.iter().filter(|t| t["kind"] == *kind).count(), *count, "{kind}: {state:#?}");
    }
    // What a group launches goes with the group.
    let of_group = |t: &serde_json::Value| {
        t["kind"] == "instance" && t["node"].as_str().is_some_and(|n| n.starts_with("ec2_launch_template/"))
    };
    let expires = |t: &serde_json::Value| t["expires"].is_string() || t["kind"] == "volume" || of_group(t);
    assert!(state.iter().all(expires), "{state:#?}");
    told(cloud, story, 0, story.told);
    cloud.playbook(story, true);
    cloud.of_playbook(&["plan"]).is(2, &[&format!("{} to change", story.changes)]);
    told(cloud, story, story.changes, &[]);
    cloud.of_playbook(&["verify"]).is(0, &[]);
    // From a machine without the playbook: not yet expired, so nothing goes.
    cloud.run(&["gc", "--plan", "--stack", &cloud.stack]).is(0, &["nothing to remove"]);
    cloud.of_playbook(&["destroy", "--yes"]).is(0, &[", 0 left"]);
    assert_eq!(cloud.state(), Vec::<serde_json::Value>::new());
}

fn here(name: &str) {
    let world = World::default();
    let dressed = world.command(&[]);
    let set: Vec<_> = dressed.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    let cloud = Cloud::new(DEBIAN, move |command| {
        for (name, value) in &set {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    });
    cloud.few_machines();
    tell(&cloud, STORIES.iter().find(|story| story.name == name).unwrap());
}

/// A test for each, so that they run beside each other.
macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            here(stringify!($name));
        })*

        #[test]
        fn each_story_is_told() {
            assert_eq!(STORIES.map(|story| story.name), [$(stringify!($name)),*]);
        }
    };
}

stories!(network machines addresses images scaling names);

#[test]
fn the_stories_hold_on_a_real_account() {
    if std::env::var("FITOUT_AWS").as_deref() != Ok("1") {
        eprintln!(
            "SKIPPED: nothing was tested against AWS; FITOUT_AWS=1 with credentials and a region does it, and costs a \
             little (docs/testing.md)"
        );
        return;
    }
    let image = "{owners: ['136693071363'], name: 'debian-12-amd64-*', most_recent: true}";
    let image = std::env::var("FITOUT_AWS_IMAGE").unwrap_or_else(|_| image.into());
    let chosen = std::env::var("FITOUT_AWS_STORIES").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').filter(|name| !name.is_empty()).collect();
    for name in &chosen {
        assert!(STORIES.iter().any(|story| story.name == *name), "there is no story `{name}`");
    }
    // One after another: never more machines than one of them has.
    for story in STORIES.iter().filter(|story| chosen.is_empty() || chosen.contains(&story.name)) {
        eprintln!("story: {}", story.name);
        let cloud = Cloud::new(&image, |_| {});
        cloud.few_machines();
        tell(&cloud, story);
    }
}
