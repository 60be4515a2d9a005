"""What a cloud would tell the services of its cluster, and every service that a cluster may have."""

from typing import Any

from components.contracts import WorkloadPrincipal
from components.contracts.entrance import EntranceFacts, TargetBinding
from components.contracts.node_autoscaler import NodeAutoscalerFacts, NodeClass
from components.kubernetes.cluster_backup import BackupStorage
from components.kubernetes.cluster_services import CloudFacts, ClusterServicesArgs
from components.kubernetes.monitoring import RemoteWrite
from components.kubernetes.operator_account import ACCOUNTS, Operator
from tests.support.kubernetes_mocks import DIGEST, output

PLUGIN_IMAGE = f"registry.example/velero-plugin@{DIGEST}"
POOLS: dict[str, Any] = {
    "large": {
        "machine_families": ("g6", "g6e"),
        "gpu_kind": "L4",
        "max_gpus": 16,
        "spot": True,
        "fallback_gpus": 4,
    },
    "general": {"machine_types": ("m7i.xlarge",), "max_cpus": 64},
}


def receivers() -> dict[str, Any]:
    """Return a receiver for each urgency."""
    return {
        name: {"sns_configs": [{"topic_arn": output(f"topic/{name}"), "sigv4": {"region": "eu-central-1"}}]}
        for name in ("page", "ticket")
    }


def principal(operator: Operator) -> WorkloadPrincipal:
    """Return an identity that marks its service account."""
    account = ACCOUNTS[operator]
    return WorkloadPrincipal(
        id=output(f"role/{operator}"),
        namespace=account.namespace,
        service_account=account.service_account,
        annotations={"cloud.example/role": output(f"role/{operator}")},
    )


def autoscaler_facts() -> NodeAutoscalerFacts:
    """Return what a node autoscaler is told."""
    spec = {
        "amiSelectorTerms": [{"alias": "al2023@v20260903"}],
        "instanceProfile": output("nodes"),
        "subnetSelectorTerms": [{"id": output("subnet-0a1b")}],
        "securityGroupSelectorTerms": [{"id": output("sg-0a1b")}],
    }
    return NodeAutoscalerFacts(
        settings={"clusterName": output("cluster"), "interruptionQueue": output("queue")},
        node_class=NodeClass(
            api_version="karpenter.k8s.aws/v1",
            kind="EC2NodeClass",
            spec=spec,
            family_label="karpenter.k8s.aws/instance-family",
        ),
        identity=principal(Operator.NODE_AUTOSCALER),
    )


def entrance_facts() -> EntranceFacts:
    """Return what a cluster is told of the load balancer before it."""
    return EntranceFacts(
        chart="aws-load-balancer-controller",
        values={
            "clusterName": output("cluster"),
            "serviceAccount": {"create": True, "name": ACCOUNTS[Operator.ENTRANCE].service_account},
        },
        binding=TargetBinding(
            api_version="elbv2.k8s.aws/v1beta1",
            kind="TargetGroupBinding",
            spec={
                "targetGroupARN": output("targets"),
                "targetType": "ip",
                "vpcID": output("vpc-0a1b"),
                "serviceRef": {"name": "proxies", "port": 443},
            },
        ),
        identity=principal(Operator.ENTRANCE),
        source_cidrs=("10.40.0.0/20", "10.40.16.0/20"),
    )


def cloud_facts() -> CloudFacts:
    """Return everything that a cloud may tell."""
    return CloudFacts(
        secret_provider={"aws": {"service": "SecretsManager", "region": "eu-central-1"}},
        dns_solver={"route53": {"region": "eu-central-1", "hostedZoneID": output("Z1")}},
        gateway_annotations={"cloud.example/scheme": "internal"},
        volume_parameters={"encrypted": {"kmsKeyId": output("key/disks")}},
        remote_write=RemoteWrite(
            url=output("https://aps.example/api/v1/remote_write"), settings={"sigv4": {"region": "eu-central-1"}}
        ),
        receivers=receivers(),
        node_autoscaler=autoscaler_facts(),
        backup_storage=BackupStorage(
            provider="aws", bucket=output("backups"), settings={"region": output("eu-central-1")}
        ),
        entrance=entrance_facts(),
        identities={operator: principal(operator) for operator in Operator},
        identity_cidrs=("169.254.170.23/32",),
    )


def services_args(**more: Any) -> ClusterServicesArgs:
    """Return every service."""
    return ClusterServicesArgs.model_validate(
        {
            "storage": {
                "classes": {
                    "encrypted": {
                        "provisioner": "ebs.csi.aws.com",
                        "parameters": {"type": "gp3", "encrypted": "true"},
                        "default": True,
                    }
                }
            },
            "monitoring": {"storage_class": "encrypted"},
            "operators": {
                "issuer": {"authority": {"kind": "acme", "email": "team@example.test", "challenge": "dns01"}}
            },
            "autoscaling": {"pools": POOLS, "calm_schedule": "0 8 * * 1-5"},
            "backup": {"plugin_image": PLUGIN_IMAGE},
            "entrance": {"hosts": ("models.example.test",), "tenants": ("textnlp", "tabular")},
            **more,
        }
    )
