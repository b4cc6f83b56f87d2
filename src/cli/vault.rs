//! `fitout vault`: encrypted files and values, as ansible-vault has them.

use super::args::{OutputArgs, VaultArgs};
use super::fail::{Done, Fail, code};
use super::session::{Session, ask_secret};
use crate::syntax::vault::{self, Keyring};
use crate::syntax::yaml::io_words;
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Encrypt and decrypt files and values, compatible with ansible-vault
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Encrypt files in place
    Encrypt(Files),
    /// Decrypt files in place
    Decrypt(Files),
    /// Print what is in encrypted files
    View(Files),
    /// Change an encrypted file with $VISUAL or $EDITOR (vi where neither is set)
    Edit(Files),
    /// Make an encrypted file with $VISUAL or $EDITOR
    Create(Files),
    /// Encrypt files anew with another password
    Rekey(Rekey),
    /// Print values as `!vault` text to paste into a playbook
    #[command(name = "encrypt_string", visible_alias = "encrypt-string")]
    EncryptString(EncryptString),
}

#[derive(Debug, Args)]
pub struct Files {
    /// Files; `-` is stdin and stdout
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write here instead; `-` is stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Debug, Args)]
pub struct SecretArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// Encrypt with the password of this id
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
}

impl SecretArgs {
    /// What is encrypted is with one password.
    fn one_identity(&self) -> Result<(), Fail> {
        let ids: Vec<&str> =
            self.vault.vault_id.iter().filter_map(|id| Some(id.split_once('@')?.0)).collect();
        if ids.len() < 2 || self.encrypt_vault_id.is_some() {
            return Ok(());
        }
        let message = format!("the vault identities {} could encrypt it", ids.join(", "));
        Err(Fail::input(message).hint("say which with --encrypt-vault-id"))
    }
}

#[derive(Debug, Args)]
pub struct Rekey {
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
    /// The new identity: ID@FILE, ID@PROGRAM, ID@prompt
    #[arg(long, value_name = "ID@SOURCE")]
    new_vault_id: Option<String>,
    /// File with the new password
    #[arg(long, value_name = "FILE")]
    new_vault_password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EncryptString {
    /// Texts; none: stdin
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// Name of the value; may be given once a text
    #[arg(short, long, value_name = "NAME")]
    name: Vec<String>,
    /// Name of the value read from stdin
    #[arg(long, value_name = "NAME")]
    stdin_name: Option<String>,
    /// Ask for the text
    #[arg(short, long)]
    prompt: bool,
    #[command(flatten)]
    secret: SecretArgs,
}

pub fn run(command: VaultCommand) -> Done {
    match command {
        VaultCommand::Encrypt(args) => {
            args.secret.one_identity()?;
            each(&args, |path, out, keys, id| match is_stdio(path) {
                true => Ok(emit(out, keys.seal(&stdin()?, id)?.as_bytes())?),
                false => Ok(vault::encrypt_file(path, out, keys, id)?),
            })
        }
        VaultCommand::Decrypt(args) => each(&args, |path, out, keys, _| match is_stdio(path) {
            true => emit(out, &keys.open(&String::from_utf8_lossy(&stdin()?))?),
            false if out.is_some_and(is_stdio) => emit(out, &vault::view_file(path, keys)?),
            false => Ok(vault::decrypt_file(path, out, keys)?),
        }),
        VaultCommand::View(args) => {
            each(&args, |path, out, keys, _| emit(out, &vault::view_file(path, keys)?))
        }
        VaultCommand::Edit(args) => each(&args, |path, _, keys, id| match path.exists() {
            true => edit(path, keys, id),
            false => Err(Fail::input(format!("{}: no such file", path.display()))
                .hint("`fitout vault create` makes one")),
        }),
        VaultCommand::Create(args) => {
            args.secret.one_identity()?;
            each(&args, |path, _, keys, id| match path.exists() {
                false => edit(path, keys, id),
                true => Err(Fail::input(format!("{}: is there already", path.display()))
                    .hint("use `fitout vault edit`")),
            })
        }
        VaultCommand::Rekey(args) => rekey(&args),
        VaultCommand::EncryptString(args) => encrypt_string(&args),
    }
}

/// Without any password given one is asked for.
fn keys(vault: &VaultArgs) -> Result<std::sync::Arc<Keyring>, Fail> {
    let session = Session::begin(&OutputArgs::default(), vault)?;
    if !session.keyring.is_empty() {
        return Ok(session.keyring);
    }
    let mut keyring = Keyring::default();
    keyring.add_asked(vault::DEFAULT_ID, &|_| ask_secret("Vault password: "))?;
    Ok(keyring.into())
}

fn each(
    args: &Files,
    act: impl Fn(&Path, Option<&Path>, &Keyring, Option<&str>) -> Result<(), Fail>,
) -> Done {
    if args.output.is_some() && args.files.len() > 1 {
        return Err(Fail::input("--output takes one file only"));
    }
    let keys = keys(&args.secret.vault)?;
    for file in &args.files {
        act(file, args.output.as_deref(), &keys, args.secret.encrypt_vault_id.as_deref())?;
    }
    Ok(code::DONE)
}

fn is_stdio(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn stdin() -> Result<Vec<u8>, Fail> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|e| Fail::io(Path::new("stdin"), &e))?;
    Ok(bytes)
}

fn emit(out: Option<&Path>, bytes: &[u8]) -> Result<(), Fail> {
    match out.filter(|path| !is_stdio(path)) {
        None => std::io::stdout().write_all(bytes).map_err(|e| Fail::io(Path::new("stdout"), &e)),
        Some(path) => {
            use std::os::unix::fs::OpenOptionsExt;
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
            file.and_then(|mut f| f.write_all(bytes)).map_err(|e| Fail::io(path, &e))
        }
    }
}

fn edit(path: &Path, keys: &Keyring, id: Option<&str>) -> Result<(), Fail> {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
    let words = shell_words::split(&editor).map_err(|e| Fail::input(format!("EDITOR=`{editor}`: {e}")))?;
    let changed = vault::edit_file(path, keys, id, |file| {
        let Some((program, args)) = words.split_first() else {
            return Err(std::io::Error::other("EDITOR is empty"));
        };
        let status = Command::new(program).args(args).arg(file).status();
        let status = status.map_err(|e| std::io::Error::other(format!("{program}: {}", io_words(&e))))?;
        if status.success() { Ok(()) } else { Err(std::io::Error::other(format!("{program}: {status}"))) }
    })?;
    if !changed {
        note!("{}: not changed", path.display());
    }
    Ok(())
}

fn rekey(args: &Rekey) -> Done {
    let old = keys(&args.vault)?;
    let ask = |_: &str| {
        let first = ask_secret("New vault password: ")?;
        let second = ask_secret("New vault password, once more: ")?;
        if first == second { Ok(first) } else { Err("the two passwords differ".to_string()) }
    };
    let source = match (&args.new_vault_id, &args.new_vault_password_file) {
        (Some(id), None) => id.clone(),
        (None, Some(file)) => format!("default@{}", file.display()),
        (None, None) => "default@prompt".into(),
        (Some(_), Some(_)) => {
            return Err(Fail::input("give --new-vault-id or --new-vault-password-file, not both"));
        }
    };
    let new = Keyring::from_sources([source.as_str()], &ask)?;
    let label = new.ids().next().filter(|id| *id != vault::DEFAULT_ID).map(str::to_string);
    for file in &args.files {
        vault::rekey_file(file, &old, &new, label.as_deref())?;
    }
    note!("Rekey successful");
    Ok(code::DONE)
}

fn encrypt_string(args: &EncryptString) -> Done {
    args.secret.one_identity()?;
    let keys = keys(&args.secret.vault)?;
    let id = args.secret.encrypt_vault_id.as_deref();
    let mut texts: Vec<(String, Option<String>)> =
        args.texts.iter().enumerate().map(|(n, t)| (t.clone(), args.name.get(n).cloned())).collect();
    if args.prompt {
        let text = ask_secret("String to encrypt: ").map_err(Fail::input)?;
        texts.push((text, args.name.get(texts.len()).cloned()));
    }
    if texts.is_empty() || args.stdin_name.is_some() {
        if std::io::stdin().is_terminal() {
            note!("Reading the text from the terminal, end with ctrl-d (twice, where no newline is wanted)");
        }
        let text = String::from_utf8(stdin()?).map_err(|_| Fail::input("stdin is not UTF-8"))?;
        texts.push((text, args.stdin_name.clone().or_else(|| args.name.get(texts.len()).cloned())));
    }
    for (text, name) in &texts {
        print!("{}", vault::encrypt_string(text, name.as_deref(), &keys, id)?);
    }
    Ok(code::DONE)
}
