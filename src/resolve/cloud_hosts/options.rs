//! What a file of the plugin says.

use crate::base::{Diag, Diags, Map, Span, Value};
use crate::cloud::Access;
use crate::cloud::ec2::types::Filter;
use crate::eval::{Engine, MapScope};
use crate::spec::to_text;
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::Node;
use std::collections::BTreeMap;

/// EC2's filters: names and values of which one must fit.
pub type Filters = BTreeMap<String, Vec<String>>;

pub struct Options {
    /// Where `plugin` stands.
    pub place: Span,
    pub access: Access,
    pub regions: Vec<String>,
    pub filters: Filters,
    pub include: Vec<Filters>,
    pub exclude: Vec<Filters>,
    pub hostnames: Vec<(Value, Span)>,
    /// A host for each name that an instance has.
    pub all_names: bool,
    pub prefix: String,
    pub suffix: String,
    pub compose: Vec<(String, Value, Span)>,
    pub groups: Vec<(String, Value, Span)>,
    pub keyed_groups: Vec<(Map, Span)>,
    pub leading_separator: bool,
    pub strict: bool,
    pub strict_permissions: bool,
}

/// Accepted, without an effect here; a notice says so.
const WITHOUT_EFFECT: [&str; 11] = [
    "use_contrib_script_compatible_sanitization",
    "use_contrib_script_compatible_ec2_tag_keys",
    "include_extra_api_calls",
    "use_extra_vars",
    "cache",
    "cache_plugin",
    "cache_timeout",
    "cache_connection",
    "cache_prefix",
    "boto3",
    "validate_certs",
];

/// What cannot be done, and what to do instead.
const REFUSED: [(&str, &str); 6] = [
    ("assume_role_arn", "name a `profile` with `role_arn` in ~/.aws/config"),
    ("iam_role_arn", "name a `profile` with `role_arn` in ~/.aws/config"),
    ("use_ssm_inventory", "facts are gathered over ssh"),
    ("route53_enabled", "name hosts by tags or addresses"),
    ("route53_excluded_zones", "name hosts by tags or addresses"),
    ("route53_hostnames", "name hosts by tags or addresses"),
];

const KNOWN: [&str; 33] = [
    "plugin",
    "regions",
    "filters",
    "include_filters",
    "exclude_filters",
    "hostnames",
    "allow_duplicated_hosts",
    "hostvars_prefix",
    "hostvars_suffix",
    "compose",
    "groups",
    "keyed_groups",
    "leading_separator",
    "strict",
    "strict_permissions",
    "profile",
    "aws_profile",
    "boto_profile",
    "access_key",
    "aws_access_key",
    "aws_access_key_id",
    "secret_key",
    "aws_secret_key",
    "aws_secret_access_key",
    "session_token",
    "aws_session_token",
    "security_token",
    "aws_security_token",
    "endpoint_url",
    "aws_endpoint_url",
    "endpoint",
    "ec2_url",
    "aws_ca_bundle",
];

/// As amazon.aws has it: whatever is not gone or about to be.
const STATES: [&str; 4] = ["running", "pending", "stopping", "stopped"];

struct Reader<'a> {
    root: &'a Node,
    keyring: &'a Keyring,
    engine: &'a Engine,
    diags: &'a mut Diags,
}

impl Options {
    /// `None` where something is wrong.
    pub fn read(root: &Node, keyring: &Keyring, engine: &Engine, diags: &mut Diags) -> Option<Options> {
        let mut reader = Reader { root, keyring, engine, diags };
        let sound = reader.names();
        let before = reader.diags.iter().count();
        let mut filters = reader.filters("filters").into_iter().next().unwrap_or_default();
        filters.entry("instance-state-name".into()).or_insert_with(|| STATES.map(String::from).to_vec());
        let options = Options {
            place: root.get("plugin").map_or(root.span, |p| p.span),
            access: reader.access(),
            regions: reader.texts("regions"),
            filters,
            include: reader.filters("include_filters"),
            exclude: reader.filters("exclude_filters"),
            hostnames: reader.hostnames(),
            all_names: reader.flag("allow_duplicated_hosts", false),
            prefix: reader.text(&["hostvars_prefix"]).unwrap_or_default(),
            suffix: reader.text(&["hostvars_suffix"]).unwrap_or_default(),
            compose: reader.expressions("compose"),
            groups: reader.expressions("groups"),
            keyed_groups: reader.keyed(),
            leading_separator: reader.flag("leading_separator", true),
            strict: reader.flag("strict", false),
            strict_permissions: reader.flag("strict_permissions", true),
        };
        let wrong = reader.diags.iter().skip(before).any(|d| d.severity == crate::base::Severity::Error);
        (sound && !wrong).then_some(options)
    }
}

impl Reader<'_> {
    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diags.push(Diag::error("inventory-plugin", span, message));
    }

    /// Every option is known; whether all can be done.
    fn names(&mut self) -> bool {
        let mut sound = true;
        for (key, _) in self.root.as_map().unwrap_or_default() {
            let name = to_text(&key.to_value(self.keyring));
            if let Some((_, hint)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                let diag = Diag::error("inventory-plugin", key.span, format!("`{name}` is not supported"));
                self.diags.push(diag.hint(*hint));
                sound = false;
            } else if WITHOUT_EFFECT.contains(&name.as_str()) {
                let message = format!("`{name}` has no effect here");
                self.diags.push(Diag::warning("inventory-plugin", key.span, message));
            } else if !KNOWN.contains(&name.as_str()) {
                let message = format!("the plugin has no option `{name}`");
                let diag = Diag::error("inventory-plugin", key.span, message);
                self.diags.push(diag.did_you_mean(&name, KNOWN));
                sound = false;
            }
        }
        sound
    }

    /// An option's value, with lookups carried out.
    fn value(&mut self, node: &Node) -> Value {
        match self.engine.evaluate(&node.to_value(self.keyring), &MapScope::default()) {
            Ok(value) => value,
            Err(error) => {
                self.error(node.span, error.to_string());
                Value::Null
            }
        }
    }

    fn text(&mut self, names: &[&str]) -> Option<String> {
        let node = names.iter().find_map(|name| self.root.get(name))?;
        let text = match self.value(node) {
            Value::Secret(secret) => secret.reveal().ok().map(str::to_string),
            other => Some(to_text(&other)),
        };
        text.filter(|text| !text.is_empty())
    }

    fn access(&mut self) -> Access {
        Access {
            profile: self.text(&["profile", "aws_profile", "boto_profile"]),
            region: None,
            access_key: self.text(&["access_key", "aws_access_key", "aws_access_key_id"]),
            secret_key: self.text(&["secret_key", "aws_secret_key", "aws_secret_access_key"]),
            session_token: self.text(&[
                "session_token",
                "aws_session_token",
                "security_token",
                "aws_security_token",
            ]),
            endpoint: self.text(&["endpoint_url", "aws_endpoint_url", "endpoint", "ec2_url"]),
            ca_bundle: self.text(&["aws_ca_bundle"]).map(Into::into),
            role: None,
        }
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(node) = self.root.get(name) else { return Vec::new() };
        match self.value(node) {
            Value::Null => Vec::new(),
            Value::List(list) => list.iter().map(to_text).collect(),
            Value::Str(text) => text.split(',').map(|t| t.trim().to_string()).collect(),
            _ => {
                self.error(node.span, format!("`{name}` wants a list, not {}", node.type_name()));
                Vec::new()
            }
        }
    }

    fn flag(&mut self, name: &str, default: bool) -> bool {
        let Some(node) = self.root.get(name) else { return default };
        match self.value(node) {
            Value::Bool(flag) => flag,
            _ => {
                self.error(node.span, format!("`{name}` wants yes or no"));
                default
            }
        }
    }

    /// One mapping, or a list of them.
    fn filters(&mut self, name: &str) -> Vec<Filters> {
        let Some(node) = self.root.get(name).filter(|n| !n.is_null()) else { return Vec::new() };
        let one = std::slice::from_ref(node);
        let maps = node.as_seq().filter(|_| name != "filters").unwrap_or(one);
        let mut all = Vec::new();
        for node in maps {
            match self.value(node) {
                Value::Map(map) => all.push(map.iter().map(|(k, v)| (k.to_string(), words(v))).collect()),
                _ => self.error(
                    node.span,
                    format!("`{name}` wants a mapping of EC2's filters, not {}", node.type_name()),
                ),
            }
        }
        all
    }

    fn hostnames(&mut self) -> Vec<(Value, Span)> {
        let Some(node) = self.root.get("hostnames").filter(|n| !n.is_null()) else {
            return ["dns-name", "private-dns-name"].map(|n| (n.into(), self.root.span)).to_vec();
        };
        let Some(items) = node.as_seq() else {
            self.error(node.span, format!("`hostnames` wants a list, not {}", node.type_name()));
            return Vec::new();
        };
        items.iter().map(|item| (item.to_value(self.keyring), item.span)).collect()
    }

    /// Names with expressions.
    fn expressions(&mut self, name: &str) -> Vec<(String, Value, Span)> {
        let Some(node) = self.root.get(name).filter(|n| !n.is_null()) else { return Vec::new() };
        let Some(pairs) = node.as_map() else {
            self.error(node.span, format!("`{name}` wants a mapping, not {}", node.type_name()));
            return Vec::new();
        };
        let text = |key: &Node| to_text(&key.to_value(self.keyring));
        pairs.iter().map(|(k, v)| (text(k), v.to_value(self.keyring), v.span)).collect()
    }

    fn keyed(&mut self) -> Vec<(Map, Span)> {
        let Some(node) = self.root.get("keyed_groups").filter(|n| !n.is_null()) else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.error(node.span, format!("`keyed_groups` wants a list, not {}", node.type_name()));
            return Vec::new();
        };
        let known = ["key", "prefix", "separator", "parent_group", "default_value", "trailing_separator"];
        let mut all = Vec::new();
        for item in items {
            let Value::Map(map) = item.to_value(self.keyring) else {
                self.error(item.span, "an entry of `keyed_groups` is a mapping with `key`");
                continue;
            };
            for (key, _) in item.as_map().unwrap_or_default() {
                let name = to_text(&key.to_value(self.keyring));
                if !known.contains(&name.as_str()) {
                    let diag = Diag::error(
                        "inventory-plugin",
                        key.span,
                        format!("`{name}` is no part of a keyed group"),
                    );
                    self.diags.push(diag.did_you_mean(&name, known));
                }
            }
            match map.get("key") {
                Some(_) if map.contains_key("default_value") && map.contains_key("trailing_separator") => {
                    self.error(item.span, "`default_value` and `trailing_separator` exclude each other");
                }
                Some(_) => all.push((Map::clone(&map), item.span)),
                None => self.error(item.span, "an entry of `keyed_groups` needs a `key`"),
            }
        }
        all
    }
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::List(list) => list.iter().map(word).collect(),
        other => vec![word(other)],
    }
}

/// EC2 wants `true`, not `True`.
fn word(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        other => to_text(other),
    }
}

/// Both sets of filters; the second's values count where both name one.
pub fn to_sdk(filters: &Filters, more: &Filters) -> Vec<Filter> {
    let mut all = filters.clone();
    all.extend(more.clone());
    all.into_iter()
        .map(|(name, values)| Filter::builder().name(name).set_values(Some(values)).build())
        .collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::base::Sources;

    fn read(text: &str) -> (Option<Options>, Vec<String>) {
        let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
        let file = sources.add("aws_ec2.yml", text);
        let root = crate::syntax::yaml::parse(file, text, &mut diags).unwrap();
        let options = Options::read(&root, &keyring, &Engine::new(sources.clone()), &mut diags);
        (options, diags.iter().map(|d| d.message.clone()).collect())
    }

    /// A file that says nothing.
    pub fn none() -> Options {
        read("plugin: aws_ec2\n").0.unwrap()
    }

    #[test]
    fn a_file_is_read_and_what_is_wrong_is_told() {
        let (options, said) = read(
            "plugin: aws_ec2\nregions: [eu-west-1]\nfilters: {tag:Team: a, instance-state-name: running}\n\
             exclude_filters: [{tag:Name: [x, y]}]\ncache: true\naws_profile: p\n",
        );
        let options = options.unwrap();
        assert_eq!(options.filters["instance-state-name"], ["running"]);
        assert_eq!((options.exclude[0]["tag:Name"].len(), options.access.profile.as_deref()), (2, Some("p")));
        assert_eq!(said, ["`cache` has no effect here"]);
        assert_eq!(none().filters["instance-state-name"].len(), 4);
        let cases = [
            ("plugin: aws_ec2\nregion: [x]\n", "the plugin has no option `region`"),
            ("plugin: aws_ec2\nfilters: [a]\n", "`filters` wants a mapping of EC2's filters"),
            ("plugin: aws_ec2\nkeyed_groups: [{prefix: a}]\n", "an entry of `keyed_groups` needs a `key`"),
            ("plugin: aws_ec2\nkeyed_groups: [{key: a, prefx: b}]\n", "`prefx` is no part of a keyed group"),
            ("plugin: aws_ec2\nstrict: 3\n", "`strict` wants yes or no"),
            ("plugin: aws_ec2\nassume_role_arn: a\n", "`assume_role_arn` is not supported"),
        ];
        for (text, expected) in cases {
            let (options, said) = read(text);
            assert!(options.is_none() && said.iter().any(|s| s.starts_with(expected)), "{text}: {said:?}");
        }
    }
}
