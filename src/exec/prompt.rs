//! Questions to the person at the terminal: `vars_prompt` and `pause` with a prompt.

use super::state::Run;
use crate::base::{Map, Secret, Value};
use crate::graph::{PlayPlan, Prompt};
use crate::modules::{Args, ArgsExt, Failure};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

/// Answers to the play's `vars_prompt`. Names that `-e` gives are not asked for.
pub fn play_prompts(run: &Run, plan: &Arc<PlayPlan>) -> Result<Map, String> {
    let mut answers = Map::new();
    for prompt in &plan.vars_prompt {
        if run.options.extra_vars.contains_key(&*prompt.name) {
            continue;
        }
        let answer = answer(prompt)?;
        let value = if prompt.private { Value::Secret(Secret::new(answer)) } else { Value::from(answer) };
        run.redactor.learn_value(&value);
        answers.insert(prompt.name.as_ref().into(), value);
    }
    Ok(answers)
}

fn answer(prompt: &Prompt) -> Result<String, String> {
    let default = prompt.default.as_ref().map(crate::spec::to_text);
    if !std::io::stdin().is_terminal() {
        // As Ansible: without a terminal the default is taken, and there must be one.
        return default.ok_or_else(|| {
            format!(
                "`{}` is asked for and there is no terminal: give it with -e {}=…",
                prompt.name, prompt.name
            )
        });
    }
    let text = crate::spec::to_text(&prompt.prompt);
    let text = if text.is_empty() { prompt.name.to_string() } else { text };
    let shown = match (&default, prompt.private) {
        (Some(default), false) => format!("{text} [{default}]: "),
        _ => format!("{text}: "),
    };
    loop {
        let first = read(&shown, prompt.private)?;
        if !prompt.confirm || first == read(&format!("confirm {shown}"), prompt.private)? {
            return Ok(if first.is_empty() { default.unwrap_or_default() } else { first });
        }
        eprintln!("***** VALUES ENTERED DO NOT MATCH ****");
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

/// `pause` with a prompt. Without a terminal it goes on at once, as Ansible does.
pub fn ask(args: &Args) -> Result<Map, Failure> {
    let echo = args.opt_bool("echo").unwrap_or(true);
    let input = match std::io::stdin().is_terminal() {
        true => read(&format!("{}:\n", args.str("prompt")), !echo).map_err(Failure::new)?,
        false => String::new(),
    };
    Ok([("user_input".into(), Value::from(input))].into_iter().collect())
}
