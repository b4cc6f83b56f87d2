"""What moto forgets of an Auto Scaling group: parts of its updates, whom its hooks tell, that metrics end."""

import re

from .autoscaling import SERVICE, group_of
from .rules import after, instead
from .wire import query_reply

TOLD = ("NotificationTargetARN", "RoleARN", "NotificationMetadata")


@after("CreateAutoScalingGroup", "UpdateAutoScalingGroup", service=SERVICE)
def lifetime(call, text):
    if seconds := call.get("MaxInstanceLifetime"):
        group_of(call).strict_lifetime = seconds


@after("UpdateAutoScalingGroup", service=SERVICE)
def updates(call, text):
    group = group_of(call)
    group.default_cooldown = call.get("DefaultCooldown", group.default_cooldown)
    group.termination_policies = call.values("TerminationPolicies.member") or group.termination_policies
    if call.get("CapacityRebalance"):
        group.capacity_rebalance = call.true("CapacityRebalance")


@after("DescribeAutoScalingGroups", service=SERVICE)
def tells_lifetime(call, text):
    for group in call.autoscaling.autoscaling_groups.values():
        if seconds := getattr(group, "strict_lifetime", None):
            own = f"<AutoScalingGroupName>{group.name}</AutoScalingGroupName><AutoScalingGroupARN>"
            told = f"<MaxInstanceLifetime>{seconds}</MaxInstanceLifetime>{own}"
            text = text.replace(own, told, 1)
    return text


@instead("DisableMetricsCollection", service=SERVICE)
def no_metrics(call):
    group_of(call).metrics = []
    return query_reply(call, "")


@after("PutLifecycleHook", service=SERVICE)
def hook(call, text):
    _remember(call, call.get("LifecycleHookName"), "")


@after("CreateAutoScalingGroup", service=SERVICE)
def hooks_of_the_new(call, text):
    for name, value in call.params.items():
        if match := re.match(r"(LifecycleHookSpecificationList\.member\.\d+\.)LifecycleHookName$", name):
            _remember(call, value, match.group(1))


@after("DescribeLifecycleHooks", service=SERVICE)
def tells_whom(call, text):
    kept = getattr(group_of(call), "strict_hooks", {})

    def member(match):
        inner = match.group(1)
        for name, told in kept.items():
            if f"<LifecycleHookName>{name}<" in inner:
                inner = re.sub("<(NotificationTargetARN|RoleARN|NotificationMetadata)>[^<]*</[^>]+>", "", inner)
                inner += "".join(f"<{key}>{value}</{key}>" for key, value in told.items())
        return f"<member>{inner}</member>"

    return re.sub("<member>(.*?)</member>", member, text, flags=re.DOTALL)


def _remember(call, name, prefix):
    group = group_of(call)
    if not hasattr(group, "strict_hooks"):
        group.strict_hooks = {}
    group.strict_hooks[name] = {key: call.get(prefix + key) for key in TOLD if call.get(prefix + key)}
