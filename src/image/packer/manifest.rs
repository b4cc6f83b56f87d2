//! The file that Packer's post-processor `manifest` writes, for who reads it after a build.

use super::super::manifest::Manifest;
use super::functions;
use crate::base::{Map, Value};
use crate::spec::{to_bool, to_text};
use serde_json::{Value as Json, json};
use std::path::Path;

/// One builder's result.
pub struct Built {
    /// The builder's, as the template names it.
    pub name: String,
    /// `amazon-ebs`, `disk`.
    pub kind: String,
    /// Its artifacts are what is written.
    pub manifest: Manifest,
}

/// A name for the run of this program, as each of its builds has it in each manifest.
pub fn run_name() -> String {
    functions::uuid()
}

/// Adds a build to the file that the options name.
pub fn write(options: &Map, built: &Built, run: &str) -> Result<(), String> {
    let output = options.get("output").map_or_else(|| "packer-manifest.json".into(), to_text);
    let path = Path::new(&output);
    let old = std::fs::read(path).ok();
    let old: Option<Json> = match old.as_deref() {
        None | Some([]) => None,
        Some(text) => Some(
            serde_json::from_slice(text).map_err(|e| format!("{output} is no manifest of builds: {e}"))?,
        ),
    };
    let text = serde_json::to_vec_pretty(&after(old, options, built, run)).unwrap_or_default();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |e: std::io::Error| format!("{output}: {e}");
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, &text).map_err(failed)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(failed)?;
    file.persist(path).map(drop).map_err(|e| failed(e.error))
}

/// The file's content after this build.
fn after(old: Option<Json>, options: &Map, one: &Built, run: &str) -> Json {
    let flag = |name: &str| options.get(name).and_then(to_bool).unwrap_or(false);
    let mut builds = old.and_then(|o| o.get("builds").and_then(Json::as_array).cloned()).unwrap_or_default();
    let artifacts = &one.manifest.artifacts;
    let ids: Vec<String> =
        artifacts.iter().filter(|a| !a.id.is_empty()).map(|a| format!("{}:{}", a.region, a.id)).collect();
    let file = |a: &super::super::manifest::Artifact| {
        let name = if flag("strip_path") { a.file.rsplit('/').next().unwrap_or_default() } else { &a.file };
        json!({"name": name, "size": a.bytes})
    };
    let files: Vec<Json> = artifacts.iter().filter(|a| !a.file.is_empty()).map(file).collect();
    let mut build = json!({
        "name": one.name,
        "builder_type": one.kind,
        "build_time": if flag("strip_time") { 0 } else { functions::BEGAN.as_second() },
        "files": if files.is_empty() { Json::Null } else { files.into() },
        "artifact_id": ids.join(","),
        "packer_run_uuid": run,
    });
    if let Some(data) = options.get("custom_data").and_then(Value::as_map) {
        build["custom_data"] = data.iter().map(|(k, v)| (k.to_string(), Json::from(to_text(v)))).collect();
    }
    builds.push(build);
    json!({"builds": builds, "last_run_uuid": run})
}

#[cfg(test)]
mod tests {
    use super::super::super::manifest::Artifact;
    use super::*;

    #[test]
    fn builds_are_added_to_those_before() {
        let options = Value::from_json(&json!({"strip_time": true, "custom_data": {"app": "web"}}));
        let ami =
            |region: &str, id: &str| Artifact { region: region.into(), id: id.into(), ..Artifact::default() };
        let manifest = Manifest {
            artifacts: vec![ami("us-east-1", "ami-1"), ami("eu-west-1", "ami-2")],
            ..Manifest::default()
        };
        let built = Built { name: "base".into(), kind: "amazon-ebs".into(), manifest };
        let old = json!({"builds": [{"name": "older"}], "last_run_uuid": "a"});
        let seen = after(Some(old), options.as_map().unwrap(), &built, "b");
        assert_eq!(
            seen,
            json!({"last_run_uuid": "b", "builds": [{"name": "older"}, {
                "name": "base", "builder_type": "amazon-ebs", "build_time": 0, "files": null,
                "artifact_id": "us-east-1:ami-1,eu-west-1:ami-2", "packer_run_uuid": "b",
                "custom_data": {"app": "web"}}]})
        );
    }
}
