//! Lookups of values from variables, environment, commands and the net.

use super::{Call, unreadable};
use crate::base::{List, Map, Value};
use crate::eval::error::{Res, lookup_failed, undefined};
use crate::eval::filters::{self, crypt};
use crate::eval::regex::{self, Flags};
use crate::eval::run::{Run, V};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;

pub(super) fn env(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for name in call.texts(run)? {
        out.push(match (std::env::var(&name), call.option("default")) {
            (Ok(value), _) => Value::from(value),
            (Err(_), Some(default)) => default.clone(),
            (Err(_), None) => Value::from(""),
        });
    }
    Ok(out)
}

pub(super) fn vars(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    if let Some(wrong) =
        call.terms.iter().find(|t| matches!(t, Value::Int(_) | Value::Float(_) | Value::Bool(_)))
    {
        return Err(lookup_failed(format!("Variable name must be 'str' not '{}'.", wrong.type_name())));
    }
    for name in call.texts(run)? {
        match (run.fetch(&name.as_str().into())?, call.option("default")) {
            (V::Undefined(_), Some(default)) => out.push(default.clone()),
            (V::Undefined(_), None) => {
                return Err(undefined(&name, format!("No variable named '{name}' was found.")));
            }
            (v, _) => out.push(run.data(v)?),
        }
    }
    Ok(out)
}

fn matching(run: &mut Run<'_>, pattern: &str) -> Res<Vec<String>> {
    let compiled = run.engine.regexes.get(pattern, Flags::default())?;
    let mut names = run.scope.names();
    names.sort_unstable();
    let mut out = Vec::new();
    for name in names {
        if !regex::all(&compiled, &name, 1)?.is_empty() {
            out.push(name);
        }
    }
    Ok(out)
}

pub(super) fn varnames(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in call.terms {
        if !matches!(term, Value::Str(_) | Value::Secret(_)) {
            let (shown, kind) = (run.text(term)?, term.type_name());
            let why = format!("Invalid setting identifier, \"{shown}\" is not a string, it is a {kind}");
            return Err(lookup_failed(why));
        }
        let pattern = run.text(term)?;
        let names = matching(run, &pattern)
            .map_err(|e| lookup_failed(format!("Unable to use \"{pattern}\" as a search parameter: {e}")))?;
        out.extend(names.into_iter().map(Value::from));
    }
    Ok(out)
}

pub(super) fn merge_variables(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let kind = call.option_text(run, "pattern_type")?.unwrap_or_else(|| "regex".into());
    let mut out = List::new();
    for pattern in call.texts(run)? {
        let pattern = match kind.as_str() {
            "prefix" => format!("^{}", regex::escape(&pattern)),
            "suffix" => format!("{}$", regex::escape(&pattern)),
            _ => pattern,
        };
        let mut merged = call.option("initial_value").cloned();
        for name in matching(run, &pattern)? {
            let v = run.fetch(&name.as_str().into())?;
            let value = run.ready(v)?;
            merged = Some(match (merged, value) {
                (None, value) => value,
                (Some(Value::Map(base)), Value::Map(over)) => {
                    let mut map = (*base).clone();
                    filters::merge(&mut map, &over, true, "append");
                    Value::from(map)
                }
                (Some(Value::List(base)), Value::List(more)) => {
                    Value::from(base.iter().chain(more.iter()).cloned().collect::<List>())
                }
                _ => return Err(lookup_failed("all variables to merge must be dicts, or all lists")),
            });
        }
        out.push(merged.unwrap_or_else(|| Value::from(Map::new())));
    }
    Ok(out)
}

pub(super) fn inventory_hostnames(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let pattern = call.texts(run)?.join(":");
    let matcher = run.scope.context().match_hosts.clone();
    let matcher = matcher.ok_or_else(|| lookup_failed("there is no inventory here"))?;
    let hosts = matcher(&pattern).map_err(lookup_failed)?;
    Ok(hosts.into_iter().map(Value::from).collect())
}

/// Settings of the controller that playbooks ask for: those with a meaning here, at their defaults.
pub(super) fn config(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for name in call.texts(run)? {
        let set = std::env::var(format!("ANSIBLE_{}", name.trim_start_matches("DEFAULT_"))).ok();
        let default = match name.as_str() {
            "DEFAULT_FORKS" => Value::Int(5),
            "DEFAULT_BECOME_USER" => Value::from("root"),
            "DEFAULT_BECOME_METHOD" => Value::from("sudo"),
            "DEFAULT_MODULE_PATH" | "DEFAULT_ROLES_PATH" | "COLLECTIONS_PATHS" => Value::from(List::new()),
            "DEFAULT_LOCAL_TMP" => Value::from(std::env::temp_dir().display().to_string()),
            "RETRY_FILES_ENABLED" | "DEFAULT_BECOME" => Value::Bool(false),
            "HOST_KEY_CHECKING" => Value::Bool(true),
            _ => match call.option_text(run, "on_missing")?.as_deref() {
                Some("skip") => continue,
                Some("warn") => Value::Null,
                _ => return Err(lookup_failed(format!("there is no setting `{name}`"))),
            },
        };
        out.push(set.map_or(default, Value::from));
    }
    Ok(out)
}

pub(super) fn pipe(run: &mut Run<'_>, call: &Call<'_>, lines: bool) -> Res<List> {
    let mut out = List::new();
    for command in call.texts(run)? {
        let directory = Some(&run.scope.context().playbook_dir).filter(|d| d.is_dir()).cloned();
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(&command).stdin(std::process::Stdio::null());
        if let Some(directory) = directory {
            shell.current_dir(directory);
        }
        let done = shell.output().map_err(|e| lookup_failed(format!("cannot run /bin/sh: {e}")))?;
        if !done.status.success() {
            let stderr = String::from_utf8_lossy(&done.stderr);
            let code = done.status.code().map_or_else(|| "a signal".into(), |c| c.to_string());
            return Err(lookup_failed(format!("`{command}` ended with {code}: {}", stderr.trim())));
        }
        let text = String::from_utf8_lossy(&done.stdout);
        if lines {
            out.extend(text.lines().map(Value::from));
        } else {
            out.push(Value::from(text.trim_end()));
        }
    }
    Ok(out)
}

/// The body of a URL, by curl: its configuration goes over stdin, so that no secret is on a command line.
pub(super) fn url(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for address in call.texts(run)? {
        let mut config = String::new();
        let mut line = |key: &str, value: &str| {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            config.push_str(&format!("{key} = \"{escaped}\"\n"));
        };
        line("url", &address);
        line("max-time", &call.option_text(run, "timeout")?.unwrap_or_else(|| "10".into()));
        line("user-agent", &call.option_text(run, "http_agent")?.unwrap_or_else(|| "ansible-httpget".into()));
        let user = call.option_text(run, "username")?.or(call.option_text(run, "url_username")?);
        let password = call.option_text(run, "password")?.or(call.option_text(run, "url_password")?);
        if let Some(user) = user {
            line("user", &format!("{user}:{}", password.unwrap_or_default()));
        }
        if let Some(Value::Map(headers)) = call.option("headers") {
            for (name, value) in headers.iter() {
                line("header", &format!("{name}: {}", run.text(value)?));
            }
        }
        let mut curl = Command::new("curl");
        curl.args([
            "--config",
            "-",
            "--silent",
            "--show-error",
            "--fail",
            "--location",
            "--proto",
            "=http,https,ftp,file",
        ]);
        if !call.flag("validate_certs", true) {
            curl.arg("--insecure");
        }
        curl.stdin(std::process::Stdio::piped());
        curl.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = curl.spawn().map_err(|e| lookup_failed(format!("cannot run curl: {e}")))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(config.as_bytes()).map_err(|e| lookup_failed(format!("curl: {e}")))?;
        }
        let done = child.wait_with_output().map_err(|e| lookup_failed(format!("curl: {e}")))?;
        if !done.status.success() {
            let stderr = String::from_utf8_lossy(&done.stderr);
            return Err(lookup_failed(format!("{address}: {}", stderr.trim())));
        }
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        if call.flag("split_lines", true) {
            out.extend(text.lines().map(Value::from));
        } else {
            out.push(Value::from(text));
        }
    }
    Ok(out)
}

/// A password kept in a file beside the playbook, made when it is not there.
pub(super) fn password(run: &mut Run<'_>, call: &Call<'_>) -> Res<List> {
    let mut out = List::new();
    for term in call.texts(run)? {
        let mut options = Map::new();
        for name in ["length", "chars", "encrypt", "seed", "ident"] {
            if let Some(v) = call.option(name) {
                options.insert(name.into(), v.clone());
            }
        }
        let mut words = term.split(' ');
        let mut path = words.next().unwrap_or_default().to_owned();
        for word in words {
            match word.split_once('=') {
                Some((key @ ("length" | "chars" | "encrypt" | "seed" | "ident"), value)) => {
                    options.insert(key.into(), value.into());
                }
                _ => path = format!("{path} {word}"),
            }
        }
        let path = run.scope.context().playbook_dir.join(filters::expanduser(&path));
        out.push(Value::from(one_password(run, &path, &options)?));
        run.touched_secret = true;
    }
    Ok(out)
}

fn one_password(run: &mut Run<'_>, path: &PathBuf, options: &Map) -> Res<String> {
    let kept = match std::fs::read_to_string(path) {
        Ok(text) if text.is_empty() => None,
        Ok(text) => Some(text.trim_end_matches('\n').to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(unreadable(path, &e)),
    };
    let fresh = kept.is_none();
    let (plain, salt, ident) = match &kept {
        Some(kept) => taken_apart(kept),
        None => (make_password(run, options)?, None, None),
    };
    let mut option = |name: &str| -> Res<Option<String>> {
        Ok(options.get(name).map(|e| run.text(e)).transpose()?.filter(|e| !e.is_empty()))
    };
    let (encrypt, wanted) = (option("encrypt")?, option("ident")?);
    if let (Some(kept), Some(wanted)) = (&ident, &wanted)
        && kept != wanted
    {
        return Err(lookup_failed(format!("ident is {wanted}, but the file has {kept}")));
    }
    let result = match &encrypt {
        Some(kind) => {
            let (salt, ident) = (salt.clone(), ident.or(wanted));
            crypt::crypt(&plain, &crypt::Wanted { kind, salt, ident, ..crypt::Wanted::default() })?
        }
        None => plain.clone(),
    };
    let discards = path.as_os_str() == "/dev/null";
    if (fresh || (encrypt.is_some() && salt.is_none())) && !discards && !run.scope.context().check_mode {
        let used = crypt::salt_of(&result).filter(|_| encrypt.is_some());
        let line = match used {
            Some((salt, Some(ident))) => format!("{plain} salt={salt} ident={ident}\n"),
            Some((salt, None)) => format!("{plain} salt={salt}\n"),
            None => format!("{plain}\n"),
        };
        keep(path, &line)?;
    }
    Ok(result)
}

/// What a file keeps of a password: itself, and the salt and bcrypt's version of its hash.
fn taken_apart(line: &str) -> (String, Option<String>, Option<String>) {
    let Some((plain, rest)) = line.rsplit_once(" salt=") else { return (line.to_owned(), None, None) };
    match rest.rsplit_once(" ident=") {
        Some((salt, ident)) => (plain.to_owned(), Some(salt.to_owned()), Some(ident.to_owned())),
        None => (plain.to_owned(), Some(rest.to_owned()), None),
    }
}

fn keep(path: &PathBuf, line: &str) -> Res<()> {
    let parent = path.parent().unwrap_or(path);
    let made = std::fs::create_dir_all(parent).and_then(|()| {
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    made.map_err(|e| unreadable(path, &e))
}

fn make_password(run: &mut Run<'_>, options: &Map) -> Res<String> {
    let length = match options.get("length") {
        None => 20,
        Some(v) => {
            let text = run.text(v)?;
            text.parse::<usize>().map_err(|_| lookup_failed(format!("length: `{text}` is no int")))?
        }
    };
    let sets: Vec<String> = match options.get("chars") {
        None => ["ascii_letters", "digits", ".,:-_"].map(str::to_owned).to_vec(),
        Some(Value::List(l)) => l.iter().map(|v| run.text(v)).collect::<Res<_>>()?,
        Some(v) => run.text(v)?.replace(",,", "\0").split(',').map(|s| s.replace('\0', ",")).collect(),
    };
    let mut alphabet: Vec<char> = Vec::new();
    for set in sets {
        let named: Vec<char> = match set.as_str() {
            "ascii_letters" => ('a'..='z').chain('A'..='Z').collect(),
            "ascii_lowercase" => ('a'..='z').collect(),
            "ascii_uppercase" => ('A'..='Z').collect(),
            "digits" => ('0'..='9').collect(),
            "hexdigits" => ('0'..='9').chain('a'..='f').chain('A'..='F').collect(),
            "octdigits" => ('0'..='7').collect(),
            "punctuation" => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars().collect(),
            literal => literal.chars().collect(),
        };
        alphabet.extend(named.into_iter().filter(|c| !alphabet.contains(c)).collect::<Vec<_>>());
    }
    let mut source = match options.get("seed") {
        Some(seed) if !seed.is_null() => {
            let text = run.text(seed)?;
            Some(crate::eval::python_random::Random::of_text(&text))
        }
        _ => None,
    };
    let count = alphabet.len() as u64;
    if count == 0 {
        return Err(lookup_failed("`chars` holds no character"));
    }
    let mut below = |n: u64| source.as_mut().map_or_else(|| rand::random::<u64>() % n, |s| s.below(n));
    Ok((0..length).map(|_| alphabet[usize::try_from(below(count)).unwrap_or(0)]).collect())
}
