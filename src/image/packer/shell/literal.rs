//! An `execute_command` as it stands: the script is put on the host, the command is run, the script is removed.

use super::super::model::{Part, field};
use super::super::translate::{Task, text};
use super::{Runner, absolute, back, finish, variables};
use serde_yaml::Value as Yaml;

pub fn tasks(part: &Part, command: &str) -> Result<Vec<Task>, String> {
    let folder = part.text("remote_folder").filter(|f| !f.is_empty()).unwrap_or_else(|| "/tmp".into());
    let file =
        part.text("remote_file").filter(|f| !f.is_empty()).unwrap_or_else(|| "script_fitout.sh".into());
    let path =
        part.text("remote_path").filter(|p| !p.is_empty()).unwrap_or_else(|| format!("{folder}/{file}"));
    let odd = |option: &str| part.text(option).is_some_and(|text| !["", "false"].contains(&text.as_str()));
    if let Some(option) = ["env_var_format", "use_env_var_file"].into_iter().find(|option| odd(option)) {
        return Err(format!("`{option}` is not supported beside such an `execute_command`"));
    }
    let vars = assignments(part)?;
    let command = command.replace(&field("Path"), &path).replace(&field("Vars"), &vars);
    let mut all = Vec::new();
    let inline = part.texts("inline");
    if !inline.is_empty() {
        let shebang = part.text("inline_shebang").unwrap_or_else(|| "/bin/sh -e".into());
        let script = format!("#!{shebang}\n{}\n", inline.join("\n"));
        run(part, ("content", text(&script)), &path, &command, &mut all)?;
    }
    for script in part.texts("script").into_iter().chain(part.list("scripts")) {
        run(part, ("src", text(&absolute(&script))), &path, &command, &mut all)?;
    }
    if all.is_empty() {
        return Err("a `shell` provisioner needs `inline`, `script` or `scripts`".into());
    }
    Ok(all)
}

fn run(
    part: &Part,
    script: (&str, Yaml),
    path: &str,
    command: &str,
    all: &mut Vec<Task>,
) -> Result<(), String> {
    let mut copy = Task::new(format!("shell: put {path}"));
    copy.module("ansible.builtin.copy", vec![script, ("dest", text(path)), ("mode", "0755".into())]);
    let mut run = Task::new(format!("shell: run {path}"));
    let mut arguments = vec![("cmd", text(command))];
    // Packer leaves it to the login's shell, which has this where a template uses it.
    if command.contains("[[") {
        arguments.push(("executable", "/bin/bash".into()));
    }
    run.module("ansible.builtin.shell", arguments);
    // The command says itself where the variables stand.
    finish(part, &Runner::default(), &Yaml::Null, &mut run)?;
    let mut remove = Task::new(format!("shell: remove {path}"));
    remove.module("ansible.builtin.file", vec![("path", text(path)), ("state", "absent".into())]);
    all.extend([copy, run]);
    // It may have switched the machine off.
    all.extend(back(part));
    all.push(remove);
    Ok(())
}

/// `.Vars`: what stands before a command, its values quoted.
fn assignments(part: &Part) -> Result<String, String> {
    let own = ["PACKER_BUILD_NAME=\"$PACKER_BUILD_NAME\"", "PACKER_BUILDER_TYPE=\"$PACKER_BUILDER_TYPE\""];
    let mut all = own.map(str::to_string).to_vec();
    for (name, value) in variables(part)? {
        all.push(format!("{name}='{}'", value.replace('\'', "'\"'\"'")));
    }
    Ok(all.join(" "))
}
