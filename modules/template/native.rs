//! template: rendered on the controller, put in place like any content.

use crate::base::Map;
use crate::eval::Encoding;
use crate::modules::files::{self, Attributes, Put};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::files::{FileKind, StatOptions, folders_job, stat_job};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

struct Template;

/// Compares the rendered text by SHA-1, mode and owner with what is at `dest`; a variable that is not defined
/// is a failure.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Template))
}

impl Staged for Template {
    fn begins_again(&self) -> bool {
        true
    }

    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = files::claims(spec, args);
        if args.str("dest").ends_with('/') {
            files::makes_folders(&mut claims, args.str("dest"));
        }
        claims
    }

    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        encoding(args)?;
        let dest = args.str("dest");
        let inside = files::join(dest, files::base_name(args.str("src")));
        let options = Put::probe(args, args.bool("follow"), false, controller.diff_mode());
        let follow = StatOptions { follow: true, ..StatOptions::default() };
        Ok(vec![stat_job([dest, &inside], &options), stat_job([dest, files::parent(dest)], &follow)])
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let (src, dest) = (args.str("src"), args.str("dest"));
        let template = controller.find_file("templates", src)?;
        let mut stats = files::seen(seen.first())?;
        let mut followed = files::seen(seen.get(1))?;
        let mut real = |path: &str| followed.remove(path.as_bytes()).unwrap_or_default();
        let folder = real(dest);
        let is_folder = folder.exists && folder.kind == FileKind::Directory;
        // As copy does it: a folder that `/` asks for is made.
        let make_folder = dest.ends_with('/') && !is_folder;
        let path = if is_folder || make_folder {
            files::join(dest, files::base_name(src))
        } else {
            dest.to_string()
        };
        let now = stats.remove(path.as_bytes()).unwrap_or_default();
        let mut result = Map::from_iter([("dest".into(), path.as_str().into())]);
        result.insert("src".into(), template.display().to_string().into());
        if now.exists && !args.bool("force") && now.kind != FileKind::Directory {
            files::describe(&now, &mut result);
            return Ok(Decision::unchanged(result));
        }
        if !is_folder && !make_folder && !now.exists {
            files::put::need_folder(dest, &real(files::parent(dest)))?;
        }
        let mut text = controller.render(&template, args)?;
        let ends = args.str("newline_sequence").replace("\\r", "\r").replace("\\n", "\n");
        if !ends.is_empty() && ends != "\n" {
            text = text.replace("\r\n", "\n").replace('\n', &ends);
        }
        let bytes = encoded(args, &text)?;
        result.insert("checksum".into(), files::sha1(&bytes).into());
        let title = template.display().to_string();
        let mut put = Put::new(args, &path, &now, bytes);
        put.title = &title;
        put.tells_md5 = true;
        if args.str("mode") == "preserve" {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&template).ok().map(|m| m.permissions().mode() & 0o7777);
            put.wanted.mode = mode.map(|m| format!("{m:04o}"));
        }
        let mut decision = put.decide(result)?;
        if make_folder && decision.change.is_some() {
            let wanted = Attributes::of(args).with_mode(None).of_folders()?;
            decision.effects.insert(0, folders_job([dest.trim_end_matches('/')], wanted));
        }
        Ok(decision)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::finish(decision, done)
    }
}

fn encoding(args: &Args) -> Result<Encoding, Failure> {
    let name = args.opt_str("output_encoding").unwrap_or("utf-8");
    let unknown = || Failure::new(format!("unknown encoding: {name}; known are {}", Encoding::KNOWN));
    Encoding::named(name).ok_or_else(unknown)
}

fn encoded(args: &Args, text: &str) -> Result<Vec<u8>, Failure> {
    let encoding = encoding(args)?;
    let lacking = || {
        let lost = text.chars().find(|c| encoding.encode(&c.to_string()).is_none()).unwrap_or_default();
        Failure::new(format!("'{}' codec can't encode character '{lost}'", args.str("output_encoding")))
    };
    encoding.encode(text).ok_or_else(lacking)
}
