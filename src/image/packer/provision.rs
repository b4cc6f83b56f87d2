//! Provisioners as steps of a playbook: tasks, or another playbook that is imported.

use super::model::Part;
use super::shell;
use super::stage::{self, Stage};
use super::translate::{Task, text};
use serde_yaml::{Mapping, Value as Yaml};
use std::path::{Path, PathBuf};

/// What a provisioner becomes.
pub enum Step {
    Tasks(Vec<Task>),
    /// `import_playbook` of a file, with variables; the folder stays as long as it is read.
    Playbook {
        file: String,
        vars: Mapping,
        stage: Option<Stage>,
    },
}

/// The steps of one provisioner; an error is about the whole of it.
pub fn steps(part: &Part) -> Result<Vec<Step>, String> {
    let mut steps = match part.kind.as_str() {
        "shell" | "shell-local" => vec![Step::Tasks(shell::tasks(part)?)],
        "file" => vec![Step::Tasks(files(part)?)],
        "ansible" | "ansible-local" => playbooks(part)?,
        // A breakpoint stops for a person to look; `--on-error` and `--keep-on-error` are for that.
        _ => Vec::new(),
    };
    let mut before = Vec::new();
    let given = |option: &str| part.text(option).filter(|text| !text.is_empty() && text != "0s");
    if let Some(pause) = given("pause_before") {
        let mut task = Task::new(format!("pause before {}", part.kind));
        task.module("ansible.builtin.pause", vec![("seconds", seconds(&pause)?.into())]);
        before.push(task);
    }
    for step in &mut steps {
        let Step::Tasks(tasks) = step else { continue };
        for task in tasks.iter_mut() {
            repeat(part, task)?;
        }
        before.append(tasks);
        std::mem::swap(tasks, &mut before);
    }
    if !before.is_empty() {
        steps.insert(0, Step::Tasks(before));
    }
    Ok(steps)
}

fn repeat(part: &Part, task: &mut Task) -> Result<(), String> {
    if let Some(limit) = part.text("timeout").filter(|limit| !limit.is_empty()) {
        task.set("timeout", seconds(&limit)?.into());
    }
    let Some(retries) = part.text("max_retries").filter(|r| r != "0" && !r.is_empty()) else { return Ok(()) };
    let retries: u64 = retries.parse().map_err(|_| format!("max_retries: `{retries}` is no number"))?;
    task.set("register", "packer_step".into());
    task.set("retries", retries.into());
    task.set("until", "packer_step is succeeded".into());
    Ok(())
}

/// Go's durations (`1h2m3s`, `10s`, `500ms`), rounded up to whole seconds.
pub fn seconds(duration: &str) -> Result<u64, String> {
    let bad = || format!("`{duration}` is no duration like `10s` or `5m`");
    let mut total = 0.0;
    let mut rest = duration.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let after = &rest[digits..];
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        total += number
            * match &after[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                // A bare number is nanoseconds in Go; nobody means that.
                _ => return Err(bad()),
            };
        rest = &after[unit..];
    }
    Ok(total.ceil() as u64)
}

fn files(part: &Part) -> Result<Vec<Task>, String> {
    let to = part.text("destination").ok_or("a `file` provisioner needs a `destination`")?;
    let down = part.text("direction").as_deref() == Some("download");
    let mut all = Vec::new();
    if let Some(content) = part.text("content") {
        let mut task = Task::new(format!("file: {to}"));
        task.module("ansible.builtin.copy", vec![("content", text(&content)), ("dest", text(&to))]);
        all.push(task);
    }
    for from in part.texts("source").into_iter().chain(part.list("sources")) {
        let mut task = Task::new(format!("file: {from}"));
        if down {
            let arguments = vec![("src", text(&from)), ("dest", text(&absolute(&to))), ("flat", true.into())];
            task.module("ansible.builtin.fetch", arguments);
        } else {
            let from = if from.ends_with('/') { format!("{}/", absolute(&from)) } else { absolute(&from) };
            let arguments = vec![("src", text(&from)), ("dest", text(&to)), ("mode", "preserve".into())];
            task.module("ansible.builtin.copy", arguments);
        }
        all.push(task);
    }
    if all.is_empty() {
        return Err("a `file` provisioner needs a `source`, `sources` or `content`".into());
    }
    Ok(all)
}

/// A path as Packer finds it: from the working directory.
fn absolute(path: &str) -> String {
    std::path::absolute(path).map_or_else(|_| path.to_string(), |p| p.display().to_string())
}

fn playbooks(part: &Part) -> Result<Vec<Step>, String> {
    let vars = arguments(part)?;
    environment_of_ansible(part)?;
    let (files, stage) = stage::playbooks(part)?;
    let step = |file: PathBuf| {
        let file = file.display().to_string();
        Step::Playbook { file, vars: vars.clone(), stage: stage.clone() }
    };
    let steps: Vec<Step> = files.into_iter().map(step).collect();
    if steps.is_empty() {
        return Err(format!("an `{}` provisioner needs a `playbook_file`", part.kind));
    }
    Ok(steps)
}

/// What would lead Ansible to other files or variables: there is no Ansible that could find them.
fn environment_of_ansible(part: &Part) -> Result<(), String> {
    let folder = part.text("inventory_directory").filter(|f| !f.is_empty());
    for vars in ["group_vars", "host_vars"] {
        if folder.as_ref().is_some_and(|folder| Path::new(folder).join(vars).is_dir()) {
            return Err(format!(
                "inventory_directory: its {vars} are not read; put them beside the playbook"
            ));
        }
    }
    let leads =
        ["ROLES_PATH", "COLLECTIONS_PATH", "COLLECTIONS_PATHS", "CONFIG", "LIBRARY", "VAULT_PASSWORD_FILE"];
    for pair in part.texts("ansible_env_vars") {
        let name = pair.split('=').next().unwrap_or_default();
        if name.strip_prefix("ANSIBLE_").is_some_and(|name| leads.contains(&name)) {
            return Err(format!("ansible_env_vars: {name} is not supported: give it to `fitout bake`"));
        }
    }
    Ok(())
}

/// `extra_arguments` of ansible-playbook: variables and what says how to log in are understood.
fn arguments(part: &Part) -> Result<Mapping, String> {
    let mut vars = Mapping::new();
    let mut words: Vec<String> = Vec::new();
    // Some write an option and its value as one text, as on a command line.
    for text in part.list("extra_arguments") {
        match text.split_once(' ') {
            Some((option, value)) if option.starts_with('-') => {
                words.extend([option.to_string(), value.trim().trim_matches(['\'', '"']).to_string()]);
            }
            _ => words.push(text),
        }
    }
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => {
                (option.to_string(), Some(value.to_string()))
            }
            _ => (word.clone(), None),
        };
        let mut value = || value.clone().or_else(|| words.next()).unwrap_or_default();
        match option.as_str() {
            "-e" | "--extra-vars" => extra_vars(&value(), &mut vars)?,
            "-b" | "--become" => drop(vars.insert("ansible_become".into(), true.into())),
            "" | "-v" | "-vv" | "-vvv" | "-vvvv" | "--verbose" | "--diff" | "-D" => {}
            // Of programs that are not used.
            "-c" | "--connection" | "--scp-extra-args" | "--sftp-extra-args" => drop(value()),
            _ => {
                return Err(format!(
                    "`{word}` in extra_arguments is not supported: give it to `fitout bake`"
                ));
            }
        }
    }
    // What Packer itself tells the playbook; the template's own go before it.
    let own = [("packer_build_name", "{{ fitout_image.build }}"), ("packer_builder_type", "amazon-ebs")];
    let address = (part.kind == "ansible-local").then_some(("packer_http_addr", ""));
    for (name, value) in own.into_iter().chain(address) {
        vars.entry(name.into()).or_insert(value.into());
    }
    Ok(vars)
}

/// `a=1 b=2`, JSON or YAML.
fn extra_vars(given: &str, vars: &mut Mapping) -> Result<(), String> {
    let given = given.trim();
    if given.starts_with('{') {
        let parsed: Mapping =
            serde_yaml::from_str(given).map_err(|e| format!("extra-vars `{given}`: {e}"))?;
        vars.extend(parsed);
        return Ok(());
    }
    if let Some(file) = given.strip_prefix('@') {
        let read = std::fs::read_to_string(file).map_err(|e| e.to_string());
        let read = read.and_then(|text| serde_yaml::from_str::<Mapping>(&text).map_err(|e| e.to_string()));
        vars.extend(read.map_err(|e| format!("extra-vars `{given}`: {e}"))?);
        return Ok(());
    }
    for pair in shell_words::split(given).map_err(|e| format!("extra-vars `{given}`: {e}"))? {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("extra-vars: `{pair}` is not NAME=value"))?;
        vars.insert(name.into(), text(value));
    }
    Ok(())
}

/// The groups that the image host is in for the playbooks of a provisioner.
pub fn groups(part: &Part) -> Vec<String> {
    part.list("groups").into_iter().chain(part.list("inventory_groups")).collect()
}

/// Whether a value is left out of the printed playbook when empty.
pub fn is_empty(value: &Yaml) -> bool {
    value.as_mapping().is_some_and(Mapping::is_empty) || value.as_sequence().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, expected) in [("10s", 10), ("5m", 300), ("1h2m3s", 3723), ("500ms", 1), ("1.5s", 2)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert!(seconds("10").is_err() && seconds("soon").is_err() && seconds("").is_err());
    }
}
