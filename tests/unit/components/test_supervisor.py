import os
import signal
from pathlib import Path

import pytest

from components.errors import ProcessError
from components.local.providers.supervisor import SupervisorProvider
from components.local.supervisor_client import SupervisorClient
from tests.support.postgres import free_port
from tests.support.supervised import Supervised, create_process, is_alive, running_supervisor, wait_until, web_server

PROVIDER = SupervisorProvider()


def test_a_running_supervisor_needs_nothing(supervised: Supervised) -> None:
    before = supervised.client.pid()
    assert PROVIDER.diff("s", supervised.state, supervised.props).changes is False
    PROVIDER.update("s", supervised.state, supervised.props)
    assert supervised.client.pid() == before


def test_its_files_are_private_and_hold_no_password(supervised: Supervised) -> None:
    password = (supervised.layout.secrets / "supervisor-password").read_text().strip()
    config = supervised.layout.supervisor_config
    assert config.stat().st_mode & 0o777 == 0o600
    assert password not in config.read_text()


def test_a_wrong_password_is_refused(supervised: Supervised, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    client = SupervisorClient(supervised.state["url"], tmp_path / "wrong")
    assert not client.is_up()
    with pytest.raises(ProcessError, match="cannot be reached"):
        client.info("keeper")


def test_a_killed_supervisor_comes_back_with_its_programs(supervised: Supervised) -> None:
    port = free_port()
    create_process(supervised.process_props("healed", web_server(port), port))
    killed, program = supervised.client.pid(), supervised.pid("healed")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: supervised.client.is_up() and supervised.client.pid() != killed)
    wait_until(lambda: supervised.pid("healed") != program)
    assert not is_alive(program)
    assert "was killed: starting another" in (supervised.layout.log / "keeper.log").read_text()


def test_a_killed_keeper_comes_back_and_still_keeps(supervised: Supervised) -> None:
    wait_until(lambda: (supervised.layout.run / "keeper.pid").exists())
    keeper = supervised.pid("keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: supervised.pid("keeper") != keeper)
    killed = supervised.client.pid()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: supervised.client.is_up() and supervised.client.pid() != killed)


def test_an_orderly_shutdown_is_final_until_an_update() -> None:
    with running_supervisor() as own:
        pid = own.client.pid()
        wait_until(lambda: (own.layout.run / "keeper.pid").exists())
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))
        wait_until(lambda: not is_alive(own.pid("keeper")))
        assert not own.client.is_up()
        assert PROVIDER.diff("s", own.state, own.props).changes is True
        PROVIDER.update("s", own.state, own.props)
        assert own.client.is_up()


def test_an_edited_configuration_is_put_back() -> None:
    with running_supervisor() as own:
        config = own.layout.supervisor_config
        original = config.read_text()
        config.write_text(original.replace("loglevel = info", "loglevel = debug"))
        assert PROVIDER.diff("s", own.state, own.props).changes is True
        PROVIDER.update("s", own.state, own.props)
        assert config.read_text() == original
        config.unlink()
        assert (PROVIDER.read("s", own.state).outs or {})["drift"]


def test_a_new_password_is_taken_over() -> None:
    with running_supervisor() as own:
        (own.layout.secrets / "supervisor-password").write_text("another-password\n")
        assert PROVIDER.diff("s", own.state, own.props).changes is True
        PROVIDER.update("s", own.state, own.props)
        assert own.client.is_up()


def test_a_deleted_supervisor_leaves_no_process() -> None:
    with running_supervisor() as own:
        port = free_port()
        create_process(own.process_props("left", web_server(port), port))
        pids = [own.client.pid(), own.pid("left"), own.pid("keeper")]
        PROVIDER.delete("s", own.props)
        assert [pid for pid in pids if is_alive(pid)] == []


def test_a_supervisor_that_cannot_start_says_why() -> None:
    with running_supervisor() as own:
        PROVIDER.delete("s", own.props)
        broken = {**own.props, "root": str(own.layout.root / "nowhere")}
        (own.layout.root / "nowhere" / "config").mkdir(parents=True)
        with pytest.raises(ProcessError, match="supervisord did not start"):
            PROVIDER.create(broken)
