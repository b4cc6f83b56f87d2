//! What an image is made of: a JSON file beside it, and its packages as an SPDX document.

use super::BakeError;
use super::steps::STILL;
use crate::modules::kernel::{boot, key};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Beside an image as `NAME.json`; whoever finds it finds a finished image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What its files are called: the recipe's name, the beginning of the hash, in a cloud the builder.
    pub name: String,
    /// Of all inputs: the compiled plays and the files they name, variables, `image:`, the tool's version.
    pub hash: String,
    /// `disk`, `amazon-ebs`, `amazon-direct`.
    pub builder: String,
    /// When it was finished: RFC 3339, in UTC.
    pub made: String,
    /// The version that made it.
    pub fitout: String,
    /// The playbooks that were read.
    pub inputs: Vec<String>,
    /// `image:` as it was evaluated, without builders' options.
    pub source: String,
    /// Version of each Debian package.
    pub packages: BTreeMap<String, String>,
    /// Files that the bake added, changed or removed, beside those of the source.
    pub changed: Vec<String>,
    /// What is in those that are there, by path: `sha256:…` of small files of an image that was at hand, else their size.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, String>,
    /// Kernel parameters that files of the image set.
    pub sysctl: BTreeMap<String, String>,
    /// Seconds of each step.
    pub timings: Vec<(String, f64)>,
    /// What was made, at least one.
    pub artifacts: Vec<Artifact>,
    /// Booted, and the plays had nothing to do.
    pub verified: bool,
}

/// One thing that a bake made: a file beside the manifest, or an image in one region of a cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// `qcow2`, `raw`, `tar`; of an image in a cloud, `ami`.
    pub format: String,
    /// In the manifest's folder; empty for an image in a cloud.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Of the file; 0 for an image in a cloud.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Of the file, hexadecimal; empty for an image in a cloud.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Of an image in a cloud: where, its id, and its snapshots.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// `ami-…`; empty for a file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Those of the image's disks; empty for a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Seconds of each step, of the times at which they began.
pub fn seconds(times: &[(String, Instant)]) -> Vec<(String, f64)> {
    let times: Vec<_> = times.iter().filter(|(name, _)| !name.starts_with(STILL)).collect();
    let ends = times.iter().skip(1).map(|(_, at)| *at).chain([Instant::now()]);
    let spans = times.iter().zip(ends).map(|((name, from), to)| (name.clone(), (to - *from).as_secs_f64()));
    spans.map(|(name, s)| (name, (s * 10.0).round() / 10.0)).collect()
}

impl Manifest {
    /// Writes it and its packages' document into a folder; the manifest is last.
    pub fn write(&self, folder: &Path) -> Result<(), BakeError> {
        let failed = |e: &dyn std::fmt::Display| BakeError::failed("writing the manifest", e);
        let whole = serde_json::to_value(self).map_err(|e| failed(&e))?;
        let mut files = vec![(format!("{}.json", self.name), whole)];
        if !self.packages.is_empty() {
            files.insert(0, (format!("{}.spdx.json", self.name), spdx(self)));
        }
        for (name, json) in files {
            let text = serde_json::to_vec_pretty(&json).map_err(|e| failed(&e))?;
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
            std::io::Write::write_all(&mut file, &text).map_err(|e| failed(&e))?;
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable).map_err(|e| failed(&e))?;
            file.persist(folder.join(name)).map_err(|e| failed(&e.error))?;
        }
        Ok(())
    }
}

impl Artifact {
    /// Of a finished file.
    pub fn of(path: &Path, format: &str, name: &str) -> Result<Artifact, BakeError> {
        let failed = |e: std::io::Error| BakeError::failed(format!("reading {}", path.display()), e);
        Ok(Artifact {
            format: format.into(),
            file: name.into(),
            bytes: fs::metadata(path).map_err(failed)?.len(),
            sha256: sha256(path).map_err(failed)?,
            ..Artifact::default()
        })
    }
}

/// SHA-256 of a file, hexadecimal.
pub fn sha256(path: &Path) -> std::io::Result<String> {
    use sha2::{Digest, Sha256};
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => break,
            length => hash.update(&block[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// The installed packages, from dpkg's own file.
pub fn packages(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap_or_default();
    text.split("\n\n").filter_map(package).collect()
}

fn package(stanza: &str) -> Option<(String, String)> {
    let field = |name: &str| stanza.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    let installed = field("Status")?.ends_with(" installed");
    installed.then(|| Some((field("Package")?.to_string(), field("Version")?.to_string())))?
}

/// The last assignment of each key in the image's sysctl.d, as far as it can be told from the files alone.
pub fn sysctl(root: &Path) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in ["usr/lib/sysctl.d", "usr/local/lib/sysctl.d", "etc/sysctl.d"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), entry.path());
        }
    }
    let texts: Vec<String> = files.values().map(|p| fs::read_to_string(p).unwrap_or_default()).collect();
    settings(texts.iter())
}

/// The settings of files of sysctl.d, later over earlier ones.
pub fn settings<'a>(texts: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for text in texts {
        for line in text.lines().filter_map(boot::line) {
            if let Some(value) = line.value {
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                keys.insert(key::dotted(&line.path), value);
            }
        }
    }
    keys
}

/// What each file looks like from outside: enough to tell that it was touched.
pub type Listing = BTreeMap<PathBuf, (u32, u32, u32, u64, i64, i64)>;

/// All files below a root, on its own file system.
pub fn listing(root: &Path) -> Listing {
    let walk = walkdir::WalkDir::new(root).same_file_system(true).into_iter().flatten();
    let entries = walk.filter(|entry| !entry.file_type().is_dir());
    entries
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            let path = entry.path().strip_prefix(root).ok()?.to_owned();
            let seen = (meta.mode(), meta.uid(), meta.gid(), meta.len(), meta.mtime(), meta.mtime_nsec());
            Some((path, seen))
        })
        .collect()
}

/// `+` added, `~` changed, `-` removed.
pub fn changes(before: &Listing, after: &Listing) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (path, seen) in after {
        match before.get(path) {
            None => out.push(format!("+ /{}", path.display())),
            Some(was) if was != seen => out.push(format!("~ /{}", path.display())),
            Some(_) => {}
        }
    }
    out.extend(
        before.keys().filter(|path| !after.contains_key(*path)).map(|p| format!("- /{}", p.display())),
    );
    out
}

/// The paths of [`changes`] that are there.
fn present(changed: &[String]) -> impl Iterator<Item = &str> {
    changed.iter().filter_map(|line| line.strip_prefix("+ ").or_else(|| line.strip_prefix("~ ")))
}

/// Larger files are told by their size: what an image's maker writes is small, and what packages bring has a version.
const HASHED: u64 = 1 << 20;

/// What is in the files that were added or changed, of an image whose root is at hand.
pub fn contents(root: &Path, changed: &[String]) -> BTreeMap<String, String> {
    let content = |path: &str| {
        let file = root.join(path.trim_start_matches('/'));
        let meta = fs::symlink_metadata(&file).ok()?;
        if meta.is_symlink() {
            return Some(format!("link to {}", fs::read_link(&file).ok()?.display()));
        }
        if !meta.is_file() {
            return None;
        }
        let small = meta.len() <= HASHED;
        Some(if small { format!("sha256:{}", sha256(&file).ok()?) } else { format!("{} bytes", meta.len()) })
    };
    present(changed).filter_map(|path| Some((path.to_string(), content(path)?))).collect()
}

/// The sizes of the files that were added or changed, where only they are known.
pub fn sizes(listing: &Listing, changed: &[String]) -> BTreeMap<String, String> {
    let size = |path: &str| listing.get(Path::new(path.trim_start_matches('/'))).map(|seen| seen.3);
    present(changed).filter_map(|path| Some((path.to_string(), format!("{} bytes", size(path)?)))).collect()
}

/// The packages as an SPDX 2.3 document.
pub fn spdx(manifest: &Manifest) -> Json {
    let id = |name: &str| {
        let clean = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        format!("SPDXRef-Package-{}", name.chars().map(clean).collect::<String>())
    };
    let packages: Vec<Json> = manifest
        .packages
        .iter()
        .map(|(name, version)| {
            json!({"SPDXID": id(name), "name": name, "versionInfo": version, "downloadLocation": "NOASSERTION",
                "filesAnalyzed": false, "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl", "referenceLocator": format!("pkg:deb/debian/{name}@{version}")}]})
        })
        .collect();
    let described: Vec<Json> = manifest
        .packages
        .keys()
        .map(|name| {
            json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
            "relatedSpdxElement": id(name)})
        })
        .collect();
    json!({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": manifest.name, "documentNamespace": format!("urn:fitout:image:{}", manifest.hash),
        "creationInfo": {"created": manifest.made, "creators": [format!("Tool: fitout-{}", manifest.fitout)]},
        "packages": packages, "relationships": described})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_and_only_those_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/lib/dpkg")).unwrap();
        let status = "Package: a\nStatus: install ok installed\nVersion: 1:2-3\n\nPackage: b\n\
                      Status: deinstall ok config-files\nVersion: 1\n\nPackage: c\n\
                      Status: hold ok half-installed\nVersion: 1\n";
        fs::write(dir.path().join("var/lib/dpkg/status"), status).unwrap();
        assert_eq!(packages(dir.path()), BTreeMap::from([("a".to_string(), "1:2-3".to_string())]));
    }

    #[test]
    fn what_was_touched_is_told_by_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("same", "x");
        write("other", "x");
        write("gone", "x");
        let before = listing(dir.path());
        write("other", "xx");
        write("new", "x");
        fs::remove_file(dir.path().join("gone")).unwrap();
        assert_eq!(changes(&before, &listing(dir.path())), ["+ /new", "~ /other", "- /gone"]);
    }

    #[test]
    fn the_last_file_by_name_decides_a_kernel_parameter() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["usr/lib/sysctl.d", "etc/sysctl.d"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("usr/lib/sysctl.d/90-v.conf"), "vm.swappiness=60\n").unwrap();
        fs::write(
            dir.path().join("etc/sysctl.d/10-o.conf"),
            "-vm/swappiness = 1\nnet.core.somaxconn =  4096\n",
        )
        .unwrap();
        fs::write(dir.path().join("usr/lib/sysctl.d/20-b.conf"), "vm.overcommit_memory=1\n").unwrap();
        fs::write(dir.path().join("etc/sysctl.d/20-b.conf"), "vm.overcommit_memory=2\n").unwrap();
        let seen = sysctl(dir.path());
        assert_eq!(seen["vm.overcommit_memory"], "2");
        assert_eq!((seen["vm.swappiness"].as_str(), seen["net.core.somaxconn"].as_str()), ("60", "4096"));
    }
}
