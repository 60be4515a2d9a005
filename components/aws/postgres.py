"""RDS PostgreSQL: encrypted, TLS only, in isolated subnets, with point-in-time recovery.

It makes one database and its owner, whose password it is given and follows when that is rotated. Tables and the
extension `vector` are the schema's work: RDS ships pgvector with every supported version, and the owner may create it.
"""

from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from components.aws.account import Account
from components.aws.client_access import private_clients
from components.aws.policy import assumed_by
from components.aws.stored_secret import store_secret
from components.contracts import DatabaseEndpoint, KeyHandle, NetworkHandle, SecretHandle, SubnetTier

PORT = 5432
# Major versions that RDS offers and whose pgvector has HNSW indexes (0.5 and later):
# https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-extensions.html
SUPPORTED_VERSIONS = ("15", "16", "17")
_NAME = r"^[a-z][a-z0-9_]{0,62}$"
# RDS keeps these for itself: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
_RESERVED_USERS = {"admin", "postgres", "rdsadmin", "rds_superuser", "master"}
_DATABASE_INSIGHTS_DAYS = 7


class PostgresArgs(BaseModel):
    """Size and safety of one server. `engine_version` is a major version; RDS keeps the minor one current."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    database: Annotated[str, Field(pattern=_NAME)] = "inferloop"
    user: Annotated[str, Field(pattern=_NAME)] = "inferloop"
    engine_version: str = "17"
    instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.medium"
    storage_gib: Annotated[int, Field(ge=20, le=65536)] = 50
    max_storage_gib: Annotated[int, Field(ge=20, le=65536)] = 500
    multi_az: bool = False
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
    def _can_grow(self) -> "PostgresArgs":
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
        if self.max_storage_gib < 1.26 * self.storage_gib:
            raise ValueError(
                f"max_storage_gib {self.max_storage_gib} leaves no room to grow; give at least "
                f"{int(1.26 * self.storage_gib) + 1}"
            )
        return self


class Postgres(pulumi.ComponentResource):
    """Provision one RDS PostgreSQL server in the isolated subnets; create no schema.

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
        server = aws.rds.Instance(
            f"{name}-server",
            engine="postgres",
            engine_version=args.engine_version,
            auto_minor_version_upgrade=True,
            instance_class=args.instance_class,
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.max_storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=key.id,
            db_name=args.database,
            username=args.user,
            password=password.value,
            port=PORT,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=self._parameters(name, args, platform).name,
            publicly_accessible=False,
            multi_az=args.multi_az,
            backup_retention_period=args.backup_days,
            delete_automated_backups=False,
            copy_tags_to_snapshot=True,
            deletion_protection=args.protect,
            skip_final_snapshot=not args.protect,
            final_snapshot_identifier=platform.physical_name("database", name, "final") if args.protect else None,
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key.id,
            performance_insights_retention_period=_DATABASE_INSIGHTS_DAYS,
            monitoring_interval=args.monitoring_interval_s,
            monitoring_role_arn=self._monitoring_role(name, args, platform),
            tags=platform.tags(f"{name}-server", backup=True),
            opts=platform.options(self, protect=args.protect),
        )
        value = pulumi.Output.concat(
            *("postgresql://", args.user, ":", password.value, "@", server.address, f":{PORT}/", args.database),
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
            host=server.address,
            port=pulumi.Output.from_input(PORT),
            database=pulumi.Output.from_input(args.database),
            user=pulumi.Output.from_input(args.user),
            dsn=dsn,
        )
        self.register_outputs({"host": server.address, "port": PORT, "dsn_secret": dsn.reference})

    def _parameters(self, name: str, args: PostgresArgs, platform: Account) -> aws.rds.ParameterGroup:
        chosen = {
            "rds.force_ssl": ("1", "immediate"),
            "password_encryption": ("scram-sha-256", "immediate"),
            "log_min_duration_statement": ("1000", "immediate"),
            "log_connections": ("1", "immediate"),
            "shared_preload_libraries": ("pg_stat_statements", "pending-reboot"),
        }
        if args.max_connections is not None:
            chosen["max_connections"] = (str(args.max_connections), "pending-reboot")
        return aws.rds.ParameterGroup(
            f"{name}-parameters-{args.engine_version}",
            family=f"postgres{args.engine_version}",
            description="TLS only, SCRAM passwords, slow statements logged",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=method)
                for key, (value, method) in chosen.items()
            ],
            tags=platform.tags(f"{name}-parameters"),
            opts=platform.options(self),
        )

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
