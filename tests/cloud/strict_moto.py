"""The cloud of the tests: moto, made as strict as AWS where it is too kind.

    strict_moto.py [--lives-with-stdin]

Listens on a free port of loopback, prints `ready PORT`, and serves until it is killed or, with `--lives-with-stdin`, until
its standard input is closed: so it ends with the test that started it, however that ends.

moto itself is not changed. Each call passes a pipeline (strict/app.py) in which small rules refuse, answer, correct or
delay it; a rule is a function beside the others of its subject in strict/. `/strict/...` is for the test: see
strict/control.py.
"""

import os
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
os.environ["MOTO_AMIS_PATH"] = str(HERE / "amis.json")
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "1"
os.environ["MOTO_ENABLE_KEYPAIR_VALIDATION"] = "0"  # it refuses instances without a key; strict/dependencies.py does it
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "1"

from werkzeug.serving import make_server  # noqa: E402

from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from strict.app import StrictMoto  # noqa: E402


class QuietHandler(MotoRequestHandler):
    """No line for each request: the proxy in front keeps the log."""

    def log(self, *args, **kwargs):
        pass


def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    if "--lives-with-stdin" in sys.argv[1:]:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    app = StrictMoto(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    print(f"ready {server.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
