//! fetch: a file of the host, brought to the controller in parts.

use crate::base::Map;
use crate::modules::{
    Args, ArgsExt, Behaviour, Call, Failure, Outcome, Procedure, ProcedureError, ProcedureFuture, files,
};
use crate::plan::{Action, Change};
use crate::remote::files::{FileKind, FileStat, StatOptions, stat_job};
use crate::remote::{Job, Output};
use crate::script;
use sha1::Digest;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Fetch;

/// Bytes in one part; a job keeps 64 MiB of output at most.
const PART: u64 = 16 << 20;

/// The truth is the SHA-1 of the host's file; what is on the controller with the same sum is not fetched
/// again.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(Fetch))
}

impl Procedure for Fetch {
    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(async move {
            let args = call.args;
            if call.controller.check_mode() {
                let message = "check mode not (yet) supported for this module";
                let result =
                    Map::from_iter([("skipped".into(), true.into()), ("msg".into(), message.into())]);
                return Ok(Outcome { result, ..Outcome::default() });
            }
            let src = args.str("src");
            let options = StatOptions { follow: true, sha1: true, ..StatOptions::default() };
            let output = submit(call, stat_job([src], &options)).await?;
            let stat = files::seen_one(Some(&output), src)?;
            let mut result = Map::from_iter([("file".into(), src.into())]);
            if let Some(why) = unfit(&stat) {
                if args.bool("fail_on_missing") {
                    return Err(Failure { message: why.into(), result }.into());
                }
                result.insert("msg".into(), format!("{why}, not transferring, ignored").into());
                return Ok(Outcome { result, ..Outcome::default() });
            }
            let remote = stat.sha1.clone().unwrap_or_default();
            let dest = destination(args, &call.controller.base_dir(), call.controller.inventory_hostname())?;
            let sums = local_sums(&dest).await?;
            let local = sums.as_ref().map(|(sha1, _)| sha1.clone());
            result.insert("dest".into(), dest.display().to_string().into());
            result.insert("checksum".into(), remote.as_str().into());
            if !remote.is_empty() && local.as_deref() == Some(&remote) {
                result.insert("md5sum".into(), sums.map(|(_, md5)| md5).into());
                return Ok(Outcome { result, ..Outcome::default() });
            }
            let (action, reason) = match local {
                None => (Action::Create, format!("{} is absent on the controller", dest.display())),
                Some(_) => (Action::Update, format!("{} is not what the host has", dest.display())),
            };
            result.insert("remote_checksum".into(), remote.as_str().into());
            let (got, md5) = transfer(call, &dest, stat.size, &remote).await?;
            result.insert("checksum".into(), got.into());
            result.insert("md5sum".into(), md5.into());
            result.shift_remove("file");
            let change = Change { action, reason, diffs: Vec::new() };
            Ok(Outcome { change: Some(change), result, warnings: Vec::new() })
        })
    }
}

async fn submit(call: Call<'_>, job: Job) -> Result<Output, ProcedureError> {
    let output = call.remote.submit(call.become_user, job).await?;
    if output.ok() { Ok(output) } else { Err(Failure::from_output(&output).into()) }
}

/// Why there is nothing to fetch.
fn unfit(stat: &FileStat) -> Option<&'static str> {
    match stat.kind {
        _ if !stat.exists => Some("the remote file does not exist"),
        FileKind::Directory => Some("remote file is a directory, fetch cannot work on directories"),
        _ if stat.unreadable => Some("File is not readable: the remote file cannot be read by this user"),
        FileKind::File => None,
        _ => Some("the remote file is no regular file"),
    }
}

/// Where the file goes.
fn destination(args: &Args, base: &Path, host: &str) -> Result<PathBuf, Failure> {
    let (src, text) = (args.str("src"), args.str("dest"));
    let dest = match text.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => base.join(text),
    };
    if !args.bool("flat") {
        return Ok(below(&dest.join(host), src));
    }
    if text.ends_with('/') {
        return Ok(dest.join(files::base_name(src)));
    }
    if dest.is_dir() {
        let message = "dest is an existing directory, use a trailing slash if you want to fetch src into that directory";
        return Err(Failure::new(message));
    }
    Ok(dest)
}

/// `path` below `root`, whatever its `..`.
fn below(root: &Path, path: &str) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    root.join(parts.join("/"))
}

fn failed(path: &Path, e: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{} on the controller: {e}", path.display()))
}

/// Both digests of what is read bit by bit: SHA-1, which decides, and MD5, which is only told.
#[derive(Default)]
struct Sums(sha1::Sha1, md5::Md5);

impl Sums {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
        self.1.update(bytes);
    }

    fn done(self) -> (String, String) {
        (files::hex(&self.0.finalize()), files::hex(&self.1.finalize()))
    }
}

/// The digests of a local file, where there is one.
async fn local_sums(path: &Path) -> Result<Option<(String, String)>, Failure> {
    let owned = path.to_path_buf();
    let read = move || -> std::io::Result<Option<(String, String)>> {
        let mut file = match std::fs::File::open(&owned) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut digest = Sums::default();
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(Some(digest.done())),
                n => digest.update(&block[..n]),
            }
        }
    };
    let sum = tokio::task::spawn_blocking(read).await.map_err(|e| failed(path, e))?;
    sum.map_err(|e| failed(path, e))
}

/// Brings the file part by part; its digests as it arrived.
async fn transfer(
    call: Call<'_>,
    dest: &Path,
    size: u64,
    sum: &str,
) -> Result<(String, String), ProcedureError> {
    let folder = dest.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let mut file =
        tempfile::Builder::new().prefix(".fitout-").tempfile_in(folder).map_err(|e| failed(folder, e))?;
    let mut digest = Sums::default();
    let mut at = 0;
    while at < size {
        let job = Job::new(script!("fetch.part", "part.sh"))
            .var("path", call.args.str("src"))
            .var("from", (at + 1).to_string())
            .var("size", PART.min(size - at).to_string());
        let part = submit(call, job).await?.stdout;
        if part.is_empty() {
            break;
        }
        digest.update(&part);
        file.write_all(&part).map_err(|e| failed(dest, e))?;
        at += part.len() as u64;
    }
    let (got, md5) = digest.done();
    if call.args.bool("validate_checksum") && !sum.is_empty() && got != sum {
        let mut failure =
            Failure::new("checksum mismatch: the file changed on the host while it was fetched");
        failure.result.insert("checksum".into(), got.into());
        failure.result.insert("remote_checksum".into(), sum.into());
        return Err(failure.into());
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(dest).map_or(0o644, |m| m.permissions().mode() & 0o7777);
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(|e| failed(dest, e))?;
    file.persist(dest).map_err(|e| failed(dest, e))?;
    Ok((got, md5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_host_stays_below_the_hosts_folder() {
        let cases = [("/etc/x", "/d/h/etc/x"), ("/../../etc/./x", "/d/h/etc/x"), ("x/../y", "/d/h/y")];
        for (path, expected) in cases {
            assert_eq!(below(Path::new("/d/h"), path), Path::new(expected), "{path}");
        }
    }
}
