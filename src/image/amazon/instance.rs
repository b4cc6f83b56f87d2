//! The instance that is baked: launched, reached, provisioned, stopped, and ended.

use super::super::steps::{Step, StepFuture};
use super::access::{KEY_FILE, generate};
use super::options::{Disk, Options};
use super::{Begun, Build, Provision};
use crate::base::{Map, Value};
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::{Account, Kind, Table, kinds};
use crate::record;
use base64::Engine as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an instance may take to start, stop or end.
const LIMIT: Duration = Duration::from_secs(900);

/// Ends what a step began: also where its creation was cut off, which is then looked up.
pub async fn take_back<K: Kind>(
    account: &Account,
    table: &Table<K>,
    begun: Begun<K::Item>,
) -> Result<(), String> {
    let made = match begun.thing {
        Some(thing) => vec![K::id(&thing).to_string()],
        None => {
            let found = table.made_by(&*account.ec2, &account.manner, &begun.op.id).await;
            let found =
                found.map_err(|e| format!("a {} may be left (operation {}): {e}", K::NAME, begun.op.id))?;
            found.iter().map(|f| K::id(f).to_string()).collect()
        }
    };
    for id in made {
        account.remove(table, &id).await.map_err(|e| format!("{} {id} is left: {e}", K::NAME))?;
    }
    Ok(())
}

pub struct Launch;

impl Step<Build> for Launch {
    fn name(&self) -> &str {
        "instance"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let host_key = build.folder.path().join("host_key");
            build.host_key = generate(&host_key).await?;
            let private = std::fs::read_to_string(&host_key).map_err(|e| e.to_string())?;
            let data = user_data(&build.options, &private, &build.host_key);
            let input = input(build, &data)?;
            let temporary = build.temporary();
            let begun = build.instance.insert(Begun::new(&temporary));
            let op = begun.op.clone();
            let (account, options) = (&build.account, &build.options);
            let send = || -> CallFuture<'_, types::Instance> {
                let input = input
                    .clone()
                    .client_token(op.token())
                    .tag_specifications(op.specification(types::ResourceType::Instance, &options.run_tags))
                    .tag_specifications(op.specification(types::ResourceType::Volume, &options.volume_tags));
                Box::pin(async move {
                    let made = account.ec2.run_instances(input).await?.instances.unwrap_or_default();
                    let first = made.into_iter().next();
                    first
                        .ok_or_else(|| crate::cloud::CallError::own("RunInstances", "no instance came of it"))
                })
            };
            let made = account.create(&account.instances, &op, &send).await.map_err(|e| e.to_string())?;
            begun.thing = Some(made);
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, _: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(begun) = build.instance.take() else { return Ok(()) };
            take_back(&build.account, &build.account.instances, begun).await
        })
    }
}

fn input(build: &Build, user_data: &str) -> Result<RunInstancesInputBuilder, String> {
    let options = &build.options;
    let image = build.source.as_ref().and_then(|s| s.image_id()).ok_or("there is no source image")?;
    let key = build.key.as_ref().and_then(|k| k.thing.as_ref()).and_then(|k| k.key_name.clone());
    let mut groups = options.security_group_ids.clone();
    groups.extend(build.group.as_ref().and_then(|g| g.thing.as_ref()).and_then(|g| g.group_id.clone()));
    let disks: Vec<_> = options.launch_disks.iter().map(mapping).collect();
    let mut input = RunInstancesInputBuilder::default()
        .image_id(image)
        .min_count(1)
        .max_count(1)
        .instance_type(options.instance_type.as_str().into())
        .set_key_name(key.or_else(|| options.keypair_name.clone()))
        .user_data(base64::engine::general_purpose::STANDARD.encode(user_data))
        .instance_initiated_shutdown_behavior(types::ShutdownBehavior::Terminate)
        .ebs_optimized(options.ebs_optimized)
        .metadata_options(metadata(&options.imds)?)
        .set_block_device_mappings((!disks.is_empty()).then_some(disks));
    if let Some(zone) = &options.availability_zone {
        input = input.placement(types::Placement::builder().availability_zone(zone).build());
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

/// The instance's own key, so that the first login is verified, and a timer that ends it whoever is gone; then what
/// the user gives. The key is of this one instance and is removed before the image is made.
fn user_data(options: &Options, private: &str, public: &str) -> String {
    let indented: String = private.lines().map(|l| format!("    {l}\n")).collect();
    let minutes = options.lifetime.as_secs().div_ceil(60);
    let own = format!(
        "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}  ed25519_public: {}\n\
         bootcmd:\n  - [shutdown, -P, '+{minutes}']\n",
        public.trim()
    );
    let Some(user) = &options.user_data else { return own };
    let boundary = "==fitout==";
    let kind = match user.lines().next().unwrap_or_default() {
        "#cloud-config" => "text/cloud-config",
        first if first.starts_with("#!") => "text/x-shellscript",
        _ => "text/plain",
    };
    format!(
        "Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n--{boundary}\n\
         Content-Type: text/cloud-config\n\n{own}\n--{boundary}\nContent-Type: {kind}\n\n{user}\n--{boundary}--\n"
    )
}

pub struct Reach;

impl Step<Build> for Reach {
    fn name(&self) -> &str {
        "login"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let interface = build.options.ssh_interface.clone();
            let address = move |i: &types::Instance| match interface.as_str() {
                "private_ip" => i.private_ip_address.clone(),
                "public_dns" => i.public_dns_name.clone(),
                "private_dns" => i.private_dns_name.clone(),
                "session_manager" => i.instance_id.clone(),
                // A subnet without public addresses.
                _ => i.public_ip_address.clone().or_else(|| i.private_ip_address.clone()),
            };
            let running = move |seen: Option<&Arc<types::Instance>>| {
                let instance = seen?;
                let state = instance.state().and_then(|s| s.name())?;
                match state {
                    types::InstanceStateName::Running => {
                        address(instance).filter(|a| !a.is_empty()).map(|a| Ok((Arc::clone(instance), a)))
                    }
                    types::InstanceStateName::Pending => None,
                    ended => Some(Err(format!(
                        "the instance is {}: {}",
                        ended.as_str(),
                        instance.state_reason().and_then(|r| r.message()).unwrap_or("no reason is given")
                    ))),
                }
            };
            let (instance, address) = wait(build, running).await??;
            if let Some(begun) = &mut build.instance {
                begun.thing = Some(instance);
            }
            let host = login(build, &address)?;
            std::fs::write(build.folder.path().join("host"), &address).map_err(|e| e.to_string())?;
            answered(&host, build.options.ssh_timeout).await
        })
    }
}

/// Waits for something in what is seen of the build's instance.
async fn wait<T>(
    build: &Build,
    ready: impl Fn(Option<&Arc<types::Instance>>) -> Option<T>,
) -> Result<T, String> {
    let account = &build.account;
    let instance = build.instance.as_ref().and_then(|b| b.thing.as_ref()).ok_or("there is no instance")?;
    let id = kinds::Instance::id(instance);
    account.instances.until(&*account.ec2, &account.manner, id, LIMIT, ready).await.map_err(|e| e.to_string())
}

/// The variables of the host in the inventory.
fn login(build: &Build, address: &str) -> Result<Map, String> {
    let folder = build.folder.path();
    let known = folder.join("known_hosts");
    let port = build.options.ssh_port;
    let name = if port == 22 { address.to_string() } else { format!("[{address}]:{port}") };
    let key: Vec<&str> = build.host_key.split_whitespace().take(2).collect();
    std::fs::write(&known, format!("{name} {}\n", key.join(" "))).map_err(|e| e.to_string())?;
    let key = build.options.private_key_file.clone().unwrap_or_else(|| folder.join(KEY_FILE));
    let mut arguments = format!(
        "-o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o HostKeyAlgorithms=ssh-ed25519",
        known.display()
    );
    if let Some(bastion) = &build.options.bastion {
        arguments.push_str(&format!(" -o ProxyJump={bastion}"));
    }
    if build.options.ssh_interface == "session_manager" {
        let region = &build.account.region;
        arguments.push_str(&format!(
            " -o ProxyCommand=\"aws ssm start-session --region {region} --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p\""
        ));
    }
    Ok(record! {
        "ansible_host" => address,
        "ansible_port" => i64::from(port),
        "ansible_user" => build.options.ssh_user.as_str(),
        "ansible_ssh_private_key_file" => key.display().to_string(),
        "ansible_ssh_common_args" => arguments,
    })
}

/// Tries to log in until the host lets us, and then until what runs at its first boot has ended.
async fn answered(host: &Map, limit: Duration) -> Result<(), String> {
    let text = |name: &str| host.get(name).map(crate::spec::to_text).unwrap_or_default();
    let began = Instant::now();
    let mut pause = Duration::from_millis(200);
    let arguments = shell_words::split(&text("ansible_ssh_common_args")).map_err(|e| e.to_string())?;
    loop {
        let mut ssh = tokio::process::Command::new("ssh");
        ssh.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5"])
            .args(&arguments)
            .args(["-i", &text("ansible_ssh_private_key_file"), "-p", &text("ansible_port")])
            .args(["-l", &text("ansible_user"), "--", &text("ansible_host")])
            .arg("if command -v cloud-init >/dev/null; then cloud-init status --wait >/dev/null 2>&1; fi; :")
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let tried = ssh.output().await.map_err(|e| format!("ssh: {e}"))?;
        if tried.status.success() {
            return Ok(());
        }
        if began.elapsed() > limit {
            let said = String::from_utf8_lossy(&tried.stderr);
            let last = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("no answer").trim();
            return Err(format!("no login to {} within {} s: {last}", text("ansible_host"), limit.as_secs()));
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.5).min(Duration::from_secs(3));
    }
}

pub struct Provisioning(pub Arc<dyn Provision>);

impl Step<Build> for Provisioning {
    fn name(&self) -> &str {
        "provisioning"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let folder = build.folder.path().join("host");
            let address = std::fs::read_to_string(&folder).map_err(|e| e.to_string())?;
            let host = login(build, &address)?;
            self.0.provision(host, seen_by_the_play(build)).await
        })
    }
}

/// `fitout_image`, as far as this builder knows it.
fn seen_by_the_play(build: &Build) -> Map {
    let source = build.source.as_ref();
    let tags = source.map(|s| kinds_tags(s.tags())).unwrap_or_default();
    let source = record! {
        "id" => source.and_then(|s| s.image_id()),
        "name" => source.and_then(|s| s.name()),
        "owner" => source.and_then(|s| s.owner_id()),
        "created" => source.and_then(|s| s.creation_date()),
        "tags" => tags,
    };
    let instance = build.instance.as_ref().and_then(|i| i.thing.as_ref()).and_then(|i| i.instance_id.clone());
    record! {
        "builder" => build.options.name.as_str(),
        "type" => "amazon-ebs",
        "name" => build.options.ami_name.as_str(),
        "region" => build.account.region.as_str(),
        "run" => build.identity.run.as_str(),
        "instance" => instance,
        "source" => source,
    }
}

fn kinds_tags(tags: &[types::Tag]) -> Value {
    crate::cloud::identity::from_sdk(tags).into_iter().map(|(k, v)| (k, Value::from(v))).collect()
}

pub struct Halt;

impl Step<Build> for Halt {
    fn name(&self) -> &str {
        "stopping the instance"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let account = Arc::clone(&build.account);
            let instance =
                build.instance.as_ref().and_then(|b| b.thing.as_ref()).ok_or("there is no instance")?;
            let id = kinds::Instance::id(instance).to_string();
            let input = StopInstancesInputBuilder::default().instance_ids(&id);
            account.ec2.stop_instances(input).await.map_err(|e| e.to_string())?;
            account.instances.refresh(&*account.ec2, &[id]).await.map_err(|e| e.to_string())?;
            let stopped = |seen: Option<&Arc<types::Instance>>| {
                let state = seen.and_then(|i| i.state()).and_then(|s| s.name())?;
                matches!(state, types::InstanceStateName::Stopped).then_some(())
            };
            wait(build, stopped).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_holds_the_key_the_timer_and_the_users_own() {
        let json = serde_json::json!({"source_ami": "a", "instance_type": "t", "ssh_username": "u", "ami_name": "x",
            "lifetime": "90m"});
        let mut options = Options::new(Value::from_json(&json).as_map().unwrap()).unwrap();
        let own = user_data(&options, "BEGIN\nEND\n", "ssh-ed25519 AAAA fitout\n");
        let parsed: serde_yaml::Value = serde_yaml::from_str(&own).unwrap();
        assert_eq!(parsed["ssh_keys"]["ed25519_private"].as_str(), Some("BEGIN\nEND\n"));
        assert_eq!(parsed["bootcmd"][0][2].as_str(), Some("+90"));
        options.user_data = Some("#!/bin/sh\necho hello\n".into());
        let both = user_data(&options, "BEGIN\nEND\n", "ssh-ed25519 AAAA fitout\n");
        assert!(
            both.contains("text/x-shellscript\n\n#!/bin/sh\necho hello") && both.contains(&own),
            "{both}"
        );
    }
}
