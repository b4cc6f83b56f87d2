//! Host keys that are known before the first connection: `fitout_host_keys` of a host.

use super::super::state::Run;
use crate::base::Value;
use crate::remote::SshOptions;
use std::path::PathBuf;

/// A file of known hosts for this host alone. It does not exist where no key is known, so that the host is refused.
pub fn known_hosts(run: &Run, host: &str, ssh: &SshOptions, keys: &Value) -> Result<Option<PathBuf>, String> {
    let lines = lines(&ssh.host, ssh.port, keys);
    let folder = run.options.run_dir.join("known_hosts");
    let wrong =
        |e: std::io::Error| format!("the host keys of {host} cannot be kept in {}: {e}", folder.display());
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    let name: String =
        host.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect();
    let path = folder.join(format!("{name}.keys"));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(lines.as_str()) {
        std::fs::write(&path, lines).map_err(wrong)?;
    }
    Ok(Some(std::path::absolute(&path).unwrap_or(path)))
}

/// One line a key: `address kind key`, with the port where it is not ssh's own.
fn lines(address: &str, port: Option<u16>, keys: &Value) -> String {
    let name = match port {
        Some(port) if port != 22 => format!("[{address}]:{port}"),
        _ => address.to_string(),
    };
    let texts: Vec<String> = match keys {
        Value::List(list) => list.iter().map(crate::spec::to_text).collect(),
        one => crate::spec::to_text(one).lines().map(str::to_string).collect(),
    };
    let key = |text: &String| {
        let mut words = text.split_whitespace();
        Some(format!("{name} {} {}\n", words.next()?, words.next()?))
    };
    texts.iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lines_of_a_known_hosts_file() {
        let keys = Value::from(vec!["ssh-ed25519 AAAA root@x".into(), "".into()]);
        assert_eq!(lines("192.0.2.1", None, &keys), "192.0.2.1 ssh-ed25519 AAAA\n");
        assert_eq!(
            lines("192.0.2.1", Some(2222), &"a b\nc d".into()),
            "[192.0.2.1]:2222 a b\n[192.0.2.1]:2222 c d\n"
        );
    }
}
