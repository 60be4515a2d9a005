"""One RDS PostgreSQL server, with a standby in another zone where it is asked for."""

from typing import TYPE_CHECKING

import pulumi_aws as aws

from components.aws.postgres_placing import (
    CERTIFICATE_AUTHORITY,
    DATABASE_INSIGHTS_DAYS,
    PORT,
    PlacedServer,
    Placing,
    parameters,
)

if TYPE_CHECKING:
    from components.aws.postgres import PostgresArgs


def rds_server(args: "PostgresArgs", placing: Placing) -> PlacedServer:
    """Return one encrypted server whose disk grows; the standby is no node of its own."""
    name, platform = placing.name, placing.platform
    group = aws.rds.ParameterGroup(
        f"{name}-parameters-{args.engine_version}",
        family=f"postgres{args.engine_version}",
        description="TLS only, SCRAM passwords, slow statements logged",
        parameters=[
            aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=method)
            for key, (value, method) in parameters(args.max_connections).items()
        ],
        tags=platform.tags(f"{name}-parameters"),
        opts=platform.options(placing.parent),
    )
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
        kms_key_id=placing.key.id,
        db_name=args.database,
        username=args.user,
        password=placing.password,
        port=PORT,
        ca_cert_identifier=CERTIFICATE_AUTHORITY,
        db_subnet_group_name=placing.subnet_group,
        vpc_security_group_ids=[placing.firewall],
        parameter_group_name=group.name,
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
        performance_insights_kms_key_id=placing.key.id,
        performance_insights_retention_period=DATABASE_INSIGHTS_DAYS,
        monitoring_interval=args.monitoring_interval_s,
        monitoring_role_arn=placing.monitoring_role,
        tags=platform.tags(f"{name}-server", backup=True),
        opts=platform.options(placing.parent, protect=args.protect),
    )
    return PlacedServer(host=server.address, nodes=[server.identifier])
