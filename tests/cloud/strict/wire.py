"""Requests and replies as they are on the wire, for the protocols of the services that are used."""

import json
import re
from urllib.parse import parse_qsl
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .rules import Call

SCOPE = re.compile(r"Credential=[^/]*/\d+/([^/]*)/([^/]*)/")
JSON_TYPE = "application/x-amz-json-1.1"


def parse(environ, body):
    """The call in a request, or None for what is neither a form nor JSON (S3)."""
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = scope.groups() if scope else ("us-east-1", "")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(service, target.rsplit(".", 1)[-1], region, {}, json.loads(body or b"{}"))
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if "Action" in params:
            return Call(service, params["Action"], region, params)
    return None


def error(call, refusal):
    """Status, content type and text of a refusal in the service's own form."""
    code, message = escape(refusal.code), escape(refusal.message)
    if call.json is not None:
        return refusal.status, JSON_TYPE, json.dumps({"__type": refusal.code, "message": refusal.message})
    if call.service == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>strict</RequestID></Response>"
        )
    else:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>strict</RequestId></ErrorResponse>"
        )
    return refusal.status, "text/xml", '<?xml version="1.0" encoding="UTF-8"?>' + text


def query_reply(call, inner, namespace="http://autoscaling.amazonaws.com/doc/2011-01-01/"):
    """A successful reply of a service that speaks the query protocol."""
    name = call.action
    return (
        f'<{name}Response xmlns="{namespace}"><{name}Result>{inner}</{name}Result>'
        f"<ResponseMetadata><RequestId>strict</RequestId></ResponseMetadata></{name}Response>"
    )


def ec2_reply(call, inner):
    """A successful reply of EC2, whose results stand in the answer itself."""
    name = call.action
    return f'<{name}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>strict</requestId>{inner}</{name}Response>'


class Tree:
    """A reply of EC2 as a tree, whose names are without their namespace for whoever looks at it."""

    def __init__(self, text):
        self.root = ElementTree.fromstring(text)
        match = re.match(r"\{(.*)\}", self.root.tag)
        self.namespace = match.group(1) if match else ""

    def name(self, element):
        return element.tag.rsplit("}", 1)[-1]

    def child(self, element, name):
        return next((child for child in element if self.name(child) == name), None)

    def all(self, name):
        return [element for element in self.root.iter() if self.name(element) == name]

    def the_set(self):
        """The one list of a Describe's reply."""
        lists = [e for e in self.root if self.name(e) not in ("requestId", "nextToken")]
        return lists[0] if lists else None

    def add(self, name, text):
        element = ElementTree.SubElement(self.root, f"{{{self.namespace}}}{name}" if self.namespace else name)
        element.text = text

    def text(self):
        ElementTree.register_namespace("", self.namespace)
        return ElementTree.tostring(self.root, encoding="unicode")
