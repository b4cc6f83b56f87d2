//! Ansible Vault: files and values encrypted with a password, as ansible-vault writes them.

mod files;
mod format;
mod keyring;

pub use files::{decrypt_file, edit_file, encrypt_file, encrypt_string, rekey_file, view_file};
pub use format::{Envelope, decrypt, encrypt, encrypt_with, is_vault};
pub use keyring::{Ask, Keyring};

/// The id of a password given without one.
pub const DEFAULT_ID: &str = "default";

/// Why a vault cannot be opened or written. No message holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// None was given, and a vault has to be opened or written.
    #[error("no vault password given (use --vault-password-file, --vault-id or --ask-vault-pass)")]
    NoPassword,
    /// The vault's id, where it has one, and the ids that were tried.
    #[error("no vault password fits{}; tried: {}", label(.0), .1.join(", "))]
    WrongPassword(Option<String>, Vec<String>),
    /// The id that was asked for to encrypt with, and those there are, with commas.
    #[error("no password for the vault id `{0}`; known: {1}")]
    UnknownId(String, String),
    /// It has not the form of a vault, or what is in it is no text; says which.
    #[error("not a readable vault: {0}")]
    Format(&'static str),
    /// A file of passwords, or a program for one, cannot be used.
    #[error("{path}: {why}")]
    File {
        /// As it was given.
        path: String,
        /// In a user's words.
        why: String,
    },
}

fn label(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" the vault id `{id}`")).unwrap_or_default()
}

impl VaultError {
    pub(crate) fn file(path: &std::path::Path, why: impl Into<String>) -> Self {
        VaultError::File { path: path.display().to_string(), why: why.into() }
    }

    pub(crate) fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::file(path, super::yaml::io_words(error))
    }
}

#[cfg(test)]
mod tests;
