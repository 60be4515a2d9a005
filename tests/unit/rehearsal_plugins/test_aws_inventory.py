import pytest

from stacks.rehearsal.aws.fidelity import fidelities, fidelity_of
from stacks.rehearsal.aws.inventory import Standing, inventory
from stacks.rehearsal.aws.types import RESOURCE_TYPES
from stacks.rehearsal.plugins.journal import Fidelity
from stacks.rehearsal.plugins.provider import ResourceRef
from tests.support.aws_rehearsal import REGION, Cloud


def test_an_account_that_nobody_used_holds_nothing(cloud: Cloud) -> None:
    assert inventory(cloud.endpoint, REGION) == ()


def test_what_is_left_behind_is_named_by_type_and_id(cloud: Cloud) -> None:
    key = cloud.make("aws:kms/key:Key", "key")
    bucket = cloud.make("aws:s3/bucket:Bucket", "data")
    cloud.make("aws:ec2/vpc:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    cloud.remove("vpc")
    left = {Standing("aws:kms/key:Key", key), Standing("aws:s3/bucket:Bucket", bucket)}
    assert set(inventory(cloud.endpoint, REGION)) == left
    assert f"aws:s3/bucket:Bucket {bucket}" in map(str, left)
    cloud.remove_all()
    # A key that waits for its deletion is gone.
    assert inventory(cloud.endpoint, REGION) == ()


@pytest.mark.parametrize("token", sorted(RESOURCE_TYPES))
def test_what_stands_of_a_type_is_told_by_itself_or_by_what_it_ends_with(token: str) -> None:
    kind = RESOURCE_TYPES[token]
    assert (kind.listing is None) == bool(kind.part_of)
    assert not kind.part_of or RESOURCE_TYPES[kind.part_of].listing


def test_the_report_is_told_what_is_real_and_why_the_rest_is_not(cloud: Cloud) -> None:
    addon = fidelity_of("aws:eks/addon:Addon")
    assert addon.fidelity is Fidelity.EMULATED
    assert addon.reason.startswith("moto ")
    assert addon.reason.endswith("has no EKS add-ons")
    assert fidelity_of("aws:sagemaker/app:App").reason == "no calls are described for it"
    known = {found.type: found for found in fidelities()}
    assert known["aws:eks/cluster:Cluster"].fidelity is Fidelity.REAL
    assert known["aws:eks/cluster:Cluster"].reason == ""
    assert set(RESOURCE_TYPES) < set(known)
    assert not {token for token, found in known.items() if found.fidelity is Fidelity.EMULATED} & set(RESOURCE_TYPES)
    resource = ResourceRef(type="aws:eks/addon:Addon", name="dns", urn="dns")
    assert cloud.plugin.unreal_because(resource) == addon.reason
