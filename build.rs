//! Finds every folder of /modules and writes the registry: names, texts, and the native code's entry.

use serde::Deserialize;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[derive(Deserialize)]
struct Names {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    deprecated: std::collections::BTreeMap<String, String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("modules");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut folders: Vec<PathBuf> = match fs::read_dir(&root) {
        Ok(entries) => entries.filter_map(|e| e.ok().map(|e| e.path())).collect(),
        Err(_) => Vec::new(),
    };
    folders.retain(|f| f.join("module.yml").is_file());
    folders.sort();
    let (mut mods, mut entries) = (String::new(), String::new());
    for folder in &folders {
        println!("cargo:rerun-if-changed={}", folder.display());
        entry(folder, &mut mods, &mut entries).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let mut common = String::new();
    println!("cargo:rerun-if-changed={}", root.join("common").display());
    let mut fragments: Vec<PathBuf> = match fs::read_dir(root.join("common")) {
        Ok(files) => files.filter_map(|f| f.ok().map(|f| f.path())).collect(),
        Err(_) => Vec::new(),
    };
    fragments.retain(|f| f.extension().is_some_and(|e| e == "yml"));
    fragments.sort();
    for path in &fragments {
        let name = path.file_stem().unwrap_or_default();
        writeln!(common, "({name:?}, include_str!({path:?})),")?;
    }
    let text = format!(
        "{mods}\n/// Every folder of /modules, by name.\npub static ENTRIES: &[Entry] = &[\n{entries}];\n\
         /// Shared arguments (`modules/common`): their name and YAML.\n\
         pub static COMMON: &[(&str, &str)] = &[\n{common}];\n"
    );
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("registry.rs"), text)?;
    Ok(())
}

fn entry(folder: &Path, mods: &mut String, entries: &mut String) -> Result<(), Box<dyn Error>> {
    let yaml = folder.join("module.yml");
    let names: Names = serde_yaml::from_str(&fs::read_to_string(&yaml)?)?;
    if folder.file_name().and_then(|n| n.to_str()) != Some(&names.name) {
        return Err(format!("the folder must be called `{}` like the module", names.name).into());
    }
    let aliases: Vec<&String> = names.aliases.iter().chain(names.deprecated.keys()).collect();
    let text = |file: &str| {
        let path = folder.join(file);
        if path.is_file() { format!("Some(include_str!({path:?}))") } else { "None".to_string() }
    };
    let native = folder.join("native.rs");
    let behaviour = if native.is_file() {
        writeln!(mods, "#[path = {native:?}]\npub mod m_{};", names.name)?;
        format!("Some(m_{}::behaviour)", names.name)
    } else {
        "None".to_string()
    };
    writeln!(
        entries,
        "Entry {{ name: {:?}, aliases: &{aliases:?}, spec: include_str!({yaml:?}), probe: {}, apply: {}, \
         cases: {}, native: {behaviour} }},",
        names.name,
        text("probe.sh"),
        text("apply.sh"),
        text("cases.yml"),
    )?;
    Ok(())
}
