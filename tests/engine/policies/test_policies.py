"""Every policy on the real engine: once broken, and once kept by resources of the kinds that it looks at."""

from collections.abc import Mapping
from typing import Any

import pytest

from stacks.policies.catalog import POLICIES
from stacks.policies.engine_arguments import engine_arguments
from stacks.policies.policy import STRICTEST, Policy

pytestmark = pytest.mark.engine

# Policy → the resource that breaks it, where that is not called like the policy.
BROKEN_BY: Mapping[str, str] = {
    "account-recorded": "checked-t",
    "bucket-encrypted": "bucket-closed-to-public",
    "bucket-tls-only": "bucket-closed-to-public",
    "bucket-versioned": "bucket-closed-to-public",
    "cluster-endpoint-private": "cluster-endpoint-not-open",
    "cluster-logs-kept": "cluster-endpoint-not-open",
    "cluster-secrets-encrypted": "cluster-endpoint-not-open",
    "container-has-seccomp-profile": "container-not-privileged",
    "container-not-root": "container-not-privileged",
    "container-root-read-only": "container-not-privileged",
    "container-without-capabilities": "container-not-privileged",
    "data-protected": "key-rotates",
    "database-encrypted": "database-not-public",
    "database-in-backup-plan": "database-not-public",
    "database-recoverable": "database-not-public",
    "database-tls-only": "database-not-public",
    "image-by-digest": "container-not-privileged",
    "images-scanned": "image-tags-immutable",
    "key-deleted-late": "key-rotates",
    "namespace-denies-by-default": "namespace-restricted",
    "network-protected": "traffic-recorded",
    "no-secret-in-environment": "container-not-privileged",
    "pod-apart-from-host": "container-not-privileged",
    "required-tags": "key-rotates",
    "resources-stated": "container-not-privileged",
}
# Nothing of these kinds is ever right, so that what keeps the policy is its absence.
ABSENT = {"no-long-lived-credentials"}


@pytest.fixture(scope="session")
def refused(violating: Any) -> Any:
    """The violating program, checked as strictly as possible."""
    return violating.check(*engine_arguments(STRICTEST))


@pytest.fixture(scope="session")
def accepted(compliant: Any) -> Any:
    """The compliant program, checked as strictly as possible."""
    return compliant.check(*engine_arguments(STRICTEST))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_violation_is_found_at_its_resource(refused: Any, policy: Policy) -> None:
    found = refused.of(policy.name)
    assert BROKEN_BY.get(policy.name, policy.name) in {it.resource for it in found}, refused.output
    for it in found:
        assert it.urn in it.message
        assert "Fix: " in it.message
        assert it.level == policy.enforcement.in_phase(STRICTEST)
        assert all(control in it.message for control in policy.controls)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_what_keeps_a_policy_is_accepted(accepted: Any, policy: Policy) -> None:
    assert accepted.types & policy.types or policy.name in ABSENT
    assert accepted.of(policy.name) == []


def test_a_program_that_breaks_mandatory_policies_is_refused(refused: Any) -> None:
    assert not refused.passed
    assert "hunter2-plain" not in refused.output


def test_a_program_that_keeps_every_policy_passes(accepted: Any) -> None:
    assert accepted.passed, accepted.output
    assert accepted.violations == ()
    assert "can't run policy" not in accepted.output
