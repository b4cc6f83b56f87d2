"""Images that were baked: names are unique, the root device is the source's, snapshots carry their tags."""

import re

from moto.ec2.models.amis import Ami

from .rules import ID, Refusal, after, before, instead

# A baked image's devices; moto gives every image one device of 15 GiB.
Ami.block_device_mappings = property(lambda image, of_moto=Ami.block_device_mappings.fget: getattr(image, "strict_devices", None) or of_moto(image))


@before("CreateImage", "CopyImage", "RegisterImage")
def name_is_free(call):
    name = call.get("Name")
    for image in call.ec2.amis.values():
        if image.name == name and image.owner_id == call.ec2.account_id:
            raise Refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")


@before("CreateImage")
def without_snapshot_tags(call):
    """moto has no tags for the snapshots of an image; creation.py puts them on."""
    call.memo["tags"] = call.tag_specifications()
    for at, (kind, _) in call.memo["tags"].items():
        if kind == "snapshot":
            call.drop(f"TagSpecification.{at}.")


@after("CreateImage")
def like_its_source(call, text):
    image = _image(call, text)
    instance = call.ec2.get_instance_by_id(call.get("InstanceId"))
    source = call.ec2.amis.get(instance.image_id)
    image.root_device_type = "ebs"
    image.root_device_name = source.root_device_name if source else "/dev/xvda"
    volumes = [call.ec2.volumes.get(b.volume_id) for b in instance.block_device_mapping.values()]
    size = next((volume.size for volume in volumes if volume), 8)
    image.strict_devices = [_device(image, size)]
    _tag_snapshot(call, image)


@after("CopyImage")
def like_the_original(call, text):
    image = _image(call, text)
    source = call.ec2.amis.get(call.get("SourceImageId"))
    image.root_device_type = "ebs"
    if source:
        image.root_device_name = source.root_device_name
        if call.true("CopyImageTags"):
            call.ec2.create_tags([image.id], dict(call.ec2.tags.get(source.id, {})))
    _tag_snapshot(call, image)


@after("RegisterImage")
def of_the_snapshots(call, text):
    """moto gives the image a snapshot of its own."""
    image, at, devices = _image(call, text), 1, []
    while name := call.get(f"BlockDeviceMapping.{at}.DeviceName"):
        if snapshot := call.get(f"BlockDeviceMapping.{at}.Ebs.SnapshotId"):
            size = int(call.get(f"BlockDeviceMapping.{at}.Ebs.VolumeSize") or 8)
            ebs = {"SnapshotId": snapshot, "VolumeSize": size, "DeleteOnTermination": True, "VolumeType": "gp3"}
            devices.append({"DeviceName": name, "Ebs": ebs})
        at += 1
    image.strict_devices = devices


def _image(call, text):
    return next(call.ec2.amis[m.group(0)] for m in ID.finditer(text) if m.group(1) == "ami")


def _device(image, size):
    ebs = {"SnapshotId": image.ebs_snapshot.id, "VolumeSize": size, "DeleteOnTermination": True, "VolumeType": "gp3"}
    return {"DeviceName": image.root_device_name, "Ebs": ebs}


def _tag_snapshot(call, image):
    for kind, tags in (call.memo.get("tags") or call.tag_specifications()).values():
        if kind == "snapshot":
            call.ec2.create_tags([image.ebs_snapshot.id], dict(tags))


DONE = "<{0}Response><requestId>r</requestId><return>{1}</return></{0}Response>"


@instead("EnableImageDeprecation", "DisableImageDeregistrationProtection", "EnableImageDeregistrationProtection")
def noted(call):
    """moto has none of them."""
    image = call.ec2.amis.get(call.get("ImageId"))
    if image is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{call.get('ImageId')}]' does not exist")
    if call.action == "EnableImageDeprecation":
        return DONE.format(call.action, "true")
    word = "enabled-with-cooldown" if call.true("WithCooldown") else "enabled-without-cooldown"
    image.strict_protection = word if call.action.startswith("Enable") else "disabled"
    return DONE.format(call.action, image.strict_protection)


@before("DeregisterImage")
def unprotected(call):
    image = call.ec2.amis.get(call.get("ImageId"))
    if getattr(image, "strict_protection", "").startswith("enabled"):
        raise Refusal("OperationNotPermitted", f"Deregistration protection is enabled for the image {image.id}")


@after("DescribeImages")
def tells_of_protection(call, text):
    for image in call.ec2.amis.values():
        if word := getattr(image, "strict_protection", None):
            told = f"<imageId>{image.id}</imageId>"
            text = text.replace(told, f"{told}<deregistrationProtection>{word}</deregistrationProtection>")
    return text


@after("ModifySnapshotAttribute")
def who_may_make_volumes(call, text):
    """moto knows the older parameters alone."""
    ways = {"Add": call.ec2.add_create_volume_permission, "Remove": call.ec2.remove_create_volume_permission}
    for way, change in ways.items():
        named = [(re.fullmatch(rf"CreateVolumePermission\.{way}\.\d+\.(UserId|Group)", k), v) for k, v in call.params.items()]
        users = [value for match, value in named if match and match.group(1) == "UserId"]
        groups = [value for match, value in named if match and match.group(1) == "Group"]
        if users or groups:
            change(call.get("SnapshotId"), user_ids=users, groups=groups)
