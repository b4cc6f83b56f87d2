//! What a file of the plugin says.

use super::super::composed::Composed;
use super::super::reader::{Known, Reader};
use crate::base::{Span, Value};
use crate::cloud::Access;
use crate::cloud::ec2::types::Filter;
use crate::spec::to_text;
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
    pub composed: Composed,
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

const NAMES: [&str; 28] = [
    "plugin",
    "regions",
    "filters",
    "include_filters",
    "exclude_filters",
    "hostnames",
    "allow_duplicated_hosts",
    "hostvars_prefix",
    "hostvars_suffix",
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

impl Options {
    /// `None` where something is wrong.
    pub fn read(mut reader: Reader<'_>) -> Option<Options> {
        let names = [&NAMES[..], &Composed::NAMES].concat();
        let known = Known { names: &names, without_effect: &WITHOUT_EFFECT, refused: &REFUSED };
        reader.sound(&known, |reader| {
            let mut given = filters(reader, "filters").into_iter().next().unwrap_or_default();
            given.entry("instance-state-name".into()).or_insert_with(|| STATES.map(String::from).to_vec());
            Options {
                place: reader.place(),
                access: access(reader),
                regions: reader.texts("regions"),
                filters: given,
                include: filters(reader, "include_filters"),
                exclude: filters(reader, "exclude_filters"),
                hostnames: hostnames(reader),
                all_names: reader.flag("allow_duplicated_hosts", false),
                prefix: reader.text(&["hostvars_prefix"]).unwrap_or_default(),
                suffix: reader.text(&["hostvars_suffix"]).unwrap_or_default(),
                composed: Composed::read(reader),
                strict_permissions: reader.flag("strict_permissions", true),
            }
        })
    }
}

fn access(reader: &mut Reader<'_>) -> Access {
    Access {
        profile: reader.text(&["profile", "aws_profile", "boto_profile"]),
        region: None,
        access_key: reader.text(&["access_key", "aws_access_key", "aws_access_key_id"]),
        secret_key: reader.text(&["secret_key", "aws_secret_key", "aws_secret_access_key"]),
        session_token: reader.text(&[
            "session_token",
            "aws_session_token",
            "security_token",
            "aws_security_token",
        ]),
        endpoint: reader.text(&["endpoint_url", "aws_endpoint_url", "endpoint", "ec2_url"]),
        ca_bundle: reader.text(&["aws_ca_bundle"]).map(Into::into),
        role: None,
    }
}

/// One mapping, or a list of them.
fn filters(reader: &mut Reader<'_>, name: &str) -> Vec<Filters> {
    let Some(node) = reader.given(name) else { return Vec::new() };
    let one = std::slice::from_ref(node);
    let maps = node.as_seq().filter(|_| name != "filters").unwrap_or(one);
    let mut all = Vec::new();
    for node in maps {
        match reader.value(node) {
            Value::Map(map) => all.push(map.iter().map(|(k, v)| (k.to_string(), words(v))).collect()),
            _ => reader.error(
                node.span,
                format!("`{name}` wants a mapping of EC2's filters, not {}", node.type_name()),
            ),
        }
    }
    all
}

fn hostnames(reader: &mut Reader<'_>) -> Vec<(Value, Span)> {
    if reader.given("hostnames").is_none() {
        return ["dns-name", "private-dns-name"].map(|n| (n.into(), reader.root.span)).to_vec();
    }
    reader.items("hostnames").iter().map(|item| (item.to_value(reader.keyring), item.span)).collect()
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
mod tests {
    use super::*;
    use crate::base::{Diags, Sources};
    use crate::eval::Engine;
    use crate::syntax::vault::Keyring;

    fn read(text: &str) -> (Option<Options>, Vec<String>) {
        let (sources, keyring, mut diags) = (Sources::default(), Keyring::default(), Diags::default());
        let file = sources.add("aws_ec2.yml", text);
        let root = crate::syntax::yaml::parse(file, text, &mut diags).unwrap();
        let engine = Engine::new(sources.clone());
        let reader = Reader { root: &root, keyring: &keyring, engine: &engine, diags: &mut diags };
        let options = Options::read(reader);
        (options, diags.iter().map(|d| d.message.clone()).collect())
    }

    /// A file that says nothing.
    fn none() -> Options {
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
