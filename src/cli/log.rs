//! `fitout log`: what earlier runs did, from the journal.

use super::fail::{Done, Fail, code};
use crate::ui::console::Console;
use crate::ui::style::one_line;
use clap::Args;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// Show earlier runs, or what one of them did
#[derive(Debug, Args)]
pub struct LogArgs {
    /// A run, by the beginning of its name; `last` is the latest
    run: Option<String>,
    /// Only this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The journal's own lines
    #[arg(long)]
    json: bool,
    /// Folder that holds the journal
    #[arg(long, value_name = "FOLDER", default_value = ".fitout")]
    run_dir: PathBuf,
}

pub fn run(args: &LogArgs) -> Done {
    let files = journals(&args.run_dir)?;
    let out = Console::stdout();
    let Some(wanted) = &args.run else {
        for file in &files {
            out.line(&title(file));
        }
        if files.is_empty() {
            eprintln!("no run was made from here yet ({} is empty)", args.run_dir.display());
        }
        return Ok(code::DONE);
    };
    let found = match wanted.as_str() {
        "last" => files.last(),
        name => files.iter().find(|f| name_of(f).starts_with(name)),
    };
    let file = found.ok_or_else(|| {
        Fail::input(format!("no run `{wanted}` in {}", args.run_dir.display()))
            .hint("`fitout log` lists the runs")
    })?;
    for line in read(file)? {
        let Ok(json) = serde_json::from_str::<Json>(&line) else { continue };
        if args.host.as_ref().is_some_and(|h| json["host"].as_str().is_some_and(|of| of != h)) {
            continue;
        }
        out.line(&if args.json { line } else { told(&json) });
    }
    Ok(code::DONE)
}

/// The journals' files, oldest first.
fn journals(folder: &Path) -> Result<Vec<PathBuf>, Fail> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).max_depth(2).sort_by_file_name().into_iter().flatten() {
        if entry.file_type().is_file()
            && entry.path().extension().is_some_and(|e| e == "jsonl" || e == "journal")
        {
            files.push(entry.into_path());
        }
    }
    files.sort_by_key(|f| (std::fs::metadata(f).and_then(|m| m.modified()).ok(), f.clone()));
    Ok(files)
}

fn name_of(file: &Path) -> String {
    file.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A killed run may leave half a last line, which is passed over.
fn read(file: &Path) -> Result<Vec<String>, Fail> {
    let bytes = std::fs::read(file).map_err(|e| Fail::io(file, &e))?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_string).collect())
}

fn title(file: &Path) -> String {
    let lines = read(file).unwrap_or_default();
    let last = lines.last().and_then(|l| serde_json::from_str::<Json>(l).ok()).unwrap_or_default();
    let state = if last["event"] == "run_done" { "done" } else { "interrupted" };
    let changed: u64 = last["recap"]
        .as_object()
        .map(|recap| recap.values().filter_map(|r| r["changed"].as_u64()).sum())
        .unwrap_or_default();
    format!("{}  {state}, {changed} changed, {} lines", name_of(file), lines.len())
}

fn told(json: &Json) -> String {
    let part = |name: &str| json[name].as_str().unwrap_or_default().to_string();
    let kind = part("event");
    let what = [part("host"), part("task"), part("outcome")];
    let why = json["change"]["reason"].as_str().unwrap_or_default().to_string();
    let words: Vec<String> = what
        .into_iter()
        .chain([why, part("message")])
        .filter(|w| !w.is_empty())
        .map(|w| one_line(&w, 100))
        .collect();
    format!("{kind:<12} {}", words.join(" · "))
}
