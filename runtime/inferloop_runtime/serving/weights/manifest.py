"""The manifest of a prepared model folder: what each of its files must be."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from inferloop_runtime.errors import ModelError

MANIFEST_NAME = "inferloop-weights.json"


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 of one model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: NonNegativeInt


class Manifest(BaseModel):
    """List the files of one prepared model.

    `source` is what it was prepared from; `model_id` is its default public name; `revision` is a digest over all
    files' names and digests, so two folders with one revision hold the same model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    source: str
    model_id: str
    revision: str
    files: dict[str, FileEntry]


class DamagedFile(BaseModel):
    """Name one file that is not what the manifest says, and how."""

    model_config = ConfigDict(frozen=True)

    name: str
    problem: Literal["missing", "size", "digest"]


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build_manifest(folder: Path, names: Iterable[str], *, source: str, model_id: str) -> Manifest:
    """Hash the named files of `folder` and return their manifest; write nothing."""
    files = {
        name: FileEntry(sha256=file_sha256(folder / name), size=(folder / name).stat().st_size)
        for name in sorted(names)
    }
    lines = "".join(f"{entry.sha256}  {name}\n" for name, entry in files.items())
    revision = "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    return Manifest(source=source, model_id=model_id, revision=revision, files=files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into its folder atomically."""
    write_atomically(folder / MANIFEST_NAME, (manifest.model_dump_json(indent=2) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a prepared model folder.

    Raises ModelError where it is missing or is not a manifest.
    """
    path = folder / MANIFEST_NAME
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): {folder} is not a prepared model; "
            f"run `inferloop-runtime weights prepare --source SOURCE --to {folder}`"
        ) from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        raise ModelError(
            f"{path} is not a weights manifest; remove {folder} and run "
            f"`inferloop-runtime weights prepare --source SOURCE --to {folder}`"
        ) from None


def damaged_files(folder: Path, manifest: Manifest) -> list[DamagedFile]:
    """Compare every file of `folder` with the manifest and return those that differ, in the manifest's order."""
    damaged = []
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file():
            damaged.append(DamagedFile(name=name, problem="missing"))
        elif path.stat().st_size != entry.size:
            damaged.append(DamagedFile(name=name, problem="size"))
        elif file_sha256(path) != entry.sha256:
            damaged.append(DamagedFile(name=name, problem="digest"))
    return damaged


def write_atomically(path: Path, content: bytes) -> None:
    """Write one file so that a reader, or a crash, sees either the old content or the new."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write one JSON file of a model folder atomically."""
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
