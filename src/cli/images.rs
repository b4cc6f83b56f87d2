//! `images`: what is in a folder of finished images.

use super::fail::{Done, Fail, code};
use crate::image::manifest::Manifest;
use crate::image::store;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct ImagesArgs {
    #[command(subcommand)]
    command: Option<ImagesCommand>,
    /// Folder of finished images
    #[arg(long, default_value = "images", value_name = "FOLDER", global = true)]
    out: PathBuf,
    /// One JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ImagesCommand {
    /// The images, the newest last
    List,
    /// Packages, kernel parameters and files in which two images differ (exit code 2: they do)
    Diff { a: String, b: String },
    /// Remove all but the newest of each name
    Prune {
        /// How many of each name stay
        #[arg(long, default_value_t = 3, value_name = "N")]
        keep: usize,
        /// Only those at least so many days old
        #[arg(long, default_value_t = 0, value_name = "DAYS")]
        older_than: u64,
        /// Tell only
        #[arg(long)]
        dry_run: bool,
    },
}

pub fn run(args: &ImagesArgs) -> Done {
    match &args.command {
        None | Some(ImagesCommand::List) => list(args),
        Some(ImagesCommand::Diff { a, b }) => {
            let lines = store::diff(&one(args, a)?, &one(args, b)?);
            lines.iter().for_each(|line| println!("{line}"));
            Ok(if lines.is_empty() { code::DONE } else { code::CHANGES })
        }
        Some(ImagesCommand::Prune { keep, older_than, dry_run }) => {
            let images = store::list(&args.out);
            for image in store::prunable(&images, *keep, *older_than, jiff::Timestamp::now()) {
                if !dry_run {
                    store::remove(&args.out, &image).map_err(|e| Fail::failed(e.to_string()))?;
                }
                println!("{}{}", if *dry_run { "would remove " } else { "removed " }, image.name);
            }
            Ok(code::DONE)
        }
    }
}

fn list(args: &ImagesArgs) -> Done {
    for image in store::list(&args.out) {
        if args.json {
            let line = serde_json::to_string(&image).map_err(|e| Fail::failed(e.to_string()))?;
            println!("{line}");
            continue;
        }
        let formats: Vec<String> =
            image.artifacts.iter().map(|a| format!("{} {} MiB", a.format, a.bytes >> 20)).collect();
        let verified = if image.verified { "verified" } else { "not verified" };
        println!("{}  {}  {}  {verified}", image.name, image.made, formats.join(", "));
    }
    Ok(code::DONE)
}

/// The image of this name, or the only one whose name begins so.
fn one(args: &ImagesArgs, name: &str) -> Result<Manifest, Fail> {
    let mut found: Vec<Manifest> =
        store::list(&args.out).into_iter().filter(|image| image.name.starts_with(name)).collect();
    if let Some(at) = found.iter().position(|image| image.name == name) {
        return Ok(found.swap_remove(at));
    }
    match (found.pop(), found.is_empty()) {
        (Some(image), true) => Ok(image),
        (Some(_), false) => Err(Fail::input(format!("`{name}` begins the names of several images"))),
        (None, _) => {
            Err(Fail::input(format!("there is no image `{name}`")).hint("`fitout images` lists them"))
        }
    }
}
