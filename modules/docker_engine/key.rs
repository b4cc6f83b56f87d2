//! OpenPGP key files: which keys are in them.

use crate::modules::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The binary form of a key file, armoured or not.
fn binary(text: &[u8]) -> Option<Vec<u8>> {
    let armour = String::from_utf8_lossy(text);
    if !armour.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return Some(text.to_vec());
    }
    let mut out = Vec::new();
    // Several blocks may follow each other.
    for block in armour.split("-----BEGIN PGP PUBLIC KEY BLOCK-----").skip(1) {
        let block = block.split("-----END").next()?.trim_start_matches(['\r', '\n']);
        // Headers end at an empty line; a block without headers begins with it or with the data.
        let lines: Vec<&str> = block.lines().map(str::trim).collect();
        let headers = lines.iter().take_while(|l| l.contains(": ")).count();
        let data: String = lines.iter().skip(headers).take_while(|l| !l.starts_with('=')).copied().collect();
        out.extend(STANDARD.decode(data).ok()?);
    }
    Some(out)
}

/// Fingerprints of the primary keys in a key file, in upper-case hexadecimal.
///
/// # Errors
/// What is no key file, or holds a key of a version other than 4.
pub fn fingerprints(text: &[u8]) -> Result<Vec<String>, Failure> {
    let bad = || Failure::new("what was fetched as the repository's key is no OpenPGP key");
    let bytes = binary(text).ok_or_else(bad)?;
    let (mut rest, mut found) = (&bytes[..], Vec::new());
    while let Some((tag, body, after)) = packet(rest) {
        rest = after;
        if tag != 6 {
            continue;
        }
        if body.first() != Some(&4) {
            return Err(Failure::new(
                "the repository's key is not of version 4, the only one that is understood",
            ));
        }
        let length = u16::try_from(body.len()).map_err(|_| bad())?.to_be_bytes();
        let mut hash = Sha1::new();
        hash.update([0x99]);
        hash.update(length);
        hash.update(body);
        found.push(hash.finalize().iter().map(|b| format!("{b:02X}")).collect());
    }
    if found.is_empty() || !rest.is_empty() { Err(bad()) } else { Ok(found) }
}

/// The first packet: its tag, its body, and what follows it.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    if head & 0x80 == 0 {
        return None;
    }
    let number = |n: usize| -> Option<usize> {
        Some(rest.get(..n)?.iter().fold(0_usize, |sum, b| (sum << 8) | usize::from(*b)))
    };
    let (tag, skip, length) = if head & 0x40 == 0 {
        let size = match head & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        ((head >> 2) & 15, size, number(size)?)
    } else {
        let (skip, length) = match *rest.first()? {
            one @ 0..=191 => (1, usize::from(one)),
            two @ 192..=223 => (2, ((usize::from(two) - 192) << 8) + usize::from(*rest.get(1)?) + 192),
            255 => (5, rest.get(1..5)?.iter().fold(0_usize, |sum, b| (sum << 8) | usize::from(*b))),
            _ => return None,
        };
        (head & 63, skip, length)
    };
    let end = skip.checked_add(length)?;
    Some((tag, rest.get(skip..end)?, rest.get(end..)?))
}

/// Whether a key file holds exactly the wanted keys.
///
/// # Errors
/// It holds others, or lacks one: both are named.
pub fn check(text: &[u8], wanted: &[&str], whence: &str) -> Result<(), Failure> {
    let plain = |f: &&str| f.replace([' ', ':'], "").trim_start_matches("0x").to_uppercase();
    let mut wanted: Vec<String> = wanted.iter().map(plain).collect();
    let mut found = fingerprints(text)?;
    wanted.sort();
    found.sort();
    if wanted == found {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the key of {whence} is {}, not {}: it is refused\nhint: compare it with what Docker publishes; `key_fingerprint` says which one is trusted",
        found.join(" and "),
        wanted.join(" and ")
    )))
}

/// A key file as the ending of `path` wants it: `.asc` armoured, else binary.
pub fn formatted(text: &[u8], path: &str) -> Option<Vec<u8>> {
    let armoured = text.starts_with(b"-----BEGIN");
    match (path.ends_with(".asc"), armoured) {
        (true, false) => {
            let data = STANDARD.encode(text);
            let lines: Vec<&str> =
                data.as_bytes().chunks(64).filter_map(|c| std::str::from_utf8(c).ok()).collect();
            let (begin, end) = ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----");
            Some(format!("{begin}\n\n{}\n{end}\n", lines.join("\n")).into_bytes())
        }
        (false, true) => binary(text),
        _ => Some(text.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of version 4 with a body of `n` bytes, under an old and a new header.
    fn key(seed: u8, new: bool) -> (Vec<u8>, String) {
        let body: Vec<u8> = std::iter::once(4).chain((0..40).map(|i| seed.wrapping_add(i))).collect();
        let mut hashed = vec![0x99, 0, 41];
        hashed.extend(&body);
        let print = Sha1::digest(&hashed).iter().map(|b| format!("{b:02X}")).collect();
        let head = if new { vec![0xc6, 41] } else { vec![0x99, 0, 41] };
        ([head, body].concat(), print)
    }

    #[test]
    fn fingerprints_of_every_form() {
        let user_id = [0xb4, 3, b'a', b'b', b'c'];
        for new in [false, true] {
            let (bytes, print) = key(1, new);
            let file = [&bytes[..], &user_id].concat();
            assert_eq!(fingerprints(&file).unwrap(), std::slice::from_ref(&print));
            let armoured = formatted(&file, "/x.asc").unwrap();
            assert!(armoured.starts_with(b"-----BEGIN PGP"));
            assert_eq!(fingerprints(&armoured).unwrap(), [print]);
            assert_eq!(formatted(&armoured, "/x.gpg").unwrap(), file);
            let text = String::from_utf8(armoured).unwrap();
            let with_header = text.replace("BLOCK-----\n\n", "BLOCK-----\nVersion: GnuPG v1\nComment: x\n\n");
            assert_eq!(fingerprints(with_header.as_bytes()).unwrap().len(), 1);
        }
    }

    #[test]
    fn another_key_beside_the_right_one_is_refused() {
        let ((good, print), (evil, other)) = (key(1, false), key(9, false));
        check(&good, &[&print.to_lowercase()], "x").unwrap();
        for file in [evil.clone(), [good.clone(), evil].concat()] {
            let said = check(&file, &[&print], "http://x").unwrap_err().message;
            assert!(said.contains(&other) && said.contains("refused"), "{said}");
        }
    }

    #[test]
    fn what_is_no_key() {
        for text in
            [&b""[..], b"<html>", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!\n-----END", &[0x99, 0, 41, 4]]
        {
            assert!(fingerprints(text).is_err(), "{text:?}");
        }
    }
}
