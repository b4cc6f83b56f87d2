"""What a rule is: a function bound to a call's name, before, instead of, or after moto carries the call out."""

import re
from collections import defaultdict
from urllib.parse import urlencode

ID = re.compile(r"\b([a-z]+)-[0-9a-f]{17}\b")
READ = re.compile(r"^(Describe|Get|List|Head|Lookup|Search)")


class Refusal(Exception):
    """The error that AWS would answer with."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Call:
    """One request: which action of which service, with flat parameters as they are in the form."""

    def __init__(self, service, action, region, params, json_body=None):
        self.service, self.action, self.region = service, action, region
        self.params = params
        self.json = json_body
        self.changed = False
        # What a rule before the call has to remember for the rule after it.
        self.memo = {}

    @property
    def reads(self):
        return bool(READ.match(self.action))

    @property
    def ec2(self):
        return backend("ec2", self.region)

    @property
    def autoscaling(self):
        return backend("autoscaling", self.region)

    def get(self, name, default=None):
        return self.params.get(name, default)

    def value(self, name):
        """Out of the form or the JSON."""
        return (self.params if self.json is None else self.json).get(name)

    def true(self, name):
        return str(self.params.get(name, "")).lower() == "true"

    def values(self, name):
        """`InstanceId.1`, `InstanceId.2`, … as a list."""
        at = re.compile(re.escape(name) + r"\.\d+$")
        return [value for key, value in self.params.items() if at.match(key)]

    def drop(self, prefix):
        """Forwards the call without the parameters that begin so."""
        self.params = {k: v for k, v in self.params.items() if not k.startswith(prefix)}
        self.changed = True

    def set(self, name, value):
        self.params[name] = value
        self.changed = True

    def tag_specifications(self):
        """Index → (resource type, tags), from `TagSpecification.N.…`."""
        found = defaultdict(lambda: [None, {}])
        keys, values = {}, {}
        for name, value in self.params.items():
            parts = name.split(".")
            if parts[0] not in ("TagSpecification", "TagSpecifications") or len(parts) < 3:
                continue
            if parts[2] == "ResourceType":
                found[parts[1]][0] = value
            elif parts[-1] == "Key":
                keys[parts[1], parts[3]] = value
            elif parts[-1] == "Value":
                values[parts[1], parts[3]] = value
        for at, key in keys.items():
            found[at[0]][1][key] = values.get(at, "")
        return dict(found)

    def form(self):
        return urlencode(self.params).encode()


def backend(service, region):
    from moto.backends import get_backend
    from moto.core import DEFAULT_ACCOUNT_ID

    account = get_backend(service)[DEFAULT_ACCOUNT_ID]
    return account[region] if region in account else account["aws"]


BEFORE, INSTEAD, AFTER = defaultdict(list), {}, defaultdict(list)


def before(*actions, service="ec2"):
    """The function may raise a Refusal or change the call."""
    return _bind(lambda key, rule: BEFORE[key].append(rule), actions, service)


def instead(*actions, service="ec2"):
    """The function answers; None lets moto answer."""
    return _bind(INSTEAD.__setitem__, actions, service)


def after(*actions, service="ec2"):
    """The function gets the call and the reply's text, after success; it may return another text."""
    return _bind(lambda key, rule: AFTER[key].append(rule), actions, service)


def _bind(put, actions, service):
    def take(rule):
        for action in actions:
            put((service, action), rule)
        return rule

    return take
