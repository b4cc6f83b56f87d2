//! Reference pages, made from module.yml and from the flags themselves; a test says when they are old.

use super::fail::{Done, Fail, code};
use crate::base::Value;
use crate::modules::registry::registry;
use crate::spec::{ArgSpec, ArgType, ModuleSpec, Support, from_yaml};
use indexmap::IndexMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes docs/modules/*.md and docs/commands.md
#[derive(Debug, clap::Args)]
pub struct ReferenceArgs {
    /// Folder to write to
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// Writes every generated page below `--out` (the repository's is docs/), over what is there.
///
/// # Errors
/// A folder or page cannot be written.
pub fn run(args: &ReferenceArgs, command: clap::Command) -> Done {
    for (path, text) in pages(command) {
        let path = args.out.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Fail::io(folder, &e))?;
        }
        std::fs::write(&path, text).map_err(|e| Fail::io(&path, &e))?;
    }
    Ok(code::DONE)
}

/// Every generated page with its path below docs/.
pub fn pages(command: clap::Command) -> Vec<(PathBuf, String)> {
    let mut pages = vec![(PathBuf::from("commands.md"), commands_page(command))];
    let mut index =
        String::from("# Modules\n\nMade by `fitout reference`; `fitout modules NAME` shows the same.\n\n");
    for name in registry().names() {
        if let Some(module) = registry().get(name) {
            let _ = writeln!(index, "- [{name}]({name}.md): {}", module.spec.summary);
            pages.push((Path::new("modules").join(format!("{name}.md")), module_page(&module.spec)));
        }
    }
    pages.push((PathBuf::from("modules/README.md"), index));
    pages
}

/// The page of one module.
pub fn module_page(spec: &ModuleSpec) -> String {
    let mut page = format!("# {}\n\n{}.\n", spec.name, spec.summary.trim_end_matches('.'));
    if !spec.aliases.is_empty() {
        let _ = write!(page, "\nAlso called {}.\n", list(&spec.aliases));
    }
    for (name, words) in &spec.deprecated {
        let _ = write!(page, "\n`{name}` is deprecated: {words}\n");
    }
    if !spec.description.trim().is_empty() {
        let _ = write!(page, "\n{}\n", spec.description.trim());
    }
    let _ = write!(page, "\nCheck mode: {}. Diff: {}.\n", support(spec.check_mode), support(spec.diff));
    if !spec.needs.is_empty() {
        let _ = write!(page, "\nThe host must have {}.\n", list(&spec.needs));
    }
    if !spec.args.is_empty() {
        page += "\n## Arguments\n\n";
        arguments(&mut page, &spec.args, 0);
    }
    if let Some(name) = &spec.free_form {
        let _ = write!(page, "\nA bare string is `{name}`.\n");
    }
    rules(&mut page, spec);
    if !spec.returns.is_empty() {
        page += "\n## Return values\n\n";
        for (name, words) in &spec.returns {
            let _ = writeln!(page, "- `{name}`: {}", one_paragraph(words));
        }
    }
    if !spec.examples.is_empty() {
        let _ = write!(
            page,
            "\n## Examples\n\n```yaml\n{}```\n",
            serde_yaml::to_string(&spec.examples).unwrap_or_default()
        );
    }
    page
}

fn arguments(page: &mut String, args: &IndexMap<String, ArgSpec>, depth: usize) {
    for (name, arg) in args {
        let mut notes = vec![kind(arg)];
        if arg.required {
            notes.push("required".into());
        }
        if let Some(default) = &arg.default {
            notes.push(format!("default `{}`", text(&from_yaml(default))));
        }
        if !arg.choices.is_empty() {
            let choices: Vec<String> = arg.choices.iter().map(|c| text(&from_yaml(c))).collect();
            notes.push(format!("one of {}", list(&choices)));
        }
        if !arg.aliases.is_empty() {
            notes.push(format!("also {}", list(&arg.aliases)));
        }
        if arg.secret {
            notes.push("secret".into());
        }
        let indent = "  ".repeat(depth);
        let deprecated =
            arg.deprecated.as_ref().map(|d| format!(" Deprecated: {}", one_paragraph(d))).unwrap_or_default();
        let _ = writeln!(
            page,
            "{indent}- `{name}` ({}): {}{deprecated}",
            notes.join(", "),
            one_paragraph(&arg.doc)
        );
        arguments(page, &arg.options, depth + 1);
    }
}

fn rules(page: &mut String, spec: &ModuleSpec) {
    let mut rules = Vec::new();
    rules.extend(spec.mutually_exclusive.iter().map(|names| format!("Only one of {}.", list(names))));
    rules.extend(spec.required_one_of.iter().map(|names| format!("At least one of {}.", list(names))));
    rules.extend(spec.required_together.iter().map(|names| format!("{} go together.", list(names))));
    rules.extend(spec.required_if.iter().map(|(name, value, needed)| {
        format!("`{name}: {}` needs {}.", text(&from_yaml(value)), list(needed))
    }));
    if !rules.is_empty() {
        *page += "\n";
        rules.iter().for_each(|rule| {
            let _ = writeln!(page, "- {rule}");
        });
    }
}

fn kind(arg: &ArgSpec) -> String {
    match (arg.kind, arg.of) {
        (ArgType::List, Some(of)) => format!("list of {}", kind_word(of)),
        (kind, _) => kind_word(kind).to_string(),
    }
}

fn kind_word(kind: ArgType) -> &'static str {
    match kind {
        ArgType::Str => "text",
        ArgType::Bool => "yes or no",
        ArgType::Int => "integer",
        ArgType::Float => "number",
        ArgType::List => "list",
        ArgType::Dict => "mapping",
        ArgType::Path => "path",
        ArgType::Raw => "any value",
        ArgType::Mode => "file mode",
        ArgType::Bytes => "size",
        ArgType::Json => "text or JSON",
    }
}

fn support(support: Support) -> &'static str {
    match support {
        Support::Full => "full",
        Support::Partial => "in part",
        Support::None => "none",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => other.to_json().to_string(),
    }
}

fn list(words: &[impl AsRef<str>]) -> String {
    words.iter().map(|w| format!("`{}`", w.as_ref())).collect::<Vec<_>>().join(", ")
}

fn one_paragraph(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// docs/commands.md: the help of every command.
fn commands_page(mut command: clap::Command) -> String {
    command.build();
    let mut page =
        String::from("# Commands\n\nMade by `fitout reference`; `fitout COMMAND --help` shows the same.\n");
    help(&mut page, &mut command, "fitout", 2);
    page
}

fn help(page: &mut String, command: &mut clap::Command, path: &str, level: usize) {
    // A fixed width, so that the page does not depend on the terminal.
    *command = command.clone().term_width(110).disable_colored_help(true);
    let text = command.render_long_help().to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let _ =
        write!(page, "\n{} {path}\n\n```text\n{}\n```\n", "#".repeat(level.min(4)), lines.join("\n").trim());
    let visible: Vec<String> = command
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help")
        .map(|c| c.get_name().to_string())
        .collect();
    for name in visible {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            help(page, sub, &format!("{path} {name}"), level + 1);
        }
    }
}
