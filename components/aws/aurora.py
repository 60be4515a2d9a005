"""One Aurora PostgreSQL cluster: a writer and its readers over one storage that lies in three zones.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraPostgreSQL.html
"""

from typing import TYPE_CHECKING

import pulumi
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

_ENGINE = "aurora-postgresql"


def aurora_cluster(args: "PostgresArgs", placing: Placing) -> PlacedServer:
    """Return one encrypted cluster; its host follows the writer. The service spreads machines over the zones."""
    name, platform = placing.name, placing.platform
    group = aws.rds.ClusterParameterGroup(
        f"{name}-parameters-{args.engine_version}",
        family=f"{_ENGINE}{args.engine_version}",
        description="TLS only, SCRAM passwords, slow statements logged",
        parameters=[
            aws.rds.ClusterParameterGroupParameterArgs(name=key, value=value, apply_method=method)
            for key, (value, method) in parameters(args.max_connections).items()
        ],
        tags=platform.tags(f"{name}-parameters"),
        opts=platform.options(placing.parent),
    )
    cluster = aws.rds.Cluster(
        f"{name}-cluster",
        engine=_ENGINE,
        engine_version=args.engine_version,
        storage_encrypted=True,
        kms_key_id=placing.key.id,
        database_name=args.database,
        master_username=args.user,
        master_password=placing.password,
        port=PORT,
        db_subnet_group_name=placing.subnet_group,
        vpc_security_group_ids=[placing.firewall],
        db_cluster_parameter_group_name=group.name,
        backup_retention_period=args.backup_days,
        delete_automated_backups=False,
        copy_tags_to_snapshot=True,
        deletion_protection=args.protect,
        skip_final_snapshot=not args.protect,
        final_snapshot_identifier=platform.physical_name("database", name, "final") if args.protect else None,
        enabled_cloudwatch_logs_exports=["postgresql"],
        tags=platform.tags(f"{name}-cluster", backup=True),
        opts=platform.options(placing.parent, protect=args.protect),
    )
    nodes = [_node(args, placing, cluster, number) for number in range(1 + args.readers)]
    # Nobody is told of a host that no machine answers at.
    host = pulumi.Output.all(cluster.endpoint, *(node.id for node in nodes)).apply(lambda known: str(known[0]))
    return PlacedServer(host=host, nodes=[node.identifier for node in nodes], cluster=cluster.cluster_identifier)


def _node(args: "PostgresArgs", placing: Placing, cluster: aws.rds.Cluster, number: int) -> aws.rds.ClusterInstance:
    role = f"{placing.name}-node-{number}"
    return aws.rds.ClusterInstance(
        role,
        cluster_identifier=cluster.cluster_identifier,
        engine=aws.rds.EngineType.AURORA_POSTGRESQL,
        engine_version=args.engine_version,
        instance_class=args.instance_class,
        promotion_tier=0 if number <= 1 else 1,
        ca_cert_identifier=CERTIFICATE_AUTHORITY,
        publicly_accessible=False,
        auto_minor_version_upgrade=True,
        performance_insights_enabled=True,
        performance_insights_kms_key_id=placing.key.id,
        performance_insights_retention_period=DATABASE_INSIGHTS_DAYS,
        monitoring_interval=args.monitoring_interval_s,
        monitoring_role_arn=placing.monitoring_role,
        copy_tags_to_snapshot=True,
        tags=placing.platform.tags(role),
        opts=placing.platform.options(placing.parent),
    )
