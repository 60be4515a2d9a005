"""The doctor: what it reports of real checkouts, healthy and not."""

import io
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from inferloop.errors import ProjectError
from inferloop.prerequisites import examine, table
from inferloop.project import Project
from tests.support.package_index import serving
from tests.support.tiny_checkout import REPOSITORY, TinyCheckout, make_checkout, write_engine, write_program


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[TinyCheckout]:
    with serving(tmp_path / "site") as site:
        made = make_checkout(tmp_path, site)
        made.search_path = f"{write_engine(tmp_path / 'engine')}{os.pathsep}{made.search_path}"
        yield made


def _report(checkout: TinyCheckout, **changes: str) -> dict[str, dict[str, Any]]:
    done = checkout.run("doctor", "--json", **changes)
    report = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0)
    return {check["name"]: check for check in report["checks"]}


def _use_the_project_s_settings(checkout: TinyCheckout, ports: dict[str, int]) -> None:
    for name in ("stacks", "components"):
        shutil.copytree(REPOSITORY / name, checkout.root / name, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    text = (
        f"config:\n  inferloop:cloud: local\n  inferloop:phase: development\n  inferloop:ports: {json.dumps(ports)}\n"
    )
    (checkout.root / "stacks" / "config" / "Pulumi.dev.yaml").write_text(text)
    # The tiny environment has no pydantic; this one has.
    (checkout.root / ".venv" / "bin" / "python").unlink()
    write_program(checkout.root / ".venv" / "bin" / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')


def test_a_checkout_that_is_set_up_is_healthy(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    report = _report(checkout)
    assert all(check["state"] == "ok" for check in report.values() if check["needed"])
    assert "(path)" in report["pulumi"]["found"]
    assert report["language host"]["state"] == "ok"
    assert {"python", "git", "make", "uv", "disk", "memory", "go", "PyPI", "GPU", "chromium"} <= set(report)


def test_a_fresh_checkout_names_the_command_and_installs_nothing(checkout: TinyCheckout, tmp_path: Path) -> None:
    (tmp_path / "engine" / "pulumi").unlink()
    before = sorted(checkout.root.rglob("*"))
    report = _report(checkout)
    for name in ("environment", "pulumi"):
        assert report[name]["state"] == "missing"
        assert report[name]["mend"].startswith("make up")
    assert [path for path in sorted(checkout.root.rglob("*")) if "__pycache__" not in str(path)] == before


def test_the_plain_table_shows_each_remedy(checkout: TinyCheckout) -> None:
    done = checkout.run("doctor")
    assert done.returncode == 1
    assert "missing  environment" in done.stdout
    assert "→ make up" in done.stdout


def test_a_busy_port_of_the_stack_is_reported_with_its_key(checkout: TinyCheckout) -> None:
    assert checkout.run().returncode == 0
    with socket.socket() as busy, socket.socket() as free:
        for listener in (busy, free):
            listener.bind(("127.0.0.1", 0))
        busy.listen()
        busy_port, free_port = busy.getsockname()[1], free.getsockname()[1]
        free.close()
        _use_the_project_s_settings(checkout, {"gateway": busy_port, "metrics": free_port})
        report = _report(checkout)
        assert report[f"port {busy_port}"]["state"] == "failing"
        assert "inferloop:ports.gateway" in report[f"port {busy_port}"]["mend"]
        assert report[f"port {free_port}"]["state"] == "ok"
        run = checkout.root / ".inferloop" / "dev" / "run"
        run.mkdir(parents=True)
        (run / "supervisor.pid").write_text(f"{os.getpid()}\n")
        assert "the stack dev is up" in _report(checkout)[f"port {busy_port}"]["found"]


def test_a_network_that_is_gone_fails_only_a_checkout_that_needs_it(checkout: TinyCheckout) -> None:
    gone = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    assert _report(checkout, **gone)["PyPI"]["needed"] is True
    assert checkout.run().returncode == 0
    offline = _report(checkout, **gone)
    assert offline["PyPI"]["state"] == "failing"
    assert offline["PyPI"]["needed"] is False


def test_the_command_line_shows_the_same_report(checkout: TinyCheckout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in checkout.environ().items():
        monkeypatch.setenv(name, value)
    report = examine(Project(checkout.root))
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(report))
    text = console.export_text()
    assert "prerequisite" in text
    assert "make up" in text
    assert report["ok"] is False


def test_a_checkout_without_its_set_up_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="does not answer"):
        examine(Project(tmp_path))
