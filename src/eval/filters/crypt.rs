//! Passwords in crypt's forms, as passlib makes them for Ansible.

use crate::eval::error::{Res, wrong};
use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose};
use md5::{Digest, Md5};

/// The characters of salts, in crypt's order.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A hash of passwords, and how long its salts are.
#[derive(Copy, Clone, PartialEq)]
enum Kind {
    Md5,
    Blowfish,
    Sha256,
    Sha512,
}

impl Kind {
    fn named(name: &str) -> Res<Kind> {
        Ok(match name {
            "md5" | "md5_crypt" => Kind::Md5,
            "blowfish" | "bcrypt" => Kind::Blowfish,
            "sha256" | "sha256_crypt" => Kind::Sha256,
            "sha512" | "sha512_crypt" => Kind::Sha512,
            other => {
                return Err(wrong(format!(
                    "{other} is not in the list of supported password hashes: md5, blowfish, sha256, sha512"
                )));
            }
        })
    }

    fn salt_sizes(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Kind::Md5 => 1..=8,
            Kind::Blowfish => 22..=22,
            Kind::Sha256 | Kind::Sha512 => 1..=16,
        }
    }
}

/// What is asked for of a hash; what is not given is as passlib has it.
#[derive(Default)]
pub(crate) struct Wanted<'a> {
    pub kind: &'a str,
    pub salt: Option<String>,
    pub salt_size: Option<i64>,
    pub rounds: Option<i64>,
    /// The version of bcrypt's form: `2b` unless given.
    pub ident: Option<String>,
}

/// A password in a form of crypt's: `$6$salt$hash`.
pub(crate) fn crypt(password: &str, wanted: &Wanted<'_>) -> Res<String> {
    let kind = Kind::named(wanted.kind)?;
    let salt = salt(kind, wanted)?;
    match kind {
        Kind::Md5 if wanted.rounds.is_some() => Err(wrong("md5 takes no `rounds`")),
        Kind::Md5 => Ok(md5(password.as_bytes(), &salt)),
        Kind::Blowfish => blowfish(password, &salt, wanted),
        Kind::Sha256 | Kind::Sha512 => sha(kind, password, &salt, wanted.rounds),
    }
}

/// The salt of a hash, and bcrypt's version, without which the same hash is not made again.
pub(crate) fn salt_of(hash: &str) -> Option<(&str, Option<&str>)> {
    let parts: Vec<&str> = hash.split('$').collect();
    match parts.as_slice() {
        ["", ident, _, body] if ident.starts_with('2') => Some((body.get(..22)?, Some(ident))),
        ["", .., salt, _] => Some((salt, None)),
        _ => None,
    }
}

fn salt(kind: Kind, wanted: &Wanted<'_>) -> Res<String> {
    let sizes = kind.salt_sizes();
    let range = match sizes.start() == sizes.end() {
        true => format!("{}", sizes.end()),
        false => format!("{} to {}", sizes.start(), sizes.end()),
    };
    let Some(salt) = wanted.salt.clone().filter(|s| !s.is_empty()) else {
        let size = wanted.salt_size.unwrap_or(*sizes.end() as i64);
        let size = usize::try_from(size).ok().filter(|s| sizes.contains(s));
        let size = size.ok_or_else(|| wrong(format!("`salt_size` must be {range}")))?;
        return Ok((0..size).map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() % 64)])).collect());
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    if !sizes.contains(&salt.len()) || !salt.chars().all(legal) {
        return Err(wrong(format!("the salt must be {range} of the characters ./0-9A-Za-z")));
    }
    Ok(salt)
}

fn sha(kind: Kind, password: &str, salt: &str, rounds: Option<i64>) -> Res<String> {
    // passlib's defaults, which Ansible uses, are larger than crypt's own.
    let default = if kind == Kind::Sha512 { 656_000 } else { 535_000 };
    let rounds = rounds.filter(|r| *r != 0).unwrap_or(default);
    let params = u32::try_from(rounds).ok().and_then(|r| sha_crypt::Params::new(r).ok());
    let params = params.ok_or_else(|| wrong(format!("`rounds` must be 1000 to 999999999, not {rounds}")))?;
    let (password, bytes) = (password.as_bytes(), salt.as_bytes());
    let (mark, body) = match kind {
        Kind::Sha512 => ("6", sha_text(&sha_crypt::sha512_crypt(password, bytes, params), 21)),
        _ => ("5", sha_text(&sha_crypt::sha256_crypt(password, bytes, params), 10)),
    };
    let head = if rounds == 5000 { format!("${mark}$") } else { format!("${mark}$rounds={rounds}$") };
    Ok(format!("{head}{salt}${body}"))
}

/// crypt's own base 64: bytes taken in threes from three runs of a hash, in turning order.
fn sha_text(hash: &[u8], run: usize) -> String {
    let mut out = String::new();
    let (mut a, mut b, mut c) = (0, run, 2 * run);
    for _ in 0..run {
        put(&mut out, [hash[a], hash[b], hash[c]], 4);
        // SHA-512 turns to the left, SHA-256 to the right.
        (a, b, c) = if run == 21 { (b + 1, c + 1, a + 1) } else { (c + 1, a + 1, b + 1) };
    }
    match run {
        21 => put(&mut out, [0, 0, hash[63]], 2),
        _ => put(&mut out, [0, hash[31], hash[30]], 3),
    }
    out
}

/// Three bytes as characters, the lowest six bits first.
fn put(out: &mut String, [high, middle, low]: [u8; 3], count: usize) {
    let mut word = u32::from_be_bytes([0, high, middle, low]);
    for _ in 0..count {
        out.push(char::from(ALPHABET[(word & 63) as usize]));
        word >>= 6;
    }
}

/// The form of 1994, for what is old enough to know no other.
fn md5(password: &[u8], salt: &str) -> String {
    let salt_bytes = salt.as_bytes();
    let other = Md5::digest([password, salt_bytes, password].concat());
    let mut first = [password, b"$1$", salt_bytes].concat();
    first.extend(other.iter().cycle().take(password.len()));
    let mut left = password.len();
    while left > 0 {
        first.push(if left & 1 == 1 { 0 } else { password[0] });
        left >>= 1;
    }
    let mut hash = Md5::digest(first);
    for round in 0..1000 {
        let odd = round % 2 == 1;
        let mut hasher = Md5::new();
        hasher.update(if odd { password } else { &hash[..] });
        hasher.update(if round % 3 == 0 { b"" } else { salt_bytes });
        hasher.update(if round % 7 == 0 { b"" } else { password });
        hasher.update(if odd { &hash[..] } else { password });
        hash = hasher.finalize();
    }
    let mut body = String::new();
    for threes in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        put(&mut body, threes.map(|i| hash[i]), 4);
    }
    put(&mut body, [0, 0, hash[11]], 2);
    format!("$1${salt}${body}")
}

/// bcrypt's base 64; of a salt's last character only two bits count.
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::BCRYPT,
    NO_PAD.with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

fn blowfish(password: &str, salt: &str, wanted: &Wanted<'_>) -> Res<String> {
    let ident = wanted.ident.as_deref().filter(|i| !i.is_empty()).unwrap_or("2b");
    if !["2", "2a", "2b", "2y"].contains(&ident) {
        return Err(wrong(format!("invalid ident: '{ident}'; bcrypt has 2, 2a, 2b and 2y")));
    }
    let rounds = wanted.rounds.filter(|r| *r != 0).unwrap_or(12);
    let cost = u32::try_from(rounds).ok().filter(|c| (4..32).contains(c));
    let cost = cost.ok_or_else(|| wrong(format!("bcrypt's `rounds` must be 4 to 31, not {rounds}")))?;
    let bytes = BCRYPT64.decode(salt).ok().and_then(|b| <[u8; 16]>::try_from(b).ok());
    let bytes = bytes.ok_or_else(|| wrong("the salt is none of bcrypt's"))?;
    let hash = bcrypt::bcrypt(cost, bytes, &key(password, ident));
    Ok(format!("${ident}${cost:02}${}{}", BCRYPT64.encode(bytes), BCRYPT64.encode(&hash[..23])))
}

/// What bcrypt makes its key of: 72 bytes at most, with an end but in the first version, which begins anew.
fn key(password: &str, ident: &str) -> Vec<u8> {
    let bytes = password.as_bytes();
    match ident {
        "2" if !bytes.is_empty() => bytes.iter().copied().cycle().take(72).collect(),
        _ => bytes.iter().copied().chain([0]).take(72).collect(),
    }
}
