//! What an image is made of: an instance, or snapshots that are registered as its devices.

use crate::base::{Map, Value};
use crate::cloud::CallError;
use crate::cloud::calls::CallFuture;
use crate::cloud::ec2::{input::*, types};
use crate::cloud::identity::Op;
use crate::modules::ArgsExt;
use crate::modules::cloud::{Cx, baked};

/// What is said of an image that is registered, and inherited by one that is made of an instance.
pub const OF_REGISTERED: [&str; 10] = [
    "architecture",
    "virtualization_type",
    "root_device_name",
    "image_location",
    "boot_mode",
    "tpm_support",
    "enhanced_networking",
    "sriov_net_support",
    "kernel_id",
    "ramdisk_id",
];

/// Whether there is enough to register an image, where no instance is named.
pub fn can_register(cx: &Cx<'_>) -> bool {
    cx.args.has("image_location") || cx.args.items("device_mapping").iter().any(has_snapshot)
}

fn has_snapshot(device: &Value) -> bool {
    device.get("snapshot_id").is_some_and(|id| !id.is_null())
}

/// The call that makes the image; its id.
pub fn send<'a>(
    cx: &'a Cx<'_>,
    op: &Op,
) -> Box<dyn Fn() -> CallFuture<'a, Option<String>> + Send + Sync + 'a> {
    let ec2 = &cx.account.ec2;
    if cx.args.has("instance_id") {
        let input = of_instance(cx, op);
        return Box::new(move || {
            let input = input.clone();
            Box::pin(async move { Ok(ec2.create_image(input).await?.image_id) })
        });
    }
    let input = registered(cx, op);
    Box::new(move || {
        let input = input.clone();
        Box::pin(async move { Ok::<_, CallError>(ec2.register_image(input).await?.image_id) })
    })
}

fn devices(cx: &Cx<'_>) -> Option<Vec<types::BlockDeviceMapping>> {
    let all: Vec<_> = cx.args.items("device_mapping").iter().filter_map(Value::as_map).map(device).collect();
    (!all.is_empty()).then_some(all)
}

fn of_instance(cx: &Cx<'_>, op: &Op) -> CreateImageInputBuilder {
    let tags = baked::tags(cx);
    let text = |name: &str| cx.text(name).map(str::to_string);
    CreateImageInputBuilder::default()
        .set_instance_id(text("instance_id"))
        .set_name(text("name"))
        .set_description(text("description"))
        .no_reboot(cx.args.bool("no_reboot"))
        .set_block_device_mappings(devices(cx))
        .tag_specifications(op.specification(types::ResourceType::Image, &tags))
        .tag_specifications(op.specification(types::ResourceType::Snapshot, &tags))
}

/// Its snapshots are somebody's own: only the image gets tags.
fn registered(cx: &Cx<'_>, op: &Op) -> RegisterImageInputBuilder {
    let text = |name: &str| cx.text(name).map(str::to_string);
    let codes: Vec<String> = cx.args.list("billing_products").into_iter().map(str::to_string).collect();
    RegisterImageInputBuilder::default()
        .set_name(text("name"))
        .set_description(text("description"))
        .set_architecture(cx.text("architecture").map(Into::into))
        .set_virtualization_type(text("virtualization_type"))
        .set_root_device_name(text("root_device_name"))
        .set_image_location(text("image_location"))
        .set_boot_mode(cx.text("boot_mode").map(Into::into))
        .set_tpm_support(cx.text("tpm_support").map(Into::into))
        .set_uefi_data(text("uefi_data"))
        .set_ena_support(cx.args.opt_bool("enhanced_networking"))
        .set_sriov_net_support(text("sriov_net_support"))
        .set_kernel_id(text("kernel_id"))
        .set_ramdisk_id(text("ramdisk_id"))
        .set_billing_products((!codes.is_empty()).then_some(codes))
        .set_block_device_mappings(devices(cx))
        .tag_specifications(op.specification(types::ResourceType::Image, &baked::tags(cx)))
}

fn device(map: &Map) -> types::BlockDeviceMapping {
    let text = |name: &str| map.opt_str(name).map(str::to_string);
    let int = |name: &str| map.opt_int(name).and_then(|n| i32::try_from(n).ok());
    let ebs = types::EbsBlockDevice::builder()
        .set_delete_on_termination(map.opt_bool("delete_on_termination"))
        .set_encrypted(map.opt_bool("encrypted"))
        .set_iops(int("iops"))
        .set_snapshot_id(text("snapshot_id"))
        .set_volume_size(int("volume_size"))
        .set_volume_type(map.opt_str("volume_type").map(Into::into))
        .build();
    let mapping = types::BlockDeviceMapping::builder().set_device_name(text("device_name"));
    match (map.bool("no_device"), text("virtual_name")) {
        (true, _) => mapping.no_device("").build(),
        (false, Some(name)) => mapping.virtual_name(name).build(),
        (false, None) => mapping.ebs(ebs).build(),
    }
}
