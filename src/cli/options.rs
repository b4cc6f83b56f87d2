//! Flags, environment and configuration as the executor's options.

use super::args::{LegacyArgs, LockArgs, LoginArgs, RunArgs};
use super::fail::Fail;
use super::program::tags;
use super::session::{Session, ask_secret};
use crate::base::{Map, Secret};
use crate::exec::options::{BecomeOptions, ConnectionOptions, HostKeys, Mode, RunOptions};
use crate::syntax::yaml::io_words;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Hosts worked on at a time, where nobody says otherwise.
const FORKS: usize = 50;

/// Everything but the mode's own flags.
pub fn options(session: &Session, args: &RunArgs, mode: Mode, extra_vars: Map) -> Result<RunOptions, Fail> {
    legacy(&args.legacy);
    let (tags, skip_tags) = tags(session, args);
    let defaults = RunOptions::default();
    Ok(RunOptions {
        mode,
        diff: args.output.diff || session.config.diff,
        forks: args.login.forks.or(session.config.forks).unwrap_or(FORKS).max(1),
        limit: args.hosts.limit.clone(),
        tags,
        skip_tags,
        start_at_task: args.tasks.start_at_task.clone(),
        extra_vars,
        become_options: become_options(session, &args.login)?,
        connection: connection(session, &args.login)?,
        no_log: session.config.no_log,
        gathers: !session.config.gathers_when_told,
        any_errors_fatal: session.config.any_errors_fatal,
        force_handlers: args.tasks.force_handlers || session.config.force_handlers,
        verbosity: args.output.verbose,
        lock: LockArgs::default().place()?,
        reread: Some(session.reread(&args.hosts)),
        ..defaults
    })
}

fn legacy(args: &LegacyArgs) {
    if !args.module_path.is_empty() {
        note!(
            "warning: -M is accepted, but Python modules are not run; `library/` beside the playbook is read"
        );
    }
}

fn become_options(session: &Session, args: &LoginArgs) -> Result<BecomeOptions, Fail> {
    let config = &session.config;
    let password = match (&args.become_password_file, args.ask_become_pass, &config.become_password_file) {
        (Some(file), _, _) => Some(password_file(file)?),
        (None, true, _) => Some(Secret::new(ask_secret("BECOME password: ").map_err(Fail::input)?)),
        (None, false, Some(file)) => Some(password_file(file)?),
        (None, false, None) => None,
    };
    Ok(BecomeOptions {
        on: args.become_.then_some(true).or(config.become_),
        method: args.become_method.clone().or(config.become_method.clone()),
        user: args.become_user.clone().or(config.become_user.clone()),
        flags: config.become_flags.clone(),
        exe: config.become_exe.clone(),
        password,
    })
}

/// The text of a file without the newline at its end, or what it prints if it is a program; `-` is stdin.
fn password_file(path: &Path) -> Result<Secret, Fail> {
    let fail = |why: String| Fail::input(format!("the become password file {}: {why}", path.display()));
    let io = |e: std::io::Error| fail(io_words(&e));
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).map_err(io)?;
    } else if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o111 != 0 {
        let whole = std::fs::canonicalize(path).map_err(io)?;
        let output = std::process::Command::new(whole).output().map_err(io)?;
        if !output.status.success() {
            return Err(fail(format!("printed no password ({})", output.status)));
        }
        bytes = output.stdout;
    } else {
        bytes = std::fs::read(path).map_err(io)?;
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim())),
        _ => Err(fail("holds no password".into())),
    }
}

fn connection(session: &Session, args: &LoginArgs) -> Result<ConnectionOptions, Fail> {
    let config = &session.config;
    if args.ask_pass || args.connection_password_file.is_some() {
        return Err(Fail::input("passwords for ssh itself (-k) are not supported")
            .hint("use a key: `ssh-copy-id USER@HOST` asks for the password once; sudo's password is -K"));
    }
    let given = [config.ssh_args.as_ref(), args.ssh_common_args.as_ref(), args.ssh_extra_args.as_ref()];
    let words: Vec<&str> = given.into_iter().flatten().map(String::as_str).collect();
    let host_key_checking = match (args.accept_new_host_keys, config.host_key_checking) {
        (true, _) => HostKeys::AcceptNew,
        (false, Some(false)) => HostKeys::Off,
        (false, _) => HostKeys::Strict,
    };
    let defaults = ConnectionOptions::default();
    Ok(ConnectionOptions {
        kind: args.connection.clone().filter(|k| k != "smart").or(config.transport.clone()),
        remote_user: args.user.clone().or(config.remote_user.clone()),
        private_key: args.private_key.clone().or(config.private_key.clone()),
        ssh_args: (!words.is_empty()).then(|| without_control(&words.join(" "))).filter(|a| !a.is_empty()),
        host_key_checking,
        timeout: args.timeout.or(config.timeout).map_or(defaults.timeout, Duration::from_secs),
    })
}

/// ssh arguments without those that share connections: fitout has its own, one a host.
fn without_control(text: &str) -> String {
    let Ok(words) = shell_words::split(text) else { return text.to_string() };
    let is_control = |w: &str| w.to_ascii_lowercase().starts_with("control");
    let mut kept: Vec<String> = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-o" => match words.next() {
                Some(option) if is_control(&option) => {}
                Some(option) => kept.extend([word, option]),
                None => kept.push(word),
            },
            joined if joined.strip_prefix("-o").is_some_and(is_control) => {}
            _ => kept.push(word),
        }
    }
    shell_words::join(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_sharing_is_left_to_fitout() {
        let cases = [
            ("-C -o ControlMaster=auto -o ControlPersist=60s", "-C"),
            ("-oControlPath=/x -o ForwardAgent=yes", "-o 'ForwardAgent=yes'"),
            ("-o 'ProxyCommand=ssh jump nc'", "-o 'ProxyCommand=ssh jump nc'"),
        ];
        for (given, expected) in cases {
            assert_eq!(without_control(given), expected);
        }
    }
}
