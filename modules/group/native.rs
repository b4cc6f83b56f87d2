//! group: one line of the group database against what is wanted.

use crate::base::Map;
use crate::modules::forecast::{Forecast, record};
use crate::modules::kit::{changed, claims, diff, field, only, result, with_diff};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is `getent group`, or /etc/group alone with `local`.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Group))
}

struct Group;

impl Staged for Group {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let name = args.str("name");
        // An entry in each.
        let files = ["/etc/group", "/etc/gshadow", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock"];
        let writes = files.iter().map(|file| format!("file:{file}/={name}")).chain([format!("group:{name}")]);
        claims(&["file:/etc/passwd", "file:/etc/login.defs"], &writes.collect::<Vec<_>>())
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let name = args.str("name");
        if name.is_empty() || name.starts_with('-') || name.contains([':', '/', ',', ' ', '\t', '\n', '\0']) {
            return Err(Failure::new(format!("`{name}` is not a name that a group can have")));
        }
        Ok(vec![self.look(args)])
    }

    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        let claim = format!("group:{}", args.str("name"));
        match decision.change.as_ref().map(|c| c.action) {
            Some(Action::Delete) => vec![(claim, None)],
            Some(_) => {
                let gid = args.opt_int("gid").unwrap_or(4_294_967_294);
                vec![(claim, Some(result([("gid", gid.into())])))]
            }
            None => Vec::new(),
        }
    }

    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let name = args.str("name");
        let (Some(output), Some(thing)) = (seen.first_mut(), forecast.thing(&format!("group:{name}"))) else {
            return false;
        };
        let gid = thing.and_then(|t| t.get("gid")).map(crate::spec::to_text);
        let entry = thing.map(|_| format!("{name}:x:{}:", gid.as_deref().unwrap_or("4294967294")));
        record(output, "", "entry", entry.unwrap_or_default().as_bytes());
        true
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let entry = field(only(seen)?, "", "entry");
        let has = entry.as_deref().and_then(number_of);
        let wanted = args.opt_int("gid");
        let name = args.str("name");
        let mut out: Map = result([
            ("name", name.into()),
            ("state", args.str("state").into()),
            ("system", args.bool("system").into()),
        ]);
        let present = args.str("state") == "present";
        if let Some(gid) = wanted.or(has).filter(|_| present) {
            out.insert("gid".into(), gid.into());
        }
        let (act, action, reason) = match (present, has, wanted) {
            (true, None, _) => ("add", Action::Create, format!("group {name} is absent")),
            (true, Some(has), Some(gid)) if has != gid => {
                ("modify", Action::Update, format!("gid of {name} is {has}, not {gid}"))
            }
            (false, Some(_), _) => ("remove", Action::Delete, format!("group {name} is present")),
            _ => return Ok(Decision::unchanged(out)),
        };
        let number = |name: &str| args.opt_int(name).map(|n| n.to_string()).unwrap_or_default();
        let job = Job::new(script!("group.apply", "apply.sh"))
            .var("act", act)
            .var("name", name)
            .var("gid", number("gid"))
            .var("gid_min", number("gid_min"))
            .var("gid_max", number("gid_max"))
            .flag("system", args.bool("system"))
            .flag("non_unique", args.bool("non_unique"))
            .flag("force", args.bool("force"));
        let line = |there: bool, gid: Option<i64>| match (there, gid) {
            (false, _) => "state: absent\n".to_string(),
            (true, Some(gid)) => format!("state: present\ngid: {gid}\n"),
            (true, None) => "state: present\n".to_string(),
        };
        let diff = diff(name, line(has.is_some(), has), line(present, wanted.or(has)));
        let mut jobs = vec![job];
        if present && wanted.is_none() {
            jobs.push(self.look(args));
        }
        Ok(with_diff(changed(action, reason, jobs, out), diff))
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut out = decision.result;
        // A new group's number is known only now.
        let gid = done.last().and_then(|o| field(o, "", "entry")).as_deref().and_then(number_of);
        if let Some(gid) = gid {
            out.insert("gid".into(), gid.into());
        }
        Ok(out)
    }
}

impl Group {
    fn look(&self, args: &Args) -> Job {
        let job = Job::new(script!("group.probe", "probe.sh"));
        job.var("name", args.str("name")).flag("local", args.bool("local"))
    }
}

/// The number in a line of /etc/group.
fn number_of(entry: &str) -> Option<i64> {
    entry.split(':').nth(2)?.parse().ok()
}
