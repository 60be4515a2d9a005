"""Definitions that stand in for those that no module brings."""

from components.catalog.charts import load_charts
from stacks.rehearsal.stand_in_definitions import is_stand_in, read_stand_in, stand_in_set_of, stand_in_sets

CHART = "aws-load-balancer-controller"


def test_only_a_chart_that_brings_no_definitions_has_a_stand_in() -> None:
    names = stand_in_sets(it.name for it in load_charts().charts)
    assert names == stand_in_sets([CHART])
    assert load_charts().chart(CHART).definitions == ()


def test_a_stand_in_is_never_taken_for_a_locked_set() -> None:
    (name,) = stand_in_sets([CHART])
    assert is_stand_in(name)
    assert not any(is_stand_in(it) for it in load_charts().definitions)


def test_a_kind_is_known_to_be_of_a_stand_in_at_the_version_that_it_serves() -> None:
    (name,) = stand_in_sets([CHART])
    assert stand_in_set_of("elbv2.k8s.aws/v1beta1", "TargetGroupBinding") == name
    assert stand_in_set_of("elbv2.k8s.aws/v1", "TargetGroupBinding") is None
    assert stand_in_set_of("apps/v1", "Deployment") is None


def test_a_stand_in_knows_the_documented_fields_alone() -> None:
    (definition,) = read_stand_in(*stand_in_sets([CHART]))
    (version,) = definition["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert spec["required"] == ["serviceRef"]
    assert {"targetGroupARN", "targetType", "serviceRef", "networking"} <= set(spec["properties"])
    assert "x-kubernetes-preserve-unknown-fields" not in spec
