import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.errors import PortInUseError, ProcessError
from components.local.providers.process import ProcessInputs, ProcessProvider
from tests.support.postgres import free_port
from tests.support.supervised import Supervised, create_process, is_alive, wait_until, web_server

PROVIDER = ProcessProvider()


@pytest.fixture
def web(supervised: Supervised) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Inputs and state of a running web server."""
    port = free_port()
    props = supervised.process_props(f"web{port}", web_server(port), port)
    state = create_process(props)
    yield props, state
    PROVIDER.delete("web", state)


def _name(props: dict[str, Any]) -> str:
    return str(props["program"]["name"])


def test_a_created_process_runs_and_needs_nothing(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    known = supervised.client.info(_name(props))
    assert known is not None
    assert known.state in ("RUNNING", "STARTING")
    assert known.pid == supervised.pid(_name(props))
    assert PROVIDER.diff("web", state, props).changes is False


def test_a_stopped_process_is_drift_and_an_update_starts_it(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    supervised.client.stop(_name(props), timeout_s=5)
    assert PROVIDER.diff("web", state, props).changes is True
    assert (PROVIDER.read("web", state).outs or {})["drift"] == [f"process {_name(props)} is stopped"]
    PROVIDER.update("web", state, props)
    assert PROVIDER.diff("web", state, props).changes is False


def test_a_killed_process_comes_back_by_itself(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    killed = supervised.pid(_name(props))
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: supervised.pid(_name(props)) != killed)
    wait_until(lambda: PROVIDER.diff("web", state, props).changes is False)


def test_an_update_without_a_change_does_not_restart(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    before = supervised.pid(_name(props))
    PROVIDER.update("web", state, props)
    assert supervised.pid(_name(props)) == before


def test_a_changed_trigger_restarts(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    before = supervised.pid(_name(props))
    changed = {**props, "triggers": {"config": "2"}}
    assert PROVIDER.diff("web", state, changed).changes is True
    state.update(PROVIDER.update("web", state, changed).outs or {})
    assert supervised.pid(_name(props)) != before


def test_an_edited_program_file_is_drift(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    file = supervised.layout.programs / f"{_name(props)}.conf"
    original = file.read_text()
    file.write_text(original + "# edited\n")
    assert PROVIDER.diff("web", state, props).changes is True
    PROVIDER.update("web", state, props)
    assert file.read_text() == original
    file.unlink()
    assert PROVIDER.diff("web", state, props).changes is True
    PROVIDER.update("web", state, props)
    assert file.read_text() == original


def test_a_deleted_process_is_gone_with_its_files(supervised: Supervised) -> None:
    port = free_port()
    props = supervised.process_props("gone", web_server(port), port)
    state = create_process(props)
    pid = supervised.pid("gone")
    PROVIDER.delete("gone", state)
    assert supervised.client.info("gone") is None
    assert not is_alive(pid)
    assert not (supervised.layout.programs / "gone.conf").exists()
    assert not (supervised.layout.run / "gone.pid").exists()
    PROVIDER.delete("gone", state)


def test_a_busy_port_is_named_with_its_holder_and_the_remedy(supervised: Supervised) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        props = supervised.process_props("busy", web_server(port), port)
        with pytest.raises(
            PortInUseError, match=rf"port {port} .*process {os.getpid()}.*inferloop:ports\.web"
        ) as refused:
            create_process(props)
    assert "pulumi config set" in str(refused.value)
    assert supervised.client.info("busy") is None


def test_a_program_that_cannot_start_is_reported_with_its_log_and_leaves_nothing(supervised: Supervised) -> None:
    secret = (supervised.layout.secrets / "supervisor-password").read_text().strip()
    script = (
        f"import time; print('the secret is', {secret[:20]!r} + {secret[20:]!r}); print('no luck'); raise SystemExit(7)"
    )
    props = supervised.process_props("broken", [sys.executable, "-c", script], free_port())
    with pytest.raises(ProcessError, match="broken ends soon after its start") as failed:
        create_process(props)
    message = str(failed.value)
    assert "no luck" in message
    assert "broken.log" in message
    assert "[redacted]" in message
    assert secret not in message
    assert supervised.client.info("broken") is None
    assert not (supervised.layout.programs / "broken.conf").exists()


def test_a_process_that_is_never_ready_is_reported_and_stopped(supervised: Supervised) -> None:
    port = free_port()
    props = supervised.process_props(
        "mute",
        [sys.executable, "-c", "import time; time.sleep(60)"],
        port,
        readiness={"url": f"http://127.0.0.1:{port}/", "timeout_s": 1},
    )
    with pytest.raises(ProcessError, match="mute was not ready within 1 s"):
        create_process(props)
    assert supervised.client.info("mute") is None


def test_a_process_that_waits_for_another_is_well_and_is_left_alone(
    supervised: Supervised, web: tuple[dict, dict]
) -> None:
    props, state = web
    page = props["readiness"]["url"]
    not_ready = {"url": f"{page}no-such-page", "timeout_s": 1}
    assert PROVIDER.drift(ProcessInputs.model_validate({**props, "readiness": not_ready}), state) != []
    waiting = {**props, "readiness": {**not_ready, "alive_url": page}}
    assert PROVIDER.drift(ProcessInputs.model_validate(waiting), state) == []


def test_a_failed_update_is_stopped_rather_than_left_in_a_loop(supervised: Supervised, web: tuple[dict, dict]) -> None:
    props, state = web
    broken = {**props, "program": {**props["program"], "command": [sys.executable, "-c", "raise SystemExit(2)"]}}
    with pytest.raises(ProcessError):
        PROVIDER.update("web", state, broken)
    known = supervised.client.info(_name(props))
    assert known is None
    state.update(PROVIDER.update("web", state, props).outs or {})
    assert PROVIDER.diff("web", state, props).changes is False


def test_a_readiness_command_counts_by_its_exit_code(supervised: Supervised) -> None:
    port = free_port()
    marker = supervised.layout.run / "ready"
    props = supervised.process_props(
        "by-command",
        web_server(port),
        port,
        readiness={"command": ["/bin/sh", "-c", f"test -e {marker} || {{ touch {marker}; exit 1; }}"], "timeout_s": 10},
    )
    state = create_process(props)
    assert marker.exists()
    PROVIDER.delete("by-command", state)


def test_programs_see_no_secret_of_the_environment_that_started_them(
    supervised: Supervised, web: tuple[dict, dict]
) -> None:
    props, _ = web
    environment = Path(f"/proc/{supervised.pid(_name(props))}/environ").read_text()
    names = {entry.partition("=")[0] for entry in environment.split("\0")}
    assert "PATH" in names
    assert not {name for name in names if name.startswith(("PULUMI", "PYTEST", "AWS", "COVERAGE"))}
