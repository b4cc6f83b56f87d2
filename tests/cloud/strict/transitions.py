"""States that take their time: what moto does at once is shown as under way first.

moto runs, stops, terminates and bakes in the call itself. After each call `observe` looks at every thing that has a state;
where it changed, the state on the way there is shown until its delay is over (`settle`). So it makes no difference whether a
call or an Auto Scaling group caused it. The delay that counts is the one of now: a test that wants to see a state on the way
holds it there with a long one, and lets it go with 0.
"""

import time
from collections import namedtuple

from .rules import ID, Refusal, after, before

# Seconds by the state on the way. A test sets them; 0 shows no state on the way.
DEFAULTS = {
    "instance.pending": 0.15,
    "instance.stopping": 0.15,
    "instance.shutting-down": 0.15,
    "image.pending": 0.15,
    "snapshot.pending": 0.1,
    "nat.pending": 0.15,
    "nat.deleting": 0.15,
    "refresh.step": 0.2,
}
DELAYS = dict(DEFAULTS)

Held = namedtuple("Held", "since final shown")
HELD = {}
SEEN = {}
REGIONS = set()
LASTING = set()
# Called at each settle; autoscaling.py puts its own clock here.
CLOCKS = []
# Called with a region before its first call is carried out.
FIRST_SIGHT = []

WAY = {
    ("instance", "running"): "pending",
    ("instance", "stopped"): "stopping",
    ("instance", "terminated"): "shutting-down",
    ("image", "available"): "pending",
    ("snapshot", "completed"): "pending",
    ("nat", "available"): "pending",
    ("nat", "deleted"): "deleting",
}
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


@after("CreateNatGateway")
def not_yet(call, text):
    """The reply tells the first state, as that of RunInstances does."""
    return text.replace("<state>available</state>", "<state>pending</state>") if DELAYS["nat.pending"] else text


class Thing:
    def __init__(self, kind, thing):
        self.kind, self.thing, self.id = kind, thing, thing.id

    @property
    def state(self):
        return {"instance": lambda t: t._state.name, "snapshot": lambda t: t.status}.get(
            self.kind, lambda t: t.state
        )(self.thing)

    @state.setter
    def state(self, value):
        if self.kind == "instance":
            self.thing._state.name, self.thing._state.code = value, CODES[value]
        elif self.kind == "snapshot":
            self.thing.status = value
        else:
            self.thing.state = value


def things(ec2):
    for reservation in list(ec2.reservations.values()):
        yield from (Thing("instance", instance) for instance in reservation.instances)
    yield from (Thing("image", image) for image in list(ec2.amis.values()))
    yield from (Thing("snapshot", snapshot) for snapshot in list(ec2.snapshots.values()))
    yield from (Thing("nat", gateway) for gateway in list(ec2.nat_gateways.values()))


def settle(call):
    """Shows as finished what is due; before each call."""
    if call.region not in REGIONS and call.service in ("ec2", "autoscaling", "ssm"):
        REGIONS.add(call.region)
        # What a region has from the start was always so.
        SEEN.update({thing.id: thing.state for thing in things(call.ec2)})
        for look in FIRST_SIGHT:
            look(call.region)
    if call.service not in ("ec2", "autoscaling"):
        return
    now = time.monotonic()
    for thing in things(call.ec2):
        held = HELD.get(thing.id)
        if held and now - held.since >= DELAYS[f"{thing.kind}.{held.shown}"]:
            del HELD[thing.id]
            if thing.state == held.shown:
                thing.state = held.final
                SEEN[thing.id] = held.final
                finished(call, thing)
    for clock in CLOCKS:
        clock(call)


def observe(call):
    """Holds back what a call has changed; after each call."""
    if not call.reads and call.service in ("ec2", "autoscaling"):
        observe_all(call)


def observe_all(call):
    for thing in things(call.ec2):
        state = thing.state
        held = HELD.get(thing.id)
        if (held and state == held.shown) or (not held and SEEN.get(thing.id) == state):
            continue
        shown = WAY.get((thing.kind, state))
        delay = DELAYS.get(f"{thing.kind}.{shown}", 0)
        if shown and delay:
            HELD[thing.id] = Held(time.monotonic(), state, shown)
            thing.state = shown
        else:
            HELD.pop(thing.id, None)
            SEEN[thing.id] = state
            finished(call, thing)


def finished(call, thing):
    """moto leaves the interfaces of instances and gateways behind."""
    if thing.kind == "instance" and thing.state == "terminated":
        for eni in thing.thing.nics.values():
            if eni.id not in LASTING:
                call.ec2.enis.pop(eni.id, None)
    if thing.kind == "nat" and thing.state == "deleted":
        call.ec2.enis.pop(thing.thing._eni.id, None)
        for address in list(call.ec2.addresses):
            if address.eni is thing.thing._eni:
                address.eni, address.association_id = None, None


@after("CreateNetworkInterface")
def lasting(call, text):
    """An interface that was made by itself outlives the instance it is attached to."""
    LASTING.update(match.group(0) for match in ID.finditer(text) if match.group(1) == "eni")


def _instances(call):
    names = call.values("InstanceId") or [call.get("InstanceId")]
    return [instance for instance in map(call.ec2.get_instance_by_id, names) if instance]


def _require(call, states, code="IncorrectInstanceState"):
    for instance in _instances(call):
        if instance.state not in states:
            raise Refusal(code, f"The instance '{instance.id}' is not in a state from which it can be {call.action}.")


@before("StartInstances")
def start(call):
    _require(call, ("stopped", "running", "pending"))


@before("StopInstances")
def stop(call):
    _require(call, ("running", "stopped", "stopping"))


@before("RebootInstances", "CreateImage", "AssociateAddress", "AttachVolume")
def settled(call):
    _require(call, ("running", "stopped"))


@before("ModifyInstanceAttribute")
def stopped(call):
    if any(key.startswith(("InstanceType", "UserData", "EbsOptimized")) for key in call.params) or call.get(
        "Attribute"
    ) in ("instanceType", "userData"):
        _require(call, ("stopped",))


@before("RunInstances")
def image_is_ready(call):
    image = call.ec2.amis.get(call.get("ImageId"))
    if image and image.state != "available":
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available ({image.state})")
