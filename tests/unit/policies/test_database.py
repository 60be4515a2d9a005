from typing import Any

import pytest

from stacks.policies.resource import UNKNOWN, Resource
from tests.support.policies import broken, resource

INSTANCE, CACHE = "rds/instance:Instance", "elasticache/replicationGroup:ReplicationGroup"
SAFE = {"backupRetentionPeriod": 7, "deletionProtection": True}


def parameters(value: Any, name: str = "rds.force_ssl") -> Resource:
    return resource("rds/parameterGroup:ParameterGroup", "group", name="g", parameters=[{"name": name, "value": value}])


@pytest.mark.parametrize(("public", "kept"), [(True, False), ("true", False), (False, True), (None, True)])
def test_a_database_on_the_internet_is_found(public: Any, kept: bool) -> None:
    assert (broken("database-not-public", resource(INSTANCE, publiclyAccessible=public)) == []) is kept


def test_a_database_or_cache_in_clear_is_found_unless_it_inherits() -> None:
    assert broken("database-encrypted", resource(INSTANCE)) == [("it", "storageEncrypted")]
    assert broken("database-encrypted", resource(CACHE)) == [("it", "atRestEncryptionEnabled")]
    assert broken("database-encrypted", resource(INSTANCE, storageEncrypted=True)) == []
    assert broken("database-encrypted", resource(INSTANCE, replicateSourceDb="main")) == []


def test_a_postgres_that_forces_no_tls_is_found() -> None:
    server = resource(INSTANCE, engine="postgres", parameterGroupName="g")
    for group, kept in (
        (parameters("1"), True),
        (parameters(UNKNOWN), True),
        (parameters("0"), False),
        (parameters("1", "log_connections"), False),
    ):
        assert (broken("database-tls-only", server, group) == []) is kept
    assert broken("database-tls-only", server) == [("it", "parameterGroupName")]
    assert broken("database-tls-only", resource(INSTANCE, engine="mysql")) == []


def test_parameters_are_known_by_reference_before_their_name_is() -> None:
    group = resource("rds/clusterParameterGroup:ClusterParameterGroup", "group", parameters=UNKNOWN, name=UNKNOWN)
    named_by = "dbClusterParameterGroupName"
    cluster = resource(
        "rds/cluster:Cluster",
        references={named_by: group.urn},
        properties={"engine": "aurora-postgresql", named_by: UNKNOWN},
    )
    assert broken("database-tls-only", cluster, group) == []


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, ["transitEncryptionEnabled", "authToken"]),
        (
            {"transitEncryptionEnabled": True, "transitEncryptionMode": "preferred"},
            ["transitEncryptionMode", "authToken"],
        ),
        ({"transitEncryptionEnabled": True, "authToken": UNKNOWN}, []),
        ({"transitEncryptionEnabled": True, "userGroupIds": ["readers"]}, []),
    ],
)
def test_a_cache_wants_tls_and_a_password(settings: dict[str, Any], paths: list[str]) -> None:
    assert [path for _, path in broken("cache-tls-and-password", resource(CACHE, **settings))] == paths


def test_a_database_can_be_recovered() -> None:
    assert broken("database-recoverable", resource(INSTANCE, **SAFE)) == []
    careless = resource(INSTANCE, backupRetentionPeriod=6, skipFinalSnapshot=True)
    assert [path for _, path in broken("database-recoverable", careless)] == [
        "backupRetentionPeriod",
        "deletionProtection",
        "skipFinalSnapshot",
    ]
    assert broken("database-recoverable", resource(INSTANCE, **SAFE), minimum_days=14) == [
        ("it", "backupRetentionPeriod")
    ]
    later = resource(INSTANCE, backupRetentionPeriod=UNKNOWN, deletionProtection=UNKNOWN, skipFinalSnapshot=UNKNOWN)
    assert broken("database-recoverable", later) == []
