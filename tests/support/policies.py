"""Resources as policies see them, and what a policy finds in them."""

from collections.abc import Mapping
from typing import Any

from stacks.policies.catalog import policy_named
from stacks.policies.resource import Finding, Resource

STACK = "pulumi:pulumi:Stack"


def resource(kind: str, name: str = "it", /, *, references: Mapping[str, str] | None = None, **more: Any) -> Resource:
    """Make a resource of AWS (`s3/bucket:Bucket`), of Kubernetes or the stack; `references` are URNs by property."""
    full = kind if kind.startswith(("kubernetes:", "pulumi:")) else f"aws:{kind}"
    known = {key: more.pop(key) for key in ("protect", "default_tags", "properties") if key in more}
    return Resource(
        urn=f"urn:pulumi:t::checked::{full}::{name}",
        type=full,
        name=name,
        references={key: (urn,) for key, urn in (references or {}).items()},
        **{"properties": more, **known},
    )


def findings(policy_name: str, *resources: Resource, **options: Any) -> list[Finding]:
    """Return what one policy finds, as the pack would have it checked."""
    policy = policy_named(policy_name)
    chosen = {**policy.defaults(), **options}
    watched = [it for it in resources if it.type in policy.types]
    if policy.check is not None:
        return [found for it in watched for found in policy.check(it, chosen)]
    assert policy.check_stack is not None
    return list(policy.check_stack(resources, chosen)) if watched else []


def broken(policy_name: str, *resources: Resource, **options: Any) -> list[tuple[str, str]]:
    """Return the resource's name and the property of every finding."""
    return [(it.urn.rpartition("::")[2], it.property) for it in findings(policy_name, *resources, **options)]
