"""Definitions of custom resources that no module brings, written from public documentation: a rehearsal says so.

Each file of definitions/ is named after the chart of the lock whose definitions it stands in for. It shows that an
object has the documented fields, and not that the controller at its version takes them.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).with_name("definitions")
_PREFIX = "stand-in/"
ORIGIN = "stand-in written from public documentation"
"""What a definition's annotation tells instead of a module."""


def stand_in_sets(charts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the sets that stand in for those charts, none for a chart that needs none."""
    return tuple(f"{_PREFIX}{chart}" for chart in charts if _file(chart).is_file())


def is_stand_in(name: str) -> bool:
    """Tell whether a set of definitions is a stand-in."""
    return name.startswith(_PREFIX)


def read_stand_in(name: str) -> list[dict[str, Any]]:
    """Return the definitions of a stand-in set."""
    text = _file(name.removeprefix(_PREFIX)).read_text(encoding="utf-8")
    return [item for item in yaml.safe_load_all(text) if item]


def stand_in_set_of(api_version: str, kind: str) -> str | None:
    """Return the stand-in set that has a kind, None where no stand-in does."""
    return _kinds().get((api_version, kind))


@cache
def _kinds() -> Mapping[tuple[str, str], str]:
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): name
        for name in stand_in_sets(path.stem for path in _FOLDER.glob("*.yaml"))
        for spec in (item["spec"] for item in read_stand_in(name))
        for version in spec["versions"]
    }


def _file(chart: str) -> Path:
    return _FOLDER / f"{chart}.yaml"
