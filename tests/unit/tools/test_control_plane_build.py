"""The control plane of rehearsals, built by the real Go from modules of a few lines."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.go_proxy import pin_module, publish_module
from tests.support.package_index import serving
from tests.support.tiny_checkout import REPOSITORY, TinyCheckout, make_checkout
from tools.bootstrap.context import Context
from tools.bootstrap.control_plane import PARTS, recorded_control_plane, set_up_control_plane
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import layout_of
from tools.bootstrap.versions import read_pins

_BASE = "k8s.io/component-base"
_COMMAND = 'package main\n\nimport "os"\n\nfunc main() {{ os.Stdout.WriteString("version {}\\n") }}\n'
_VERSIONED = f"""package main

import (
	"os"

	"{_BASE}/version"
)

func main() {{ os.Stdout.WriteString("Kubernetes " + version.Get() + "\\n") }}
"""
_VERSION = 'package version\n\nvar gitVersion = "v0.0.0"\n\nfunc Get() string { return gitVersion }\n'


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A checkout whose modules of tools/control_plane are tiny, served by a module proxy of files."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go is here")
    with serving(tmp_path / "site") as site:
        checkout = make_checkout(tmp_path, site)
        _publish(checkout, tmp_path, go)
        checkout.search_path = f"{Path(go).parent}{os.pathsep}{checkout.search_path}"
        yield checkout.context(GOPROXY=(tmp_path / "proxy").as_uri(), GONOSUMDB="*")


def _publish(checkout: TinyCheckout, folder: Path, go: str) -> None:
    proxy = folder / "proxy"
    publish_module(proxy, _BASE, "v0.1.0", {"go.mod": f"module {_BASE}\n\ngo 1.26\n", "version/version.go": _VERSION})
    versions = read_pins(layout_of(checkout.root).pins).control_plane
    for part in PARTS:
        version = versions[part.folder]
        needs_base = part.folder == "kubernetes"
        source = _VERSIONED if needs_base else _COMMAND.format(version)
        needs = f"require {_BASE} v0.1.0\n" if needs_base else ""
        files = {
            f"{package.removeprefix(part.source).lstrip('/')}/main.go".lstrip("/"): source
            for package, _ in part.commands
        }
        files["go.mod"] = f"module {part.source}\n\ngo 1.26\n\n{needs}"
        publish_module(proxy, part.source, f"v{version}", files)
        pin_module(
            checkout.root / "tools" / "control_plane" / part.folder,
            go=go,
            proxy=proxy,
            gopath=folder / "gopath",
            tools=[package for package, _ in part.commands],
            module=part.source,
            version=f"v{version}",
        )


def test_it_is_built_once_for_all_checkouts_and_recorded(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    assert recorded_control_plane(context) is None
    set_up_control_plane(context)
    record = json.loads(context.layout.control_plane_record.read_text())
    assert record["path"] == [str(context.layout.control_plane_bin)]
    assert record["versions"] == dict(context.pins.control_plane)
    program = context.layout.control_plane_bin / "kube-apiserver"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert said == f"Kubernetes v{context.pins.control_plane['kubernetes']}\n"
    assert not (context.layout.cache / "go").exists()
    assert "kube-apiserver: built in" in capsys.readouterr().err

    set_up_control_plane(context)
    assert capsys.readouterr().err == ""
    shutil.rmtree(context.layout.tools)
    set_up_control_plane(context)
    assert "built in" not in capsys.readouterr().err
    assert recorded_control_plane(context) == context.layout.control_plane_bin


def test_a_new_version_of_one_part_leaves_the_others_alone(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_control_plane(context)
    capsys.readouterr()
    sums = context.layout.control_plane_modules / "kwok" / "go.sum"
    sums.write_text(sums.read_text() + "\n")
    assert recorded_control_plane(context) is None
    set_up_control_plane(context)
    said = capsys.readouterr().err
    assert "kwok: built in" in said
    assert "etcd: built in" not in said


def test_a_program_of_another_version_is_refused(context: Context) -> None:
    pinned = Context(
        context.layout,
        read_pins(context.layout.pins),
        context.progress,
        {**context.environ},
    )
    modules = context.layout.control_plane_modules / "etcd"
    assert modules.is_dir()
    pinned.pins.control_plane["etcd"] = "9.9.9"  # type: ignore[index]
    with pytest.raises(SetupError, match=r"etcd does not say that it is 9\.9\.9"):
        set_up_control_plane(pinned)
    assert recorded_control_plane(pinned) is None


def test_a_build_without_network_says_so(context: Context) -> None:
    alone = Context(
        context.layout,
        context.pins,
        context.progress,
        {**context.environ, "GOPROXY": "http://127.0.0.1:9"},
    )
    with pytest.raises(SetupError, match="the network does not answer"):
        set_up_control_plane(alone)
    assert not context.layout.control_plane_record.exists()


def test_the_modules_pin_the_versions_that_the_list_names() -> None:
    pins = read_pins(layout_of(REPOSITORY).pins).control_plane
    for part in PARTS:
        text = (layout_of(REPOSITORY).control_plane_modules / part.folder / "go.mod").read_text()
        assert re.search(rf"^\s+{re.escape(part.source)} v{re.escape(pins[part.folder])}\b", text, re.MULTILINE)
