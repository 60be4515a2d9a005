"""PostgreSQL 18 with pgvector as a supervised process on loopback.

It makes the database and its owner, and no table: that is the schema's work. There is no unix socket, whose path
would be too long in deep folders, so every login needs the password (SCRAM-SHA-256).
"""

from typing import ClassVar

import pulumi
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.contracts import DatabaseEndpoint, SecretHandle, VolumeHandle
from components.local.files import digest_of
from components.local.postgres_programs import postgres_bin
from components.local.providers.postgres_cluster import PostgresCluster
from components.local.providers.secret_file import SecretFile
from components.local.supervision import Program
from components.local.supervisor import Supervisor

ROLE = "postgres"


class PostgresArgs(BaseModel):
    """The database, its owner, and how much the server may take; the defaults suit a laptop."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    database: str = "inferloop"
    user: str = "inferloop"
    shared_buffers_mib: PositiveInt = 32
    max_connections: PositiveInt = 50
    start_timeout_s: PositiveInt = 30


class Postgres(pulumi.ComponentResource):
    """Run PostgreSQL in a protected volume with one database that has the extension `vector`.

    Outputs: host, port, dsn_file. The endpoint's DSN is secret, and known once the server accepts connections.
    """

    Args: ClassVar[type[PostgresArgs]] = PostgresArgs
    endpoint: DatabaseEndpoint

    def __init__(
        self,
        name: str,
        args: PostgresArgs,
        *,
        platform: Supervisor,
        volume: VolumeHandle,
        password: SecretHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:local:Postgres", name, {}, opts)
        host, port = platform.args.host, platform.port(ROLE)
        options = {
            "listen_addresses": host,
            "unix_socket_directories": "",
            "shared_buffers": f"{args.shared_buffers_mib}MB",
            "max_connections": str(args.max_connections),
            "huge_pages": "off",
            "max_wal_size": "256MB",
            "min_wal_size": "32MB",
            # Idle processes that wake up for nothing cost a laptop its battery.
            "autovacuum_naptime": "5min",
            "bgwriter_lru_maxpages": "0",
            "max_parallel_workers": "2",
            "max_wal_senders": "0",
            "wal_level": "minimal",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] ",
        }
        all_options = port.apply(lambda number: {**options, "port": str(number)})
        cluster = PostgresCluster(
            f"{name}-cluster",
            inputs={
                "volume": volume.uri,
                "database": args.database,
                "user": args.user,
                "password": password.value,
                "password_revision": password.revision,
                "host": host,
                "port": port,
                "options": all_options,
                "program": ROLE,
                "supervisor_url": platform.url,
                "supervisor_password_file": str(platform.layout.secrets / "supervisor-password"),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        folder = volume.uri.apply(lambda uri: f"{uri}/cluster")
        server = platform.process(
            f"{name}-server",
            role=ROLE,
            program=folder.apply(
                lambda path: Program.model_validate(
                    {
                        "name": ROLE,
                        "command": (str(postgres_bin() / "postgres"), "-D", path),
                        "no_root": path,
                        "orphans": ("postgres: ", path),
                        "stop_signal": "INT",
                        "stop_timeout_s": 30,
                    }
                )
            ),
            readiness={
                "command": pulumi.Output.all(
                    str(postgres_bin() / "pg_isready"), "-q", "-h", host, "-p", port.apply(str)
                ),
                "timeout_s": args.start_timeout_s,
            },
            triggers={"options": all_options.apply(lambda known: digest_of(repr(sorted(known.items()))))},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[cluster]),
        )
        value = pulumi.Output.concat(
            "postgresql://", args.user, ":", password.value, "@", host, ":", port.apply(str), "/", args.database
        )
        dsn = SecretFile(
            f"{name}-dsn",
            path=platform.layout.secrets / "dsn",
            content=value,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[server]),
        )
        self.endpoint = DatabaseEndpoint(
            host=pulumi.Output.from_input(host),
            port=port,
            database=pulumi.Output.from_input(args.database),
            user=pulumi.Output.from_input(args.user),
            dsn=SecretHandle(reference=dsn.location, value=pulumi.Output.secret(value), revision=dsn.revision),
        )
        self.register_outputs({"host": host, "port": port, "dsn_file": dsn.location})
