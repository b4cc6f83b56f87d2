"""What cloud-init makes of user data (stdin): the configuration of all parts together, and the kinds of the other parts."""

import json
import sys
import tempfile

import yaml
from cloudinit import handlers, helpers, user_data
from cloudinit.handlers.cloud_config import CloudConfigPartHandler

with tempfile.TemporaryDirectory() as folder:
    paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder})
    message = user_data.UserDataProcessor(paths).process(sys.stdin.buffer.read())
    config = CloudConfigPartHandler(paths)
    config.cloud_fn = folder + "/merged"
    others = []

    def part(_, name, payload, headers):
        kind = headers["Content-Type"]
        if kind == "text/cloud-config":
            config.handle_part(None, kind, name, payload, None, headers)
        else:
            others.append(kind)

    config.handle_part(None, handlers.CONTENT_START, None, None, None, {})
    handlers.walk(message, part, None)
    config.handle_part(None, handlers.CONTENT_END, None, None, None, {})
    with open(config.cloud_fn) as merged:
        print(json.dumps({"config": yaml.safe_load(merged), "others": others}))
