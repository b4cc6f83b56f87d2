//! copy: content, local files and folders, files of the host.

mod folder;
mod link;
mod remote;

use crate::base::Map;
use crate::modules::files::{self, Put, Source};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::files::{FileKind, FileStat, StatOptions, stat_job};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Copy;

/// Compares by SHA-1, mode and owner with what is at `dest`, so that content which is there is never sent.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Copy))
}

/// Files up to this size are read whole; larger ones are streamed.
const WHOLE: u64 = 1 << 20;

enum From {
    Content(Vec<u8>),
    Local(PathBuf),
    Host,
}

fn source(args: &Args, controller: &dyn Controller) -> Result<From, Failure> {
    if let Some(content) = args.opt_str("content") {
        return Ok(From::Content(content.as_bytes().to_vec()));
    }
    let src = args.str("src");
    if args.bool("remote_src") {
        return Ok(From::Host);
    }
    controller.find_file("files", src).map(From::Local)
}

/// What a source would be called in a folder.
fn name_of(args: &Args, from: &From) -> String {
    match from {
        From::Content(_) => String::new(),
        From::Local(_) | From::Host => files::base_name(args.str("src")).to_string(),
    }
}

impl Staged for Copy {
    fn begins_again(&self) -> bool {
        true
    }

    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = files::claims(spec, args);
        if args.bool("remote_src") {
            claims.reads.push(format!("file:{}", args.str("src")));
        }
        if args.str("dest").ends_with('/') || args.str("src").ends_with('/') {
            files::makes_folders(&mut claims, args.str("dest"));
        }
        claims
    }

    fn probe(&self, args: &Args, controller: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let from = source(args, controller)?;
        match &from {
            From::Local(path) if path.is_dir() => folder::probe(args, path, controller),
            From::Host => remote::probe(args, controller),
            _ => {
                let dest = args.str("dest");
                let inside = files::join(dest, &name_of(args, &from));
                let options = Put::probe(args, args.bool("follow"), false, controller.diff_mode());
                let follow = StatOptions { follow: true, ..StatOptions::default() };
                Ok(vec![stat_job([dest, &inside], &options), stat_job([dest, files::parent(dest)], &follow)])
            }
        }
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let from = source(args, controller)?;
        let (content, shown) = match &from {
            From::Local(path) if path.is_dir() => return folder::decide(args, path, seen, controller),
            From::Host => return remote::decide(args, seen, controller),
            From::Content(bytes) => (Source::Bytes(Arc::from(bytes.as_slice())), String::new()),
            From::Local(path) => {
                (read_local(path, args.bool("decrypt"), controller)?, path.display().to_string())
            }
        };
        one_file(args, seen, &name_of(args, &from), content, &shown)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::finish(decision, done)
    }
}

fn one_file(
    args: &Args,
    seen: &[Output],
    name: &str,
    content: Source,
    shown: &str,
) -> Result<Decision, Failure> {
    let mut stats = files::seen(seen.first())?;
    let mut followed = files::seen(seen.get(1))?;
    let dest = args.str("dest");
    let mut take = |path: &str| stats.remove(path.as_bytes()).unwrap_or_default();
    let mut real = |path: &str| followed.remove(path.as_bytes()).unwrap_or_default();
    let at_dest = real(dest);
    let is_folder = at_dest.exists && at_dest.kind == FileKind::Directory;
    let folder_wanted = dest.ends_with('/');
    if name.is_empty() && (is_folder || folder_wanted) {
        return Err(Failure::new(format!("can not use content with a dir as dest: {dest}")));
    }
    let path = if is_folder || folder_wanted { files::join(dest, name) } else { dest.to_string() };
    let now = take(&path);
    let sum = content.sha1();
    let mut result = Map::from_iter([("dest".into(), path.as_str().into())]);
    result.insert("checksum".into(), sum.as_str().into());
    if !shown.is_empty() {
        result.insert("src".into(), shown.into());
    }
    if let Some(wanted) = args.opt_str("checksum").filter(|w| *w != sum) {
        return Err(Failure::new(format!("the source has the checksum {sum}, not {wanted}")));
    }
    if now.exists && !args.bool("force") && !matches!(now.kind, FileKind::Directory) {
        files::describe(&now, &mut result);
        return Ok(Decision::unchanged(result));
    }
    let make_folder = folder_wanted && !is_folder;
    if !make_folder && !is_folder && !now.exists {
        files::put::need_folder(dest, &real(files::parent(dest)))?;
    }
    let mut put = Put::from_source(args, &path, &now, content);
    put.wanted.mode = mode(args, Path::new(shown)).or(put.wanted.mode);
    put.tells_md5 = true;
    if !shown.is_empty() {
        put.title = shown;
    }
    let mut decision = put.decide(result)?;
    if make_folder && decision.change.is_some() {
        decision.effects.insert(0, folder::make_job(args, &[dest.trim_end_matches('/')])?);
    }
    Ok(decision)
}

/// `mode: preserve` takes the local file's.
fn mode(args: &Args, local: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let preserve = args.str("mode") == "preserve";
    let meta = std::fs::metadata(local).ok().filter(|_| preserve)?;
    Some(format!("{:04o}", meta.permissions().mode() & 0o7777))
}

/// A local file: small ones and vault files whole, others as a path with its hash.
fn read_local(path: &Path, decrypt: bool, controller: &dyn Controller) -> Result<Source, Failure> {
    let unreadable = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    let Ok(meta) = std::fs::metadata(path) else {
        return Ok(Source::Bytes(controller.read_file(path, !decrypt)?));
    };
    if meta.len() <= WHOLE {
        return Ok(Source::Bytes(controller.read_file(path, !decrypt)?));
    }
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut block = vec![0; 1 << 16];
    let mut digest = <sha1::Sha1 as sha1::Digest>::new();
    let mut first = true;
    loop {
        let n = file.read(&mut block).map_err(unreadable)?;
        if n == 0 {
            break;
        }
        if first && decrypt && block.starts_with(b"$ANSIBLE_VAULT;") {
            return Ok(Source::Bytes(controller.read_file(path, false)?));
        }
        first = false;
        sha1::Digest::update(&mut digest, &block[..n]);
    }
    let sum = files::hex(&sha1::Digest::finalize(digest));
    Ok(Source::File(path.to_path_buf(), sum, meta.len()))
}

/// Whether what is there can be taken for the wanted folder.
fn is_folder(stat: &FileStat) -> bool {
    stat.exists && stat.kind == FileKind::Directory
}
