"""Accelerators, the machines that carry them and the suite's sizes, read from accelerators.yaml."""

import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from components.errors import SettingsError

EntryT = TypeVar("EntryT")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accelerator(_Entry):
    """One kind of accelerator. Memory is what one of them has; `source` is its data sheet."""

    kind: str
    nominal_memory_gb: PositiveInt
    memory_mib: PositiveInt
    memory_bandwidth_gb_s: PositiveFloat
    compute_capability: str
    interconnect: str
    interconnect_gb_s: PositiveFloat
    host_link_gb_s: PositiveFloat
    source: str

    @property
    def bfloat16(self) -> bool:
        """Tell whether it computes in bfloat16: compute capability 8.0 on (Ampere)."""
        return tuple(map(int, self.compute_capability.split("."))) >= (8, 0)


class Machine(_Entry):
    """One machine type of a cloud; the price is the list price on demand of the whole machine."""

    type: str
    accelerator: str
    count: PositiveInt
    vcpus: PositiveInt
    memory_gib: PositiveInt
    network_gbit_s: PositiveFloat
    price_usd_per_hour: PositiveFloat
    retired: bool = False
    replaced_by: str | None = None


class Catalog(_Entry):
    """All that is known. Prices are those of `price_region`, taken down on `price_read`; compare before budgeting."""

    accelerators: tuple[Accelerator, ...]
    price_region: str
    price_read: datetime.date
    price_source: str
    specification_source: str
    machines: tuple[Machine, ...]
    sizes: dict[str, str]

    def accelerator(self, kind: str) -> Accelerator:
        """Return one kind of accelerator; raises SettingsError that names the known ones."""
        return _pick("accelerator", kind, {entry.kind: entry for entry in self.accelerators})

    def machine(self, machine_type: str) -> Machine:
        """Return one machine type; raises SettingsError that names the known ones."""
        return _pick("machine type", machine_type, {entry.type: entry for entry in self.machines})

    def size(self, name: str) -> Machine:
        """Return the machine of one of the suite's sizes; raises SettingsError that names the known ones."""
        return self.machine(_pick("size", name, self.sizes))

    def planner_input(self, name: str) -> dict[str, Any]:
        """Return a size, or else a machine type, as the shard planner's plain data.

        Weights are fetched at the network's baseline, at most the 100 Gbit/s that one machine gets from S3
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html). Raises SettingsError for an
        unknown name.
        """
        machine = self.size(name) if name in self.sizes else self._machine_or_size(name)
        accelerator = self.accelerator(machine.accelerator)
        notes = [f"list price of {self.price_region}, read {self.price_read.isoformat()}"]
        if machine.retired:
            notes.insert(0, f"{machine.type} is retired; take {machine.replaced_by}")
        return {
            "name": name,
            "instance_type": machine.type,
            "accelerator": accelerator.kind,
            "device": "cuda",
            "count": machine.count,
            "memory_bytes": accelerator.memory_mib * 2**20,
            "bfloat16": accelerator.bfloat16,
            "fetch_bytes_per_s": min(machine.network_gbit_s, 100.0) * 1e9 / 8,
            "copy_bytes_per_s": accelerator.host_link_gb_s * 1e9,
            "usd_per_hour": machine.price_usd_per_hour,
            "retired": machine.retired,
            "note": "; ".join(notes),
        }

    def _machine_or_size(self, name: str) -> Machine:
        machines = {entry.type: entry for entry in self.machines}
        if name in machines:
            return machines[name]
        raise SettingsError(
            f"unknown size {name!r}; sizes are {', '.join(self.sizes)}, machine types {', '.join(machines)}"
        )


def _pick(what: str, name: str, known: dict[str, EntryT]) -> EntryT:
    if name not in known:
        raise SettingsError(f"unknown {what} {name!r}; known are {', '.join(known)}")
    return known[name]


@cache
def load_catalog() -> Catalog:
    """Read the catalog that this distribution carries."""
    path = Path(__file__).with_name("accelerators.yaml")
    return Catalog.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
