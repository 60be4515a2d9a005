"""One whole AWS account made of every component, as small and as safe as the components' defaults."""

from typing import Any

from components.aws.account import Account
from components.aws.alarms import Alarms, AlarmsArgs
from components.aws.alerts import Alerts, AlertsArgs
from components.aws.audit import Audit, AuditArgs
from components.aws.backup import Backup, BackupArgs
from components.aws.cache import Cache, CacheArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.cost import Cost, CostArgs
from components.aws.edge import Edge, EdgeArgs
from components.aws.entrance_access import EntranceAccess, EntranceAccessArgs
from components.aws.gpu_pools import GpuPools, GpuPoolsArgs, PoolArgs
from components.aws.image_registry import ImageRegistry, ImageRegistryArgs
from components.aws.karpenter import Karpenter, KarpenterArgs
from components.aws.keys import Keys, KeysArgs
from components.aws.load_balancer import LoadBalancer, LoadBalancerArgs
from components.aws.network import Network, NetworkArgs
from components.aws.object_store import BucketArgs, ObjectStore, ObjectStoreArgs
from components.aws.operator_access import OperatorAccess, OperatorAccessArgs
from components.aws.postgres import Postgres, PostgresArgs
from components.aws.secrets import Secrets, SecretsArgs
from components.aws.telemetry import Telemetry, TelemetryArgs
from components.aws.workload_identity import WorkloadArgs, WorkloadIdentity, WorkloadIdentityArgs
from components.contracts import AlarmSubjects
from components.contracts.entrance import ProxyService
from components.contracts.operator_facts import ServiceAccountName

REPLICA = "arn:aws:s3:::copies-of-it"
ADMIN = "arn:aws:iam::123456789012:role/platform"
VIEWER = "arn:aws:iam::123456789012:role/readers"
REPLICA_KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"


def everything(platform: Account) -> dict[str, Any]:
    """Make one of every component and return them by name."""
    keys = Keys("keys", KeysArgs(), platform=platform)
    network = Network("network", NetworkArgs(), platform=platform, log_key=keys.handles["logs"])
    secrets = Secrets(
        "secrets",
        SecretsArgs(names=("database-password", "cache-password")),
        platform=platform,
        key=keys.handles["secrets"],
    )
    buckets = {
        "weights": BucketArgs(archive_after_days=30),
        "datasets": BucketArgs(expire_after_days=400, replicate_to=REPLICA, replica_key=REPLICA_KEY),
    }
    objects = ObjectStore("objects", ObjectStoreArgs(buckets=buckets), platform=platform, key=keys.handles["objects"])
    cluster = Cluster(
        "cluster",
        ClusterArgs(admins=(ADMIN,), viewers=(VIEWER,)),
        platform=platform,
        network=network.network,
        key=keys.handles["cluster"],
        log_key=keys.handles["logs"],
        disk_key=keys.handles["disks"],
    )
    pools = {
        "small": PoolArgs(size="small", spot=True, fallback_maximum=1),
        "sharded": PoolArgs(size="xlarge", fabric=True, zone="eu-central-1b", dedicated_to="large-models"),
    }
    workloads = {
        "capture": WorkloadArgs(
            namespace="textnlp",
            service_account="capture",
            read_buckets=("weights",),
            write_buckets=("datasets",),
            read_secrets=("database-password",),
        ),
        "console": WorkloadArgs(namespace="textnlp", service_account="console"),
    }
    alerts = Alerts(
        "alerts",
        AlertsArgs(subscribers={"page": ("https://on-call.example.test/hook",), "ticket": ("team@example.test",)}),
        platform=platform,
        key=keys.handles["alerts"],
    )
    edge = Edge("edge", EdgeArgs(domain="models.example.test"), platform=platform, log_key=keys.handles["logs"])
    entrance = LoadBalancer(
        "entrance",
        LoadBalancerArgs(),
        platform=platform,
        network=network.network,
        cluster=cluster.cluster,
        edge=edge.edge,
        log_key=keys.handles["network_logs"],
    )
    backup = Backup("backup", BackupArgs(), platform=platform, key=keys.handles["backup"])
    database = Postgres(
        "database",
        PostgresArgs(multi_az=True),
        platform=platform,
        network=network.network,
        password=secrets.handles["database-password"],
        key=keys.handles["database"],
    )
    cache = Cache(
        "cache",
        CacheArgs(),
        platform=platform,
        network=network.network,
        password=secrets.handles["cache-password"],
        key=keys.handles["cache"],
    )
    telemetry = Telemetry(
        "telemetry",
        TelemetryArgs(),
        platform=platform,
        key=keys.handles["telemetry"],
        log_key=keys.handles["logs"],
    )
    subjects = AlarmSubjects(
        databases=(database.endpoint,),
        caches=(cache.endpoint,),
        network=network.network,
        cluster=cluster.cluster,
        vault=backup.vault,
        edge=edge.edge,
        load_balancer=entrance.load_balancer,
    )
    return {
        "account": platform,
        "alerts": alerts,
        "alarms": Alarms("alarms", AlarmsArgs(), platform=platform, alerts=alerts.route, subjects=subjects),
        "cost": Cost(
            "cost", CostArgs(limit_usd_per_month=900, activate_tags=True), platform=platform, alerts=alerts.route
        ),
        "audit": Audit("audit", AuditArgs(), platform=platform, key=keys.handles["audit"]),
        "edge": edge,
        "entrance": entrance,
        "entrance-access": EntranceAccess(
            "entrance-access",
            EntranceAccessArgs(),
            platform=platform,
            network=network.network,
            cluster=cluster.cluster,
            load_balancer=entrance.load_balancer,
            service=ProxyService(namespace="edge", name="proxies", port=443),
            account=ServiceAccountName(namespace="entrance", service_account="entrance-controller"),
        ),
        "backup": backup,
        "telemetry": telemetry,
        "operator-access": OperatorAccess(
            "operator-access",
            OperatorAccessArgs(),
            platform=platform,
            cluster=cluster.cluster,
            accounts={
                operator: ServiceAccountName(namespace=operator, service_account=operator)
                for operator in ("external-secrets", "prometheus", "backup", "cert-manager", "alertmanager")
            },
            secrets=[database.endpoint.dsn, *secrets.handles.values()],
            secret_key=keys.handles["secrets"],
            telemetry=telemetry.endpoint,
            backups=objects.buckets["weights"],
            disk_key=keys.handles["disks"],
            edge=edge.edge,
            alerts=alerts.route,
            alert_key=keys.handles["alerts"],
        ),
        "karpenter": Karpenter(
            "karpenter",
            KarpenterArgs(),
            platform=platform,
            network=network.network,
            cluster=cluster.cluster,
            disk_key=keys.handles["disks"],
        ),
        "keys": keys,
        "network": network,
        "secrets": secrets,
        "objects": objects,
        "cluster": cluster,
        "pools": GpuPools(
            "pools",
            GpuPoolsArgs(pools=pools),
            platform=platform,
            network=network.network,
            cluster=cluster.cluster,
            disk_key=keys.handles["disks"],
        ),
        "identities": WorkloadIdentity(
            "identities",
            WorkloadIdentityArgs(workloads=workloads),
            platform=platform,
            cluster=cluster.cluster,
            buckets=objects.buckets,
            secrets=secrets.handles,
            secret_key=keys.handles["secrets"],
        ),
        "registry": ImageRegistry(
            "images",
            ImageRegistryArgs(images=("inferloop/runtime",), pull_through={"quay": "quay.io"}),
            platform=platform,
            key=keys.handles["registry"],
        ),
        "database": database,
        "cache": cache,
    }
