import threading
from pathlib import Path

import pytest

from inferloop.errors import StackDownError
from inferloop.log_files import Follower, follow, last_lines, select_logs


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    for name in ("gateway", "model-server"):
        (tmp_path / f"{name}.log").write_text("".join(f"{name} {number}\n" for number in range(5)))
    (tmp_path / "gateway.log.1").write_text("old\n")
    return tmp_path


def test_all_logs_are_shown_or_the_one_that_is_named(log_dir: Path) -> None:
    assert list(select_logs(log_dir, None)) == ["gateway", "model-server"]
    assert list(select_logs(log_dir, "gateway")) == ["gateway"]


def test_a_shard_writes_to_the_log_of_its_server(log_dir: Path) -> None:
    assert list(select_logs(log_dir, "model-server:shard-1")) == ["model-server"]


def test_an_unknown_process_is_refused_with_the_known_ones(log_dir: Path) -> None:
    with pytest.raises(StackDownError, match="known: gateway, model-server"):
        select_logs(log_dir, "gatewy")


def test_a_stack_that_never_ran_has_no_logs(tmp_path: Path) -> None:
    with pytest.raises(StackDownError, match="inferloop up"):
        select_logs(tmp_path / "missing", None)


def test_only_the_last_lines_are_shown(log_dir: Path) -> None:
    assert last_lines(log_dir / "gateway.log", 2) == ["gateway 3", "gateway 4"]


def test_no_line_is_lost_when_a_log_is_rotated_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    path.write_text("before\n")
    follower = Follower(path)
    assert list(follower.poll()) == []
    with path.open("a") as file:
        file.write("one\nhal")
    assert list(follower.poll()) == ["one"]
    with path.open("a") as file:
        file.write("f\n")
    path.rename(tmp_path / "gateway.log.1")
    assert list(follower.poll()) == []
    path.write_text("two\n")
    assert list(follower.poll()) == ["half", "two"]
    path.write_text("3\n")
    assert list(follower.poll()) == ["3"]


def test_following_passes_new_lines_on_until_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    path.write_text("")
    followers = {"gateway": Follower(path)}
    seen: list[tuple[str, str]] = []

    def write(name: str, line: str) -> None:
        seen.append((name, line))
        raise KeyboardInterrupt

    timer = threading.Timer(0.3, lambda: path.write_text("hello\n"))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        follow(followers, write)
    assert seen == [("gateway", "hello")]
