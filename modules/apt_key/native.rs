//! apt_key: a key as a file among those that apt trusts.

use crate::base::{Key, Value};
use crate::modules::files::hex;
use crate::modules::kit::{changed, claims, only, result};
use crate::modules::text::{edit_text, read_text, remove_file, text_file};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Action, Claims, Decision};
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use sha2::Digest;
use std::sync::Arc;

/// The key is a file in /etc/apt/trusted.gpg.d (or `keyring`), compared by content; gpg's own keyrings are
/// not asked.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(AptKey))
}

/// How the text of a key begins.
const ARMOUR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

struct AptKey;

/// The file: `keyring`, else named after where the key comes from.
fn path(args: &Args) -> String {
    if let Some(path) = args.opt_str("keyring") {
        return path.to_string();
    }
    let given = ["url", "file", "id"].iter().find_map(|a| args.opt_str(a));
    // A key that is only text is named after the text, so that two of them are two files.
    let of_text = || format!("fitout-{}", &hex(&sha2::Sha256::digest(args.str("data").trim()))[..16]);
    let source = &given.map_or_else(of_text, str::to_string);
    let bare = source.split(['?', '#']).next().unwrap_or(source);
    let name: String = bare
        .split_once("://")
        .map_or(bare, |(_, rest)| rest)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let suffix = if bare.ends_with(".gpg") { "gpg" } else { "asc" };
    let name = name.trim_matches('-').trim_end_matches("-asc").trim_end_matches("-gpg");
    format!("/etc/apt/trusted.gpg.d/{name}.{suffix}")
}

/// What apt-key made of an id: as given, all its digits, the last 16 and the last 8.
fn ids(id: &str) -> [(Key, Value); 4] {
    let all = id.to_uppercase();
    let all = all.strip_prefix("0X").unwrap_or(&all);
    let last = |n: usize| all.get(all.len().saturating_sub(n)..).unwrap_or(all);
    [("id", id), ("key_id", all), ("fp", last(16)), ("short_id", last(8))].map(|(k, v)| (k.into(), v.into()))
}

impl Staged for AptKey {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        if args.values().any(has_unknown) {
            return Claims::everything();
        }
        let source = args.opt_str("file").map(|f| format!("file:{f}"));
        claims(&source.into_iter().collect::<Vec<_>>(), &[format!("file:{}", path(args))])
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        if args.has("keyserver") {
            return Err(Failure::new(
                "keyserver is refused: give the key's `url` or `data`, best as `signed_by` of deb822_repository",
            ));
        }
        if args.opt_str("data").is_some_and(|data| !data.contains(ARMOUR)) {
            return Err(Failure::new(format!("data is no key: a line `{ARMOUR}` is missing")));
        }
        if args.str("state") == "present" && !["url", "data", "file"].iter().any(|a| args.has(a)) {
            return Err(Failure::new("a key is made from url, data or file; an id alone names none"));
        }
        Ok(vec![read_text([path(args)])])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let path = path(args);
        let was = text_file(only(seen)?, &path)?;
        let mut out = result([("keyring", path.as_str().into())]);
        out.extend(args.opt_str("id").into_iter().flat_map(ids));
        if args.str("state") == "absent" {
            return Ok(match was.exists {
                true => changed(Action::Delete, format!("{path} is present"), vec![remove_file(&path)], out),
                false => Decision::unchanged(out),
            });
        }
        if let Some(data) = args.opt_str("data") {
            let content = format!("{}\n", data.trim());
            return Ok(edit_text(&was, &content, Some("0644"), &format!("{path} is not the key"), out));
        }
        if was.exists {
            return Ok(Decision::unchanged(out));
        }
        let job = match (args.opt_str("url"), args.opt_str("file")) {
            (Some(url), _) => Job::new(script!(
                "deb822_repository.key",
                "../deb822_repository/is_key.sh",
                "../deb822_repository/key.sh"
            ))
            .var("url", url)
            .var("path", &path),
            (_, file) => Job::new(script!("apt_key.apply", "../deb822_repository/is_key.sh", "apply.sh"))
                .var("file", file.unwrap_or(""))
                .var("path", &path),
        };
        Ok(changed(Action::Create, format!("{path} is absent"), vec![job], out))
    }
}
