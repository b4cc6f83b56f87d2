//! What is told of a bake: to people, as JSON, or in Packer's lines.

use super::super::args::OutputArgs;
use super::super::outputs::{self, Kind};
use super::super::session::Session;
use crate::exec::event::Sink;
use crate::image::manifest::{Artifact, Manifest};
use crate::image::options::BuilderOptions;
use crate::image::{BakeError, Baked};
use crate::ui::log::Log;
use crate::ui::plan::PlanView;
use crate::ui::{Console, Style, View};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub struct Tell {
    machine: bool,
    json: bool,
    /// Several builders: each line says whose it is.
    several: bool,
    /// What Packer calls the builds, where it has other names for them.
    also: BTreeMap<String, String>,
}

type Results = [(BuilderOptions, Result<Baked, BakeError>)];

impl Tell {
    pub fn new(machine: bool, json: bool, builders: &[BuilderOptions]) -> Arc<Tell> {
        let also = builders.iter().filter_map(|b| Some((b.name.clone(), b.also.clone()?))).collect();
        Arc::new(Tell { machine, json, several: builders.len() > 1, also })
    }

    /// In Packer's lines.
    fn packers<'a>(&'a self, builder: &'a str) -> &'a str {
        self.also.get(builder).map_or(builder, String::as_str)
    }

    /// A step, or another thing worth a line.
    pub fn say(&self, builder: &str, text: &str) {
        match (self.machine, self.several) {
            (true, _) => line("", &["ui", "say", &format!("==> {}: {text}", self.packers(builder))]),
            (false, true) => note!("bake: {builder}: {text}"),
            (false, false) => note!("bake: {text}"),
        }
    }

    pub fn error(&self, builder: &str, text: &str) {
        match (self.machine, self.several) {
            (true, _) => {
                let builder = self.packers(builder);
                line("", &["ui", "error", &format!("==> {builder}: {text}")]);
                line(builder, &["error", text]);
                note!("error: {text}");
            }
            (false, true) => note!("error: {builder}: {text}"),
            (false, false) => note!("error: {text}"),
        }
    }

    /// Who listens to a run of the plays.
    pub fn sinks(&self, session: &Session, output: &OutputArgs, kind: Kind, builder: &str) -> Arc<dyn Sink> {
        let console = match (self.machine, self.several && !output.json) {
            (true, _) => {
                let builder = self.packers(builder).into();
                Console::new(Lines { builder, machine: true, rest: Vec::new() })
            }
            (false, true) => {
                Console::new(Lines { builder: builder.into(), machine: false, rest: Vec::new() })
            }
            (false, false) => return outputs::sinks(session, output, kind),
        };
        let style = if self.machine { Style::default() } else { session.style };
        let view = View { style, verbosity: output.verbose, diff: output.diff || session.config.diff };
        match kind {
            Kind::Plan => Arc::new(PlanView::new(console, view)),
            _ => Arc::new(Log::new(console, view)),
        }
    }

    /// What was made, on stdout.
    pub fn artifacts(&self, out: &Path, results: &Results) {
        if self.machine {
            return self.machine(out, results);
        }
        for (_, manifest) in made(results) {
            for artifact in &manifest.artifacts {
                let place = place(out, artifact);
                match self.json {
                    true => told!("{}", json(manifest, artifact, &place)),
                    false => told!("{place}"),
                }
            }
        }
    }

    /// Packer's last lines.
    fn machine(&self, out: &Path, results: &Results) {
        let failed = results.iter().filter(|(_, b)| !b.as_ref().is_ok_and(|b| b.ending.ok())).count();
        if failed > 0 {
            line("", &["error-count", &failed.to_string()]);
            line("", &["ui", "error", "\n==> Some builds didn't complete successfully and had errors:"]);
        }
        let all: Vec<_> = made(results).collect();
        if !all.is_empty() {
            line("", &["ui", "say", "\n==> Builds finished. The artifacts of successful builds are:"]);
        }
        for (builder, manifest) in all {
            let name = self.packers(&builder.name);
            let places: Vec<String> = manifest.artifacts.iter().map(|a| place(out, a)).collect();
            let ami = manifest.artifacts.iter().any(|a| !a.id.is_empty());
            let shown = match ami {
                true => format!("AMIs were created:\n{}\n", places.join("\n").replace(':', ": ")),
                false => format!("Files were created:\n{}\n", places.join("\n")),
            };
            let files: Vec<&String> = if ami { Vec::new() } else { places.iter().collect() };
            line(name, &["artifact-count", "1"]);
            line(
                name,
                &["artifact", "0", "builder-id", if ami { "mitchellh.amazonebs" } else { "fitout.disk" }],
            );
            line(name, &["artifact", "0", "id", &places.join(",")]);
            line(name, &["artifact", "0", "string", &shown]);
            line(name, &["artifact", "0", "files-count", &files.len().to_string()]);
            for (at, file) in files.iter().enumerate() {
                line(name, &["artifact", "0", "file", &at.to_string(), file]);
            }
            line(name, &["artifact", "0", "end"]);
            line("", &["ui", "say", &format!("--> {name}: {shown}")]);
        }
    }
}

fn made(results: &Results) -> impl Iterator<Item = (&BuilderOptions, &Manifest)> {
    results.iter().filter_map(|(builder, baked)| Some((builder, baked.as_ref().ok()?.manifest.as_ref()?)))
}

/// A path, or `REGION:AMI`.
fn place(out: &Path, artifact: &Artifact) -> String {
    match artifact.id.is_empty() {
        true => out.join(&artifact.file).display().to_string(),
        false => format!("{}:{}", artifact.region, artifact.id),
    }
}

fn json(manifest: &Manifest, artifact: &Artifact, place: &str) -> serde_json::Value {
    let mut json =
        serde_json::json!({"event": "artifact", "image": manifest.name, "format": artifact.format});
    match artifact.id.is_empty() {
        true => {
            json["path"] = place.into();
            json["sha256"] = artifact.sha256.as_str().into();
        }
        false => {
            json["region"] = artifact.region.as_str().into();
            json["id"] = artifact.id.as_str().into();
        }
    }
    json
}

/// One of Packer's lines: `timestamp,target,type,data…`.
fn line(target: &str, data: &[&str]) {
    let text = machine_line(jiff::Timestamp::now().as_second(), target, data);
    let mut out = std::io::stdout().lock();
    // A reader that has gone away is no error of the bake.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn machine_line(at: i64, target: &str, data: &[&str]) -> String {
    let escape =
        |text: &&str| text.replace(',', "%!(PACKER_COMMA)").replace('\r', "\\r").replace('\n', "\\n");
    let data: Vec<String> = data.iter().map(escape).collect();
    format!("{at},{target},{}", data.join(","))
}

/// Lines of a run, each with its builder's name, or as a message of Packer's.
struct Lines {
    builder: String,
    machine: bool,
    rest: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let text: Vec<u8> = self.rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&text[..end]).into_owned();
            match self.machine {
                true => line("", &["ui", "message", &format!("    {}: {text}", self.builder)]),
                false if text.is_empty() => told!(""),
                false => told!("{}: {text}", self.builder),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packers_lines_hold_no_comma_and_no_end_of_line() {
        let seen = machine_line(7, "base", &["artifact", "0", "string", "a,b\nc"]);
        assert_eq!(seen, "7,base,artifact,0,string,a%!(PACKER_COMMA)b\\nc");
        assert_eq!(machine_line(7, "", &["ui", "say", "x"]), "7,,ui,say,x");
    }
}
