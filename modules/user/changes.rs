//! From what a user is and should be to the words of useradd, usermod, chage and chpasswd.

use super::{Observed, apply, described, key_file, probe};
use crate::modules::kit::{changed, diff, field, result, with_diff};
use crate::modules::{Args, ArgsExt, bytes};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};

pub fn create(args: &Args) -> Decision {
    let mut words: Vec<String> = Vec::new();
    let mut push = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([option.to_string(), value]);
        }
    };
    let text = |name: &str| args.opt_str(name).map(str::to_string);
    let groups = args.list("groups").join(",");
    push("-u", args.opt_int("uid").map(|u| u.to_string()));
    push("-g", text("group"));
    push("-G", Some(groups).filter(|g| !g.is_empty()));
    push("-c", text("comment"));
    push("-d", text("home"));
    push("-s", text("shell"));
    push("-k", text("skeleton").filter(|_| args.bool("create_home")));
    push("-e", expiry(args).filter(|d| !d.is_empty()));
    push("-Z", text("seuser"));
    push("-f", args.opt_int("password_expire_account_disable").map(|n| n.to_string()));
    push("-K", text("umask").map(|u| format!("UMASK={u}")));
    push("-K", args.opt_int("uid_min").map(|n| format!("UID_MIN={n}")));
    push("-K", args.opt_int("uid_max").map(|n| format!("UID_MAX={n}")));
    words.push(if args.bool("create_home") { "-m" } else { "-M" }.into());
    for (on, option) in [(args.bool("system"), "-r"), (args.bool("non_unique"), "-o")] {
        if on {
            words.push(option.into());
        }
    }
    let add = apply(args, "add")
        .var("uid", args.opt_int("uid").map(|u| u.to_string()).unwrap_or_default())
        .var("group", args.str("group"))
        .var("comment", args.str("comment"))
        .var("home", args.str("home"))
        .var("shell", args.str("shell"))
        .flag("system", args.bool("system"))
        .flag("no_home", !args.bool("create_home"))
        .args(&words);
    let mut effects = vec![add];
    effects.extend(args.opt_str("password").map(|hash| password(args, hash)));
    match args.opt_bool("password_lock") {
        Some(true) => effects.push(apply(args, "lock")),
        Some(false) if args.has("password") => {}
        _ => {}
    }
    let age = age(args, None);
    if !age.is_empty() {
        effects.push(apply(args, "age").args(age));
    }
    if args.bool("generate_ssh_key") {
        effects.push(key(args));
    }
    effects.push(probe(args));
    let name = args.str("name");
    let out = result([
        ("name", name.into()),
        ("state", "present".into()),
        ("create_home", args.bool("create_home").into()),
        ("system", args.bool("system").into()),
    ]);
    changed(Action::Create, format!("user {name} is absent"), effects, out)
}

pub fn update(args: &Args, is: &Observed, output: &Output) -> Decision {
    let mut edit = Edit::default();
    edit.number("-u", "uid", args.opt_int("uid"), is.uid);
    if args.bool("non_unique") && !edit.words.is_empty() {
        edit.words.push("-o".into());
    }
    let wanted_gid = match args.opt_str("group") {
        Some(group) => {
            group.parse().ok().or_else(|| field(output, "", "group")?.split(':').nth(2)?.parse().ok())
        }
        None => None,
    };
    edit.number("-g", "group", wanted_gid, is.gid);
    edit.text("-c", "comment", args.opt_str("comment"), &is.comment);
    edit.text("-s", "shell", args.opt_str("shell"), &is.shell);
    edit.text("-d", "home", args.opt_str("home"), &is.home);
    if args.bool("move_home") && args.opt_str("home").is_some_and(|h| h != is.home) {
        edit.words.push("-m".into());
    }
    edit.groups(args, is);
    if let Some(day) = expiry(args) {
        let has = is.shadow.get(7).map_or("", String::as_str);
        if !is.shadow[0].is_empty() && days(args).map(|d| d.to_string()).unwrap_or_default() != has {
            edit.set("-e", "expires", has, &day);
        }
    }
    let mut effects = Vec::new();
    if !edit.words.is_empty() {
        effects.push(apply(args, "modify").args(&edit.words));
    }
    shadow(args, is, &mut edit, &mut effects);
    if args.bool("create_home") && field(output, "", "home_exists").is_none() {
        edit.reasons.push(format!("home {} is absent", args.opt_str("home").unwrap_or(&is.home)));
        effects
            .push(apply(args, "home").var("skeleton", args.str("skeleton")).var("umask", args.str("umask")));
    }
    if args.bool("generate_ssh_key") && (args.bool("force") || field(output, "", "key").is_none()) {
        edit.reasons.push("has no SSH key".into());
        effects.push(key(args));
    }
    let out = described(args, is, output);
    if effects.is_empty() {
        return Decision::unchanged(out);
    }
    effects.push(probe(args));
    let name = args.str("name");
    let decision = changed(Action::Update, format!("{name}: {}", edit.reasons.join(", ")), effects, out);
    with_diff(decision, diff(name, edit.before, edit.after))
}

#[derive(Default)]
struct Edit {
    words: Vec<String>,
    reasons: Vec<String>,
    before: String,
    after: String,
}

impl Edit {
    fn set(&mut self, option: &str, name: &str, has: &str, wanted: &str) {
        self.words.extend([option.to_string(), wanted.to_string()]);
        self.reasons.push(format!("{name} is {}, not {wanted}", if has.is_empty() { "empty" } else { has }));
        self.before.push_str(&format!("{name}: {has}\n"));
        self.after.push_str(&format!("{name}: {wanted}\n"));
    }

    fn number(&mut self, option: &str, name: &str, wanted: Option<i64>, has: i64) {
        if let Some(wanted) = wanted.filter(|w| *w != has) {
            self.set(option, name, &has.to_string(), &wanted.to_string());
        }
    }

    fn text(&mut self, option: &str, name: &str, wanted: Option<&str>, has: &str) {
        if let Some(wanted) = wanted.filter(|w| *w != has) {
            self.set(option, name, has, wanted);
        }
    }

    /// Without `append` the list is exact.
    fn groups(&mut self, args: &Args, is: &Observed) {
        if !args.has("groups") {
            return;
        }
        let wanted: Vec<&str> =
            args.list("groups").into_iter().flat_map(|g| g.split(',')).filter(|g| !g.is_empty()).collect();
        let missing: Vec<&str> =
            wanted.iter().copied().filter(|g| !is.groups.iter().any(|h| h == g)).collect();
        let extra = is.groups.iter().any(|h| !wanted.contains(&h.as_str()));
        if args.bool("append") {
            if !missing.is_empty() {
                self.words.push("-a".into());
                self.set("-G", "groups", &is.groups.join(","), &missing.join(","));
            }
        } else if !missing.is_empty() || extra {
            self.set("-G", "groups", &is.groups.join(","), &wanted.join(","));
        }
    }
}

/// What lives in the shadow file. A host that does not let it be read is not changed.
fn shadow(args: &Args, is: &Observed, edit: &mut Edit, effects: &mut Vec<Job>) {
    if is.shadow[0].is_empty() {
        return;
    }
    let has = is.shadow.get(1).map_or("", String::as_str);
    let bare = |hash: &str| hash.trim_start_matches('!').to_string();
    if let Some(hash) =
        args.opt_str("password").filter(|h| args.str("update_password") == "always" && bare(h) != bare(has))
    {
        edit.reasons.push("password differs".into());
        effects.push(password(args, hash));
    }
    match args.opt_bool("password_lock") {
        Some(true) if !has.starts_with('!') => {
            edit.reasons.push("password is not locked".into());
            effects.push(apply(args, "lock"));
        }
        Some(false) if has.starts_with('!') && bare(has).len() > 1 => {
            edit.reasons.push("password is locked".into());
            effects.push(apply(args, "unlock"));
        }
        _ => {}
    }
    let words = age(args, Some(is));
    if !words.is_empty() {
        edit.reasons.push("password ageing differs".into());
        effects.push(apply(args, "age").args(words));
    }
}

/// chage's words for what differs: (argument, option, field of the shadow file).
fn age(args: &Args, is: Option<&Observed>) -> Vec<String> {
    let table = [
        ("password_expire_max", "-M", 4),
        ("password_expire_min", "-m", 3),
        ("password_expire_warn", "-W", 5),
        ("password_expire_account_disable", "-I", 6),
    ];
    let differs = |value: i64, index: usize| {
        is.is_none_or(|o| o.shadow.get(index).is_none_or(|f| *f != value.to_string()))
    };
    let found = table.iter().filter_map(|(name, option, index)| Some((args.opt_int(name)?, *option, *index)));
    found.filter(|(v, _, i)| differs(*v, *i)).flat_map(|(v, o, _)| [o.to_string(), v.to_string()]).collect()
}

fn password(args: &Args, hash: &str) -> Job {
    apply(args, "password").stdin(bytes(format!("{}:{hash}\n", args.str("name"))))
}

fn key(args: &Args) -> Job {
    apply(args, "key")
        .var("key_file", key_file(args))
        .var("type", args.str("ssh_key_type"))
        .var("bits", args.opt_int("ssh_key_bits").map(|b| b.to_string()).unwrap_or_default())
        .var("key_comment", args.str("ssh_key_comment"))
        .flag("force", args.bool("force"))
}

/// Days since 1970; `None`: never, or not asked for.
fn days(args: &Args) -> Option<i64> {
    args.opt_float("expires").filter(|e| *e >= 0.0).map(|e| (e / 86400.0).floor() as i64)
}

/// usermod's date; empty for never.
fn expiry(args: &Args) -> Option<String> {
    args.opt_float("expires")?;
    let date = days(args).and_then(|d| jiff::Timestamp::from_second(d * 86400).ok());
    Some(date.map(|t| t.strftime("%Y-%m-%d").to_string()).unwrap_or_default())
}
