"""Pages: every list of EC2 honours MaxResults, and is cut into small pages when the test wants it."""

import copy

from moto import settings as moto_settings

from .rules import Refusal
from .wire import Tree

# 0 is the service's own size, which no test reaches.
SETTINGS = {"size": 0}
WAITING = {}

# Services whose own pages moto knows: only the size has to be asked for.
SIZED = {
    ("autoscaling", "DescribeAutoScalingGroups"): "MaxRecords",
    ("autoscaling", "DescribeAutoScalingInstances"): "MaxRecords",
}
SIZED_JSON = {("ssm", "GetParametersByPath"), ("ssm", "DescribeParameters")}

# What the service gives as a whole.
WHOLE = {"DescribeAddresses", "DescribeAvailabilityZones", "DescribeKeyPairs", "DescribePlacementGroups", "DescribeRegions"}

# A call cannot both name what it wants and ask for pages.
NAMES = {"DescribeInstances": "InstanceId", "DescribeVolumes": "VolumeId", "DescribeSecurityGroups": "GroupId"}


def next_page(call):
    """The page that a token stands for, or None when the call has no token."""
    token = call.get("NextToken")
    if call.service != "ec2" or not token:
        return None
    if token not in WAITING:
        raise Refusal("InvalidNextToken", "The specified nextToken is not valid.")
    return _page(WAITING.pop(token))


def ask_small(call):
    # Signed calls go on as they came.
    if moto_settings.INITIAL_NO_AUTH_ACTION_COUNT != float("inf"):
        return
    size = SETTINGS["size"]
    if size and (name := SIZED.get((call.service, call.action))) and not call.get(name):
        call.set(name, str(size))
    named = NAMES.get(call.action)
    if named and call.service == "ec2" and call.get("MaxResults") and call.values(named):
        raise Refusal("InvalidParameterCombination", f"The parameter {named} cannot be used with the parameter maxResults")
    if call.service == "ec2" and call.action.startswith("Describe") and call.get("MaxResults"):
        call.memo["size"] = int(call.get("MaxResults"))
        # moto would cut some lists itself, with tokens that are not known here.
        call.drop("MaxResults")


def cut(call, text):
    """The first page of a list, and the rest kept for later."""
    # The service may give less than was asked for.
    size = min(filter(None, (call.memo.get("size"), SETTINGS["size"])), default=0)
    if call.service != "ec2" or not call.action.startswith("Describe") or call.action in WHOLE or not size:
        return text
    tree = Tree(text)
    items = tree.the_set()
    if items is None or len(items) <= size or any(tree.name(item) != "item" for item in items):
        return text
    return _page((tree, size))


def _page(waiting):
    tree, size = waiting
    page, rest = Tree(tree.text()), None
    items = page.the_set()
    if len(items) > size:
        rest = copy.deepcopy(page)
        for item in list(items)[size:]:
            items.remove(item)
        later = rest.the_set()
        for item in list(later)[:size]:
            later.remove(item)
        token = f"page-{len(WAITING)}-{id(rest)}"
        WAITING[token] = (rest, size)
        page.add("nextToken", token)
    return page.text()
