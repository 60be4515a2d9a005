"""Which resource types hold data, or carry what others stand on, so that losing one is never a side effect.

Patterns are matched against the engine's type tokens, by the schemas of the providers at
https://www.pulumi.com/registry; `*` stands for any text, so that a module of another version or cloud matches too.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

GUARDED_TYPES: Mapping[str, tuple[str, ...]] = {
    "cluster": (
        "aws:eks/cluster:Cluster",
        "gcp:container/cluster:Cluster",
        "azure-native:containerservice*:ManagedCluster",
    ),
    "database": (
        "aws:rds/*:Cluster",
        "aws:rds/*:GlobalCluster",
        "aws:rds/*:Instance",
        "aws:rds/*:ClusterInstance",
        "aws:dynamodb/*:Table",
        "gcp:sql/*:DatabaseInstance",
        "gcp:sql/*:Database",
        "gcp:alloydb/*:Cluster",
        "azure-native:dbforpostgresql*:Server",
        "azure-native:dbforpostgresql*:Database",
        "pulumi-python:dynamic/local:PostgresCluster",
    ),
    "cache": (
        "aws:elasticache/*:ReplicationGroup",
        "aws:elasticache/*:ServerlessCache",
        "aws:elasticache/*:Cluster",
        "aws:elasticache/*:GlobalReplicationGroup",
        "gcp:redis/*:*",
        "gcp:memorystore/*:Instance",
        "azure-native:cache*:Redis",
    ),
    "key": (
        "aws:kms/*:Key",
        "aws:kms/*:ReplicaKey",
        "gcp:kms/*:KeyRing",
        "gcp:kms/*:CryptoKey",
        "azure-native:keyvault*:Vault",
        "azure-native:keyvault*:Key",
    ),
    "secret": (
        "aws:secretsmanager/*:Secret",
        "gcp:secretmanager/*:Secret",
        "azure-native:keyvault*:Secret",
        "pulumi-python:dynamic/local:GeneratedSecret",
    ),
    "bucket": (
        "aws:s3/*:Bucket",
        "aws:s3/*:BucketV2",
        "gcp:storage/*:Bucket",
        "azure-native:storage*:StorageAccount",
        "azure-native:storage*:BlobContainer",
    ),
    "registry": (
        "aws:ecr/*:Repository",
        "gcp:artifactregistry/*:Repository",
        "azure-native:containerregistry*:Registry",
    ),
    "network": (
        "aws:ec2/*:Vpc",
        "aws:ec2/*:Subnet",
        "gcp:compute/*:Network",
        "gcp:compute/*:Subnetwork",
        "azure-native:network*:VirtualNetwork",
        "azure-native:network*:Subnet",
    ),
    "file system": (
        "aws:efs/*:FileSystem",
        "aws:fsx/*:*FileSystem",
        "gcp:filestore/*:Instance",
        "azure-native:storage*:FileShare",
        "pulumi-python:dynamic/local:Directory",
    ),
    "volume": (
        "aws:ebs/*:Volume",
        "kubernetes:core/*:PersistentVolumeClaim",
        "kubernetes:core/*:PersistentVolume",
    ),
    "namespace": ("kubernetes:core/*:Namespace",),
    # Every object of the type goes with its definition.
    "resource definition": ("kubernetes:apiextensions.k8s.io/*:CustomResourceDefinition",),
    "hosted zone": (
        "aws:route53/*:Zone",
        "gcp:dns/*:ManagedZone",
        "azure-native:*:Zone",
    ),
    "backup vault": (
        "aws:backup/*:Vault",
        "azure-native:recoveryservices*:Vault",
        "azure-native:dataprotection*:BackupVault",
    ),
    "audit trail": ("aws:cloudtrail/*:Trail",),
    "metrics store": ("aws:amp/*:Workspace",),
}


def guarded_kind(type_token: str) -> str | None:
    """Say what a guarded type is, such as `database`; None for a type whose loss is mended by making it again."""
    for kind, patterns in GUARDED_TYPES.items():
        if any(fnmatchcase(type_token, pattern) for pattern in patterns):
            return kind
    return None
