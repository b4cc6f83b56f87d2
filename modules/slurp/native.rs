//! slurp: a file's bytes as base64.

use crate::base::Map;
use crate::modules::files::{self, EDIT_LIMIT};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::files::{FileKind, StatOptions, stat_job};
use crate::remote::{Job, Output};
use base64::Engine;
use std::sync::Arc;

struct Slurp;

/// One file of at most [`EDIT_LIMIT`] bytes, which is 64 MiB; a larger one is a failure that names `fetch`.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Slurp))
}

impl Staged for Slurp {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let options = StatOptions { follow: true, content: Some(EDIT_LIMIT), ..StatOptions::default() };
        Ok(vec![stat_job([args.str("src")], &options)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let src = args.str("src");
        let stat = files::seen_one(seen.first(), src)?;
        let content = match &stat.content {
            _ if !stat.exists => return Err(Failure::new(format!("File not found: {src}"))),
            _ if stat.unreadable => return Err(Failure::new(format!("File is not readable: {src}"))),
            _ if stat.kind == FileKind::Directory => {
                return Err(Failure::new(format!("Source is a directory and must be a file: {src}")));
            }
            None => return Err(Failure::new(format!("{src} is larger than {EDIT_LIMIT} bytes; use fetch"))),
            Some(content) => base64::engine::general_purpose::STANDARD.encode(content),
        };
        Ok(Decision::unchanged(Map::from_iter([
            ("content".into(), content.into()),
            ("encoding".into(), "base64".into()),
            ("source".into(), src.into()),
        ])))
    }
}
