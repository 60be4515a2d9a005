import asyncio
import threading
from pathlib import Path

from inferloop_runtime.serving.api.native_threads import native_threads, until_ended


def test_threads_that_python_started_are_not_among_them() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        assert thread.native_id not in native_threads()
    finally:
        release.set()
        thread.join()


def test_a_system_that_lists_no_threads_has_none_to_wait_for(tmp_path: Path) -> None:
    assert native_threads(tmp_path / "missing") == set()


def test_the_wait_ends_with_the_threads_or_in_time() -> None:
    listed = iter([{1, 2}, {2, 3}, {3}])
    assert asyncio.run(until_ended({1, 2}, 5, running=lambda: next(listed)))
    assert not asyncio.run(until_ended({1}, 0.05, running=lambda: {1}))
