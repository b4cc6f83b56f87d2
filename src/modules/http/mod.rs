//! HTTP requests made on the host: what get_url and uri share.

use super::{Args, ArgsExt, Failure};
use crate::remote::Job;
use crate::spec::to_text;
use base64::Engine;

/// The shell function that makes a request; a script that uses it is this text and its own.
pub const REQUEST: &str = include_str!("request.sh");

/// A program is told everything by lines of a file, each of which ends there.
const LINE_ENDS: [char; 3] = ['\n', '\r', '\0'];

/// Arguments that every program has an option for, in this order; empty where they are not given.
const OPTIONS: [&str; 5] = ["ca_path", "client_cert", "client_key", "ciphers", "unix_socket"];

fn options(args: &Args) -> impl Iterator<Item = (&'static str, String)> {
    let value = |name: &str| match name {
        "ciphers" => args.list(name).join(":"),
        _ => args.opt_str(name).unwrap_or_default().to_string(),
    };
    OPTIONS.into_iter().map(move |name| (name, value(name)))
}

/// One request, from arguments that get_url and uri have under the same names.
pub struct Request {
    /// Without a line end; so are method and headers.
    pub url: String,
    /// `GET`, `PUT` …
    pub method: String,
    /// Name and value, credentials among them.
    pub headers: Vec<(String, String)>,
    /// Redirections are followed.
    pub follow: bool,
    /// Fail on a status of 400 and above.
    pub fail: bool,
}

impl Request {
    /// A GET of the task's `url` with its headers and credentials; the caller sets what differs.
    pub fn of(args: &Args) -> Request {
        let mut headers = Vec::new();
        if let Some(map) = args.map("headers") {
            headers.extend(map.iter().map(|(k, v)| (k.to_string(), to_text(v))));
        }
        let named = |headers: &[(String, String)], name: &str| {
            headers.iter().any(|(k, _)| k.eq_ignore_ascii_case(name))
        };
        if let Some(agent) = args.opt_str("http_agent").filter(|_| !named(&headers, "user-agent")) {
            headers.push(("User-Agent".into(), agent.into()));
        }
        // Credentials go with the first request: no server has to ask.
        if let Some(user) = args.opt_str("url_username").filter(|_| !named(&headers, "authorization")) {
            let pair = format!("{user}:{}", args.str("url_password"));
            let coded = base64::engine::general_purpose::STANDARD.encode(pair);
            headers.push(("Authorization".into(), format!("Basic {coded}")));
        }
        Request { url: args.str("url").into(), method: "GET".into(), headers, follow: true, fail: false }
    }

    /// The variables of the request function.
    pub fn into_job(self, args: &Args, job: Job) -> Result<Job, Failure> {
        let texts = self.headers.iter().flat_map(|(k, v)| [k, v]).chain([&self.url, &self.method]);
        if let Some(bad) = texts.into_iter().find(|t| t.contains(LINE_ENDS)) {
            return Err(Failure::new(format!("a URL or header cannot hold a line end: {bad:?}")));
        }
        if let Some((name, bad)) = options(args).find(|(_, value)| value.contains(LINE_ENDS)) {
            return Err(Failure::new(format!("{name} cannot hold a line end: {bad:?}")));
        }
        if args.bool("use_gssapi") {
            return Err(Failure::new(
                "use_gssapi: there is no Kerberos login here; use `command: curl --negotiate …`",
            ));
        }
        let timeout = args.opt_int("timeout").unwrap_or(30).to_string();
        let insecure = args.opt_bool("validate_certs") == Some(false);
        let plain = self.headers.iter().all(|(k, _)| k == "User-Agent");
        let fields: Vec<String> = self.headers.iter().map(|(k, v)| format!("{k}={v}")).collect();
        Ok(job
            .var("config", self.curl(args, &timeout, insecure))
            .var("wgetrc", self.wget(args, &timeout, insecure))
            .var("url", &self.url)
            .var("method", &self.method)
            .var("timeout", timeout)
            .var("fields", fields.join("\n"))
            .var("agent", args.str("http_agent"))
            .flag("insecure", insecure)
            .flag("plain", plain)
            .flag("follow", self.follow)
            .flag("fail", self.fail))
    }

    /// A config file for curl, which reads it from a pipe: nothing of it is in an argv.
    fn curl(&self, args: &Args, timeout: &str, insecure: bool) -> String {
        let mut lines = vec!["silent".to_string(), "show-error".into(), "globoff".into()];
        let mut add = |name: &str, value: &str| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            lines.push(format!("{name} = \"{value}\""));
        };
        add("url", &self.url);
        add("proto", "=http,https,ftp,file");
        add("connect-timeout", timeout);
        add("speed-time", timeout);
        add("speed-limit", "1");
        match self.method.as_str() {
            "GET" => {}
            "HEAD" => lines.push("head".into()),
            // Named, it would be kept where the answer sends on to another address; what has a body is one anyway.
            "POST" => {}
            method => lines.push(format!("request = \"{method}\"")),
        }
        let mut add = |name: &str, value: &str| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            lines.push(format!("{name} = \"{value}\""));
        };
        for (name, value) in &self.headers {
            // An empty header is written with a semicolon.
            let text = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            add("header", &text);
        }
        let names = ["cacert", "cert", "key", "ciphers", "unix-socket"];
        options(args)
            .zip(names)
            .filter(|((_, value), _)| !value.is_empty())
            .for_each(|((_, value), name)| add(name, &value));
        if args.opt_bool("use_proxy") == Some(false) {
            add("noproxy", "*");
        }
        let decompress = args.opt_bool("decompress") != Some(false);
        for (on, option) in [
            (insecure, "insecure"),
            (self.follow, "location"),
            (self.fail, "fail"),
            (decompress, "compressed"),
        ] {
            if on {
                lines.push(option.into());
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// A startup file for GNU wget, without what only the host knows; empty where wget cannot do what is asked for.
    fn wget(&self, args: &Args, timeout: &str, insecure: bool) -> String {
        if args.opt_str("unix_socket").is_some() {
            return String::new();
        }
        // A connection that is kept may be closed by the server just when it is sent on over it.
        let fixed = ["server_response", "content_on_error"].map(|name| format!("{name} = on"));
        let off = ["verbose", "hsts", "http_keep_alive"].map(|name| format!("{name} = off"));
        let mut lines: Vec<String> = fixed.into_iter().chain(off).chain(["tries = 1".to_string()]).collect();
        let mut add = |name: &str, value: &str| lines.push(format!("{name} = {value}"));
        add("timeout", timeout);
        add("method", &self.method);
        // wget would show them to every server that it is sent on to.
        let private = |name: &str| {
            ["authorization", "cookie", "proxy-authorization"].contains(&name.to_lowercase().as_str())
        };
        let follow = self.follow && !self.headers.iter().any(|(name, _)| private(name));
        add("max_redirect", if follow { "20" } else { "0" });
        for (name, value) in &self.headers {
            add("header", &format!("{name}: {value}"));
        }
        let names = ["ca_certificate", "certificate", "private_key", "ciphers"];
        options(args)
            .zip(names)
            .filter(|((_, value), _)| !value.is_empty())
            .for_each(|((_, value), name)| add(name, &value));
        if args.opt_bool("use_proxy") == Some(false) {
            add("use_proxy", "off");
        }
        if insecure {
            add("check_certificate", "off");
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
