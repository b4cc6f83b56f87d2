//! `bake`: a play with `image:` becomes a machine image.

use super::args::RunArgs;
use super::execute::Prepared;
use super::fail::{Done, Fail, code};
use super::outputs::{Kind, sinks};
use super::program::compile;
use super::signals;
use crate::base::{Map, Value};
use crate::eval::{Engine, MapScope};
use crate::exec::Cancel;
use crate::exec::options::Mode;
use crate::image::options::{BuilderOptions, ImageOptions};
use crate::image::plays::Plays;
use crate::image::steps::OnError;
use crate::image::{self, BakeError, Order, store};
use crate::resolve::Compiled;
use crate::syntax::inventory::Inventory;
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct BakeArgs {
    /// Playbook with a play that has `image:`
    pub playbook: PathBuf,
    /// Only these builders
    #[arg(long = "builder", visible_alias = "only", value_name = "NAME")]
    pub builders: Vec<String>,
    /// Bake also where the image is there already
    #[arg(long)]
    pub force: bool,
    /// Folder for finished images
    #[arg(long, default_value = "images", value_name = "FOLDER")]
    pub out: PathBuf,
    /// When a step fails: take back what was made, or leave it for a look
    #[arg(long, value_enum, default_value = "cleanup")]
    pub on_error: Failing,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
pub enum Failing {
    Cleanup,
    Abort,
}

/// The compiled playbook and what of it is the image's.
struct Recipe {
    compiled: Compiled,
    options: ImageOptions,
    name: String,
    hash: String,
}

pub fn run(args: BakeArgs) -> Done {
    let prepared = Prepared::new(vec![args.playbook.clone()], args.run.clone(), Mode::Apply)?;
    let recipe = recipe(&prepared)?;
    let chosen = chosen(&recipe.options, &args.builders)?;
    std::fs::create_dir_all(&args.out).map_err(|e| Fail::io(&args.out, &e))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Fail::failed(format!("the runtime did not start: {e}")))?;
    for builder in chosen {
        if let Some(there) =
            store::find(&args.out, &recipe.name).filter(|m| !args.force && m.builder == builder.kind)
        {
            eprintln!("bake: {} is there; nothing that goes into it has changed", there.name);
            show(&args, &there);
            continue;
        }
        let ended = runtime.block_on(bake(&prepared, &args, &recipe, &builder))?;
        if ended != code::DONE {
            return Ok(ended);
        }
    }
    Ok(code::DONE)
}

fn chosen(options: &ImageOptions, wanted: &[String]) -> Result<Vec<BuilderOptions>, Fail> {
    let wanted = super::args::words(wanted);
    let mut out = Vec::new();
    for name in &wanted {
        let written = options.builders.iter().find(|b| b.kind == *name).cloned();
        out.push(written.unwrap_or_else(|| BuilderOptions { kind: name.clone(), options: Map::new() }));
    }
    if wanted.is_empty() {
        out.clone_from(&options.builders);
    }
    match out.iter().find(|b| image::builder(&b.kind).is_none()) {
        None => Ok(out),
        Some(bad) => Err(Fail::input(format!("there is no builder `{}`", bad.kind)).hint("there is: disk")),
    }
}

fn recipe(prepared: &Prepared) -> Result<Recipe, Fail> {
    let extra = &prepared.options.extra_vars;
    let compiled = compile(&prepared.session, &prepared.playbooks, &prepared.args, extra, None)?;
    let play = compiled.program.plays.iter().find(|play| play.image.is_some());
    let Some((play, (written, _))) = play.and_then(|p| Some((p, p.image.as_ref()?))) else {
        let fail = Fail::input(format!("no play of {} has `image:`", prepared.playbooks[0].display()));
        return Err(fail.hint("`image: {}` beside `hosts:` takes the defaults; see docs/images.md"));
    };
    let mut vars = (*play.vars).clone();
    vars.extend(extra.iter().map(|(k, v)| (k.clone(), v.clone())));
    let engine = Engine::new(prepared.session.sources.clone());
    let evaluate = |value: &Value| {
        engine.evaluate(value, &MapScope::new(vars.clone())).map_err(|e| Fail::input(format!("image: {e}")))
    };
    let value = evaluate(written)?;
    let options = ImageOptions::read(&value).map_err(fail)?;
    let hash = hash(&compiled, &value)?;
    let title = match &options.name {
        Some(name) => name.clone(),
        None => crate::spec::to_text(&evaluate(&play.name)?),
    };
    let name = format!("{}-{}", slug(&title), &hash[..12]);
    Ok(Recipe { options, name, hash, compiled })
}

/// Letters, digits and dashes.
fn slug(title: &str) -> String {
    let words = title.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|w| !w.is_empty());
    let text = words.collect::<Vec<_>>().join("-");
    if text.is_empty() { "image".into() } else { text }
}

/// Of the compiled plays, `image:`, and the files that roles and playbooks bring.
fn hash(compiled: &Compiled, image: &Value) -> Result<String, Fail> {
    let mut hash = Sha256::new();
    hash.update(&compiled.program.hash);
    hash.update(image.to_json().to_string());
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for play in &compiled.program.plays {
        folders.insert(play.playbook_dir.clone());
        folders.extend(play.role_layers.iter().map(|role| role.path.clone()));
    }
    for folder in folders.iter().flat_map(|f| ["files", "templates"].map(|name| f.join(name))) {
        for entry in walkdir::WalkDir::new(&folder).sort_by_file_name().into_iter().flatten() {
            if entry.file_type().is_file() {
                let path = entry.path();
                hash.update(path.strip_prefix(&folder).unwrap_or(path).as_os_str().as_encoded_bytes());
                hash.update(std::fs::read(path).map_err(|e| Fail::io(path, &e))?);
            }
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

async fn bake(prepared: &Prepared, args: &BakeArgs, recipe: &Recipe, builder: &BuilderOptions) -> Done {
    let cancel = Cancel::default();
    let signals = signals::watch(&cancel).map_err(|e| Fail::failed(format!("signals: {e}")))?;
    let Some(made) = image::builder(&builder.kind) else { return Ok(code::INPUT) };
    let order = Arc::new(order(prepared, args, recipe, cancel));
    let baked = made.bake(order).await;
    signals.abort();
    let baked = baked.map_err(fail)?;
    for left in &baked.ending.left {
        eprintln!("error: could not be removed: {left}");
    }
    if let Some((step, why)) = &baked.ending.failed {
        eprintln!("error: bake: {step}: {why}");
    }
    if baked.ending.interrupted {
        eprintln!("bake: interrupted");
        return Ok(if baked.ending.left.is_empty() { code::INTERRUPTED } else { code::FAILED });
    }
    match baked.manifest {
        Some(manifest) => {
            let total: f64 = manifest.timings.iter().map(|(_, seconds)| seconds).sum();
            eprintln!("bake: {} in {total:.0} s", manifest.name);
            show(args, &manifest);
            Ok(code::DONE)
        }
        None => Ok(code::FAILED),
    }
}

fn order(prepared: &Prepared, args: &BakeArgs, recipe: &Recipe, cancel: Cancel) -> Order {
    let mut inventory = Inventory::default();
    let host = inventory.add_host(image::HOST, None);
    for name in &recipe.options.groups {
        let group = inventory.add_group(name, None);
        inventory.add_member(group, host);
    }
    inventory.reconcile();
    let folder = |playbook: &PathBuf| playbook.parent().map(Path::to_path_buf).unwrap_or_default();
    inventory.folders = prepared.playbooks.iter().map(folder).collect();
    let (session, output) = (&prepared.session, &args.run.output);
    let talk = |mode: Mode| sinks(session, output, if mode == Mode::Plan { Kind::Plan } else { Kind::Apply });
    let listeners = [Mode::Apply, Mode::Plan, Mode::Apply].map(talk);
    let plays = Plays {
        program: crate::graph::Program {
            plays: recipe.compiled.program.plays.clone(),
            hash: recipe.compiled.program.hash.clone(),
        },
        includer: Arc::clone(&recipe.compiled.includer),
        inventory,
        engine: Arc::new(Engine::new(session.sources.clone())),
        keyring: Arc::clone(&session.keyring),
        options: prepared.options.clone(),
        sinks: Box::new(move |mode| Arc::clone(&listeners[usize::from(mode == Mode::Plan)])),
        cancel,
    };
    Order {
        image: recipe.options.clone(),
        name: recipe.name.clone(),
        hash: recipe.hash.clone(),
        out: args.out.clone(),
        playbooks: prepared.playbooks.iter().map(|p| p.display().to_string()).collect(),
        plays,
        say: Box::new(|step| eprintln!("bake: {step}")),
        on_error: match args.on_error {
            Failing::Cleanup => OnError::Cleanup,
            Failing::Abort => OnError::Abort,
        },
    }
}

/// The artifacts' paths on stdout.
fn show(args: &BakeArgs, manifest: &image::manifest::Manifest) {
    for artifact in &manifest.artifacts {
        let path = args.out.join(&artifact.file);
        match args.run.output.json {
            true => println!(
                "{}",
                serde_json::json!({"event": "artifact", "image": manifest.name, "format": artifact.format,
                    "path": path.display().to_string(), "sha256": artifact.sha256})
            ),
            false => println!("{}", path.display()),
        }
    }
}

fn fail(error: BakeError) -> Fail {
    match error {
        BakeError::Input(why) => Fail::input(why),
        BakeError::Interrupted => Fail { code: code::INTERRUPTED, ..Fail::failed("interrupted") },
        failed => Fail::failed(failed.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_files_and_clouds() {
        assert_eq!(slug("A node, tuned: v1.2"), "a-node-tuned-v1.2");
        assert_eq!(slug("…"), "image");
    }
}
