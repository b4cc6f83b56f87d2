//! stat: one path's attributes, under Ansible's names.

use crate::base::{List, Map, Value};
use crate::modules::forecast::{self, Forecast};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::Decision;
use crate::remote::files::{StatOptions, stat_job};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

struct Stat;

/// One stat(2) on the host, lstat where links are not followed; sizes are bytes, times seconds since 1970.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Stat))
}

impl Staged for Stat {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let sum = if args.bool("get_checksum") { args.str("checksum_algorithm") } else { "" };
        Ok(vec![
            Job::new(script!("stat.probe", "probe.sh"))
                .var("path", args.str("path"))
                .flag("follow", args.bool("follow"))
                .var("sum", sum)
                .flag("mime", args.bool("get_mime"))
                .flag("attributes", args.bool("get_attributes"))
                .flag("selinux", args.bool("get_selinux_context")),
        ])
    }

    fn foresee(&self, args: &Args, seen: &mut [Output], forecast: &Forecast) -> bool {
        let Some(output) = seen.first_mut().filter(|o| o.ok()) else { return false };
        let path = args.str("path");
        let field = |key: &str| output.field("", key).unwrap_or_default();
        // In the shape of the probe that the forecast knows.
        let mut told = Output::done(0, "", "");
        let there = if field("exists").is_empty() { "0" } else { "1" };
        forecast::record(&mut told, path, "exists", there.as_bytes());
        forecast::record(&mut told, path, "stat", field("fields").as_bytes());
        let options = StatOptions { follow: args.bool("follow"), sha1: true, ..StatOptions::default() };
        if !forecast.amend(&stat_job([path], &options), &mut told) {
            return false;
        }
        let exists = told.field(path, "exists").filter(|e| e == "1").unwrap_or_default();
        forecast::record(output, "", "exists", exists.as_bytes());
        forecast::record(output, "", "readable", b"1");
        for (key, name) in [("stat", "fields"), ("sha1", "checksum")] {
            let asked = name != "checksum" || args.str("checksum_algorithm") == "sha1";
            if let Some(value) = told.field(path, key).filter(|_| asked) {
                forecast::record(output, "", name, value.as_bytes());
            }
        }
        true
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let [output] = seen else { return Err(Failure::new("the probe left no output")) };
        if !output.ok() {
            return Err(Failure::from_output(output));
        }
        let stat = record(args, output);
        Ok(Decision::unchanged(Map::from_iter([("stat".into(), Value::from(stat))])))
    }
}

fn record(args: &Args, output: &Output) -> Map {
    let field = |key: &str| output.field("", key);
    let is = |key: &str| field(key).is_some_and(|v| !v.is_empty());
    let mut stat = Map::from_iter([("exists".into(), is("exists").into())]);
    if !is("exists") {
        return stat;
    }
    let mut set = |key: &str, value: Value| {
        stat.insert(key.into(), value);
    };
    set("path", field("path").into());
    attributes(&field("fields").unwrap_or_default(), &field("times").unwrap_or_default(), &mut set);
    for key in ["readable", "writeable", "executable"] {
        set(key, is(key).into());
    }
    for key in ["checksum", "lnk_source", "lnk_target", "selinux_context"] {
        if let Some(value) = field(key) {
            set(key, value.into());
        }
    }
    if args.bool("get_mime") {
        let mime = field("mime").unwrap_or_default();
        let (kind, charset) = mime.split_once("; charset=").unwrap_or((&mime, ""));
        let or_unknown = |t: &str| Value::from(if t.is_empty() { "unknown" } else { t });
        set("mimetype", or_unknown(kind));
        set("charset", or_unknown(charset));
    }
    if args.bool("get_attributes") {
        let text = field("lsattr").unwrap_or_default();
        let mut words = text.split_ascii_whitespace();
        set("version", words.next().into());
        let flags: String = words.next().unwrap_or_default().chars().filter(|c| *c != '-').collect();
        set("attributes", flags.chars().filter_map(attribute_name).map(Value::from).collect::<List>().into());
        set("attr_flags", flags.into());
    }
    stat
}

/// The lines that the probe's `stat -c` prints.
fn attributes(fields: &str, times: &str, set: &mut dyn FnMut(&str, Value)) {
    let fields: Vec<&str> = fields.lines().collect();
    let times: Vec<&str> = times.lines().collect();
    let text = |i: usize| fields.get(i).copied().unwrap_or_default();
    let number = |i: usize| text(i).parse::<i64>().unwrap_or_default();
    let raw = u32::from_str_radix(text(0), 16).unwrap_or_default();
    set("mode", format!("{:04o}", raw & 0o7777).into());
    let kind = raw & 0o170_000;
    let kinds = [
        ("isdir", 0o040_000),
        ("ischr", 0o020_000),
        ("isblk", 0o060_000),
        ("isreg", 0o100_000),
        ("isfifo", 0o010_000),
        ("islnk", 0o120_000),
        ("issock", 0o140_000),
    ];
    for (key, value) in kinds {
        set(key, (kind == value).into());
    }
    let numbers = [
        ("uid", 1),
        ("gid", 2),
        ("size", 3),
        ("inode", 7),
        ("dev", 8),
        ("nlink", 9),
        ("blocks", 12),
        ("block_size", 13),
    ];
    for (key, index) in numbers {
        set(key, number(index).into());
    }
    let device = |i: usize| u32::from_str_radix(text(i), 16).unwrap_or_default();
    set("device_type", (device(14) << 8 | device(15)).into());
    for (place, (key, index)) in [("mtime", 4), ("atime", 5), ("ctime", 6)].into_iter().enumerate() {
        let precise = times.get(place).and_then(|t| t.parse::<f64>().ok());
        set(key, Value::Float(precise.unwrap_or(number(index) as f64)));
    }
    for (key, index) in [("pw_name", 10), ("gr_name", 11)] {
        let known = !matches!(text(index), "" | "UNKNOWN");
        set(key, if known { text(index).into() } else { Value::Null });
    }
    let bits = [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ];
    for (key, bit) in bits {
        set(key, (raw & bit != 0).into());
    }
}

fn attribute_name(flag: char) -> Option<&'static str> {
    Some(match flag {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}
