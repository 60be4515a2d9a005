"""What is alarmed on, as data: metric, dimension, threshold, urgency, and where the service documents the metric.

Thresholds that depend on a machine's size are those of the smallest that the components offer; settings override them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Urgency = Literal["page", "ticket"]
_GIB = 2**30
_MIB = 2**20
_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html"
_AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"
_ELASTICACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html"
_NAT = "https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html"
_EKS = "https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html"
_BACKUP = "https://docs.aws.amazon.com/aws-backup/latest/devguide/cloudwatch.html"
_WAF = "https://docs.aws.amazon.com/waf/latest/developerguide/monitoring-cloudwatch.html"
_ALB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"
_NLB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html"


class Watched(StrEnum):
    """What a rule is about: each is measured under its own dimensions."""

    DATABASE_NODE = "database_node"
    DATABASE_DISK = "database_disk"
    DATABASE_CLUSTER = "database_cluster"
    CACHE_NODE = "cache_node"
    NAT_GATEWAY = "nat_gateway"
    CLUSTER = "cluster"
    VAULT = "vault"
    FIREWALL = "firewall"
    REQUEST_BALANCER = "request_balancer"
    REQUEST_TARGETS = "request_targets"
    CONNECTION_BALANCER = "connection_balancer"
    CONNECTION_TARGETS = "connection_targets"


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """One alarm: it is raised when `periods` periods of `period_s` seconds in a row are beyond `threshold`.

    `threshold` is in the metric's own unit. A period without a measurement counts as good.
    """

    watched: Watched
    namespace: str
    metric: str
    statistic: Literal["Average", "Maximum", "Minimum", "Sum"]
    above: bool = True
    threshold: float
    period_s: int = 300
    periods: int = 3
    urgency: Urgency = "ticket"
    meaning: str
    source: str


ALARM_RULES: Mapping[str, AlarmRule] = {
    "database-cpu": AlarmRule(
        watched=Watched.DATABASE_NODE,
        namespace="AWS/RDS",
        metric="CPUUtilization",
        statistic="Average",
        threshold=90,
        meaning="The database's processors have been busy for a quarter of an hour",
        source=_RDS,
    ),
    "database-memory": AlarmRule(
        watched=Watched.DATABASE_NODE,
        namespace="AWS/RDS",
        metric="FreeableMemory",
        statistic="Minimum",
        above=False,
        threshold=256 * _MIB,
        meaning="The database has hardly any memory left",
        source=_RDS,
    ),
    # Without max_connections a db.t4g.medium takes about 410: LEAST(memory in bytes / 9531392, 5000).
    "database-connections": AlarmRule(
        watched=Watched.DATABASE_NODE,
        namespace="AWS/RDS",
        metric="DatabaseConnections",
        statistic="Maximum",
        threshold=300,
        meaning="The database nears the connections that it takes",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
    ),
    "database-storage": AlarmRule(
        watched=Watched.DATABASE_DISK,
        namespace="AWS/RDS",
        metric="FreeStorageSpace",
        statistic="Minimum",
        above=False,
        threshold=5 * _GIB,
        periods=2,
        urgency="page",
        meaning="The database's disk is nearly full: it has not grown, or has reached max_storage_gib",
        source=_RDS,
    ),
    "database-replica-lag": AlarmRule(
        watched=Watched.DATABASE_CLUSTER,
        namespace="AWS/RDS",
        metric="AuroraReplicaLagMaximum",
        statistic="Maximum",
        threshold=2000,
        meaning="A reader is more than two seconds behind the writer",
        source=_AURORA,
    ),
    "cache-evictions": AlarmRule(
        watched=Watched.CACHE_NODE,
        namespace="AWS/ElastiCache",
        metric="Evictions",
        statistic="Sum",
        threshold=1000,
        meaning="The cache throws out entries that are still good; it is too small",
        source=_ELASTICACHE,
    ),
    "cache-memory": AlarmRule(
        watched=Watched.CACHE_NODE,
        namespace="AWS/ElastiCache",
        metric="DatabaseMemoryUsagePercentage",
        statistic="Average",
        threshold=90,
        meaning="The cache's memory is nearly full",
        source=_ELASTICACHE,
    ),
    "cache-cpu": AlarmRule(
        watched=Watched.CACHE_NODE,
        namespace="AWS/ElastiCache",
        metric="EngineCPUUtilization",
        statistic="Average",
        threshold=90,
        meaning="The cache's one engine thread is busy",
        source=_ELASTICACHE,
    ),
    "cache-replica-lag": AlarmRule(
        watched=Watched.CACHE_NODE,
        namespace="AWS/ElastiCache",
        metric="ReplicationLag",
        statistic="Maximum",
        threshold=30,
        meaning="A replica of the cache is half a minute behind",
        source=_ELASTICACHE,
    ),
    "nat-ports": AlarmRule(
        watched=Watched.NAT_GATEWAY,
        namespace="AWS/NATGateway",
        metric="ErrorPortAllocation",
        statistic="Sum",
        threshold=0,
        periods=1,
        urgency="page",
        meaning="Connections to the outside fail: a NAT gateway has no port left for their destination",
        source=_NAT,
    ),
    "cluster-api-errors": AlarmRule(
        watched=Watched.CLUSTER,
        namespace="AWS/EKS",
        metric="apiserver_request_total_5XX",
        statistic="Sum",
        threshold=50,
        urgency="page",
        meaning="The cluster's API server fails",
        source=_EKS,
    ),
    "cluster-api-throttled": AlarmRule(
        watched=Watched.CLUSTER,
        namespace="AWS/EKS",
        metric="apiserver_request_total_429",
        statistic="Sum",
        threshold=100,
        meaning="The cluster's API server turns requests away",
        source=_EKS,
    ),
    # New nodes take minutes; what waits for half an hour gets none.
    "cluster-unschedulable": AlarmRule(
        watched=Watched.CLUSTER,
        namespace="AWS/EKS",
        metric="scheduler_pending_pods_UNSCHEDULABLE",
        statistic="Minimum",
        threshold=0,
        periods=6,
        meaning="Pods have waited for half an hour for a node that fits",
        source=_EKS,
    ),
    # etcd takes 8 GiB.
    "cluster-storage": AlarmRule(
        watched=Watched.CLUSTER,
        namespace="AWS/EKS",
        metric="apiserver_storage_size_bytes",
        statistic="Maximum",
        threshold=6 * _GIB,
        meaning="The cluster's own database is nearly full",
        source="https://docs.aws.amazon.com/eks/latest/best-practices/control-plane.html",
    ),
    "backup-failed": AlarmRule(
        watched=Watched.VAULT,
        namespace="AWS/Backup",
        metric="NumberOfBackupJobsFailed",
        statistic="Sum",
        threshold=0,
        period_s=3600,
        periods=1,
        meaning="A backup failed",
        source=_BACKUP,
    ),
    "firewall-blocked": AlarmRule(
        watched=Watched.FIREWALL,
        namespace="AWS/WAFV2",
        metric="BlockedRequests",
        statistic="Sum",
        threshold=5000,
        periods=1,
        meaning="The firewall turns away unusually many requests: an attack, or a rule that hits clients",
        source=_WAF,
    ),
    "requests-failed": AlarmRule(
        watched=Watched.REQUEST_BALANCER,
        namespace="AWS/ApplicationELB",
        metric="HTTPCode_ELB_5XX_Count",
        statistic="Sum",
        threshold=10,
        periods=2,
        urgency="page",
        meaning="The load balancer answers clients with errors of its own",
        source=_ALB,
    ),
    "requests-unhealthy": AlarmRule(
        watched=Watched.REQUEST_TARGETS,
        namespace="AWS/ApplicationELB",
        metric="UnHealthyHostCount",
        statistic="Minimum",
        threshold=0,
        meaning="A pod behind the load balancer has been unhealthy for a quarter of an hour",
        source=_ALB,
    ),
    "connections-refused": AlarmRule(
        watched=Watched.CONNECTION_BALANCER,
        namespace="AWS/NetworkELB",
        metric="ClientTLSNegotiationErrorCount",
        statistic="Sum",
        threshold=500,
        meaning="Clients and the load balancer do not agree on TLS",
        source=_NLB,
    ),
    "connections-unhealthy": AlarmRule(
        watched=Watched.CONNECTION_TARGETS,
        namespace="AWS/NetworkELB",
        metric="UnHealthyHostCount",
        statistic="Minimum",
        threshold=0,
        meaning="A pod behind the load balancer has been unhealthy for a quarter of an hour",
        source=_NLB,
    ),
}
