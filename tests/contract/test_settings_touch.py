"""What each setting changes: the resources whose inputs differ once it is changed, and no other."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from stacks.settings import CHECKOUT
from tests.contract.test_cloud_stacks import compose, composed, settings_of

STACK = "pilot-aws"


def configured(section: str) -> dict[str, Any]:
    content = yaml.safe_load((CHECKOUT / "stacks" / "config" / f"Pulumi.{STACK}.yaml").read_text())["config"]
    found: dict[str, Any] = content.get(f"inferloop:{section}", {})
    return found


def model(**changes: Any) -> dict[str, Any]:
    textnlp = configured("textnlp")
    return {"textnlp": {**textnlp, "models": {"smollm2": {**textnlp["models"]["smollm2"], **changes}}}}


# Setting -> its new value, and the names of the resources that it changes, makes or removes.
TABLE: Mapping[str, tuple[Mapping[str, Any], set[str]]] = {
    "network.flow_log_retention_days": (
        {"network": {"flow_log_retention_days": 365}},
        {"network-flow-log-group"},
    ),
    "network.nat": (
        {"network": {"nat": "single"}},
        {
            *(
                f"network-{part}"
                for zone in ("eu-central-1b", "eu-central-1c")
                for part in (f"nat-{zone}", f"nat-{zone}-address", f"private-{zone}-nat-route")
            ),
            # One alarm for one gateway has no number.
            *("alarms-nat-ports", "alarms-nat-ports-1", "alarms-nat-ports-2", "alarms-nat-ports-3"),
        },
    ),
    "database.instance_class": ({"database": {"instance_class": "db.m7g.xlarge"}}, {"database-server"}),
    "pools.small.maximum": (
        {"pools": {"small": {"size": "small", "minimum": 1, "maximum": 4}}},
        {"pools-small-nodes"},
    ),
    "pools.small.disk_gib": (
        {"pools": {"small": {"size": "small", "minimum": 1, "maximum": 2, "disk_gib": 300}}},
        {"pools-small-template"},
    ),
    "buckets.datasets.expire_after_days": (
        {"buckets": {"datasets": {"expire_after_days": 400}}},
        {"objects-datasets-lifecycle"},
    ),
    "cluster.viewers": (
        {"cluster": {**configured("cluster"), "viewers": ["arn:aws:iam::123456789012:role/readers"]}},
        {"cluster-access-1", "cluster-access-1-policy"},
    ),
    "cluster.system_maximum": ({"cluster": {**configured("cluster"), "system_maximum": 8}}, {"cluster-system"}),
    "gateway.max_replicas": (
        {"gateway": {"max_replicas": 20}},
        {"tabular-gateway-autoscaler", "textnlp-gateway-autoscaler"},
    ),
    "gateway.memory_mib": (
        {"gateway": {"memory_mib": 1024}},
        {"tabular-gateway-deployment", "textnlp-gateway-deployment"},
    ),
    "textnlp.models.smollm2.max_batch_size": (model(max_batch_size=32), {"textnlp-smollm2-deployment"}),
    "textnlp.models.smollm2.replicas": (model(replicas=2), {"textnlp-smollm2-deployment"}),
    "textnlp.models.smollm2.autoscaling": (
        model(autoscaling={"tokens_per_s": 800}),
        {"textnlp-smollm2-autoscaler-scaled-object", "textnlp-smollm2-deployment"},
    ),
    "monitoring.waiting_requests": (
        {"monitoring": {"waiting_requests": 100}},
        {"tabular-telemetry-alerts", "textnlp-telemetry-alerts"},
    ),
    "budget.limit_usd_per_month": ({"budget": {"limit_usd_per_month": 6000}}, {"cost-budget"}),
    "firewall.requests_per_address": ({"firewall": {"requests_per_address": 2000}}, {"edge-firewall"}),
    "entrance.clients": ({"entrance": {"clients": ["203.0.113.0/24"]}}, {"entrance-clients-1"}),
    "backup.retention_days": ({"backup": {"retention_days": 30}}, {"backup-plan"}),
    "registry.pull_through": ({"registry": {"pull_through": {"quay": "quay.io"}}}, {"images-cache-quay"}),
}


def inputs(resources: Any) -> dict[str, Any]:
    return {it.name: (it.type, it.inputs, it.protect) for it in resources if not it.type.startswith("inferloop:")}


@pytest.mark.parametrize("setting", TABLE)
def test_a_setting_changes_what_it_names_and_nothing_else(setting: str) -> None:
    changes, touched = TABLE[setting]
    before = inputs(composed(STACK)[0].resources)
    after = inputs(compose(settings_of(STACK, **changes), STACK)[0].resources)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == touched
