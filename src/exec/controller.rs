//! What modules ask of this machine while they decide: its files, rendered and opened, and what is known of the host.

use super::scope::{TaskScope, absolute};
use super::state::{Run, locked};
use crate::base::Value;
use crate::eval::{Rendered, Scope, TemplateOptions};
use crate::modules::{Args, ArgsExt, Controller, Failure};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a module may ask while it decides.
pub struct TaskController {
    run: Arc<Run>,
    scope: Arc<TaskScope>,
    check: bool,
    diff: bool,
    /// On a plan: after what it is known what a file is that was asked for.
    awaited: Mutex<Option<Arc<str>>>,
}

impl TaskController {
    pub fn new(run: Arc<Run>, scope: Arc<TaskScope>, check: bool, diff: bool) -> Self {
        TaskController { run, scope, check, diff, awaited: Mutex::default() }
    }

    /// On a plan: after what it is known what a file is that was asked for.
    pub fn awaits(&self) -> Option<Arc<str>> {
        locked(&self.awaited).clone()
    }

    pub fn diff(&self) -> bool {
        self.diff
    }

    /// The same task, asked what it would do.
    pub fn predicting(&self) -> TaskController {
        TaskController::new(Arc::clone(&self.run), Arc::clone(&self.scope), true, self.diff)
    }
}

impl Controller for TaskController {
    fn check_mode(&self) -> bool {
        self.check
    }

    fn diff_mode(&self) -> bool {
        self.diff
    }

    fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Failure> {
        let found = super::lookups::find_file(self.scope.context(), kind, name);
        let to_come = self.scope.context().to_come.as_ref();
        let path = found.as_deref().unwrap_or(Path::new(name));
        let Some(why) = to_come.and_then(|to_come| to_come(path)) else { return found };
        *locked(&self.awaited) = Some(why);
        found.and_then(|path| Err(Failure::new(format!("{} is as it was", path.display()))))
    }

    fn base_dir(&self) -> PathBuf {
        absolute(&self.scope.context().playbook_dir)
    }

    fn read_file(&self, path: &Path, raw: bool) -> Result<Arc<[u8]>, Failure> {
        let bytes =
            std::fs::read(path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
        if raw || !bytes.starts_with(b"$ANSIBLE_VAULT;") {
            return Ok(bytes.into());
        }
        let text = String::from_utf8_lossy(&bytes);
        let plain = self.run.keyring.open(&text).map_err(|e| Failure::new(e.to_string()))?;
        // Bytes that are no text are shown nowhere.
        if let Ok(text) = std::str::from_utf8(&plain) {
            self.run.redactor.learn_content(text);
        }
        Ok(plain.into())
    }

    fn render(&self, path: &Path, options: &Args) -> Result<String, Failure> {
        let bytes = self.read_file(path, false)?;
        let text = String::from_utf8(bytes.to_vec())
            .map_err(|e| Failure::new(format!("{} is not UTF-8: {e}", path.display())))?;
        let dest = options.get("dest").cloned().unwrap_or_default();
        let scope = self.scope.with(crate::eval::template_names(path, dest, &*self.scope));
        let options = template_options(options);
        let search = &self.scope.context().search;
        match self.run.engine.render_file(&text, path, &options, search, &scope) {
            Ok(Rendered::Text(text)) => Ok(text),
            Ok(Rendered::Secret(text)) => {
                self.run.redactor.learn_content(&text);
                Ok(text)
            }
            Ok(Rendered::Unknown(why)) => Err(Failure::new(format!("the template is known after {why}"))),
            Err(error) => Err(Failure::new(error.to_string())),
        }
    }

    fn fact(&self, name: &str) -> Option<Value> {
        self.scope.layers.get("ansible_facts")?.get(name).cloned()
    }

    fn inventory_hostname(&self) -> &str {
        &self.scope.host
    }
}

/// The template module's arguments that concern the text.
fn template_options(args: &Args) -> TemplateOptions {
    let mut options = TemplateOptions::default();
    let flag = |name: &str, default: bool| args.opt_bool(name).unwrap_or(default);
    options.trim_blocks = flag("trim_blocks", options.trim_blocks);
    options.lstrip_blocks = flag("lstrip_blocks", options.lstrip_blocks);
    let pair = |kind: &str, default: (String, String)| {
        let part = |end: &str, default: String| {
            args.opt_str(&format!("{kind}_{end}_string")).map_or(default, str::to_string)
        };
        (part("start", default.0), part("end", default.1))
    };
    options.variable = pair("variable", options.variable);
    options.block = pair("block", options.block);
    options.comment = pair("comment", options.comment);
    options
}
