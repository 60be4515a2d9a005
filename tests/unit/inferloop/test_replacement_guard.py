from dataclasses import replace

import pytest

from components.catalog.guarded_types import guarded_kind
from inferloop.planned_changes import Cause, ChangeKind, PlannedChange
from inferloop.replacement_guard import describe, guarded_changes, refusal

NET = PlannedChange(
    "urn:pulumi:s::inferloop::aws:ec2/vpc:Vpc::net",
    "aws:ec2/vpc:Vpc",
    ChangeKind.REPLACE,
    "vpc-1",
    (Cause("cidrBlock", '"a"', '"b"'),),
)


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("aws:eks/cluster:Cluster", "cluster"),
        ("aws:rds/instance:Instance", "database"),
        ("aws:rds/cluster:Cluster", "database"),
        ("aws:elasticache/replicationGroup:ReplicationGroup", "cache"),
        ("aws:kms/key:Key", "key"),
        ("aws:secretsmanager/secret:Secret", "secret"),
        ("aws:s3/bucket:Bucket", "bucket"),
        ("aws:s3/bucketV2:BucketV2", "bucket"),
        ("aws:ecr/repository:Repository", "registry"),
        ("aws:ec2/subnet:Subnet", "network"),
        ("aws:efs/fileSystem:FileSystem", "file system"),
        ("aws:route53/zone:Zone", "hosted zone"),
        ("aws:backup/vault:Vault", "backup vault"),
        ("gcp:container/cluster:Cluster", "cluster"),
        ("gcp:sql/databaseInstance:DatabaseInstance", "database"),
        ("gcp:kms/cryptoKey:CryptoKey", "key"),
        ("azure-native:containerservice:ManagedCluster", "cluster"),
        ("azure-native:network/v20240501:VirtualNetwork", "network"),
        ("azure-native:dbforpostgresql:Server", "database"),
        ("kubernetes:core/v1:PersistentVolumeClaim", "volume"),
        ("kubernetes:core/v1:Namespace", "namespace"),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "resource definition"),
        ("pulumi-python:dynamic/local:PostgresCluster", "database"),
    ],
)
def test_what_holds_data_or_carries_others_is_guarded_on_every_cloud(token: str, kind: str) -> None:
    assert guarded_kind(token) == kind


@pytest.mark.parametrize(
    "token",
    [
        "aws:iam/role:Role",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:kms/alias:Alias",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:rds/parameterGroup:ParameterGroup",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "kubernetes:apps/v1:Deployment",
        "inferloop:aws:Cluster",
    ],
)
def test_what_is_made_again_without_a_loss_is_not_guarded(token: str) -> None:
    assert guarded_kind(token) is None


def test_only_losses_of_guarded_or_protected_things_are_guarded_changes() -> None:
    role = replace(NET, urn="urn::role", type="aws:iam/role:Role")
    changes = [
        NET,
        replace(NET, kind=ChangeKind.UPDATE),
        replace(NET, kind=ChangeKind.CREATE),
        replace(NET, kind=ChangeKind.FINISH),
        role,
        replace(role, protected=True),
    ]
    found = guarded_changes(changes)
    assert [item.change for item in found] == [NET, changes[3], changes[5]]
    assert [item.what for item in found] == ["network", "network", "protected resource"]


@pytest.mark.parametrize(
    "other",
    [
        replace(NET, urn="urn::other"),
        replace(NET, id="vpc-2"),
        replace(NET, kind=ChangeKind.DELETE),
        replace(NET, causes=(Cause("cidrBlock", '"a"', '"c"'),)),
        replace(NET, causes=(*NET.causes, Cause("tenancy", "none", '"x"'))),
    ],
    ids=["resource", "thing", "kind", "value", "cause"],
)
def test_another_change_has_another_digest(other: PlannedChange) -> None:
    one, another = guarded_changes([NET, other] if other.type else [])
    assert one.digest != another.digest
    assert guarded_changes([replace(NET, protected=True)])[0].digest == one.digest


def test_the_refusal_names_every_resource_its_cause_and_the_command() -> None:
    twin = replace(NET, urn="urn:pulumi:s::inferloop::x$aws:ec2/vpc:Vpc::net", kind=ChangeKind.DELETE, causes=())
    bucket = PlannedChange("urn::data", "aws:s3/bucket:Bucket", ChangeKind.DELETE, "data-1", retained=True)
    error = refusal("pilot", guarded_changes([NET, twin, bucket]))
    text = str(error)
    assert error.exit_code == 7
    assert "3 changes would lose what is guarded; nothing was changed" in text
    assert 'cidrBlock: "a" -> "b"' in text
    # Of two that share a name, each is addressed by its URN.
    assert f"approve pilot '{NET.urn}' '{twin.urn}' data --reason TEXT" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replace(NET, causes=()), "no property is the reason"),
        (replace(NET, kind=ChangeKind.FINISH), "an earlier replacement left it"),
        (replace(NET, protected=True), "lifts the protection for this one change"),
        (replace(NET, protected=True, retained=True), "stays where it is"),
        (NET, "goes, with what it holds"),
    ],
)
def test_each_change_says_what_becomes_of_the_old_thing(change: PlannedChange, said: str) -> None:
    assert said in "\n".join(describe(guarded_changes([change])[0]))
