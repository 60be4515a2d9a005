"""Which charts a cluster is given and which custom resource definitions they bring, read from charts.yaml."""

import datetime
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.errors import CatalogError

CHARTS = Path(__file__).with_name("charts.yaml")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModuleFiles(_Entry):
    """Files of one Go module at one version, by globs inside it.

    `sha256` is `digest_of` what they hold. A module at a version never changes: the checksum database of Go keeps it.
    """

    module: str
    version: str = Field(pattern=r"^v\d+\.\d+\.\d+")
    files: tuple[str, ...] = Field(min_length=1)
    sha256: Sha256
    licence: str
    source: str

    def __str__(self) -> str:
        return f"{self.module} {self.version}"


class Chart(_Entry):
    """One Helm chart: where it is published, its version, and the release that a cluster has of it.

    `digest` is the SHA-256 of the chart's package, None until `python tools/charts resolve` has had it. `definitions`
    names the sets of custom resource definitions of its version; `definitions_note` says why there are none, or what is
    particular. `values_schema` is the chart's values.schema.json, where a Go module carries it.
    """

    name: str
    # Plain HTTP is for this machine alone.
    repository: str = Field(pattern=r"^((oci|https)://|http://127\.0\.0\.1[:/])[^\s]+[^/\s]$")
    chart: str
    version: str
    digest: Sha256 | None
    namespace: str
    licence: str
    source: str
    definitions: tuple[str, ...] = ()
    definitions_note: str = ""
    values_schema: ModuleFiles | None = None

    @property
    def is_oci(self) -> bool:
        """Whether a container registry has it, not an index of packages."""
        return self.repository.startswith("oci://")

    @property
    def reference(self) -> str:
        """The chart as `helm` and the Kubernetes provider name it: with its registry, or its name alone."""
        return f"{self.repository}/{self.chart}" if self.is_oci else self.chart

    @model_validator(mode="after")
    def _say_why_none(self) -> Self:
        if not self.definitions and not self.definitions_note:
            raise ValueError(f"{self.name} has no definitions, and no definitions_note that says why")
        return self


class Charts(_Entry):
    """The lock of charts and definitions; `read` is the day on which the modules were read."""

    read: datetime.date
    charts: tuple[Chart, ...]
    definitions: Mapping[str, ModuleFiles]

    def chart(self, name: str) -> Chart:
        """Return a chart by the name that the lock gives it. Raises CatalogError that names the known ones."""
        known = {entry.name: entry for entry in self.charts}
        if name not in known:
            raise CatalogError(f"the lock of charts has no {name!r}; it has {', '.join(known)} ({CHARTS.name})")
        return known[name]

    def definition_set(self, name: str) -> ModuleFiles:
        """Return the files of one set of definitions. Raises CatalogError that names the known ones."""
        if name not in self.definitions:
            raise CatalogError(
                f"the lock of charts has no definitions {name!r}; it has {', '.join(self.definitions)} ({CHARTS.name})"
            )
        return self.definitions[name]

    def of_reference(self, reference: str, repository: str = "") -> Chart:
        """Return the chart that a release asks for, by its registry or by its repository and its name.

        Raises CatalogError that names what is locked.
        """
        wanted = reference.rstrip("/") if "://" in reference else f"{repository.rstrip('/')}/{reference}"
        known = {f"{entry.repository}/{entry.chart}": entry for entry in self.charts}
        if wanted not in known:
            raise CatalogError(f"the chart {wanted} is not locked; {CHARTS.name} has {', '.join(known)}")
        return known[wanted]

    @model_validator(mode="after")
    def _name_known_definitions(self) -> Self:
        for chart in self.charts:
            for name in chart.definitions:
                if name not in self.definitions:
                    raise ValueError(f"{chart.name} names the definitions {name!r}, which are not there")
        return self


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of what files hold: of the lines that `sha256sum` prints of them, sorted by path.

    The scheme is Go's own for modules (https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash#Hash1), in hexadecimal.
    """
    lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_charts(path: Path) -> Charts:
    """Read a lock."""
    return Charts.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@cache
def load_charts() -> Charts:
    """Read the lock that this distribution carries."""
    return read_charts(CHARTS)
