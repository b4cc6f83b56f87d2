"""What is in use cannot be deleted, and what does not fit together is refused."""

from .rules import Refusal, before


def violation(what):
    return Refusal("DependencyViolation", f"{what} has dependencies and cannot be deleted.")


def alive(ec2):
    """Instances that still hold their network, as those do that are shutting down."""
    instances = (i for reservation in ec2.reservations.values() for i in reservation.instances)
    return [instance for instance in instances if instance.state != "terminated"]


def gateways(ec2, **where):
    open_ones = (g for g in ec2.nat_gateways.values() if g.state != "deleted")
    return [g for g in open_ones if all(getattr(g, key) == value for key, value in where.items())]


@before("DeleteSubnet")
def subnet(call):
    name = call.get("SubnetId")
    interfaces = [eni for eni in call.ec2.enis.values() if eni.subnet and eni.subnet.id == name]
    held = [instance for instance in alive(call.ec2) if instance.subnet_id == name]
    if interfaces or held or gateways(call.ec2, subnet_id=name):
        raise violation(f"The subnet '{name}'")


@before("DeleteSecurityGroup")
def security_group(call):
    name = call.get("GroupId")
    group = call.ec2.get_security_group_from_id(name) if name else None
    if group is None:
        return
    if group.name == "default":
        raise Refusal("CannotDelete", f'the specified group: "{name}" name: "default" cannot be deleted by a user')
    interfaces = [eni for eni in call.ec2.enis.values() if name in [g.id for g in eni.group_set]]
    held = [i for i in alive(call.ec2) if name in [g.id for g in i.security_groups]]
    if interfaces or held or any(_refers(other, name) for other in _groups(call.ec2) if other.id != name):
        raise Refusal("DependencyViolation", f"resource {name} has a dependent object")


def _groups(ec2):
    return [group for groups in ec2.groups.values() for group in groups.values()]


def _refers(group, name):
    return any((rule.source_group or {}).get("GroupId") == name for rule in group.ingress_rules + group.egress_rules)


@before("DeleteVpc")
def vpc(call):
    name, ec2 = call.get("VpcId"), call.ec2
    attached = [g for g in ec2.internet_gateways.values() if g.vpc and g.vpc.id == name]
    groups = [g for g in ec2.groups.get(name, {}).values() if g.name != "default"]
    tables = [t for t in ec2.route_tables.values() if t.vpc_id == name and not t.main_association_id]
    if attached or groups or tables or gateways(ec2, vpc_id=name):
        raise violation(f"The vpc '{name}'")


@before("DetachInternetGateway")
def detach(call):
    name, ec2 = call.get("VpcId"), call.ec2
    mapped = [i for i in alive(ec2) if i.vpc_id == name and (i.public_ip or _has_address(ec2, i))]
    if mapped or [g for g in gateways(ec2, vpc_id=name) if g.connectivity_type == "public"]:
        message = f"Network {name} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        raise Refusal("DependencyViolation", message)


def _has_address(ec2, instance):
    return any(a.instance and a.instance.id == instance.id for a in ec2.addresses)


@before("DeleteInternetGateway")
def internet_gateway(call):
    name = call.get("InternetGatewayId")
    gateway = call.ec2.internet_gateways.get(name)
    if gateway and gateway.vpc:
        raise violation(f"The internetGateway '{name}'")


@before("DeleteNetworkInterface")
def interface(call):
    eni = call.ec2.enis.get(call.get("NetworkInterfaceId"))
    if eni and eni.instance and eni.instance.state != "terminated":
        raise Refusal("InvalidParameterValue", f"Network interface '{eni.id}' is currently in use.")


@before("DeleteSnapshot")
def snapshot(call):
    name = call.get("SnapshotId")
    for image in call.ec2.amis.values():
        if image.ebs_snapshot and image.ebs_snapshot.id == name:
            raise Refusal("InvalidSnapshot.InUse", f"The snapshot {name} is currently in use by {image.id}")


@before("ReleaseAddress")
def address(call):
    for one in call.ec2.addresses:
        if one.allocation_id == call.get("AllocationId") and one.association_id:
            raise Refusal("InvalidIPAddress.InUse", f"Address {one.public_ip} is in use.")


@before("DeleteRouteTable")
def route_table(call):
    table = call.ec2.route_tables.get(call.get("RouteTableId"))
    if table and (table.main_association_id or table.associations):
        raise violation(f"The routeTable '{table.id}'")


@before("RunInstances")
def fits_together(call):
    key = call.get("KeyName")
    if key and key not in call.ec2.key_pairs:
        raise Refusal("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")
    name = call.get("SubnetId") or call.get("NetworkInterface.1.SubnetId")
    subnets = {s.id: s for zone in call.ec2.subnets.values() for s in zone.values()}
    groups = call.values("SecurityGroupId") + call.values("NetworkInterface.1.SecurityGroupId")
    for group in groups:
        found = call.ec2.get_security_group_from_id(group)
        if found is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        if name in subnets and found.vpc_id != subnets[name].vpc_id:
            raise Refusal("InvalidParameter", f"Security group {group} and subnet {name} belong to different networks.")
    if "NetworkInterface.1.DeviceIndex" in call.params and (call.get("SubnetId") or call.values("SecurityGroupId")):
        message = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request"
        raise Refusal("InvalidParameterCombination", message)
