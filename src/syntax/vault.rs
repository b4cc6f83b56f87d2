//! Ansible Vault: files and values encrypted with a password.

/// The vault passwords of a run.
#[derive(Default)]
pub struct Keyring {}

impl Keyring {
    pub fn open_text(&self, _text: &str) -> Result<String, String> {
        Err("no vault password given".into())
    }
}
