//! What the vault commands do to files. A file is replaced as a whole or not at all, and keeps its mode.

use super::super::yaml::io_words;
use super::format::is_vault;
use super::{Keyring, VaultError};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

type Done = Result<(), VaultError>;

/// Encrypts a file, in place or into `out`.
pub fn encrypt_file(path: &Path, out: Option<&Path>, keyring: &Keyring, id: Option<&str>) -> Done {
    let plain = read(path)?;
    if is_vault(&plain) {
        return Err(VaultError::file(path, "is encrypted already"));
    }
    replace(out.unwrap_or(path), keyring.seal(&plain, id)?.as_bytes())
}

/// Decrypts a file, in place or into `out`.
pub fn decrypt_file(path: &Path, out: Option<&Path>, keyring: &Keyring) -> Done {
    replace(out.unwrap_or(path), &view_file(path, keyring)?)
}

/// What is in an encrypted file.
pub fn view_file(path: &Path, keyring: &Keyring) -> Result<Vec<u8>, VaultError> {
    keyring.open(&vault_text(path)?).map_err(|e| VaultError::file(path, e.to_string()))
}

/// Encrypts a file anew with a password of `new`; `id` names which.
pub fn rekey_file(path: &Path, keyring: &Keyring, new: &Keyring, id: Option<&str>) -> Done {
    let plain = view_file(path, keyring)?;
    replace(path, new.seal(&plain, id)?.as_bytes())
}

/// Lets `editor` change what is in a file (a new one where there is none). The plain text stands meanwhile in a file
/// of mode 0600, in memory where the system has /dev/shm, and is overwritten at the end.
/// Returns whether anything was changed.
pub fn edit_file(
    path: &Path,
    keyring: &Keyring,
    id: Option<&str>,
    editor: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<bool, VaultError> {
    let (plain, own) = match path.exists() {
        true => {
            let text = vault_text(path)?;
            let own = super::Envelope::parse(&text)?.id.filter(|own| keyring.ids().any(|id| id == own));
            (keyring.open(&text).map_err(|e| VaultError::file(path, e.to_string()))?, own)
        }
        // Better now than after the user has written it.
        false => (Vec::new(), keyring.seal(b"", id).map(|_| None)?),
    };
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let suffix = path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let mut builder = tempfile::Builder::new();
    let mut scratch = builder
        .suffix(&suffix)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(&folder)
        .map_err(|e| VaultError::io(&folder, &e))?;
    scratch
        .write_all(&plain)
        .and_then(|()| scratch.flush())
        .map_err(|e| VaultError::io(scratch.path(), &e))?;
    let edited = editor(scratch.path()).and_then(|()| std::fs::read(scratch.path()));
    wipe(scratch.path());
    let edited =
        edited.map_err(|e| VaultError::file(path, format!("the editor failed: {}", io_words(&e))))?;
    if edited == plain && path.exists() {
        return Ok(false);
    }
    replace(path, keyring.seal(&edited, id.or(own.as_deref()))?.as_bytes())?;
    Ok(true)
}

/// A `!vault` value as it is pasted into a playbook, with `name: ` before it if there is a name.
pub fn encrypt_string(
    plain: &str,
    name: Option<&str>,
    keyring: &Keyring,
    id: Option<&str>,
) -> Result<String, VaultError> {
    let sealed = keyring.seal(plain.as_bytes(), id)?;
    let mut text = name.map(|n| format!("{n}: ")).unwrap_or_default() + "!vault |\n";
    for line in sealed.lines() {
        text += &format!("          {line}\n");
    }
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<u8>, VaultError> {
    std::fs::read(path).map_err(|e| VaultError::io(path, &e))
}

fn vault_text(path: &Path) -> Result<String, VaultError> {
    let bytes = read(path)?;
    if !is_vault(&bytes) {
        return Err(VaultError::file(path, "is not encrypted"));
    }
    String::from_utf8(bytes).map_err(|_| VaultError::file(path, "is not a readable vault: not UTF-8"))
}

/// Writes beside the file and renames. A new file has mode 0600, an old one keeps mode and owner.
fn replace(path: &Path, bytes: &[u8]) -> Done {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let write = || -> std::io::Result<()> {
        let folder = real.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".fitout-vault-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        if let Ok(old) = std::fs::metadata(&real) {
            // Only root may give a file away; the writer owns it otherwise, as with any editor.
            let _ = std::os::unix::fs::chown(file.path(), Some(old.uid()), Some(old.gid()));
            file.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        }
        file.as_file().sync_all()?;
        file.persist(&real)?;
        Ok(())
    };
    write().map_err(|e| VaultError::io(path, &e))
}

/// Overwrites what an editor left before the file is removed; best effort, the file goes in any case.
fn wipe(path: &Path) {
    let Ok(about) = std::fs::metadata(path) else { return };
    let length = usize::try_from(about.len()).unwrap_or(0);
    let _ = std::fs::write(path, vec![0; length]);
}
