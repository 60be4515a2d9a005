from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN
from tests.support.policies import broken, resource

CLUSTER, TEMPLATE = "eks/cluster:Cluster", "ec2/launchTemplate:LaunchTemplate"


@pytest.mark.parametrize(
    ("access", "is_open", "is_public"),
    [
        ({}, True, True),
        ({"endpointPublicAccess": True}, True, True),
        ({"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}, True, True),
        ({"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}, False, True),
        ({"endpointPublicAccess": True, "publicAccessCidrs": UNKNOWN}, False, True),
        ({"endpointPublicAccess": False}, False, False),
        (UNKNOWN, False, False),
    ],
)
def test_a_control_plane_is_public_unless_it_is_told_not_to(access: Any, is_open: bool, is_public: bool) -> None:
    cluster = resource(CLUSTER, vpcConfig=access)
    assert bool(broken("cluster-endpoint-not-open", cluster)) is is_open
    assert bool(broken("cluster-endpoint-private", cluster)) is is_public


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (None, False),
        ({"resources": [], "provider": {"keyArn": "k"}}, False),
        ({"resources": ["secrets"], "provider": {}}, False),
        ({"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}, True),
        (UNKNOWN, True),
    ],
)
def test_a_clusters_secrets_are_encrypted(config: Any, kept: bool) -> None:
    assert (broken("cluster-secrets-encrypted", resource(CLUSTER, encryptionConfig=config)) == []) is kept


def test_a_clusters_logs_are_kept() -> None:
    cluster = resource(CLUSTER, enabledClusterLogTypes=["api", "audit"])
    assert broken("cluster-logs-kept", cluster) == [("it", "enabledClusterLogTypes")]
    assert broken("cluster-logs-kept", cluster, kinds=["audit"]) == []
    assert broken("cluster-logs-kept", resource(CLUSTER, enabledClusterLogTypes=UNKNOWN)) == []


def test_a_node_group_names_a_template_of_its_own() -> None:
    group = "eks/nodeGroup:NodeGroup"
    assert broken("instance-metadata-v2", resource(group)) == [("it", "launchTemplate")]
    assert broken("instance-metadata-v2", resource(group, launchTemplate={"id": UNKNOWN, "version": "1"})) == []


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (None, ["httpTokens", "httpPutResponseHopLimit"]),
        ({"httpTokens": "optional", "httpPutResponseHopLimit": 1}, ["httpTokens"]),
        ({"httpTokens": "required", "httpPutResponseHopLimit": 2}, ["httpPutResponseHopLimit"]),
        ({"httpTokens": "required", "httpPutResponseHopLimit": 1}, []),
        ({"httpEndpoint": "disabled"}, []),
        (UNKNOWN, []),
    ],
)
def test_a_machines_credentials_want_a_token_and_stay_on_the_machine(options: Any, paths: list[str]) -> None:
    found = broken("instance-metadata-v2", resource(TEMPLATE, metadataOptions=options))
    assert [path for _, path in found] == [f"metadataOptions.{path}" for path in paths]
