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
            note!("no run was made from here yet ({} is empty)", args.run_dir.display());
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
    let lines = read(file)?;
    let lines: Vec<(String, Json)> =
        lines.into_iter().filter_map(|l| serde_json::from_str(&l).ok().map(|json| (l, json))).collect();
    let hosts: Vec<&str> = lines.iter().filter_map(|(_, json)| json["host"].as_str()).collect();
    if let Some(host) = args.host.as_deref().filter(|host| !hosts.contains(host)) {
        let fail = Fail::input(format!("the journal of run {} has no host `{host}`", name_of(file)));
        return Err(fail.did_you_mean(host, hosts));
    }
    for (line, json) in lines {
        if args.host.as_ref().is_some_and(|h| json["host"].as_str().is_some_and(|of| of != h)) {
            continue;
        }
        if let Some(text) = if args.json { Some(line) } else { told(&json) } {
            out.line(&text);
        }
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
    let parsed: Vec<Json> = lines.iter().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let end = match parsed.iter().find(|l| !l["done"].is_null()) {
        Some(done) if done["interrupted"] == true => ", interrupted",
        Some(_) => "",
        None => ", killed or still running",
    };
    let check = parsed.first().is_some_and(|l| l["check"] == true);
    let count = |outcome: &str| parsed.iter().filter(|l| l["outcome"] == outcome).count();
    let (changed, failed) = (count("changed"), count("failed"));
    let lost = match count("unreachable") {
        0 => String::new(),
        lost => format!(", {lost} unreachable"),
    };
    let (kind, word) = if check { ("plan", "to change") } else { ("run", "changed") };
    let of = parsed.first().map(of).unwrap_or_default();
    format!("{}  {kind}{of}: {changed} {word}, {failed} failed{lost}{end}", name_of(file))
}

/// Which playbook a journal's first line is of; one module on hosts has none.
fn of(first: &Json) -> String {
    match first["of"].as_str() {
        Some(name) if !name.is_empty() && first["program"] != "" => format!(" of {}", one_line(name, 40)),
        _ => String::new(),
    }
}

/// One line of the journal in words: `{"begin"}` before an effect, `{"end"}` with its outcome. Other lines are for
/// `--resume`, and for the cloud.
fn told(json: &Json) -> Option<String> {
    let part = |name: &str| one_line(json[name].as_str().unwrap_or_default(), 100);
    let at = part("at");
    if !json["begin"].is_null() {
        return Some(format!(
            "{at}  {}: begins {}: {} ({})",
            part("host"),
            part("begin"),
            part("reason"),
            part("action")
        ));
    }
    if !json["end"].is_null() {
        let why = json["message"].as_str().map(|why| format!(": {}", one_line(why, 300))).unwrap_or_default();
        let (host, outcome, task) = (part("host"), part("outcome"), part("end"));
        return Some(format!("{at}  {host}: {outcome} {task} ({}){why}", part("place")));
    }
    if !json["done"].is_null() {
        return Some(format!("{at}  end of the run"));
    }
    if json["run"].is_null() {
        return None;
    }
    Some(format!("{at}  {} {}{}", if json["check"] == true { "plan" } else { "run" }, part("run"), of(json)))
}
