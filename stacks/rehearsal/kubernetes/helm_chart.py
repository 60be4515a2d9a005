"""Charts as a rehearsal has them: what a locked package renders to, and what its values may be."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.catalog.charts import Chart
from stacks.rehearsal.custom_resources import RECORD, read_files
from stacks.rehearsal.kubernetes.api import Object
from stacks.rehearsal.kubernetes.manifest import objects_in
from stacks.rehearsal.plugins.errors import RehearsalError

_HELM_TIMEOUT_S = 60
_SHOWN_LINES = 6


@dataclass(frozen=True)
class Rendered:
    """What a chart comes to: objects in the order in which helm makes them, and the definitions of its crds/ folder."""

    objects: Sequence[Object]
    definitions: Sequence[Object]


def local_chart(reference: str) -> Path | None:
    """Return the folder or package that a release names by its path, None where it names a published chart."""
    if "://" in reference:
        return None
    path = Path(reference)
    return path if path.is_absolute() or reference.startswith(".") or path.exists() else None


def stored_package(chart: Chart, record: Path = RECORD) -> Path | None:
    """Return the package that was fetched for a locked chart, None where there is none of the locked digest."""
    if chart.digest is None:
        return None
    try:
        path = Path(json.loads(record.read_text(encoding="utf-8"))["packages"]) / f"{chart.digest}.tgz"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError):
        return None
    return path if found == chart.digest else None


def render(
    package: Path,
    *,
    name: str,
    namespace: str,
    values: Mapping[str, Any],
    kube_version: str,
    kinds: Iterable[tuple[str, str]],
) -> Rendered:
    """Render a chart's folder or package for one release; hooks are left out, for no helm is there to run them.

    `kinds` are the cluster's, which charts ask for. Raises RehearsalError with what helm said, which may quote values.
    """
    known = sorted({text for group, kind in kinds for text in (group, f"{group}/{kind}")})
    arguments = ["--namespace", namespace, "--no-hooks", "--kube-version", kube_version]
    arguments += [part for text in known for part in ("--api-versions", text)]
    # On standard input, for values may be secret.
    text = _helm(["template", name, str(package), *arguments, "--values", "-"], json.dumps(values))
    definitions = _helm(["show", "crds", str(package)])
    return Rendered(objects=list(objects_in(text)), definitions=list(objects_in(definitions)))


def wrong_values(chart: Chart, values: Mapping[str, Any], record: Path = RECORD) -> list[str]:
    """Say what a chart's own schema refuses of the values that a release sets; nothing where no schema is had.

    The schema is meant for these values together with the chart's defaults, so one that is missing is not wrong.
    """
    if chart.values_schema is None:
        return []
    # Only charts whose schema is known need it.
    from jsonschema.validators import validator_for

    (text,) = read_files(chart.values_schema, record).values()
    schema = json.loads(text)
    validator = validator_for(schema)(schema)
    wrong = [error for error in validator.iter_errors(values) if error.validator != "required"]
    return [f"{'.'.join(['values', *map(str, error.absolute_path)])}: {error.message}" for error in wrong]


def _helm(arguments: Sequence[str], given: str = "") -> str:
    # Neither the user's plugins nor their repositories have a part in it.
    with tempfile.TemporaryDirectory(prefix="helm-") as home:
        try:
            finished = subprocess.run(
                [_program(), *arguments],
                input=given,
                capture_output=True,
                text=True,
                timeout=_HELM_TIMEOUT_S,
                env={"PATH": os.defpath, "HOME": home},
            )
        except subprocess.TimeoutExpired:
            raise RehearsalError(f"helm {arguments[0]} did not end in {_HELM_TIMEOUT_S} s") from None
    if finished.returncode != 0:
        said = "\n".join(finished.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise RehearsalError(f"the chart cannot be rendered: {said}")
    return finished.stdout


def _program() -> Path:
    # What it needs takes long to import, and most stacks render nothing.
    from stacks.rehearsal.control_plane import find_programs

    helm = find_programs() / "helm"
    if not os.access(helm, os.X_OK):
        raise RehearsalError("helm is not built yet; build it once by `make rehearsal-tools`")
    return helm
