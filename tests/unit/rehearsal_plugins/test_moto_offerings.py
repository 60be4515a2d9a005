import gzip
import json
import subprocess
import sys
from importlib import resources

PROGRAM = """
import json
from stacks.rehearsal.aws.moto_offerings import read_offerings_on_demand
read_offerings_on_demand()
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS as offerings, INSTANCE_TYPES
zones = offerings["availability-zone"]
before = len(zones)
told = zones.get("eu-central-1")
print(json.dumps([len(INSTANCE_TYPES), sorted(offerings), before, len(zones), zones["eu-central-1"] == told,
                  zones.get("mars-1", "none"), "mars-1" in zones, told]))
"""


def test_moto_knows_what_every_region_offers_and_holds_only_what_was_asked_for() -> None:
    # A new interpreter, for moto reads its data on import.
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    types, kinds, before, after, same, unknown, kept, told = json.loads(done.stdout)
    assert types > 1000
    assert kinds == ["availability-zone", "availability-zone-id", "region"]
    assert (before, after, same, unknown, kept) == (0, 1, True, "none", False)
    path = resources.files("moto") / "ec2/resources/instance_type_offerings/availability-zone/eu-central-1.json.gz"
    of_moto = json.loads(gzip.decompress(path.read_bytes()))
    assert told == [{**offering, "LocationType": "availability-zone"} for offering in of_moto]
