"""One version of a data set as a document: what the folder's manifest and the catalog's row both say."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from inferloop_runtime.capture.atomic_file import write_atomically

MANIFEST_NAME = "_manifest.json"


class FileDigest(BaseModel):
    """Size in bytes and SHA-256 (hexadecimal) of one file."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "FileDigest":
        """Read a file and return its digest."""
        with path.open("rb") as stream:
            return cls(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), size=path.stat().st_size)


class Part(BaseModel):
    """One part: the rows from cursor `start` to cursor `end` of the source, and the files made of them.

    A cursor of the file engine is a byte offset and a line number (from 1). `files` are paths inside the version's
    folder: the Parquet file, and the quarantine file where rows were set aside.
    """

    model_config = ConfigDict(frozen=True)

    index: int
    start: dict[str, int]
    end: dict[str, int]
    rows_read: int
    rows_written: int
    rows_quarantined: int
    files: dict[str, FileDigest]


class RunFacts(BaseModel):
    """The run that made a version; times are ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    job: str
    started_at: str
    finished_at: str


class DatasetVersion(BaseModel):
    """Everything that is known of one committed version. A catalog row can be made again from it, and the reverse."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    dataset: str
    version: int
    format: str
    run: RunFacts
    columns: list[dict[str, Any]]
    statistics: dict[str, Any]
    source: dict[str, Any]
    code_version: str
    settings_sha256: str
    parts: list[Part]
    privacy: dict[str, Any]

    @property
    def rows_read(self) -> int:
        """Count the rows of the source."""
        return sum(part.rows_read for part in self.parts)

    @property
    def rows_written(self) -> int:
        """Count the rows in the Parquet files."""
        return sum(part.rows_written for part in self.parts)

    @property
    def rows_quarantined(self) -> int:
        """Count the rows that were set aside."""
        return sum(part.rows_quarantined for part in self.parts)

    @property
    def size_bytes(self) -> int:
        """Add up the sizes of the Parquet files."""
        return sum(file.size for part in self.parts for name, file in part.files.items() if name.endswith(".parquet"))

    @property
    def content_key(self) -> tuple[str, str]:
        """Tell source and settings apart from any others: two versions with one key hold the same content."""
        return self.source["sha256"], self.settings_sha256


def write_manifest(folder: Path, version: DatasetVersion) -> None:
    """Write a version's manifest into its folder atomically."""
    document = json.dumps(version.model_dump(), indent=1, sort_keys=True, allow_nan=False)
    write_atomically(folder / MANIFEST_NAME, document.encode() + b"\n")


def read_manifest(folder: Path) -> DatasetVersion | None:
    """Read a folder's manifest; None where there is none, or where it cannot be understood."""
    try:
        return DatasetVersion.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def damages(folder: Path, version: DatasetVersion) -> dict[str, str]:
    """Compare a folder with what its version must be; return the damaged files' names with what is wrong.

    The empty name stands for the folder itself. Files beyond those of the version are not looked at.
    """
    if not folder.is_dir():
        return {"": "the folder is missing"}
    found: dict[str, str] = {}
    if not (folder / MANIFEST_NAME).is_file():
        found[MANIFEST_NAME] = "is missing"
    elif (manifest := read_manifest(folder)) is None or _comparable(manifest) != _comparable(version):
        found[MANIFEST_NAME] = "is not what the catalog says"
    for part in version.parts:
        for name, digest in part.files.items():
            path = folder / name
            if not path.is_file():
                found[name] = "is missing"
            elif path.stat().st_size != digest.size or FileDigest.of(path) != digest:
                found[name] = "was changed"
    return found


def _comparable(version: DatasetVersion) -> Any:
    """Make numbers floats: PostgreSQL's JSON gives 1e22 back as an integer."""
    return json.loads(version.model_dump_json(), parse_int=float)
