"""Have moto read which instance types a region offers when it is asked, and not those of every region at its start.

They are 90 files, which take a second and 50 MiB; a rehearsal asks for one region.
"""

import importlib
from typing import Any

from moto.utilities import utils

_FOLDER = "ec2/resources/instance_type_offerings"


class RegionalOfferings(dict[str, Any]):
    """What is offered by region, for one type of location."""

    def __init__(self, location_type: str) -> None:
        super().__init__()
        self._location_type = location_type

    def __missing__(self, region: str) -> Any:
        try:
            found = utils.load_resource(f"{_FOLDER}/{self._location_type}/{region}.json")
        except FileNotFoundError:
            raise KeyError(region) from None
        self[region] = [{**offering, "LocationType": self._location_type} for offering in found]
        return self[region]

    def get(self, region: str, default: Any = None) -> Any:
        """Return what a region offers, `default` for one that moto does not know."""
        try:
            return self[region]
        except KeyError:
            return default


def read_offerings_on_demand() -> None:
    """Import moto's EC2 without its offerings, and let it look them up; to be called before anything imports it."""
    whole = utils.load_resource
    utils.load_resource = lambda resource: [] if resource.startswith(_FOLDER) else whole(resource)
    try:
        offerings = importlib.import_module("moto.ec2.models.instance_types").INSTANCE_TYPE_OFFERINGS
    finally:
        utils.load_resource = whole
    for location_type in offerings:
        offerings[location_type] = RegionalOfferings(location_type)
