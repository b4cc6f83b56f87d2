//! Checksums, encodings, password hashes, UUIDs.

use super::FilterFn::{self, Deep};
use super::crypt;
use crate::base::Value;
use crate::eval::Encoding;
use crate::eval::call::Args;
use crate::eval::error::{Res, wrong};
use crate::eval::run::Run;
use crate::syntax::vault as format;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

pub(super) const TABLE: &[(&str, FilterFn)] = &[
    ("b64encode", Deep(b64encode)),
    ("b64decode", Deep(b64decode)),
    ("hash", Deep(hash)),
    ("md5", Deep(|r, v, _| digest(r, &v, "md5"))),
    ("sha1", Deep(|r, v, _| digest(r, &v, "sha1"))),
    ("checksum", Deep(|r, v, _| digest(r, &v, "sha1"))),
    ("password_hash", Deep(password_hash)),
    ("to_uuid", Deep(to_uuid)),
    ("vault", Deep(vault)),
    ("unvault", Deep(unvault)),
];

fn encoding(run: &mut Run<'_>, args: &Args) -> Res<Encoding> {
    let name = args.text(run, 0, "encoding")?.unwrap_or_else(|| "utf-8".into());
    Encoding::named(&name).ok_or_else(|| wrong(format!("unknown encoding: {name}")))
}

fn b64encode(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let bytes = encoding(run, args)?.encode(&run.text(&value)?);
    let bytes = bytes.ok_or_else(|| wrong("the text has characters that the encoding lacks"))?;
    Ok(Value::from(if args.flag(1, "urlsafe", false) {
        URL_SAFE.encode(bytes)
    } else {
        STANDARD.encode(bytes)
    }))
}

fn b64decode(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let text: String = run.text(&value)?.split_whitespace().collect();
    let decoded = if args.flag(1, "urlsafe", false) { URL_SAFE.decode(text) } else { STANDARD.decode(text) };
    let bytes = decoded.map_err(|e| wrong(format!("this text is no base64: {e}")))?;
    let text = encoding(run, args)?.decode(bytes);
    text.map(Value::from)
        .ok_or_else(|| wrong("the decoded bytes are no text of the encoding (UTF-8 unless given)"))
}

/// What `vault` names a password that has no name.
const FILTER_ID: &str = "filter_default";

fn vault(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let password = args.need_text(run, 0, "secret")?;
    let salt = args.text(run, 1, "salt")?;
    let id = args.text(run, 2, "vault_id")?.unwrap_or_else(|| FILTER_ID.into());
    let plain = run.text(&value)?;
    Ok(match salt {
        Some(salt) => format::encrypt_with(plain.as_bytes(), password.as_bytes(), Some(&id), salt.as_bytes()),
        None => format::encrypt(plain.as_bytes(), password.as_bytes(), Some(&id)),
    }
    .into())
}

/// The text in clear, and then secret; what is no vault stays as it is.
fn unvault(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let password = args.need_text(run, 0, "secret")?;
    let text = run.text(&value)?;
    if !format::is_vault(text.as_bytes()) {
        return Ok(value);
    }
    run.touched_secret = true;
    let plain = format::decrypt(&text, password.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    let plain = String::from_utf8(plain).map_err(|_| wrong("the vault holds no UTF-8 text"))?;
    Ok(Value::from(plain))
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn hash(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let kind = args.text(run, 0, "hashtype")?.unwrap_or_else(|| "sha1".into());
    digest(run, &value, &kind)
}

fn digest(run: &mut Run<'_>, value: &Value, kind: &str) -> Res<Value> {
    let text = run.text(value)?;
    Ok(Value::from(match kind {
        "md5" => hex(Md5::digest(&text)),
        "sha1" => hex(Sha1::digest(&text)),
        "sha224" => hex(Sha224::digest(&text)),
        "sha256" => hex(Sha256::digest(&text)),
        "sha384" => hex(Sha384::digest(&text)),
        "sha512" => hex(Sha512::digest(&text)),
        other => return Err(wrong(format!("there is no hash `{other}`"))),
    }))
}

fn password_hash(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let password = run.text(&value)?;
    let kind = args.text(run, 0, "hashtype")?.unwrap_or_else(|| "sha512".into());
    let wanted = crypt::Wanted {
        kind: &kind,
        salt: args.text(run, 1, "salt")?,
        salt_size: args.int(2, "salt_size")?,
        rounds: args.int(3, "rounds")?,
        ident: args.text(run, 4, "ident")?,
    };
    crypt::crypt(&password, &wanted).map(Value::from)
}

/// A version 5 UUID in Ansible's name space, or in one given.
fn to_uuid(run: &mut Run<'_>, value: Value, args: &Args) -> Res<Value> {
    let namespace =
        args.text(run, 0, "namespace")?.unwrap_or_else(|| "361E6D51-FAEC-444A-9079-341386DA8E2E".into());
    let digits: String = namespace.chars().filter(|c| *c != '-').collect();
    let bytes: Option<Vec<u8>> = (0..32)
        .step_by(2)
        .map(|i| digits.get(i..i + 2).and_then(|d| u8::from_str_radix(d, 16).ok()))
        .collect();
    let mut hasher = Sha1::new();
    hasher.update(bytes.ok_or_else(|| wrong(format!("`{namespace}` is no UUID")))?);
    hasher.update(run.text(&value)?);
    let mut id: Vec<u8> = hasher.finalize()[..16].to_vec();
    id[6] = (id[6] & 0x0f) | 0x50;
    id[8] = (id[8] & 0x3f) | 0x80;
    let h = hex(id);
    Ok(Value::from(format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])))
}
