"""What moto does not tell of routes: those of virtual private gateways, and both names of an instance's interface."""

import re

from .rules import after, instead


@instead("EnableVgwRoutePropagation", "DisableVgwRoutePropagation")
def propagation(call):
    kept = _kept(call.ec2.get_route_table(call.get("RouteTableId")))
    kept.add(call.get("GatewayId")) if call.action.startswith("Enable") else kept.discard(call.get("GatewayId"))
    return f"<{call.action}Response><return>true</return></{call.action}Response>"


@after("DescribeRouteTables")
def propagates(call, text):
    for table in call.ec2.route_tables.values():
        items = "".join(f"<item><gatewayId>{name}</gatewayId></item>" for name in sorted(_kept(table)))
        own = f"<routeTableId>{table.id}</routeTableId><routeSet>"
        text = text.replace(own, f"<propagatingVgwSet>{items}</propagatingVgwSet>{own}")
    interfaces = {eni.id: instance.id for instance in call.ec2.all_instances() for eni in instance.nics.values()}
    first = {instance: eni for eni, instance in reversed(interfaces.items())}

    def both(match):
        kind, name = match.groups()
        instance = name if kind == "instanceId" else interfaces.get(name)
        interface = name if kind != "instanceId" else first.get(name)
        if not instance or not interface:
            return match.group(0)
        return f"<instanceId>{instance}</instanceId><networkInterfaceId>{interface}</networkInterfaceId>"

    return re.sub("<(instanceId|networkInterfaceId)>([^<]+)</[^>]+>", both, text)


def _kept(table):
    if not hasattr(table, "strict_gateways"):
        table.strict_gateways = set()
    return table.strict_gateways
