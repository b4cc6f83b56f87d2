//! The `shell` provisioner as tasks.
//!
//! Packer writes a script to the host, makes it executable, runs `execute_command` with `.Path` and `.Vars` put
//! in, and removes it. Here `inline` is the text of a `shell` task and a file is a `script` task; the usual forms of
//! `execute_command` say who runs it and with which shell. A command of another form is carried out as it stands.

mod literal;

use super::model::{Part, field};
use super::translate::{Task, text};
use serde_yaml::Value as Yaml;

/// How an `execute_command` runs a script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Runner {
    sudo: bool,
    /// The password that is piped into `sudo -S`.
    password: Option<String>,
    /// `bash -eux`, without the script; `None`: the script's own first line decides.
    shell: Option<String>,
}

/// The tasks of a `shell` or, on the controller, a `shell-local`.
pub fn tasks(part: &Part) -> Result<Vec<Task>, String> {
    let systems = part.list("only_on");
    if !systems.is_empty() && !systems.iter().any(|system| system == "linux") {
        return Ok(Vec::new());
    }
    let command = part.text("execute_command").filter(|command| part.kind == "shell" && !command.is_empty());
    let runner = match &command {
        Some(command) => match runner(command) {
            Some(runner) => runner,
            None => return literal::tasks(part, command),
        },
        None => local(part)?,
    };
    let environment = environment(part)?;
    let mut all = Vec::new();
    let inline = part.texts("inline");
    if !inline.is_empty() {
        all.push(inline_task(part, &inline, &runner)?);
    }
    for command in part.texts("command") {
        all.push(inline_task(part, &[command], &runner)?);
    }
    for script in part.texts("script").into_iter().chain(part.list("scripts")) {
        let mut task = Task::new(format!("{}: {script}", part.kind));
        let mut arguments = vec![("cmd", text(&quoted(&absolute(&script))))];
        if let Some(shell) = &runner.shell {
            arguments.push(("executable", text(shell)));
        }
        task.module("ansible.builtin.script", arguments);
        all.push(task);
    }
    if all.is_empty() {
        return Err(format!("a `{}` provisioner needs `inline`, `script` or `scripts`", part.kind));
    }
    for task in &mut all {
        finish(part, &runner, &environment, task)?;
    }
    all.extend(back(part));
    Ok(all)
}

/// Which shell the `execute_command` of a `shell-local` names: words, the last of which is the script.
fn local(part: &Part) -> Result<Runner, String> {
    let words = part.texts("execute_command");
    if part.kind != "shell-local" || words.is_empty() {
        return Ok(Runner::default());
    }
    match words.as_slice() {
        [shell, flag, script]
            if flag == "-c" && script.replace(&field("Vars"), "").trim() == field("Script") =>
        {
            Ok(Runner { shell: Some(shell.clone()), ..Runner::default() })
        }
        _ => {
            Err("execute_command of shell-local: a shell, `-c` and `{{.Vars}} {{.Script}}` are supported"
                .into())
        }
    }
}

/// After a step at which the host may go away.
fn back(part: &Part) -> Option<Task> {
    let mut wait = Task::new("wait for the host to be back".into());
    wait.module("ansible.builtin.wait_for_connection", Vec::new());
    part.truth("expect_disconnect").then_some(wait)
}

fn inline_task(part: &Part, lines: &[String], runner: &Runner) -> Result<Task, String> {
    let shebang = part.text("inline_shebang").unwrap_or_else(|| "/bin/sh -e".into());
    let shell = runner.shell.clone().unwrap_or(shebang);
    let mut words = shell.split_whitespace();
    let executable = match words.next() {
        Some("/usr/bin/env") => words.next().unwrap_or("sh").to_string(),
        Some(name) => name.to_string(),
        None => "/bin/sh".into(),
    };
    let executable = if executable.starts_with('/') { executable } else { format!("/bin/{executable}") };
    let flags: Vec<&str> = words.collect();
    let mut body = String::new();
    if !flags.is_empty() {
        body.push_str(&format!("set {}\n", flags.join(" ")));
    }
    body.push_str(&lines.join("\n"));
    let first = lines.iter().flat_map(|l| l.lines()).find(|l| !l.trim().is_empty()).unwrap_or_default();
    let mut task = Task::new(format!("{}: {}", part.kind, shortened(first)));
    task.module("ansible.builtin.shell", vec![("cmd", text(&body)), ("executable", text(&executable))]);
    Ok(task)
}

fn shortened(line: &str) -> String {
    let line = line.trim();
    if line.chars().count() <= 60 { line.to_string() } else { line.chars().take(59).chain(['…']).collect() }
}

fn finish(part: &Part, runner: &Runner, environment: &Yaml, task: &mut Task) -> Result<(), String> {
    if runner.sudo {
        task.set("become", true.into());
    }
    if let Some(password) = &runner.password {
        task.var("ansible_become_password", text(password));
        task.secret = true;
    }
    if part.kind == "shell-local" {
        task.var("ansible_connection", "local".into());
    }
    if environment.as_mapping().is_some_and(|m| !m.is_empty()) {
        task.set("environment", environment.clone());
    }
    let codes = part.list("valid_exit_codes");
    if !codes.is_empty() {
        for code in &codes {
            code.parse::<i32>().map_err(|_| format!("`{code}` in valid_exit_codes is no exit code"))?;
        }
        task.set("register", "packer_step".into());
        task.set("failed_when", format!("packer_step.rc not in [{}]", codes.join(", ")).into());
    }
    if part.truth("expect_disconnect") {
        task.set("ignore_unreachable", true.into());
    }
    Ok(())
}

/// `environment_vars` (`NAME=value`) and `env` (a mapping).
fn variables(part: &Part) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    for pair in part.list("environment_vars") {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("`{pair}` in environment_vars is not NAME=value"))?;
        all.push((name.to_string(), value.to_string()));
    }
    for (name, value) in part.get("env").and_then(|s| s.value.as_map()).into_iter().flatten() {
        all.push((name.to_string(), super::model::text_of(value)));
    }
    Ok(all)
}

fn environment(part: &Part) -> Result<Yaml, String> {
    let all = variables(part)?.into_iter().map(|(name, value)| (name.into(), text(&value)));
    Ok(all.collect::<serde_yaml::Mapping>().into())
}

fn absolute(path: &str) -> String {
    std::path::absolute(path).map_or_else(|_| path.to_string(), |p| p.display().to_string())
}

fn quoted(path: &str) -> String {
    shell_words::quote(path).into_owned()
}

/// Reads an `execute_command` of the forms that templates use:
/// `[chmod +x P;] [echo PASSWORD |] V [sudo [-E] [-S]] [env] [SHELL [FLAGS]] P`. `None`: it is of another form.
fn runner(command: &str) -> Option<Runner> {
    let mut found = Runner::default();
    let mut rest = command.trim().to_string();
    for unquote in ["'", "\""] {
        for name in ["Path", "Vars"] {
            rest = rest.replace(&format!("{unquote}{}{unquote}", field(name)), &field(name));
        }
    }
    let path = field("Path");
    for mark in [";", " &&"] {
        rest = rest.replacen(&format!("chmod +x {path}{mark}"), "", 1).trim().to_string();
    }
    if let Some((echo, after)) =
        rest.split_once('|').map(|(a, b)| (a.trim().to_string(), b.trim().to_string()))
    {
        let words = shell_words::split(&echo).ok()?;
        match words.as_slice() {
            [word] if word == "echo" => {}
            [word, password] if word == "echo" => {
                found.password = Some(password.clone()).filter(|p| !p.is_empty())
            }
            _ => return None,
        }
        rest = after;
    }
    let inner = quoted_command(&rest).unwrap_or(rest);
    let mut words = inner.split_whitespace().filter(|w| *w != field("Vars")).peekable();
    if words.peek() == Some(&"sudo") {
        found.sudo = true;
        words.next();
        while words.next_if(|w| ["-E", "-S", "-H", "-n", "-i", "env", "--"].contains(w)).is_some() {}
    }
    let words: Vec<&str> = words.filter(|w| *w != "env").collect();
    let (last, shell) = words.split_last()?;
    let known = ["sh", "bash", "/bin/sh", "/bin/bash", "/usr/bin/bash"];
    if *last != path || shell.first().is_some_and(|s| !known.contains(s)) {
        return None;
    }
    if shell.iter().skip(1).any(|flag| !flag.starts_with('-')) {
        return None;
    }
    found.shell = (!shell.is_empty()).then(|| shell.join(" "));
    Some(found)
}

/// `sudo -S sh -c 'V P'` → `sudo -S V P`.
fn quoted_command(rest: &str) -> Option<String> {
    let (before, after) = rest.split_once(" -c ")?;
    let body = after.trim().trim_matches(['\'', '"']);
    let before = before.trim_end_matches("bash").trim_end_matches("sh").trim_end();
    Some(format!("{before} {body}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> Option<Runner> {
        runner(&super::super::interpolate::text(command, &Default::default()).unwrap())
    }

    #[test]
    fn the_usual_commands_are_understood() {
        let sudo =
            |shell: Option<&str>| Runner { sudo: true, password: None, shell: shell.map(str::to_string) };
        for (command, expected) in [
            ("chmod +x {{ .Path }}; {{ .Vars }} {{ .Path }}", Runner::default()),
            ("sudo {{ .Path }}", sudo(None)),
            ("{{ .Vars }} sudo -E -S bash '{{ .Path }}'", sudo(Some("bash"))),
            ("sudo -E sh -eux {{.Path}}", sudo(Some("sh -eux"))),
            ("sudo -S sh -c '{{ .Vars }} {{ .Path }}'", sudo(None)),
            ("echo '' | {{.Vars}} sudo -S -E bash {{.Path}}", sudo(Some("bash"))),
            ("sudo env {{ .Vars }} {{ .Path }}", sudo(None)),
            ("bash {{.Path}}", Runner { shell: Some("bash".into()), ..Runner::default() }),
            (
                "echo 'packer' | sudo -S env {{ .Vars }} {{ .Path }}",
                Runner { password: Some("packer".into()), ..sudo(None) },
            ),
        ] {
            assert_eq!(of(command).as_ref(), Some(&expected), "{command}");
        }
        for command in ["su - app -c {{.Path}}", "curl x | sh", "{{.Vars}} nice bash {{.Path}}", "echo hello"]
        {
            assert_eq!(of(command), None, "{command}");
        }
    }
}
