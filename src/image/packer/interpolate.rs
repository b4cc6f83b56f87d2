//! `{{ … }}` in the texts of a template: Packer's functions, in Go's template language as far as templates use it.

use super::functions;
use super::model::field;
use std::collections::HashMap;

/// What a text may refer to.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// User variables; `None` while they are themselves read.
    pub user: Option<HashMap<String, String>>,
    /// The builder's name and kind where they are known.
    pub build: Option<(String, String)>,
    /// The template's folder.
    pub folder: String,
    /// The environment is read in `variables` only, as in Packer.
    pub env: bool,
}

/// A text with its functions carried out. Fields of the build (`.SourceAMI`) stay, marked.
pub fn text(source: &str, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = source;
    while let Some(begin) = rest.find("{{") {
        out.push_str(&rest[..begin]);
        let inner = &rest[begin + 2..];
        let end = end_of(inner).ok_or_else(|| format!("`{{{{` without `}}}}` in `{source}`"))?;
        let (mut code, mut after) = (&inner[..end], &inner[end + 2..]);
        if let Some(trimmed) = code.strip_prefix("- ") {
            out.truncate(out.trim_end().len());
            code = trimmed;
        }
        if let Some(trimmed) = code.strip_suffix(" -") {
            after = after.trim_start();
            code = trimmed;
        }
        out.push_str(&pipeline(code.trim(), names)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the `}}` is that is in no string.
fn end_of(code: &str) -> Option<usize> {
    let mut quote = None;
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(b'"'), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'`' | b'"') => quote = Some(bytes[at]),
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// `a | b x | c`: each call gets what the one before it gave as its last argument.
fn pipeline(code: &str, names: &Names) -> Result<String, String> {
    let mut piped: Option<String> = None;
    for call in calls(code)? {
        let mut words = call.into_iter();
        let Some(first) = words.next() else {
            return Err(format!("an empty call in `{{{{{code}}}}}`"));
        };
        let mut given = Vec::new();
        for word in words {
            given.push(value(word, names)?);
        }
        given.extend(piped.take());
        piped = Some(match first {
            Word::Name(name) => function(&name, &given, names)?,
            other if given.is_empty() => value(other, names)?,
            _ => return Err(format!("`{code}`: a text is no function")),
        });
    }
    piped.ok_or_else(|| "`{{}}` is empty".to_string())
}

enum Word {
    Name(String),
    Text(String),
    Field(String),
}

fn value(word: Word, names: &Names) -> Result<String, String> {
    match word {
        Word::Text(text) => Ok(text),
        Word::Field(name) => Ok(field(&name)),
        Word::Name(name) => function(&name, &[], names),
    }
}

/// The words of each call of a pipeline.
fn calls(code: &str) -> Result<Vec<Vec<Word>>, String> {
    let mut all = vec![Vec::new()];
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '|' => {
                all.push(Vec::new());
                rest = rest[1..].trim_start();
                continue;
            }
            '`' => {
                let end = rest[1..].find('`').ok_or("a ` is not closed")?;
                (Word::Text(rest[1..=end].to_string()), &rest[end + 2..])
            }
            '"' => quoted(rest)?,
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '|').unwrap_or(rest.len());
                let name = &rest[..end];
                let word = match name.strip_prefix('.') {
                    Some(field) => Word::Field(field.to_string()),
                    None if name.parse::<f64>().is_ok() => Word::Text(name.to_string()),
                    None => Word::Name(name.to_string()),
                };
                (word, &rest[end..])
            }
        };
        if let Some(call) = all.last_mut() {
            call.push(word);
        }
        rest = after.trim_start();
    }
    Ok(all)
}

fn quoted(rest: &str) -> Result<(Word, &str), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(text), &rest[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    Err("a \" is not closed".into())
}

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

fn function(name: &str, given: &[String], names: &Names) -> Result<String, String> {
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
    let Some(user) = &names.user else {
        return Err("a variable's default cannot refer to another variable".into());
    };
    user.get(name).cloned().ok_or_else(|| {
        let near = crate::base::diag::nearest(name, user.keys().map(String::as_str));
        let hint = near.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
        format!("no variable `{name}` is declared in `variables`{hint}")
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let user = [("app", "web"), ("quoted", "a\"b")];
        Names {
            user: Some(user.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()),
            build: Some(("base".into(), "amazon-ebs".into())),
            folder: "/t".into(),
            env: false,
        }
    }

    #[test]
    fn functions_are_carried_out_and_fields_stay() {
        let stamp = functions::timestamp();
        for (source, expected) in [
            ("plain", "plain".to_string()),
            ("{{user `app`}}-{{ user \"app\" }}", "web-web".into()),
            ("node {{timestamp}}", format!("node {stamp}")),
            ("{{user `app` | upper}}", "WEB".into()),
            ("{{ \"a:b\" | clean_resource_name }}", "a-b".into()),
            ("{{build_name}}/{{build_type}}", "base/amazon-ebs".into()),
            ("{{template_dir}}/x", "/t/x".into()),
            ("{{split `a-b-c` \"-\" 1}}", "b".into()),
            ("{{ .Vars }} sh {{.Path}}", format!("{} sh {}", field("Vars"), field("Path"))),
            ("{{build `ID`}}", field("ID")),
            ("{{user `quoted`}}", "a\"b".into()),
            ("a {{- user `app` -}} b", "awebb".into()),
            ("{{ `}}` }}", "}}".into()),
        ] {
            assert_eq!(text(source, &names()).as_ref(), Ok(&expected), "{source}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (source, said) in [
            ("{{user `ap`}}", "did you mean `app`"),
            ("{{usr `app`}}", "did you mean `user`"),
            ("{{env `HOME`}}", "in `variables` only"),
            ("{{ user `app`", "without `}}`"),
            ("{{}}", "empty"),
            ("{{split `a` `-` 3}}", "no part 3"),
        ] {
            let error = text(source, &names()).unwrap_err();
            assert!(error.contains(said), "{source}: {error}");
        }
    }
}
