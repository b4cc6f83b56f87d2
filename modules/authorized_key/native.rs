//! authorized_key: lines of keys, compared by their material.

use crate::modules::kit::{changed, claims, diff, only, result, with_diff};
use crate::modules::text::{TextFile, read_text, text_file, write_text};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::files::write_file_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is the file's lines, compared by key type and material; options and comments are changed in
/// place.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(AuthorizedKey))
}

struct AuthorizedKey;

fn path(args: &Args) -> String {
    args.opt_str("path").map_or_else(|| format!("~{}/.ssh/authorized_keys", args.str("user")), str::to_string)
}

impl Staged for AuthorizedKey {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let user = args.str("user");
        // Where the home is only the host knows; by custom it is one of these.
        let file = match args.opt_str("path") {
            Some(path) => vec![format!("file:{path}")],
            None if user == "root" => vec!["file:/root/.ssh/*".to_string()],
            None => vec![format!("file:/home/{user}/.ssh/*"), format!("file:/var/lib/{user}/.ssh/*")],
        };
        claims(&[format!("user:{user}"), "file:/etc/passwd".into()], &file)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let key = args.str("key").trim();
        if key.starts_with("http://") || key.starts_with("https://") || key.starts_with("file://") {
            let message = "key is a URL, which is not fetched here; use `key: \"{{ lookup('url', …, split_lines=False) }}\"`";
            return Err(Failure::new(message));
        }
        Ok(vec![read_text([path(args)])])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = only(seen)?;
        let item = path(args);
        if output.field(&item, "user").is_some_and(|u| u.is_empty()) {
            return Err(Failure::new(format!(
                "Failed to lookup user {}: no such user on the host",
                args.str("user")
            )));
        }
        let was = text_file(output, &item)?;
        let wanted = wanted(args)?;
        let (content, reasons) = edit(args, &was.content, &wanted);
        let mut out = result([
            ("key", args.str("key").into()),
            ("keyfile", was.path.as_str().into()),
            ("user", args.str("user").into()),
            ("state", args.str("state").into()),
            ("exclusive", args.bool("exclusive").into()),
        ]);
        let given = ["manage_dir", "path", "key_options", "comment", "follow", "validate_certs"];
        out.extend(given.map(|name| (name.into(), args.value(name).cloned().unwrap_or_default())));
        if reasons.is_empty() {
            return Ok(Decision::unchanged(out));
        }
        let decision = changed(Action::Update, reasons.join("; "), effects(args, &was, &content), out);
        Ok(with_diff(decision, diff(&was.path, was.content.as_str(), content)))
    }
}

fn effects(args: &Args, was: &TextFile, content: &str) -> Vec<Job> {
    let step = |act: &str| {
        Job::new(script!("authorized_key.apply", "apply.sh"))
            .var("act", act)
            .var("user", args.str("user"))
            .var("path", &was.path)
            .flag("manage_dir", args.bool("manage_dir"))
    };
    let mut file = write_text(was, content);
    if !was.exists {
        file.mode = Some("0600".into());
    }
    vec![step("before"), write_file_job(file), step("after")]
}

/// One line that is a key: (options, type, material, comment).
#[derive(Debug, PartialEq, Clone)]
struct KeyLine {
    options: String,
    kind: String,
    material: String,
    comment: String,
}

const KINDS: &[&str] = &["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];

impl KeyLine {
    /// Options may hold blanks within quotes, so the key begins at the first word that is a type.
    fn parse(line: &str) -> Option<KeyLine> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (mut start, mut quoted, mut previous) = (0, false, ' ');
        for (i, c) in line.char_indices().chain([(line.len(), ' ')]) {
            if c == '"' && previous != '\\' {
                quoted = !quoted;
            }
            if c.is_whitespace() && !quoted {
                let word = &line[start..i];
                if KINDS.iter().any(|k| word.starts_with(k)) {
                    let mut rest = line[i..].trim_start().splitn(2, char::is_whitespace);
                    return Some(KeyLine {
                        options: line[..start].trim().to_string(),
                        kind: word.to_string(),
                        material: rest.next()?.to_string(),
                        comment: rest.next().unwrap_or("").trim().to_string(),
                    });
                }
                start = i + c.len_utf8();
            }
            previous = c;
        }
        None
    }

    fn same_key(&self, other: &KeyLine) -> bool {
        self.kind == other.kind && self.material == other.material
    }

    fn line(&self) -> String {
        let parts = [&self.options, &self.kind, &self.material, &self.comment];
        parts.iter().filter(|p| !p.is_empty()).map(|p| p.as_str()).collect::<Vec<_>>().join(" ")
    }
}

fn wanted(args: &Args) -> Result<Vec<KeyLine>, Failure> {
    let lines = args.str("key").lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut keys = Vec::new();
    for line in lines {
        let mut key = KeyLine::parse(line).ok_or_else(|| {
            let shown: String = line.chars().take(40).collect();
            Failure::new(format!("invalid key specified: `{shown}` is not `[options] type base64 [comment]`"))
        })?;
        if let Some(options) = args.opt_str("key_options") {
            key.options = options.to_string();
        }
        if let Some(comment) = args.opt_str("comment") {
            key.comment = comment.to_string();
        }
        keys.push(key);
    }
    Ok(keys)
}

/// The new content and the reasons for it.
fn edit(args: &Args, content: &str, wanted: &[KeyLine]) -> (String, Vec<String>) {
    let (mut lines, mut reasons) = (Vec::new(), Vec::new());
    let name =
        |k: &KeyLine| if k.comment.is_empty() { k.kind.clone() } else { format!("{} {}", k.kind, k.comment) };
    let mut there = vec![false; wanted.len()];
    let absent = args.str("state") == "absent";
    for line in content.lines() {
        let Some(key) = KeyLine::parse(line) else {
            lines.push(line.to_string());
            continue;
        };
        match wanted.iter().position(|w| w.same_key(&key)) {
            Some(_) if absent => reasons.push(format!("key {} is present", name(&key))),
            Some(i) if there[i] => reasons.push(format!("key {} is there twice", name(&key))),
            Some(i) => {
                there[i] = true;
                if wanted[i] != key {
                    reasons.push(format!("key {} has other options or comment", name(&key)));
                }
                lines.push(if wanted[i] == key { line.to_string() } else { wanted[i].line() });
            }
            None if args.bool("exclusive") && !absent => {
                reasons.push(format!("key {} is not wanted", name(&key)))
            }
            None => lines.push(line.to_string()),
        }
    }
    if !absent {
        for (key, _) in wanted.iter().zip(&there).filter(|(_, there)| !**there) {
            reasons.push(format!("key {} is absent", name(key)));
            lines.push(key.line());
        }
    }
    let text = lines.iter().map(|l| format!("{l}\n")).collect();
    (text, reasons)
}
