//! Fingerprints, and what drifts between two plans.

use super::*;
use crate::plan::Diff;
use crate::remote::Script;

fn change(reason: &str) -> Change {
    Change { action: Action::Update, reason: reason.into(), diffs: vec![Diff::default()] }
}

fn decision(host: &str, reason: &str) -> SavedDecision {
    SavedDecision {
        host: host.into(),
        step: "0/1".into(),
        task: "Motd".into(),
        reason: reason.into(),
        fingerprint: fingerprint("salt", &change(reason), &[]),
        ..SavedDecision::default()
    }
}

fn plan(decisions: Vec<SavedDecision>) -> SavedPlan {
    SavedPlan { version: VERSION, program: "p".into(), decisions, ..SavedPlan::default() }
}

#[test]
fn a_fingerprint_is_of_all_that_a_job_is_made_of() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "content").unwrap();
    let script = Script::new("s", "true");
    let job = || Job::new(&script);
    let jobs = [
        job(),
        job().var("a", "x"),
        job().args(["x"]),
        job().args(["y"]),
        job().stdin(Content::Bytes(b"x".as_slice().into())),
        job().stdin(Content::File(file.path().into())),
    ];
    let marks = jobs.map(|job| fingerprint("salt", &change("mode"), &[job]));
    assert_eq!(marks.iter().collect::<std::collections::HashSet<_>>().len(), marks.len());
}

#[test]
fn drift_names_what_is_gone_new_and_other() {
    let saved = plan(vec![decision("a", "mode"), decision("b", "mode")]);
    assert!(saved.drift(&saved.clone()).is_empty());
    let now = plan(vec![decision("b", "owner"), decision("c", "mode")]);
    let drift = saved.drift(&now);
    assert_eq!(drift.len(), 3, "{drift:?}");
    assert!(drift[0].starts_with("a: `Motd` needs no change"));
    assert!(drift[1].starts_with("b: `Motd` would change otherwise: owner"));
    assert!(drift[2].starts_with("c: `Motd` was not part"));
    let foreseen = SavedDecision { foreseen: true, ..decision("a", "mode") };
    assert!(plan(vec![foreseen]).drift(&plan(vec![])).is_empty(), "what was foreseen may turn out needless");
}

#[test]
fn what_is_open_may_come_out_otherwise_but_removes_nothing_unforeseen() {
    let key = decision("a", "mode");
    let held = |known: &SavedDecision, action| {
        let now = Change { action, ..change("other") };
        plan(vec![known.clone()]).hold(&key, &now, &[]).is_ok()
    };
    let open = SavedDecision { open: true, action: "update".into(), ..key.clone() };
    assert!(held(&open, Action::Update) && held(&open, Action::Create));
    assert!(!held(&open, Action::Delete) && !held(&open, Action::Replace));
    assert!(held(&SavedDecision { action: "replace".into(), ..open.clone() }, Action::Replace));
    assert!(!held(&key, Action::Update), "another reason");
    let nothing = SavedDecision { action: NOTHING.into(), fingerprint: String::new(), ..open.clone() };
    assert!(held(&nothing, Action::Update) && !held(&nothing, Action::Replace));
    assert!(plan(vec![nothing.clone()]).drift(&plan(vec![])).is_empty());
    assert!(plan(vec![]).drift(&plan(vec![nothing])).is_empty());
    let now = plan(vec![decision("a", "owner")]);
    assert_eq!(plan(vec![open]).drift(&now).len(), 1, "two plans see the same");
}

#[test]
fn every_input_of_every_effect_and_the_salt_count() {
    let job = |text: &str| Job::new(&Script::new("x", "true")).var("text", text);
    let print = |salt: &str, job: Job| fingerprint(salt, &change("r"), &[job]);
    let one = print("a", job("secret"));
    assert_eq!(one, print("a", job("secret")));
    assert_ne!(one, print("b", job("secret")));
    assert_ne!(one, print("a", job("other")));
    assert_ne!(one, print("a", job("secret").stdin(crate::modules::bytes("x"))));
    assert_ne!(one, fingerprint("a", &change("r"), &[]));
}
