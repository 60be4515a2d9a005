"""Tags, which tell bills and people what a resource is for and whose it is."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

from stacks.policies.controls import Control
from stacks.policies.policy import FROM_PILOT, Option, Policy, Severity
from stacks.policies.resource import UNKNOWN, Finding, Options, Resource, finding

_TAGGABLE = Path(__file__).with_name("taggable-aws.txt")
# The keys of components/aws/tags.py, which a pack must not import: it would load the cloud's SDK.
REQUIRED = ("inferloop:phase", "inferloop:stack", "inferloop:owner", "inferloop:cost-centre")


@functools.cache
def taggable_types() -> frozenset[str]:
    """Return the resource types of AWS that take a map of tags."""
    lines = _TAGGABLE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _check(resource: Resource, options: Options) -> Iterator[Finding]:
    tags = resource.get("tags")
    if tags is UNKNOWN:
        return
    stated = {**resource.default_tags, **(tags if isinstance(tags, Mapping) else {})}
    if missing := [key for key in options["keys"] if stated.get(key) in (None, "")]:
        yield finding(
            resource,
            "tags",
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            "take the tags of components/aws/tags.py, or the provider's defaultTags",
        )


POLICIES = (
    Policy(
        name="required-tags",
        description="Everything that can carry tags names its phase, stack, owner and cost centre.",
        severity=Severity.LOW,
        controls=(Control.GDPR_ACCOUNTABILITY, Control.HIPAA_ACCOUNTABILITY, Control.SOC2_LOGICAL_ACCESS),
        enforcement=FROM_PILOT,
        types=taggable_types(),
        check=_check,
        options=(
            Option(
                name="keys",
                description="Tags that must be there",
                schema={"type": "array", "items": {"type": "string"}},
                default=list(REQUIRED),
            ),
        ),
    ),
)
