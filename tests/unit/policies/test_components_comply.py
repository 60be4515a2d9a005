"""What the suite's own components make breaks no policy of any phase."""

from typing import Any

import pytest

from stacks.policies.catalog import POLICIES
from stacks.policies.policy import STRICTEST, Level, Policy
from stacks.policies.resource import Resource
from tests.contract.aws.examples import everything
from tests.support.aws_account import deploy
from tests.support.kubernetes_mocks import compose
from tests.support.kubernetes_tenants import both_tenants
from tests.support.policies import STACK, findings, resource


def _type_of(item: dict[str, Any]) -> str:
    group, _, version = item["apiVersion"].rpartition("/")
    return f"kubernetes:{group or 'core'}/{version}:{item['kind']}"


@pytest.fixture(scope="module")
def made() -> list[Resource]:
    """An account of all components, and both tenants on its cluster."""
    account = deploy(lambda platform: everything(platform) and None)
    resources = [resource(STACK, "stack")]
    for it in account.resources:
        told = {"id": f"{it.name}-id", "name": it.name, "bucket": it.name}
        stated = {key: value for key, value in it.inputs.items() if value is not None}
        resources.append(
            Resource(urn=f"urn::{it.name}", type=it.type, name=it.name, properties=told | stated, protect=it.protect)
        )
    for item in compose(both_tenants).objects:
        name = item["metadata"]["name"]
        resources.append(Resource(urn=f"urn::{name}", type=_type_of(item), name=name, properties=item))
    return resources


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_components_keep_the_policy(made: list[Resource], policy: Policy) -> None:
    if policy.enforcement.in_phase(STRICTEST) is Level.MANDATORY:
        assert [str(it) for it in findings(policy.name, *made)] == []


def test_the_policies_look_at_what_the_components_make(made: list[Resource]) -> None:
    types = {it.type for it in made}
    blind = {policy.name for policy in POLICIES if not policy.types & types}
    # The suite makes no credentials that last, and no roles inside clusters.
    assert blind <= {"no-long-lived-credentials", "no-star-verb-in-cluster-roles"}
