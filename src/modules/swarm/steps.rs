//! Steps as jobs on a manager: constant script, the engine's own client.

use super::http::Engine;
use super::members::Step;
use crate::remote::Job;
use crate::script;

/// Seconds for what the swarm does by itself in a moment.
const MOMENT: i64 = 60;

/// `limit`: seconds a step may wait for what it has brought about.
fn job(engine: &Engine, act: &str, node: &str, name: &str, limit: i64) -> Job {
    engine
        .reached_by(Job::new(script!("swarm.step", "engine.sh", "step.sh")))
        .var("act", act)
        .var("node", node)
        .var("name", name)
        .var("limit", limit.max(1).to_string())
}

/// A node's role.
pub fn role(engine: &Engine, node: &str, name: &str, manager: bool) -> Job {
    job(engine, if manager { "promote" } else { "demote" }, node, name, MOMENT)
}

/// Options of `docker node update`; a drain waits, at most so many seconds, until no task runs there any more.
pub fn update(engine: &Engine, node: &str, name: &str, options: &[String], drain: Option<i64>) -> Job {
    job(engine, "update", node, name, drain.unwrap_or(MOMENT)).args(options).flag("drained", drain.is_some())
}

/// Out of the swarm, once it is down.
pub fn remove(engine: &Engine, node: &str, name: &str) -> Job {
    job(engine, "remove", node, name, MOMENT)
}

/// What a step does, on a manager.
pub fn step(engine: &Engine, step: &Step, drain_timeout: i64) -> Job {
    match step {
        Step::Promote { node, name } => role(engine, node, name, true),
        Step::Demote { node, name } => role(engine, node, name, false),
        Step::Drain { node, name } => job(engine, "drain", node, name, drain_timeout).flag("drained", true),
        Step::Remove { node, name } => remove(engine, node, name),
        Step::Update { node, name, availability, add } => {
            let mut options = Vec::new();
            for (key, value) in add {
                options.extend(["--label-add".to_string(), format!("{key}={value}")]);
            }
            if let Some(availability) = availability {
                options.extend(["--availability".to_string(), availability.clone()]);
            }
            let drain = availability.as_deref() == Some("drain");
            update(engine, node, name, &options, drain.then_some(drain_timeout))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    /// An engine whose answers are in files: `managers`, `own` (the node's reachability), `state`, `tasks` (so many
    /// lists as there are lines, the last one stays), `errors` (of changes, a line each), `refused` (of questions). It keeps
    /// the changes.
    const ENGINE: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
shift 2
echo 'WARNING: of the client' >&2
case "$*" in
  *ls*|*inspect*|*ps*)
    said=$(head -n 1 refused)
    [ -z "$said" ] || { sed -i 1d refused; echo "$said" >&2; exit 1; } ;;
esac
case "$*" in
  'node ls '*) cat managers ;;
  *ManagerStatus*) cat own ;;
  *Status.State*) cat state ;;
  'node ps '*)
    head -n 1 tasks
    [ "$(wc -l <tasks)" -le 1 ] || sed -i 1d tasks ;;
  *)
    echo "$*" >>asked
    said=$(sed -n "$(wc -l <asked)p" errors)
    [ -z "$said" ] || { echo "$said" >&2; exit 1; }
    case "$*" in
      *'role worker'*) : >own ;;
      *'role manager'*) echo reachable >own ;;
    esac ;;
esac
"#;

    /// What the engine would say.
    #[derive(Copy, Clone)]
    struct Swarm<'a> {
        managers: &'a str,
        own: &'a str,
        state: &'a str,
        tasks: &'a str,
        errors: &'a str,
        refused: &'a str,
        patience: &'a str,
    }

    const WELL: Swarm<'static> = Swarm {
        managers: "Leader\nReachable\nReachable\n",
        own: "",
        state: "ready\n",
        tasks: "\n",
        errors: "",
        refused: "",
        patience: "25",
    };

    fn program(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Runs the step on node n3, called `three`: its exit code, the changes that were asked for, and what it said.
    fn run(swarm: Swarm<'_>, act: &str, drained: &str) -> (i32, Vec<String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for (name, text) in [
            ("managers", swarm.managers),
            ("own", swarm.own),
            ("state", swarm.state),
            ("tasks", swarm.tasks),
            ("errors", swarm.errors),
            ("refused", swarm.refused),
            ("asked", ""),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        program(&path("docker"), ENGINE);
        // The step's pauses are no part of what is tested.
        program(&path("sleep"), "#!/bin/sh\n");
        let searched = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args([
                "-c",
                concat!(include_str!("engine.sh"), include_str!("step.sh")),
                "step",
                "--availability",
                "drain",
            ])
            .env("PATH", searched)
            .envs([
                ("host", "unix:///x"),
                ("node", "n3"),
                ("name", "three"),
                ("limit", "2"),
                ("patience", swarm.patience),
            ])
            .envs([("act", act), ("drained", drained)])
            .output()
            .unwrap();
        let asked = std::fs::read_to_string(path("asked")).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), asked.lines().map(str::to_string).collect(), said)
    }

    #[test]
    fn the_quorum_is_counted_again_before_a_manager_goes() {
        let lost = "Leader\nReachable\nUnreachable\n";
        let (demote, remove) = ("node update --role worker n3", "node rm n3");
        // (act, managers, the node's reachability, its state, what is asked for)
        for (act, managers, own, state, change) in [
            ("demote", WELL.managers, "reachable\n", "ready\n", demote),
            ("demote", lost, "unreachable\n", "down\n", demote),
            ("demote", lost, "", "ready\n", demote),
            ("remove", lost, "", "down\n", remove),
        ] {
            let (code, asked, said) = run(Swarm { managers, own, state, ..WELL }, act, "");
            assert_eq!((code, asked), (0, vec![change.to_string()]), "{act} {managers} {own}: {said}");
        }
        // Since the plan was made another manager was lost: nothing is asked for.
        let told = "three: it stays a manager: 2 of 3 managers answer; without it 1 of 2, which is no quorum";
        for (act, state) in [("demote", "ready\n"), ("remove", "down\n")] {
            let (code, asked, said) =
                run(Swarm { managers: lost, own: "reachable\n", state, ..WELL }, act, "");
            assert_eq!((code, asked), (1, Vec::new()), "{act}: {said}");
            assert!(said.contains(told), "{said}");
        }
        let (code, asked, said) = run(Swarm { managers: "", own: "reachable\n", ..WELL }, "demote", "");
        assert_eq!((code, asked), (1, Vec::new()), "{said}");
        assert!(said.contains("no manager answers"), "{said}");
        // Nor is a node removed that lives.
        let (code, asked, said) = run(WELL, "remove", "");
        assert_eq!((code, asked), (1, Vec::new()), "{said}");
        assert!(
            said.contains("it is not removed, because it is not down: it has to leave first (it is: ready)"),
            "{said}"
        );
    }

    #[test]
    fn a_drain_waits_for_tasks_and_ends() {
        let (running, drain) = ("web.1 Running 5 seconds ago\n", "node update --availability drain n3");
        let gone = "web.1 Running 5 seconds ago\nweb.1 Running 5 seconds ago\nweb.1 Shutdown 1 second ago\n";
        // An update with `--availability drain` waits as well.
        for act in ["drain", "update"] {
            for (tasks, state) in [(gone, "ready\n"), (running, "down\n")] {
                let (code, asked, said) = run(Swarm { tasks, state, ..WELL }, act, "1");
                assert_eq!((code, asked), (0, vec![drain.to_string()]), "{act} {tasks} {state}: {said}");
            }
            let (code, asked, said) = run(Swarm { tasks: running, ..WELL }, act, "1");
            assert_eq!((code, asked), (1, vec![drain.to_string()]), "{act}: {said}");
            let told = "three: after 2 seconds tasks still run there: web.1 Running 5 seconds ago";
            assert!(said.contains(told), "{act}: {said}");
        }
        assert_eq!(run(Swarm { tasks: running, ..WELL }, "update", "").0, 0, "nobody asked to wait");
    }

    #[test]
    fn a_change_beside_another_is_tried_again() {
        let change = "node update --role manager n3".to_string();
        let twice = "rpc error: update out of sequence\nrpc error: update out of sequence\n";
        let (code, asked, said) = run(Swarm { errors: twice, ..WELL }, "promote", "");
        assert_eq!((code, asked), (0, vec![change.clone(); 3]), "{said}");
        let errors = &twice.repeat(6);
        let (code, asked, said) = run(Swarm { errors, ..WELL }, "promote", "");
        assert_eq!((code, asked), (1, vec![change.clone(); 10]), "{said}");
        assert!(said.contains("three: ") && said.contains("out of sequence"), "{said}");
        let none = "Error response from daemon: rpc error: The swarm does not have a leader.\n";
        let (code, asked, said) = run(Swarm { errors: &none.repeat(20), ..WELL }, "promote", "");
        assert_eq!((code, asked.len()), (0, 21), "{said}");
        let (code, _, said) = run(Swarm { errors: &none.repeat(60), ..WELL }, "promote", "");
        assert!(code == 1 && said.contains("three: ") && said.contains("have a leader"), "{said}");
        // Another refusal is told at once.
        let (code, asked, said) = run(Swarm { errors: "node n3 not found\n", ..WELL }, "promote", "");
        assert_eq!((code, asked), (1, vec![change]), "{said}");
        assert!(said.starts_with("three: ") && said.contains("node n3 not found"), "{said}");
    }

    #[test]
    fn while_a_leader_is_chosen_nothing_is_concluded() {
        // What the manager says that is asked, and what one says that passes it on.
        let refused = "Error response from daemon: rpc error: The swarm does not have a leader.\n\
                       Error response from daemon: rpc error: code = DeadlineExceeded desc = context deadline exceeded\n\
                       Error response from daemon: rpc error: code = Unavailable desc = connection error\n";
        let (running, gone) =
            ("web.1 Running 5 seconds ago\n", "web.1 Running 5 s ago\nweb.1 Shutdown 1 s ago\n");
        let (drain, rm) = ("node update --availability drain n3".to_string(), "node rm n3".to_string());
        // Neither that no task runs there, nor that there is no quorum.
        let (code, asked, said) = run(Swarm { refused, tasks: running, ..WELL }, "drain", "1");
        assert_eq!((code, asked), (1, vec![drain.clone()]), "{said}");
        assert!(said.contains("tasks still run there"), "{said}");
        let (code, asked, said) = run(Swarm { refused, tasks: gone, ..WELL }, "drain", "1");
        assert_eq!((code, asked), (0, vec![drain.clone()]), "{said}");
        let (code, asked, said) = run(Swarm { refused, state: "down\n", ..WELL }, "remove", "");
        assert_eq!((code, asked), (0, vec![rm]), "{said}");
        // Not for ever.
        let (code, asked, said) = run(Swarm { refused, patience: "0", ..WELL }, "drain", "1");
        assert_eq!((code, asked), (1, vec![drain.clone()]), "{said}");
        assert!(said.contains("not have a leader"), "{said}");
        // A node that another run has removed meanwhile.
        let refused = "node n3 not found\n";
        let (code, asked, said) = run(Swarm { refused, state: "down\n", ..WELL }, "remove", "");
        assert_eq!((code, asked), (0, vec![]), "{said}");
        let (code, asked, said) = run(Swarm { refused, tasks: running, ..WELL }, "drain", "1");
        assert_eq!((code, asked), (0, vec![drain]), "{said}");
    }
}
