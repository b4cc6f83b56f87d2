//! What is to be baked: a compiled playbook, or a template of Packer's that has become one.

use super::super::execute::Prepared;
use super::super::fail::{Fail, code};
use super::super::outputs::Kind;
use super::super::program::compile;
use super::tell::Tell;
use super::{BakeArgs, inputs, on_error};
use crate::base::{Diags, Map, Sources, Value};
use crate::eval::{Engine, MapScope};
use crate::exec::Cancel;
use crate::exec::options::Mode;
use crate::image;
use crate::image::options::{BuilderOptions, ImageOptions};
use crate::image::packer::{self, Inputs};
use crate::image::plays::Plays;
use crate::image::{BakeError, Baked, Order, Render};
use crate::resolve::Compiled;
use crate::spec::to_text;
use crate::syntax::inventory::Inventory;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The compiled playbook and what of it is the image's.
pub struct Recipe {
    compiled: Compiled,
    pub options: ImageOptions,
    title: String,
    pub name: String,
    hash: String,
    render: Render,
    /// By builder, what templates saw last as `fitout_image`.
    seen: Seen,
    /// Folders that the playbook of a template names.
    _stages: Vec<packer::Stage>,
}

type Seen = Arc<Mutex<BTreeMap<String, Map>>>;

pub fn read(prepared: &mut Prepared, args: &BakeArgs, template: bool) -> Result<Recipe, Fail> {
    let (mut title, mut stages) = (None, Vec::new());
    if template {
        let playbook;
        (playbook, stages) = translated(prepared, args)?;
        prepared.playbooks = vec![playbook];
        // `.` has no name of its own.
        let named = args.playbook.canonicalize().ok();
        let own = args.playbook.file_name().or(named.as_ref().and_then(|path| path.file_name()));
        title = own.map(|name| {
            let name = name.to_string_lossy().into_owned();
            [".pkr.hcl", ".pkr.json", ".json"].iter().fold(name, |n, end| n.trim_end_matches(end).to_string())
        });
    }
    let extra = &prepared.options.extra_vars;
    let compiled =
        compile(&prepared.session, &prepared.playbooks, &prepared.args, extra, None, Diags::default())?;
    let play = compiled.program.plays.iter().find(|play| play.image.is_some());
    let Some((play, (written, span))) = play.and_then(|p| Some((p, p.image.as_ref()?))) else {
        let fail = Fail::input(format!("no play of {} has `image:`", prepared.playbooks[0].display()));
        return Err(fail.hint("`image: {}` beside `hosts:` takes the defaults; see docs/images.md"));
    };
    let mut vars = (*play.vars).clone();
    vars.extend(extra.iter().map(|(k, v)| (k.clone(), v.clone())));
    let engine = Engine::new(prepared.session.sources.clone());
    let render: Render = Arc::new(move |value: &Value, image: &Map| {
        let mut vars = vars.clone();
        if !image.is_empty() {
            vars.insert("fitout_image".into(), image.clone().into());
        }
        engine.evaluate(value, &MapScope::new(vars)).map_err(|e| e.to_string())
    });
    let evaluate = |value: &Value| render(value, &Map::new()).map_err(|e| Fail::input(format!("image: {e}")));
    let value = evaluated(written, &evaluate)?;
    let options = ImageOptions::read(&value)
        .map_err(|error| Fail::input(format!("{}: {error}", prepared.session.sources.location(*span))))?;
    // The text of a template's playbook has it all, but for the moment and what is random.
    let image = (!template).then_some(&value);
    let hash = inputs::hash(&compiled, image, &options.source, &prepared.session.sources, &render)?;
    let title = match (&options.name, title) {
        (Some(name), _) => name.clone(),
        (None, Some(title)) => title,
        (None, None) => crate::spec::to_text(&evaluate(&play.name)?),
    };
    let title = slug(&title);
    let name = format!("{title}-{}", &hash[..12]);
    Ok(Recipe { options, title, name, hash, compiled, render, seen: Seen::default(), _stages: stages })
}

/// A template as a playbook beside it that is on no disk: it may hold what is secret.
fn translated(prepared: &Prepared, args: &BakeArgs) -> Result<(PathBuf, Vec<packer::Stage>), Fail> {
    let mut vars = Vec::new();
    for pair in &args.var {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Fail::input(format!("-var {pair}: it is NAME=VALUE")))?;
        vars.push((name.to_string(), value.to_string()));
    }
    let inputs = Inputs { vars, var_files: args.var_file.clone() };
    let (sources, mut diags) = (&prepared.session.sources, Diags::default());
    let template = packer::read(&args.playbook, &inputs, sources, &mut diags);
    // The moment of the bake is none of what goes into the image: its name and tags may have it.
    let timeless = packer::timeless(|| {
        let mut unsaid = Diags::default();
        let template = packer::read(&args.playbook, &inputs, &Sources::default(), &mut unsaid)?;
        packer::translate(&template, &mut unsaid)
    });
    let translated = template.and_then(|template| packer::translate(&template, &mut diags));
    let failed = prepared.session.show(diags);
    let Some(translated) = translated.filter(|_| !failed) else { return Err(Fail::told(code::INPUT)) };
    let path = match args.playbook.is_dir() {
        true => args.playbook.join("template.yml"),
        false => {
            let name = args.playbook.file_name().unwrap_or_default().to_string_lossy().into_owned();
            args.playbook.with_file_name(format!("{name}.yml"))
        }
    };
    let hashed = timeless.as_ref().map_or_else(|| translated.lasting(), packer::Translated::lasting);
    translated.stages.iter().for_each(|stage| sources.staged(stage.path()));
    sources.stand_in(&path, translated.playbook, hashed);
    Ok((path, translated.stages))
}

/// `image:` with its templates carried out, but for builders' own options and manifests: they may name what only the build knows.
fn evaluated(written: &Value, evaluate: &dyn Fn(&Value) -> Result<Value, Fail>) -> Result<Value, Fail> {
    let Some(map) = written.as_map() else { return evaluate(written) };
    let mut out = Map::new();
    for (key, value) in map {
        let value = match (key.as_str(), value) {
            (Some("builders"), Value::List(list)) => {
                let all: Result<Vec<Value>, Fail> = list.iter().map(|one| builder(one, evaluate)).collect();
                all?.into_iter().collect::<crate::base::List>().into()
            }
            (Some("builders"), one) => builder(one, evaluate)?,
            // Evaluated when there is a build to tell of.
            (Some("packer_manifest"), one) => one.clone(),
            _ => evaluate(value)?,
        };
        out.insert(key.clone(), value);
    }
    Ok(out.into())
}

fn builder(written: &Value, evaluate: &dyn Fn(&Value) -> Result<Value, Fail>) -> Result<Value, Fail> {
    let Some(map) = written.as_map() else { return evaluate(written) };
    let mut map = map.clone();
    for key in ["type", "name"] {
        if let Some(value) = map.get(key).map(evaluate) {
            map.insert(key.into(), value?);
        }
    }
    Ok(map.into())
}

/// Letters, digits and dashes.
fn slug(title: &str) -> String {
    let words = title.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|w| !w.is_empty());
    let text = words.collect::<Vec<_>>().join("-");
    if text.is_empty() { "image".into() } else { text }
}

impl Recipe {
    /// What one builder is told.
    pub fn order(
        &self,
        prepared: &Prepared,
        args: &BakeArgs,
        builder: &BuilderOptions,
        cancel: &Cancel,
        tell: &Arc<Tell>,
    ) -> Order {
        let (teller, name) = (Arc::clone(tell), builder.name.clone());
        Order {
            image: self.options.clone(),
            builder: builder.clone(),
            render: self.listening(builder),
            title: self.title.clone(),
            name: self.name.clone(),
            hash: self.hash.clone(),
            force: args.force,
            out: args.out.clone(),
            playbooks: vec![args.playbook.display().to_string()],
            plays: self.plays(prepared, args, builder, cancel, tell),
            say: Box::new(move |step| teller.say(&name, step)),
            on_error: on_error(args),
        }
    }

    /// Renders, and notes what is known of the build.
    fn listening(&self, builder: &BuilderOptions) -> Render {
        let (render, seen, name) = (Arc::clone(&self.render), Arc::clone(&self.seen), builder.name.clone());
        Arc::new(move |value, image| {
            if !image.is_empty() {
                seen.lock().unwrap_or_else(|e| e.into_inner()).insert(name.clone(), image.clone());
            }
            render(value, image)
        })
    }

    /// Packer's post-processors `manifest`, of each build that has made something.
    pub fn packer_manifests(
        &self,
        results: &[(BuilderOptions, Result<Baked, BakeError>)],
    ) -> Result<(), Fail> {
        let run = packer::manifest::run_name();
        let good = |(builder, baked): &(BuilderOptions, Result<Baked, BakeError>)| {
            let baked = baked.as_ref().ok().filter(|b| b.ending.ok())?;
            let manifest = baked.manifest.clone().filter(|m| !m.artifacts.is_empty())?;
            let name = builder.options.get("build_name").map_or_else(|| builder.name.clone(), to_text);
            Some((
                builder.name.clone(),
                packer::manifest::Built { name, kind: builder.kind.clone(), manifest },
            ))
        };
        for (builder, built) in results.iter().filter_map(good) {
            let seen = self.seen.lock().unwrap_or_else(|e| e.into_inner()).get(&builder).cloned();
            let image = seen.unwrap_or_else(|| image::plays::seen(&builder, "bake"));
            for options in &self.options.packer_manifests {
                let options = Value::Map(options.clone().into());
                let options = (self.render)(&options, &image);
                let options =
                    options.map_err(|e| Fail::failed(format!("the manifest of {}: {e}", built.name)))?;
                let Some(options) = options.as_map() else { continue };
                let builders = options.get("builders").and_then(Value::as_list);
                if builders.is_none_or(|all| all.iter().any(|name| name.as_str() == Some(&built.name))) {
                    packer::manifest::write(options, &built, &run).map_err(Fail::failed)?;
                }
            }
        }
        Ok(())
    }

    fn plays(
        &self,
        prepared: &Prepared,
        args: &BakeArgs,
        builder: &BuilderOptions,
        cancel: &Cancel,
        tell: &Arc<Tell>,
    ) -> Plays {
        let mut inventory = Inventory::default();
        let host = inventory.add_host(&self.options.host, None);
        for name in &self.options.groups {
            let group = inventory.add_group(name, None);
            inventory.add_member(group, host);
        }
        inventory.reconcile();
        let folder = |playbook: &PathBuf| playbook.parent().map(Path::to_path_buf).unwrap_or_default();
        inventory.folders = prepared.playbooks.iter().map(folder).collect();
        let listeners = [Kind::Apply, Kind::Plan]
            .map(|kind| tell.sinks(&prepared.session, &args.run.output, kind, &builder.name));
        Plays {
            program: crate::graph::Program {
                plays: self.compiled.program.plays.clone(),
                hash: self.compiled.program.hash.clone(),
            },
            includer: Arc::clone(&self.compiled.includer),
            inventory,
            host: self.options.host.clone(),
            engine: Arc::new(Engine::new(prepared.session.sources.clone())),
            keyring: Arc::clone(&prepared.session.keyring),
            options: prepared.options.clone(),
            sinks: Box::new(move |mode| Arc::clone(&listeners[usize::from(mode == Mode::Plan)])),
            cancel: cancel.clone(),
        }
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
