//! `bake`: a play with `image:`, or a template of Packer's, becomes machine images.

mod inputs;
mod recipe;
mod tell;

use super::args::RunArgs;
use super::execute::Prepared;
use super::fail::{Done, Fail, code};
use super::signals;
use crate::exec::Cancel;
use crate::exec::options::Mode;
use crate::image::options::BuilderOptions;
use crate::image::steps::{Answer, OnError};
use crate::image::{self, BakeError, Baked, store};
use clap::{Args, ValueEnum};
use recipe::Recipe;
use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tell::Tell;
use tokio::task::JoinSet;

#[derive(Debug, Args)]
pub struct BakeArgs {
    /// Playbook with a play that has `image:`, or a template of Packer's (.json, .pkr.hcl, a folder of them)
    pub playbook: PathBuf,
    /// Only these builders, by kind or name
    #[arg(long = "builder", visible_alias = "only", value_name = "NAME")]
    pub builders: Vec<String>,
    /// All builders but these
    #[arg(long, value_name = "NAME")]
    pub except: Vec<String>,
    /// A variable of the template, or of the playbook
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File of variables for the template (JSON or HCL), or for the playbook
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    /// Bake also where the image is there already
    #[arg(long)]
    pub force: bool,
    /// Folder for finished images
    #[arg(long, default_value = "images", value_name = "FOLDER")]
    pub out: PathBuf,
    /// When a step fails: take back what was made, leave it for a look, or ask
    #[arg(long, value_enum, default_value = "cleanup")]
    pub on_error: Failing,
    /// The same as --on-error=abort
    #[arg(long)]
    pub keep_on_error: bool,
    /// Builders at work at a time; 0: all
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub parallel_builds: usize,
    /// Packer's lines on stdout: `timestamp,target,type,data…`
    #[arg(long)]
    pub machine_readable: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum Failing {
    Cleanup,
    Abort,
    Ask,
}

/// Packer's flags have one dash: `-var`, `-machine-readable`.
pub fn words(words: Vec<OsString>) -> Vec<OsString> {
    const FLAGS: [&str; 8] =
        ["var", "var-file", "only", "except", "force", "on-error", "machine-readable", "parallel-builds"];
    if words.get(1).is_none_or(|w| w != "bake") {
        return words;
    }
    let long = |word: OsString| {
        let text = word.to_string_lossy().into_owned();
        let Some(flag) = text.strip_prefix('-').filter(|f| !f.starts_with('-')) else { return Some(word) };
        match flag.split_once('=').map_or(flag, |(name, _)| name) {
            "color" if flag.ends_with("=false") => Some("--no-color".into()),
            "color" | "timestamp-ui" | "debug" => None,
            "parallel" => Some(
                if flag.ends_with("=false") { "--parallel-builds=1" } else { "--parallel-builds=0" }.into(),
            ),
            name if FLAGS.contains(&name) => Some(format!("-{text}").into()),
            _ => Some(word),
        }
    };
    words.into_iter().filter_map(long).collect()
}

pub fn run(mut args: BakeArgs) -> Done {
    let template = image::packer::is_template(&args.playbook);
    if !template {
        args.run.vars.extra_vars.extend(args.var.iter().cloned());
        args.run.vars.extra_vars.extend(args.var_file.iter().map(|f| format!("@{}", f.display())));
    }
    let mut prepared = Prepared::new(vec![args.playbook.clone()], args.run.clone(), Mode::Apply)?;
    let recipe = recipe::read(&mut prepared, &args, template)?;
    let chosen = chosen(&recipe.options.builders, &super::args::words(&args.builders), &args.except)?;
    std::fs::create_dir_all(&args.out).map_err(|e| Fail::io(&args.out, &e))?;
    let tell = Tell::new(args.machine_readable, args.run.output.json, &chosen);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Fail::failed(format!("the runtime did not start: {e}")))?;
    runtime.block_on(all(&prepared, &args, &recipe, chosen, &tell))
}

/// The builders that are wanted; those that are not written may be named still, with all their defaults.
fn chosen(
    written: &[BuilderOptions],
    wanted: &[String],
    except: &[String],
) -> Result<Vec<BuilderOptions>, Fail> {
    let mut out: Vec<BuilderOptions> = Vec::new();
    for name in wanted {
        let found: Vec<&BuilderOptions> = written.iter().filter(|b| is_called(b, name)).collect();
        match found.is_empty() {
            true => out.push(BuilderOptions::plain(name)),
            false => out.extend(found.into_iter().cloned()),
        }
    }
    if wanted.is_empty() {
        out = written.to_vec();
    }
    let except = super::args::words(except);
    out.retain(|b| !except.iter().any(|name| is_called(b, name)));
    let mut names = std::collections::BTreeSet::new();
    out.retain(|b| names.insert(b.name.clone()));
    if out.is_empty() {
        return Err(Fail::input("no builder is left"));
    }
    match out.iter().find(|b| image::builder(&b.kind).is_none()) {
        None => Ok(out),
        Some(bad) => {
            let there = format!("there are: {}", image::BUILDERS.join(", "));
            Err(Fail::input(format!("there is no builder `{}`", bad.kind)).hint(there))
        }
    }
}

/// By kind, by name, or as HCL has it (`amazon-ebs.base`); `*` stands for anything.
fn is_called(builder: &BuilderOptions, wanted: &str) -> bool {
    let fits = |name: &str| match wanted.split_once('*') {
        None => name == wanted,
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    };
    let full = format!("{}.{}", builder.kind, builder.name);
    [&builder.kind, &builder.name, &full].into_iter().chain(&builder.also).any(|name| fits(name))
}

/// Bakes with all builders at once.
async fn all(
    prepared: &Prepared,
    args: &BakeArgs,
    recipe: &Recipe,
    chosen: Vec<BuilderOptions>,
    tell: &Arc<Tell>,
) -> Done {
    let cancel = Cancel::default();
    let signals = signals::watch(&cancel).map_err(|e| Fail::failed(format!("signals: {e}")))?;
    let places = match args.parallel_builds {
        0 => chosen.len(),
        n => n,
    };
    let places = Arc::new(tokio::sync::Semaphore::new(places.max(1)));
    let mut work: JoinSet<(BuilderOptions, Result<Baked, BakeError>)> = JoinSet::new();
    let mut results = Vec::new();
    for builder in chosen {
        let there = (builder.kind == "disk" && !args.force).then(|| store::find(&args.out, &recipe.name));
        if let Some(manifest) = there.flatten().filter(|m| m.builder == builder.kind) {
            let baked = Baked { ending: Default::default(), manifest: Some(manifest), found: true };
            results.push((builder, Ok(baked)));
            continue;
        }
        let Some(made) = image::builder(&builder.kind) else { return Ok(code::INPUT) };
        let order = Arc::new(recipe.order(prepared, args, &builder, &cancel, tell));
        let places = Arc::clone(&places);
        work.spawn(async move {
            let _place = places.acquire().await;
            let baked = made.bake(order).await;
            (builder, baked)
        });
    }
    while let Some(done) = work.join_next().await {
        results.push(done.map_err(|e| Fail::failed(format!("a builder broke off: {e}")))?);
    }
    signals.abort();
    let mut worst = code::DONE;
    for (builder, baked) in &results {
        worst = worse(worst, ended(tell, builder, baked)?);
    }
    let written = recipe.packer_manifests(&results);
    // They are there, whatever became of the file that says so.
    tell.artifacts(&args.out, &results);
    written?;
    Ok(worst)
}

/// A failure is told before an interrupt.
fn worse(a: u8, b: u8) -> u8 {
    let rank = |code: u8| match code {
        code::DONE => 0,
        code::FAILED | code::INPUT => 2,
        _ => 1,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// Tells how one builder ended; the exit code that it comes to.
fn ended(tell: &Tell, builder: &BuilderOptions, baked: &Result<Baked, BakeError>) -> Done {
    let name = builder.name.as_str();
    let baked = match baked {
        Ok(baked) => baked,
        Err(BakeError::Interrupted) => return Ok(signals::interrupted()),
        Err(BakeError::Input(why)) => {
            tell.error(name, why);
            return Ok(code::INPUT);
        }
        Err(error) => {
            tell.error(name, &format!("bake: {error}"));
            return Ok(code::FAILED);
        }
    };
    for left in &baked.ending.left {
        tell.error(name, &format!("could not be removed: {left}"));
    }
    if let Some((step, why)) = &baked.ending.failed {
        tell.error(name, &format!("bake: {step}: {why}"));
    }
    if !baked.ending.kept.is_empty() {
        tell.say(name, &format!("kept for a look: {}", baked.ending.kept.join(", ")));
        tell.say(name, "`fitout gc` removes it");
    }
    if baked.ending.interrupted {
        tell.say(name, "interrupted");
        return Ok(if baked.ending.left.is_empty() { signals::interrupted() } else { code::FAILED });
    }
    match &baked.manifest {
        Some(manifest) if baked.found => {
            tell.say(name, &format!("{} is there; nothing that goes into it has changed", manifest.name));
        }
        Some(manifest) => {
            let total: f64 = manifest.timings.iter().map(|(_, seconds)| seconds).sum();
            tell.say(name, &format!("{} in {total:.0} s", manifest.name));
        }
        None => return Ok(code::FAILED),
    }
    Ok(if baked.ending.ok() { code::DONE } else { code::FAILED })
}

/// Asks what is to become of a step that failed. One question at a time.
fn ask(step: &str, why: &str) -> Answer {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    note!("error: bake: {step}: {why}");
    if !std::io::stdin().is_terminal() {
        note!("bake: there is no terminal to ask on; cleaning up");
        return Answer::Cleanup;
    }
    loop {
        eprint!("[c] clean up and end, [a] end and leave everything, [r] the step once more? ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(0) | Err(_) => return Answer::Cleanup,
            Ok(_) => {}
        }
        match answer.trim() {
            "c" => return Answer::Cleanup,
            "a" => return Answer::Abort,
            "r" => return Answer::Retry,
            _ => {}
        }
    }
}

fn on_error(args: &BakeArgs) -> OnError {
    match args.on_error {
        Failing::Abort => OnError::Abort,
        _ if args.keep_on_error => OnError::Abort,
        Failing::Cleanup => OnError::Cleanup,
        Failing::Ask => OnError::Ask(ask),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packers_flags_have_one_dash() {
        let read = |line: &str| -> String {
            let all: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            words(all).iter().map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            read("fitout bake -var a=1 -var-file=x -machine-readable -color=false -only=b t.json -b disk -v"),
            "fitout bake --var a=1 --var-file=x --machine-readable --no-color --only=b t.json -b disk -v"
        );
        assert_eq!(
            read("fitout bake -parallel=false -debug t.json"),
            "fitout bake --parallel-builds=1 t.json"
        );
        assert_eq!(read("fitout apply -var"), "fitout apply -var");
    }

    #[test]
    fn builders_are_chosen_by_kind_name_and_both() {
        let named =
            |kind: &str, name: &str| BuilderOptions { name: name.into(), ..BuilderOptions::plain(kind) };
        let mut written = [named("amazon-ebs", "base"), named("amazon-ebs", "big"), named("disk", "disk")];
        written[1].also = Some("all.amazon-ebs.big".into());
        let names = |wanted: &[&str], except: &[&str]| -> Vec<String> {
            let list = |l: &[&str]| l.iter().map(|t| t.to_string()).collect::<Vec<_>>();
            chosen(&written, &list(wanted), &list(except)).unwrap().into_iter().map(|b| b.name).collect()
        };
        assert_eq!(names(&[], &[]), ["base", "big", "disk"]);
        assert_eq!(names(&["disk", "amazon-ebs.b*"], &["big"]), ["disk", "base"]);
        assert_eq!(names(&["amazon-ebs"], &[]), ["base", "big"]);
        assert_eq!(names(&["all.*"], &[]), ["big"]);
        assert!(chosen(&written, &["floppy".into()], &[]).is_err());
        assert!(chosen(&written, &[], &["*".into()]).is_err());
    }

    #[test]
    fn the_worst_end_is_the_exit_code() {
        assert_eq!(worse(code::DONE, code::INTERRUPTED), code::INTERRUPTED);
        assert_eq!(worse(code::FAILED, code::INTERRUPTED), code::FAILED);
    }
}
