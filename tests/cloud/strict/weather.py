"""Eventual consistency: for a while after its creation a thing is not found and not listed.

What EC2 makes has an id; what other services make has its name, and who makes it again is told that it is there.
"""

import re
import time

from .rules import ID, Refusal
from .wire import Tree

SETTINGS = {"notfound": 0.0}
BORN = {}
CREATES = re.compile(r"^(Create|Run|Copy|Allocate|Import|Register)")

CODES = {
    "ami": "InvalidAMIID.NotFound",
    "eipalloc": "InvalidAllocationID.NotFound",
    "eni": "InvalidNetworkInterfaceID.NotFound",
    "i": "InvalidInstanceID.NotFound",
    "igw": "InvalidInternetGatewayID.NotFound",
    "key": "InvalidKeyPair.NotFound",
    "lt": "InvalidLaunchTemplateId.NotFound",
    "nat": "NatGatewayNotFound",
    "rtb": "InvalidRouteTableID.NotFound",
    "sg": "InvalidGroup.NotFound",
    "snap": "InvalidSnapshot.NotFound",
    "subnet": "InvalidSubnetID.NotFound",
    "vol": "InvalidVolume.NotFound",
    "vpc": "InvalidVpcID.NotFound",
}

# Which element of an item of a Describe's list is the item's own id.
OWN = {
    "DescribeAddresses": "allocationId",
    "DescribeImages": "imageId",
    "DescribeInternetGateways": "internetGatewayId",
    "DescribeKeyPairs": "keyPairId",
    "DescribeLaunchTemplates": "launchTemplateId",
    "DescribeNatGateways": "natGatewayId",
    "DescribeRouteTables": "routeTableId",
    "DescribeSecurityGroups": "groupId",
    "DescribeSnapshots": "snapshotId",
    "DescribeSubnets": "subnetId",
    "DescribeVolumes": "volumeId",
    "DescribeVpcs": "vpcId",
}


# Which parameter of a creation is the thing's name, and the same for who asks for it, with the code of the answer.
NAMED = {
    ("iam", "CreateRole"): "RoleName",
    ("iam", "CreateInstanceProfile"): "InstanceProfileName",
    ("autoscaling", "CreateAutoScalingGroup"): "AutoScalingGroupName",
    ("ssm", "PutParameter"): "Name",
}
ASKED = {
    ("iam", "GetRole"): ("RoleName", "NoSuchEntity"),
    ("iam", "GetInstanceProfile"): ("InstanceProfileName", "NoSuchEntity"),
    ("ssm", "GetParameter"): ("Name", "ParameterNotFound"),
}


def young(name):
    return time.monotonic() - BORN.get(name, float("-inf")) < SETTINGS["notfound"]


def note_births(call, text):
    if name := NAMED.get((call.service, call.action)):
        BORN.setdefault((name, call.value(name)), time.monotonic())
    if call.service == "ec2" and CREATES.match(call.action):
        for match in ID.finditer(text):
            BORN.setdefault(match.group(0), time.monotonic())


def refuse_young(call):
    """A call that names a thing too young is told that there is none."""
    if name := ASKED.get((call.service, call.action)):
        own = call.value(name[0])
        if young((name[0], own)):
            raise Refusal(name[1], f"The thing with name {own} cannot be found.", 404 if call.service == "iam" else 400)
    if call.action in ("RunInstances", "CreateAutoScalingGroup"):
        profile = call.get("IamInstanceProfile.Name")
        if young(("InstanceProfileName", profile)):
            message = f"Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            raise Refusal("InvalidParameterValue", message)
    if not SETTINGS["notfound"] or call.service != "ec2":
        return
    for key, value in call.params.items():
        if ".Tag." in key or key.startswith("Filter"):
            continue
        for match in ID.finditer(value):
            if young(match.group(0)) and match.group(1) in CODES:
                raise Refusal(CODES[match.group(1)], f"The ID '{match.group(0)}' does not exist")


def hide_young(call, text):
    """A list lacks what is too young."""
    if SETTINGS["notfound"] and call.action == "DescribeAutoScalingGroups":
        return _drop_groups(text)
    if not SETTINGS["notfound"] or call.service != "ec2":
        return text
    if call.action == "DescribeInstances":
        return _drop(text, "instancesSet", "instanceId")
    if own := OWN.get(call.action):
        return _drop(text, None, own)
    return text


def _drop_groups(text):
    tree = Tree(text)
    for groups in tree.all("AutoScalingGroups"):
        for group in list(groups):
            if young(("AutoScalingGroupName", tree.child(group, "AutoScalingGroupName").text)):
                groups.remove(group)
    return tree.text()


def _drop(text, inner, own):
    tree = Tree(text)
    items = tree.the_set()
    for item in list(items if items is not None else []):
        within = tree.child(item, inner) if inner else None
        for one in list(within) if within is not None else [item]:
            name = tree.child(one, own)
            if name is not None and young(name.text):
                (items if within is None else within).remove(one)
        if within is not None and len(within) == 0:
            items.remove(item)
    return tree.text()
