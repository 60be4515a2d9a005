import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from components.errors import CommandError
from components.local.postgres_programs import postgres_bin
from components.local.providers.postgres_cluster import PostgresClusterProvider
from components.local.providers.process import ProcessProvider
from tests.support.postgres import free_port
from tests.support.supervised import Supervised, create_process

PROVIDER = PostgresClusterProvider()


@pytest.fixture(scope="module")
def cluster(supervised: Supervised) -> Iterator[dict[str, Any]]:
    """The state of a cluster whose server runs."""
    volume = supervised.layout.data / "postgres"
    volume.mkdir(parents=True)
    port = free_port()
    props = {
        "volume": str(volume),
        "database": "inferloop",
        "user": "inferloop",
        "password": "first-password",
        "password_revision": "1",
        "host": "127.0.0.1",
        "port": float(port),
        "options": {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": str(port)},
        "program": "postgres",
        "supervisor_url": supervised.state["url"],
        "supervisor_password_file": str(supervised.layout.secrets / "supervisor-password"),
    }
    state = PROVIDER.create(props).outs or {}
    ready = [str(postgres_bin() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    server = supervised.process_props(
        "postgres",
        [],
        port,
        program={
            "name": "postgres",
            "command": [str(postgres_bin() / "postgres"), "-D", state["folder"]],
            "no_root": state["folder"],
            "stop_signal": "INT",
        },
        readiness={"command": ready, "timeout_s": 30},
    )
    process = create_process(server)
    yield state
    ProcessProvider().delete("postgres", process)


def _ask(state: dict[str, Any], query: str, **changes: Any) -> Any:
    async def ask() -> Any:
        options = {"user": state["user"], "password": state["password"], "database": state["database"], **changes}
        connection = await asyncpg.connect(host="127.0.0.1", port=int(state["port"]), ssl=False, **options)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_new_cluster_holds_the_database_of_its_owner_with_vector_search(cluster: dict[str, Any]) -> None:
    assert str(_ask(cluster, "SHOW server_version")).startswith("18.")
    assert _ask(cluster, "SELECT '[1,2,3]'::vector <-> '[1,2,4]'::vector") == 1
    assert (
        _ask(cluster, "SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'inferloop'")
        == "inferloop"
    )
    assert _ask(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = 'inferloop'") is False
    assert _ask(cluster, "SHOW data_checksums") == "on"


def test_nobody_gets_in_without_the_password(cluster: dict[str, Any]) -> None:
    for user in ("inferloop", "postgres"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            _ask(cluster, "SELECT 1", user=user, password="guess")


def test_a_running_cluster_needs_nothing(cluster: dict[str, Any]) -> None:
    assert PROVIDER.diff("c", cluster, cluster).changes is False


def test_edited_options_are_put_back(cluster: dict[str, Any]) -> None:
    options = Path(cluster["folder"]) / "inferloop.conf"
    original = options.read_text()
    options.write_text(original + "fsync = off\n")
    assert PROVIDER.diff("c", cluster, cluster).changes is True
    PROVIDER.update("c", cluster, cluster)
    assert options.read_text() == original


def test_a_new_password_is_applied_to_the_running_server(cluster: dict[str, Any]) -> None:
    changed = {**cluster, "password": "second-password", "password_revision": "2"}
    assert PROVIDER.diff("c", cluster, changed).changes is True
    PROVIDER.update("c", cluster, changed)
    _wait_for(changed)
    with pytest.raises(asyncpg.InvalidPasswordError):
        _ask(cluster, "SELECT 1")
    # The owner's password was changed behind the state's back: that is drift, and an update sets it again.
    assert (PROVIDER.read("c", cluster).outs or {})["drift"] == [
        "the database does not accept the password of inferloop"
    ]
    PROVIDER.update("c", cluster, cluster)
    _wait_for(cluster)


def test_a_data_folder_that_is_there_already_is_taken_over_with_the_password(cluster: dict[str, Any]) -> None:
    assert _ask(cluster, "CREATE TABLE kept AS SELECT 7 AS seven") is None
    PROVIDER.create({key: cluster[key] for key in cluster if key not in ("folder", "drift")})
    _wait_for(cluster)
    assert _ask(cluster, "SELECT seven FROM kept") == 7


def test_a_creation_that_fails_leaves_nothing_half_made(tmp_path: Path, cluster: dict[str, Any]) -> None:
    tmp_path.chmod(0o711)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "left-over").touch()
    with pytest.raises(CommandError, match="postgres failed"):
        PROVIDER.create({**cluster, "volume": str(tmp_path), "database": "no such; name"})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_cluster_is_drift(tmp_path: Path, cluster: dict[str, Any]) -> None:
    shutil.rmtree(tmp_path)
    assert "is missing" in (PROVIDER.read("c", {**cluster, "volume": str(tmp_path)}).outs or {})["drift"][0]


def _wait_for(state: dict[str, Any]) -> None:
    import time

    deadline = time.monotonic() + 20
    while True:
        try:
            assert _ask(state, "SELECT 1") == 1
        except (OSError, asyncpg.CannotConnectNowError):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
