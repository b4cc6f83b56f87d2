//! iptables: one rule, a chain or its policy.

use crate::base::{Map, Value};
use crate::modules::kit::{changed, result};
use crate::modules::{Args, ArgsExt, Behaviour, Controller, Failure, Staged};
use crate::plan::{Action, Decision};
use crate::remote::{Job, Output};
use crate::script;
use std::sync::Arc;

/// The truth is `iptables -C` and `-S` in the running kernel; nothing is saved for the next boot.
pub fn behaviour() -> Behaviour {
    Behaviour::Staged(Arc::new(IpTables))
}

struct IpTables;

/// What the task is about.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Rule,
    Policy,
    Flush,
    Chain,
}

impl What {
    fn of(args: &Args) -> What {
        match () {
            () if args.bool("flush") => What::Flush,
            () if args.has("policy") => What::Policy,
            () if args.bool("chain_management") && rule(args).is_empty() => What::Chain,
            () => What::Rule,
        }
    }

    fn word(self) -> &'static str {
        match self {
            What::Rule => "rule",
            What::Policy => "policy",
            What::Flush => "flush",
            What::Chain => "chain",
        }
    }
}

fn tools(args: &Args) -> &'static str {
    match args.str("ip_version") {
        "ipv6" => "ip6tables",
        "both" => "iptables ip6tables",
        _ => "iptables",
    }
}

/// The words of the rule, in Ansible's order, which is that of what an earlier run wrote.
fn rule(args: &Args) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    // `!` before a value negates it.
    let add = |words: &mut Vec<String>, name: &str, option: &str| {
        if let Some(value) = args.opt_str(name).filter(|v| !v.is_empty()) {
            let bare = value.strip_prefix('!').map(str::trim_start);
            words.extend(bare.map(|_| "!".to_string()));
            words.extend([option.to_string(), bare.unwrap_or(value).to_string()]);
        }
    };
    let module = |words: &mut Vec<String>, name: &str| {
        if !words.windows(2).any(|pair| pair[0] == "-m" && pair[1] == name) {
            words.extend(["-m".to_string(), name.to_string()]);
        }
    };
    for (name, option) in [("protocol", "-p"), ("source", "-s"), ("destination", "-d")] {
        add(&mut words, name, option);
    }
    for name in args.list("match") {
        module(&mut words, name);
    }
    if let Some(flags) = args.map("tcp_flags") {
        let list = |key: &str| match flags.get(key) {
            Some(Value::List(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            Some(value) => value.as_str().unwrap_or_default().to_string(),
            None => String::new(),
        };
        words.extend(["--tcp-flags".to_string(), list("flags"), list("flags_set")]);
    }
    for (name, option) in [
        ("jump", "-j"),
        ("gateway", "--gateway"),
        ("log_prefix", "--log-prefix"),
        ("log_level", "--log-level"),
        ("to_destination", "--to-destination"),
    ] {
        add(&mut words, name, option);
    }
    let several = args.list("destination_ports").join(",");
    if !several.is_empty() {
        module(&mut words, "multiport");
        words.extend(["--dports".to_string(), several]);
    }
    for (name, option) in [
        ("to_source", "--to-source"),
        ("goto", "-g"),
        ("in_interface", "-i"),
        ("out_interface", "-o"),
        ("fragment", "-f"),
        ("set_counters", "-c"),
        ("source_port", "--source-port"),
        ("destination_port", "--destination-port"),
        ("to_ports", "--to-ports"),
        ("set_dscp_mark", "--set-dscp"),
        ("set_dscp_mark_class", "--set-dscp-class"),
    ] {
        add(&mut words, name, option);
    }
    match args.str("syn") {
        "match" => words.push("--syn".into()),
        "negate" => words.extend(["!".to_string(), "--syn".into()]),
        _ => {}
    }
    let states = args.list("ctstate").join(",");
    if !states.is_empty() {
        let option = if args.list("match").contains(&"state") { "--state" } else { "--ctstate" };
        if option == "--ctstate" {
            module(&mut words, "conntrack");
        }
        words.extend([option.to_string(), states]);
    }
    for (name, extension, option) in [
        ("src_range", "iprange", "--src-range"),
        ("dst_range", "iprange", "--dst-range"),
        ("limit", "limit", "--limit"),
        ("limit_burst", "limit", "--limit-burst"),
        ("uid_owner", "owner", "--uid-owner"),
        ("gid_owner", "owner", "--gid-owner"),
    ] {
        if args.has(name) {
            module(&mut words, extension);
            add(&mut words, name, option);
        }
    }
    if let Some(set) = args.opt_str("match_set") {
        module(&mut words, "set");
        words.extend(["--match-set".to_string(), set.into(), args.str("match_set_flags").into()]);
    }
    if args.has("reject_with") && !args.has("jump") {
        words.extend(["-j".to_string(), "REJECT".into()]);
    }
    add(&mut words, "reject_with", "--reject-with");
    let icmp = if args.str("ip_version") == "ipv6" { "--icmpv6-type" } else { "--icmp-type" };
    add(&mut words, "icmp_type", icmp);
    if let Some(comment) = args.opt_str("comment") {
        module(&mut words, "comment");
        words.extend(["--comment".to_string(), comment.into()]);
    }
    words
}

impl Staged for IpTables {
    fn probe(&self, args: &Args, _: &dyn Controller) -> Result<Vec<Job>, Failure> {
        let what = What::of(args);
        if !args.has("chain") && what != What::Flush {
            return Err(Failure::new("chain is required, but to flush a whole table"));
        }
        if what == What::Rule && rule(args).is_empty() {
            return Err(Failure::new("no rule is given: at least `jump` or a match is needed"));
        }
        if args.str("chain").starts_with('-') {
            return Err(Failure::new(format!("`{}` is not a chain", args.str("chain"))));
        }
        let job = Job::new(script!("iptables.probe", "probe.sh")).var("what", what.word());
        Ok(vec![common(args, job).args(rule(args))])
    }

    fn decide(&self, args: &Args, seen: &[Output], _: &dyn Controller) -> Result<Decision, Failure> {
        let output = match seen.first() {
            Some(output) if output.ok() => output,
            Some(output) => return Err(Failure::from_output(output)),
            None => return Err(Failure::new("the host reported nothing")),
        };
        let has = |tool: &str, key: &str| output.field(tool, key).as_deref() == Some("present");
        let tools: Vec<&str> = tools(args).split(' ').collect();
        if let Some(tool) = tools.iter().find(|tool| !has(tool, "tool")) {
            return Err(Failure::new(format!("the host has no {tool}: install the package iptables first")));
        }
        let (chain, table, words) = (args.str("chain"), args.str("table"), rule(args));
        let out = told(args, &words);
        let present = args.str("state") != "absent";
        let manage = args.bool("chain_management");
        let what = What::of(args);
        let rules = |tool: &str| {
            let listed = output.field(tool, "listed").unwrap_or_default();
            listed.lines().filter(|line| line.starts_with("-A ")).count()
        };
        let policy = format!("-P {chain} {}", args.str("policy"));
        let listed = |tool: &str, line: &str| {
            output.field(tool, "listed").is_some_and(|text| text.lines().any(|l| l == line))
        };
        let differ: Vec<&str> = tools
            .into_iter()
            .filter(|tool| match what {
                What::Rule => has(tool, "rule") != present,
                What::Policy => !listed(tool, &policy),
                What::Flush => rules(tool) > 0,
                What::Chain => has(tool, "chain") != present,
            })
            .collect();
        if differ.is_empty() {
            return Ok(Decision::unchanged(out));
        }
        let place = format!("{chain} of {table}");
        let (action, reason, line): (_, _, Vec<String>) = match (what, present) {
            (What::Policy, _) => {
                let words = ["-P", chain, args.str("policy")].map(String::from);
                (Action::Update, format!("the policy of {place} is another"), words.into())
            }
            (What::Flush, _) => {
                let words = ["-F".to_string()].into_iter().chain(args.opt_str("chain").map(String::from));
                (Action::Delete, format!("{} has rules", place.trim_start_matches(" of ")), words.collect())
            }
            (What::Chain, true) => (Action::Create, format!("there is no chain {place}"), Vec::new()),
            (What::Chain, false) => {
                let reason = format!("the chain {place} is there");
                (Action::Delete, reason, ["-X", chain].map(String::from).into())
            }
            (What::Rule, false) => {
                let head = ["-D", chain].map(String::from);
                (Action::Delete, format!("the rule is in {place}"), head.into_iter().chain(words).collect())
            }
            (What::Rule, true) => {
                let insert = args.str("action") == "insert";
                let number = args.opt_str("rule_num").filter(|_| insert).map(String::from);
                let head = [if insert { "-I" } else { "-A" }.to_string(), chain.into()];
                let line = head.into_iter().chain(number).chain(words).collect();
                (Action::Create, format!("the rule is not in {place}"), line)
            }
        };
        let make = manage && present && matches!(what, What::Rule | What::Chain);
        let job = Job::new(script!("iptables.apply", "apply.sh")).flag("make", make).args(line);
        let job = common(args, job);
        Ok(changed(action, reason, vec![only_for(job, &differ)], out))
    }
}

/// Variables that both scripts read.
fn common(args: &Args, job: Job) -> Job {
    job.var("tools", tools(args))
        .var("chain", args.str("chain"))
        .var("table", args.str("table"))
        .var("wait", args.str("wait"))
}

/// The job for those tools alone that do not have what is wanted.
fn only_for(mut job: Job, tools: &[&str]) -> Job {
    for (name, value) in &mut job.vars {
        if **name == *"tools" {
            *value = tools.join(" ").into_bytes();
        }
    }
    job
}

fn told(args: &Args, words: &[String]) -> Map {
    result([
        ("chain", args.str("chain").into()),
        ("table", args.str("table").into()),
        ("ip_version", args.str("ip_version").into()),
        ("state", args.str("state").into()),
        ("flush", args.bool("flush").into()),
        ("rule", words.join(" ").into()),
    ])
}
