//! Vaults made, opened and edited.

use super::Place;

#[test]
fn vaults_go_round() {
    let place =
        Place::new().with("pw", "geheim\n").with("new", "neuer\n").with("secret.yml", "key: hunter2\n");
    let vault = |words: &[&str]| {
        let seen = place.run(&[&["vault"], words].concat());
        assert_eq!(seen.code, 0, "{words:?}: {}", seen.err);
        seen.out
    };
    let text = || std::fs::read_to_string(place.path().join("secret.yml")).unwrap();
    vault(&["encrypt", "secret.yml", "--vault-password-file", "pw"]);
    assert!(text().starts_with("$ANSIBLE_VAULT;1.1;AES256\n"), "{}", text());
    assert_eq!(vault(&["view", "secret.yml", "--vault-password-file", "pw"]), "key: hunter2\n");
    vault(&["rekey", "secret.yml", "--vault-password-file", "pw", "--new-vault-password-file", "new"]);
    let seen = place.run(&["vault", "view", "secret.yml", "--vault-password-file", "pw"]);
    assert_eq!(seen.code, 3, "{}", seen.out);
    assert!(!seen.err.contains("hunter2") && !seen.err.contains("geheim"), "{}", seen.err);
    vault(&["decrypt", "secret.yml", "--vault-password-file", "new"]);
    assert_eq!(text(), "key: hunter2\n");
    let string = vault(&["encrypt_string", "hunter2", "--name", "key", "--vault-password-file", "pw"]);
    assert!(string.starts_with("key: !vault |\n") && !string.contains("hunter2"), "{string}");
    let place = place.with("hosts", "h\n").with("group_vars/all.yml", &format!("{string}\nlist: [1, x]\n"));
    for form in [&["--graph", "--vars"][..], &["--list"], &["--host", "h"]] {
        let seen = place.run(&[&["inventory", "-i", "hosts", "--vault-password-file", "pw"], form].concat());
        assert!(seen.out.contains("key") && !seen.out.contains("hunter2"), "{}", seen.out);
    }
}

#[test]
fn a_vault_is_edited_in_place() {
    let place = Place::new().with("pw", "geheim\n").with("secret.yml", "key: hunter2\n");
    let vault = |word: &str, env: &[(&str, &str)]| {
        let args = ["vault", word, "secret.yml", "--vault-password-file", "pw"];
        let seen = place.run_with(&args, env, "");
        assert_eq!(seen.code, 0, "{word}: {}", seen.err);
        seen.out
    };
    vault("encrypt", &[]);
    vault("edit", &[("EDITOR", "sed -i s/hunter2/hunter3/")]);
    let text = std::fs::read_to_string(place.path().join("secret.yml")).unwrap();
    assert!(text.starts_with("$ANSIBLE_VAULT") && !text.contains("hunter"), "{text}");
    assert_eq!(vault("view", &[]), "key: hunter3\n");
}

#[test]
fn one_of_several_vault_identities_encrypts() {
    let place = Place::new().with("a", "1").with("b", "2").with("text", "plain\n");
    let ids = ["vault", "encrypt", "text", "--vault-id", "dev@a", "--vault-id", "prod@b"];
    let seen = place.run(&ids);
    assert!(seen.code == 3 && seen.err.contains("dev, prod could encrypt it"), "{}", seen.err);
    assert_eq!(std::fs::read_to_string(place.path().join("text")).unwrap(), "plain\n");
    assert_eq!(place.run(&[&ids[..], &["--encrypt-vault-id", "prod"]].concat()).code, 0);
    let text = std::fs::read_to_string(place.path().join("text")).unwrap();
    assert!(text.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"), "{text}");
}
