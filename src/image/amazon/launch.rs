//! What an instance is started with: its place, disks, address, and user data.

use super::Build;
use super::instance::Role;
use super::options::{Disk, Options};
use crate::base::Map;
use crate::cloud::ec2::{input::*, types};
use base64::Engine as _;

/// But for the type, which may be one of several.
pub fn input(build: &Build, role: Role, user_data: &str) -> Result<RunInstancesInputBuilder, String> {
    let options = &build.options;
    let image = match role {
        Role::Bake => build.source.as_ref().and_then(|s| s.image_id()),
        Role::Verify => build.artifacts.first().map(|a| a.id.as_str()),
    };
    let image = image.ok_or("there is no image to start from")?;
    let key = build.key.as_ref().and_then(|k| k.thing.as_ref()).and_then(|k| k.key_name.clone());
    let mut groups = options.security_group_ids.clone();
    groups.extend(build.group.as_ref().and_then(|g| g.thing.as_ref()).and_then(|g| g.group_id.clone()));
    let disks: Vec<_> = match role {
        Role::Bake => options.launch_disks.iter().map(mapping).collect(),
        // As the image has them.
        Role::Verify => Vec::new(),
    };
    let shutdown = match options.shutdown_stops && role == Role::Bake {
        true => types::ShutdownBehavior::Stop,
        false => types::ShutdownBehavior::Terminate,
    };
    let mut input = RunInstancesInputBuilder::default()
        .image_id(image)
        .min_count(1)
        .max_count(1)
        .set_key_name(key.or_else(|| options.keypair_name.clone()))
        .user_data(base64::engine::general_purpose::STANDARD.encode(user_data))
        .instance_initiated_shutdown_behavior(shutdown)
        .ebs_optimized(options.ebs_optimized)
        .metadata_options(metadata(&options.imds)?)
        .set_block_device_mappings((!disks.is_empty()).then_some(disks));
    if options.availability_zone.is_some() || options.tenancy.is_some() {
        let placement = types::Placement::builder()
            .set_availability_zone(options.availability_zone.clone())
            .set_tenancy(options.tenancy.as_deref().map(Into::into));
        input = input.placement(placement.build());
    }
    if let Some(price) = &options.spot_price {
        let spot = types::SpotMarketOptions::builder()
            .set_max_price(Some(price.clone()).filter(|p| !p.is_empty()))
            .spot_instance_type(types::SpotInstanceType::OneTime);
        let market = types::InstanceMarketOptionsRequest::builder().market_type(types::MarketType::Spot);
        input = input.instance_market_options(market.spot_options(spot.build()).build());
    }
    if options.unlimited {
        let credits = types::CreditSpecificationRequest::builder().cpu_credits("unlimited").build();
        input = input.credit_specification(credits);
    }
    if let Some(profile) = &options.profile {
        let builder = types::IamInstanceProfileSpecification::builder();
        let profile = if profile.starts_with("arn:") { builder.arn(profile) } else { builder.name(profile) };
        input = input.iam_instance_profile(profile.build());
    }
    // An address of its own is a property of the interface; with one, the groups and the subnet are too.
    Ok(match options.public_address {
        Some(public) => input.network_interfaces(
            types::InstanceNetworkInterfaceSpecification::builder()
                .device_index(0)
                .delete_on_termination(true)
                .associate_public_ip_address(public)
                .set_subnet_id(options.subnet_id.clone())
                .set_groups(Some(groups))
                .build(),
        ),
        None => input.set_subnet_id(options.subnet_id.clone()).set_security_group_ids(Some(groups)),
    })
}

fn metadata(given: &Map) -> Result<types::InstanceMetadataOptionsRequest, String> {
    let text = |name: &str| given.get(name).map(crate::spec::to_text);
    let hops = text("http_put_response_hop_limit");
    let hops = hops
        .map(|h| h.parse::<i32>().map_err(|_| format!("http_put_response_hop_limit: `{h}` is no number")));
    Ok(types::InstanceMetadataOptionsRequest::builder()
        .http_tokens(text("http_tokens").as_deref().unwrap_or("required").into())
        .set_http_endpoint(text("http_endpoint").as_deref().map(Into::into))
        .set_instance_metadata_tags(text("instance_metadata_tags").as_deref().map(Into::into))
        .set_http_put_response_hop_limit(hops.transpose()?)
        .build())
}

pub fn mapping(disk: &Disk) -> types::BlockDeviceMapping {
    let ebs = types::EbsBlockDevice::builder()
        .set_volume_size(disk.volume_size)
        .set_volume_type(disk.volume_type.as_deref().map(Into::into))
        .set_delete_on_termination(disk.delete_on_termination)
        .set_encrypted(disk.encrypted)
        .set_kms_key_id(disk.kms_key_id.clone())
        .set_iops(disk.iops)
        .set_throughput(disk.throughput)
        .set_snapshot_id(disk.snapshot_id.clone())
        .build();
    let builder = types::BlockDeviceMapping::builder().device_name(&disk.device_name);
    match (&disk.virtual_name, disk.no_device) {
        (_, true) => builder.no_device("").build(),
        (Some(name), _) => builder.virtual_name(name).build(),
        (None, _) => builder.ebs(ebs).build(),
    }
}

/// Switches the machine off after so many seconds. It runs before sysinit.target, when neither D-Bus nor logind are there:
/// `shutdown -P +N` would switch off at once. systemd-run reaches systemd itself. It waits for the timer whatever it is
/// told, so the timer must not wait for sysinit.target, and no boot waits for longer than this for it.
/// In single quotes within YAML: it has none of its own.
fn timer(seconds: u64) -> String {
    format!(
        "timeout 30 systemd-run --no-block --unit=fitout-lifetime --timer-property=DefaultDependencies=no \
         --on-active={seconds}s systemctl poweroff || \
         {{ setsid sh -c \"sleep {seconds}; poweroff\" </dev/null >/dev/null 2>&1 & }}"
    )
}

/// The instance's own key, so that the first login is verified, and a timer that ends it whoever is gone; then what
/// the user gives. The key is of this one instance and is removed before the image is made.
pub fn user_data(options: &Options, private: &str, public: &str) -> String {
    let indented: String = private.lines().map(|l| format!("    {l}\n")).collect();
    let timer = timer(options.lifetime.as_secs());
    let own = format!(
        "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}  ed25519_public: {}\n\
         bootcmd:\n  - [sh, -c, '{timer}']\n",
        public.trim()
    );
    let given = options.user_data.as_ref().filter(|given| !given.trim().is_empty());
    let Some(user) = given else { return own };
    let boundary = "==fitout==";
    // Several parts already: they stand in this one with their own header.
    let begins = |header: &str| user.get(..header.len()).is_some_and(|b| b.eq_ignore_ascii_case(header));
    let header = match user.lines().next().unwrap_or_default() {
        _ if begins("content-type:") || begins("mime-version:") => "",
        "#cloud-config" => "Content-Type: text/cloud-config\n\n",
        first if first.starts_with("#!") => "Content-Type: text/x-shellscript\n\n",
        _ => "Content-Type: text/plain\n\n",
    };
    // By default cloud-init lets a later part replace the keys of an earlier one: the user's `bootcmd` the timer. So this
    // one is the last, and adds to what is there.
    format!(
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n--{boundary}\n\
         {header}{user}\n--{boundary}\nContent-Type: text/cloud-config\n\
         Merge-Type: dict(no_replace,recurse_list)+list(prepend)\n\n{own}\n--{boundary}--\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;

    fn least() -> Options {
        let json = serde_json::json!({"source_ami": "a", "instance_type": "t", "ssh_username": "u", "ami_name": "x",
            "lifetime": "90m"});
        Options::new(Value::from_json(&json).as_map().unwrap()).unwrap()
    }

    #[test]
    fn user_data_holds_the_key_the_timer_and_the_users_own() {
        let mut options = least();
        let own = user_data(&options, "BEGIN\nEND\n", "ssh-ed25519 AAAA fitout\n");
        let parsed: serde_yaml::Value = serde_yaml::from_str(&own).unwrap();
        assert_eq!(parsed["ssh_keys"]["ed25519_private"].as_str(), Some("BEGIN\nEND\n"));
        let command = parsed["bootcmd"][0][2].as_str().unwrap();
        assert!(command.contains(" --on-active=5400s systemctl poweroff || "), "{command}");
        assert!(!command.contains("shutdown"), "{command}");
        options.user_data = Some("#!/bin/sh\necho hello\n".into());
        let both = user_data(&options, "BEGIN\nEND\n", "ssh-ed25519 AAAA fitout\n");
        assert!(
            both.contains("text/x-shellscript\n\n#!/bin/sh\necho hello") && both.contains(&own),
            "{both}"
        );
        // Nothing of the user's comes after it and takes the timer out.
        let (_, last) =
            both.split_once("Merge-Type: dict(no_replace,recurse_list)+list(prepend)\n\n").unwrap();
        assert_eq!(last, format!("{own}\n--==fitout==--\n"));
    }

    /// Parts as a reader of MIME sees them: kind and first line.
    fn parts(message: &str) -> Vec<String> {
        let script = "import email, sys\n\
                      for p in email.message_from_file(sys.stdin).walk():\n  \
                      if not p.is_multipart(): print(p.get_content_type(), p.get_payload().splitlines()[0])";
        let mut python = std::process::Command::new("python3")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), message.as_bytes()).unwrap();
        let out = python.wait_with_output().unwrap();
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_string).collect()
    }

    #[test]
    fn user_data_of_several_parts_stays_several_parts() {
        let inner = "--b\nContent-Type: text/cloud-config\n\n#cloud-config\n--b\n\
                     Content-Type: text/x-shellscript\n\n#!/bin/sh\n--b--\n";
        let kind = "Content-Type: multipart/mixed; boundary=\"b\"\n";
        for header in [format!("{kind}MIME-Version: 1.0\n"), format!("MIME-Version: 1.0\n{kind}")] {
            let mut options = least();
            options.user_data = Some(format!("{header}\n{inner}"));
            let seen = parts(&user_data(&options, "K\n", "P\n"));
            let config = "text/cloud-config #cloud-config";
            assert_eq!(seen, [config, "text/x-shellscript #!/bin/sh", config], "{header}");
        }
        let mut options = least();
        options.user_data = Some("#include\nhttp://x\n".into());
        assert_eq!(parts(&user_data(&options, "K\n", "P\n"))[0], "text/plain #include");
    }
}
