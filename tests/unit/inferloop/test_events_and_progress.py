import json
from pathlib import Path
from typing import Any

import pytest

from inferloop import progress as progress_module
from inferloop.events import EventLog, Remark, Step
from inferloop.progress import Progress
from inferloop.sink import Mode, Sink

URN = "urn:pulumi:dev::inferloop::inferloop:local:Database$pulumi-python:dynamic/local:Process::database-server"


def resource_event(kind: str, operation: str, *, custom: bool = True) -> dict[str, Any]:
    new = {"custom": custom}
    return {
        kind: {"metadata": {"op": operation, "urn": URN, "type": "pulumi-python:dynamic/local:Process", "new": new}}
    }


def diagnostic(severity: str, message: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": severity, "message": message}}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events")


def write(log: EventLog, *events: dict[str, Any]) -> None:
    with log.path.open("a") as file:
        file.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in events)


def test_changes_are_told_and_counted_and_what_stays_the_same_is_not(log: EventLog) -> None:
    write(
        log,
        resource_event("resourcePreEvent", "create"),
        resource_event("resOutputsEvent", "create"),
        resource_event("resourcePreEvent", "same"),
        resource_event("resOutputsEvent", "same"),
        resource_event("resOutputsEvent", "refresh"),
        resource_event("resOutputsEvent", "create", custom=False),
        diagnostic("debug", "registering resource"),
    )
    assert list(log.poll()) == [
        Step("database-server", "creating", "created", "begun"),
        Step("database-server", "creating", "created", "done"),
    ]
    assert log.changes == 1


def test_a_half_written_line_waits_for_its_end(log: EventLog) -> None:
    text = json.dumps(resource_event("resOutputsEvent", "update"))
    log.path.write_text(text[:20])
    assert list(log.poll()) == []
    log.path.write_text(text + "\n")
    assert [item.phase for item in log.poll() if isinstance(item, Step)] == ["done"]


def test_a_log_that_is_not_there_yet_is_empty(log: EventLog) -> None:
    assert list(log.poll()) == []


def test_errors_are_gathered_once_and_without_the_engines_wrapping(log: EventLog) -> None:
    write(
        log,
        diagnostic("error", "error: Exception calling application: port 80 is taken\n"),
        diagnostic("error", "port 80 is taken"),
        diagnostic("error", "update failed"),
        diagnostic("info#err", "info: loading weights\n"),
    )
    assert list(log.poll()) == [Remark("loading weights")]
    assert log.errors == ["port 80 is taken"]


def test_progress_without_a_terminal_is_plain_lines_and_breaks_long_silence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "_HEARTBEAT_S", 0.0)
    with Progress(Sink(Mode.HUMAN), "bringing stack dev up") as progress:
        progress.show(Step("weights", "creating", "created", "begun"))
        progress.show(Remark("converting\n40 %"))
        progress.tick()
        progress.show(Step("weights", "creating", "created", "done"))
        progress.show(Step("server", "creating", "created", "failed"))
        progress.tick()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "bringing stack dev up …"
    assert "creating weights (0 s) · 40 %" in lines[1]
    assert lines[2].startswith("  weights: created (")
    assert lines[3].startswith("  server: failed (")
    assert "bringing stack dev up" in lines[4]


def test_progress_on_a_terminal_redraws_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Sink(Mode.HUMAN)
    monkeypatch.setattr(Sink, "animated", True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Progress(sink, "bringing stack dev up") as progress:
        progress.show(Step("weights", "creating", "created", "begun"))
        progress.tick()
        progress.show(Step("weights", "creating", "created", "done"))
    assert "weights: created" in capsys.readouterr().err


def test_progress_stays_quiet_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Sink(Mode.JSON), "bringing stack dev up") as progress:
        progress.show(Step("weights", "creating", "created", "done"))
    assert capsys.readouterr().err == ""


def test_a_mandatory_policy_is_an_error_and_an_advisory_one_is_none(log: EventLog) -> None:
    violation = {"resourceUrn": URN, "message": "<{%reset%}>Turn it on.\n<{%reset%}>", "policyName": "rotates"}
    write(
        log,
        {"policyEvent": {**violation, "enforcementLevel": "mandatory"}},
        {"policyEvent": {**violation, "enforcementLevel": "advisory"}},
    )
    assert list(log.poll()) == []
    assert log.errors == ["database-server: policy rotates refuses this: Turn it on."]
