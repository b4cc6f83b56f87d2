//! user: the entries of the user database against what is wanted.

mod changes;

use crate::base::Map;
use crate::modules::forecast::{Forecast, record};
use crate::modules::kit::{changed, claims, field, only, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is `getent passwd`, and /etc/shadow and /etc/group; with `local` only files. Days of ageing are
/// days, `expires` seconds since 1970.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(User))
}

struct User;

/// Stands for the number of a user or group that is not made yet.
const NO_NUMBER: i64 = 4_294_967_294;

/// The user database's files, of which useradd writes nearly all, an entry each. What another user's entry says does not change
/// what is found about this one.
const FILES: &[&str] = &[
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/.pwd.lock",
    "/var/mail",
    "/var/log/lastlog",
    "/var/log/faillog",
];

impl Staged for User {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let name = args.str("name");
        let mut writes: Vec<String> = FILES.iter().map(|f| format!("file:{f}/={name}")).collect();
        // A user brings a group of its own name.
        writes.extend([format!("user:{name}"), format!("group:{name}"), format!("file:/home/{name}")]);
        if name == "root" {
            writes.push("file:/root".into());
        }
        writes.extend(args.opt_str("home").map(|h| format!("file:{h}")));
        let mut reads =
            vec!["file:/etc/skel/*".to_string(), "file:/etc/login.defs".into(), "file:/etc/default/*".into()];
        reads.extend(args.opt_str("group").map(|g| format!("group:{g}")));
        reads.extend(args.list("groups").iter().map(|g| format!("group:{g}")));
        claims(&reads, &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.has("ssh_key_passphrase") {
            return Err(Failure::new(
                "ssh_key_passphrase is refused: ssh-keygen takes it on its command line, where every user of the \
                 host can read it; make the key on the controller and `copy` it",
            ));
        }
        let name = args.str("name");
        if name.is_empty() || name.starts_with('-') || name.contains([':', '/', ',', ' ', '\t', '\n', '\0']) {
            return Err(Failure::new(format!("`{name}` is not a name that a user can have")));
        }
        Ok(vec![probe(args)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let is = Observed::read(output);
        let name = args.str("name");
        if args.str("state") == "absent" {
            let mut out = result([("name", name.into()), ("state", "absent".into())]);
            if is.is_none() {
                return Ok(Decision::unchanged(out));
            }
            for word in ["force", "remove"] {
                out.insert(word.into(), args.bool(word).into());
            }
            let job =
                apply(args, "remove").flag("remove", args.bool("remove")).flag("force", args.bool("force"));
            return Ok(changed(Action::Delete, format!("user {name} is present"), vec![job], out));
        }
        check_group(args, output)?;
        match is {
            None => Ok(changes::create(args)),
            Some(is) => Ok(changes::update(args, &is, output)),
        }
    }

    /// That a user is in a group that was not there cannot have been found.
    fn holds(&self, args: &Args, made: &str) -> bool {
        made.strip_prefix("group:").is_some_and(|group| args.opt_str("group") != Some(group))
    }

    fn leaves(&self, args: &Args, decision: &Decision) -> Vec<(String, Option<Map>)> {
        let name = args.str("name");
        let claim = format!("user:{name}");
        match decision.change.as_ref().map(|c| c.action) {
            Some(Action::Delete) => vec![(claim, None)],
            Some(Action::Create) => {
                let home = args.opt_str("home").map_or_else(|| format!("/home/{name}"), str::to_string);
                let shell = args.opt_str("shell").unwrap_or("/bin/sh");
                let groups = args.list("groups").join(" ");
                let made = result([
                    ("uid", args.opt_int("uid").unwrap_or(NO_NUMBER).into()),
                    ("comment", args.str("comment").into()),
                    ("home", home.as_str().into()),
                    ("shell", shell.into()),
                    ("groups", groups.into()),
                ]);
                let mut leaves = vec![(claim, Some(made))];
                if !args.has("group") {
                    leaves.push((format!("group:{name}"), Some(Map::new())));
                }
                if args.bool("create_home") {
                    leaves.push((format!("file:{home}"), Some(Map::new())));
                }
                leaves
            }
            _ => Vec::new(),
        }
    }

    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let Some(output) = seen.first_mut() else { return false };
        let mut foreseen = false;
        let name = args.str("name");
        if let Some(thing) = forecast.thing(&format!("user:{name}")) {
            let field =
                |key: &str| thing.and_then(|t| t.get(key)).map(crate::spec::to_text).unwrap_or_default();
            let entry = thing.map(|_| {
                let uid = field("uid");
                format!("{name}:x:{uid}:{uid}:{}:{}:{}", field("comment"), field("home"), field("shell"))
            });
            record(output, "", "entry", entry.unwrap_or_default().as_bytes());
            record(output, "", "groups", field("groups").as_bytes());
            if forecast.has(&format!("file:{}", field("home"))) {
                record(output, "", "home_exists", b"1");
            }
            foreseen = true;
        }
        let group = args.str("group");
        if forecast.has(&format!("group:{group}")) {
            record(output, "", "group", format!("{group}:x:{NO_NUMBER}:").as_bytes());
            foreseen = true;
        }
        foreseen
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        if let Some(failed) = done.iter().find(|o| !o.ok()) {
            return Err(Failure::from_output(failed));
        }
        let mut out = decision.result;
        // The last effect looks once more: a new user's number is known only then.
        if let Some((is, output)) = done.last().and_then(|o| Some((Observed::read(o)?, o))) {
            out.extend(described(args, &is, output));
        }
        Ok(out)
    }
}

fn probe(args: &Args) -> Job {
    let group = args.str("group");
    let by_name = if group.bytes().all(|b| b.is_ascii_digit()) { "" } else { group };
    let shadow = [
        "password",
        "password_lock",
        "expires",
        "password_expire_max",
        "password_expire_min",
        "password_expire_warn",
        "password_expire_account_disable",
    ];
    Job::new(script!("user.probe", "probe.sh"))
        .var("name", args.str("name"))
        .flag("local", args.bool("local"))
        .var("group", by_name)
        .flag("shadow", shadow.iter().any(|a| args.has(a)))
        .var("key_file", if args.bool("generate_ssh_key") { key_file(args) } else { String::new() })
}

fn key_file(args: &Args) -> String {
    args.opt_str("ssh_key_file")
        .map_or_else(|| format!(".ssh/id_{}", args.str("ssh_key_type")), str::to_string)
}

fn apply(args: &Args, act: &str) -> Job {
    let job = Job::new(script!("user.apply", "apply.sh")).var("act", act).var("name", args.str("name"));
    match act {
        // For who asks before the change whether they are there.
        "add" | "modify" => job.var("groups", args.list("groups").join(",")),
        _ => job,
    }
}

/// A primary group by name must be there.
fn check_group(args: &Args, output: &Output) -> Result<(), Failure> {
    let group = args.str("group");
    let named = !group.is_empty() && !group.bytes().all(|b| b.is_ascii_digit());
    if named && field(output, "", "group").is_none() {
        return Err(Failure::new(format!("Group {group} does not exist")));
    }
    Ok(())
}

/// The fields of a user as the host tells them.
struct Observed {
    uid: i64,
    gid: i64,
    comment: String,
    home: String,
    shell: String,
    groups: Vec<String>,
    shadow: Vec<String>,
}

impl Observed {
    fn read(output: &Output) -> Option<Observed> {
        let entry = field(output, "", "entry")?;
        let f: Vec<&str> = entry.split(':').collect();
        let get = |i: usize| f.get(i).copied().unwrap_or("").to_string();
        let groups = output.field("", "groups").unwrap_or_default();
        let shadow = output.field("", "shadow").unwrap_or_default();
        Some(Observed {
            uid: get(2).parse().ok()?,
            gid: get(3).parse().ok()?,
            comment: get(4),
            home: get(5),
            shell: get(6),
            groups: groups.split_whitespace().map(str::to_string).collect(),
            shadow: shadow.split(':').map(str::to_string).collect(),
        })
    }
}

fn described(args: &Args, is: &Observed, output: &Output) -> Map {
    let mut out = result([
        ("name", args.str("name").into()),
        ("state", "present".into()),
        ("uid", is.uid.into()),
        ("group", is.gid.into()),
        ("home", is.home.as_str().into()),
        ("shell", is.shell.as_str().into()),
        ("comment", is.comment.as_str().into()),
        ("append", args.bool("append").into()),
        ("move_home", args.bool("move_home").into()),
    ]);
    if args.has("groups") {
        out.insert("groups".into(), args.list("groups").join(",").into());
    }
    if args.has("password") {
        out.insert("password".into(), "NOT_LOGGING_PASSWORD".into());
    }
    if let Some(file) = field(output, "", "key") {
        out.insert("ssh_key_file".into(), file.into());
    }
    if let Some(key) = field(output, "", "public_key") {
        out.insert("ssh_public_key".into(), key.into());
    }
    if let Some(print) = field(output, "", "fingerprint") {
        out.insert("ssh_fingerprint".into(), print.into());
    }
    out
}
