"""In which regions a machine type is offered, and what it can do there, read from availability.yaml."""

import datetime
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from components.catalog.machines import Machine, load_catalog
from components.errors import SettingsError


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Offering(_Entry):
    """Where one machine type is offered, and how many network cards of it carry collective operations (EFA).

    `capacity_blocks` tells whether time on it can be reserved ahead.
    """

    type: str
    regions: tuple[str, ...]
    fabric_interfaces: NonNegativeInt = 0
    capacity_blocks: bool = False


class Availability(_Entry):
    """What each region offers, as it was on `read`; a region's zones may offer less."""

    read: datetime.date
    source: str
    capacity_block_source: str
    regions: tuple[str, ...]
    offerings: tuple[Offering, ...]

    def check_region(self, region: str) -> None:
        """Refuse a region that is not known. Raises SettingsError that names the known ones."""
        if region not in self.regions:
            raise SettingsError(f"unknown region {region!r}; known are {', '.join(self.regions)}")

    def offering(self, machine_type: str) -> Offering:
        """Return where a machine type is offered; raises SettingsError that names the known ones."""
        known = {entry.type: entry for entry in self.offerings}
        if machine_type not in known:
            raise SettingsError(f"unknown machine type {machine_type!r}; known are {', '.join(known)}")
        return known[machine_type]

    def machine_in(self, region: str, size: str) -> Machine:
        """Return the machine of a size, or of a machine type, that can be had in `region`.

        Raises SettingsError for an unknown name or region, a retired type, and a type that the region lacks; the
        message names what to take instead there, and where else the type is.
        """
        self.check_region(region)
        catalog = load_catalog()
        machine = catalog.size(size) if size in catalog.sizes else catalog.machine(size)
        called = size if size == machine.type else f"{size} ({machine.type})"
        if machine.retired:
            raise SettingsError(f"{called} is retired: AWS starts no more of them; {self._instead(region, machine)}")
        offered = self.offering(machine.type).regions
        if region not in offered:
            raise SettingsError(
                f"{called} is not offered in {region}; {self._instead(region, machine)}, or one of the regions "
                f"{', '.join(offered)}"
            )
        return machine

    def gpu_kinds(self) -> frozenset[str]:
        """Name the kinds of accelerators that some region offers."""
        catalog = load_catalog()
        return frozenset(catalog.machine(entry.type).accelerator for entry in self.offerings if entry.regions)

    def _instead(self, region: str, wanted: Machine) -> str:
        """Name the machines of `region` with at least as much GPU memory in all, the cheapest first."""
        catalog = load_catalog()

        def memory(machine: Machine) -> int:
            return machine.count * catalog.accelerator(machine.accelerator).memory_mib

        fitting = [
            machine
            for machine in catalog.machines
            if not machine.retired
            and machine.type != wanted.type
            and region in self.offering(machine.type).regions
            and memory(machine) >= 0.95 * memory(wanted)
        ]
        names = [machine.type for machine in sorted(fitting, key=lambda it: it.price_usd_per_hour)]
        if wanted.replaced_by in names:
            names.insert(0, names.pop(names.index(wanted.replaced_by)))
        if names:
            return f"take {' or '.join(names[:3])}"
        largest = max(
            (it for it in catalog.machines if not it.retired and region in self.offering(it.type).regions),
            key=memory,
            default=None,
        )
        return f"{region} has nothing of that size" + (f", {largest.type} is its largest" if largest else "")


@cache
def load_availability() -> Availability:
    """Read the table that this distribution carries."""
    path = Path(__file__).with_name("availability.yaml")
    return Availability.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
