"""The official Kubernetes provider in the place of ours: what it makes must be the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from inferloop.errors import RehearsalRefusedError
from inferloop.rehearsal.providers import PLUGIN_PATH, find_official
from inferloop.rehearsal.run import Rehearsal, keep, rehearse, stop
from inferloop.sink import Mode, Sink
from stacks.rehearsal.plugins.faults import Fault
from stacks.rehearsal.report import Outcome
from tests.engine.rehearsal_stacks.conftest import MakeWorkspace
from tests.engine.rehearsal_stacks.test_scenario import CHANGE, POOLS, REGION
from tests.support.rehearsed_checkout import AWS, KUBERNETES

pytestmark = pytest.mark.engine
SINK = Sink(Mode.QUIET)


@pytest.fixture
def official() -> Path:
    found = find_official("kubernetes")
    if found is None:
        pytest.skip(f"no official Kubernetes plugin on PATH, in PULUMI_HOME or in {PLUGIN_PATH}")
    return found


def read(path: Path) -> dict[str, Any]:
    objects: dict[str, Any] = json.loads(path.read_text())
    return objects


def test_the_official_plugin_ends_with_the_same_objects(
    workspace: MakeWorkspace, cluster_programs: None, official: Path, tmp_path: Path
) -> None:
    space = workspace(AWS, KUBERNETES)
    made = {}
    for name in ("own", "official"):
        rehearsal = Rehearsal(
            pools=POOLS,
            definitions=(),
            region=REGION,
            change=CHANGE,
            official=name == "official",
            objects=tmp_path / f"{name}.json",
        )
        if name == "own":
            report = keep(space, rehearsal, sink=SINK)
            stop(space, sink=SINK)
        else:
            report = rehearse(space, rehearsal, sink=SINK)
            assert report.providers["kubernetes"] == f"the official plugin, {official}"
        assert [step.detail for step in report.steps if step.outcome is not Outcome.OK] == []
        made[name] = read(tmp_path / f"{name}.json")
    assert "Deployment.apps serving/model" in made["own"]
    assert made["official"] == made["own"]


def test_an_official_plugin_cannot_be_made_to_fail(workspace: MakeWorkspace) -> None:
    faults = [Fault.parse("create:aws:s3/bucket:Bucket:1")]
    with pytest.raises(RehearsalRefusedError, match="leave out --official, or --fail"):
        rehearse(workspace(AWS), Rehearsal(official=True, faults=faults), sink=SINK)


def test_official_plugins_are_found_on_path_in_pulumi_home_and_where_they_are_said_to_be(tmp_path: Path) -> None:
    def write(folder: Path, content: bytes = b"\x7fELF") -> Path:
        folder.mkdir(parents=True)
        path = folder / "pulumi-resource-kubernetes"
        path.write_bytes(content)
        path.chmod(0o755)
        return path

    home = tmp_path / "home"
    environ = {"PATH": str(tmp_path / "path"), "PULUMI_HOME": str(home), PLUGIN_PATH: str(tmp_path / "named")}
    assert find_official("kubernetes", environ) is None
    named = write(tmp_path / "named")
    assert find_official("kubernetes", environ) == named
    write(home / "plugins" / "resource-kubernetes-v4.9.0")
    newest = write(home / "plugins" / "resource-kubernetes-v4.30.0")
    assert find_official("kubernetes", environ) == newest
    # A script of ours is no official plugin.
    write(tmp_path / "path", b"#!/bin/sh\n")
    assert find_official("kubernetes", environ) == newest
    (tmp_path / "path" / "pulumi-resource-kubernetes").unlink()
    (tmp_path / "path").rmdir()
    first = write(tmp_path / "path")
    assert find_official("kubernetes", environ) == first
