"""One control plane with a GPU pool, and small programs on it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.catalog.charts import load_charts
from stacks.rehearsal.control_plane import ControlPlane, find_programs
from stacks.rehearsal.custom_resources import install_definitions, read_definitions
from stacks.rehearsal.node_pool import NodePool, Taint
from stacks.rehearsal.plugins.errors import RehearsalError
from stacks.rehearsal.plugins.executable import write_plugin
from stacks.rehearsal.stand_in_definitions import stand_in_sets
from tests.support.kubernetes_program import KubernetesProgram

POOLS = (
    NodePool(name="system"),
    NodePool(
        name="gpu",
        gpus=8,
        cpu="96",
        memory="1152Gi",
        labels={"inferloop.dev/pool": "gpu"},
        taints=(Taint(key="nvidia.com/gpu", value="present"),),
    ),
)


@pytest.fixture(scope="session")
def programs() -> Path:
    """The control plane's programs; tests are skipped where they are not built."""
    try:
        return find_programs()
    except RehearsalError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def control_plane(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane for tests that clean up after themselves."""
    with ControlPlane(tmp_path_factory.mktemp("plane") / "control-plane", pools=POOLS) as plane:
        yield plane


@pytest.fixture(scope="session")
def defined_plane(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane with every definition of the lock, and every stand-in; skipped where none is fetched."""
    try:
        read_definitions(load_charts().definition_set("keda"))
    except RehearsalError as error:
        pytest.skip(str(error))
    with ControlPlane(tmp_path_factory.mktemp("defined") / "control-plane", pools=POOLS, programs=programs) as plane:
        install_definitions(plane.api())
        install_definitions(plane.api(), stand_in_sets(chart.name for chart in load_charts().charts))
        yield plane


@pytest.fixture
def program(engine: list[str], control_plane: ControlPlane, tmp_path: Path) -> Iterator[KubernetesProgram]:
    """A stack of our plugin, destroyed afterwards."""
    write_plugin(tmp_path / "plugins", "kubernetes", "stacks.rehearsal.kubernetes")
    stack = KubernetesProgram(
        tmp_path / "stack", search_path=[str(tmp_path / "plugins"), *engine], kubeconfig=control_plane.kubeconfig
    )
    yield stack
    stack.destroy()


@pytest.fixture
def official_program(engine: list[str], control_plane: ControlPlane, tmp_path: Path) -> Callable[[], KubernetesProgram]:
    """Make a stack of the official plugin."""
    folder = os.environ.get("INFERLOOP_PLUGIN_PATH")
    if not folder or not (Path(folder) / "pulumi-resource-kubernetes").is_file():
        pytest.skip("no official Kubernetes plugin: INFERLOOP_PLUGIN_PATH names no folder that has it")

    def make() -> KubernetesProgram:
        return KubernetesProgram(
            tmp_path / "official", search_path=[folder, *engine], kubeconfig=control_plane.kubeconfig
        )

    return make
