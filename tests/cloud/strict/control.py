"""`POST /strict/NAME` with JSON: what a test says to this cloud, and asks of it.

    settings   {"delays": {"instance.pending": 2}, "notfound": 4, "page": 2}: changes what is named, for what is on its way too
    inventory  {"region": "us-east-1"}: everything that there is, with tags
    reset      an empty account, with all settings as at the start
    public     {"i-…": "10.213.0.2"}: the public address of an instance, where a real host answers for it
    off        {"instance": "i-…"}: it has switched itself off: it is stopped or terminated, as was said at its launch
    console    {"i-…": "text"}: what GetConsoleOutput gives
    protect    {"actions": ["ec2:*"]}: a user with these permissions only; signatures and permissions count from now on
"""

import base64
import json

from moto import settings as moto_settings
from moto.core.authorization import ActionAuthenticatorMixin

from . import autoscaling, inventory, pages, tokens, transitions, weather
from .rules import backend, instead

CONSOLE = {}


def answer(name, body):
    question = json.loads(body or b"{}")
    if name not in ANSWERS:
        return 404, "text/plain", f"no /strict/{name}"
    return 200, "application/json", json.dumps(ANSWERS[name](question))


def settings(wanted):
    unknown = set(wanted.get("delays", {})) - set(transitions.DEFAULTS)
    if unknown:
        raise KeyError(f"no such delays: {sorted(unknown)}")
    transitions.DELAYS.update(wanted.get("delays", {}))
    weather.SETTINGS["notfound"] = wanted.get("notfound", weather.SETTINGS["notfound"])
    pages.SETTINGS["size"] = wanted.get("page", pages.SETTINGS["size"])
    return {}


def list_everything(wanted):
    regions = transitions.REGIONS & {wanted["region"]} if "region" in wanted else transitions.REGIONS
    for region in regions:
        transitions.settle(_Clock(region))
    return inventory.everything(regions)


class _Clock:
    """Stands for a call when only time has passed."""

    service, reads = "ec2", True

    def __init__(self, region):
        self.region = region

    @property
    def ec2(self):
        return backend("ec2", self.region)

    @property
    def autoscaling(self):
        return backend("autoscaling", self.region)


def reset(_):
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
    for kept in (
        tokens.KEPT,
        weather.BORN,
        pages.WAITING,
        transitions.HELD,
        transitions.SEEN,
        transitions.REGIONS,
        transitions.LASTING,
        autoscaling.LEAVING,
        autoscaling.RELEASED,
        autoscaling.REFRESHES,
        inventory.STOCK,
        CONSOLE,
    ):
        kept.clear()
    moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    transitions.DELAYS.update(transitions.DEFAULTS)
    weather.SETTINGS["notfound"] = 0.0
    pages.SETTINGS["size"] = 0
    return {}


def public(addresses):
    for region in transitions.REGIONS:
        for name, address in addresses.items():
            if instance := backend("ec2", region).get_instance_by_id(name):
                instance.nics[0].public_ip = address
    return {}


def off(wanted):
    name = wanted["instance"]
    for region in transitions.REGIONS:
        ec2 = backend("ec2", region)
        if (instance := ec2.get_instance_by_id(name)) and instance.state == "running":
            if instance.instance_initiated_shutdown_behavior == "terminate":
                ec2.terminate_instances([name])
            else:
                ec2.stop_instances([name])
            transitions.observe_all(_Clock(region))
    return {}


def console(texts):
    CONSOLE.update(texts)
    return {}


@instead("GetConsoleOutput")
def console_output(call):
    instance = call.ec2.get_instance(call.get("InstanceId"))
    text = base64.b64encode(CONSOLE.get(instance.id, "").encode()).decode()
    return (
        '<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>strict</requestId>'
        f"<instanceId>{instance.id}</instanceId><timestamp>2026-01-01T00:00:00.000Z</timestamp>"
        f"<output>{text}</output></GetConsoleOutputResponse>"
    )


def protect(wanted):

    iam = backend("iam", "aws")
    iam.create_user(region_name="us-east-1", user_name="tester")
    key = iam.create_access_key("tester")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": wanted["actions"], "Resource": "*"}]}
    iam.put_user_policy("tester", "given", json.dumps(policy))
    moto_settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0
    return {"access_key": key.access_key_id, "secret_key": key.secret_access_key}


ANSWERS = {
    "settings": settings,
    "inventory": list_everything,
    "reset": reset,
    "public": public,
    "console": console,
    "off": off,
    "protect": protect,
}
