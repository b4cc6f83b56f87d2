//! Merging of probes: who gets which answer, and what is not merged.

use super::fake::FakeRemote;
use super::*;

/// Tells of each argument its length; `bad` makes the whole job fail.
fn measuring() -> Arc<FakeRemote> {
    FakeRemote::new(|_, job| {
        let mut out = Vec::new();
        for arg in &job.args {
            out.extend_from_slice(arg);
            out.extend_from_slice(format!("\0length\0{}\0", arg.len()).as_bytes());
        }
        let rc = i32::from(job.args.contains(&b"bad".to_vec()));
        if job.args.contains(&b"lost".to_vec()) {
            Err(RemoteError::Lost("gone".into()))
        } else {
            Ok(Output::done(rc, out, ""))
        }
    })
}

struct Asked {
    fake: Arc<FakeRemote>,
    /// What each job came to: its exit status and its records, or the error.
    answers: Vec<Result<(i32, String), String>>,
}

fn ask(jobs: &[(&Become, Job)]) -> Asked {
    let fake = measuring();
    let remote: Arc<dyn Remote> = fake.clone();
    let answers = run(async {
        let mut survey = Survey::default();
        let futures: Vec<_> = jobs.iter().map(|(who, job)| survey.add(&remote, who, job.clone())).collect();
        assert!(fake.jobs().is_empty(), "nothing goes before all are there");
        survey.send();
        let mut answers = Vec::new();
        // In any order: the last first.
        for future in futures.into_iter().rev() {
            let answer = future.await.map_err(|e| e.to_string());
            answers.push(answer.map(|o| (o.rc, String::from_utf8(o.stdout).unwrap().replace('\0', " "))));
        }
        answers.reverse();
        answers
    });
    Asked { fake, answers }
}

fn told(rc: i32, records: &str) -> Result<(i32, String), String> {
    Ok((rc, records.to_string()))
}

/// The arguments of each job that was submitted.
fn submitted(fake: &FakeRemote) -> Vec<String> {
    let words = |job: &Job| job.args.iter().map(|a| String::from_utf8_lossy(a)).collect::<Vec<_>>().join(" ");
    fake.jobs().iter().map(|(_, job)| words(job)).collect()
}

#[test]
fn jobs_that_differ_in_arguments_alone_are_one() {
    let script = Script::for_each("test.length", ":");
    let job = |args: &[&str]| Job::new(&script).var("x", "1").args(args);
    let (me, root) = (
        Become::No,
        Become::User { method: BecomeMethod::Sudo, user: "root".into(), flags: "".into(), exe: "".into() },
    );
    let asked = ask(&[
        (&me, job(&["a", "bb"])),
        (&root, job(&["a"])),
        (&me, job(&["bb", "ccc"])),
        (&me, Job::new(&script).var("x", "2").args(["d"])),
        (&me, Job::new(&Script::new("test.other", ":")).args(["e"])),
        (&me, job(&["a", "a"])),
    ]);
    assert_eq!(submitted(&asked.fake), ["a bb ccc", "a", "d", "e"]);
    let expected = [
        told(0, "a length 1 bb length 2 "),
        told(0, "a length 1 "),
        told(0, "bb length 2 ccc length 3 "),
        told(0, "d length 1 "),
        told(0, "e length 1 "),
        told(0, "a length 1 "),
    ];
    assert_eq!(asked.answers, expected);
}

/// What each argument is asked for stands in front of it, and everybody is told of its own arguments by their names.
#[test]
fn jobs_that_ask_different_things_of_arguments_are_one() {
    let script = Script::for_each_with("test.length", ":", &["x", "y"]);
    let job = |x: &str, y: &str, z: &str, args: &[&str]| {
        (&Become::No, Job::new(&script).var("x", x).var("y", y).var("z", z).flag("mixed", false).args(args))
    };
    let jobs = [
        job("1", "", "", &["a", "bb"]),
        job("", "22", "", &["a"]),
        job("1", "", "", &["bb"]),
        job("1", "", "other", &["c"]),
    ];
    let asked = ask(&jobs);
    assert_eq!(submitted(&asked.fake), ["1::a 1::bb :22:a", "c"]);
    let vars = |number: usize| {
        let job = &asked.fake.jobs()[number].1;
        job.vars.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect::<Vec<_>>()
    };
    assert_eq!(
        (vars(0), vars(1)),
        (vec!["z=".into(), "mixed=1".into()], ["x=1", "y=", "z=other", "mixed="].map(String::from).into())
    );
    let expected = ["a length 4 bb length 5 ", "a length 5 ", "bb length 5 ", "c length 1 "];
    assert_eq!(asked.answers, expected.map(|records| told(0, records)));
}

#[test]
fn what_fails_together_is_asked_one_by_one() {
    let script = Script::for_each("test.length", ":");
    let job = |arg: &str| (&Become::No, Job::new(&script).args([arg]));
    let asked = ask(&[job("a"), job("bad"), job("bb")]);
    assert_eq!(asked.answers, [told(0, "a length 1 "), told(1, "bad length 3 "), told(0, "bb length 2 ")]);
    assert_eq!(submitted(&asked.fake), ["a bad bb", "bb", "bad", "a"]);
    let asked = ask(&[job("a"), job("lost")]);
    assert_eq!(submitted(&asked.fake), ["a lost"], "a connection that is gone is gone for all");
    assert!(asked.answers.iter().all(|a| a == &Err("connection lost: gone".into())), "{:?}", asked.answers);
}

#[test]
fn what_is_asked_twice_is_asked_once() {
    let script = || Script::new("test.other", ":");
    let job = |args: &[&str]| (&Become::No, Job::new(&script()).args(args));
    let asked = ask(&[job(&["bad", "a"]), job(&["a"]), job(&["bad", "a"]), job(&[]), job(&[])]);
    assert_eq!(submitted(&asked.fake), ["bad a", "a", ""]);
    let both = told(1, "bad length 3 a length 1 ");
    assert_eq!(asked.answers, [both.clone(), told(0, "a length 1 "), both, told(0, ""), told(0, "")]);
    // What is sent along may be read once only.
    let input = || (&Become::No, Job::new(&script()).stdin(Content::Bytes(Arc::from(&b"x"[..]))));
    assert_eq!(submitted(&ask(&[input(), input()]).fake).len(), 2);
}

#[test]
fn a_merged_job_stays_within_bounds() {
    let script = Script::for_each("test.length", ":");
    let names: Vec<String> = (0..1000).map(|n| format!("{n:0>100}")).collect();
    let jobs: Vec<_> = names.iter().map(|n| (&Become::No, Job::new(&script).args([n]))).collect();
    let asked = ask(&jobs);
    let sizes: Vec<usize> = asked.fake.jobs().iter().map(|(_, job)| job.args.len()).collect();
    assert_eq!(sizes, [256, 256, 256, 232]);
    for (name, answer) in names.iter().zip(asked.answers) {
        assert_eq!(answer, told(0, &format!("{name} length 100 ")));
    }
}
