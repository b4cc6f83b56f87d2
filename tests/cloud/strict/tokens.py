"""ClientToken: the same request again gets the same reply and is not carried out again."""

import hashlib

from .rules import ID, Refusal

KEPT = {}


def _key(call):
    token = call.get("ClientToken")
    return (call.service, call.region, call.action, token) if token and not call.true("DryRun") else None


def _fingerprint(call):
    rest = sorted((k, v) for k, v in call.params.items() if k not in ("Action", "Version"))
    return hashlib.sha256(repr(rest).encode()).hexdigest()


def known(call):
    """The reply to an earlier request with this token, or None."""
    key = _key(call)
    if key:
        # Rules may change the call later; what counts is what was asked.
        call.memo["fingerprint"] = _fingerprint(call)
    if key not in KEPT:
        return None
    fingerprint, text = KEPT[key]
    if fingerprint != call.memo["fingerprint"]:
        message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        raise Refusal("IdempotentParameterMismatch", message)
    if call.action == "RunInstances":
        for instance in (call.ec2.get_instance_by_id(match.group(0)) for match in ID.finditer(text)):
            if instance and instance.state in ("shutting-down", "terminated"):
                message = "The client token was used for an instance that has been terminated."
                raise Refusal("IdempotentInstanceTerminated", message)
    return text


def keep(call, text):
    if key := _key(call):
        KEPT[key] = (call.memo["fingerprint"], text)
