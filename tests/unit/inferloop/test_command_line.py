import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from components.errors import InferloopError
from inferloop import main as command_line
from inferloop.bring_up import UpResult
from inferloop.commands.status import describe
from inferloop.commands.up import summarize
from inferloop.processes import Process
from inferloop.sink import Mode, Sink, set_default_mode
from inferloop.stack_status import StackStatus

REPOSITORY = Path(__file__).parents[3]


def run(*arguments: str, home: Path, checkout: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inferloop.main", *arguments],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "INFERLOOP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_comes_fast_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; started = time.process_time(); import inferloop.main; took = time.process_time() - started\n"
        "heavy = {'pulumi', 'torch', 'pydantic', 'psutil', 'yaml', 'rich', 'xmlrpc'} & set(sys.modules)\n"
        "assert not heavy, heavy\nprint(took)"
    )
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        times.append(float(done.stdout))
    assert min(times) < 0.5


def test_help_names_every_command(tmp_path: Path) -> None:
    text = run("--help", home=tmp_path).stdout
    for command in ("up", "down", "status", "logs", "key", "console", "plan", "doctor", "settings"):
        assert f"\n  {command} " in text


def test_an_up_before_the_set_up_names_the_command_that_does_it(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "stacks" / "config").mkdir(parents=True)
    for name in ("Pulumi.yaml", "stacks/config/Pulumi.dev.yaml"):
        shutil.copy(REPOSITORY / name, checkout / name)
    done = run("up", home=tmp_path / "home", checkout=checkout)
    assert done.returncode == 3
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_a_stack_that_is_down_exits_with_one(tmp_path: Path) -> None:
    told = run("status", home=tmp_path)
    assert told.returncode == 1
    assert "stack dev is down" in told.stdout
    data = run("status", "--json", home=tmp_path)
    assert data.returncode == 1
    assert json.loads(data.stdout)["state"] == "down"
    assert json.loads(data.stdout)["gateway_url"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("status", "--nope"), 2, "No such option"),
        (("up", "no-such-stack"), 2, "known stacks: dev"),
        (("key",), 1, "inferloop up dev"),
        (("key", "--admin"), 1, "inferloop up dev"),
        (("logs",), 1, "inferloop up"),
        (("console",), 1, "inferloop up dev"),
        (("down", "--yes", "--keep-data"), 2, "choose one"),
        (("status", "A"), 2, "cannot be a stack's name"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_expected_failure_is_one_message_with_its_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = run(*arguments, home=tmp_path)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_traceback_comes_only_with_debug(tmp_path: Path) -> None:
    assert "Traceback" in run("key", "--debug", home=tmp_path).stderr


def test_down_of_a_stack_that_never_was_is_no_failure(tmp_path: Path) -> None:
    done = run("down", "--yes", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing of it is left" in done.stdout


def test_settings_are_checked_without_an_engine(tmp_path: Path) -> None:
    good = run("settings", "check", "--json", home=tmp_path)
    assert json.loads(good.stdout)["cloud"] == "local"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("config:\n  inferloop:modle: {shards: 3}\n")
    refused = run("settings", "check", "--config-file", str(wrong), home=tmp_path)
    assert refused.returncode == 2
    assert "inferloop:modle" in refused.stderr
    schema = json.loads(run("settings", "schema", home=tmp_path).stdout)
    assert "ModelSettings" in schema["$defs"]


def test_a_fault_of_ours_is_told_apart_and_shown_whole_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = typer.Typer()

    @broken.command()
    def fail(kind: str) -> None:
        raise {
            "odd": ValueError("odd"),
            "known": InferloopError("expected"),
            "full": OSError(errno.ENOSPC, "No space left on device", "/data"),
        }[kind]

    monkeypatch.setattr(command_line, "app", broken)
    full = "No space left on device: /data; mend that"
    for argument, code, text in (("odd", 70, "--debug"), ("known", 1, "error: expected"), ("full", 74, full)):
        monkeypatch.setattr(sys, "argv", ["inferloop", argument])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == code
        assert text in capsys.readouterr().err


def test_the_summary_tells_a_newcomer_what_to_do_next() -> None:
    outputs = {"gateway_url": "http://127.0.0.1:8080", "model": "tiny", "shards": 3.0, "prometheus_url": None}
    text = summarize(UpResult("dev", 1, 2.0, "pulumi v3 (build)", outputs))
    assert "1 change in 2.0 s, with pulumi v3 (build)" in text
    assert "tiny (3 shards)" in text
    assert '"model": "tiny"' in text
    assert "prometheus" not in text


def test_the_status_is_a_table_of_processes() -> None:
    processes = (Process("supervisor", 12, "running"), Process("gateway", None, "backoff"))
    text = describe(StackStatus("dev", "degraded", False, Path("x"), {"model": "tiny", "shards": 1.0}, processes))
    assert "degraded (the gateway is not ready)" in text
    assert "shards     1\n" in text
    assert "gateway            -  backoff" in text


def test_the_sink_speaks_as_its_mode_says(capsys: pytest.CaptureFixture[str]) -> None:
    for mode in Mode:
        sink = Sink(mode)
        sink.result({"a": 1}, "text")
        sink.note("note")
        sink.warn("careful")
        out, err = capsys.readouterr()
        assert out == {Mode.HUMAN: "text\n", Mode.JSON: '{\n  "a": 1\n}\n', Mode.QUIET: ""}[mode]
        assert err == ("note\n" if mode is Mode.HUMAN else "") + "warning: careful\n"
        assert not sink.interactive
        assert not sink.animated


def test_quiet_is_for_commands_that_were_not_asked_for_json() -> None:
    set_default_mode(Mode.QUIET)
    try:
        assert Sink.for_command(as_json=False).mode is Mode.QUIET
        assert Sink.for_command(as_json=True).mode is Mode.JSON
    finally:
        set_default_mode(Mode.HUMAN)


def test_status_answers_within_its_time(tmp_path: Path) -> None:
    started = time.monotonic()
    run("status", home=tmp_path)
    assert time.monotonic() - started < 5


def test_logs_show_the_last_lines_of_one_process_or_of_all_with_their_names(tmp_path: Path) -> None:
    log_dir = tmp_path / "dev" / "log"
    log_dir.mkdir(parents=True)
    for name in ("gateway", "metrics"):
        (log_dir / f"{name}.log").write_text("first\nlast\n")
    assert run("logs", "gateway", "-n", "1", home=tmp_path).stdout == "last\n"
    assert run("logs", "-n", "1", home=tmp_path).stdout == "gateway | last\nmetrics | last\n"


def test_following_logs_ends_quietly_with_ctrl_c(tmp_path: Path) -> None:
    log_dir = tmp_path / "dev" / "log"
    log_dir.mkdir(parents=True)
    (log_dir / "gateway.log").write_text("first\n")
    with subprocess.Popen(
        [sys.executable, "-m", "inferloop.main", "logs", "gateway", "--follow"],
        cwd=REPOSITORY,
        env={**os.environ, "INFERLOOP_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        with (log_dir / "gateway.log").open("a") as file:
            file.write("added\n")
        assert process.stdout.readline() == "added\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == ""
