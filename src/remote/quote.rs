//! The one place that writes shell text: quoting, and a job as lines for the session's shell.

use super::job::Job;

/// Appends `bytes` as one single-quoted word; any byte but NUL survives.
pub fn quote_into(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'\'');
    for &b in bytes {
        match b {
            b'\'' => out.extend_from_slice(b"'\\''"),
            _ => out.push(b),
        }
    }
    out.push(b'\'');
}

/// Text as one word for a command line.
pub fn quote(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_into(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a printf format that prints exactly `bytes`, NUL included.
fn printf_format(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'\'');
    for (i, &b) in bytes.iter().enumerate() {
        match b {
            // Not an option.
            b'-' if i == 0 => out.extend_from_slice(b"\\055"),
            b'\'' => out.extend_from_slice(b"'\\''"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'%' => out.extend_from_slice(b"%%"),
            0 => out.extend_from_slice(b"\\000"),
            _ => out.push(b),
        }
    }
    out.push(b'\'');
}

/// Where a job's stdin comes from, once decided.
pub enum Input<'a> {
    Null,
    Inline(&'a [u8]),
    /// A fifo on the host that another channel fills.
    Fifo,
}

/// The line that makes a script known under a slot; its text is evaluated only when called.
pub fn define(out: &mut Vec<u8>, slot: usize, text: &str) {
    out.extend_from_slice(format!("fo_s{slot}=").as_bytes());
    quote_into(out, text.as_bytes());
    out.push(b'\n');
}

/// Why a job cannot be written as shell text.
pub fn fault(job: &Job) -> Option<String> {
    let name_ok = |n: &str| {
        let mut bytes = n.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !n.starts_with("fo_")
    };
    if let Some((name, _)) = job.vars.iter().find(|(n, _)| !name_ok(n)) {
        return Some(format!("{}: `{name}` cannot be a variable of a script", job.script.name));
    }
    let exportable = |n: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        n.bytes().all(plain) && !n.is_empty() && !n.starts_with(|c: char| c.is_ascii_digit())
    };
    if let Some((name, _)) = job.env.iter().find(|(n, _)| !exportable(n)) {
        return Some(format!("environment: `{name}` cannot be the name of an environment variable"));
    }
    if let Some((name, _)) = job.vars.iter().chain(&job.env).find(|(_, v)| v.contains(&0)) {
        return Some(format!("{}: the value of `{name}` contains a NUL byte", job.script.name));
    }
    if job.args.iter().any(|a| a.contains(&0)) {
        return Some(format!("{}: an argument contains a NUL byte", job.script.name));
    }
    None
}

/// Appends the lines that run a job and report its end.
pub fn job(out: &mut Vec<u8>, seq: u64, slot: usize, job: &Job, input: &Input<'_>) {
    let mut text = |s: &str| out.extend_from_slice(s.as_bytes());
    if let Some(chain) = job.chain {
        text(&format!("if [ \"$fo_c{chain}\" ];then fo_skip {seq};else\n"));
    }
    if matches!(input, Input::Fifo) {
        text(&format!("if fo_fifo {seq};then\n"));
    }
    if let Input::Inline(bytes) = input {
        text("printf ");
        printf_format(out, bytes);
        out.push(b'|');
    }
    subshell(out, seq, slot, job);
    let mut text = |s: &str| out.extend_from_slice(s.as_bytes());
    match input {
        Input::Null => text("</dev/null\n"),
        Input::Inline(_) => text("\n"),
        Input::Fifo => text(&format!("<\"$fo_d/{seq}\"\n")),
    }
    let chain = job.chain.map(|c| c.to_string()).unwrap_or_default();
    text(&format!("fo_end {seq} $? {chain}\n"));
    if matches!(input, Input::Fifo) {
        // A shell that is killed later leaves nothing behind.
        text(&format!("rm -rf \"$fo_d\";fo_d=;else fo_end {seq} 1 {chain};fi\n"));
    }
    if job.chain.is_some() {
        text("fi\n");
    }
}

fn subshell(out: &mut Vec<u8>, seq: u64, slot: usize, job: &Job) {
    out.push(b'(');
    if job.timeout.is_some() {
        out.extend_from_slice(format!("fo_group {seq};").as_bytes());
    }
    if !job.vars.is_empty() {
        // A name that the login's environment exports must not be handed on to commands.
        out.extend_from_slice(b"unset");
        for (name, _) in &job.vars {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
    }
    for (name, value) in &job.env {
        out.extend_from_slice(format!("export {name}=").as_bytes());
        quote_into(out, value);
        out.push(b'\n');
        // Otherwise it is the session's own, which commands of people do not see.
        if &**name == "LC_ALL" {
            out.extend_from_slice(b"fo_l=$LC_ALL\n");
        }
    }
    for (name, value) in &job.vars {
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        quote_into(out, value);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("fo_s=$fo_s{slot};fo_run").as_bytes());
    for arg in &job.args {
        out.push(b' ');
        quote_into(out, arg);
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::job::Script;

    #[test]
    fn names_and_values_that_cannot_be_written_are_refused() {
        let script = Script::new("t", "");
        assert_eq!(fault(&Job::new(&script).var("path", "a'b\n")), None);
        for bad in ["", "9a", "PATH", "a-b", "a;b", "fo_n"] {
            assert!(fault(&Job::new(&script).var(bad, "")).is_some(), "{bad:?}");
        }
        assert!(fault(&Job::new(&script).var("a", "x\0")).is_some());
        assert!(fault(&Job::new(&script).args(["x\0"])).is_some());
    }
}
