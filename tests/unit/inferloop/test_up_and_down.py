import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.unit.inferloop.conftest import SmallProject

pytestmark = pytest.mark.engine


def wait_for(condition: object, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_up_makes_the_stack_and_a_second_one_changes_nothing(small_project: SmallProject) -> None:
    first = small_project.run("up", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["changes"] == 3
    assert json.loads(first.stdout)["gateway_url"] == "http://127.0.0.1:9"
    assert "api_key" not in json.loads(first.stdout)
    assert {path.name for path in small_project.stack_dir.iterdir()} == {"data", "first", "second"}
    second = small_project.run("up", "--json")
    assert json.loads(second.stdout)["changes"] == 0
    small_project.run("down", "--yes")


def test_up_tells_what_to_do_next_and_shows_progress_as_plain_lines(small_project: SmallProject) -> None:
    done = small_project.run("up")
    assert "http://127.0.0.1:9/v1/chat/completions" in done.stdout
    assert "key)" in done.stdout
    assert "first: created" in done.stderr
    assert "\x1b" not in done.stderr
    small_project.run("down", "--yes")


def test_up_repairs_exactly_what_drifted(small_project: SmallProject) -> None:
    small_project.run("up")
    (small_project.stack_dir / "first").unlink()
    repaired = small_project.run("up")
    assert "first: updated" in repaired.stderr
    assert "second" not in repaired.stderr
    assert (small_project.stack_dir / "first").read_text() == "hello"
    small_project.run("down", "--yes")


def test_the_tracked_configuration_takes_effect_and_is_never_written(small_project: SmallProject) -> None:
    tracked = small_project.checkout / "stacks" / "config" / "Pulumi.dev.yaml"
    small_project.run("up")
    small_project.configure(text="changed")
    before = tracked.read_bytes()
    assert small_project.run("up").returncode == 0
    assert (small_project.stack_dir / "first").read_text() == "changed"
    assert tracked.read_bytes() == before
    small_project.run("down", "--yes")


def test_nothing_is_written_outside_the_home_and_its_secrets_are_private(
    small_project: SmallProject, tmp_path: Path
) -> None:
    user_home = tmp_path / "user"
    user_home.mkdir()
    small_project.environment["HOME"] = str(user_home)
    assert small_project.run("up").returncode == 0
    assert list(user_home.iterdir()) == []
    assert (small_project.home / "passphrase").stat().st_mode & 0o777 == 0o600
    assert (small_project.home / "project" / "Pulumi.dev.yaml").stat().st_mode & 0o777 == 0o600
    passphrase = (small_project.home / "passphrase").read_text().strip()
    for path in small_project.home.rglob("*"):
        if path.is_file() and path.name != "passphrase":
            content = path.read_bytes()
            assert b"il_secret-value" not in content, path
            assert passphrase.encode() not in content, path
    small_project.run("down", "--yes")


def test_key_prints_the_first_api_key_alone(small_project: SmallProject) -> None:
    small_project.run("up")
    assert small_project.run("key").stdout == "il_secret-value\n"
    small_project.run("down", "--yes")
    gone = small_project.run("key")
    assert gone.returncode == 1
    assert gone.stdout == ""
    assert "inferloop up dev" in gone.stderr


def test_down_without_a_terminal_keeps_the_data_and_says_how_to_delete_it(small_project: SmallProject) -> None:
    small_project.run("up")
    down = small_project.run("down")
    assert down.returncode == 0
    assert "down dev --yes" in down.stdout
    assert [path.name for path in small_project.stack_dir.iterdir()] == ["data"]
    again = small_project.run("up", "--json")
    assert json.loads(again.stdout)["changes"] == 2
    small_project.run("down", "--yes")


def test_down_with_yes_leaves_nothing_of_the_stack(small_project: SmallProject) -> None:
    small_project.run("up")
    down = small_project.run("down", "--yes", "--json")
    assert down.returncode == 0
    assert json.loads(down.stdout)["data_kept"] is False
    assert not small_project.stack_dir.exists()
    assert not list(small_project.home.rglob("*dev*.json"))
    assert not (small_project.home / "project" / "Pulumi.dev.yaml").exists()
    assert small_project.run("down", "--yes").returncode == 0


def test_down_without_its_engine_still_deletes_everything(small_project: SmallProject) -> None:
    small_project.run("up")
    small_project.environment["PATH"] = "/usr/bin:/bin"
    down = small_project.run("down", "--yes")
    assert down.returncode == 0
    assert "without it" in down.stderr
    assert not small_project.stack_dir.exists()


def test_down_with_a_damaged_state_still_deletes_everything(small_project: SmallProject) -> None:
    small_project.run("up")
    for path in (small_project.home / "backend" / ".pulumi" / "stacks" / "inferloop").glob("dev.json*"):
        path.write_text("{")
    assert "damaged" in small_project.run("up").stderr
    assert small_project.run("down", "--yes").returncode == 0
    assert not small_project.stack_dir.exists()
    assert small_project.run("up").returncode == 0
    small_project.run("down", "--yes")


def test_a_state_cut_short_is_read_from_its_backup(small_project: SmallProject) -> None:
    small_project.run("up")
    small_project.run("up")
    (small_project.home / "backend" / ".pulumi" / "stacks" / "inferloop" / "dev.json").write_text('{"checkpoint"')
    repaired = small_project.run("up")
    assert repaired.returncode == 0, repaired.stderr
    assert "backup" in repaired.stderr
    small_project.run("down", "--yes")


def test_a_lost_configuration_copy_gets_its_salt_back_from_the_state(small_project: SmallProject) -> None:
    small_project.run("up")
    copy = small_project.home / "project" / "Pulumi.dev.yaml"
    salt = yaml.safe_load(copy.read_text())["encryptionsalt"]
    copy.unlink()
    assert small_project.run("up").returncode == 0
    assert yaml.safe_load(copy.read_text())["encryptionsalt"] == salt
    assert small_project.run("key").stdout == "il_secret-value\n"
    small_project.run("down", "--yes")


def test_a_failed_resource_gives_its_message_without_a_traceback(small_project: SmallProject) -> None:
    small_project.configure(text="refuse")
    failed = small_project.run("up")
    assert failed.returncode == 4
    assert "port 1 is taken; free it" in failed.stderr
    assert "Traceback" not in failed.stderr
    small_project.configure()
    assert small_project.run("up").returncode == 0
    small_project.run("down", "--yes")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_the_next_up_completes_one_that_was_ended_halfway(small_project: SmallProject, number: signal.Signals) -> None:
    small_project.configure(seconds="3")
    with small_project.start("up", start_new_session=True) as process:
        wait_for(lambda: any((small_project.home / "backend").rglob("locks/**/*.json")))
        time.sleep(1.5)
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    small_project.configure(seconds="0")
    completed = small_project.run("up")
    assert completed.returncode == 0, completed.stderr
    assert {path.name for path in small_project.stack_dir.iterdir()} == {"data", "first", "second"}
    small_project.run("down", "--yes")


def test_pending_operations_of_a_run_that_never_ended_are_cleared(small_project: SmallProject) -> None:
    small_project.run("up")
    path = small_project.home / "backend" / ".pulumi" / "stacks" / "inferloop" / "dev.json"
    state = json.loads(path.read_text())
    latest = state["checkpoint"]["latest"]
    resource = next(item for item in latest["resources"] if item["urn"].endswith("::first"))
    latest["resources"].remove(resource)
    latest["pending_operations"] = [{"resource": {**resource, "id": ""}, "type": "creating"}]
    path.write_text(json.dumps(state))
    completed = small_project.run("up")
    assert completed.returncode == 0, completed.stderr
    assert "pending_operations" not in json.loads(path.read_text())["checkpoint"]["latest"]
    small_project.run("down", "--yes")


def test_of_two_ups_at_once_the_second_waits_and_says_for_whom(small_project: SmallProject) -> None:
    small_project.configure(seconds="2")
    with small_project.start("up") as first:
        wait_for(lambda: (small_project.home / ".lock").exists() and (small_project.home / ".lock").read_text())
        refused = small_project.run("up", "--no-wait")
        second = small_project.run("up")
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert refused.returncode == 5
    assert f"`inferloop up dev` (process {first.pid}" in refused.stderr
    assert second.returncode == 0
    assert f"waiting for `inferloop up dev` (process {first.pid}" in second.stderr
    small_project.run("down", "--yes")


@pytest.mark.parametrize(("answer", "kept"), [("y\n", False), ("n\n", True)], ids=["yes", "no"])
def test_down_at_a_terminal_asks_before_it_deletes_data(small_project: SmallProject, answer: str, kept: bool) -> None:
    small_project.run("up")
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "inferloop.main", "down"],
        cwd=small_project.checkout,
        env=small_project.environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        shown = ""
        while "Delete the data" not in shown:
            shown += os.read(controller, 4096).decode()
        assert (small_project.stack_dir / "data").exists()
        assert not (small_project.stack_dir / "first").exists()
        os.write(controller, answer.encode())
        with contextlib.suppress(OSError):
            while chunk := os.read(controller, 4096):
                shown += chunk.decode()
        process.wait(60)
    os.close(controller)
    assert process.returncode == 0
    assert small_project.stack_dir.exists() == kept
    small_project.run("down", "--yes")
