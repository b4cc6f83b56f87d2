//! wait_for: looks on the host until it is so.

use crate::base::pyregex::{self, Flags};
use crate::base::{List, Map, Value};
use crate::modules::{Args, ArgsExt, Behaviour, Call, Failure, Outcome, Procedure, ProcedureFuture};
use crate::remote::{Job, Output};
use crate::script;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct WaitFor;

/// Looks every `sleep` seconds, and is a failure after `timeout` seconds; never a change.
pub fn behaviour() -> Behaviour {
    Behaviour::Procedure(Arc::new(WaitFor))
}

impl Procedure for WaitFor {
    fn run<'a>(&'a self, call: Call<'a>) -> ProcedureFuture<'a> {
        Box::pin(async move {
            let args = call.args;
            check(args)?;
            if call.controller.check_mode() {
                let message = "remote module (wait_for) does not support check mode";
                let result =
                    Map::from_iter([("skipped".into(), true.into()), ("msg".into(), message.into())]);
                return Ok(Outcome { result, ..Outcome::default() });
            }
            let begin = Instant::now();
            let seconds = |name: &str| Duration::from_secs(u64::try_from(args.int(name)).unwrap_or(0));
            tokio::time::sleep(seconds("delay")).await;
            let nothing = !args.has("port") && !args.has("path");
            if nothing {
                // The delay counts on top.
                tokio::time::sleep(seconds("timeout")).await;
                return Ok(done(args, begin, None));
            }
            let mut again = false;
            loop {
                let left = seconds("timeout").saturating_sub(begin.elapsed());
                let look = job(args, left).flag("patient", std::mem::replace(&mut again, true));
                let output = call.remote.submit(call.become_user, look).await?;
                if !output.ok() {
                    return Err(Failure::from_output(&output).into());
                }
                let found = judge(args, &output)?;
                match found {
                    Judged::Yes(groups) => return Ok(done(args, begin, groups)),
                    // The host counts whole seconds, so that it may be early.
                    Judged::NotYet | Judged::Late if begin.elapsed() < seconds("timeout") => {
                        let left = seconds("timeout").saturating_sub(begin.elapsed());
                        tokio::time::sleep(seconds("sleep").max(Duration::from_millis(100)).min(left)).await;
                    }
                    _ => return Err(late(args, begin).into()),
                }
            }
        })
    }
}

fn check(args: &Args) -> Result<(), Failure> {
    let state = args.str("state");
    let unknown = args
        .list("active_connection_states")
        .iter()
        .find(|s| tcp_state(s).is_none())
        .map(ToString::to_string);
    let message = if args.has("path") && matches!(state, "stopped" | "drained") {
        format!("state={state} should only be used for checking a port in the wait_for module")
    } else if args.has("exclude_hosts") && state != "drained" {
        "exclude_hosts should only be with state=drained".to_string()
    } else if let Some(name) = unknown {
        format!("unknown active_connection_state ({name}) defined")
    } else if let Some(port) = args.opt_int("port").filter(|p| !(1..=65535).contains(p)) {
        format!("argument `port` must be from 1 to 65535, not {port}")
    } else if let Err(why) = args.opt_str("search_regex").map_or(Ok(()), |text| expression(text).map(drop)) {
        why
    } else {
        return Ok(());
    };
    Err(Failure { message, result: Map::from_iter([("elapsed".into(), 0.into())]) })
}

fn job(args: &Args, left: Duration) -> Job {
    let port = args.opt_int("port");
    let states = args.list("active_connection_states");
    let states: Vec<&str> = states.iter().filter_map(|s| tcp_state(s)).collect();
    let exclude: Vec<String> = args.list("exclude_hosts").iter().filter_map(|h| table_address(h)).collect();
    let host = if args.str("host") == "localhost" { "127.0.0.1" } else { args.str("host") };
    // 0.0.0.0 and what is no address: the connections of all.
    let own = table_address(host).filter(|own| own != "00000000");
    Job::new(script!("wait_for.look", "look.sh"))
        .var("port", port.map(|p| p.to_string()).unwrap_or_default())
        .var("hex", port.map(|p| format!("{p:04X}")).unwrap_or_default())
        .var("host", args.str("host"))
        .var("path", args.str("path"))
        .var("state", args.str("state"))
        .var("limit", (left.as_secs() + u64::from(left.subsec_nanos() > 0)).to_string())
        .var("pause", args.int("sleep").max(1).to_string())
        .var("connect", args.int("connect_timeout").max(1).to_string())
        .flag("text", args.has("search_regex"))
        .var("states", states.join(" "))
        .var("exclude", exclude.join(" "))
        .var("own", own.unwrap_or_default())
}

/// The number that /proc/net/tcp has for a state.
fn tcp_state(name: &str) -> Option<&'static str> {
    Some(match name {
        "ESTABLISHED" => "01",
        "SYN_SENT" => "02",
        "SYN_RECV" => "03",
        "FIN_WAIT1" => "04",
        "FIN_WAIT2" => "05",
        "TIME_WAIT" => "06",
        "CLOSE" => "07",
        "CLOSE_WAIT" => "08",
        "LAST_ACK" => "09",
        "LISTEN" => "0A",
        "CLOSING" => "0B",
        _ => return None,
    })
}

/// An IPv4 address as /proc/net/tcp writes it on little-endian hosts.
fn table_address(host: &str) -> Option<String> {
    match host.parse().ok()? {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = Ipv4Addr::octets(&v4);
            Some(format!("{d:02X}{c:02X}{b:02X}{a:02X}"))
        }
        IpAddr::V6(_) => None,
    }
}

fn expression(text: &str) -> Result<fancy_regex::Regex, String> {
    let flags = Flags { multi_line: true, ..Flags::default() };
    pyregex::compile(text, flags).map_err(|why| format!("argument `search_regex`: {why}"))
}

enum Judged {
    Yes(Option<Map>),
    NotYet,
    Late,
}

fn judge(args: &Args, output: &Output) -> Result<Judged, Failure> {
    if output.field("", "holds").is_none_or(|h| h.is_empty()) {
        return Ok(Judged::Late);
    }
    let Some(pattern) = args.opt_str("search_regex") else { return Ok(Judged::Yes(None)) };
    let regex = expression(pattern).map_err(Failure::new)?;
    let text = output.field("", "text").unwrap_or_default();
    let captures = regex.captures(&text).map_err(|e| Failure::new(e.to_string()))?;
    // Gone is also a text that is not there any more.
    let gone = matches!(args.str("state"), "absent" | "stopped");
    Ok(match captures {
        None if gone => Judged::Yes(None),
        None => Judged::NotYet,
        Some(_) if gone => Judged::NotYet,
        Some(captures) => {
            let value = |m: Option<fancy_regex::Match<'_>>| Value::from(m.map(|m| m.as_str()));
            let groups: List = (1..captures.len()).map(|i| value(captures.get(i))).collect();
            let names = regex.capture_names().flatten().map(|n| (n, value(captures.name(n))));
            let named: Value = names.collect();
            Judged::Yes(Some(Map::from_iter([
                ("match_groups".into(), groups.into()),
                ("match_groupdict".into(), named),
            ])))
        }
    })
}

fn described(args: &Args, begin: Instant) -> Map {
    let mut result = Map::new();
    result.insert("elapsed".into(), begin.elapsed().as_secs().into());
    for key in ["state", "port", "path", "search_regex"] {
        result.insert(key.into(), args.value(key).cloned().unwrap_or_default());
    }
    result
}

fn done(args: &Args, begin: Instant, groups: Option<Map>) -> Outcome {
    let mut result = described(args, begin);
    result.extend(groups.unwrap_or_default());
    Outcome { result, ..Outcome::default() }
}

fn late(args: &Args, begin: Instant) -> Failure {
    let what = match (args.opt_int("port"), args.opt_str("path"), args.opt_str("search_regex")) {
        (_, Some(path), Some(text)) => format!("search string {text} in {path}"),
        (Some(port), _, Some(text)) => format!("search string {text} in {}:{port}", args.str("host")),
        (Some(port), _, None) => format!("{}:{port}", args.str("host")),
        (None, Some(path), None) if args.str("state") == "absent" => path.to_string(),
        (None, path, _) => format!("file {}", path.unwrap_or_default()),
    };
    let state = match args.str("state") {
        "drained" => " to drain",
        "stopped" | "absent" if args.has("port") => " to stop.",
        "stopped" | "absent" => " to be absent.",
        _ => "",
    };
    let message = match args.opt_str("msg") {
        Some(message) => message.to_string(),
        None => format!("Timeout when waiting for {what}{state}"),
    };
    Failure { message, result: described(args, begin) }
}
