//! `images`: what is in a folder of finished images.

use super::fail::{Done, Fail, code};
use crate::image::amazon::prune::{self, Region};
use crate::image::manifest::{Artifact, Manifest};
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
    /// The images in this region too; may be given more than once
    #[arg(long, global = true, value_name = "REGION")]
    region: Vec<String>,
    /// Profile of credentials for regions
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ImagesCommand {
    /// The images, the newest last
    List,
    /// What is in an image and how it was made
    Show { image: String },
    /// Packages, kernel parameters and files in which two images differ (exit code 2: they do)
    Diff { a: String, b: String },
    /// Remove all but the newest of each name; in a region never one that an instance, launch template or group uses
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
        Some(ImagesCommand::Show { image }) => {
            show(&one(args, image)?, args.json);
            Ok(code::DONE)
        }
        Some(ImagesCommand::Diff { a, b }) => {
            let lines = store::diff(&one(args, a)?, &one(args, b)?);
            lines.iter().for_each(|line| told!("{line}"));
            Ok(if lines.is_empty() { code::DONE } else { code::CHANGES })
        }
        Some(ImagesCommand::Prune { keep, older_than, dry_run }) => {
            let images = store::list(&args.out);
            for image in store::prunable(&images, *keep, *older_than, jiff::Timestamp::now()) {
                if !dry_run {
                    store::remove(&args.out, &image).map_err(|e| Fail::failed(e.to_string()))?;
                }
                told!("{}{}", if *dry_run { "would remove " } else { "removed " }, image.name);
            }
            regions(args, async |name, region| {
                prune(args, name, region, (*keep, *older_than), *dry_run).await
            })
        }
    }
}

/// Does something in each region that was named.
fn regions(args: &ImagesArgs, work: impl AsyncFn(&str, &Region) -> Result<(), String>) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Fail::failed(format!("the runtime did not start: {e}")))?;
    runtime.block_on(async {
        for name in &args.region {
            let region = Region::of(name, args.profile.as_deref()).await;
            let region = region.map_err(|e| Fail::input(e.to_string()))?;
            work(name, &region).await.map_err(Fail::failed)?;
        }
        Ok(code::DONE)
    })
}

async fn prune(
    args: &ImagesArgs,
    name: &str,
    region: &Region,
    (keep, days): (usize, u64),
    dry_run: bool,
) -> Result<(), String> {
    let images = region.images().await.map_err(|e| e.to_string())?;
    let old = prune::prunable(&images, keep, days, jiff::Timestamp::now());
    if old.is_empty() {
        return Ok(());
    }
    let uses = region.uses().await.map_err(|e| e.to_string())?;
    for image in old {
        let shown = format!("{} {name}:{}", image.name, image.id);
        if let Some(users) = uses.get(&image.id) {
            let users: Vec<&str> = users.iter().map(String::as_str).collect();
            told!("kept {shown}: used by {}", users.join("; "));
            continue;
        }
        if image.protected {
            told!("kept {shown}: protected from being deregistered");
            continue;
        }
        if !dry_run {
            region.remove(&image).await.map_err(|e| e.to_string())?;
            forget(args, name, &image.id)?;
        }
        told!("{}{shown}", if dry_run { "would remove " } else { "removed " });
    }
    Ok(())
}

/// The manifest of an image that is gone, where the folder has it and it tells of nothing else.
fn forget(args: &ImagesArgs, region: &str, id: &str) -> Result<(), String> {
    let only =
        |m: &Manifest| m.artifacts.len() == 1 && m.artifacts[0].region == region && m.artifacts[0].id == id;
    match store::list(&args.out).into_iter().find(only) {
        Some(manifest) => store::remove(&args.out, &manifest).map_err(|e| e.to_string()),
        None => Ok(()),
    }
}

fn list(args: &ImagesArgs) -> Done {
    local(args)?;
    if args.region.is_empty() && !args.json && store::list(&args.out).is_empty() {
        note!("there are no images in {} (--out, --region)", args.out.display());
    }
    regions(args, async |name, region| {
        for image in region.images().await.map_err(|e| e.to_string())? {
            match args.json {
                true => told!(
                    "{}",
                    serde_json::json!({"name": image.name, "made": image.made, "region": name, "id": image.id})
                ),
                false => told!("{}  {}  {name}:{}", image.name, image.made, image.id),
            }
        }
        Ok(())
    })
}

fn shown(artifact: &Artifact) -> String {
    match artifact.id.is_empty() {
        true => format!("{} {} MiB", artifact.format, artifact.bytes >> 20),
        false => format!("{}:{}", artifact.region, artifact.id),
    }
}

fn local(args: &ImagesArgs) -> Result<(), Fail> {
    for image in store::list(&args.out) {
        if args.json {
            let line = serde_json::to_string(&image).map_err(|e| Fail::failed(e.to_string()))?;
            told!("{line}");
            continue;
        }
        let formats: Vec<String> = image.artifacts.iter().map(shown).collect();
        let verified = if image.verified { "verified" } else { "not verified" };
        told!("{}  {}  {}  {verified}", image.name, image.made, formats.join(", "));
    }
    Ok(())
}

fn show(image: &Manifest, json: bool) {
    if json {
        return told!("{}", serde_json::to_string(image).unwrap_or_default());
    }
    let Manifest { builder, source, hash, made, fitout, .. } = image;
    told!("{}\n  made      {made} by fitout {fitout}, {builder}", image.name);
    told!("  inputs    {}, from {source}", image.inputs.join(", "));
    told!("  hash      {hash}");
    told!("  verified  {}", if image.verified { "yes" } else { "no" });
    image.artifacts.iter().for_each(|a| told!("  artifact  {} {}", shown(a), a.file));
    told!("  packages  {}", image.packages.len());
    image.sysctl.iter().for_each(|(key, value)| told!("  sysctl    {key} = {value}"));
    image.changed.iter().for_each(|line| told!("  file      {line}"));
    image.timings.iter().for_each(|(step, seconds)| told!("  {seconds:>7} s {step}"));
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
