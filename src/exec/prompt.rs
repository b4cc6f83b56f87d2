//! Questions to the person at the terminal: `vars_prompt` and `pause` with a prompt.

use super::state::Run;
use crate::base::{Map, Secret, Template, Value};
use crate::eval::MapScope;
use crate::graph::{Encrypt, PlayPlan, Prompt};
use crate::modules::{Args, ArgsExt, Failure};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

/// Answers to the play's `vars_prompt`. Names that `-e` gives are not asked for.
pub fn play_prompts(run: &Arc<Run>, plan: &Arc<PlayPlan>) -> Result<Map, String> {
    let mut answers = Map::new();
    for prompt in &plan.vars_prompt {
        if run.options.extra_vars.contains_key(&*prompt.name) {
            continue;
        }
        let read = |value: &Value| super::world::play_value(run, plan, value);
        let default = prompt.default.as_ref().map(read).transpose()?.filter(|d| !d.is_null());
        let text = crate::spec::to_text(&read(&prompt.prompt)?);
        let answer = answer(prompt, &text, default.as_ref().map(crate::spec::to_text))?;
        let value = if prompt.private { Value::Secret(Secret::new(answer)) } else { Value::from(answer) };
        run.redactor.learn_value(&value);
        let value = match &prompt.encrypt {
            Some(how) => hashed(run, plan, how, value).map_err(|why| format!("{}: {why}", prompt.name))?,
            None => value,
        };
        answers.insert(prompt.name.as_ref().into(), value);
    }
    Ok(answers)
}

fn hashed(run: &Arc<Run>, plan: &Arc<PlayPlan>, how: &Encrypt, plain: Value) -> Result<Value, String> {
    let mut names: Map =
        [("plain".into(), plain), ("scheme".into(), (*how.scheme).into())].into_iter().collect();
    let mut text = "{{ plain | password_hash(scheme".to_string();
    if let Some(salt) = &how.salt {
        names.insert("salt".into(), super::world::play_value(run, plan, salt)?);
        text += ", salt=salt";
    }
    if let Some(size) = how.salt_size {
        names.insert("size".into(), size.into());
        text += ", salt_size=size";
    }
    let template = Value::Template(Arc::new(Template { text: (text + ") }}").into(), span: None }));
    run.engine.evaluate(&template, &MapScope::new(names)).map_err(|e| e.to_string())
}

fn answer(prompt: &Prompt, text: &str, default: Option<String>) -> Result<String, String> {
    if !std::io::stdin().is_terminal() {
        // The default is taken, and there must be one: Ansible goes on with nothing.
        return default.ok_or_else(|| {
            format!(
                "`{}` is asked for and there is no terminal: give it with -e {}=…",
                prompt.name, prompt.name
            )
        });
    }
    let text = if text.is_empty() { &*prompt.name } else { text };
    let shown = match (&default, prompt.private) {
        (Some(default), false) => format!("{text} [{default}]: "),
        _ => format!("{text}: "),
    };
    loop {
        let first = read(&shown, prompt.private)?;
        if !prompt.confirm || first == read(&format!("confirm {shown}"), prompt.private)? {
            return Ok(if first.is_empty() { default.unwrap_or_default() } else { first });
        }
        note!("***** VALUES ENTERED DO NOT MATCH ****");
    }
}

fn read(prompt: &str, private: bool) -> Result<String, String> {
    if private {
        return rpassword::prompt_password(prompt).map_err(|e| format!("cannot read the answer: {e}"));
    }
    eprint!("{prompt}");
    std::io::stderr().flush().map_err(|e| e.to_string())?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| format!("cannot read the answer: {e}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_string())
}

/// `pause` with a prompt. `None`: there is no terminal, and it goes on at once, as Ansible does.
pub fn ask(args: &Args) -> Result<Option<String>, Failure> {
    let echo = args.opt_bool("echo").unwrap_or(true);
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    read(&format!("{}:\n", args.str("prompt")), !echo).map(Some).map_err(Failure::new)
}
