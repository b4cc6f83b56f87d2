//! The functions of Packer's template language.

use super::super::functions;
use super::super::model::field;
use super::{Names, WAITS};

const FUNCTIONS: [&str; 18] = [
    "user",
    "env",
    "timestamp",
    "isotime",
    "uuid",
    "build_name",
    "build_type",
    "template_dir",
    "pwd",
    "build",
    "clean_resource_name",
    "clean_ami_name",
    "lower",
    "upper",
    "split",
    "replace",
    "replace_all",
    "packer_version",
];

/// What a function gives for these arguments.
pub fn function(name: &str, given: &[String], names: &Names) -> Result<String, String> {
    let one = || given.first().cloned().ok_or_else(|| format!("`{name}` needs an argument"));
    let known = |at: fn(&(String, String)) -> &String| match &names.build {
        Some(build) => Ok(at(build).clone()),
        None => Err(format!("`{name}` is known in builders and provisioners only")),
    };
    match name {
        "user" => user(&one()?, names),
        "env" if names.env => Ok(std::env::var(one()?).unwrap_or_default()),
        "env" => Err("`env` is allowed in `variables` only: make a variable of it and use `user`".into()),
        "timestamp" => Ok(functions::timestamp()),
        "isotime" => Ok(functions::isotime(given.first().map(String::as_str))),
        "uuid" => Ok(functions::uuid()),
        "build_name" => known(|b| &b.0),
        "build_type" => known(|b| &b.1),
        "build" => Ok(field(&one()?)),
        "template_dir" => Ok(names.folder.clone()),
        "pwd" => std::env::current_dir().map(|d| d.display().to_string()).map_err(|e| e.to_string()),
        "packer_version" => Ok(env!("CARGO_PKG_VERSION").to_string()),
        "clean_resource_name" | "clean_ami_name" => Ok(functions::clean_resource_name(&one()?)),
        "lower" => Ok(one()?.to_lowercase()),
        "upper" => Ok(one()?.to_uppercase()),
        "split" => split(given),
        "replace" | "replace_all" => replace(name, given),
        _ => {
            let near = crate::base::diag::nearest(name, FUNCTIONS);
            let hint = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
            Err(format!("the function `{name}` is not known{hint}"))
        }
    }
}

fn user(name: &str, names: &Names) -> Result<String, String> {
    if names.waiting.contains(name) {
        return Err(format!("{WAITS}{name}"));
    }
    if let Some(value) = names.user.get(name) {
        return Ok(value.clone());
    }
    let known = names.user.keys().chain(&names.waiting).map(String::as_str);
    let message = format!("no variable `{name}` is declared in `variables`");
    match crate::base::diag::nearest(name, known) {
        Some(near) => Err(format!("{message}: did you mean `{near}`?")),
        // One that another variable needs has to be there.
        None if names.env => Err(message),
        None => {
            names.undeclared.borrow_mut().push(name.to_string());
            Ok(String::new())
        }
    }
}

/// `split TEXT SEPARATOR INDEX`, the text last when it is piped.
fn split(given: &[String]) -> Result<String, String> {
    let [text, separator, index] = given else {
        return Err("`split` needs a text, a separator and an index".into());
    };
    let index: usize = index.parse().map_err(|_| format!("`split`: `{index}` is no index"))?;
    let part = text.split(separator.as_str()).nth(index);
    part.map(str::to_string).ok_or_else(|| format!("`split`: `{text}` has no part {index}"))
}

/// `replace OLD NEW N TEXT` and `replace_all OLD NEW TEXT`.
fn replace(name: &str, given: &[String]) -> Result<String, String> {
    match (name, given) {
        ("replace_all", [old, new, text]) => Ok(text.replace(old.as_str(), new)),
        ("replace", [old, new, count, text]) => match count.parse::<usize>() {
            Ok(count) => Ok(text.replacen(old.as_str(), new, count)),
            Err(_) => Ok(text.replace(old.as_str(), new)),
        },
        _ => Err(format!("`{name}` needs the old text, the new one, and the text to change")),
    }
}
