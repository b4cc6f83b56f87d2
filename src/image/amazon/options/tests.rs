use super::*;
use crate::base::Value;

fn options(yaml: &str) -> Result<Options, String> {
    let json: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    Options::new(Value::from_json(&json).as_map().unwrap())
}

#[test]
fn a_bastion_with_a_key_of_its_own_is_a_command() {
    let more = "ssh_bastion_host: b\nssh_bastion_private_key_file: 'a key'\n";
    let read = options(&format!("{LEAST}{more}")).unwrap();
    assert_eq!(read.bastion.as_deref(), Some("ProxyCommand=ssh -i 'a key' -p 22 -W [%h]:%p -- b"));
}

const LEAST: &str = "source_ami: ami-1\ninstance_type: t3.micro\nssh_username: admin\nami_name: x\n";

#[test]
fn packers_words_are_understood() {
    let more = "aws_polling: {delay_seconds: 30, max_attempts: 100}\nssh_timeout: 10m\ntag: [{key: a, value: b}]\n\
                ssh_bastion_host: b\nssh_bastion_username: u\n\
                ssh_bastion_port: 2200\n\
                custom_endpoint_ec2: 'http://127.0.0.1:5000'\nlaunch_block_device_mappings: [{device_name: xvda, volume_size: '8'}]\n";
    let read = options(&format!("{LEAST}{more}")).unwrap();
    assert_eq!(read.image_limit.as_secs(), 3000);
    let half = options(&format!("{LEAST}aws_polling: {{delay_seconds: 30}}\n")).unwrap();
    assert_eq!((half.image_limit.as_secs(), half.imds_v2), (30 * 960, false));
    assert_eq!(read.ssh_timeout.as_secs(), 600);
    assert_eq!(read.tags.get("a").map(String::as_str), Some("b"));
    assert_eq!(read.bastion.as_deref(), Some("ProxyJump=u@b:2200"));
    assert_eq!(read.access.endpoint.as_deref(), Some("http://127.0.0.1:5000"));
    assert_eq!(read.launch_disks[0].volume_size, Some(8));
    assert_eq!(read.run_tags["Name"], "bake x");
}

#[test]
fn an_id_goes_before_a_filter() {
    let filters = "vpc_filter: {filters: {a: b}}\nsubnet_filter: {filter: [{name: a, value: b}]}\n\
                   security_group_filter: {filters: {a: b}}\n";
    let sought = |more: &str| {
        let read = options(&format!("{LEAST}{filters}{more}")).unwrap();
        let all = [read.vpc_filter, read.subnet_filter, read.group_filter];
        all.map(|f| f.is_some_and(|f| f.filters["a"] == ["b"]))
    };
    assert_eq!(sought(""), [true, true, true]);
    assert_eq!(sought("vpc_id: v\n"), [false, true, true]);
    assert_eq!(sought("subnet_id: s\n"), [true, false, true]);
    assert_eq!(sought("security_group_id: g\n"), [true, true, false]);
    // One that names nothing is none.
    assert_eq!(options(&format!("{LEAST}vpc_filter: {{filters: {{}}}}\n")).unwrap().vpc_filter, None);
}

/// As Packer does: an image has what the run has, and `tags` over it.
#[test]
fn images_get_the_tags_of_the_run_and_snapshots_those_of_the_image() {
    let text = |tags: &Tags| tags.iter().map(|(k, v)| format!("{k}={v} ")).collect::<String>();
    let run = "run_tags: {team: black, for: build}\nrun_tag: [{key: by, value: me}]\ntags: {role: node, team: red}\n";
    let read = options(&format!("{LEAST}{run}snapshot_tags: {{team: blue}}\n")).unwrap();
    assert_eq!(text(&read.tags), "by=me for=build role=node team=red ");
    assert_eq!(text(&read.snapshot_tags), "by=me for=build role=node team=blue ");
    let read = options(&format!("{LEAST}{run}skip_ami_run_tags: true\n")).unwrap();
    assert_eq!(text(&read.tags), "role=node team=red ");
    let tags = "tags: {role: node, team: red}\nsnapshot_tags: {team: blue, of: disk}\n";
    let read = options(&format!("{LEAST}{tags}")).unwrap();
    assert_eq!(text(&read.tags), "role=node team=red ");
    assert_eq!(text(&read.snapshot_tags), "of=disk role=node team=blue ");
}

#[test]
fn a_role_and_types_of_spot_instances() {
    let spot = LEAST.replace("instance_type: t3.micro", "spot_instance_types: [t3.small, t3a.small]");
    let role = "assume_role: {role_arn: 'arn:aws:iam::1:role/bake', duration_seconds: 900}\n";
    let read = options(&format!("{spot}{role}")).unwrap();
    assert_eq!((read.instance_types.len(), read.spot_price.as_deref()), (2, Some("")));
    let role = read.access.role.unwrap();
    assert_eq!(
        (role.arn.as_str(), role.duration),
        ("arn:aws:iam::1:role/bake", Some(Duration::from_secs(900)))
    );
}

#[test]
fn a_text_is_a_list_with_commas_and_an_empty_one_says_nothing() {
    let lists = ["ami_regions", "ami_users", "snapshot_users", "ami_groups", "security_group_ids"];
    let lists = [&lists[..], &["temporary_security_group_source_cidrs", "snapshot_groups"]].concat();
    let with = |value: &str| {
        let lines = lists.iter().map(|name| format!("{name}: {value}\n")).collect::<String>();
        let read = options(&format!("{LEAST}{lines}")).unwrap();
        let all = [read.regions, read.users, read.snapshot_users, read.groups, read.security_group_ids];
        all.into_iter().chain([read.source_cidrs, read.snapshot_groups]).collect::<Vec<_>>()
    };
    assert!(with("'a, b,c'").iter().all(|list| *list == ["a", "b", "c"]));
    assert!(with("''").iter().chain(&with("['']")).all(Vec::is_empty));
    let bools = "associate_public_ip_address: ''\nencrypt_boot: ''\nena_support: ''\nforce_deregister: ''\n";
    let read = options(&format!("{LEAST}{bools}")).unwrap();
    assert_eq!((read.public_address, read.encrypt, read.ena_support), (None, false, None));
    let filter = "source_ami_filter: {filters: {a: b}, owners: '1,2', most_recent: ''}\n";
    assert_eq!(options(&format!("{LEAST}{filter}")).unwrap().source_filter.unwrap().owners, ["1", "2"]);
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    for (yaml, said) in [
        ("instance_type: t3.micro".to_string(), "`source_ami`"),
        (LEAST.replace("ami_name: x\n", ""), "needs `ami_name`"),
        (format!("{LEAST}ssh_interface: lan\n"), "ssh_interface"),
        (format!("{LEAST}communicator: winrm\n"), "communicator: `winrm` is none of ssh"),
        (format!("{LEAST}fleet_tags: {{a: b}}\n"), "`fleet_tags` of amazon-ebs is not supported"),
        (format!("{LEAST}ebs_optimized: maybe\n"), "not true or false"),
        (format!("{LEAST}ssh_port: 70000\n"), "no port"),
        (format!("{LEAST}spot_instance_types: [t3.small]\n"), "two ways to say the same"),
        (format!("{LEAST}assume_role: {{policy: x}}\n"), "`policy` of assume_role is not supported"),
        (format!("{LEAST}ssh_timeout: soon\n"), "ssh_timeout"),
        (format!("{LEAST}ami_block_device_mappings: [{{volume_size: 8}}]\n"), "`device_name` is missing"),
        (format!("{LEAST}aws_polling: 5\n"), "aws_polling: it is a mapping with delay_seconds, max_attempts"),
        (
            format!("{LEAST}aws_polling: {{delay_seconds: soon}}\n"),
            "delay_seconds: `soon` is no whole number",
        ),
        (format!("{LEAST}metadata_options: required\n"), "metadata_options: it is a mapping"),
        (format!("{LEAST}metadata_options: {{tokens: required}}\n"), "`tokens` of metadata_options"),
        (format!("{LEAST}imds_support: v1.0\n"), "`v1.0` is none of v2.0"),
        (format!("{LEAST}source_ami_filter: {{owner: x}}\n"), "`owner` of source_ami_filter"),
        (format!("{LEAST}vpc_filter: v\n"), "vpc_filter: it is a mapping with filters"),
        (format!("{LEAST}tags: red\n"), "tags: it is a mapping of tags"),
        (
            format!("{LEAST}ami_block_device_mappings: xvda\n"),
            "ami_block_device_mappings: it is a mapping with delete",
        ),
        (
            format!("{LEAST}ami_block_device_mappings: [{{device_name: xvda, volume_sise: 8}}]\n"),
            "`volume_sise` of ami_block_device_mappings is not supported",
        ),
        (format!("{LEAST}tag: [{{key: a}}]\n"), "tag: each has a `key` and a `value`"),
        (format!("{LEAST}vpc_filter: {{filter: [{{name: a}}]}}\n"), "each has a `name` and a `value`"),
        (format!("{LEAST}vpc_filter: {{filters: {{a: b}}, filter: {{name: a, value: c}}}}\n"), "said twice"),
    ] {
        let error = options(&yaml).unwrap_err();
        assert!(error.contains(said), "{yaml}: {error}");
    }
}
