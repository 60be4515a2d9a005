"""Wheels without a network: packed again from what is installed, as their RECORD lists it."""

import base64
import csv
import hashlib
import io
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def closure(name: str, extras: tuple[str, ...] = ()) -> dict[str, Distribution]:
    """Every installed distribution that `name[extras]` needs, itself included, by canonical name.

    A requirement that its own markers leave out, or that is not installed although it is asked for (uv's overrides cut
    a few), does not count.
    """
    found: dict[str, Distribution] = {}
    workspace = _workspace_requirements()
    visited: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), extra) for extra in ("", *extras)]
    while waiting:
        current, extra = waiting.pop()
        if (current, extra) in visited:
            continue
        visited.add((current, extra))
        try:
            found[current] = distribution(current)
        except PackageNotFoundError:
            continue
        for line in workspace.get(current) or found[current].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    return found


def _workspace_requirements() -> dict[str, list[str]]:
    """The workspace's own requirements as their files say now; what is installed may be from before an edit."""
    requirements: dict[str, list[str]] = {}
    for file in (ROOT / "pyproject.toml", ROOT / "runtime" / "pyproject.toml"):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        lines = list(project["dependencies"])
        for extra, wanted in project.get("optional-dependencies", {}).items():
            lines += [f"{line.partition(';')[0]}; extra == '{extra}'" for line in wanted]
        requirements[canonicalize_name(project["name"])] = lines
    return requirements


def _files(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in installed.files or ():
        name = file.as_posix()
        # Scripts are made again from the entry points; the three files are the installer's own.
        if name.startswith("..") or name.endswith(".pyc") or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
            continue
        path = Path(str(installed.locate_file(file)))
        if path.is_file():
            yield name, path.read_bytes()


def pack(installed: Distribution, folder: Path) -> Path:
    """Write one installed distribution as a wheel into `folder`."""
    wheel_file = installed.read_text("WHEEL")
    assert wheel_file is not None
    tags = [line.partition(":")[2].strip() for line in wheel_file.splitlines() if line.startswith("Tag:")]
    name = canonicalize_name(installed.name).replace("-", "_")
    python, abi, platform = tags[0].split("-")
    platforms = ".".join(dict.fromkeys(tag.split("-")[2] for tag in tags))
    pythons = ".".join(dict.fromkeys(tag.split("-")[0] for tag in tags))
    path = folder / f"{name}-{installed.version}-{pythons or python}-{abi}-{platforms or platform}.whl"
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    info = ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for member, content in _files(installed):
            if ".dist-info/" in member:
                info = member.partition("/")[0]
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow((member, f"sha256={digest}", len(content)))
            wheel.writestr(member, content)
        rows.writerow((f"{info}/RECORD", "", ""))
        wheel.writestr(f"{info}/RECORD", record.getvalue())
    return path


def build_wheelhouse(folder: Path, extras: tuple[str, ...]) -> None:
    """Fill `folder` with the runtime's own wheel, its dependencies' and pip's; nothing is downloaded."""
    packages = closure("inferloop-runtime", extras) | closure("pip")
    del packages["inferloop-runtime"]
    for installed in packages.values():
        pack(installed, folder)
    build_runtime_wheel(folder)


def build_runtime_wheel(folder: Path) -> Path:
    """Build the runtime's own wheel into `folder`, with the build backend that is installed here."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT / "runtime"], check=True)
    return next(folder.glob("inferloop_runtime-*.whl"))
