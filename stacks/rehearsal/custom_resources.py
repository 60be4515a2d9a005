"""The custom resources of a rehearsed cluster: definitions of the lock of charts, in a real API server.

They come from the Go modules that components/catalog/charts.yaml names, and `make rehearsal-tools` has fetched them;
where no module has them, stand_in_definitions.py may.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from components.catalog.charts import ModuleFiles, digest_of, load_charts
from stacks.rehearsal.kubernetes.api import ApiError, KubernetesApi, UnknownKindError
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.stand_in_definitions import ORIGIN as STAND_IN
from stacks.rehearsal.stand_in_definitions import is_stand_in, read_stand_in

ORIGIN = "rehearsal.inferloop.dev/definitions"
"""Annotation of each definition: the module and the version that it is from."""
RECORD = Path(__file__).resolve().parents[2] / ".tools" / "charts.json"
# More would only wait for each other: an API server takes each definition into one description of its whole interface.
_TOGETHER = 2
_POLL_S = 0.1


def install_definitions(
    api: KubernetesApi, sets: Iterable[str] | None = None, *, record: Path = RECORD, timeout_s: float = 180.0
) -> tuple[str, ...]:
    """Make the definitions of some sets of the lock, of all by default; return their names once all are served.

    One that is there stays as it is. Raises CatalogError for a set that is not locked, RehearsalError where the
    definitions have not been fetched, or are not served in time.
    """
    wanted = list(load_charts().definitions) if sets is None else list(dict.fromkeys(sets))
    return _install(api, list(_definitions(wanted, record)), timeout_s)


def install_kind(
    api: KubernetesApi,
    api_version: str,
    kind: str,
    sets: Iterable[str],
    *,
    record: Path = RECORD,
    timeout_s: float = 180.0,
) -> bool:
    """Make the one definition of some sets that brings a kind; return whether there is one.

    A rehearsal so installs what a stack uses alone: every definition takes memory and time of the API server, and
    operators bring many more than are used. Raises as `install_definitions`.
    """
    found = [item for item in _definitions(sets, record) if (api_version, kind) in _kinds(item)]
    return bool(_install(api, found, timeout_s))


def _definitions(sets: Iterable[str], record: Path) -> Iterator[dict[str, Any]]:
    names = list(sets)
    for files in [load_charts().definition_set(name) for name in names if not is_stand_in(name)]:
        for item in read_definitions(files, record):
            yield item | {"metadata": _marked(item["metadata"], str(files))}
    for name in filter(is_stand_in, names):
        for item in read_stand_in(name):
            yield item | {"metadata": _marked(item["metadata"], STAND_IN)}


def _install(api: KubernetesApi, found: list[dict[str, Any]], timeout_s: float) -> tuple[str, ...]:
    with ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(lambda item: _create(api, item), (item for item in found if not _is_there(api, item))))
    _wait(api, found, time.monotonic() + timeout_s)
    return tuple(item["metadata"]["name"] for item in found)


def read_definitions(files: ModuleFiles, record: Path = RECORD) -> list[dict[str, Any]]:
    """Return the definitions of one set as they were fetched. Raises RehearsalError where they were not."""
    folder = _stored(files, record)
    text = (folder / "definitions.json").read_bytes()
    if hashlib.sha256(text).hexdigest() != json.loads((folder / "sha256.json").read_bytes()).get("definitions.json"):
        raise RehearsalError(f"{folder} is not what was fetched; fetch it anew by `python tools/charts fetch`")
    result: list[dict[str, Any]] = json.loads(text)
    return result


def read_files(files: ModuleFiles, record: Path = RECORD) -> dict[str, bytes]:
    """Return what a module's files hold, by path. Raises RehearsalError where they were not fetched or have changed."""
    folder = _stored(files, record)
    content = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in files.files
        for path in sorted(folder.glob(pattern))
    }
    if digest_of(content) != files.sha256:
        raise RehearsalError(f"{folder} is not what was fetched; fetch it anew by `python tools/charts fetch`")
    return content


def _stored(files: ModuleFiles, record: Path) -> Path:
    try:
        folder = Path(json.loads(record.read_text(encoding="utf-8"))["definitions"]) / files.sha256
    except (OSError, ValueError, KeyError):
        folder = Path()
    if not (folder / "sha256.json").is_file():
        raise RehearsalError(
            f"the files of {files} are not fetched yet; fetch them once by `make rehearsal-tools` "
            "(`python tools/charts fetch`)"
        )
    return folder


def _marked(metadata: dict[str, Any], origin: str) -> dict[str, Any]:
    return {**metadata, "annotations": {**(metadata.get("annotations") or {}), ORIGIN: origin}}


def _create(api: KubernetesApi, item: dict[str, Any]) -> None:
    try:
        api.create(item)
    except ApiError as error:
        if error.status != 409:
            raise RehearsalError(f"the definition {item['metadata']['name']}: {error}") from error


def _is_there(api: KubernetesApi, item: dict[str, Any]) -> bool:
    return all(_is_served(api, *kind) for kind in _kinds(item))


def _kinds(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    spec = item["spec"]
    for version in spec["versions"]:
        if version["served"]:
            yield f"{spec['group']}/{version['name']}", spec["names"]["kind"]


def _wait(api: KubernetesApi, definitions: list[dict[str, Any]], deadline: float) -> None:
    """Return once discovery names every kind, which it does of established definitions alone."""
    left = {kind for item in definitions for kind in _kinds(item)}
    while left := {kind for kind in left if not _is_served(api, *kind)}:
        if time.monotonic() > deadline:
            names = ", ".join(f"{kind} of {group}" for group, kind in sorted(left))
            raise RehearsalError(f"the API server does not serve in time: {names}")
        time.sleep(_POLL_S)


def _is_served(api: KubernetesApi, group: str, kind: str) -> bool:
    try:
        api.is_namespaced(group, kind)
    except UnknownKindError:
        return False
    return True
