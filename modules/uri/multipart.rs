//! `body_format: form-multipart`: a mapping of fields as multipart/form-data.

use crate::base::{Map, Value};
use crate::modules::files::base_name;
use crate::modules::{Controller, Failure};
use crate::spec::to_text;
use base64::Engine;
use std::sync::Arc;

/// Types of what people upload, by the name's end; everything else is `application/octet-stream`.
const TYPES: &[(&str, &str)] = &[
    (".bz2", "application/x-bzip2"),
    (".css", "text/css"),
    (".csv", "text/csv"),
    (".gif", "image/gif"),
    (".gz", "application/gzip"),
    (".htm", "text/html"),
    (".html", "text/html"),
    (".jar", "application/java-archive"),
    (".jpeg", "image/jpeg"),
    (".jpg", "image/jpeg"),
    (".js", "text/javascript"),
    (".json", "application/json"),
    (".md", "text/markdown"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".py", "text/x-python"),
    (".rtf", "application/rtf"),
    (".sh", "application/x-sh"),
    (".svg", "image/svg+xml"),
    (".tar", "application/x-tar"),
    (".tgz", "application/x-tar"),
    (".txt", "text/plain"),
    (".xml", "text/xml"),
    (".zip", "application/zip"),
];

/// The body and its Content-Type.
pub fn encode(body: &Value, controller: &dyn Controller) -> Result<(Vec<u8>, String), Failure> {
    let Value::Map(fields) = body else {
        return Err(Failure::new("body_format form-multipart: `body` is a mapping of fields"));
    };
    let mut parts = Vec::new();
    for (name, value) in fields.iter() {
        let name = name.to_string();
        parts.push(
            part(&name, value, controller)
                .map_err(|f| Failure::new(format!("field `{name}` of the form: {}", f.message)))?,
        );
    }
    let boundary = boundary(&parts);
    let mut out = Vec::with_capacity(
        parts.iter().map(|p| p.len() + boundary.len() + 6).sum::<usize>() + boundary.len() + 6,
    );
    for part in &parts {
        out.extend(format!("--{boundary}\r\n").bytes());
        out.extend_from_slice(part);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{boundary}--\r\n").bytes());
    Ok((out, format!("multipart/form-data; boundary={boundary}")))
}

/// Nothing between two boundaries may look like one. The words are few, so that a form is the same each time.
fn boundary(parts: &[Vec<u8>]) -> String {
    let is_in = |text: &str| parts.iter().any(|p| p.windows(text.len()).any(|w| w == text.as_bytes()));
    let mut number = 0u64;
    loop {
        let text = format!("fitout-form-{number}");
        if !is_in(&text) {
            return text;
        }
        number += 1;
    }
}

/// Header and content of one field.
fn part(name: &str, value: &Value, controller: &dyn Controller) -> Result<Vec<u8>, Failure> {
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name)?);
    let (kind, encoding, content) = match value {
        Value::Map(field) => {
            let file = File::of(field, controller)?;
            if let Some(filename) = &file.filename {
                head += &format!("; filename=\"{}\"", quoted(filename)?);
            }
            (file.kind, file.encoding, file.content)
        }
        Value::List(_) | Value::Null => {
            return Err(Failure::new("it is neither text nor a mapping with `filename` or `content`"));
        }
        text => ("text/plain".into(), None, to_text(text).into_bytes().into()),
    };
    head += &format!("\r\nContent-Type: {kind}\r\n");
    if let Some(encoding) = encoding {
        head += &format!("Content-Transfer-Encoding: {encoding}\r\n");
    }
    let mut part = head.into_bytes();
    part.extend(b"\r\n");
    match encoding {
        Some("base64") => {
            let coded = base64::engine::general_purpose::STANDARD.encode(&content);
            // Lines as mail has them, which is where the encoding comes from.
            let lines: Vec<&[u8]> = coded.as_bytes().chunks(76).collect();
            part.extend(lines.join(&b"\r\n"[..]));
        }
        _ => part.extend_from_slice(&content),
    }
    Ok(part)
}

struct File {
    filename: Option<String>,
    kind: String,
    encoding: Option<&'static str>,
    content: Arc<[u8]>,
}

impl File {
    fn of(field: &Map, controller: &dyn Controller) -> Result<File, Failure> {
        const KNOWN: &[&str] = &["filename", "content", "mime_type", "multipart_encoding"];
        if let Some(other) = field.keys().map(ToString::to_string).find(|k| !KNOWN.contains(&k.as_str())) {
            return Err(Failure::new(format!("`{other}` is none of {}", KNOWN.join(", "))));
        }
        let text = |key: &str| field.get(key).filter(|v| !v.is_null()).map(to_text).filter(|t| !t.is_empty());
        let filename = text("filename");
        let kind =
            text("mime_type").unwrap_or_else(|| guessed(filename.as_deref().unwrap_or_default()).into());
        if !kind.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(Failure::new("mime_type is not a type"));
        }
        let encoding = match text("multipart_encoding").as_deref().unwrap_or("base64") {
            known @ ("base64" | "7or8bit") => known == "base64",
            other => {
                return Err(Failure::new(format!("multipart_encoding is base64 or 7or8bit, not {other}")));
            }
        };
        let (content, encoding) = match (text("content"), &filename) {
            (Some(content), _) => (content.into_bytes().into(), None),
            (None, Some(path)) => {
                let content = controller.read_file(&controller.find_file("files", path)?, false)?;
                let plain = if content.is_ascii() { "7bit" } else { "8bit" };
                (content, Some(if encoding { "base64" } else { plain }))
            }
            (None, None) => {
                return Err(Failure::new("at least one of `filename` or `content` must be given"));
            }
        };
        let filename = filename.map(|path| base_name(&path).to_string());
        Ok(File { filename, kind, encoding, content })
    }
}

fn guessed(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    TYPES.iter().find(|(end, _)| name.ends_with(end)).map_or("application/octet-stream", |(_, kind)| kind)
}

/// A name inside quotes of a header.
fn quoted(name: &str) -> Result<String, Failure> {
    if name.contains(['\r', '\n', '\0']) {
        return Err(Failure::new("a name cannot hold a line end"));
    }
    Ok(name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    struct Files;

    impl Controller for Files {
        fn check_mode(&self) -> bool {
            false
        }
        fn diff_mode(&self) -> bool {
            false
        }
        fn find_file(&self, kind: &str, name: &str) -> Result<PathBuf, Failure> {
            Ok(Path::new(kind).join(name))
        }
        fn read_file(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Failure> {
            match path.to_str() {
                Some("files/d/a.zip") => Ok(vec![0xff; 60].into()),
                Some("files/b.TXT") => Ok(b"b\n".as_slice().into()),
                _ => Err(Failure::new(format!("{} was not found", path.display()))),
            }
        }
        fn render(&self, _: &Path, _: &Map) -> Result<String, Failure> {
            Err(Failure::new("no templates here"))
        }
        fn fact(&self, _: &str) -> Option<Value> {
            None
        }
        fn inventory_hostname(&self) -> &str {
            "h"
        }
    }

    fn form(yaml: &str) -> Result<String, String> {
        let value = crate::spec::from_yaml(&serde_yaml::from_str(yaml).unwrap());
        let (body, kind) = encode(&value, &Files).map_err(|f| f.message)?;
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text: String = body.iter().map(|b| char::from(*b)).collect();
        Ok(text.replace(boundary, "B").replace("\r\n", "\n"))
    }

    #[test]
    fn fields_become_parts() {
        let head = |name: &str, kind: &str| {
            format!("--B\nContent-Disposition: form-data; name={name}\nContent-Type: {kind}\n")
        };
        let coded = format!("{}\n////", "/".repeat(76));
        let cases = [
            (
                "{a: text, n: 1}",
                [head("\"a\"", "text/plain"), "\ntext\n".into(), head("\"n\"", "text/plain"), "\n1\n".into()]
                    .concat(),
            ),
            (r#"{'q"\': ""}"#, head(r#""q\"\\""#, "text/plain") + "\n\n"),
            ("{f: {content: c}}", head("\"f\"", "application/octet-stream") + "\nc\n"),
            (
                "{f: {content: c, filename: x/y.json}}",
                head("\"f\"; filename=\"y.json\"", "application/json") + "\nc\n",
            ),
            (
                "{f: {content: c, filename: y.json, mime_type: a/b}}",
                head("\"f\"; filename=\"y.json\"", "a/b") + "\nc\n",
            ),
            (
                "{f: {filename: d/a.zip}}",
                head("\"f\"; filename=\"a.zip\"", "application/zip")
                    + "Content-Transfer-Encoding: base64\n\n"
                    + &coded
                    + "\n",
            ),
            (
                "{f: {filename: b.TXT, multipart_encoding: 7or8bit}}",
                head("\"f\"; filename=\"b.TXT\"", "text/plain") + "Content-Transfer-Encoding: 7bit\n\nb\n\n",
            ),
            (
                "{f: {filename: d/a.zip, multipart_encoding: 7or8bit}}",
                head("\"f\"; filename=\"a.zip\"", "application/zip")
                    + "Content-Transfer-Encoding: 8bit\n\n"
                    + &"\u{ff}".repeat(60)
                    + "\n",
            ),
        ];
        for (yaml, expected) in cases {
            assert_eq!(form(yaml), Ok(expected + "--B--\n"), "{yaml}");
        }
    }

    #[test]
    fn what_is_no_field_is_told() {
        let cases = [
            ("[a]", "is a mapping of fields"),
            ("{a: [1]}", "field `a` of the form: it is neither text nor a mapping"),
            ("{a: {}}", "at least one of"),
            ("{a: {path: x}}", "`path` is none of filename"),
            ("{a: {filename: none}}", "files/none was not found"),
            ("{a: {filename: b.TXT, multipart_encoding: gzip}}", "base64 or 7or8bit"),
            ("{a: {content: c, mime_type: \"a/b\\nX: y\"}}", "mime_type is not a type"),
            ("{\"a\\nb\": c}", "cannot hold a line end"),
        ];
        for (yaml, part) in cases {
            let said = form(yaml).unwrap_err();
            assert!(said.contains(part), "{yaml}: {said}");
        }
    }

    #[test]
    fn the_boundary_is_in_no_content() {
        let parts: Vec<Vec<u8>> =
            vec![b"x fitout-form-0 fitout-form-1".to_vec(), b"\0fitout-form-2".to_vec()];
        assert_eq!(boundary(&parts), "fitout-form-3");
        assert_eq!(boundary(&[]), "fitout-form-0");
    }
}
