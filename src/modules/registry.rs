//! Look-up of modules by any of their names: those built in, and a user's `library/` folders.

use super::{Behaviour, Module, declarative};
use crate::base::diag::nearest;
use crate::spec::{ArgSpec, ModuleSpec};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

/// One folder of /modules as the build script saw it.
pub struct Entry {
    /// The folder's name, the module's short one.
    pub name: &'static str,
    /// Names from module.yml that mean it too, the deprecated ones among them.
    pub aliases: &'static [&'static str],
    /// The text of module.yml.
    pub spec: &'static str,
    /// The text of probe.sh; `None` beside native.rs.
    pub probe: Option<&'static str>,
    /// The text of apply.sh; `None` beside native.rs.
    pub apply: Option<&'static str>,
    /// The text of cases.yml, for tests.
    pub cases: Option<&'static str>,
    /// Of native.rs; `None`: the scripts carry it out, or the executor itself.
    pub native: Option<fn() -> Behaviour>,
}

/// The code of /modules; each folder's native.rs is one module here.
pub mod generated {
    use super::Entry;
    include!(concat!(env!("OUT_DIR"), "/registry.rs"));
}

/// All modules known to a run. A module is parsed when it is first asked for.
#[derive(Default)]
pub struct Registry {
    /// Modules of library folders; they come before the built-in ones.
    own: Vec<Arc<Module>>,
    own_names: HashMap<String, usize>,
}

/// Names that stand for an argument as well, which is true where a task is called so.
const VARIANTS: [(&str, &str); 1] = [("ec2", "as_old")];

struct BuiltIn {
    modules: Vec<OnceLock<Arc<Module>>>,
    names: HashMap<&'static str, usize>,
    /// By names that stand for an argument, too.
    variants: HashMap<&'static str, OnceLock<Option<Arc<Module>>>>,
}

static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (index, entry) in generated::ENTRIES.iter().enumerate() {
        for name in entry.aliases.iter().chain([&entry.name]) {
            names.insert(*name, index);
        }
    }
    let variants = VARIANTS.iter().map(|(name, _)| (*name, OnceLock::new())).collect();
    BuiltIn { modules: generated::ENTRIES.iter().map(|_| OnceLock::new()).collect(), names, variants }
});

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::default);

/// The module as one of its names means it, where that stands for an argument.
fn variant(module: &Module, name: &str) -> Option<Module> {
    let (_, flag) = VARIANTS.iter().find(|(variant, _)| *variant == name)?;
    let mut spec = (*module.spec).clone();
    spec.args.get_mut(*flag)?.default = Some(serde_yaml::Value::Bool(true));
    Some(Module { spec: Arc::new(spec), behaviour: module.behaviour.clone() })
}

/// The built-in modules.
pub fn registry() -> &'static Registry {
    &REGISTRY
}

impl Registry {
    /// The built-in modules with those of `folders` before them. An error names the folder and what is wrong.
    pub fn with_library(folders: &[PathBuf]) -> Result<Registry, String> {
        let mut registry = Registry::default();
        for folder in folders {
            let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
                .map_err(|e| format!("{}: {e}", folder.display()))?
                .filter_map(|e| e.ok().map(|e| e.path()))
                .filter(|p| p.join("module.yml").is_file())
                .collect();
            paths.sort();
            for path in paths {
                registry.add(load(&path).map(Arc::new).map_err(|e| format!("{}: {e}", path.display()))?);
            }
        }
        Ok(registry)
    }

    fn add(&mut self, module: Arc<Module>) {
        let index = self.own.len();
        let spec = Arc::clone(&module.spec);
        for name in spec.aliases.iter().chain(spec.deprecated.keys()).chain([&spec.name]) {
            self.own_names.entry(name.clone()).or_insert(index);
        }
        self.own.push(module);
    }

    /// A module by its short name, its full name or an alias. `ansible.legacy.x` is `x`.
    pub fn get(&self, name: &str) -> Option<&Arc<Module>> {
        let name = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        if let Some(index) = self.own_names.get(name) {
            return self.own.get(*index);
        }
        let built_in = &*BUILT_IN;
        let index = *built_in.names.get(name)?;
        let module = built_in.modules[index].get_or_init(|| Arc::new(generated::ENTRIES[index].module()));
        let variant =
            built_in.variants.get(name).map(|cell| cell.get_or_init(|| variant(module, name).map(Arc::new)));
        Some(variant.and_then(Option::as_ref).unwrap_or(module))
    }

    /// The short names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let own = self.own.iter().map(|m| m.spec.name.as_str());
        let mut names: Vec<&str> = own.chain(generated::ENTRIES.iter().map(|e| e.name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every name under which `get` finds something; for "did you mean".
    pub fn all_names(&self) -> impl Iterator<Item = &str> {
        self.own_names.keys().map(String::as_str).chain(BUILT_IN.names.keys().copied())
    }
}

/// The nearest of `known` to a module's misspelt name. Of a full name the last part counts: collections have long names, and
/// a module may only be looked for in the wrong one.
pub fn nearest_name<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let Some((collection, short)) = name.rsplit_once('.') else {
        return nearest(name, known.filter(|k| !k.contains('.')));
    };
    let full: Vec<&str> = known.filter(|k| k.contains('.')).collect();
    let last = |k: &'k str| k.rsplit('.').next().unwrap_or(k);
    let near = nearest(short, full.iter().copied().filter(|k| k.starts_with(collection)).map(last))
        .or_else(|| nearest(short, full.iter().copied().map(last)));
    let called = |word: &str| {
        let mut named = full.iter().copied().filter(|k| last(k) == word).collect::<Vec<_>>();
        named.sort_by_key(|k| !k.starts_with(collection));
        named.first().copied()
    };
    called(short).or_else(|| called(near?))
}

impl Entry {
    fn module(&self) -> Module {
        // A test parses every module.yml, so a broken one cannot be shipped.
        let spec = match parse(self.spec) {
            Ok(spec) => Arc::new(spec),
            Err(e) => panic!("modules/{}/module.yml: {e}", self.name),
        };
        let behaviour = match self.native {
            Some(native) => native(),
            None => declarative::behaviour(Arc::clone(&spec), self.probe, self.apply),
        };
        Module { spec, behaviour }
    }
}

/// module.yml with its shared arguments in place.
fn parse(text: &str) -> Result<ModuleSpec, String> {
    let mut spec: ModuleSpec = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
    for name in &spec.common {
        let found = generated::COMMON.iter().find(|(n, _)| n == name);
        let (_, text) = found.ok_or_else(|| format!("there are no common arguments `{name}`"))?;
        let shared: IndexMap<String, ArgSpec> =
            serde_yaml::from_str(text).map_err(|e| format!("common/{name}.yml: {e}"))?;
        for (key, arg) in shared {
            spec.args.entry(key).or_insert(arg);
        }
    }
    Ok(spec)
}

/// Reads one folder of a library.
fn load(folder: &Path) -> Result<Module, String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let text = read("module.yml").map_err(|e| format!("module.yml: {e}"))?;
    let spec = parse(&text).map_err(|e| format!("module.yml: {e}"))?;
    if folder.join("native.rs").exists() {
        return Err(
            "native.rs is compiled into fitout only; a library module is probe.sh and apply.sh".into()
        );
    }
    let probe = read("probe.sh").map_err(|e| format!("probe.sh: {e}"))?;
    let apply = read("apply.sh").ok();
    let spec = Arc::new(spec);
    let behaviour = declarative::behaviour(Arc::clone(&spec), Some(&probe), apply.as_deref());
    Ok(Module { spec, behaviour })
}
