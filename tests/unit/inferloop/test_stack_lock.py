import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from inferloop.errors import StackBusyError
from inferloop.stack_lock import stack_lock


def hold(path: Path, held: Event, release: Event) -> None:
    with stack_lock(path, "inferloop up dev", wait=False, tell=lambda _: None):
        held.set()
        release.wait(30)


@pytest.fixture
def context() -> multiprocessing.context.SpawnContext:
    return multiprocessing.get_context("spawn")


def test_the_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with stack_lock(tmp_path / "home" / "lock", "inferloop up", wait=False, tell=pytest.fail):
            pass


def test_a_held_lock_is_refused_or_waited_for_with_the_name_of_the_holder(
    tmp_path: Path, context: multiprocessing.context.SpawnContext
) -> None:
    held, release = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "lock", held, release))
    holder.start()
    assert held.wait(30)
    with (
        pytest.raises(StackBusyError, match=rf"`inferloop up dev` \(process {holder.pid}"),
        stack_lock(tmp_path / "lock", "inferloop down", wait=False, tell=pytest.fail),
    ):
        pass
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        release.set()

    with stack_lock(tmp_path / "lock", "inferloop down", wait=True, tell=tell):
        assert len(told) == 1
        assert f"process {holder.pid}" in told[0]
    holder.join(30)


def test_a_killed_holder_gives_the_lock_back(tmp_path: Path, context: multiprocessing.context.SpawnContext) -> None:
    held, release = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "lock", held, release))
    holder.start()
    assert held.wait(30)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(30)
    started = time.monotonic()
    with stack_lock(tmp_path / "lock", "inferloop up", wait=True, tell=pytest.fail):
        assert time.monotonic() - started < 5
