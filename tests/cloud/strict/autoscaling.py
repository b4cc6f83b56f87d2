"""Auto Scaling: a group in use, its hooks, instance refreshes, and lives that take time."""

import time
import uuid
from xml.sax.saxutils import escape

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

from . import transitions
from .rules import Refusal, after, before, instead
from .wire import query_reply

SERVICE = "autoscaling"
# Groups being deleted with their instances, instances that a hook has let go, refreshes by group.
LEAVING, RELEASED, REFRESHES = set(), set(), {}
# Kinds of events by group and topic.
NOTICES = {}


def _counted(group):
    """What a group's size counts: instances on their way, too. moto forgets those, and launches them a second time."""
    return [state for state in group.instance_states if state.lifecycle_state.startswith(("InService", "Pending"))]


FakeAutoScalingGroup.active_instances = _counted


def group_of(call):
    name = call.get("AutoScalingGroupName")
    if (group := call.autoscaling.autoscaling_groups.get(name)) is None:
        raise Refusal("ValidationError", f"AutoScalingGroup name not found - no such group: {name}")
    return group


@before("CreateAutoScalingGroup", service=SERVICE)
def bounds(call):
    name = call.get("AutoScalingGroupName")
    if name in call.autoscaling.autoscaling_groups:
        message = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
        raise Refusal("AlreadyExists", message)
    least, most = int(call.get("MinSize", 0)), int(call.get("MaxSize", 0))
    wanted = int(call.get("DesiredCapacity", least))
    if not least <= wanted <= most:
        message = f"Desired capacity:{wanted} must be between the specified min size:{least} and max size:{most}"
        raise Refusal("ValidationError", message)


@after("CreateAutoScalingGroup", service=SERVICE)
def hooks_from_the_start(call, text):
    """moto leaves them out."""
    prefix, hooks = "LifecycleHookSpecificationList.member.", {}
    for name, value in call.params.items():
        if name.startswith(prefix):
            number, field = name.removeprefix(prefix).split(".", 1)
            hooks.setdefault(number, {})[field] = value
    for hook in hooks.values():
        call.autoscaling.create_lifecycle_hook(
            hook["LifecycleHookName"],
            call.get("AutoScalingGroupName"),
            hook["LifecycleTransition"],
            int(hook.get("HeartbeatTimeout", 3600)),
            hook.get("DefaultResult", "ABANDON"),
        )


@instead("DeleteAutoScalingGroup", service=SERVICE)
def delete(call):
    group = group_of(call)
    if group.instance_states and not call.true("ForceDelete"):
        message = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group."
        raise Refusal("ResourceInUse", message)
    if not group.instance_states:
        return None
    # It is there until its instances are gone.
    group.status = "Delete in progress"
    group.strict_instances = [state.instance for state in group.instance_states]
    group.min_size = 0
    call.autoscaling.set_desired_capacity(group.name, 0)
    LEAVING.add(group.name)
    return query_reply(call, "")


@before("UpdateAutoScalingGroup", "SetDesiredCapacity", service=SERVICE)
def not_leaving(call):
    if group_of(call).name in LEAVING:
        raise Refusal("ScalingActivityInProgress", "The group is being deleted.")


@instead("CompleteLifecycleAction", service=SERVICE)
def complete(call):
    group = group_of(call)
    instance = call.get("InstanceId")
    waiting = [s for s in group.instance_states if s.instance.id == instance and s.lifecycle_state == "Pending:Wait"]
    if not waiting:
        raise Refusal("ValidationError", f"No active Lifecycle Action found with instance ID {instance}")
    RELEASED.add(instance)
    return query_reply(call, "")


@instead("RecordLifecycleActionHeartbeat", service=SERVICE)
def heartbeat(call):
    group_of(call)
    return query_reply(call, "")


@instead("StartInstanceRefresh", service=SERVICE)
def start_refresh(call):
    group = group_of(call)
    before_it = REFRESHES.setdefault(group.name, [])
    if before_it and before_it[-1]["Status"] in ("Pending", "InProgress"):
        raise Refusal("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution.")
    refresh = {
        "InstanceRefreshId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Status": "Pending",
        "StartTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "PercentageComplete": 0,
        "InstancesToUpdate": len(group.instance_states),
    }
    before_it.append(refresh)
    refresh["strict"] = {"old": [s.instance.id for s in group.instance_states], "at": time.monotonic()}
    return query_reply(call, f"<InstanceRefreshId>{refresh['InstanceRefreshId']}</InstanceRefreshId>")


@instead("DescribeInstanceRefreshes", service=SERVICE)
def describe_refreshes(call):
    wanted = call.values("InstanceRefreshIds.member")
    refreshes = [r for r in REFRESHES.get(group_of(call).name, []) if not wanted or r["InstanceRefreshId"] in wanted]
    members = "".join(f"<member>{_fields(refresh)}</member>" for refresh in reversed(refreshes))
    return query_reply(call, f"<InstanceRefreshes>{members}</InstanceRefreshes>")


@instead("CancelInstanceRefresh", service=SERVICE)
def cancel_refresh(call):
    active = [r for r in REFRESHES.get(group_of(call).name, []) if r["Status"] in ("Pending", "InProgress")]
    if not active:
        raise Refusal("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found.")
    active[-1]["Status"] = "Cancelled"
    return query_reply(call, f"<InstanceRefreshId>{active[-1]['InstanceRefreshId']}</InstanceRefreshId>")


@before("DetachInstances", service=SERVICE)
def only_members_leave(call):
    members = {state.instance.id for state in group_of(call).instance_states}
    for instance in call.values("InstanceIds.member"):
        if instance not in members:
            message = f"The instance {instance} is not part of Auto Scaling group {call.get('AutoScalingGroupName')}."
            raise Refusal("ValidationError", message)


@before("TerminateInstanceInAutoScalingGroup", service=SERVICE)
def only_members_end(call):
    groups = call.autoscaling.autoscaling_groups.values()
    members = {state.instance.id for group in groups for state in group.instance_states}
    if call.get("InstanceId") not in members:
        message = f"Instance Id not found - No managed instance found for instance ID: {call.get('InstanceId')}"
        raise Refusal("ValidationError", message)


@instead("PutNotificationConfiguration", service=SERVICE)
def tell(call):
    NOTICES[group_of(call).name, call.get("TopicARN")] = call.values("NotificationTypes.member")
    return query_reply(call, "")


@instead("DescribeNotificationConfigurations", service=SERVICE)
def told(call):
    groups = call.values("AutoScalingGroupNames.member")
    members = "".join(
        f"<member><AutoScalingGroupName>{escape(group)}</AutoScalingGroupName><TopicARN>{escape(topic)}</TopicARN>"
        f"<NotificationType>{escape(kind)}</NotificationType></member>"
        for (group, topic), kinds in NOTICES.items()
        if not groups or group in groups
        for kind in kinds
    )
    return query_reply(call, f"<NotificationConfigurations>{members}</NotificationConfigurations>")


def _fields(refresh):
    return "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in refresh.items() if key != "strict")


def clock(call):
    """What time does to groups."""
    for group in list(call.autoscaling.autoscaling_groups.values()):
        _lives(call, group)
        if group.name in LEAVING and all(i.state == "terminated" for i in group.strict_instances):
            LEAVING.discard(group.name)
            call.autoscaling.autoscaling_groups.pop(group.name)
            for hook in call.autoscaling.describe_lifecycle_hooks(group.name):
                call.autoscaling.delete_lifecycle_hook(group.name, hook.name)
            continue
        for refresh in REFRESHES.get(group.name, [])[-1:]:
            if refresh["Status"] in ("Pending", "InProgress"):
                _step(call, group, refresh)


def _lives(call, group):
    hooks = call.autoscaling.describe_lifecycle_hooks(group.name)
    waits = any(hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING" for hook in hooks)
    for state in group.instance_states:
        known = getattr(state, "strict_known", False)
        if known and state.lifecycle_state not in ("Pending", "Pending:Wait"):
            continue
        if not known and group.ec2_launch_template:
            state.strict_version = _version(group)
        state.strict_known = True
        if state.instance.state == "pending":
            state.lifecycle_state = "Pending"
        elif waits and state.instance.id not in RELEASED and (not known or state.lifecycle_state.startswith("Pending")):
            state.lifecycle_state = "Pending:Wait"
        else:
            state.lifecycle_state = "InService"


def _step(call, group, refresh):
    """Replaces one instance each time the step's delay is over and the last one serves."""
    mine = refresh["strict"]
    if any(state.lifecycle_state != "InService" for state in group.instance_states):
        return
    done = refresh["InstancesToUpdate"] - len(mine["old"])
    if refresh["InstancesToUpdate"]:
        refresh["PercentageComplete"] = 100 * done // refresh["InstancesToUpdate"]
    if not mine["old"]:
        refresh["Status"], refresh["PercentageComplete"], refresh["InstancesToUpdate"] = "Successful", 100, 0
        return
    if time.monotonic() - mine["at"] < transitions.DELAYS.get("refresh.step", 0):
        return
    refresh["Status"], mine["at"] = "InProgress", time.monotonic()
    old = mine["old"].pop()
    group.instance_states = [s for s in group.instance_states if s.instance.id != old]
    call.ec2.terminate_instances([old])
    group.set_desired_capacity(group.desired_capacity)
    transitions.observe_all(call)


def _launched_with(state):
    """The template and the version that the instance was launched with; moto tells the default version of now."""
    template = getattr(state.auto_scaling_group, "ec2_launch_template", None)
    if template is None:
        return None
    version = getattr(state, "strict_version", None) or _version(state.auto_scaling_group)
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": version}


def _version(group):
    word = group.launch_template_version if hasattr(group, "launch_template_version") else "$Default"
    return str(group.ec2_launch_template.get_version(word).number)


InstanceState.launch_template = property(_launched_with)
transitions.CLOCKS.append(clock)
