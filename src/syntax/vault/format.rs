//! The envelope and the cipher: PBKDF2-HMAC-SHA256 (10,000 rounds), AES-256-CTR, HMAC-SHA256, all of it in hexadecimal.

use super::VaultError;
use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const MAGIC: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
/// Hexadecimal digits a line.
const WIDTH: usize = 80;

/// Whether text or a file's bytes are a vault.
pub fn is_vault(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC.as_bytes())
}

/// A vault taken apart, not yet decrypted.
#[derive(Debug)]
pub struct Envelope {
    /// The vault id of format 1.2.
    pub id: Option<String>,
    salt: Vec<u8>,
    mac: Vec<u8>,
    cipher: Vec<u8>,
}

impl Envelope {
    /// Takes an envelope apart; white space around lines does not matter. Nothing is decrypted or verified
    /// yet.
    ///
    /// # Errors
    /// It is no vault, of another version or cipher, or its body is damaged.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let header: Vec<&str> = lines.next().unwrap_or("").split(';').map(str::trim).collect();
        let id = match header[..] {
            [MAGIC, "1.1", "AES256"] => None,
            [MAGIC, "1.2", "AES256", id] => Some(id.to_string()),
            [MAGIC, "1.1" | "1.2", ..] => return Err(VaultError::Format("its cipher is not AES256")),
            [MAGIC, ..] => return Err(VaultError::Format("its version is neither 1.1 nor 1.2")),
            _ => return Err(VaultError::Format("it does not begin with $ANSIBLE_VAULT")),
        };
        let broken = VaultError::Format("its body is not hexadecimal, or cut off");
        let body: String = lines.collect();
        let inner = unhex(body.as_bytes()).ok_or(broken.clone())?;
        let mut parts = inner.split(|b| *b == b'\n').map(unhex);
        match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten(), parts.next()) {
            (Some(salt), Some(mac), Some(cipher), None) => Ok(Envelope { id, salt, mac, cipher }),
            _ => Err(broken),
        }
    }

    /// The plain bytes; `None` when the password is another.
    pub fn open(&self, password: &[u8]) -> Option<Vec<u8>> {
        let keys = Keys::derive(password, &self.salt);
        let mut mac = Hmac::<Sha256>::new_from_slice(&keys.mac).ok()?;
        mac.update(&self.cipher);
        mac.verify_slice(&self.mac).ok()?;
        let mut plain = self.cipher.clone();
        keys.apply(&mut plain);
        let padding = usize::from(*plain.last()?);
        if padding == 0 || padding > BLOCK {
            return None;
        }
        plain.truncate(plain.len().checked_sub(padding)?);
        Some(plain)
    }
}

struct Keys {
    cipher: [u8; 32],
    mac: [u8; 32],
    start: [u8; BLOCK],
}

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Self {
        let mut all = [0; 32 + 32 + BLOCK];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, &mut all);
        let mut keys = Keys { cipher: [0; 32], mac: [0; 32], start: [0; BLOCK] };
        keys.cipher.copy_from_slice(&all[..32]);
        keys.mac.copy_from_slice(&all[32..64]);
        keys.start.copy_from_slice(&all[64..]);
        keys
    }

    fn apply(&self, bytes: &mut [u8]) {
        Ctr128BE::<Aes256>::new(&self.cipher.into(), &self.start.into()).apply_keystream(bytes);
    }
}

/// The plain bytes of vault text.
pub fn decrypt(text: &str, password: &[u8]) -> Result<Vec<u8>, VaultError> {
    let envelope = Envelope::parse(text)?;
    let plain = envelope.open(password);
    plain.ok_or_else(|| VaultError::WrongPassword(envelope.id, vec![super::DEFAULT_ID.into()]))
}

/// Vault text, format 1.1, or 1.2 with an id. Ends with a newline.
pub fn encrypt(plain: &[u8], password: &[u8], id: Option<&str>) -> String {
    let mut salt = [0; 32];
    rand::fill(&mut salt);
    encrypt_with(plain, password, id, &salt)
}

/// As [`encrypt`], with a salt of the caller's: the same text each time.
pub fn encrypt_with(plain: &[u8], password: &[u8], id: Option<&str>, salt: &[u8]) -> String {
    let keys = Keys::derive(password, salt);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut cipher = plain.to_vec();
    cipher.resize(plain.len() + padding, u8::try_from(padding).unwrap_or(0));
    keys.apply(&mut cipher);
    let mac = Hmac::<Sha256>::new_from_slice(&keys.mac).map(|mut mac| {
        mac.update(&cipher);
        mac.finalize().into_bytes().to_vec()
    });
    // An HMAC takes a key of any length: the error cannot be.
    let inner = [hex(salt), hex(&mac.unwrap_or_default()), hex(&cipher)].join("\n");
    let body = hex(inner.as_bytes());
    let mut text = match id {
        Some(id) if id != super::DEFAULT_ID => format!("{MAGIC};1.2;AES256;{id}\n"),
        _ => format!("{MAGIC};1.1;AES256\n"),
    };
    for start in (0..body.len()).step_by(WIDTH) {
        text += &body[start..body.len().min(start + WIDTH)];
        text.push('\n');
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(n.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if text.len() % 2 == 1 {
        return None;
    }
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
