//! ssh's own words on a failed connection, told so that a user knows what to do.

use super::target::SshOptions;

/// What ssh wrote to stderr before the shell answered, as one message.
pub fn explain(said: &str, host: &str, options: &SshOptions) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let has = |needle: &str| said.contains(needle);
    let at = match options.port {
        Some(port) => format!("{}:{port}", options.host),
        None => options.host.clone(),
    };
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let place = lines.iter().find_map(|l| l.strip_prefix("Offending ")).unwrap_or("in known_hosts");
        return format!(
            "{host}: the host key of {at} has CHANGED (was: {place}); someone may be in between, or the host was reinstalled\n\
             hint: if you know why, remove the old key with `ssh-keygen{} -R {}`",
            known_hosts(place),
            known_name(options)
        );
    }
    if has("Host key verification failed") || has("host key is known for") {
        return format!(
            "{host}: the host key of {at} is not known\n\
             hint: connect once by hand with `ssh`, or run with --accept-new-host-keys to trust new hosts on first sight"
        );
    }
    if let Some(line) = lines.iter().find(|l| l.contains("Permission denied (")) {
        let ways = line.split_once('(').map_or("", |(_, w)| w.trim_end_matches([')', '.']));
        let key = match &options.private_key_file {
            Some(file) => format!("the key {} and those of the agent", file.display()),
            None => "the keys of the agent and of ~/.ssh".to_string(),
        };
        let broken: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|l| {
                l.contains("bad permissions") || l.contains("UNPROTECTED") || l.contains("not accessible")
            })
            .collect();
        let broken = broken.iter().map(|l| format!("\n{l}")).collect::<String>();
        let user = options.user.as_deref().map(|u| format!(" for {u}")).unwrap_or_default();
        return format!(
            "{host}: {at} refused the login{user}: it accepts {ways}, and {key} did not do{broken}\n\
             hint: check the user (`ansible_user`, -u) and the key; `ssh -v {at}` shows each key that is tried"
        );
    }
    let known = [
        ("Could not resolve hostname", "the name cannot be resolved", "set `ansible_host` to its address"),
        (
            "Connection refused",
            "the connection was refused",
            "is sshd running there, and is `ansible_port` right?",
        ),
        ("timed out", "no answer in time", "is the host up and the port open?"),
        ("No route to host", "there is no route to it", "is the host up and the network right?"),
        ("Network is unreachable", "there is no route to it", "is the network right?"),
        ("Connection closed by", "it closed the connection during the handshake", "its sshd log says why"),
        ("Connection reset by", "it closed the connection during the handshake", "its sshd log says why"),
        (
            "Too many authentication failures",
            "too many keys were tried",
            "set `ansible_ssh_private_key_file` and IdentitiesOnly",
        ),
    ];
    for (needle, what, hint) in known {
        if has(needle) {
            let last = lines.last().copied().unwrap_or_default();
            return format!("{host}: cannot connect to {at}: {what} ({last})\nhint: {hint}");
        }
    }
    match lines.is_empty() {
        true => format!("{host}: cannot connect to {at}: ssh ended without a word"),
        false => format!("{host}: cannot connect to {at}: {}", lines.join("; ")),
    }
}

/// `-f FILE` for a file (`… key in FILE:LINE`) that is not the user's own.
fn known_hosts(place: &str) -> String {
    let file = place.rsplit_once(" in ").and_then(|(_, at)| Some(at.rsplit_once(':')?.0));
    match file {
        Some(file) if !file.ends_with("/.ssh/known_hosts") => format!(" -f {}", shell_words::quote(file)),
        _ => String::new(),
    }
}

fn known_name(options: &SshOptions) -> String {
    match options.port {
        Some(port) if port != 22 => format!("'[{}]:{port}'", options.host),
        _ => options.host.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_own_words() {
        let cases = [
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /k:3\n",
                "`ssh-keygen -f /k -R h`",
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /root/.ssh/known_hosts:3\n",
                "`ssh-keygen -R h`",
            ),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
                "--accept-new-host-keys",
            ),
            ("u@h: Permission denied (publickey,password).", "it accepts publickey,password"),
            ("ssh: Could not resolve hostname h: Name or service not known", "cannot be resolved"),
            ("ssh: connect to host h port 22: Connection refused", "sshd running"),
            ("ssh: connect to host h port 22: Connection timed out", "no answer in time"),
            (
                "kex_exchange_identification: Connection closed by remote host\nConnection closed by 1.2.3.4 port 22",
                "during the handshake",
            ),
            ("", "without a word"),
        ];
        for (said, want) in cases {
            let text = explain(said, "web1", &SshOptions::new("h"));
            assert!(text.starts_with("web1: ") && text.contains(want), "{said}: {text}");
        }
    }
}
