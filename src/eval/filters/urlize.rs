//! jinja's `urlize`: addresses in a text become links.

use super::FilterFn::{self, Deep};
use super::text::escape;
use crate::base::Value;
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::regex::Flags;
use crate::eval::run::Run;
use std::collections::BTreeSet;

pub(super) const TABLE: &[(&str, FilterFn)] = &[("urlize", Deep(urlize))];

/// What jinja takes for a web address, with or without a scheme.
const WEB: &str = concat!(
    r"^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})",
    r"|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)",
    r"|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])))",
    r"(?::[\d]{1,5})?(?:[/?#]\S*)?$",
);
const MAIL: &str = r"^\S+@\w[\w.-]*\.\w+$";
const SCHEME: &str = r"^([\w.+-]{2,}:(/){0,2})$";
const OPENING: [&str; 3] = ["(", "<", "&lt;"];
const CLOSING: [&str; 6] = [")", ">", ".", ",", "\n", "&gt;"];

/// How links are written.
struct Links {
    limit: Option<usize>,
    attributes: String,
    schemes: Vec<String>,
}

fn urlize(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text = escape(&run.text(&value)?);
    let links = links(run, args)?;
    let mut out = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let blank = rest.starts_with(char::is_whitespace);
        let end = rest.find(|c: char| c.is_whitespace() != blank).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        out.push_str(&if blank { word.to_owned() } else { linked(run, word, &links)? });
        rest = behind;
    }
    Ok(Value::from(out))
}

fn links(run: &mut Run<'_>, args: &Args) -> Res<Links> {
    let limit = args.int(0, "trim_url_limit")?.map(|n| usize::try_from(n).unwrap_or(0));
    let rel = args.text(run, 3, "rel")?.unwrap_or_default();
    let mut parts: BTreeSet<&str> = rel.split_whitespace().chain(["noopener"]).collect();
    if args.flag(1, "nofollow", false) {
        parts.insert("nofollow");
    }
    let rel = parts.into_iter().collect::<Vec<_>>().join(" ");
    let mut attributes = format!(" rel=\"{}\"", escape(&rel));
    if let Some(target) = args.text(run, 2, "target")?.filter(|t| !t.is_empty()) {
        attributes.push_str(&format!(" target=\"{}\"", escape(&target)));
    }
    let mut schemes = Vec::new();
    for scheme in args.get(4, "extra_schemes").and_then(Value::as_list).into_iter().flatten() {
        let scheme = run.text(scheme)?;
        if !matches(run, SCHEME, &scheme)? {
            return Err(wrong(format!("'{scheme}' is not a valid URI scheme prefix.")));
        }
        schemes.push(scheme);
    }
    Ok(Links { limit, attributes, schemes })
}

fn matches(run: &Run<'_>, pattern: &str, text: &str) -> Res<bool> {
    let flags = Flags { ignore_case: pattern == WEB, multi_line: false };
    run.engine.regexes.get(pattern, flags)?.is_match(text).map_err(|e| wrong(e.to_string()))
}

/// A word with a link in it where there is an address in it, without the punctuation around.
fn linked(run: &Run<'_>, word: &str, links: &Links) -> Res<String> {
    let mut start = 0;
    while let Some(mark) = OPENING.iter().find(|m| word[start..].starts_with(**m)) {
        start += mark.len();
    }
    let mut end = word.len();
    while let Some(mark) = CLOSING.iter().find(|m| word[start..end].ends_with(**m)) {
        end -= mark.len();
    }
    let end = balanced(word, start, end);
    let (head, middle, tail) = (&word[..start], &word[start..end], &word[end..]);
    Ok(format!("{head}{}{tail}", link(run, middle, links)?))
}

/// Where an address ends whose opening brackets take their closing ones back from the punctuation behind it.
fn balanced(word: &str, start: usize, mut end: usize) -> usize {
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let count = |text: &str, mark: &str| text.matches(mark).count();
        let opened = count(&word[start..end], open);
        if opened <= count(&word[start..end], close) {
            continue;
        }
        for _ in 0..opened.min(count(&word[end..], close)) {
            end += word[end..].find(close).map_or(0, |at| at + close.len());
        }
    }
    end
}

fn link(run: &Run<'_>, address: &str, links: &Links) -> Res<String> {
    let attributes = &links.attributes;
    if matches(run, WEB, address)? {
        let scheme =
            if address.starts_with("https://") || address.starts_with("http://") { "" } else { "https://" };
        let shown = match links.limit {
            Some(limit) if address.chars().count() > limit => {
                address.chars().take(limit).chain("...".chars()).collect()
            }
            _ => address.to_owned(),
        };
        return Ok(format!("<a href=\"{scheme}{address}\"{attributes}>{shown}</a>"));
    }
    if let Some(mail) = address.strip_prefix("mailto:")
        && matches(run, MAIL, mail)?
    {
        return Ok(format!("<a href=\"{address}\">{mail}</a>"));
    }
    let bare = address.contains('@') && !address.contains(':') && !address.starts_with(['@']);
    if bare && !address.starts_with("www.") && matches(run, MAIL, address)? {
        return Ok(format!("<a href=\"mailto:{address}\">{address}</a>"));
    }
    let known = links.schemes.iter().any(|s| address != s && address.starts_with(s.as_str()));
    Ok(if known { format!("<a href=\"{address}\"{attributes}>{address}</a>") } else { address.to_owned() })
}
