//! The vault passwords of a run, by id, and where they come from.

use super::super::yaml::io_words;
use super::format::{Envelope, encrypt};
use super::{DEFAULT_ID, VaultError};
use crate::base::Diags;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Asks the user for the password of a vault id; the error is shown as it is.
pub type Ask<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// What came of each vault text, by its hash.
type Opened = HashMap<[u8; 32], Result<Vec<u8>, VaultError>>;

/// Passwords in the order given. Opened values are remembered, since each opening costs 10,000 hash rounds.
#[derive(Clone, Default)]
pub struct Keyring {
    passwords: Vec<(String, Vec<u8>)>,
    opened: Arc<Mutex<Opened>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Keyring {
    /// From command line words: `[ID@]SOURCE` where the source is `prompt`, a file, or an executable file.
    pub fn from_sources<'a>(
        sources: impl IntoIterator<Item = &'a str>,
        ask: Ask,
    ) -> Result<Self, VaultError> {
        let mut keyring = Keyring::default();
        for source in sources {
            let (id, from) = source.split_once('@').unwrap_or((DEFAULT_ID, source));
            let id = if id.is_empty() { DEFAULT_ID } else { id };
            match from {
                "prompt" | "prompt_ask_vault_pass" => keyring.add_asked(id, ask)?,
                file => keyring.add_file(id, Path::new(file))?,
            }
        }
        Ok(keyring)
    }

    /// Adds a password. Several may have one id; what could not be opened before is tried again.
    pub fn add(&mut self, id: &str, password: impl Into<Vec<u8>>) {
        self.passwords.push((id.to_string(), password.into()));
        // What could not be opened before may be now.
        self.opened = Arc::default();
    }

    /// Asks for a password at once and adds it.
    ///
    /// # Errors
    /// Nobody could be asked, or the answer was empty.
    pub fn add_asked(&mut self, id: &str, ask: Ask) -> Result<(), VaultError> {
        let password = ask(id).map_err(|why| VaultError::File { path: format!("vault id {id}"), why })?;
        if password.is_empty() {
            return Err(VaultError::File { path: format!("vault id {id}"), why: "an empty password".into() });
        }
        self.add(id, password);
        Ok(())
    }

    /// The password is the file's text without blanks around it, or what it prints if it is executable.
    pub fn add_file(&mut self, id: &str, path: &Path) -> Result<(), VaultError> {
        let about = std::fs::metadata(path).map_err(|e| unread(path, io_words(&e)))?;
        if about.is_dir() {
            return Err(unread(path, "is a directory"));
        }
        let password = match about.permissions().mode() & 0o111 {
            0 => std::fs::read(path).map_err(|e| unread(path, io_words(&e)))?,
            _ => run(id, path)?,
        };
        let password = password.trim_ascii();
        if password.is_empty() {
            return Err(unread(path, "holds no password"));
        }
        self.add(id, password);
        Ok(())
    }

    /// Whether no password was given: then every vault stays closed.
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty()
    }

    /// Of findings those that count where nothing runs: without a password nobody looks into what is encrypted.
    pub fn without_closed(&self, mut found: Diags) -> Diags {
        if self.is_empty() {
            found.retain(|diag| diag.code != "vault");
        }
        found
    }

    /// In the order in which passwords were given; an id may stand more than once.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.passwords.iter().map(|(id, _)| id.as_str())
    }

    /// Opens vault text: the password with the vault's own id first, then all others in order.
    pub fn open(&self, text: &str) -> Result<Vec<u8>, VaultError> {
        let key: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let known = self.opened.lock().unwrap_or_else(|e| e.into_inner()).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let result = self.try_all(text);
        self.opened.lock().unwrap_or_else(|e| e.into_inner()).insert(key, result.clone());
        result
    }

    fn try_all(&self, text: &str) -> Result<Vec<u8>, VaultError> {
        let envelope = Envelope::parse(text)?;
        if self.is_empty() {
            return Err(VaultError::NoPassword);
        }
        let own = |id: &str| envelope.id.as_deref() == Some(id);
        let first = self.passwords.iter().filter(|(id, _)| own(id));
        let order: Vec<_> = first.chain(self.passwords.iter().filter(|(id, _)| !own(id))).collect();
        let plain = order.iter().find_map(|(_, password)| envelope.open(password));
        plain.ok_or_else(|| {
            VaultError::WrongPassword(envelope.id.clone(), order.iter().map(|(id, _)| id.clone()).collect())
        })
    }

    /// As [`Keyring::open`], for text.
    pub fn open_text(&self, text: &str) -> Result<String, VaultError> {
        String::from_utf8(self.open(text)?).map_err(|_| VaultError::Format("what is in it is not UTF-8"))
    }

    /// Encrypts with the password of `id`, or with the only (else the first) one.
    pub fn seal(&self, plain: &[u8], id: Option<&str>) -> Result<String, VaultError> {
        let entry = match id {
            Some(wanted) => self.passwords.iter().find(|(id, _)| id == wanted),
            None => self.passwords.first(),
        };
        match (entry, id) {
            (Some((id, password)), _) => Ok(encrypt(plain, password, Some(id))),
            (None, Some(wanted)) if !self.is_empty() => {
                let known: Vec<_> = self.ids().collect();
                Err(VaultError::UnknownId(wanted.to_string(), known.join(", ")))
            }
            (None, _) => Err(VaultError::NoPassword),
        }
    }
}

/// A source of a password that is none: which of the files that a command names is meant is said.
fn unread(path: &Path, why: impl Into<String>) -> VaultError {
    VaultError::File { path: format!("the vault password file {}", path.display()), why: why.into() }
}

/// Runs a password program. One named `…-client` is told the vault id, as Ansible does.
fn run(id: &str, path: &Path) -> Result<Vec<u8>, VaultError> {
    let full = path.canonicalize().map_err(|e| unread(path, io_words(&e)))?;
    let mut command = Command::new(full);
    if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client")) {
        command.args(["--vault-id", id]);
    }
    let output = command
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| unread(path, format!("is executable and cannot be run: {}", io_words(&e))))?;
    if !output.status.success() {
        return Err(unread(path, format!("printed no password ({})", output.status)));
    }
    Ok(output.stdout)
}
