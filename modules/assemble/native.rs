//! assemble: fragments of a folder, joined and put in place.

use crate::base::Map;
use crate::base::pyregex::{self, Flags};
use crate::modules::files::{self, Put};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Claims, Decision};
use crate::remote::files::stat_job;
use crate::remote::{Job, Output};
use crate::script;
use crate::spec::ModuleSpec;
use base64::Engine;
use std::sync::Arc;

struct Assemble;

/// Compares by SHA-1 with what is at `dest`; the fragments come from the controller, or with `remote_src`
/// from the host.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Assemble))
}

type Fragment = (String, Vec<u8>);

impl Staged for Assemble {
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        let mut claims = files::claims(spec, args);
        if args.bool("remote_src") {
            claims.reads.push(format!("file:{}", args.str("src")));
        }
        claims
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let dest = args.str("dest");
        let mut jobs = vec![stat_job([dest, files::parent(dest)], &Put::probe(args, true, true, true))];
        if args.bool("remote_src") {
            jobs.push(Job::new(script!("assemble.probe", "probe.sh")).var("src", args.str("src")));
        }
        Ok(jobs)
    }

    fn decide(&self, args: &Args, seen: &[Output], controller: &dyn Controller) -> Result<Decision, Failure> {
        let (src, dest) = (args.str("src"), args.str("dest"));
        let fragments = match args.bool("remote_src") {
            true => on_host(seen.get(1))?,
            false => local(args, controller)?,
        };
        let content = join(args, fragments)?;
        let mut stats = files::seen(seen.first())?;
        let mut take = |path: &str| stats.remove(path.as_bytes()).unwrap_or_default();
        let now = take(dest);
        if !now.exists {
            files::put::need_folder(dest, &take(files::parent(dest)))?;
        }
        let mut result = Map::from_iter([("dest".into(), dest.into()), ("src".into(), src.into())]);
        result.insert("checksum".into(), files::sha1(&content).into());
        let mut put = Put::new(args, dest, &now, content);
        put.title = src;
        put.follow = true;
        put.tells_md5 = true;
        put.decide(result)
    }

    fn finish(&self, _: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        files::finish(decision, done)
    }
}

fn on_host(output: Option<&Output>) -> Result<Vec<Fragment>, Failure> {
    let output = match output {
        Some(output) if output.ok() => output,
        Some(output) => return Err(Failure::from_output(output)),
        None => return Err(Failure::new("the probe left no output")),
    };
    if output.truncated {
        return Err(Failure::new("the fragments are too large to be put together"));
    }
    let read = |(name, key, value): (&[u8], &[u8], &[u8])| {
        let name = String::from_utf8_lossy(name).into_owned();
        let text = std::str::from_utf8(value).unwrap_or_default();
        let content = match key {
            b"base64" => {
                let packed: String = text.split_ascii_whitespace().collect();
                base64::engine::general_purpose::STANDARD.decode(packed).ok()
            }
            _ => text.split_ascii_whitespace().map(|h| u8::from_str_radix(h, 16).ok()).collect(),
        };
        match content {
            Some(content) => Ok((name, content)),
            None => Err(Failure::new(format!("the fragment {name} did not come back whole"))),
        }
    };
    output.records().map(read).collect()
}

fn local(args: &Args, controller: &dyn Controller) -> Result<Vec<Fragment>, Failure> {
    let folder = controller.find_file("files", args.str("src"))?;
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
    if !folder.is_dir() {
        return Err(Failure::new(format!("Source ({}) is not a directory", folder.display())));
    }
    let mut fragments = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            fragments.push((name, controller.read_file(&path, !args.bool("decrypt"))?.to_vec()));
        }
    }
    Ok(fragments)
}

/// The fragments that count, in the order of their names; each, and each delimiter, begins on a line of its own.
fn join(args: &Args, mut fragments: Vec<Fragment>) -> Result<Vec<u8>, Failure> {
    let pattern = args.opt_str("regexp").filter(|p| !p.is_empty());
    let pattern = pattern.map(|p| pyregex::compile(p, Flags::default()));
    let pattern = pattern.transpose().map_err(|e| Failure::new(format!("Invalid Regexp: {e}")))?;
    let delimiter = args.opt_str("delimiter").filter(|d| !d.is_empty()).map(escapes).transpose()?;
    fragments.sort();
    let mut out: Vec<u8> = Vec::new();
    let (mut first, mut line_end_due) = (true, false);
    for (name, content) in fragments {
        if args.bool("ignore_hidden") && name.starts_with('.') {
            continue;
        }
        if let Some(pattern) = &pattern
            && !pattern.is_match(&name).map_err(|e| Failure::new(e.to_string()))?
        {
            continue;
        }
        if line_end_due {
            out.push(b'\n');
        }
        if let Some(delimiter) = delimiter.as_ref().filter(|_| !first) {
            out.extend(delimiter);
            // Of local fragments Ansible takes no delimiter to end with a line's end, so an empty line follows.
            if !delimiter.ends_with(b"\n") || !args.bool("remote_src") {
                out.push(b'\n');
            }
        }
        line_end_due = !content.ends_with(b"\n");
        first = false;
        out.extend(content);
    }
    Ok(out)
}

/// A delimiter given in single quotes may still say `\n`: what Python's string literals of bytes know.
fn escapes(text: &str) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let Some((&kind, behind)) = rest.split_first().filter(|_| byte == b'\\') else {
            out.push(byte);
            continue;
        };
        rest = behind;
        let digits = |from: &[u8], most: usize, radix: u32| {
            from.iter().take(most).take_while(|d| char::from(**d).is_digit(radix)).count()
        };
        let number = |digits: &[u8], radix: u32| {
            digits.iter().fold(0, |n, d| n * radix + char::from(*d).to_digit(radix).unwrap_or_default())
        };
        match kind {
            b'\n' => {}
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'v' => out.push(11),
            b'f' => out.push(12),
            b'\\' | b'\'' | b'"' => out.push(kind),
            b'x' if digits(rest, 2, 16) == 2 => {
                out.push(number(&rest[..2], 16) as u8);
                rest = &rest[2..];
            }
            b'x' => {
                return Err(Failure::new(format!("delimiter: \\x in `{text}` needs two hexadecimal digits")));
            }
            b'0'..=b'7' => {
                let more = digits(rest, 2, 8);
                out.push((number(&[kind], 8) << (3 * more) | number(&rest[..more], 8)) as u8);
                rest = &rest[more..];
            }
            other => out.extend([b'\\', other]),
        }
    }
    Ok(out)
}
