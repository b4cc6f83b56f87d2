//! Blocks of sources: those that Packer lets be repeated, and those that stand once.

use super::source;
use serde_json::json;

#[test]
fn all_blocks_of_one_name_arrive() {
    let filters = |name: &str| {
        format!(
            "{name} {{\n filter {{\n name = \"name\"\n value = \"debian-12-*\"\n }}\n filter {{\n name = \"tag:a\"\n \
             values = [\"b\", \"c\"]\n }}\n}}\n"
        )
    };
    let names = ["source_ami_filter", "subnet_filter", "vpc_filter", "security_group_filter"];
    let body = names.map(filters).concat();
    let read = source(&body).unwrap();
    let both = json!([{"name": "name", "value": "debian-12-*"}, {"name": "tag:a", "values": ["b", "c"]}]);
    for name in names {
        assert_eq!(read[name]["filter"], both, "{name}");
    }
    let disks = ["launch", "ami"].map(|which| {
        ["xvda", "xvdb"]
            .map(|device| format!("{which}_block_device_mappings {{\n device_name = \"{device}\"\n}}\n"))
    });
    let tags = ["tag", "run_tag", "run_volume_tag", "snapshot_tag"];
    let blocks = tags.map(|tag| {
        ["a", "b"].map(|key| format!("{tag} {{\n key = \"{key}\"\n value = \"{tag}\"\n}}\n")).concat()
    });
    let read = source(&(disks.concat().concat() + &blocks.concat())).unwrap();
    for which in ["launch", "ami"] {
        let disks = &read[format!("{which}_block_device_mappings")];
        assert_eq!(*disks, json!([{"device_name": "xvda"}, {"device_name": "xvdb"}]));
    }
    for tag in tags {
        assert_eq!(read[tag], json!([{"key": "a", "value": tag}, {"key": "b", "value": tag}]));
    }
}

#[test]
fn blocks_that_stand_once_are_mappings() {
    let body = "deregistration_protection {\n enabled = true\n}\naws_polling {\n max_attempts = 3\n}\n";
    let read = source(body).unwrap();
    assert_eq!(read["deregistration_protection"], json!({"enabled": true}));
    assert_eq!(read["aws_polling"], json!({"max_attempts": 3}));
}

#[test]
fn nothing_is_dropped_in_silence() {
    for (body, said) in [
        ("source_ami_filter {\n}\nsource_ami_filter {\n}", "`source_ami_filter` is said twice"),
        ("ami_name = \"a\"\nami_name = \"b\"", "redefined"),
        ("source_ami_filter {\n owner = [\"x\"]\n}", "`owner` of `source_ami_filter` is not supported"),
        ("vpc_filter {\n filter {\n nam = \"x\"\n }\n}", "`nam` of `filter` is not supported"),
        ("ami_block_device_mappings {\n volume_sise = 1\n}", "did you mean `volume_size`"),
        ("tag {\n name = \"x\"\n}", "`name` of `tag` is not supported"),
        ("dynamic \"tag\" {\n}", "a `dynamic` has `for_each`"),
        (
            "vpc_filter {\n dynamic \"filter\" {\n for_each = 1\n content {\n }\n }\n}",
            "is a list or a mapping",
        ),
    ] {
        let error = source(body).unwrap_err();
        assert!(error.contains(said) && error.contains("t.pkr.hcl:"), "{body}: {error}");
    }
}

#[test]
fn a_block_for_each_value() {
    let read = source(
        "dynamic \"tag\" {\n for_each = {a = \"x\", b = \"y\"}\n content {\n key = tag.key\n value = tag.value\n }\n}\n\
         vpc_filter {\n dynamic \"filter\" {\n for_each = [\"n\"]\n iterator = it\n content {\n name = it.value\n \
         value = it.key\n }\n }\n}\n",
    );
    let read = read.unwrap();
    assert_eq!(read["tag"], json!([{"key": "a", "value": "x"}, {"key": "b", "value": "y"}]));
    assert_eq!(read["vpc_filter"]["filter"], json!([{"name": "n", "value": 0}]));
}
