//! Tests of the vault, some on files that ansible-vault wrote.

use super::*;
use crate::base::{Diags, Sources, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax/vault").join(name)
}

fn keyring(ids: &[(&str, &str)]) -> Keyring {
    let mut keyring = Keyring::default();
    ids.iter().for_each(|(id, password)| keyring.add(id, *password));
    keyring
}

#[test]
fn files_of_ansible_vault_are_opened() {
    let plain = fs::read(fixture("plain.yml")).unwrap();
    let both = keyring(&[("default", "swordfish"), ("prod", "tuna")]);
    for name in ["v11.yml", "v12.yml"] {
        assert_eq!(view_file(&fixture(name), &both).unwrap(), plain, "{name}");
    }
    let words = [format!("a@{}", fixture("prod.txt").display()), fixture("pass.txt").display().to_string()];
    let from_files =
        Keyring::from_sources(words.iter().map(String::as_str), &|_| Err("no terminal".into())).unwrap();
    assert_eq!(from_files.ids().collect::<Vec<_>>(), ["a", "default"]);
    assert_eq!(view_file(&fixture("v12.yml"), &from_files).unwrap(), plain, "ids need not match");
}

#[test]
fn what_is_sealed_opens_again() {
    for length in [0, 1, 15, 16, 17, 1000] {
        let plain = vec![b'x'; length];
        let text = encrypt(&plain, b"p", Some("lab"));
        assert!(text.starts_with("$ANSIBLE_VAULT;1.2;AES256;lab\n"));
        assert_eq!(decrypt(&text, b"p").unwrap(), plain);
        assert!(decrypt(&text, b"q").is_err());
    }
    let text = encrypt(b"x", b"p", Some(DEFAULT_ID));
    assert!(text.starts_with("$ANSIBLE_VAULT;1.1;AES256\n") && text.lines().all(|l| l.len() <= 80));
    let cut = &text[..text.len() - 3];
    assert!(matches!(decrypt(cut, b"p"), Err(VaultError::Format(_) | VaultError::WrongPassword(..))));
}

#[test]
fn errors_name_the_ids_tried_and_no_secret() {
    let file = fixture("v12.yml");
    let error = |ids: &[(&str, &str)]| view_file(&file, &keyring(ids)).unwrap_err().to_string();
    let wrong = error(&[("default", "swordfish"), ("prod", "salmon")]);
    assert!(wrong.contains("no vault password fits the vault id `prod`; tried: prod, default"), "{wrong}");
    assert!(!wrong.contains("salmon"));
    assert!(error(&[]).contains("no vault password given"));
    assert!(!format!("{:?}", keyring(&[("a", "salmon")])).contains("salmon"));
    let unknown = keyring(&[("a", "b")]).seal(b"x", Some("c")).unwrap_err().to_string();
    assert!(unknown.contains("`c`; known: a"), "{unknown}");
    for text in
        ["$ANSIBLE_VAULT;1.3;AES256\n00", "$ANSIBLE_VAULT;1.1;AES\n00", "$ANSIBLE_VAULT;1.1;AES256\nzz", "x"]
    {
        assert!(matches!(decrypt(text, b"p"), Err(VaultError::Format(_))), "{text}");
    }
}

#[test]
fn values_in_a_file_are_secrets() {
    let sources = Sources::default();
    let id = crate::syntax::yaml::read_text(&fixture("inline.yml"), &sources).unwrap();
    let node = crate::syntax::yaml::parse(id, &sources.get(id).text, &mut Diags::default()).unwrap();
    let value = node.to_value(&keyring(&[("default", "swordfish")]));
    let Some(Value::Secret(token)) = value.get("token") else { panic!("{value:?}") };
    assert_eq!(token.reveal(), Ok("s3cret ünïcode"));
    let Some(Value::Secret(other)) = value.get("other") else { panic!("{value:?}") };
    assert!(other.reveal().unwrap_err().contains("vault id `prod`; tried: default"));
}

#[test]
fn password_programs_are_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let mut keyring = Keyring::default();
    keyring.add_file("lab", &program("pw-client.sh", "#!/bin/sh\necho \"$1 $2\"\n")).unwrap();
    let text = keyring.seal(b"x", None).unwrap();
    assert_eq!(decrypt(&text, b"--vault-id lab").unwrap(), b"x");
    let error = keyring.add_file("lab", &program("no.sh", "#!/bin/sh\nexit 3\n")).unwrap_err().to_string();
    assert!(error.contains("printed no password") && error.contains('3'), "{error}");
    assert!(keyring.add_file("x", Path::new("/nowhere")).unwrap_err().to_string().contains("no such file"));
    assert!(keyring.add_asked("x", &|id| Ok(format!("{id}!"))).is_ok());
}

#[test]
fn files_are_replaced_whole_and_keep_their_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.yml");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let old = keyring(&[("default", "a")]);
    fs::write(&path, "x: 1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    encrypt_file(&path, None, &old, None).unwrap();
    assert!(is_vault(&fs::read(&path).unwrap()) && mode(&path) == 0o640);
    assert!(encrypt_file(&path, None, &old, None).unwrap_err().to_string().contains("encrypted already"));
    let new = keyring(&[("lab", "b")]);
    rekey_file(&path, &old, &new, Some("lab")).unwrap();
    assert!(view_file(&path, &old).is_err());
    let edit = |with: &'static str| {
        move |scratch: &Path| {
            assert_eq!(mode(scratch), 0o600);
            fs::write(scratch, with)
        }
    };
    assert!(!edit_file(&path, &new, None, edit("x: 1\n")).unwrap(), "the same text is no change");
    assert!(edit_file(&path, &new, None, edit("x: 2\n")).unwrap());
    assert!(fs::read_to_string(&path).unwrap().contains(";1.2;AES256;lab"));
    let fresh = folder.path().join("fresh.yml");
    assert!(edit_file(&fresh, &new, None, edit("y: 1\n")).unwrap());
    assert_eq!(mode(&fresh), 0o600);
    decrypt_file(&path, None, &new).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "x: 2\n");
    assert!(decrypt_file(&path, None, &new).unwrap_err().to_string().contains("is not encrypted"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    let text = encrypt_string("s", Some("n"), &new, None).unwrap();
    assert!(text.starts_with("n: !vault |\n          $ANSIBLE_VAULT;1.2;AES256;lab\n"));
}
