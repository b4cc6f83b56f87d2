//! The way to an instance: until it runs and lets the bake in.

use super::super::steps::{Step, StepFuture};
use super::access::KEY_FILE;
use super::instance::{LIMIT, Role};
use super::{Build, remote};
use crate::base::Map;
use crate::cloud::ec2::types;
use crate::record;
use std::sync::Arc;

pub struct Reach(pub Role);

impl Step<Build> for Reach {
    fn name(&self) -> &str {
        match self.0 {
            Role::Bake => "login",
            Role::Verify => "login to the image",
        }
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let id = build.machine(self.0).id()?.to_string();
            reached(build, self.0, &id).await
        })
    }
}

/// Waits until the instance runs, and until it lets the bake in.
pub async fn reached(build: &mut Build, role: Role, id: &str) -> Result<(), String> {
    let (interface, given) = (build.options.ssh_interface.clone(), build.options.ssh_host.clone());
    let address = move |i: &types::Instance| match (&given, interface.as_str()) {
        (Some(host), _) => Some(host.clone()),
        (_, "private_ip") => i.private_ip_address.clone(),
        (_, "public_dns") => i.public_dns_name.clone(),
        (_, "private_dns") => i.private_dns_name.clone(),
        (_, "session_manager") => i.instance_id.clone(),
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
    let (instance, address) = wait(build, id, running).await??;
    let machine = build.machine_mut(role);
    machine.address = address;
    if let Some(begun) = &mut machine.begun {
        begun.thing = Some(instance);
    }
    remote::answered(&login(build, role)?, build.options.ssh_timeout).await
}

/// Waits for something in what is seen of an instance.
pub async fn wait<T>(
    build: &Build,
    id: &str,
    ready: impl Fn(Option<&Arc<types::Instance>>) -> Option<T>,
) -> Result<T, String> {
    let account = &build.account;
    account.instances.until(&*account.ec2, &account.manner, id, LIMIT, ready).await.map_err(|e| e.to_string())
}

/// The variables of the host in the inventory.
pub fn login(build: &Build, role: Role) -> Result<Map, String> {
    let (folder, machine) = (build.folder.path(), build.machine(role));
    let address = machine.address.as_str();
    let known = folder.join(format!("known_hosts_{role:?}").to_lowercase());
    let port = build.options.ssh_port;
    let name = if port == 22 { address.to_string() } else { format!("[{address}]:{port}") };
    let key: Vec<&str> = machine.host_key.split_whitespace().take(2).collect();
    std::fs::write(&known, format!("{name} {}\n", key.join(" "))).map_err(|e| e.to_string())?;
    let mut arguments = format!(
        "-o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o HostKeyAlgorithms=ssh-ed25519",
        known.display()
    );
    if let Some(bastion) = &build.options.bastion {
        arguments.push_str(&format!(" -o {}", shell_words::quote(bastion)));
    }
    if build.options.ssh_interface == "session_manager" {
        let region = &build.account.region;
        arguments.push_str(&format!(
            " -o ProxyCommand=\"aws ssm start-session --region {region} --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p\""
        ));
    }
    let mut host = record! {
        "ansible_connection" => "ssh",
        "ansible_host" => address,
        "ansible_port" => i64::from(port),
        "ansible_user" => build.options.ssh_user.as_str(),
    };
    if !build.options.agent {
        arguments.push_str(" -o IdentitiesOnly=yes");
        let key = build.options.private_key_file.clone().unwrap_or_else(|| folder.join(KEY_FILE));
        host.insert("ansible_ssh_private_key_file".into(), key.display().to_string().into());
    }
    host.insert("ansible_ssh_common_args".into(), arguments.into());
    Ok(host)
}
