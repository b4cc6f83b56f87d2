//! Kernel parameters in all three places: the running kernel, the line of a file, and the outcome at boot.

use super::boot::{self, Boot};
use super::boot_modules::Named;
use super::found_files::Files;
use super::key;
use super::lines::{self, Edit};
use super::place::{self, Live, Place};
use super::running::running;
use super::said;
use crate::base::{Map, Value};
use crate::boot_script;
use crate::modules::Failure;
use crate::modules::kit::{changed, diff, result};
use crate::modules::text::{TextFile, text_file, write_text};
use crate::plan::{Action, Decision, Diff};
use crate::remote::{Job, Output};
use crate::script;

/// The files that are chosen from where none is named: the first whose line counts at boot.
pub const OWN_FILES: [&str; 2] = ["/etc/sysctl.d/99-sysctl.conf", "/etc/sysctl.d/zz-fitout.conf"];

/// One key and the value it shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As the user writes it.
    pub name: String,
    /// Below /proc/sys, with slashes.
    pub path: String,
    /// One line; 1 and 0 for Ansible's words for true and false, empty for null.
    pub value: String,
}

impl Setting {
    /// # Errors
    /// The key is none, or the value is not one line.
    pub fn new(name: &str, value: &Value) -> Result<Setting, Failure> {
        let name = name.trim().trim_start_matches('-').trim();
        let path = key::path(name);
        if !key::valid(&path) {
            return Err(Failure::new(format!("`{name}` is not a kernel parameter")));
        }
        let value = match value {
            Value::Null => Some(String::new()),
            value => key::value(value),
        };
        match value.filter(|v| !v.contains('\n')) {
            Some(value) => Ok(Setting { name: name.to_string(), path, value }),
            None => Err(Failure::new(format!("the value of `{name}` is not one line of text"))),
        }
    }

    fn edit(&self, present: bool) -> Edit<'_> {
        Edit { name: &self.name, path: &self.path, value: present.then_some(self.value.as_str()) }
    }
}

/// What is wanted of some keys.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// In the order of the task.
    pub settings: Vec<Setting>,
    /// False: their lines are taken out of the files, and nothing runs otherwise.
    pub present: bool,
    /// `None`: one of [`OWN_FILES`].
    pub file: Option<&'a str>,
    /// What is to become of the running kernel.
    pub live: Live,
    /// Whether running values are set at all.
    pub running: bool,
    /// Keys that the kernel does not have are accepted.
    pub lenient: bool,
    /// A value that another file takes back at boot is a failure; else a warning.
    pub lost_fails: bool,
    /// The task itself sees to it that kernel modules are loaded in time.
    pub brings_modules: bool,
}

impl Wish<'_> {
    fn files(&self) -> Vec<&str> {
        self.file.map_or_else(|| OWN_FILES.to_vec(), |f| vec![f])
    }
}

/// What is to be done about a wish; [`Found::decision`] makes one of it.
#[derive(Debug, Default)]
pub struct Found {
    /// What differs, a sentence each; empty: nothing is to be done.
    pub reasons: Vec<String>,
    /// In order; of use only where there is a reason.
    pub effects: Vec<Job>,
    /// E.g. a value that is lost at boot; told in any case.
    pub warnings: Vec<String>,
    /// Of the files.
    pub diffs: Vec<Diff>,
    /// What the task returns.
    pub result: Map,
}

impl Found {
    /// One decision for all keys together: unchanged where no reason was found, else every effect in order.
    pub fn decision(self) -> Decision {
        if self.reasons.is_empty() {
            return Decision { warnings: self.warnings, ..Decision::unchanged(self.result) };
        }
        let mut decision = changed(Action::Update, self.reasons.join("; "), self.effects, self.result);
        decision.warnings = self.warnings;
        if let Some(change) = &mut decision.change {
            change.diffs = self.diffs;
        }
        decision
    }
}

/// The job that looks at everything that counts for these keys.
pub fn probe(wish: &Wish<'_>) -> Job {
    let mut modules: Vec<&str> = wish.settings.iter().filter_map(|s| key::module(&s.path)).collect();
    modules.sort_unstable();
    modules.dedup();
    if wish.brings_modules {
        modules.clear();
    }
    let pattern = if modules.is_empty() { String::new() } else { Named(&modules).pattern() };
    Job::new(boot_script!("kernel.settings", "settings_probe.sh"))
        .var("files", wish.files().join("\n"))
        .var("modules", modules.join("\n"))
        .var("pattern", pattern)
        .flag("late", said::no_forwarding(wish).is_some())
        .flag("bridges", said::unfiltered(wish).is_some())
        .flag("proxied", said::proxied(wish).next().is_some())
        .args(wish.settings.iter().map(|s| &s.path))
}

/// What differs from the wish.
///
/// # Errors
/// A file cannot be read; the kernel has no such key or does not let it be set; another file wins at boot.
pub fn look(wish: &Wish<'_>, output: &Output) -> Result<Found, Failure> {
    let mut found = Found::default();
    let place = Place::of(output);
    let mut files = Vec::new();
    for path in wish.files() {
        files.push(text_file(output, path)?);
    }
    let after_boot = Files::read(output);
    if !wish.present {
        for was in &files {
            write(wish, output, was, &mut found);
        }
        if !found.reasons.is_empty() {
            let names: Vec<&str> = wish.settings.iter().map(|s| s.name.as_str()).collect();
            let names = names.join(", ");
            found.warnings.push(format!("the running value of {names} stays until the next boot"));
        }
        return Ok(found);
    }
    let was = choose(wish, &files, &after_boot);
    let boot = after_boot.with(was, &edited(wish, &was.content));
    let concrete = concrete(wish, output, &boot);
    running(wish, &concrete, output, place, was, &mut found)?;
    write(wish, output, was, &mut found);
    lost(wish, &concrete, output, &boot, &after_boot, was, &mut found)?;
    if place == Place::Host && !wish.brings_modules {
        found.warnings.extend(said::late_modules(wish, output));
    }
    found.warnings.extend(said::late_writers(wish, output));
    found.warnings.extend(said::nothing_said(&after_boot));
    let keys = wish.settings.iter().map(|s| (s.name.as_str(), told(s, output, &boot)));
    found.result = result([("keys", keys.collect::<Value>()), ("sysctl_file", was.path.as_str().into())]);
    Ok(found)
}

/// After the effects: what the kernel made of the values.
///
/// # Errors
/// A write failed, or the kernel keeps another value than the one it was given.
pub fn check(wish: &Wish<'_>, done: &[Output]) -> Result<(), Failure> {
    if let Some(failed) = done.iter().find(|o| !o.ok()) {
        return Err(Failure::from_output(failed));
    }
    let mut other = Vec::new();
    for (item, _, is) in done.iter().flat_map(Output::records).filter(|(_, key, _)| *key == b"value") {
        let Some(path) = std::str::from_utf8(item).ok().and_then(|i| i.strip_prefix("live:")) else {
            continue;
        };
        let itself = wish.settings.iter().find(|s| s.path == path);
        let Some(Setting { value, .. }) =
            itself.or_else(|| wish.settings.iter().rfind(|s| boot::matches(&s.path, path)))
        else {
            continue;
        };
        let is = String::from_utf8_lossy(is);
        if !key::same(path, value, &is) {
            let name = itself.map_or_else(|| key::dotted(path), |s| s.name.clone());
            other.push(format!("{name} was given {value}, and the kernel made {} of it", flat(&is)));
        }
    }
    if other.is_empty() { Ok(()) } else { Err(Failure::new(other.join("; "))) }
}

/// Two keys of which the kernel keeps one alone cannot both be wished for.
///
/// # Errors
/// They are.
pub fn compatible(settings: &[Setting]) -> Result<(), Failure> {
    let counts = |s: &&Setting| key::takes_over(&s.path, &s.value);
    for setting in settings.iter().filter(counts) {
        let rival = key::rival(&setting.path);
        if let Some(other) = settings.iter().filter(counts).find(|s| Some(s.path.as_str()) == rival) {
            return Err(Failure::new(format!(
                "{} and {} are two ways to say one thing: the kernel makes one 0 when the other is set; ask for one",
                setting.name, other.name
            )));
        }
    }
    Ok(())
}

fn edited(wish: &Wish<'_>, content: &str) -> String {
    let edits: Vec<Edit<'_>> = wish.settings.iter().map(|s| s.edit(wish.present)).collect();
    lines::edit(content, &edits)
}

/// The file to write: one that says it all already and wins, else the first that would win, else the first.
fn choose<'a>(wish: &Wish<'_>, files: &'a [TextFile], after_boot: &Files) -> &'a TextFile {
    let wins = |was: &TextFile| {
        let boot = after_boot.with(was, &edited(wish, &was.content));
        wish.settings.iter().all(|s| decided(&boot, s) == Some(true))
    };
    let settled = files.iter().find(|f| edited(wish, &f.content) == f.content && wins(f));
    settled.or_else(|| files.iter().find(|f| wins(f))).unwrap_or(&files[0])
}

/// Whether the boot comes to the value wanted; `None` where no file says anything.
fn decided(boot: &Boot, setting: &Setting) -> Option<bool> {
    let assignment = boot.decides(&setting.path)?;
    if boot.takes_over(&setting.path).is_some() {
        return Some(key::same(&setting.path, &setting.value, "0"));
    }
    Some(assignment.value.as_ref().is_some_and(|v| key::same(&setting.path, &setting.value, v)))
}

fn write(wish: &Wish<'_>, output: &Output, was: &TextFile, found: &mut Found) {
    let content = edited(wish, &was.content);
    if content == was.content {
        return;
    }
    for setting in &wish.settings {
        let Setting { name, path, value } = setting;
        let is = lines::current(&was.content, path);
        match (wish.present, is) {
            (true, Some(is)) if !key::same(path, &is, value) => {
                found.reasons.push(format!("{name} is {is} in {}, not {value}", was.path));
            }
            (true, Some(_)) => {}
            (true, None) => found.reasons.push(format!("{} does not set {name}", was.path)),
            (false, Some(_)) => found.reasons.push(format!("{} sets {name}", was.path)),
            (false, None) => {}
        }
    }
    if found.reasons.is_empty() {
        found.reasons.push(format!("{} says it more than once", was.path));
    }
    let mut file = write_text(was, &content);
    file.mode = (!was.exists).then(|| "0644".to_string());
    found.effects.extend(place::write_as(output, &was.path, file));
    found.diffs.push(diff(&was.path, was.content.as_str(), content));
}

/// The running value of a key; `None` where the kernel does not have it.
pub fn live(output: &Output, path: &str) -> Option<String> {
    output.field(&format!("live:{path}"), "exists")?;
    let prefix = format!("/proc/sys/{path}:");
    let values = output.field("live", "values").unwrap_or_default();
    let lines: Vec<&str> = values.lines().filter_map(|l| l.strip_prefix(&prefix)).collect();
    Some(lines.join("\n"))
}

pub(super) fn flat(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The keys themselves: a pattern stands for those it matches on this host, unless a line names them.
fn concrete(wish: &Wish<'_>, output: &Output, boot: &Boot) -> Vec<Setting> {
    let there: Vec<String> = output
        .records()
        .filter(|(_, key, _)| *key == b"exists")
        .filter_map(|(item, _, _)| Some(std::str::from_utf8(item).ok()?.strip_prefix("live:")?.to_string()))
        .collect();
    let mut out = Vec::new();
    for setting in &wish.settings {
        if !boot::is_pattern(&setting.path) {
            out.push(setting.clone());
            continue;
        }
        let matched = there.iter().filter(|p| boot::matches(&setting.path, p) && !boot.names(p));
        let one = |path: &String| Setting {
            name: key::dotted(path),
            path: path.clone(),
            value: setting.value.clone(),
        };
        out.extend(matched.map(one));
    }
    out
}

/// The job that sets running values: pairs of path and value.
pub fn set<'a>(pairs: impl IntoIterator<Item = &'a String>) -> Job {
    Job::new(script!("kernel.set", "settings_apply.sh")).args(pairs)
}

fn lost(
    wish: &Wish<'_>,
    settings: &[Setting],
    output: &Output,
    boot: &Boot,
    files: &Files,
    was: &TextFile,
    found: &mut Found,
) -> Result<(), Failure> {
    let named = wish.file.unwrap_or(&was.path);
    let mut lost = Vec::new();
    let patterns = wish.settings.iter().filter(|s| boot::is_pattern(&s.path));
    for setting in settings.iter().chain(patterns) {
        let name = &setting.name;
        let lead = format!("{name} would be lost at boot");
        match boot.decides(&setting.path) {
            Some(_) if decided(boot, setting) == Some(true) => {}
            Some(by) if boot.takes_over(&setting.path).is_none() => lost.push(match &by.value {
                Some(value) => format!("{lead}: {}:{} sets it to {value} again", by.file, by.line),
                None => format!("{lead}: {}:{} takes it out", by.file, by.line),
            }),
            Some(_) => lost.extend(boot.takes_over(&setting.path).map(|(rival, by)| {
                let (rival, value) = (key::dotted(rival), by.value.as_deref().unwrap_or_default());
                format!("{lead}: {}:{} sets {rival} to {value}, which makes it 0", by.file, by.line)
            })),
            None => match files.unread(named) {
                Some(why) => lost.push(format!("{lead}: {named} is not read then, {why}")),
                None => found.warnings.push(format!("{named} is not read at boot: {name} holds until then")),
            },
        }
    }
    // A host that has not been looked at (an old observation) says nothing about its boot.
    if lost.is_empty() || output.field("boot", "files").is_none() {
        return Ok(());
    }
    if wish.lost_fails {
        let hint = "change that line, or write to a file that is read later; `lost_at_boot: warn` accepts it";
        return Err(Failure::new(format!("{}: {hint}", lost.join("; "))));
    }
    found.warnings.extend(lost);
    Ok(())
}

fn told(setting: &Setting, output: &Output, boot: &Boot) -> Value {
    let text = |v: Option<String>| v.map_or(Value::Null, Value::from);
    let rival = boot.takes_over(&setting.path).map(|(_, by)| by);
    let by = rival.or_else(|| boot.decides(&setting.path));
    let value =
        if rival.is_some() { Some("0".into()) } else { by.and_then(|a| a.value.as_deref().map(flat)) };
    result([
        ("running", text(live(output, &setting.path).map(|v| flat(&v)))),
        ("boot", text(value)),
        ("file", text(by.map(|a| a.file.clone()))),
    ])
    .into()
}
