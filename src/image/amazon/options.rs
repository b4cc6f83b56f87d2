//! The builder's options, with Packer's names.

mod read;
#[cfg(test)]
mod tests;

use crate::base::Map;
use crate::cloud::{Access, Tags};
use read::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One entry of `launch_block_device_mappings` or `ami_block_device_mappings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// `/dev/sda1`, `xvdb`; a disk of the source image is changed by its name.
    pub device_name: String,
    /// GiB; `None`: as the snapshot or the source image has it.
    pub volume_size: Option<i32>,
    /// `gp3`, `io2`, …; `None`: EC2's choice.
    pub volume_type: Option<String>,
    /// Whether it goes with the instance.
    pub delete_on_termination: Option<bool>,
    /// `None`: as the snapshot has it, or the account's default.
    pub encrypted: Option<bool>,
    /// With `encrypted`; `None`: the account's default key.
    pub kms_key_id: Option<String>,
    /// Operations a second, for `io1`, `io2` and `gp3`.
    pub iops: Option<i32>,
    /// MiB a second, for `gp3`.
    pub throughput: Option<i32>,
    /// What it begins as; `None`: empty.
    pub snapshot_id: Option<String>,
    /// `ephemeral0`, …: a disk of the instance's own machine.
    pub virtual_name: Option<String>,
    /// The source image's disk of this name is left out.
    pub no_device: bool,
}

/// `source_ami_filter`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFilter {
    /// EC2's filters of images, each with the values of which one must fit.
    pub filters: BTreeMap<String, Vec<String>>,
    /// Account ids or aliases (`self`, `amazon`); empty: anyone.
    pub owners: Vec<String>,
    /// The youngest of several; otherwise several are an error.
    pub most_recent: bool,
    /// Also among those whose owner calls them old.
    pub deprecated: bool,
}

/// `subnet_filter`, `vpc_filter`, `security_group_filter`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFilter {
    /// EC2's filters, each with the values of which one must fit.
    pub filters: BTreeMap<String, Vec<String>>,
    /// Of several subnets the one with the most free addresses.
    pub most_free: bool,
    /// Any of several.
    pub random: bool,
}

/// All texts are final: templates are rendered before.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose account and which region it is baked in.
    pub access: Access,
    /// The builder's, for messages and `-only`; `amazon-ebs` where nothing is said.
    pub name: String,
    /// An image's id; this or `source_filter` is there.
    pub source_ami: Option<String>,
    /// Searched when the bake begins; `source_ami` goes before it.
    pub source_filter: Option<SourceFilter>,
    /// The first that there is capacity of; more than one only of spot instances.
    pub instance_types: Vec<String>,
    /// Instance profile of IAM, for what the plays do on the machine; `None`: it may do nothing.
    pub profile: Option<String>,
    /// Where the machine is; `None`: as `subnet_filter`, else a default subnet.
    pub subnet_id: Option<String>,
    /// Where a subnet and groups are searched; `None`: the default VPC.
    pub vpc_id: Option<String>,
    /// Of a default subnet; `None`: EC2 chooses.
    pub availability_zone: Option<String>,
    /// Groups for the machine; empty: those of `group_filter`, else one that is made for the bake.
    pub security_group_ids: Vec<String>,
    /// Finds `vpc_id`; `None` where one is given.
    pub vpc_filter: Option<NetworkFilter>,
    /// Finds `subnet_id`; `None` where one is given.
    pub subnet_filter: Option<NetworkFilter>,
    /// Finds `security_group_ids`; `None` where some are given. All that fit are taken.
    pub group_filter: Option<NetworkFilter>,
    /// `default`, `dedicated` or `host`.
    pub tenancy: Option<String>,
    /// `shutdown_behavior: stop`; otherwise an instance that is shut down ends.
    pub shutdown_stops: bool,
    /// The most that is paid an hour; empty: the price on demand. `None`: no spot instance.
    pub spot_price: Option<String>,
    /// CPU credits beyond the earned ones, of burstable types; they cost extra.
    pub unlimited: bool,
    /// The image is made of the running instance.
    pub keeps_running: bool,
    /// The plays are carried out, and no image is made.
    pub skip_image: bool,
    /// Whether the machine gets a public IPv4 address; `None`: as the subnet says.
    pub public_address: Option<bool>,
    /// For the machine's first boot, `user_data_file` read; not encoded.
    pub user_data: Option<String>,
    /// What a template's own steps know it as; else its name.
    pub build_name: String,
    /// Of the machine and what is made for it; `Name` is always there.
    pub run_tags: Tags,
    /// Of the machine's volumes.
    pub volume_tags: Tags,
    /// Who may log in, of the group that is made; empty: found out.
    pub source_cidrs: Vec<String>,
    /// `metadata_options`, as given.
    pub imds: Map,
    /// Bandwidth to its volumes of its own.
    pub ebs_optimized: bool,
    /// Of the machine that is baked on.
    pub launch_disks: Vec<Disk>,
    /// Of the image, over those that the machine had.
    pub ami_disks: Vec<Disk>,
    /// Unique among the account's images of the region.
    pub ami_name: String,
    /// May be empty.
    pub ami_description: String,
    /// Regions it is copied to; its own may be among them.
    pub regions: Vec<String>,
    /// Account ids that may launch the image.
    pub users: Vec<String>,
    /// `all` makes the image public.
    pub groups: Vec<String>,
    /// Organizations that may launch the image.
    pub org_arns: Vec<String>,
    /// Organizational units that may launch the image.
    pub ou_arns: Vec<String>,
    /// Of the image, in every region: `run_tags` (but for `skip_ami_run_tags`), with `tags` over them.
    pub tags: Tags,
    /// Of its snapshots: those of the image, with `snapshot_tags` over them.
    pub snapshot_tags: Tags,
    /// Account ids that may make volumes of its snapshots.
    pub snapshot_users: Vec<String>,
    /// `all` makes its snapshots public.
    pub snapshot_groups: Vec<String>,
    /// Its snapshots are encrypted, whatever the source's are.
    pub encrypt: bool,
    /// With `encrypt`, in this region; `None`: the account's default key.
    pub kms_key: Option<String>,
    /// By region, for copies; an empty one is that account's default key.
    pub region_kms_keys: BTreeMap<String, String>,
    /// An image of the same name is removed when the new one is there.
    pub force_deregister: bool,
    /// With `force_deregister`: its snapshots too.
    pub force_delete_snapshot: bool,
    /// When the image is called old: RFC 3339.
    pub deprecate_at: Option<String>,
    /// Against being deregistered; true: also for a day after that is taken away.
    pub protection: Option<bool>,
    /// Whether the image says that it can do enhanced networking; `None`: as the source does.
    pub ena_support: Option<bool>,
    /// The image says that it can do enhanced networking by `ixgbevf`.
    pub sriov_support: bool,
    /// Machines of the image answer the metadata service's second version only.
    pub imds_v2: bool,
    /// The login of the source image: `admin`, `ubuntu`.
    pub ssh_user: String,
    /// Where its sshd listens; 22 where nothing is said.
    pub ssh_port: u16,
    /// By which address it is reached: `public_ip`, `private_ip`, `public_dns`, `private_dns`, `session_manager`.
    pub ssh_interface: String,
    /// How long to try to log in; five minutes where nothing is said.
    pub ssh_timeout: Duration,
    /// Overrides the address that EC2 tells.
    pub ssh_host: Option<String>,
    /// The user's agent has the key.
    pub agent: bool,
    /// ssh's option that leads through the bastion.
    pub bastion: Option<String>,
    /// Of the temporary key pair: ed25519, ecdsa or rsa.
    pub key_type: String,
    /// The temporary key pair's; `None`: it is made up.
    pub key_name: Option<String>,
    /// A key pair of the account that is used instead of a temporary one.
    pub keypair_name: Option<String>,
    /// Its private half, on this machine; then no key pair is made.
    pub private_key_file: Option<PathBuf>,
    /// How long the instance may live before it ends itself.
    pub lifetime: Duration,
    /// How long to wait for the image.
    pub image_limit: Duration,
}

impl Options {
    /// From rendered options. An error names the option that is missing, not known, of another type, or the file
    /// that it names and that cannot be read.
    pub fn new(map: &Map) -> Result<Options, String> {
        super::known::check(map)?;
        word(map, "communicator", &["ssh"])?;
        word(map, "ami_virtualization_type", &["hvm"])?;
        let need = |name: &str| text(map, name).ok_or_else(|| format!("amazon-ebs needs `{name}`"));
        let (source_ami, source_filter) = (text(map, "source_ami"), filter(map)?);
        if source_ami.is_none() && source_filter.is_none() {
            return Err("amazon-ebs needs `source_ami` or `source_ami_filter`".into());
        }
        let user_data = match text(map, "user_data_file") {
            Some(path) => {
                Some(std::fs::read_to_string(&path).map_err(|e| format!("user_data_file {path}: {e}"))?)
            }
            None => text(map, "user_data"),
        };
        let words = ["public_ip", "private_ip", "public_dns", "private_dns", "session_manager"];
        let interface = word(map, "ssh_interface", &words)?;
        let (instance_types, spot_price) = instance(map)?;
        let mut groups = texts(map, "security_group_ids");
        groups.extend(text(map, "security_group_id"));
        let port = number(map, "ssh_port")?.unwrap_or(22);
        // What is given by its id goes before what a filter would find.
        let filter_of = |name: &str, given: bool| if given { Ok(None) } else { network_filter(map, name) };
        let (vpc_id, subnet_id) = (text(map, "vpc_id"), text(map, "subnet_id"));
        let mut run_tags = tags(map, "run_tags")?;
        // What the image is made of hands its tags on.
        let skip = truth(map, "skip_ami_run_tags")?.unwrap_or(false);
        let mut image_tags = if skip { Tags::new() } else { run_tags.clone() };
        image_tags.extend(tags(map, "tags")?);
        let mut snapshot_tags = image_tags.clone();
        snapshot_tags.extend(tags(map, "snapshot_tags")?);
        let ami_name = need("ami_name")?;
        let name = text(map, "name").unwrap_or_else(|| "amazon-ebs".into());
        run_tags.entry("Name".into()).or_insert_with(|| format!("bake {ami_name}"));
        Ok(Options {
            access: Access {
                profile: text(map, "profile"),
                region: text(map, "region"),
                access_key: text(map, "access_key"),
                secret_key: text(map, "secret_key"),
                session_token: text(map, "token"),
                endpoint: text(map, "custom_endpoint_ec2"),
                ca_bundle: None,
                role: role(map)?,
            },
            build_name: text(map, "build_name").unwrap_or_else(|| name.clone()),
            name,
            source_ami,
            source_filter,
            instance_types,
            profile: text(map, "iam_instance_profile"),
            vpc_filter: filter_of("vpc_filter", vpc_id.is_some())?,
            subnet_filter: filter_of("subnet_filter", subnet_id.is_some())?,
            group_filter: filter_of("security_group_filter", !groups.is_empty())?,
            subnet_id,
            vpc_id,
            availability_zone: text(map, "availability_zone"),
            security_group_ids: groups,
            tenancy: text(map, "tenancy"),
            shutdown_stops: word(map, "shutdown_behavior", &["terminate", "stop"])? == "stop",
            spot_price,
            unlimited: truth(map, "enable_unlimited_credits")?.unwrap_or(false)
                || truth(map, "enable_t2_unlimited")?.unwrap_or(false),
            keeps_running: truth(map, "disable_stop_instance")?.unwrap_or(false),
            skip_image: truth(map, "skip_create_ami")?.unwrap_or(false),
            public_address: truth(map, "associate_public_ip_address")?,
            user_data,
            volume_tags: tags(map, "run_volume_tags")?,
            run_tags,
            source_cidrs: texts(map, "temporary_security_group_source_cidrs"),
            imds: metadata(map)?,
            ebs_optimized: truth(map, "ebs_optimized")?.unwrap_or(false),
            launch_disks: disks(map, "launch_block_device_mappings")?,
            ami_disks: disks(map, "ami_block_device_mappings")?,
            ami_name,
            ami_description: text(map, "ami_description").unwrap_or_default(),
            regions: texts(map, "ami_regions"),
            users: texts(map, "ami_users"),
            groups: texts(map, "ami_groups"),
            org_arns: texts(map, "ami_org_arns"),
            ou_arns: texts(map, "ami_ou_arns"),
            tags: image_tags,
            snapshot_tags,
            snapshot_users: texts(map, "snapshot_users"),
            snapshot_groups: texts(map, "snapshot_groups"),
            encrypt: truth(map, "encrypt_boot")?.unwrap_or(false),
            kms_key: text(map, "kms_key_id"),
            region_kms_keys: tags(map, "region_kms_key_ids")?,
            force_deregister: truth(map, "force_deregister")?.unwrap_or(false),
            force_delete_snapshot: truth(map, "force_delete_snapshot")?.unwrap_or(false),
            deprecate_at: text(map, "deprecate_at"),
            protection: protection(map)?,
            ena_support: truth(map, "ena_support")?,
            sriov_support: truth(map, "sriov_support")?.unwrap_or(false),
            imds_v2: imds_v2(map)?,
            ssh_user: need("ssh_username")?,
            ssh_port: u16::try_from(port).map_err(|_| format!("ssh_port: {port} is no port"))?,
            ssh_interface: interface,
            ssh_timeout: duration(
                map,
                if map.contains_key("ssh_timeout") { "ssh_timeout" } else { "ssh_wait_timeout" },
                300,
            )?,
            ssh_host: text(map, "ssh_host"),
            agent: truth(map, "ssh_agent_auth")?.unwrap_or(false),
            bastion: bastion(map),
            key_type: word(map, "temporary_key_pair_type", &["ed25519", "ecdsa", "rsa"])?,
            key_name: text(map, "temporary_key_pair_name"),
            keypair_name: text(map, "ssh_keypair_name"),
            private_key_file: text(map, "ssh_private_key_file").map(PathBuf::from),
            lifetime: duration(map, "lifetime", 4 * 3600)?,
            image_limit: polling(map)?,
        })
    }
}
