"""The cluster, its pools and what its workloads may do."""

import datetime
import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.aws.account import Account
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.gpu_pools import GpuPools, GpuPoolsArgs, PoolArgs
from components.aws.kubernetes_versions import SUPPORTED, check_in_support
from components.aws.workload_identity import WorkloadArgs, WorkloadIdentity, WorkloadIdentityArgs
from components.errors import SettingsError
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import bucket_of, cluster_of, key_of, network_of, secret_of

ADMIN = "arn:aws:iam::123456789012:role/platform"
READER = "arn:aws:iam::123456789012:role/readers"
NODE_GROUP = "eks/nodeGroup:NodeGroup"


def cluster(**values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        args = ClusterArgs(admins=(ADMIN,), **values)
        network = network_of(platform)
        made = Cluster(
            "cluster", args, platform=platform, network=network, key=key_of(), log_key=key_of(), disk_key=key_of()
        )
        return made.cluster

    return deploy(build)


def test_the_control_plane_is_private_encrypted_and_logged() -> None:
    made = cluster()
    asked = made.one("eks/cluster:Cluster").inputs
    assert asked["vpcConfig"]["endpointPrivateAccess"] is True
    assert asked["vpcConfig"]["endpointPublicAccess"] is False
    assert asked["encryptionConfig"] == {"provider": {"keyArn": "arn:aws:kms:eu-central-1:123456789012:key/one"}} | {
        "resources": ["secrets"]
    }
    assert len(asked["enabledClusterLogTypes"]) == 5
    logs = made.one("cloudwatch/logGroup:LogGroup")
    assert logs.inputs["name"] == f"/aws/eks/{asked['name']}/cluster"


def test_the_control_plane_is_opened_only_to_named_addresses() -> None:
    asked = cluster(public_cidrs=("203.0.113.0/24",)).one("eks/cluster:Cluster").inputs["vpcConfig"]
    assert (asked["endpointPublicAccess"], asked["publicAccessCidrs"]) == (True, ["203.0.113.0/24"])


def test_only_named_principals_enter_and_the_creator_has_no_hidden_rights() -> None:
    made = cluster(viewers=(READER,))
    access = made.one("eks/cluster:Cluster").inputs["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    policies = made.all("eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {(it.inputs["principalArn"], it.inputs["policyArn"].rpartition("/")[2]) for it in policies} == {
        (ADMIN, "AmazonEKSClusterAdminPolicy"),
        (READER, "AmazonEKSViewPolicy"),
    }


@pytest.mark.parametrize("version", SUPPORTED)
def test_add_ons_are_pinned_for_every_version_and_can_be_overridden(version: str) -> None:
    made = cluster(version=version, addons={"coredns": "v9"})
    pinned = {it.inputs["addonName"]: it.inputs["addonVersion"] for it in made.all("eks/addon:Addon")}
    assert pinned == {**SUPPORTED[version].addons, "coredns": "v9"}
    assert pinned["kube-proxy"].startswith(f"v{version}.")


def test_add_ons_that_speak_to_aws_do_so_by_pod_identity() -> None:
    made = cluster()
    roles = {it.inputs["addonName"]: it.inputs.get("podIdentityAssociations") for it in made.all("eks/addon:Addon")}
    assert {name for name, associations in roles.items() if associations} == {"vpc-cni", "aws-ebs-csi-driver"}
    trust = made.one("iam/role:Role", "-vpc-cni-role").document("assumeRolePolicy")["Statement"][0]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"]["aws:RequestTag/kubernetes-service-account"] == "aws-node"
    attached = {it.inputs["policyArn"] for it in made.all("iam/rolePolicyAttachment:RolePolicyAttachment")}
    assert not {it for it in attached if "Admin" in it or "FullAccess" in it}


def test_the_kubeconfig_logs_in_and_holds_no_credential() -> None:
    config = json.loads(cluster().result.kubeconfig)
    assert config["users"][0]["user"]["exec"]["args"][-1] == "staging-aws-cluster"
    assert set(config["users"][0]["user"]) == {"exec"}
    assert config["clusters"][0]["cluster"]["certificate-authority-data"] == "Y2VydGlmaWNhdGU="


def test_a_version_is_refused_once_its_support_has_ended() -> None:
    check_in_support("1.34", on=datetime.date(2026, 12, 2))
    with pytest.raises(SettingsError, match=r"standard support of Kubernetes 1\.34 ended on 2026-12-02; take 1\.36"):
        check_in_support("1.34", on=datetime.date(2026, 12, 3))
    check_in_support("1.34", on=datetime.date(2026, 12, 3), extended=True)
    with pytest.raises(SettingsError, match="bring the suite up to date"):
        check_in_support("1.36", on=datetime.date(2030, 1, 1), extended=True)


def pools(region: str = "eu-central-1", **values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        args = GpuPoolsArgs(pools={"gpu": PoolArgs(**values)})
        wiring = {"network": network_of(platform), "cluster": cluster_of("one"), "disk_key": key_of()}
        return GpuPools("pools", args, platform=platform, **wiring).pools  # type: ignore[arg-type]

    return deploy(build, region=region)


@pytest.mark.parametrize(
    ("region", "size", "machine", "kind", "count"),
    [
        ("eu-central-1", "small", "g4dn.xlarge", "T4", 1),
        ("eu-central-1", "medium", "g4dn.2xlarge", "T4", 1),
        ("eu-central-1", "xlarge", "p4d.24xlarge", "A100-40GB", 8),
        ("eu-central-1", "g5.12xlarge", "g5.12xlarge", "A10G", 4),
        ("eu-central-1", "g6e.xlarge", "g6e.xlarge", "L40S", 1),
        ("us-east-1", "p5.48xlarge", "p5.48xlarge", "H100", 8),
    ],
)
def test_a_size_becomes_nodes_with_their_gpus(region: str, size: str, machine: str, kind: str, count: int) -> None:
    made = pools(region, size=size)
    group = made.one(NODE_GROUP).inputs
    assert (group["instanceTypes"], group["amiType"]) == ([machine], "AL2023_x86_64_NVIDIA")
    assert group["labels"]["inferloop.io/gpu-kind"] == kind
    assert group["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
    (pool,) = made.result["gpu"]
    assert (pool.gpus_per_node, pool.gpu_kind, pool.spot) == (count, kind, False)


def test_a_spot_pool_has_on_demand_nodes_to_fall_back_on() -> None:
    made = pools(size="small", spot=True, minimum=1, maximum=4, fallback_maximum=2, dedicated_to="chat")
    groups = {it.inputs["capacityType"]: it.inputs["scalingConfig"] for it in made.all(NODE_GROUP)}
    assert groups["SPOT"] == {"minSize": 1, "maxSize": 4, "desiredSize": 1}
    assert groups["ON_DEMAND"] == {"minSize": 0, "maxSize": 2, "desiredSize": 0}
    spot, fallback = made.result["gpu"]
    assert (spot.spot, fallback.spot) == (True, False)
    assert spot.taints == fallback.taints
    assert [it.key for it in spot.taints] == ["nvidia.com/gpu", "inferloop.io/dedicated"]
    assert spot.labels["inferloop.io/pool"] == fallback.labels["inferloop.io/pool"] == "gpu"


def test_a_fabric_has_every_adapter_in_one_zone_and_one_placement_group() -> None:
    made = pools("us-east-1", size="p5.48xlarge", fabric=True, zone="us-east-1b", disk_gib=500)
    template = made.one("ec2/launchTemplate:LaunchTemplate").inputs
    interfaces = template["networkInterfaces"]
    assert [it["networkCardIndex"] for it in interfaces] == list(range(32))
    assert {it["interfaceType"] for it in interfaces} == {"efa"}
    assert all(it["securityGroups"] == ["sg-cluster", "pools-gpu-fabric-id"] for it in interfaces)
    assert template["placement"]["groupName"] == "pools-gpu-placement"
    assert template["blockDeviceMappings"][0]["ebs"]["volumeSize"] == 500
    assert made.one(NODE_GROUP).inputs["subnetIds"] == ["subnet-private-us-east-1b"]
    rule = made.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["referencedSecurityGroupId"] == rule["securityGroupId"]


def test_a_capacity_block_is_asked_for_by_its_reservation() -> None:
    made = pools(size="xlarge", capacity_block="cr-0a1b", zone="eu-central-1a", minimum=2)
    template = made.one("ec2/launchTemplate:LaunchTemplate").inputs
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}
    target = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": "cr-0a1b"}
    assert made.one(NODE_GROUP).inputs["capacityType"] == "CAPACITY_BLOCK"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": "large"}, r"large \(p3\.2xlarge\) is retired"),
        ({"size": "p5.48xlarge"}, "not offered in eu-central-1"),
        ({"size": "small", "fabric": True, "zone": "eu-central-1a"}, r"no EFA; .* take p4d\.24xlarge"),
        ({"size": "small", "capacity_block": "cr-1", "zone": "eu-central-1a"}, "no capacity blocks; remove"),
        ({"size": "small", "zone": "eu-central-1f"}, "its zones are eu-central-1a"),
    ],
)
def test_a_pool_that_the_region_cannot_give_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        pools(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"minimum": 3}, "raise maximum"),
        ({"fallback_maximum": 1}, "needs spot: true"),
        ({"spot": True, "capacity_block": "cr-1", "zone": "z"}, "remove spot or capacity_block"),
        ({"fabric": True}, "set zone"),
        ({"capacity_block": "cr-1"}, "set zone"),
    ],
)
def test_a_pool_that_contradicts_itself_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PoolArgs(size="small", **values)


def identities(**workloads: WorkloadArgs) -> Deployment:
    def build(platform: Account) -> Any:
        return WorkloadIdentity(
            "identities",
            WorkloadIdentityArgs(workloads=workloads),
            platform=platform,
            cluster=cluster_of("one"),
            buckets={it: bucket_of(it) for it in ("weights", "datasets")},
            secrets={"dsn": secret_of("dsn")},
            secret_key=key_of(),
        ).identities

    return deploy(build)


def test_a_workload_gets_what_it_names_and_nothing_else() -> None:
    wanted = WorkloadArgs(namespace="textnlp", service_account="server", read_buckets=("weights",))
    made = identities(server=wanted)
    policy = made.one("iam/rolePolicy:RolePolicy").document()["Statement"]
    assert {it["Sid"] for it in policy} == {"ListBuckets", "ReadObjects", "DecryptObjects"}
    assert "datasets" not in json.dumps(policy)
    association = made.one("eks/podIdentityAssociation:PodIdentityAssociation").inputs
    assert (association["namespace"], association["serviceAccount"]) == ("textnlp", "server")
    trust = made.one("iam/role:Role").document("assumeRolePolicy")["Statement"][0]["Condition"]["StringEquals"]
    assert trust["aws:RequestTag/eks-cluster-name"] == "one"
    assert made.result["server"].annotations == {}


def test_a_workload_that_writes_can_read_back_and_one_that_wants_nothing_gets_no_policy() -> None:
    writer = WorkloadArgs(namespace="n", service_account="capture", write_buckets=("datasets",), read_secrets=("dsn",))
    made = identities(capture=writer, console=WorkloadArgs(namespace="n", service_account="console"))
    statements = {it["Sid"]: it for it in made.one("iam/rolePolicy:RolePolicy").document()["Statement"]}
    assert statements["WriteObjects"]["Resource"] == ["arn:aws:s3:::datasets/*"]
    assert statements["ReadObjects"]["Resource"] == ["arn:aws:s3:::datasets/*"]
    assert statements["ReadSecrets"]["Resource"][0].endswith(":secret:dsn")


def test_unknown_buckets_and_shared_service_accounts_are_refused() -> None:
    with pytest.raises(SettingsError, match="asks for the bucket attic; there are weights, datasets"):
        identities(one=WorkloadArgs(namespace="n", service_account="a", read_buckets=("attic",)))
    twin = WorkloadArgs(namespace="n", service_account="a")
    with pytest.raises(ValidationError, match="one and two share the service account n/a"):
        WorkloadIdentityArgs(workloads={"one": twin, "two": twin})
