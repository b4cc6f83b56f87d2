//! uri: one request from the host.

mod multipart;

use crate::base::{Map, Value, pyjson};
use crate::eval::Encoding;
use crate::modules::files::{self, Attributes};
use crate::modules::http::{REQUEST, Request};
use crate::modules::{
    Args, ArgsExt, Behaviour, Call, Controller, Failure, Outcome, Procedure, ProcedureFuture, bytes,
};
use crate::plan::{Action, Change};
use crate::remote::files::{StatOptions, stat_job};
use crate::remote::{Content, Job, Output, Script};
use crate::spec::to_text;
use std::sync::{Arc, LazyLock};

struct Uri;

static RUN: LazyLock<Arc<Script>> =
    LazyLock::new(|| Script::new("uri.run", format!("{REQUEST}{}", include_str!("run.sh"))));

/// Never compared: it asks each time, and a status that is not wanted is a failure. `timeout` is in seconds.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(Uri))
}

impl Procedure for Uri {
    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(async move {
            if call.controller.check_mode() {
                let message = "remote module (uri) does not support check mode";
                let result =
                    Map::from_iter([("skipped".into(), true.into()), ("msg".into(), message.into())]);
                return Ok(Outcome { result, ..Outcome::default() });
            }
            let (job, name) = job(&call)?;
            let sent = call.remote.submit(call.become_user, job);
            let dest = call.args.str("dest");
            let inside = files::join(dest, &name);
            let followed = StatOptions { follow: true, ..StatOptions::default() };
            let look = (!dest.is_empty()).then(|| stat_job([dest, &inside], &followed));
            let looked = look.map(|job| call.remote.submit(call.become_user, job));
            let output = sent.await?;
            let looked = match looked {
                Some(looked) => Some(looked.await?),
                None => None,
            };
            if !output.ok() {
                return Err(Failure::from_output(&output).into());
            }
            let mut outcome = outcome(call.args, &output)?;
            if let (Some(looked), Some(path)) = (looked, output.field("", "path")) {
                files::describe(&files::seen_one(Some(&looked), &path)?, &mut outcome.result);
            }
            Ok(outcome)
        })
    }
}

/// The request, and the name of the answer in a folder.
fn job(call: &Call<'_>) -> Result<(Job, String), Failure> {
    let args = call.args;
    let mut request = Request::of(args);
    request.method = args.str("method").to_uppercase();
    request.follow = match args.str("follow_redirects") {
        "all" | "yes" => true,
        "no" | "none" => false,
        _ => matches!(request.method.as_str(), "GET" | "HEAD"),
    };
    let (body, kind) = body(args, call.controller)?;
    if args.str("body_format") == "form-multipart" {
        // Without the boundary the form cannot be read, so this header is nobody else's.
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    }
    let named = request.headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("content-type"));
    if let Some(kind) = kind.filter(|_| !named) {
        request.headers.push(("Content-Type".into(), kind));
    }
    let wanted = Attributes::of(args);
    let url = args.str("url").split(['?', '#']).next().unwrap_or_default();
    let name = files::base_name(url).to_string();
    // Of what was not modified there is no content.
    let kept: Vec<String> = args.items("status_code").iter().map(to_text).filter(|s| s != "304").collect();
    let job = Job::new(&RUN)
        .var("dest", args.str("dest"))
        .var("wanted", kept.join(" "))
        .var("name", &name)
        .var("mode", wanted.octal(0o644, false)?.unwrap_or_default())
        .var("owner", wanted.owner.unwrap_or_default())
        .var("group", wanted.group.unwrap_or_default())
        .var("creates", args.str("creates"))
        .var("removes", args.str("removes"));
    let mut job = request.into_job(args, job)?;
    let (mut source, mut content) = ("", body.map(bytes));
    if let Some(src) = args.opt_str("src") {
        if args.bool("remote_src") {
            source = src;
        } else {
            let path = call.controller.find_file("files", src)?;
            content = Some(Content::Bytes(call.controller.read_file(&path, false)?));
        }
    }
    job = job.var("source", source).flag("body", content.is_some());
    let job = match content {
        Some(content) => job.stdin(content),
        None => job,
    };
    Ok((job, name))
}

/// The body's bytes and its type.
fn body(args: &Args, controller: &dyn Controller) -> Result<(Option<Vec<u8>>, Option<String>), Failure> {
    let Some(value) = args.value("body").filter(|v| !v.is_null()) else { return Ok((None, None)) };
    let text = match value {
        Value::Str(_) | Value::Secret(_) => Some(to_text(value)),
        _ => None,
    };
    let (body, kind) = match (args.str("body_format"), text) {
        ("form-multipart", _) if args.bool("remote_src") => {
            return Err(Failure::new(
                "remote_src: the files of a form are read on this machine; send one with `src`",
            ));
        }
        ("form-multipart", _) => {
            let (form, kind) = multipart::encode(value, controller)?;
            return Ok((Some(form), Some(kind)));
        }
        ("json", Some(text)) => (text, Some("application/json")),
        ("json", None) => (pyjson::dumps(value), Some("application/json")),
        ("form-urlencoded", Some(text)) => (text, Some("application/x-www-form-urlencoded")),
        ("form-urlencoded", None) => (form(value)?, Some("application/x-www-form-urlencoded")),
        (_, Some(text)) => (text, None),
        (_, None) => (pyjson::dumps(value), None),
    };
    Ok((Some(body.into_bytes()), kind.map(str::to_string)))
}

fn form(value: &Value) -> Result<String, Failure> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: &Value| match value {
        Value::List(items) => pairs.extend(items.iter().map(|v| (key.to_string(), to_text(v)))),
        one => pairs.push((key.to_string(), to_text(one))),
    };
    match value {
        Value::Map(map) => map.iter().for_each(|(k, v)| add(&k.to_string(), v)),
        Value::List(items) => {
            for item in items.iter() {
                match item.as_list().map(Vec::as_slice) {
                    Some([key, value]) => add(&to_text(key), value),
                    _ => return Err(Failure::new("a form is a mapping, or a list of pairs")),
                }
            }
        }
        _ => return Err(Failure::new("a form is a mapping, or a list of pairs")),
    }
    let pairs = pairs.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn outcome(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let field = |key: &str| output.field("", key);
    let mut result = Map::new();
    if let Some(why) = field("skip") {
        result.insert("msg".into(), why.into());
        return Ok(Outcome { result, ..Outcome::default() });
    }
    let status = field("status").and_then(|s| s.parse::<i64>().ok()).filter(|s| *s > 0);
    let url = field("url").unwrap_or_default();
    result.insert("elapsed".into(), field("elapsed").and_then(|e| e.parse::<i64>().ok()).into());
    result.insert("status".into(), status.unwrap_or(-1).into());
    result.insert("redirected".into(), (url != args.str("url")).into());
    result.insert("url".into(), url.into());
    let kind = headers(&field("head").unwrap_or_default(), &mut result);
    let content = decoded(output, &kind);
    let length = result.get("content_length").map_or_else(|| "unknown".to_string(), to_text);
    let right = status.is_some_and(|s| args.items("status_code").contains(&Value::Int(s)));
    if kind.contains("json")
        && let Ok(json) = serde_json::from_str::<serde_json::Value>(&content)
    {
        result.insert("json".into(), Value::from_json(&json));
    }
    if args.bool("return_content") || !right {
        result.insert("content".into(), content.into());
    }
    if let Some(path) = field("path") {
        result.insert("path".into(), path.into());
    }
    let Some(status) = status else {
        let error = field("error").unwrap_or_default();
        let message = format!("Status code was -1 and not {}: Request failed: {error}", codes(args));
        result.insert("msg".into(), message.as_str().into());
        return Err(Failure { message, result });
    };
    if !right {
        let message = format!("Status code was {status} and not {}", codes(args));
        result.insert("msg".into(), message.as_str().into());
        return Err(Failure { message, result });
    }
    result.insert("msg".into(), format!("OK ({length} bytes)").into());
    let change = field("changed").map(|_| Change {
        action: Action::Update,
        reason: format!("{} differs from the answer", args.str("dest")),
        diffs: Vec::new(),
    });
    Ok(Outcome { change, result, warnings: Vec::new() })
}

/// The content as text, by the character set that the answer names.
fn decoded(output: &Output, kind: &str) -> String {
    let bytes =
        output.records().find(|(_, key, _)| *key == b"content").map_or(&[][..], |(_, _, value)| value);
    let named = kind.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    let encoding = named.and_then(|name| Encoding::named(name.trim_matches(['"', '\''])));
    let text = encoding.and_then(|encoding| encoding.decode(bytes.to_vec()));
    text.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

fn codes(args: &Args) -> String {
    format!("[{}]", args.items("status_code").iter().map(to_text).collect::<Vec<_>>().join(", "))
}

/// The fields of the last answer, as `content_type`, and the cookies of all; gives the type.
fn headers(head: &str, result: &mut Map) -> String {
    let head = head.replace("\r\n", "\n");
    let (mut cookies, mut texts) = (Map::new(), Vec::new());
    let mut last = Map::new();
    for answer in head.trim_end().split("\n\n") {
        last.clear();
        for (name, value) in answer.lines().filter_map(|l| l.split_once(':')) {
            let (name, value) = (name.trim().to_lowercase().replace('-', "_"), value.trim());
            if name == "set_cookie"
                && let Some((key, value)) = value.split(';').next().and_then(|c| c.split_once('='))
            {
                texts.push(format!("{key}={value}"));
                cookies.insert(key.into(), value.into());
            }
            // Of a field that comes more than once each value counts.
            let value = match last.get(name.as_str()) {
                Some(before) => format!("{}, {value}", to_text(before)),
                None => value.to_string(),
            };
            last.insert(name.into(), value.into());
        }
    }
    let kind = last.get("content_type").map(to_text).unwrap_or_default().to_lowercase();
    let told = |name: &str| !["status", "url", "json", "content", "msg"].contains(&name);
    result.extend(last.into_iter().filter(|(name, _)| name.as_str().is_some_and(told)));
    result.insert("cookies".into(), cookies.into());
    result.insert("cookies_string".into(), texts.join("; ").into());
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(pairs: &[(&str, &str)]) -> Output {
        let text: String = pairs.iter().map(|(k, v)| format!("\0{k}\0{v}\0")).collect();
        Output::done(0, text, "")
    }

    fn args() -> Args {
        let given = [("url", Value::from("http://h/")), ("status_code", Value::from(vec![200.into()]))];
        given.into_iter().map(|(k, v)| (k.into(), v)).collect()
    }

    #[test]
    fn json_answers_are_read() {
        let head = "HTTP/1.1 302 Found\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b; x\r\n";
        let seen =
            output(&[("status", "200"), ("url", "http://h/x"), ("head", head), ("content", "{\"a\": [1]}")]);
        let result = outcome(&args(), &seen).unwrap().result;
        assert_eq!(result.get("json").and_then(|j| j.get("a")), Some(&Value::from(vec![1.into()])));
        assert_eq!(result.get("redirected"), Some(&true.into()));
        assert_eq!(result.get("content_type"), Some(&"application/json".into()));
        assert_eq!(result.get("content"), None);
        assert_eq!(result.get("cookies").and_then(|c| c.get("a")), Some(&"b".into()));
    }

    #[test]
    fn another_status_fails_and_shows_the_content() {
        let seen = output(&[("status", "503"), ("url", "http://h/"), ("content", "sorry")]);
        let failure = outcome(&args(), &seen).unwrap_err();
        assert_eq!(failure.message, "Status code was 503 and not [200]");
        assert_eq!(failure.result.get("content"), Some(&"sorry".into()));
    }

    #[test]
    fn forms_are_encoded() {
        let form =
            form(&Value::from_iter([("a b", Value::from("1&2")), ("l", vec![1.into(), 2.into()].into())]));
        assert_eq!(form.unwrap(), "a+b=1%262&l=1&l=2");
    }
}
