//! What an instance's host is called.

use super::options::Options;
use crate::base::{Diag, Diags, Span, Value};
use crate::cloud::ec2::types::Instance;
use crate::cloud::identity::from_sdk;
use crate::eval::{Engine, MapScope};
use crate::spec::to_text;

/// The names that `hostnames` gives: the first that there is, or all of them.
pub fn of(
    instance: &Instance,
    options: &Options,
    engine: &Engine,
    scope: &MapScope,
    diags: &mut Diags,
) -> Vec<String> {
    let mut names = Vec::new();
    for (preference, span) in &options.hostnames {
        for name in one(instance, preference, *span, options, engine, scope, diags) {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        if !options.all_names && !names.is_empty() {
            names.truncate(1);
            break;
        }
    }
    names
}

fn one(
    instance: &Instance,
    preference: &Value,
    span: Span,
    options: &Options,
    engine: &Engine,
    scope: &MapScope,
    diags: &mut Diags,
) -> Vec<String> {
    match preference {
        Value::Map(map) => {
            let part = |name: &str| map.get(name).filter(|v| !v.is_null());
            let Some(name) = part("name") else {
                diags.push(Diag::error("inventory-plugin", span, "an entry of `hostnames` needs a `name`"));
                return Vec::new();
            };
            let names = one(instance, name, span, options, engine, scope, diags);
            let Some(prefix) = part("prefix") else { return names };
            let before = one(instance, prefix, span, options, engine, scope, diags);
            let separator = part("separator").map_or_else(|| "_".to_string(), to_text);
            match before.first().filter(|b| !b.is_empty()) {
                Some(before) => names.iter().map(|n| format!("{before}{separator}{n}")).collect(),
                None => names,
            }
        }
        Value::Template(_) => match engine.evaluate(preference, scope) {
            Ok(value) => vec![to_text(&value)],
            Err(error) if options.composed.strict => {
                diags.push(Diag::error("inventory-plugin", span, error.to_string()));
                Vec::new()
            }
            Err(_) => Vec::new(),
        },
        other => plain(instance, &to_text(other)),
    }
}

/// `tag:Name`, `tag:Role=web` or one of EC2's names of attributes; any other text is itself.
fn plain(instance: &Instance, text: &str) -> Vec<String> {
    if let Some(wanted) = text.strip_prefix("tag:") {
        let tags = from_sdk(instance.tags());
        let tag = |wanted: &str| match wanted.split_once('=') {
            Some((name, value)) => {
                tags.get(name).filter(|is| *is == value).map(|value| format!("{name}_{value}"))
            }
            None => tags.get(wanted).cloned(),
        };
        return wanted.split(',').filter_map(|w| tag(w.trim())).collect();
    }
    let found = match text {
        "dns-name" => instance.public_dns_name(),
        "private-dns-name" => instance.private_dns_name(),
        "ip-address" => instance.public_ip_address(),
        "private-ip-address" => instance.private_ip_address(),
        "instance-id" => instance.instance_id(),
        "image-id" => instance.image_id(),
        "key-name" => instance.key_name(),
        "instance-type" => instance.instance_type().map(|t| t.as_str()),
        "availability-zone" => instance.placement().and_then(|p| p.availability_zone()),
        "vpc-id" => instance.vpc_id(),
        "subnet-id" => instance.subnet_id(),
        "architecture" => instance.architecture().map(|a| a.as_str()),
        literal => Some(literal),
    };
    found.filter(|t| !t.is_empty()).map(str::to_string).into_iter().collect()
}
