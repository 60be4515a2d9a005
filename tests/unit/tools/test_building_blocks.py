"""The small parts that set-up stands on."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests.support.package_index import serving
from tools.bootstrap import machine
from tools.bootstrap.atomic import read_json, replace_folder, write_json
from tools.bootstrap.diagnosis import failure, refusal
from tools.bootstrap.errors import SetupError, StoppedError
from tools.bootstrap.layout import layout_of
from tools.bootstrap.locks import exclusive
from tools.bootstrap.network import download, reach, reach_all, read_text
from tools.bootstrap.processes import Finished, run
from tools.bootstrap.progress import Progress
from tools.bootstrap.versions import is_recent, numbers_of


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("said", "minimum", "recent"),
    [
        ("go version go1.26.8 linux/amd64", "1.26", True),
        ("go version go1.9 linux/amd64", "1.26", False),
        ("uv 0.9.10 (abc)", "0.9.9", True),
        ("v3.259.0-dev", "3.259.0", True),
        ("command not found", "1.0", False),
    ],
)
def test_versions_are_compared_by_number(said: str, minimum: str, recent: bool) -> None:
    assert is_recent(said, minimum) is recent


def test_a_version_without_a_patch_number_has_patch_0() -> None:
    assert numbers_of("go1.26") == (1, 26, 0)


def test_caches_follow_the_xdg_rules(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "checkout"
    home.mkdir()
    assert layout_of(root, {"HOME": str(home)}).cache == home / ".cache" / "inferloop"
    assert layout_of(root, {"HOME": str(home), "XDG_CACHE_HOME": f"{home}/x"}).cache == home / "x" / "inferloop"
    assert layout_of(root, {"HOME": str(home), "XDG_CACHE_HOME": "relative"}).cache == home / ".cache" / "inferloop"


def test_a_json_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [child.name for child in tmp_path.iterdir()] == ["record.json"]


def test_a_damaged_json_file_reads_as_none(tmp_path: Path) -> None:
    (tmp_path / "cut").write_text('{"a":')
    (tmp_path / "list").write_text("[]")
    assert [read_json(tmp_path / name) for name in ("cut", "list", "absent")] == [None, None, None]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("new", "place"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "place")
    assert [path.name for path in tmp_path.rglob("*")] == ["place", "new"]


def test_a_stopped_command_ends_with_all_its_children(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/child; trap '' TERM; echo started; wait"
    stop = threading.Event()
    with pytest.raises(StoppedError):
        run(["sh", "-c", script], stop=stop, on_line=lambda line: stop.set())
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while not _gone(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_command_tells_its_lines_as_they_come_and_its_status() -> None:
    lines: list[str] = []
    waits: list[None] = []
    finished = run(
        ["sh", "-c", "echo one; echo two >&2; printf three; exit 3"],
        stop=threading.Event(),
        on_line=lines.append,
        on_wait=lambda: waits.append(None),
    )
    assert lines == ["one", "two", "three"]
    assert finished == Finished(3, ("one", "two", "three"))
    assert waits


def test_a_silent_command_still_shows_that_it_lives() -> None:
    stream = io.StringIO()
    progress = Progress(stream, heartbeat_s=0.3)
    run(["sleep", "1.5"], stop=threading.Event(), on_wait=lambda: progress.tick("engine", "compiling"))
    assert 2 <= stream.getvalue().count("engine       compiling") <= 5


def test_a_lock_outlives_its_holder_while_a_child_of_it_runs(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import pathlib, subprocess, threading, time
        from tools.bootstrap.locks import exclusive
        from tools.bootstrap.progress import Progress
        path = pathlib.Path({str(tmp_path)!r}) / "lock"
        with exclusive(path, topic="t", progress=Progress(), stop=threading.Event()) as lock:
            child = subprocess.Popen(["sleep", "60"], pass_fds=[lock], stdout=subprocess.DEVNULL)
            print(child.pid, flush=True)
            time.sleep(60)
        """
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    holder.kill()
    holder.communicate()
    stream, stop = io.StringIO(), threading.Event()
    threading.Timer(1, stop.set).start()
    with (
        pytest.raises(StoppedError),
        exclusive(tmp_path / "lock", topic="t", progress=Progress(stream), stop=stop),
    ):
        pass
    assert f"another set-up (process {holder.pid}) is at work here" in stream.getvalue()
    os.kill(child, signal.SIGKILL)
    with exclusive(tmp_path / "lock", topic="t", progress=Progress(stream), stop=threading.Event()):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_addresses_that_do_not_answer_cost_one_time_out_together(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.stalled.add("/slow")
        started = time.monotonic()
        found = reach_all([f"{site.url}/slow/1", f"{site.url}/slow/2", site.url], timeout_s=1)
        assert time.monotonic() - started < 4
    assert [reach.answers for reach in found.values()] == [False, False, True]


def test_any_http_answer_counts_as_reached(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        assert reach(f"{site.url}/absent").detail == "HTTP 404"
        assert reach(f"{site.url}/absent").answers
    assert not reach(f"{site.url}/absent").answers
    assert read_text(f"{site.url}/absent") is None


def test_a_download_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file").write_bytes(b"x" * 5000)
    parts: list[tuple[int, int | None]] = []
    with serving(tmp_path / "site") as site:
        download(f"{site.url}/file", tmp_path / "got", on_part=lambda done, length: parts.append((done, length)))
        assert (tmp_path / "got").read_bytes() == b"x" * 5000
        assert parts[-1] == (5000, 5000)
        with pytest.raises(OSError, match="404"):
            download(f"{site.url}/absent", tmp_path / "got", on_part=lambda done, length: None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("error: Permission denied (os error 13)", "Permission denied"),
        ("dial tcp: lookup modules.example: no such host", "the network does not answer"),
        ("panic: something else", "panic: something else"),
    ],
)
def test_a_failed_command_is_told_by_its_cause(line: str, told: str) -> None:
    error = failure("the engine could not be built", Finished(1, ("before", line)))
    assert told in str(error)
    assert "\n  mend: " in str(error)


def test_our_own_write_errors_name_the_remedy() -> None:
    assert "the disk is full" in str(refusal("x", OSError(28, "No space left on device", "/x")))
    assert "chown" in str(refusal("x", PermissionError(13, "Permission denied", "/x")))


def test_needs_on_one_disk_add_up(tmp_path: Path) -> None:
    free = machine.free_bytes(tmp_path / "not" / "yet")
    half = free * 6 // 10
    machine.check_disk([machine.Need("a", tmp_path, half)])
    with pytest.raises(SetupError, match=r"set-up needs .* \(a .*, b .*\)"):
        machine.check_disk([machine.Need("a", tmp_path, half), machine.Need("b", tmp_path / "not", half)])


def test_memory_is_what_the_container_leaves(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\nSwapFree: 1000 kB\n")
    assert machine.available_memory_bytes(tmp_path, tmp_path / "none") == 4001000 * 1024
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 100\nfile 500000\n")
    assert machine.available_memory_bytes(tmp_path, tmp_path) == 600000
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.available_memory_bytes(tmp_path, tmp_path) == 4001000 * 1024
    assert machine.available_memory_bytes(tmp_path / "none", tmp_path) is None


def test_too_little_memory_names_what_needs_it() -> None:
    with pytest.raises(SetupError, match="building the engine needs"):
        machine.check_memory(1 << 60, "building the engine")
