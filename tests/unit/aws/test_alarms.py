"""What is alarmed on, under which dimensions, and who is told."""

from typing import Any

import pulumi
import pytest
from pydantic import ValidationError

from components.aws.account import Account
from components.aws.alarm_rules import ALARM_RULES, Watched
from components.aws.alarms import Alarms, AlarmsArgs
from components.contracts import (
    AlarmSubjects,
    BackupVault,
    CacheEndpoint,
    DatabaseEndpoint,
    LoadBalancerHandle,
    NetworkHandle,
)
from components.errors import SettingsError
from tests.support.aws_account import Deployment, Recorded, deploy
from tests.support.aws_wiring import alerts_of, cluster_of, edge_of, network_of, secret_of

_BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/entrance/50dc6c495c0c9188"
_TARGETS = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/pods/73e2d6bc24d8a067"
_VAULT = "arn:aws:backup:eu-central-1:123456789012:backup-vault:one"


def known(value: str) -> pulumi.Output[str]:
    return pulumi.Output.from_input(value)


def database(*nodes: str, cluster: str | None = None) -> DatabaseEndpoint:
    name = known("database")
    return DatabaseEndpoint(
        host=name,
        port=pulumi.Output.from_input(5432),
        database=name,
        user=name,
        dsn=secret_of("dsn"),
        nodes=[known(node) for node in nodes],
        cluster=known(cluster) if cluster else None,
    )


def cache(*nodes: str) -> CacheEndpoint:
    return CacheEndpoint(
        host=known("cache"),
        port=pulumi.Output.from_input(6379),
        url=secret_of("url"),
        nodes=[known(node) for node in nodes],
    )


def network(platform: Account) -> NetworkHandle:
    return NetworkHandle(**{**vars(network_of(platform)), "gateways": [known("nat-1"), known("nat-2")]})


def balancer(layer: Any) -> LoadBalancerHandle:
    return LoadBalancerHandle(
        id=known(_BALANCER),
        layer=layer,
        address=known("lb.example.test"),
        targets=known(_TARGETS),
        firewall=known("sg-1"),
        urls=[],
    )


def alarms(*severities: str, only_balancer: int | None = None, **values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        subjects = AlarmSubjects(
            databases=(database("db-1"), database("au-1", "au-2", cluster="au")),
            caches=(cache("cache-001", "cache-002"),),
            network=network(platform),
            cluster=cluster_of("cluster"),
            vault=BackupVault(id=known(_VAULT), selector={}),
            edge=edge_of("models.example.test"),
            load_balancer=balancer(7),
        )
        if only_balancer is not None:
            subjects = AlarmSubjects(load_balancer=balancer(only_balancer))
        route = alerts_of(*(severities or ("page", "ticket")))
        return Alarms("alarms", AlarmsArgs(**values), platform=platform, alerts=route, subjects=subjects).alarms

    return deploy(build)


def raised(made: Deployment) -> dict[str, Recorded]:
    return {it.name.removeprefix("alarms-"): it for it in made.all("cloudwatch/metricAlarm:MetricAlarm")}


@pytest.fixture(scope="module")
def whole() -> dict[str, Recorded]:
    return raised(alarms())


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("database-cpu-3", {"DBInstanceIdentifier": "au-2"}),
        ("database-storage", {"DBInstanceIdentifier": "db-1"}),
        ("database-replica-lag", {"DBClusterIdentifier": "au"}),
        ("cache-evictions-2", {"CacheClusterId": "cache-002"}),
        ("nat-ports-1", {"NatGatewayId": "nat-1"}),
        ("cluster-api-errors", {"ClusterName": "cluster"}),
        ("backup-failed", {"BackupVaultName": "one"}),
        ("firewall-blocked", {"WebACL": "staging-aws-edge-firewall", "Region": "eu-central-1", "Rule": "ALL"}),
        ("requests-failed", {"LoadBalancer": "app/entrance/50dc6c495c0c9188"}),
        (
            "requests-unhealthy",
            {"LoadBalancer": "app/entrance/50dc6c495c0c9188", "TargetGroup": "targetgroup/pods/73e2d6bc24d8a067"},
        ),
    ],
)
def test_an_alarm_looks_where_the_service_writes(
    name: str, dimensions: dict[str, str], whole: dict[str, Recorded]
) -> None:
    assert whole[name].inputs["dimensions"] == dimensions


def test_every_rule_for_what_is_there_is_an_alarm_and_says_what_it_means(whole: dict[str, Recorded]) -> None:
    absent = (Watched.CONNECTION_BALANCER, Watched.CONNECTION_TARGETS)
    for name, rule in ALARM_RULES.items():
        found = [it for role, it in whole.items() if role == name or role.rpartition("-")[0] == name]
        assert bool(found) is (rule.watched not in absent), name
        for it in found:
            assert it.inputs["alarmDescription"] == f"staging-aws: {rule.meaning}"
            assert (it.inputs["namespace"], it.inputs["metricName"]) == (rule.namespace, rule.metric)
            assert it.inputs["threshold"] == rule.threshold


def test_every_rule_names_its_source() -> None:
    assert all(rule.source.startswith("https://docs.aws.amazon.com/") for rule in ALARM_RULES.values())


def test_people_are_told_by_urgency_when_it_begins_and_when_it_ends(whole: dict[str, Recorded]) -> None:
    assert whole["nat-ports-1"].inputs["alarmActions"] == ["arn:aws:sns:::page"]
    assert whole["cache-memory-1"].inputs["alarmActions"] == ["arn:aws:sns:::ticket"]
    assert all(it.inputs["okActions"] == it.inputs["alarmActions"] for it in whole.values())


def test_low_is_bad_for_space_and_high_is_bad_for_load(whole: dict[str, Recorded]) -> None:
    assert whole["database-storage"].inputs["comparisonOperator"] == "LessThanThreshold"
    assert whole["database-cpu-1"].inputs["comparisonOperator"] == "GreaterThanThreshold"


def test_urgencies_may_share_one_route() -> None:
    made = raised(alarms("all", routes={"page": "all", "ticket": "all"}))
    assert {it.inputs["alarmActions"][0] for it in made.values()} == {"arn:aws:sns:::all"}


def test_a_route_to_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"nobody is told of ticket; name one of page in routes"):
        alarms("page")
    with pytest.raises(ValidationError, match="routes names no severity for ticket"):
        AlarmsArgs(routes={"page": "page"})


def test_thresholds_and_unwanted_alarms_are_settings() -> None:
    made = raised(alarms(thresholds={"database-cpu": 70}, without=("cluster-unschedulable",)))
    assert made["database-cpu-1"].inputs["threshold"] == 70
    assert "cluster-unschedulable" not in made


@pytest.mark.parametrize("values", [{"thresholds": {"weather": 1.0}}, {"without": ("weather",)}])
def test_an_alarm_that_does_not_exist_is_named_with_those_that_do(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"no alarm weather; there are database-cpu"):
        AlarmsArgs(**values)


def test_a_threshold_of_an_unwanted_alarm_is_a_contradiction() -> None:
    with pytest.raises(ValidationError, match="remove it from one"):
        AlarmsArgs(thresholds={"nat-ports": 1}, without=("nat-ports",))


def test_what_a_stack_has_not_is_not_watched() -> None:
    made = raised(alarms(only_balancer=4))
    assert set(made) == {"connections-refused", "connections-unhealthy"}
    assert made["connections-refused"].inputs["namespace"] == "AWS/NetworkELB"
