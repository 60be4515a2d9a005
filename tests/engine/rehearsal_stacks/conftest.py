"""Small stacks that are rehearsed on the real engine."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inferloop.rehearsal.session import discard
from inferloop.rehearsal.workspace import Workspace
from stacks.rehearsal.control_plane import find_programs
from stacks.rehearsal.plugins.errors import RehearsalError
from tests.support.pulumi_stack import CHECKOUT
from tests.support.rehearsed_checkout import rehearsed_workspace

MakeWorkspace = Callable[..., Workspace]


@pytest.fixture
def workspace(engine: list[str], tmp_path: Path) -> Iterator[MakeWorkspace]:
    """Make the rehearsal's workspace of a checkout with the given programs; nothing of it runs afterwards."""
    made: list[Workspace] = []

    def make(*programs: str, **settings: object) -> Workspace:
        space = rehearsed_workspace(tmp_path / "checkout", *programs, settings=settings)
        known = CHECKOUT / ".tools" / "engine.json"
        if known.is_file():
            (tmp_path / "checkout" / ".tools").mkdir()
            shutil.copy(known, tmp_path / "checkout" / ".tools")
        made.append(space)
        return space

    yield make
    for space in made:
        discard(space)


@pytest.fixture(scope="session")
def cluster_programs() -> None:
    """The control plane's programs; tests are skipped where they are not built."""
    try:
        find_programs()
    except RehearsalError as error:
        pytest.skip(str(error))
