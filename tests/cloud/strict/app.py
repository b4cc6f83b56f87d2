"""The pipeline every call passes, one call at a time."""

import io
import threading
import traceback

from . import control, pages, tokens, transitions, weather, wire
from . import autoscaling, creation, dependencies, ebs, groups, images, parameters, profiles, routes, templates  # noqa: F401 (they register rules)
from .rules import AFTER, BEFORE, INSTEAD, Refusal


class StrictMoto:
    def __init__(self, moto):
        self.moto = moto
        # moto is not safe for threads, and what is decided before a call has to hold while it is carried out.
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        body = read_body(environ)
        with self.lock:
            status, headers, content = self.answer(environ, body)
        headers = [(k, v) for k, v in headers if k.lower() not in ("content-length", "transfer-encoding", "connection")]
        start_response(status, headers + [("Content-Length", str(len(content)))])
        return [content]

    def answer(self, environ, body):
        path = environ.get("PATH_INFO", "")
        if path.startswith("/strict/"):
            try:
                return plain(*control.answer(path.removeprefix("/strict/"), body))
            except Exception as problem:
                return plain(400, "text/plain", "".join(traceback.format_exception(problem)))
        if path.startswith("/moto-api"):
            return self.forward(environ, body)
        call = wire.parse(environ, body)
        if call is None:
            return self.forward(environ, body)
        try:
            return self.carry_out(call, environ, body)
        except Refusal as refusal:
            return plain(*wire.error(call, refusal))
        except NotImplementedError as problem:
            # An answer that no SDK takes for a fault that passes.
            message = f"The cloud of the tests has no {call.service}:{call.action}: {problem}"
            return plain(*wire.error(call, Refusal("NotImplemented", message, 501)))
        except Exception as problem:  # A fault of a rule has to look like one, not like weather.
            text = "".join(traceback.format_exception(problem))
            return plain(*wire.error(call, Refusal("StrictMotoFault", text)))

    def carry_out(self, call, environ, body):
        transitions.settle(call)
        if (kept := tokens.known(call) or pages.next_page(call)) is not None:
            return plain(200, "text/xml", kept)
        weather.refuse_young(call)
        for rule in BEFORE[call.service, call.action]:
            rule(call)
        rule = INSTEAD.get((call.service, call.action))
        if rule and (text := rule(call)) is not None:
            transitions.observe(call)
            return plain(200, wire.JSON_TYPE if call.json is not None else "text/xml", text)
        pages.ask_small(call)
        status, headers, content = self.forward(environ, call.form() if call.changed and call.json is None else body)
        if status.startswith("403") and call.service == "ec2" and b"AccessDenied" in content:
            raise denied(call)
        if not status.startswith("200"):
            return status, headers, content
        return status, headers, self.correct(call, content.decode()).encode()

    def correct(self, call, text):
        for rule in AFTER[call.service, call.action]:
            text = rule(call, text) or text
        creation.tag_all(call, text)
        transitions.observe(call)
        weather.note_births(call, text)
        tokens.keep(call, text)
        return pages.cut(call, weather.hide_young(call, text))

    def forward(self, environ, body):
        environ = dict(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        seen = {}

        def start(status, headers, exc_info=None):
            seen.update(status=status, headers=headers)

        parts = self.moto(environ, start)
        content = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        return seen["status"], seen["headers"], content


def denied(call):
    """EC2's own words for what other services call AccessDenied."""
    action = f"ec2:{call.action}"
    message = (
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/tester is not authorized "
        f"to perform: {action} because no identity-based policy allows the {action} action"
    )
    return Refusal("UnauthorizedOperation", message, 403)


def read_body(environ):
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    return stream.read(int(length)) if length else stream.read() if environ.get("wsgi.input_terminated") else b""


def plain(status, kind, text):
    reasons = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 501: "Not Implemented"}
    return f"{status} {reasons.get(status, 'Error')}", [("Content-Type", kind)], text.encode()
