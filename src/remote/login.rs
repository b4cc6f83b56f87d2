//! How a channel's shell is started as the wanted user, and when its password may be given.

use super::quote::quote;
use super::session::Channel;
use super::{Become, BecomeMethod, RemoteError, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The command line of one shell.
pub struct Login {
    pub command: String,
    /// Given when `prompt` appears on stderr; nothing else may be written before the hello.
    pub ask: Option<Ask>,
}

pub struct Ask {
    /// `None`: there is none to give, the prompt itself is the refusal.
    pub password: Option<String>,
    pub prompt: String,
}

/// The command that starts `sh` as `who`, or with `inner` a shell command instead of an interactive stream.
/// Without a password it never asks, so that what is written at once can reach nothing but the shell.
pub fn login(target: &Target, who: &Become, nonce: &str, inner: Option<&str>) -> Result<Login, RemoteError> {
    let bare = quote(&target.shell);
    let shell = match inner {
        Some(inner) => format!("{bare} -c {}", quote(inner)),
        None => bare.clone(),
    };
    let Become::User { method, user, flags, exe } = who else {
        return Ok(Login { command: format!("exec {shell}"), ask: None });
    };
    let password = match &target.become_password {
        None => None,
        Some(secret) => {
            Some(secret.reveal().map_err(|why| RemoteError::Become(why.to_string()))?.to_string())
        }
    };
    let exe = match exe.as_ref() {
        "" => method.program().to_string(),
        exe => words("become_exe", exe, &[])?,
    };
    let flags = words("become_flags", flags, &["-S", "-n", "-k"])?;
    let user = quote(user);
    // Says that nobody will ask any more before the shell reads its first line.
    let greeting = quote(&format!("printf '\\002%sH0:0\\000' {}; exec {shell}", &nonce[1..]));
    let prompt = format!("[fitout {}] password: ", &nonce[1..]);
    Ok(match (method, password) {
        (BecomeMethod::Sudo, None) => {
            Login { command: format!("exec {exe} -n {flags} -u {user} -- {shell}"), ask: None }
        }
        (BecomeMethod::Sudo, Some(password)) => Login {
            command: format!("exec {exe} -S -p {} {flags} -u {user} -- {bare} -c {greeting}", quote(&prompt)),
            ask: Some(Ask { password: Some(password), prompt }),
        },
        (BecomeMethod::Su, password) => {
            // `su` cannot be told not to ask.
            let inner = quote(&format!("exec {bare} -c {greeting}"));
            Login {
                command: format!("LC_ALL=C exec {exe} {flags} {user} -c {inner}"),
                ask: Some(Ask { password, prompt: "assword: ".into() }),
            }
        }
        (BecomeMethod::Doas, None) => {
            Login { command: format!("exec {exe} -n {flags} -u {user} {shell}"), ask: None }
        }
        (BecomeMethod::Doas, Some(password)) => Login {
            command: at_a_terminal(&bare, &format!("{exe} {flags} -u {user} {bare} -c {greeting}")),
            ask: Some(Ask { password: Some(password), prompt: "assword: ".into() }),
        },
    })
}

/// `doas` asks at `/dev/tty` and nowhere else. `script` gives it one, on the host, over which nothing goes but the
/// prompt and the password; the shell that it starts has this channel's own stdin, stdout and stderr. What starts it stays and
/// holds the terminal open: where nobody does for a moment, `script` ends, and the terminal hangs up on a shell that has it.
fn at_a_terminal(shell: &str, asks: &str) -> String {
    let inside = quote(&format!("{asks} <&3 >&4 2>&5; exit $?"));
    let outside = format!(
        "command -v script >/dev/null || {{ echo 'doas: {NO_TERMINAL}' >&2; exit 1; }}\n\
         exec 3<&0 4>&1 5>&2\n\
         {{ IFS= read -r fo_word <&3; printf '%s\\n' \"$fo_word\"; }} \
         | SHELL={shell} script -q -c {inside} /dev/null >&2"
    );
    format!("exec {shell} -c {}", quote(&outside))
}

/// Said where there is no `script`.
const NO_TERMINAL: &str = "it asks at a terminal only, and there is no `script` to give it one";

/// Waits until the shell greets; gives the password when its prompt appears, once. The error is what was said.
pub async fn answer(channel: &mut Channel, ask: &Ask, nonce: &str) -> Result<(), String> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let greeting = format!("{nonce}H0:0\0");
    let (mut given, mut open) = (false, true);
    loop {
        let (mut a, mut b) = ([0; 512], [0; 512]);
        tokio::select! {
            n = channel.stdout.read(&mut a) => match n {
                Ok(n) if n > 0 => out.extend_from_slice(&a[..n]),
                _ => {
                    // What it said may still be on the way.
                    let _ = channel.stderr.read_to_end(&mut err).await;
                    return Err(String::from_utf8_lossy(&err).into_owned());
                }
            },
            n = channel.stderr.read(&mut b), if open => match n {
                Ok(n) if n > 0 => err.extend_from_slice(&b[..n]),
                _ => open = false,
            },
        }
        if contains(&out, greeting.as_bytes()) {
            return Ok(());
        }
        if contains(&err, ask.prompt.as_bytes()) {
            if given {
                return Err("incorrect password".into());
            }
            let Some(password) = &ask.password else {
                return Err("a password is required".into());
            };
            given = true;
            err.clear();
            let line = format!("{password}\n");
            channel.stdin.write_all(line.as_bytes()).await.map_err(|e| e.to_string())?;
            channel.stdin.flush().await.map_err(|e| e.to_string())?;
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

/// What `option` says as quoted words, without those `ours` that say how to ask.
fn words(option: &str, text: &str, ours: &[&str]) -> Result<String, RemoteError> {
    let words = crate::base::words::split(text)
        .map_err(|e| RemoteError::Become(format!("{option} `{text}` cannot be split into words: {e}")))?;
    let kept = words.iter().filter(|word| !ours.contains(&word.as_str()));
    Ok(kept.map(|word| quote(word)).collect::<Vec<_>>().join(" "))
}

/// Whether what was said is that the password given is not the right one.
pub fn wrong_password(said: &str) -> bool {
    ["incorrect password", "Sorry, try again", "Authentication failure", "doas: Authentication failed"]
        .iter()
        .any(|text| said.contains(text))
}

/// Turns what was said before the shell answered into a become error, if that is what it is.
pub fn refusal(who: &Become, said: &str, host: &str) -> Option<RemoteError> {
    let Become::User { method, user, .. } = who else { return None };
    let tool = method.program();
    let talk = |l: &&str| !l.is_empty() && !l.starts_with("Warning: ") && !l.contains("audit plugin");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(talk).collect();
    let has = |needle: &str| said.contains(needle);
    let text = if has(NO_TERMINAL) {
        format!(
            "{host}: doas asks for its password at a terminal only, and there is no `script` there to give it one\nhint: install `script` (bsdutils or util-linux), allow `nopass` in doas.conf, or use another become_method"
        )
    } else if has("not found") || has("No such file") && has(tool) {
        format!(
            "{host}: {tool} is not installed there, so `become_user: {user}` cannot be had\nhint: install it, log in as {user}, or choose another become_method"
        )
    } else if has("a password is required")
        || has("no password was provided")
        || has("Authorization required")
        || has("doas: Authentication required")
    {
        format!(
            "{host}: {tool} asks for a password to become {user}\nhint: give it with --ask-become-pass (-K) or `ansible_become_password`"
        )
    } else if wrong_password(said) {
        format!("{host}: wrong {tool} password")
    } else if lines.iter().any(|l| l.starts_with(tool)) || has("sudoers") || has("not allowed") {
        format!("{host}: {tool} refused to become {user}: {}", lines.join("; "))
    } else {
        return None;
    };
    Some(RemoteError::Become(text))
}
