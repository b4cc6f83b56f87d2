//! deb822_repository: one file of apt's sources.

use crate::base::Value;
use crate::modules::kit::{changed, claims, only, result};
use crate::modules::text::{edit_text, read_text, remove_file, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is the text of /etc/apt/sources.list.d/NAME.sources, and whether the key's file is there.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Deb822))
}

struct Deb822;

/// Argument → field, in the order in which the file has them.
const FIELDS: &[(&str, &str)] = &[
    ("allow_downgrade_to_insecure", "Allow-Downgrade-To-Insecure"),
    ("allow_insecure", "Allow-Insecure"),
    ("allow_weak", "Allow-Weak"),
    ("architectures", "Architectures"),
    ("by_hash", "By-Hash"),
    ("check_date", "Check-Date"),
    ("check_valid_until", "Check-Valid-Until"),
    ("components", "Components"),
    ("date_max_future", "Date-Max-Future"),
    ("enabled", "Enabled"),
    ("exclude", "Exclude"),
    ("include", "Include"),
    ("inrelease_path", "InRelease-Path"),
    ("languages", "Languages"),
    ("name", "X-Repolib-Name"),
    ("pdiffs", "PDiffs"),
    ("signed_by", "Signed-By"),
    ("suites", "Suites"),
    ("targets", "Targets"),
    ("trusted", "Trusted"),
    ("types", "Types"),
    ("uris", "URIs"),
];

fn slug(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    plain.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
}

fn file(args: &Args) -> String {
    format!("/etc/apt/sources.list.d/{}.sources", slug(args.str("name")))
}

/// The URL of the key and the file it is kept in.
fn key(args: &Args) -> Option<(&str, String)> {
    let url = args.opt_str("signed_by").filter(|s| s.starts_with("http://") || s.starts_with("https://"))?;
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let suffix = if path.ends_with(".asc") || path.ends_with(".txt") || !path.ends_with(".gpg") {
        "asc"
    } else {
        "gpg"
    };
    Some((url, format!("/etc/apt/keyrings/{}.{suffix}", slug(args.str("name")))))
}

fn text(args: &Args) -> String {
    let mut out = String::new();
    for (name, field) in FIELDS {
        let value = match args.value(name) {
            None | Some(Value::Null) => continue,
            Some(Value::Bool(b)) => if *b { "yes" } else { "no" }.to_string(),
            Some(Value::Int(i)) => i.to_string(),
            Some(Value::List(_)) => args.list(name).join(" "),
            Some(_) => args.str(name).to_string(),
        };
        let value = match (*name, key(args)) {
            ("signed_by", Some((_, path))) => path,
            ("signed_by", None) if value.contains("-----BEGIN") => armoured(&value),
            _ => value,
        };
        if !value.is_empty() {
            out.push_str(&format!("{field}: {value}\n").replace(": \n", ":\n"));
        }
    }
    out
}

/// A key within a field: each line indented, an empty one as ` .`.
fn armoured(key: &str) -> String {
    key.trim()
        .lines()
        .map(|l| if l.trim().is_empty() { "\n .".to_string() } else { format!("\n {}", l.trim_end()) })
        .collect()
}

impl Staged for Deb822 {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let mut writes = vec![format!("file:{}", file(args))];
        writes.extend(key(args).map(|(_, path)| format!("file:{path}")));
        claims(&["file:/etc/apt/sources.list.d"], &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let paths = [Some(file(args)), key(args).map(|(_, path)| path)];
        Ok(vec![read_text(paths.into_iter().flatten())])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let path = file(args);
        let was = text_file(output, &path)?;
        let out = result([("dest", path.as_str().into())]);
        if args.str("state") == "absent" {
            let keys = key(args).map(|(_, k)| k).filter(|k| output.field(k, "exists").is_some());
            let gone: Vec<String> = was.exists.then(|| path.clone()).into_iter().chain(keys).collect();
            if gone.is_empty() {
                return Ok(Decision::unchanged(out));
            }
            let effects = gone.iter().map(|p| remove_file(p)).collect();
            return Ok(changed(Action::Delete, format!("{} is present", gone.join(", ")), effects, out));
        }
        let mut out = out;
        let content = text(args);
        out.insert("repo".into(), content.as_str().into());
        let reason = if was.exists { format!("{path} differs") } else { format!("{path} is absent") };
        let mut decision = edit_text(&was, &content, args.opt_str("mode"), &reason, out);
        if let Some((url, keyring)) = key(args) {
            decision.result.insert("key_filename".into(), keyring.as_str().into());
            if output.field(&keyring, "exists").is_none() {
                let fetch = Job::new(script!("deb822_repository.key", "is_key.sh", "key.sh"))
                    .var("url", url)
                    .var("path", &keyring);
                let change =
                    changed(Action::Create, format!("{keyring} is absent"), Vec::new(), Default::default())
                        .change;
                decision.change = decision.change.or(change);
                decision.effects.insert(0, fetch);
            }
        }
        Ok(decision)
    }
}
