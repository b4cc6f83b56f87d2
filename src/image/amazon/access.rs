//! The temporary key pair and security group.

use super::super::steps::{Step, StepFuture};
use super::{Begun, Build};
use crate::cloud::ec2::input::*;
use crate::cloud::ec2::types;
use crate::cloud::{Kind, Tags, kinds, remove};
use std::path::Path;
use std::time::Duration;

pub struct KeyPair;

/// The name of the private key's file in the build's folder.
pub const KEY_FILE: &str = "key";

impl Step<Build> for KeyPair {
    fn name(&self) -> &str {
        "temporary key pair"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let kind = &build.options.key_type;
            let public = generate(&build.folder.path().join(KEY_FILE), kind).await?;
            let temporary = build.temporary();
            let begun = build.key.insert(Begun::new(&temporary));
            let op = begun.op.clone();
            let account = &build.account;
            let name = build.options.key_name.clone().unwrap_or_else(|| format!("fitout-{}", op.id));
            let send = || -> crate::cloud::calls::CallFuture<'_, types::KeyPairInfo> {
                let tags = op.specification(types::ResourceType::KeyPair, &Tags::new());
                let key = aws_sdk_ec2::primitives::Blob::new(public.clone());
                let input = ImportKeyPairInputBuilder::default()
                    .key_name(&name)
                    .public_key_material(key)
                    .tag_specifications(tags);
                Box::pin(async move {
                    let made = account.ec2.import_key_pair(input).await?;
                    let info = types::KeyPairInfo::builder()
                        .set_key_pair_id(made.key_pair_id)
                        .set_key_name(made.key_name)
                        .build();
                    Ok(info)
                })
            };
            let made = account.create(&account.key_pairs, &op, &send).await.map_err(|e| e.to_string())?;
            begun.thing = Some(made);
            Ok(())
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, _: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let account = &build.account;
            let Some(begun) = build.key.take() else { return Ok(()) };
            super::instance::take_back(account, &account.key_pairs, begun).await
        })
    }

    fn holds(&self, build: &Build) -> Option<String> {
        let key = build.key.as_ref()?.thing.as_ref()?;
        let file = build.folder.path().join(KEY_FILE);
        Some(format!("key pair {} (private key in {})", kinds::KeyPair::id(key), file.display()))
    }
}

/// A fresh key; the public half is returned.
pub async fn generate(path: &Path, kind: &str) -> Result<String, String> {
    let public = path.with_extension("pub");
    // Of an attempt before this one.
    let _ = (std::fs::remove_file(path), std::fs::remove_file(&public));
    let made = tokio::process::Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", "fitout", "-f"])
        .arg(path)
        .output()
        .await
        .map_err(|e| format!("ssh-keygen: {e}"))?;
    if !made.status.success() {
        return Err(format!("ssh-keygen: {}", String::from_utf8_lossy(&made.stderr).trim()));
    }
    std::fs::read_to_string(&public).map_err(|e| format!("{}: {e}", public.display()))
}

pub struct Group;

impl Step<Build> for Group {
    fn name(&self) -> &str {
        "temporary security group"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let vpc = vpc(build).await?;
            let cidrs = callers(build, vpc.as_deref()).await?;
            let temporary = build.temporary();
            let begun = build.group.insert(Begun::new(&temporary));
            let op = begun.op.clone();
            let account = &build.account;
            let name = format!("fitout-{}", op.id);
            let send = || -> crate::cloud::calls::CallFuture<'_, types::SecurityGroup> {
                let input = CreateSecurityGroupInputBuilder::default()
                    .group_name(&name)
                    .description("temporary, of an image that is being made")
                    .set_vpc_id(vpc.clone())
                    .tag_specifications(op.specification(types::ResourceType::SecurityGroup, &Tags::new()));
                let (vpc, name) = (vpc.clone(), name.clone());
                Box::pin(async move {
                    let made = account.ec2.create_security_group(input).await?;
                    let group = types::SecurityGroup::builder().set_group_id(made.group_id).group_name(name);
                    Ok(group.set_vpc_id(vpc).build())
                })
            };
            let made =
                account.create(&account.security_groups, &op, &send).await.map_err(|e| e.to_string())?;
            let id = kinds::SecurityGroup::id(&made).to_string();
            begun.thing = Some(made);
            if cidrs.is_empty() {
                return Ok(());
            }
            let port = i32::from(build.options.ssh_port);
            let rule = types::IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
            let ranges = cidrs.iter().map(|c| types::IpRange::builder().cidr_ip(c).build()).collect();
            let rule = rule.set_ip_ranges(Some(ranges)).build();
            let input =
                AuthorizeSecurityGroupIngressInputBuilder::default().group_id(&id).ip_permissions(rule);
            match account.ec2.authorize_security_group_ingress(input).await {
                // The answer to an earlier attempt was lost.
                Err(error) if error.is(&["InvalidPermission.Duplicate"]) => Ok(()),
                other => other.map(drop).map_err(|e| e.to_string()),
            }
        })
    }

    fn undo<'a>(&'a self, build: &'a mut Build, _: bool) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let account = &build.account;
            let Some(begun) = build.group.take() else { return Ok(()) };
            // An instance that could not be removed keeps its group: there is nothing to wait for.
            let limit = if build.instance_stays { Duration::ZERO } else { remove::LIMIT };
            super::instance::take_back_within(account, &account.security_groups, begun, limit).await
        })
    }

    fn holds(&self, build: &Build) -> Option<String> {
        let group = build.group.as_ref()?.thing.as_ref()?;
        Some(format!("security group {}", kinds::SecurityGroup::id(group)))
    }
}

/// The VPC that groups have to be in: the one named, or the subnet's; `None`: the default one.
pub async fn vpc(build: &Build) -> Result<Option<String>, String> {
    if build.options.vpc_id.is_some() {
        return Ok(build.options.vpc_id.clone());
    }
    let Some(subnet) = &build.options.subnet_id else { return Ok(None) };
    let account = &build.account;
    let found = account.subnets.get(&*account.ec2, subnet).await.map_err(|e| e.to_string())?;
    let found = found.ok_or_else(|| format!("there is no subnet {subnet} in {}", account.region))?;
    Ok(found.vpc_id.clone())
}

/// Where logins come from, as the instance sees it.
async fn callers(build: &Build, vpc: Option<&str>) -> Result<Vec<String>, String> {
    let options = &build.options;
    match options.ssh_interface.as_str() {
        _ if !options.source_cidrs.is_empty() => Ok(options.source_cidrs.clone()),
        // The session's other end is on the instance itself.
        "session_manager" => Ok(Vec::new()),
        // Of the bastion no more is known here than that it is in the network, or has a way into it.
        _ if options.bastion.is_some() => ranges(build, vpc).await,
        "private_ip" | "private_dns" => towards(&ranges(build, vpc).await?).map(|address| vec![address]),
        _ => own_address().await.map(|address| vec![address]),
    }
}

/// The ranges of a VPC; `None`: of the default one.
async fn ranges(build: &Build, vpc: Option<&str>) -> Result<Vec<String>, String> {
    let account = &build.account;
    let all = account.vpcs.all(&*account.ec2).await.map_err(|e| e.to_string())?;
    let wanted = |v: &types::Vpc| vpc.map_or(v.is_default() == Some(true), |id| kinds::Vpc::id(v) == id);
    let found = all.iter().find(|v| wanted(v)).ok_or_else(|| match vpc {
        Some(id) => format!("there is no VPC {id} in {}", account.region),
        None => format!("there is no default VPC in {}\nhint: give `subnet_id`", account.region),
    })?;
    let own = found.cidr_block().map(str::to_string);
    let more = found.cidr_block_association_set().iter().filter_map(|a| a.cidr_block().map(str::to_string));
    let ranges: std::collections::BTreeSet<String> = own.into_iter().chain(more).collect();
    Ok(ranges.into_iter().collect())
}

/// The address that this machine has on its way into these ranges. Nothing is sent.
fn towards(ranges: &[String]) -> Result<String, String> {
    let into = ranges.first().and_then(|range| range.split_once('/')).map_or("0.0.0.0", |(base, _)| base);
    let asked = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect((into, 22))?;
        socket.local_addr()
    });
    let address = asked.map_err(|e| {
        format!("there is no way into {into}: {e}\nhint: give `temporary_security_group_source_cidrs`")
    })?;
    Ok(format!("{}/32", address.ip()))
}

/// Says which address a caller has; may be set for networks that cannot reach it.
const ADDRESS_SERVICE: &str = "https://checkip.amazonaws.com";

/// The address that this machine is seen with, as a range of one.
async fn own_address() -> Result<String, String> {
    let url = std::env::var("FITOUT_ADDRESS_SERVICE").unwrap_or_else(|_| ADDRESS_SERVICE.into());
    let hint = "give `temporary_security_group_source_cidrs`";
    let asked = tokio::process::Command::new("curl")
        .args(["-sS", "--fail", "--max-time", "10", "--", &url])
        .output()
        .await
        .map_err(|e| format!("this machine's public address is not known (curl: {e})\nhint: {hint}"))?;
    let said = String::from_utf8_lossy(&asked.stdout).trim().to_string();
    match said.parse::<std::net::Ipv4Addr>() {
        Ok(address) => Ok(format!("{address}/32")),
        Err(_) => {
            let why = String::from_utf8_lossy(&asked.stderr).trim().to_string();
            Err(format!("this machine's public address is not known: {url}: {why}\nhint: {hint}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_towards_a_network_is_the_one_it_is_reached_from() {
        assert_eq!(towards(&["127.0.0.0/8".into()]), Ok("127.0.0.1/32".into()));
        assert!(towards(&["::1/128".into()]).unwrap_err().contains("source_cidrs"));
    }
}
