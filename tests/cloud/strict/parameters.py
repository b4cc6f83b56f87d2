"""The public parameters of Debian, Canonical and Amazon, which name the images of amis.json."""

import datetime
import json
from pathlib import Path

from moto.ssm.models import Parameter

from .rules import backend, before

SERVICE = "ssm"


PUBLIC = json.loads((Path(__file__).parent.parent / "parameters.json").read_text())


@before("GetParameter", "GetParameters", "GetParametersByPath", service=SERVICE)
def seed(call):
    ssm = backend("ssm", call.region)
    if getattr(ssm, "strict_seeded", False):
        return
    ssm.strict_seeded = True
    ssm._parameters.latest_amis_loaded = True
    for name, value in PUBLIC.items():
        now = datetime.datetime.now(datetime.timezone.utc)
        ssm._parameters[name] = [
            Parameter(ssm.account_id, name, value, "String", None, None, None, now, 1, "aws:ec2:image")
        ]
