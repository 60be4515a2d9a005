"""The dynamic resource behind PostgreSQL's data folder: its creation, its configuration and the owner's password."""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.files import flush_directory, write_atomically
from components.local.layout import python_executable
from components.local.postgres_programs import postgres_bin
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.scram import scram_verifier
from components.local.supervision import clean_environment, launch_script
from components.local.supervisor_client import UP, SupervisorClient

_SUPERUSER = "postgres"
_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 30.0
_OPTIONS_FILE = "inferloop.conf"


class PostgresClusterInputs(ResourceInputs):
    """A data folder, the database in it and its owner.

    The password may hold URL-safe base64 characters only. `program` is the supervised server, which is stopped while
    the password is changed. `options` are lines of postgresql.conf.
    """

    volume: Path
    database: str
    user: str
    password: str
    password_revision: str
    host: str
    port: int
    options: dict[str, str]
    program: str
    supervisor_url: str
    supervisor_password_file: Path

    @property
    def folder(self) -> Path:
        """The cluster's own folder in the volume."""
        return self.volume / "cluster"

    @property
    def options_text(self) -> str:
        """The content of the options file."""
        return "".join(f"{key} = '{value}'\n" for key, value in sorted(self.options.items()))


class PostgresClusterProvider(LocalProvider[PostgresClusterInputs]):
    """Make a cluster in a temporary folder and rename it into place; keep its options and the owner's password.

    Nobody knows the superuser's password: administration goes through the single-user mode of the server's owner.
    """

    inputs = PostgresClusterInputs
    replaced_by = frozenset({"volume", "database", "user"})

    def identify(self, inputs: PostgresClusterInputs) -> str:
        """Return the folder's path."""
        return str(inputs.folder)

    def ensure(self, inputs: PostgresClusterInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make the cluster, or take over the one that is there with this password."""
        if not (inputs.folder / "PG_VERSION").is_file():
            _make(inputs)
        elif old is None or old.get("password_revision") != inputs.password_revision or not _accepts(inputs):
            _with_server_stopped(inputs)
        options = inputs.folder / _OPTIONS_FILE
        if not options.is_file() or options.read_text(encoding="utf-8") != inputs.options_text:
            write_atomically(options, inputs.options_text, mode=0o600)
        return {"folder": str(inputs.folder)}

    def drift(self, inputs: PostgresClusterInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Look for the cluster and its options, and log in with the password where the server runs."""
        try:
            text = (inputs.folder / _OPTIONS_FILE).read_text(encoding="utf-8")
        except OSError:
            return [f"database cluster {inputs.folder} is missing or incomplete"]
        if text != inputs.options_text:
            return [f"options file {inputs.folder / _OPTIONS_FILE} was edited"]
        return [] if _accepts(inputs) else [f"the database does not accept the password of {inputs.user}"]


def _accepts(inputs: PostgresClusterInputs) -> bool:
    """Tell whether the password works; a server that is not reached contradicts nothing."""

    async def log_in() -> None:
        connection = await asyncpg.connect(
            host=inputs.host,
            port=inputs.port,
            user=inputs.user,
            password=inputs.password,
            database=inputs.database,
            timeout=2,
            ssl=False,
        )
        await connection.close()

    try:
        asyncio.run(log_in())
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        return False
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return True
    return True


def _make(inputs: PostgresClusterInputs) -> None:
    workspace = inputs.volume / "new"
    shutil.rmtree(workspace, ignore_errors=not workspace.exists())
    building = workspace / "cluster"
    building.mkdir(parents=True)
    workspace.chmod(0o700)
    password_file = workspace / "superuser-password"
    # Known to nobody from here on: initdb wants one before it accepts a cluster without trusted logins.
    write_atomically(password_file, secrets.token_urlsafe(32), mode=0o600)
    try:
        _run(
            workspace,
            [
                *(str(postgres_bin() / "initdb"), "-D", str(building), "-U", _SUPERUSER, "-E", "UTF8"),
                *("--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
            ],
        )
        with (building / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude_if_exists = '{_OPTIONS_FILE}'\n")
        _single_user(
            building,
            "postgres",
            f"CREATE ROLE {inputs.user} LOGIN PASSWORD '{scram_verifier(inputs.password)}'",
            f"GRANT pg_monitor TO {inputs.user}",
            f"CREATE DATABASE {inputs.database} OWNER {inputs.user}",
        )
        _single_user(building, inputs.database, "CREATE EXTENSION vector")
        building.replace(inputs.folder)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    flush_directory(inputs.volume)


def _with_server_stopped(inputs: PostgresClusterInputs) -> None:
    """Set the password in single-user mode, which needs the server to rest for a moment."""
    client = SupervisorClient(inputs.supervisor_url, inputs.supervisor_password_file)
    known = client.info(inputs.program)
    running = known is not None and known.state in UP
    if running:
        client.stop(inputs.program, timeout_s=_STOP_TIMEOUT_S)
    try:
        verifier = scram_verifier(inputs.password)
        _single_user(inputs.folder, "postgres", f"ALTER ROLE {inputs.user} PASSWORD '{verifier}'")
    finally:
        if running:
            client.start(inputs.program)


def _single_user(folder: Path, database: str, *statements: str) -> None:
    command = [str(postgres_bin() / "postgres"), "--single", "-D", str(folder), "-c", "exit_on_error=on", database]
    # Single-user mode ends a statement at the line's end, and echoes what it was told on standard output.
    _run(folder, command, "".join(f"{statement}\n" for statement in statements))


def _run(folder: Path, command: Sequence[str], script: str = "") -> None:
    done = subprocess.run(
        [python_executable(), "-I", "-S", launch_script(), "--no-root", str(folder), "--", *command],
        input=script,
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        with contextlib.suppress(IndexError):
            reason = done.stderr.strip().splitlines()[-1]
            raise CommandError(f"{Path(command[0]).name} failed on {folder} (exit code {done.returncode}): {reason}")
        raise CommandError(f"{Path(command[0]).name} failed on {folder} (exit code {done.returncode})")


class PostgresCluster(Resource, module="local", name="PostgresCluster"):
    """PostgreSQL's data folder with one database. Output: folder."""

    folder: pulumi.Output[str]

    def __init__(self, name: str, *, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(PostgresClusterProvider(), name, {**inputs, "folder": None}, opts)
