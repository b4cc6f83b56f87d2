//! Rules, one by one: a protocol, its ports, and one peer.

use crate::base::Value;
use crate::cloud::ec2::types;
use crate::modules::cloud::{Attributes, Cx};
use crate::modules::{ArgsExt, Failure};
use crate::spec::to_text;
use std::collections::HashMap;

/// Ids of groups by name.
pub type Names = HashMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `-1` is all.
    proto: String,
    from: Option<i32>,
    to: Option<i32>,
    peer: Peer,
    about: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Peer {
    V4(String),
    V6(String),
    List(String),
    /// The group itself.
    Own,
    Group {
        id: String,
        owner: Option<String>,
    },
    /// Known after apply.
    Unknown(String),
}

/// What leads from the rules that are there to those that are wanted.
#[derive(Default)]
pub struct RuleChange {
    add: Vec<Rule>,
    remove: Vec<Rule>,
    /// Only their descriptions differ; with the former ones.
    describe: Vec<(Rule, Option<String>)>,
}

impl Rule {
    /// All that every new group lets out.
    pub fn everywhere() -> Rule {
        Rule { proto: "-1".into(), from: None, to: None, peer: Peer::V4("0.0.0.0/0".into()), about: None }
    }

    fn same(&self, other: &Rule) -> bool {
        (&self.proto, self.from, self.to) == (&other.proto, other.from, other.to)
            && self.peer.same(&other.peer)
    }

    /// `own`: the group's id.
    pub fn as_sdk(&self, own: &str) -> types::IpPermission {
        let rule = types::IpPermission::builder()
            .ip_protocol(&self.proto)
            .set_from_port(self.from)
            .set_to_port(self.to);
        let about = self.about.clone();
        let pair = |id: &str, owner: Option<String>| {
            let pair = types::UserIdGroupPair::builder().group_id(id).set_user_id(owner);
            pair.set_description(about.clone()).build()
        };
        match &self.peer {
            Peer::V4(range) => {
                rule.ip_ranges(types::IpRange::builder().cidr_ip(range).set_description(about).build())
            }
            Peer::V6(range) => {
                rule.ipv6_ranges(types::Ipv6Range::builder().cidr_ipv6(range).set_description(about).build())
            }
            Peer::List(list) => {
                let list = types::PrefixListId::builder().prefix_list_id(list);
                rule.prefix_list_ids(list.set_description(about).build())
            }
            Peer::Own => rule.user_id_group_pairs(pair(own, None)),
            Peer::Group { id, owner } => rule.user_id_group_pairs(pair(id, owner.clone())),
            Peer::Unknown(_) => rule,
        }
        .build()
    }

    fn shown(&self) -> String {
        let ports = match (self.proto.as_str(), self.from, self.to) {
            ("-1", ..) => "all".to_string(),
            ("icmp" | "icmpv6", Some(kind), Some(-1)) => format!("{} {kind}", self.proto),
            (proto, Some(from), Some(to)) if from == to => format!("{proto} {from}"),
            (proto, Some(from), Some(to)) => format!("{proto} {from}-{to}"),
            (proto, ..) => proto.to_string(),
        };
        let peer = match &self.peer {
            Peer::V4(text) | Peer::V6(text) | Peer::List(text) => text.clone(),
            Peer::Own => "the group itself".into(),
            Peer::Group { id, .. } => id.clone(),
            Peer::Unknown(name) => format!("{name} (known after apply)"),
        };
        match &self.about {
            Some(about) => format!("{ports} {peer} ({about})"),
            None => format!("{ports} {peer}"),
        }
    }
}

impl Peer {
    fn same(&self, other: &Peer) -> bool {
        match (self, other) {
            (Peer::Group { id: a, .. }, Peer::Group { id: b, .. }) => a == b,
            (a, b) => a == b,
        }
    }
}

impl RuleChange {
    pub fn between(is: &[Rule], wanted: &[Rule], purge: bool) -> RuleChange {
        let mut change = RuleChange::default();
        for rule in wanted {
            match is.iter().find(|i| i.same(rule)) {
                None if change.add.iter().any(|a| a.same(rule)) => {}
                None => change.add.push(rule.clone()),
                Some(there) if rule.about.is_some() && there.about != rule.about => {
                    change.describe.push((rule.clone(), there.about.clone()));
                }
                Some(_) => {}
            }
        }
        if purge {
            change.remove = is.iter().filter(|i| !wanted.iter().any(|w| w.same(i))).cloned().collect();
        }
        change
    }

    pub fn show(&self, direction: &str, attributes: &mut Attributes) {
        for rule in &self.add {
            attributes.element(direction, None, Some(&rule.shown()));
        }
        for rule in &self.remove {
            attributes.element(direction, Some(&rule.shown()), None);
        }
        for (rule, former) in &self.describe {
            let before = Rule { about: former.clone(), ..rule.clone() };
            attributes.element(direction, Some(&before.shown()), Some(&rule.shown()));
        }
    }

    pub fn add(&self, own: &str) -> Option<Vec<types::IpPermission>> {
        merged(self.add.iter(), own)
    }

    pub fn remove(&self, own: &str) -> Option<Vec<types::IpPermission>> {
        merged(self.remove.iter(), own)
    }

    pub fn describe(&self, own: &str) -> Option<Vec<types::IpPermission>> {
        merged(self.describe.iter().map(|(rule, _)| rule), own)
    }

    /// The group's rules when the change is made.
    pub fn after(
        &self,
        group: &types::SecurityGroup,
        is: &[types::IpPermission],
    ) -> Vec<types::IpPermission> {
        let mut rules = of(group, is);
        rules.retain(|r| !self.remove.iter().any(|gone| gone.same(r)));
        for rule in &mut rules {
            if let Some((new, _)) = self.describe.iter().find(|(d, _)| d.same(rule)) {
                rule.about.clone_from(&new.about);
            }
        }
        rules.extend(self.add.iter().cloned());
        merged(rules.iter(), group.group_id().unwrap_or_default()).unwrap_or_default()
    }
}

/// Rules of the same ports as one permission, which is how EC2 tells them.
fn merged<'a>(rules: impl Iterator<Item = &'a Rule>, own: &str) -> Option<Vec<types::IpPermission>> {
    let mut out: Vec<types::IpPermission> = Vec::new();
    for rule in rules {
        let new = rule.as_sdk(own);
        let ports = |p: &types::IpPermission| (p.ip_protocol.clone(), p.from_port, p.to_port);
        match out.iter_mut().find(|p| ports(p) == ports(&new)) {
            Some(there) => {
                there.ip_ranges.get_or_insert_default().extend(new.ip_ranges.unwrap_or_default());
                there.ipv6_ranges.get_or_insert_default().extend(new.ipv6_ranges.unwrap_or_default());
                there.prefix_list_ids.get_or_insert_default().extend(new.prefix_list_ids.unwrap_or_default());
                let pairs = new.user_id_group_pairs.unwrap_or_default();
                there.user_id_group_pairs.get_or_insert_default().extend(pairs);
            }
            None => out.push(new),
        }
    }
    (!out.is_empty()).then_some(out)
}

/// The rules that a group has.
pub fn of(group: &types::SecurityGroup, permissions: &[types::IpPermission]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for p in permissions {
        let proto = protocol(p.ip_protocol().unwrap_or("-1"));
        let (from, to) = if proto == "-1" { (None, None) } else { (p.from_port(), p.to_port()) };
        let mut push = |peer: Peer, about: Option<&str>| {
            let about = about.filter(|a| !a.is_empty()).map(str::to_string);
            rules.push(Rule { proto: proto.clone(), from, to, peer, about });
        };
        for r in p.ip_ranges() {
            push(Peer::V4(r.cidr_ip().unwrap_or_default().into()), r.description());
        }
        for r in p.ipv6_ranges() {
            push(Peer::V6(r.cidr_ipv6().unwrap_or_default().into()), r.description());
        }
        for r in p.prefix_list_ids() {
            push(Peer::List(r.prefix_list_id().unwrap_or_default().into()), r.description());
        }
        for g in p.user_id_group_pairs() {
            let peer = match g.group_id() == group.group_id() {
                true => Peer::Own,
                false => Peer::Group {
                    id: g.group_id().unwrap_or_default().into(),
                    owner: g.user_id.clone().filter(|_| g.user_id() != group.owner_id()),
                },
            };
            push(peer, g.description());
        }
    }
    rules
}

/// The rules that a task wants.
pub fn wanted(cx: &Cx<'_>, arg: &str, names: &Names) -> Result<Vec<Rule>, Failure> {
    let mut rules = Vec::new();
    for (number, rule) in cx.args.items(arg).iter().enumerate() {
        let wrong = |why: String| Failure::new(format!("rule {} of `{arg}`: {why}", number + 1));
        let proto = protocol(&rule.get("proto").map(to_text).unwrap_or_else(|| "tcp".into()));
        let about = rule.get("rule_desc").filter(|v| !v.is_null()).map(to_text);
        let peers = peers(cx, rule, names).map_err(wrong)?;
        if peers.is_empty() {
            return Err(wrong("it names no peer: give it a `cidr_ip`, `group_id`, `ip_prefix` …".into()));
        }
        for (from, to) in ports(&proto, rule).map_err(wrong)? {
            for peer in &peers {
                let (proto, peer, about) = (proto.clone(), peer.clone(), about.clone());
                rules.push(Rule { proto, from, to, peer, about });
            }
        }
    }
    Ok(rules)
}

/// As EC2 names it.
fn protocol(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "all" | "any" | "-1" => "-1".into(),
        "6" => "tcp".into(),
        "17" => "udp".into(),
        "1" => "icmp".into(),
        "58" => "icmpv6".into(),
        other => other.into(),
    }
}

fn ports(proto: &str, rule: &Value) -> Result<Vec<(Option<i32>, Option<i32>)>, String> {
    let number = |name: &str| -> Result<Option<i32>, String> {
        match rule.get(name) {
            Some(Value::Int(n)) => {
                i32::try_from(*n).map(Some).map_err(|_| format!("{name}: {n} is too large"))
            }
            _ => Ok(None),
        }
    };
    match proto {
        "-1" => return Ok(vec![(None, None)]),
        "icmp" | "icmpv6" => {
            let kind = number("icmp_type")?.or(number("from_port")?).unwrap_or(-1);
            let code = number("icmp_code")?.or(number("to_port")?).unwrap_or(-1);
            return Ok(vec![(Some(kind), Some(code))]);
        }
        _ => {}
    }
    if let Some(Value::List(ports)) = rule.get("ports") {
        return ports.iter().flat_map(|p| to_text(p).split(',').map(range).collect::<Vec<_>>()).collect();
    }
    let (from, to) = (number("from_port")?, number("to_port")?);
    match (from.or(to), to.or(from)) {
        (Some(-1), _) | (None, None) if matches!(proto, "tcp" | "udp") => Ok(vec![(Some(0), Some(65535))]),
        (from, to) => Ok(vec![(from, to)]),
    }
}

/// `80` or `8000-8100`
fn range(text: &str) -> Result<(Option<i32>, Option<i32>), String> {
    let text = text.trim();
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port =
        |t: &str| t.trim().parse::<u16>().map_err(|_| format!("`{text}` is neither a port nor a range"));
    Ok((Some(port(from)?.into()), Some(port(to)?.into())))
}

fn peers(cx: &Cx<'_>, rule: &Value, names: &Names) -> Result<Vec<Peer>, String> {
    let all = |name: &str| match rule.get(name) {
        Some(Value::List(items)) => items.iter().cloned().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    };
    let mut peers = Vec::new();
    let mut add = |name: &str, make: &dyn Fn(String) -> Result<Peer, String>| -> Result<(), String> {
        for value in all(name) {
            peers.push(match &value {
                Value::Unknown(_) => Peer::Unknown(name.to_string()),
                value => make(to_text(value))?,
            });
        }
        Ok(())
    };
    add("cidr_ip", &|range| Ok(Peer::V4(network(&range)?)))?;
    add("cidr_ipv6", &|range| Ok(Peer::V6(network(&range)?)))?;
    add("ip_prefix", &|list| Ok(Peer::List(list)))?;
    add("group_id", &|text| {
        // `owner/sg-…/name` names a group of another account.
        let parts: Vec<&str> = text.split('/').collect();
        Ok(match parts.as_slice() {
            [owner, id, ..] => Peer::Group { id: id.to_string(), owner: Some(owner.to_string()) },
            _ if names.get(cx.args.str("name")) == Some(&text) => Peer::Own,
            _ => Peer::Group { id: text, owner: None },
        })
    })?;
    add("group_name", &|name| {
        if cx.text("name") == Some(name.as_str()) {
            return Ok(Peer::Own);
        }
        match names.get(&name) {
            Some(id) => Ok(Peer::Group { id: id.clone(), owner: None }),
            None if cx.check || rule.get("group_desc").is_some() => Ok(Peer::Unknown(name)),
            None => Err(format!("there is no security group `{name}` in the VPC")),
        }
    })?;
    Ok(peers)
}

/// The range as EC2 keeps it: without host bits; a bare address is a range of one.
fn network(text: &str) -> Result<String, String> {
    let net = match text.contains('/') {
        true => text.parse::<ipnet::IpNet>().ok(),
        false => text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from),
    };
    net.map(|n| n.trunc().to_string()).ok_or_else(|| format!("`{text}` is not a range of addresses"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(proto: &str, port: i32, range: &str, about: Option<&str>) -> Rule {
        let about = about.map(str::to_string);
        Rule { proto: proto.into(), from: Some(port), to: Some(port), peer: Peer::V4(range.into()), about }
    }

    #[test]
    fn rules_are_compared_one_by_one() {
        let is =
            [rule("tcp", 22, "10.0.0.0/8", None), rule("tcp", 80, "0.0.0.0/0", None), Rule::everywhere()];
        let wanted = [rule("tcp", 22, "10.0.0.0/8", Some("inside")), rule("tcp", 443, "0.0.0.0/0", None)];
        let change = RuleChange::between(&is, &wanted, true);
        let mut attributes = Attributes::default();
        change.show("ingress", &mut attributes);
        assert_eq!(
            attributes.change("g").unwrap().reason,
            "ingress tcp 443 0.0.0.0/0 is missing; ingress tcp 80 0.0.0.0/0 is not wanted; ingress all 0.0.0.0/0 is \
             not wanted; ingress is tcp 22 10.0.0.0/8, not tcp 22 10.0.0.0/8 (inside)"
        );
        assert!(RuleChange::between(&is, &wanted, false).remove.is_empty());
        assert_eq!(change.add("sg").unwrap().len(), 1);
    }

    #[test]
    fn ports_are_numbers_ranges_and_lists() {
        let of = |yaml: &str, proto: &str| {
            let value = crate::spec::from_yaml(&serde_yaml::from_str(yaml).unwrap());
            ports(proto, &value)
        };
        let pair = |a, b| (Some(a), Some(b));
        assert_eq!(of("{ports: [80, 8000-8100]}", "tcp").unwrap(), [pair(80, 80), pair(8000, 8100)]);
        assert_eq!(of("{ports: ['22,25']}", "tcp").unwrap(), [pair(22, 22), pair(25, 25)]);
        assert_eq!(of("{from_port: 1, to_port: 9}", "udp").unwrap(), [pair(1, 9)]);
        assert_eq!(of("{icmp_type: 8}", "icmp").unwrap(), [pair(8, -1)]);
        assert_eq!(of("{}", "-1").unwrap(), [(None, None)]);
        assert!(of("{ports: [web]}", "tcp").unwrap_err().contains("neither a port nor a range"));
    }

    #[test]
    fn ranges_lose_their_host_bits() {
        assert_eq!(network("10.1.2.3/8").unwrap(), "10.0.0.0/8");
        assert_eq!(network("192.0.2.1").unwrap(), "192.0.2.1/32");
        assert!(network("all").is_err());
    }
}
