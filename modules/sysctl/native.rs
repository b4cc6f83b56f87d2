//! sysctl: keys in one file, their running values, and whoever sets them later at boot (see src/modules/kernel).

use crate::base::{Map, Value};
use crate::modules::kernel::key;
use crate::modules::kernel::place::Live;
use crate::modules::kernel::settings::{self, OWN_FILES, Setting, Wish};
use crate::modules::kit::{claims, only};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged, has_unknown};
use crate::plan::{Claims, Decision};
use crate::remote::{Job, Output};
use crate::spec::ModuleSpec;
use std::sync::Arc;

/// The truth is /proc/sys now and sysctl.d(5)'s files in the order in which they are read at boot; units are
/// each key's own (kernel's admin-guide/sysctl).
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(Sysctl))
}

struct Sysctl;

fn wish(args: &Args) -> Result<Wish<'_>, Failure> {
    let present = args.str("state") != "absent";
    let settings: Result<Vec<Setting>, Failure> = match args.map("values") {
        Some(values) => {
            let given = values.iter().filter_map(|(k, v)| Some((k.as_str()?, v)));
            given.map(|(name, value)| setting(name, Some(value), present)).collect()
        }
        None => setting(args.str("name"), args.value("value"), present).map(|s| vec![s]),
    };
    let settings = settings?;
    if present {
        settings::compatible(&settings)?;
    }
    Ok(Wish {
        settings,
        present,
        file: args.opt_str("sysctl_file"),
        live: Live::of(args),
        running: args.bool("reload") || args.bool("sysctl_set"),
        lenient: args.bool("ignoreerrors"),
        lost_fails: args.str("lost_at_boot") != "warn",
        brings_modules: false,
    })
}

fn setting(name: &str, value: Option<&Value>, present: bool) -> Result<Setting, Failure> {
    match value {
        Some(value) if !value.is_null() || !present => Setting::new(name, value),
        None if !present => Setting::new(name, &Value::Null),
        _ => Err(Failure::new(format!("{name}: value cannot be blank; `state: absent` takes its line out"))),
    }
}

impl Staged for Sysctl {
    fn claims(&self, _: &ModuleSpec, args: &Args) -> Claims {
        let wish = match wish(args) {
            Ok(wish) if !args.values().any(has_unknown) => wish,
            _ => return Claims::everything(),
        };
        let file = |path: &str| format!("file:{path}");
        let mut writes: Vec<String> = match wish.file {
            Some(path) => vec![file(path)],
            None => OWN_FILES.iter().map(|path| file(path)).collect(),
        };
        if wish.file.is_none_or(|path| path == OWN_FILES[0]) {
            writes.push("file:/etc/sysctl.conf".into());
        }
        for setting in &wish.settings {
            let path = setting.path.as_str();
            let names = [Some(path), key::twin(path), key::rival(path)];
            writes.extend(names.into_iter().flatten().map(|path| format!("sysctl:{}", key::dotted(path))));
        }
        let folders = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];
        let mut reads: Vec<String> = folders.iter().map(|path| file(path)).collect();
        reads.push("module:*".into());
        if wish.settings.iter().any(|s| key::module(&s.path).is_some()) {
            reads.extend(["/etc/modules", "/etc/modules-load.d/*", "/etc/udev/rules.d/*"].map(file));
        }
        claims(&reads, &writes)
    }

    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        Ok(vec![settings::probe(&wish(args)?)])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        Ok(settings::look(&wish(args)?, only(seen)?)?.decision())
    }

    fn finish(&self, args: &Args, decision: Decision, done: &[Output]) -> Result<Map, Failure> {
        settings::check(&wish(args)?, done)?;
        Ok(decision.result)
    }
}
