"""A Go module proxy made of files, and modules that are pinned to it."""

import json
import os
import subprocess
import zipfile
from pathlib import Path


def publish_module(proxy: Path, module: str, version: str, files: dict[str, str]) -> None:
    """Lay a Go module out as GOPROXY has it."""
    folder = proxy / module / "@v"
    folder.mkdir(parents=True)
    (folder / "list").write_text(f"{version}\n")
    (folder / f"{version}.info").write_text(json.dumps({"Version": version}))
    (folder / f"{version}.mod").write_text(files["go.mod"])
    with zipfile.ZipFile(folder / f"{version}.zip", "w") as archive:
        for path, text in files.items():
            archive.writestr(f"{module}@{version}/{path}", text)


def pin_module(place: Path, *, go: str, proxy: Path, gopath: Path, tools: list[str], module: str, version: str) -> None:
    """Write go.mod and go.sum of a module that builds commands of another one."""
    lines = "".join(f"tool {package}\n" for package in tools)
    (place / "go.mod").write_text(f"module tiny/{place.name}\n\ngo 1.26\n\n{lines}\nrequire {module} {version}\n")
    (place / "go.sum").unlink(missing_ok=True)
    settings = {"GOPROXY": proxy.as_uri(), "GONOSUMDB": "*", "GOFLAGS": "-mod=mod -modcacherw"}
    subprocess.run(
        [go, "mod", "tidy"],
        cwd=place,
        env={**os.environ, **settings, "GOPATH": str(gopath), "GOTOOLCHAIN": "local"},
        check=True,
        capture_output=True,
    )
