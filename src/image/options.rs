//! `image:` of a play as types.

use super::BakeError;
use crate::base::{Map, Value};
use crate::spec::{to_bool, to_text};
use serde_json::Value as Json;

/// The keys that `image:` may have; builders' own options stand in `builders:`.
const KEYS: [&str; 20] = [
    "name",
    "builders",
    "source",
    "size",
    "formats",
    "groups",
    "clean",
    "keep",
    "verify",
    "memory",
    "packages",
    "tags",
    "host",
    "packer_manifest",
    "regions",
    "users",
    "encrypt",
    "kms_key",
    "deprecate_at",
    "disks",
];

/// Keys for all builders in a cloud, and what these call them.
const SHARED: [(&str, &str); 7] = [
    ("tags", "tags"),
    ("regions", "ami_regions"),
    ("users", "ami_users"),
    ("encrypt", "encrypt_boot"),
    ("kms_key", "kms_key_id"),
    ("deprecate_at", "deprecate_at"),
    ("disks", "launch_block_device_mappings"),
];

/// The same of `source:`.
const SOURCES: [(&str, &str); 2] = [("id", "source_ami"), ("filter", "source_ami_filter")];

/// What is cleaned, by the names in `disk/clean.sh`.
const PARTS: [&str; 11] = [
    "policy",
    "host_keys",
    "machine_id",
    "cloud_init",
    "apt_lists",
    "logs",
    "history",
    "leases",
    "engine",
    "caches",
    "temporary",
];

/// What a play's `image:` asks for, rendered and checked, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageOptions {
    /// Without it: the play's name.
    pub name: Option<String>,
    /// At least one; `disk` where nothing is said.
    pub builders: Vec<BuilderOptions>,
    /// Where nothing is said: Debian 12, of the variant minbase.
    pub source: Source,
    /// Bytes of the disk.
    pub size: u64,
    /// What the `disk` builder leaves; qcow2 where nothing is said.
    pub formats: Vec<Format>,
    /// Groups of the inventory that the image's host stands in.
    pub groups: Vec<String>,
    /// What is not cleaned, by the names that docs/images.md lists; everything with `clean: false`.
    pub keep: Vec<String>,
    /// False: nothing is taken out.
    pub clean: bool,
    /// Boot it and plan the plays against it.
    pub verify: bool,
    /// MiB of the machine that verifies.
    pub memory: u32,
    /// The host's name in the inventory.
    pub host: String,
    /// Options of Packer's post-processors `manifest`, not evaluated: they may name what the bake tells.
    pub packer_manifests: Vec<Map>,
    /// What builders in a cloud take where their own options do not say it, by their names for it.
    pub shared: Map,
}

/// An entry of `builders:`; what else it says is the builder's to read.
#[derive(Clone, Debug, PartialEq)]
pub struct BuilderOptions {
    /// `type:` as written: `disk`, `amazon-ebs`.
    pub kind: String,
    /// As `-b`, `-only` and plays know it; without one it is the kind.
    pub name: String,
    /// Another name for `-b` and `-only`: that of a template, with its build's before it.
    pub also: Option<String>,
    /// Without `type`, `name` and `also`; not checked.
    pub options: Map,
}

impl BuilderOptions {
    /// A builder without options of its own, as `-b KIND` asks for it.
    pub fn plain(kind: &str) -> BuilderOptions {
        BuilderOptions { kind: kind.into(), name: kind.into(), also: None, options: Map::new() }
    }
}

/// Where the root file system comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Made by mmdebstrap.
    Debootstrap {
        /// Debian's name of the release: `bookworm`.
        suite: String,
        /// mmdebstrap's variant: `minbase`.
        variant: String,
        /// Beside those of the variant; those of `packages:` too.
        packages: Vec<String>,
        /// Where packages are fetched; `None`: mmdebstrap's choice.
        mirror: Option<String>,
    },
    /// A tarball of a root file system on this machine or behind a URL.
    Tarball {
        /// A path or a URL.
        from: String,
        /// Hexadecimal, in lower case; always there for a URL.
        sha256: Option<String>,
    },
    /// An image in a cloud, for the builders that start there.
    Elsewhere,
}

/// A file that the `disk` builder makes of the disk: qcow2 compressed, raw sparse, tar of the root file
/// system alone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Compressed, for qemu.
    Qcow2,
    /// The bare disk, with holes.
    Raw,
    /// The files alone, without what boots them.
    Tar,
}

impl Format {
    /// As `formats:` names it; also the file's extension.
    pub fn word(self) -> &'static str {
        match self {
            Format::Qcow2 => "qcow2",
            Format::Raw => "raw",
            Format::Tar => "tar",
        }
    }
}

impl ImageOptions {
    /// Reads an evaluated `image:`.
    pub fn read(value: &Value) -> Result<ImageOptions, BakeError> {
        let empty = Map::new();
        let map = match value {
            Value::Null => &empty,
            other => other.as_map().ok_or_else(|| BakeError::Input("`image:` wants a mapping".into()))?,
        };
        if let Some(key) = map.keys().filter_map(|k| k.as_str()).find(|key| !KEYS.contains(key)) {
            return Err(unknown("there is no option", key, &KEYS));
        }
        let get = |key: &str| map.get(key).filter(|v| !v.is_null());
        let flag = |key: &str| get(key).map_or(Some(true), to_bool).ok_or_else(|| wrong(key, "yes or no"));
        Ok(ImageOptions {
            name: get("name").map(to_text),
            builders: builders(get("builders"))?,
            source: source(get("source"), &texts(get("packages")))?,
            size: size(get("size").map_or_else(|| "4G".into(), to_text).trim())?,
            formats: formats(get("formats"))?,
            groups: texts(get("groups")),
            keep: parts(get("keep"))?,
            clean: flag("clean")?,
            verify: flag("verify")?,
            memory: match get("memory") {
                None => 1024,
                Some(v) => to_text(v).parse().map_err(|_| wrong("memory", "a number of MiB"))?,
            },
            host: get("host").map_or_else(|| super::HOST.into(), to_text),
            packer_manifests: match get("packer_manifest") {
                Some(Value::List(all)) => all.iter().filter_map(Value::as_map).cloned().collect(),
                one => one.and_then(Value::as_map).cloned().into_iter().collect(),
            },
            shared: shared(map),
        })
    }
}

fn shared(map: &Map) -> Map {
    let source = map.get("source").and_then(Value::as_map);
    let of_source = SOURCES.iter().filter_map(|(key, name)| Some((name, source?.get(*key)?)));
    let own = SHARED.iter().filter_map(|(key, name)| Some((name, map.get(*key)?)));
    let given = own.chain(of_source).filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn wrong(key: &str, what: &str) -> BakeError {
    BakeError::Input(format!("image: `{key}` wants {what}"))
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::List(list)) => list.iter().map(to_text).collect(),
        Some(one) => {
            to_text(one).split(',').map(|t| t.trim().to_string()).filter(|t| !t.is_empty()).collect()
        }
    }
}

fn builders(value: Option<&Value>) -> Result<Vec<BuilderOptions>, BakeError> {
    let list = match value {
        None => return Ok(vec![BuilderOptions::plain("disk")]),
        Some(Value::List(list)) => list.iter().cloned().collect(),
        Some(one) => vec![one.clone()],
    };
    let one = |value: &Value| match value.as_map() {
        None => Ok(BuilderOptions::plain(&to_text(value))),
        Some(map) => {
            let kind = map.get("type").map(to_text);
            let kind = kind.ok_or_else(|| BakeError::Input("image: a builder needs a `type`".into()))?;
            let mut options = map.clone();
            options.shift_remove("type");
            let name = options.shift_remove("name").map_or_else(|| kind.clone(), |name| to_text(&name));
            let also = options.shift_remove("also").map(|also| to_text(&also));
            Ok(BuilderOptions { kind, name, also, options })
        }
    };
    list.iter().map(one).collect()
}

fn source(value: Option<&Value>, more: &[String]) -> Result<Source, BakeError> {
    let get = |map: &Value, key: &str| map.get(key).filter(|v| !v.is_null()).cloned();
    only("source", value, &["checksum", "debootstrap", "filter", "id", "path", "url"])?;
    let inner = value.and_then(|v| v.get("debootstrap"));
    only("source: debootstrap", inner, &["mirror", "packages", "suite", "variant"])?;
    let debootstrap = |map: &Value| Source::Debootstrap {
        suite: get(map, "suite").map_or_else(|| "bookworm".into(), |v| to_text(&v)),
        variant: get(map, "variant").map_or_else(|| "minbase".into(), |v| to_text(&v)),
        packages: texts(get(map, "packages").as_ref()).into_iter().chain(more.iter().cloned()).collect(),
        mirror: get(map, "mirror").map(|v| to_text(&v)),
    };
    let Some(value) = value else { return Ok(debootstrap(&Value::Null)) };
    if let Some(inner) = inner {
        return Ok(debootstrap(inner));
    }
    let checksum = get(value, "checksum").map(|v| to_text(&v));
    let sha256 = checksum.map(|text| text.strip_prefix("sha256:").unwrap_or(&text).to_lowercase());
    if let Some(bad) = sha256.as_ref().filter(|s| s.len() != 64 || !s.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return Err(BakeError::Input(format!("image: source: `{bad}` is no SHA-256 checksum")));
    }
    if let Some(url) = get(value, "url") {
        let from = to_text(&url);
        if sha256.is_none() {
            return Err(BakeError::Input(format!("image: source {from} needs a `checksum: sha256:…`")));
        }
        return Ok(Source::Tarball { from, sha256 });
    }
    match get(value, "path") {
        Some(path) => Ok(Source::Tarball { from: to_text(&path), sha256 }),
        None if ["id", "filter"].iter().any(|key| get(value, key).is_some()) => Ok(Source::Elsewhere),
        None => Err(wrong("source", "one of `debootstrap`, `path`, `url`, `id` and `filter`")),
    }
}

/// An error names the key that a mapping must not have.
fn only(what: &str, value: Option<&Value>, known: &[&'static str]) -> Result<(), BakeError> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(()) };
    let map = value.as_map().ok_or_else(|| wrong(what, "a mapping"))?;
    match map.keys().filter_map(|k| k.as_str()).find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => Err(unknown(&format!("{what}: there is no option"), key, known)),
    }
}

/// An error that names the nearest word there is.
fn unknown(what: &str, word: &str, known: &[&'static str]) -> BakeError {
    let hint = match crate::base::diag::nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    BakeError::Input(format!("image: {what} `{word}`\nhint: {hint}"))
}

/// Parts of the cleaning, by name.
fn parts(value: Option<&Value>) -> Result<Vec<String>, BakeError> {
    let words = texts(value);
    match words.iter().find(|word| !PARTS.contains(&word.as_str())) {
        None => Ok(words),
        Some(bad) => Err(unknown("keep: nothing that is cleaned is called", bad, &PARTS)),
    }
}

fn formats(value: Option<&Value>) -> Result<Vec<Format>, BakeError> {
    let words = match value {
        None => vec!["qcow2".into()],
        some => texts(some),
    };
    let one = |word: &String| match word.as_str() {
        "qcow2" => Ok(Format::Qcow2),
        "raw" => Ok(Format::Raw),
        "tar" => Ok(Format::Tar),
        other => Err(BakeError::Input(format!("image: format `{other}`: there are qcow2, raw and tar"))),
    };
    words.iter().map(one).collect()
}

/// `4G`, `900M`, or bytes.
fn size(text: &str) -> Result<u64, BakeError> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim().trim_end_matches("iB").trim_end_matches('B') {
        "" => 1,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(wrong("size", "a number with M, G or T")),
    };
    let number: u64 = digits.parse().map_err(|_| wrong("size", "a number with M, G or T"))?;
    number.checked_mul(factor).filter(|n| *n >= 512 << 20).ok_or_else(|| wrong("size", "at least 512M"))
}

/// Options as they go into hash and manifest.
pub fn as_json(value: &Value) -> Json {
    value.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ImageOptions, String> {
        let json: Json = serde_yaml::from_str(text).unwrap();
        ImageOptions::read(&Value::from_json(&json)).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_said_has_defaults() {
        let options = read("{}").unwrap();
        assert_eq!(options.builders[0].kind, "disk");
        assert_eq!((options.size, options.formats, options.verify), (4 << 30, vec![Format::Qcow2], true));
        assert!(matches!(options.source, Source::Debootstrap { suite, .. } if suite == "bookworm"));
    }

    #[test]
    fn builders_are_names_or_mappings() {
        let options = read("builders: [disk, {type: amazon-ebs, region: eu-west-1}]").unwrap();
        let kinds: Vec<&str> = options.builders.iter().map(|b| b.kind.as_str()).collect();
        assert_eq!(kinds, ["disk", "amazon-ebs"]);
        assert_eq!(options.builders[1].options.len(), 1);
    }

    #[test]
    fn parts_are_those_of_the_cleaning() {
        let script = include_str!("disk/clean.sh");
        let (list, _) = script.split_once("END'\n").unwrap().1.split_once("\nEND").unwrap();
        let names: Vec<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, PARTS);
    }

    #[test]
    fn an_image_of_a_cloud_is_a_source_for_the_builders_there() {
        let options = read("source: {filter: {owners: [self]}}\nusers: ['1']").unwrap();
        assert_eq!(options.source, Source::Elsewhere);
        let names: Vec<&str> = options.shared.keys().filter_map(|k| k.as_str()).collect();
        assert_eq!(names, ["ami_users", "source_ami_filter"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, said) in [
            ("sise: 3G", "did you mean `size`"),
            ("size: 3K", "`size` wants"),
            ("size: 10M", "at least"),
            ("formats: [vmdk]", "vmdk"),
            ("source: {url: 'https://x/root.tar'}", "needs a `checksum"),
            ("source: {path: root.tar, checksum: 'md5:1'}", "no SHA-256"),
            ("source: {pat: root.tar}", "source: there is no option `pat`\nhint: did you mean `path`?"),
            ("source: {debootstrap: {suit: trixie}}", "did you mean `suite`?"),
            ("source: {path: null}", "`source` wants one of"),
            ("source: bookworm", "`source` wants a mapping"),
            ("keep: [hostkeys]", "did you mean `host_keys`?"),
            ("verify: perhaps", "`verify` wants"),
            ("builders: [{region: x}]", "needs a `type`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
