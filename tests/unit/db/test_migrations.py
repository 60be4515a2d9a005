import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from inferloop_runtime.db.engine import create_engine
from inferloop_runtime.db.migrate import alembic_config, downgrade, head_revision, upgrade
from inferloop_runtime.db.models import Base
from inferloop_runtime.db.schema_objects import HEAD_FILE, find_drift, head_document, model_objects
from inferloop_runtime.errors import DatabaseError
from sqlalchemy import Connection


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inferloop_runtime.main", *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture
def dsn_file(empty_database: str, tmp_path: Path) -> Path:
    path = tmp_path / "dsn"
    path.write_text(empty_database + "\n")
    return path


async def drop_models(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("DROP TABLE models")
    await connection.close()


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row[0] for row in rows}


async def differences(dsn: str) -> list[object]:
    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
        )
        return list(compare_metadata(context, Base.metadata))

    engine = create_engine(dsn)
    async with engine.connect() as connection:
        found = await connection.run_sync(compare)
    await engine.dispose()
    return found


async def test_every_migration_goes_up_down_and_up_again_and_leaves_nothing_behind(empty_database: str) -> None:
    revisions = [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]
    for revision in revisions:
        await upgrade(empty_database, revision)
    await downgrade(empty_database, "base")
    assert await tables(empty_database) == {"alembic_version"}
    await upgrade(empty_database)
    assert await differences(empty_database) == []


async def test_autogenerate_finds_no_difference_between_the_migrations_and_the_models(database: str) -> None:
    assert await differences(database) == []


async def test_a_migrated_database_shows_no_drift(database: str) -> None:
    connection = await asyncpg.connect(database)
    drift = await find_drift(connection)
    await connection.close()
    assert (drift.current, drift.missing) == (drift.head, ())
    assert drift.head == head_revision()


def test_the_description_of_the_newest_revision_is_what_the_models_say() -> None:
    assert HEAD_FILE.read_text() == head_document(), "run `python -m inferloop_runtime.db.schema_objects`"
    assert len(list(model_objects())) == len(set(model_objects()))


async def test_the_models_table_has_the_columns_that_were_asked_for(database: str) -> None:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'models'"
    )
    identity = await connection.fetchval(
        "INSERT INTO models (name, version, type, size_bytes, gpu_memory_required) VALUES ('a', '1', 't', 1, 1) "
        "RETURNING id"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "INSERT INTO models (name, version, type, size_bytes, gpu_memory_required) VALUES ('a', '1', 't', 1, 1)"
        )
    await connection.close()
    assert identity is not None
    assert dict(map(tuple, rows)) == {
        "id": "uuid",
        "name": "text",
        "version": "text",
        "type": "text",
        "size_bytes": "bigint",
        "gpu_memory_required": "bigint",
        "created_at": "timestamp with time zone",
        "updated_at": "timestamp with time zone",
    }


async def test_every_time_is_stored_with_its_zone(database: str) -> None:
    connection = await asyncpg.connect(database)
    naive = await connection.fetchval(
        "SELECT count(*) FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
    )
    await connection.close()
    assert naive == 0


def test_two_processes_that_migrate_at_once_run_one_after_the_other(dsn_file: Path) -> None:
    command = [sys.executable, "-m", "inferloop_runtime.main", "migrate", "up", "--dsn-file", str(dsn_file)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    results = [(*process.communicate(timeout=60), process.returncode) for process in both]
    assert [code for _, _, code in results] == [0, 0, 0], results
    assert json.loads(run("migrate", "check", "--dsn-file", dsn_file, "--json").stdout)["drift"] == []


async def test_a_migration_waits_for_the_lock_of_another(empty_database: str) -> None:
    holder = await asyncpg.connect(empty_database)
    await holder.execute("SELECT pg_advisory_lock($1)", int.from_bytes(b"inferlop"))
    migration = asyncio.create_task(upgrade(empty_database))
    await asyncio.sleep(0.5)
    assert not migration.done()
    assert await tables(empty_database) == set()
    await holder.close()
    await asyncio.wait_for(migration, 20)
    assert "models" in await tables(empty_database)


async def test_a_lock_that_is_never_released_is_told(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inferloop_runtime.db.migrate._LOCK_TIMEOUT_S", 1)
    holder = await asyncpg.connect(empty_database)
    await holder.execute("SELECT pg_advisory_lock($1)", int.from_bytes(b"inferlop"))
    with pytest.raises(DatabaseError, match="another process has held a lock on the schema"):
        await upgrade(empty_database)
    await holder.close()


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await connection.execute("CREATE VIEW usage AS SELECT 1")
    with pytest.raises(DatabaseError, match="usage"):
        await upgrade(empty_database)
    await connection.close()
    assert await tables(empty_database) <= {"alembic_version"}


async def test_a_database_of_a_newer_release_is_refused(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(DatabaseError, match=r"9999.*install the release"):
        await upgrade(database)


async def test_an_unknown_revision_is_refused(database: str) -> None:
    with pytest.raises(DatabaseError, match="nowhere"):
        await downgrade(database, "nowhere")


def test_the_command_line_migrates_up_checks_and_goes_down(dsn_file: Path) -> None:
    before = json.loads(run("migrate", "check", "--dsn-file", dsn_file, "--json").stdout)
    assert before["current"] is None
    assert "table models" in before["drift"]
    assert run("migrate", "up", "--dsn-file", dsn_file).returncode == 0
    assert run("migrate", "up", "--dsn-file", dsn_file).returncode == 0
    after = json.loads(run("migrate", "check", "--dsn-file", dsn_file, "--json").stdout)
    assert after == {"current": head_revision(), "head": head_revision(), "drift": []}
    asyncio.run(drop_models(dsn_file.read_text().strip()))
    assert (
        "missing: table models\nrun `inferloop-runtime migrate repair`"
        in run("migrate", "check", "--dsn-file", dsn_file).stdout
    )
    assert run("migrate", "repair", "--dsn-file", dsn_file).stdout == "put back table models (empty)\n"
    assert run("migrate", "repair", "--dsn-file", dsn_file).stdout == "nothing is missing\n"
    assert run("migrate", "down", "--revision", "base", "--dsn-file", dsn_file).returncode == 0
    assert "migrate up" in run("migrate", "check", "--dsn-file", dsn_file).stdout


def test_a_check_takes_a_fraction_of_a_second_because_it_imports_no_sqlalchemy(dsn_file: Path) -> None:
    script = (
        "import sys; sys.argv = ['inferloop-runtime', 'migrate', 'check', '--dsn-file', sys.argv[1]]\n"
        "from inferloop_runtime.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'sqlalchemy', 'alembic', 'pyarrow'} & sys.modules.keys()"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script, str(dsn_file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 10
