"""What Karpenter may do in an account, and what its nodes are made of."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.aws.account import Account
from components.aws.karpenter import Karpenter, KarpenterArgs
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import cluster_of, key_of, network_of


def _made(**args: Any) -> Deployment:
    def build(platform: Account) -> Any:
        return Karpenter(
            "nodes",
            KarpenterArgs(**args),
            platform=platform,
            network=network_of(platform),
            cluster=cluster_of("staging"),
            disk_key=key_of("disks"),
        ).facts

    return deploy(build)


def _statements(made: Deployment) -> dict[str, dict[str, Any]]:
    (policy,) = [it for it in made.resources if it.name == "nodes-controller-policy"]
    return {it["Sid"]: it for it in json.loads(policy.inputs["policy"])["Statement"]}


def _only(made: Deployment, kind: str) -> Any:
    (found,) = [it for it in made.resources if it.type == kind]
    return found


def test_the_controller_touches_only_what_carries_its_clusters_tag() -> None:
    statements = _statements(_made())
    for sid, where in {
        "StartFromOwnTemplates": "ResourceTag",
        "StartTagged": "RequestTag",
        "TagWhatIsStarted": "RequestTag",
        "NameOwnNodes": "ResourceTag",
        "EndOwnNodes": "ResourceTag",
    }.items():
        condition = statements[sid]["Condition"]
        assert condition["StringEquals"][f"aws:{where}/kubernetes.io/cluster/staging"] == "owned", sid
        assert condition["StringLike"] == {f"aws:{where}/karpenter.sh/nodepool": "*"}, sid


def test_no_statement_changes_anything_on_every_resource() -> None:
    for sid, statement in _statements(_made()).items():
        if "*" in statement["Resource"]:
            reads = [action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in statement["Action"]]
            assert all(reads), sid


def test_the_controller_gives_nodes_no_role_but_theirs_and_makes_no_profile() -> None:
    made = _made()
    statement = _statements(made)["GiveNodesTheirRole"]
    assert [it.rpartition(":")[2] for it in statement["Resource"]] == ["nodes-node-role"]
    actions = {action for it in _statements(made).values() for action in it["Action"]}
    assert "iam:CreateInstanceProfile" not in actions
    assert len(json.dumps(_statements(made))) < 10_240


def test_the_role_is_taken_by_the_controllers_pods_alone() -> None:
    made = _made()
    (role,) = [it for it in made.resources if it.name == "nodes-controller-role"]
    condition = role.document("assumeRolePolicy")["Statement"][0]["Condition"]["StringEquals"]
    assert condition["aws:RequestTag/kubernetes-service-account"] == "karpenter"
    association = _only(made, "aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("kube-system", "karpenter")


def test_interruptions_are_told_by_an_encrypted_queue_that_only_aws_fills() -> None:
    made = _made()
    queue = _only(made, "aws:sqs/queue:Queue")
    assert queue.inputs["sqsManagedSseEnabled"]
    tell, plain = _only(made, "aws:sqs/queuePolicy:QueuePolicy").document("policy")["Statement"]
    assert tell["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert plain["Effect"] == "Deny"
    rules = [it for it in made.resources if it.type == "aws:cloudwatch/eventRule:EventRule"]
    targets = [it for it in made.resources if it.type == "aws:cloudwatch/eventTarget:EventTarget"]
    assert len(rules) == len(targets) == 5
    heard = {json.loads(it.inputs["eventPattern"])["detail-type"][0] for it in rules}
    assert "EC2 Spot Instance Interruption Warning" in heard


def test_nodes_join_the_cluster_with_a_role_of_their_own() -> None:
    made = _made()
    entry = _only(made, "aws:eks/accessEntry:AccessEntry")
    assert entry.inputs["type"] == "EC2_LINUX"
    attached = {it.inputs["policyArn"].rpartition("/")[2] for it in made.resources if "Attachment" in it.type}
    assert attached == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}


def test_nodes_have_an_encrypted_disk_session_tokens_and_a_private_address() -> None:
    facts = _made(disk_gib=300).result
    spec = facts.node_class.spec
    (disk,) = spec["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"]
    assert disk["ebs"]["volumeSize"] == "300Gi"
    assert (spec["metadataOptions"]["httpTokens"], spec["metadataOptions"]["httpPutResponseHopLimit"]) == (
        "required",
        1,
    )
    assert spec["associatePublicIPAddress"] is False
    assert facts.node_class.kind == "EC2NodeClass"


def test_an_image_that_changes_by_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="image"):
        KarpenterArgs(image="al2023@latest")
