"""Tags at creation: where moto drops those of a TagSpecification, they are put on."""

import re

from .rules import ID, Refusal, after, before

PREFIXES = {
    "elastic-ip": "eipalloc",
    "image": "ami",
    "instance": "i",
    "internet-gateway": "igw",
    "key-pair": "key",
    "launch-template": "lt",
    "natgateway": "nat",
    "network-interface": "eni",
    "route-table": "rtb",
    "security-group": "sg",
    "security-group-rule": "sgr",
    "snapshot": "snap",
    "subnet": "subnet",
    "volume": "vol",
    "vpc": "vpc",
}
CREATES = re.compile(r"^(Create|Run|Copy|Allocate|Import|Register|Authorize)")


def tag_all(call, text):
    if call.service != "ec2" or not CREATES.match(call.action):
        return
    wanted = call.memo.get("tags") or call.tag_specifications()
    found = [match for match in ID.finditer(text)]
    found += [match for instance in _instances(call, text) for match in ID.finditer(_belongings(instance))]
    for kind, tags in wanted.values():
        if kind not in PREFIXES:
            raise Refusal("InvalidParameterValue", f"'{kind}' is not a valid taggable resource type for this operation.")
        for name in {m.group(0) for m in found if m.group(1) == PREFIXES[kind]}:
            if kind == "subnet" and call.action != "CreateSubnet" or kind == "vpc" and call.action != "CreateVpc":
                continue
            missing = tags.items() - call.ec2.tags.get(name, {}).items()
            if missing:
                call.ec2.create_tags([name], dict(tags))


def _instances(call, text):
    if call.action != "RunInstances":
        return []
    names = {m.group(0) for m in ID.finditer(text) if m.group(1) == "i"}
    return [call.ec2.get_instance_by_id(name) for name in names]


def _belongings(instance):
    interfaces = [eni.id for eni in instance.nics.values()]
    return " ".join(interfaces + [block.volume_id for block in instance.block_device_mapping.values()])


@before("RunInstances")
def devices_without_a_volume(call):
    """moto knows no instance store, and no device of the image that is left out."""
    for name in list(call.params):
        if match := re.match(r"(BlockDeviceMapping\.\d+\.)(VirtualName|NoDevice)$", name):
            call.drop(match.group(1))


@after("RunInstances")
def groups_of_the_interface(call, text):
    """An instance is in the groups of its first interface; moto knows only those named beside it."""
    for instance in _instances(call, text):
        if instance.nics and not instance.security_groups:
            instance.security_groups = list(instance.nics[0].group_set)


@after("DescribeTags")
def types_as_named(call, text):
    """moto has names of its own for two types of things."""
    for wrong, right in (("vpc-elastic-ip", "elastic-ip"), ("nat-gateway", "natgateway")):
        text = text.replace(f"<resourceType>{wrong}</resourceType>", f"<resourceType>{right}</resourceType>")
    return text


@after("RunInstances")
def protects(call, text):
    """moto does not read the protection from termination at the launch."""
    if call.true("DisableApiTermination"):
        for match in ID.finditer(text):
            if instance := call.ec2.get_instance_by_id(match.group(0)):
                instance.disable_api_termination = True
