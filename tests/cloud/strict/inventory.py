"""What there is, in one list, for a test that asks what was left."""

from . import transitions
from .rules import backend


def everything(regions):
    found = []
    for region in sorted(regions):
        found += [dict(one, region=region) for one in _ec2(region)]
        found += [dict(one, region=region) for one in _autoscaling(region)]
        found += [dict(one, region=region) for one in _parameters(region)]
    return found + _iam() + _objects()


def _one(kind, name, tags, state=None):
    return {"kind": kind, "id": name, "tags": tags, "state": state}


def _ec2(region):
    ec2 = backend("ec2", region)
    default = {name for name, vpc in ec2.vpcs.items() if vpc.is_default}
    here = {
        "vpc": [v for v in ec2.vpcs.values() if not v.is_default],
        "subnet": [s for zone in ec2.subnets.values() for s in zone.values() if s.vpc_id not in default],
        "internet-gateway": ec2.internet_gateways.values(),
        "route-table": [t for t in ec2.route_tables.values() if not t.main_association_id],
        "security-group": [g for gs in ec2.groups.values() for g in gs.values() if g.name != "default"],
        "key-pair": ec2.key_pairs.values(),
        "launch-template": ec2.launch_templates.values(),
        "network-interface": ec2.enis.values(),
        "volume": ec2.volumes.values(),
        "snapshot": [s for s in ec2.snapshots.values() if s.id not in STOCK.get(region, ())],
        "image": [a for a in ec2.amis.values() if a.id not in STOCK.get(region, ())],
        "natgateway": [g for g in ec2.nat_gateways.values() if g.state != "deleted"],
    }
    found = [_one(kind, one.id, _tags(ec2, one), getattr(one, "state", None)) for kind, ones in here.items() for one in ones]
    for reservation in ec2.reservations.values():
        live = (i for i in reservation.instances if i.state != "terminated")
        found += [_one("instance", i.id, dict(ec2.tags.get(i.id, {})), i.state) for i in live]
    found += [_one("elastic-ip", a.allocation_id, dict(ec2.tags.get(a.allocation_id, {}))) for a in ec2.addresses]
    return found


def _tags(ec2, one):
    tags = dict(ec2.tags.get(one.id, {}))
    own = getattr(one, "tags", None)
    return tags or (dict(own) if isinstance(own, dict) else {})


def _autoscaling(region):
    groups = backend("autoscaling", region).autoscaling_groups.values()
    return [_one("autoscaling-group", g.name, {t["Key"]: t["Value"] for t in g.tags}) for g in groups]


def _parameters(region):
    ssm = backend("ssm", region)
    names = [name for name, versions in ssm._parameters.items() if versions and not name.startswith("/aws/")]
    tags = ssm._resource_tags.get("Parameter", {})
    # moto keeps `/one` as `one`, and its tags under the name as it was given.
    return [_one("parameter", name, dict(tags.get(name) or tags.get(f"/{name}", {}))) for name in names]


def _iam():
    iam = backend("iam", "aws")
    found = [_one("role", role.name, _flat(role.tags)) for role in iam.roles.values()]
    return found + [_one("instance-profile", p.name, _flat(p.tags)) for p in iam.instance_profiles.values()]


def _flat(tags):
    """moto keeps tags as a list of pairs, or as a mapping of keys to such pairs."""
    pairs = tags.values() if isinstance(tags, dict) else tags or []
    return {pair["Key"]: pair["Value"] for pair in pairs}


def _objects():
    buckets = backend("s3", "aws").buckets.values()
    return [_one("object", f"{bucket.name}/{key}", {}) for bucket in buckets for key in bucket.keys]


# Images and snapshots that a region has from the start, by region.
STOCK = {}


def note_stock(region):
    ec2 = backend("ec2", region)
    STOCK.setdefault(region, set(ec2.amis) | set(ec2.snapshots))


transitions.FIRST_SIGHT.append(note_stock)
