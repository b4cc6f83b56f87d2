//! From a clean root file system to files with names.

use super::super::manifest::{
    Artifact, Manifest, changes, contents, listing, packages, seconds, spdx, sysctl,
};
use super::super::options::{Format, Source};
use super::super::tools::{command, enclosed, run};
use super::super::{BakeError, store};
use super::{State, layout};
use std::fs;
use std::path::Path;

const GRUB: &str = include_str!("grub.sh");

fn io(doing: &Path) -> impl FnOnce(std::io::Error) -> BakeError + '_ {
    move |error| BakeError::failed(doing.display().to_string(), error)
}

/// Takes stock, puts the boot loader in, and writes the disk.
pub async fn disk(state: &mut State) -> Result<(), BakeError> {
    let (order, root) = (state.order.clone(), state.root());
    let source = match &order.image.source {
        Source::Debootstrap { suite, variant, .. } => format!("debootstrap {suite} {variant}"),
        Source::Tarball { from, .. } => from.clone(),
        Source::Elsewhere => String::new(),
    };
    let changed = changes(&state.before, &listing(&root));
    state.manifest = Manifest {
        name: order.name.clone(),
        hash: order.hash.clone(),
        builder: "disk".into(),
        made: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        fitout: env!("CARGO_PKG_VERSION").into(),
        inputs: order.playbooks.clone(),
        source,
        packages: packages(&root),
        contents: contents(&root, &changed),
        changed,
        sysctl: sysctl(&root),
        ..Manifest::default()
    };
    let script = state.draft.join("grub.sh");
    fs::write(&script, GRUB).map_err(io(&script))?;
    let (script, path) = (script.display().to_string(), root.display().to_string());
    let uuid = layout::Ids::new(&order.hash).uuid("root");
    let boots = super::boots(&order);
    if boots {
        run(enclosed("sh", &[&script, &path, &uuid]), None, &order.plays.cancel).await?;
    }
    if let Some(epoch) = epoch()? {
        let (now, at) = (format!("@{epoch}"), format!("--date=@{epoch}"));
        let args = [&path, "-xdev", "-newermt", &now, "-exec", "touch", "--no-dereference", &at, "{}", "+"];
        run(command("find", &args), None, &order.plays.cancel).await?;
    }
    if boots {
        layout::write(&order, &root, &state.disk(), epoch()?).await?;
    }
    Ok(())
}

/// The time that nothing in the image may be younger than, in seconds since 1970.
fn epoch() -> Result<Option<i64>, BakeError> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(None),
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => text.parse().map(Some).map_err(|_| {
            BakeError::Input(format!(
                "SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds since 1970"
            ))
        }),
    }
}

/// Writes the formats, then gives everything its name; the manifest is last.
pub async fn publish(state: &mut State) -> Result<(), BakeError> {
    let order = state.order.clone();
    let cancel = &order.plays.cancel;
    let text = |path: &Path| path.display().to_string();
    let disk = text(&state.disk());
    let mut finished = Vec::new();
    for format in &order.image.formats {
        let name = format!("{}.{}", order.name, format.word());
        let draft = state.draft.join(&name);
        let (to, root) = (text(&draft), text(&state.root()));
        match format {
            Format::Qcow2 => {
                run(
                    command("qemu-img", &["convert", "-q", "-f", "raw", "-O", "qcow2", &disk, &to]),
                    None,
                    cancel,
                )
                .await?;
            }
            Format::Raw => {
                run(command("cp", &["--sparse=always", &disk, &to]), None, cancel).await?;
            }
            Format::Tar => {
                // Without what tar notes of itself: its process, and when each file was last looked at.
                let headers = "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime";
                let fixed = ["--numeric-owner", "--sort=name", "--format=posix", headers, "--xattrs"];
                let args = [&["-C", &root], &fixed[..], &["--xattrs-include=*", "-cf", &to, "."]].concat();
                run(command("tar", &args), None, cancel).await?;
            }
        }
        state.manifest.artifacts.push(Artifact::of(&draft, format.word(), &name)?);
        finished.push((draft, name));
    }
    let times = state.times.lock().unwrap_or_else(|e| e.into_inner()).clone();
    state.manifest.timings = seconds(&times);
    let json = |value: &serde_json::Value| serde_json::to_vec_pretty(value).unwrap_or_default();
    let manifest = serde_json::to_value(&state.manifest).map_err(|e| BakeError::failed("the manifest", e))?;
    for (name, bytes) in [
        (format!("{}.spdx.json", order.name), json(&spdx(&state.manifest))),
        (format!("{}.json", order.name), json(&manifest)),
    ] {
        let draft = state.draft.join(&name);
        fs::write(&draft, bytes).map_err(io(&draft))?;
        finished.push((draft, name));
    }
    for (draft, name) in finished {
        fs::rename(&draft, order.out.join(name)).map_err(io(&draft))?;
    }
    Ok(())
}

/// Takes back the names when the bake did not succeed after all.
pub fn unpublish(state: &mut State, succeeded: bool) -> Result<(), String> {
    if succeeded || state.manifest.artifacts.is_empty() {
        return Ok(());
    }
    store::remove(&state.order.out, &state.manifest).map_err(|error| error.to_string())
}
