"""PostgreSQL by RDS or by Aurora: encrypted, TLS only, in isolated subnets, with point-in-time recovery.

It makes one database and its owner, whose password it is given and follows when that is rotated. Tables and the
extension `vector` are the schema's work: both ship pgvector with every supported version, and the owner may create it.
"""

import re
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from components.aws.account import Account
from components.aws.aurora import aurora_cluster
from components.aws.client_access import private_clients
from components.aws.policy import assumed_by
from components.aws.postgres_placing import PORT, Placing
from components.aws.rds_server import rds_server
from components.aws.stored_secret import store_secret
from components.contracts import DatabaseEndpoint, KeyHandle, NetworkHandle, SecretHandle, SubnetTier

# Major versions that RDS offers and whose pgvector has HNSW indexes (0.5 and later):
# https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-extensions.html
SUPPORTED_VERSIONS = ("15", "16", "17")
_NAME = r"^[a-z][a-z0-9_]{0,62}$"
# RDS keeps these for itself: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
_RESERVED_USERS = {"admin", "postgres", "rdsadmin", "rds_superuser", "master"}
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Support.html
_AURORA_CLASSES = r"^db\.(r[0-9]+[a-z]*\.[a-z0-9]+|x2g\.[a-z0-9]+|t4g\.(medium|large)|t3\.(medium|large))$"


class PostgresArgs(BaseModel):
    """Size and safety of one server. `engine_version` is a major version; the service keeps the minor one current.

    With `engine` rds, `multi_az` keeps a standby, and the disk grows from `storage_gib` to `max_storage_gib`. With
    aurora, storage grows by itself and lies in three zones anyway; `readers` are machines in other zones, of which one
    takes over, and `multi_az` asks that there be one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    engine: Literal["rds", "aurora"] = "rds"
    database: Annotated[str, Field(pattern=_NAME)] = "inferloop"
    user: Annotated[str, Field(pattern=_NAME)] = "inferloop"
    engine_version: str = "17"
    instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.medium"
    storage_gib: Annotated[int, Field(ge=20, le=65536)] = 50
    max_storage_gib: Annotated[int, Field(ge=20, le=65536)] = 500
    multi_az: bool = False
    readers: Annotated[int, Field(ge=0, le=15)] = 0
    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    monitoring_interval_s: Literal[0, 1, 5, 10, 15, 30, 60] = 60
    max_connections: PositiveInt | None = None
    protect: bool = True

    @field_validator("engine_version")
    @classmethod
    def _is_supported(cls, version: str) -> str:
        if version not in SUPPORTED_VERSIONS:
            raise ValueError(f"PostgreSQL {version} is not supported; take one of {', '.join(SUPPORTED_VERSIONS)}")
        return version

    @field_validator("user")
    @classmethod
    def _is_free(cls, user: str) -> str:
        if user in _RESERVED_USERS:
            raise ValueError(f"RDS keeps the user {user!r} for itself; take another, such as inferloop")
        return user

    @model_validator(mode="after")
    def _fits_the_engine(self) -> "PostgresArgs":
        if self.engine == "rds" and self.readers:
            raise ValueError("readers need engine: aurora; remove readers, or set multi_az for a standby")
        if self.engine == "aurora" and self.multi_az and not self.readers:
            raise ValueError("aurora survives the loss of a zone by its readers; set readers to 1 or more")
        if self.engine == "aurora" and not re.fullmatch(_AURORA_CLASSES, self.instance_class):
            raise ValueError(
                f"aurora does not run on {self.instance_class}; take db.t4g.medium, or a class of memory such as "
                "db.r7g.large"
            )
        return self

    @model_validator(mode="after")
    def _can_grow(self) -> "PostgresArgs":
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
        if self.max_storage_gib < 1.26 * self.storage_gib:
            raise ValueError(
                f"max_storage_gib {self.max_storage_gib} leaves no room to grow; give at least "
                f"{int(1.26 * self.storage_gib) + 1}"
            )
        return self


class Postgres(pulumi.ComponentResource):
    """Provision one PostgreSQL server, or one Aurora cluster, in the isolated subnets; create no schema.

    Outputs: host, port, dsn_secret (ARN). The endpoint's DSN is secret and asks for TLS.
    """

    Args: ClassVar[type[PostgresArgs]] = PostgresArgs
    endpoint: DatabaseEndpoint

    def __init__(
        self,
        name: str,
        args: PostgresArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        password: SecretHandle,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Postgres", name, {}, opts)
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description="Isolated subnets",
            subnet_ids=list(network.subnets[SubnetTier.ISOLATED]),
            tags=platform.tags(f"{name}-subnets"),
            opts=platform.options(self),
        )
        group = private_clients(f"{name}-clients", port=PORT, parent=self, platform=platform, network=network)
        placing = Placing(
            name=name,
            parent=self,
            platform=platform,
            subnet_group=subnets.name,
            firewall=group.id,
            password=password.value,
            key=key,
            monitoring_role=self._monitoring_role(name, args, platform),
        )
        server = aurora_cluster(args, placing) if args.engine == "aurora" else rds_server(args, placing)
        value = pulumi.Output.concat(
            *("postgresql://", args.user, ":", password.value, "@", server.host, f":{PORT}/", args.database),
            "?sslmode=require",
        )
        dsn = store_secret(
            f"{name}-dsn",
            value,
            parent=self,
            platform=platform,
            key=key,
            description=f"{platform.args.tags.stack}: URL of the database",
        )
        self.endpoint = DatabaseEndpoint(
            host=server.host,
            port=pulumi.Output.from_input(PORT),
            database=pulumi.Output.from_input(args.database),
            user=pulumi.Output.from_input(args.user),
            dsn=dsn,
            nodes=server.nodes,
            cluster=server.cluster,
        )
        self.register_outputs({"host": server.host, "port": PORT, "dsn_secret": dsn.reference})

    def _monitoring_role(self, name: str, args: PostgresArgs, platform: Account) -> pulumi.Output[str] | None:
        if args.monitoring_interval_s == 0:
            return None
        role = aws.iam.Role(
            f"{name}-monitoring",
            assume_role_policy=assumed_by("monitoring.rds.amazonaws.com", account_id=platform.account_id),
            description="Writes the database server's operating system metrics",
            tags=platform.tags(f"{name}-monitoring"),
            opts=platform.options(self),
        )
        attached = aws.iam.RolePolicyAttachment(
            f"{name}-monitor",
            role=role.name,
            policy_arn=platform.managed_policy("service-role/AmazonRDSEnhancedMonitoringRole"),
            opts=platform.options(self),
        )
        return pulumi.Output.all(role.arn, attached.id).apply(lambda known: str(known[0]))
