//! Filters over URLs.

use super::FilterFn::{self, Deep};
use crate::base::Value;
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;

pub(super) const TABLE: &[(&str, FilterFn)] =
    &[("urlsplit", Deep(urlsplit)), ("urlencode", Deep(urlencode)), ("urldecode", Deep(urldecode))];

fn urlsplit(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = run.text(&value)?;
    let (rest, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let legal = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if legal(scheme) => (scheme.to_lowercase(), rest),
        _ => (String::new(), rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (login, place) = netloc.rsplit_once('@').map_or((None, netloc), |(l, p)| (Some(l), p));
    let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(h, p)| (h, Some(p))),
    };
    let user = login.map(|l| l.split_once(':').map_or(l, |(u, _)| u));
    let password = login.and_then(|l| l.split_once(':')).map(|(_, p)| p);
    let port = port.and_then(|p| p.parse::<i64>().ok());
    let host = Some(host.to_lowercase()).filter(|h| !h.is_empty());
    let parts: Value = [
        ("fragment", Value::from(fragment)),
        ("hostname", Value::from(host)),
        ("netloc", Value::from(netloc)),
        ("password", Value::from(password)),
        ("path", Value::from(path)),
        ("port", Value::from(port)),
        ("query", Value::from(query)),
        ("scheme", Value::from(scheme)),
        ("username", Value::from(user)),
    ]
    .into_iter()
    .collect();
    match args.text(run, 0, "query")? {
        Some(name) if !name.is_empty() => {
            parts.get(&name).cloned().ok_or_else(|| wrong(format!("unknown URL component: {name}")))
        }
        _ => Ok(parts),
    }
}

fn encode(text: &str, safe: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || safe.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// As forms have it: blanks become `+`.
fn plus(text: &str) -> String {
    encode(text, " ").replace(' ', "+")
}

fn urlencode(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let pairs = match &value {
        Value::Map(map) => map.iter().map(|(k, v)| (k.to_value(), v.clone())).collect::<Vec<_>>(),
        Value::List(list) => {
            let pair = |v: &Value| crate::eval::methods::pair(v).map(|(k, v)| (k.to_value(), v));
            list.iter().map(pair).collect::<Res<_>>()?
        }
        other => return Ok(Value::from(encode(&run.text(other)?, "/"))),
    };
    let mut parts = Vec::new();
    for (key, member) in pairs {
        parts.push(format!("{}={}", plus(&run.text(&key)?), plus(&run.text(&member)?)));
    }
    Ok(Value::from(parts.join("&")))
}

fn urldecode(run: &mut Run<'_>, value: Value, _: &Args) -> Res<Value> {
    let text = run.text(&value)?.replace('+', " ");
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let code =
            text.get(i + 1..i + 3).filter(|_| bytes[i] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}
