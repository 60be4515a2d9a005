"""The policies as a pack of Pulumi's policy SDK.

Which phase a stack is in decides whether a policy warns or refuses. The SDK keeps that part of the stack's
configuration from packs, so whoever starts the engine hands the phase's levels over (engine_arguments.py); without
them the strictest phase's hold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pulumi_policy as sdk
from pulumi_policy.proxy import UnknownValueError

from stacks.policies.catalog import POLICIES
from stacks.policies.policy import STRICTEST, Policy
from stacks.policies.resource import UNKNOWN, Finding, Resource, ResourceCheck, StackCheck

NAME = "inferloop"


def serve() -> None:
    """Serve the pack to the engine that started it, until it ends it."""
    sdk.PolicyPack(
        NAME,
        policies=[as_sdk(policy) for policy in POLICIES],
        enforcement_level=sdk.EnforcementLevel.MANDATORY,
        tags=sorted({control.framework for policy in POLICIES for control in policy.controls}),
    )


def plain(value: Any) -> Any:
    """Copy a value of the SDK, in which what is not known before the update becomes UNKNOWN.

    The SDK's own collections raise an error at such a value, which would end the whole policy.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    # The protocol has but one kind of number.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _item(collection: Any, key: Any) -> Any:
    try:
        return plain(collection[key])
    except UnknownValueError:
        return UNKNOWN


def as_sdk(policy: Policy) -> sdk.Policy:
    """Return a policy of the SDK that checks as `policy` does, at the level of the strictest phase."""
    common: dict[str, Any] = {
        "name": policy.name,
        "description": f"{policy.description} ({', '.join(policy.controls)})",
        "enforcement_level": sdk.EnforcementLevel(policy.enforcement.in_phase(STRICTEST).value),
        "severity": sdk.Severity(policy.severity.value),
        "tags": [control.value for control in policy.controls],
        "config_schema": _schema(policy),
    }
    if policy.check is not None:
        return sdk.ResourceValidationPolicy(validate=_resource_validation(policy, policy.check), **common)
    assert policy.check_stack is not None  # noqa: S101 - a policy has one of the two
    return sdk.StackValidationPolicy(validate=_stack_validation(policy, policy.check_stack), **common)


def _schema(policy: Policy) -> sdk.PolicyConfigSchema | None:
    if not policy.options:
        return None
    return sdk.PolicyConfigSchema(
        properties={
            option.name: {**option.schema, "description": option.description, "default": option.default}
            for option in policy.options
        }
    )


def _resource_validation(
    policy: Policy, check: ResourceCheck
) -> Callable[[sdk.ResourceValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.ResourceValidationArgs, report: sdk.ReportViolation) -> None:
        if args.resource_type not in policy.types:
            return
        resource = Resource(
            urn=args.urn,
            type=args.resource_type,
            name=args.name,
            properties=plain(args.props),
            protect=bool(args.opts.protect),
            default_tags=_default_tags(args.provider),
        )
        _report(check(resource, {**policy.defaults(), **plain(args.get_config())}), report)

    return validate


def _stack_validation(
    policy: Policy, check: StackCheck
) -> Callable[[sdk.StackValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        if not any(it.resource_type in policy.types for it in args.resources):
            return
        resources = [
            Resource(
                urn=it.urn,
                type=it.resource_type,
                name=it.name,
                # The engine tells nothing of what a provider makes whose own settings the update will tell.
                properties=plain(it.props) or UNKNOWN,
                protect=bool(it.opts.protect),
                references={
                    key: tuple(used.urn for used in uses) for key, uses in (it.property_dependencies or {}).items()
                },
            )
            for it in args.resources
        ]
        _report(check(resources, {**policy.defaults(), **plain(args.get_config())}), report)

    return validate


def _default_tags(provider: sdk.PolicyProviderResource | None) -> Mapping[str, Any]:
    """Return the tags that an AWS provider adds to all that it makes."""
    stated = plain(provider.props).get("defaultTags") if provider is not None else None
    tags = stated.get("tags") if isinstance(stated, Mapping) else None
    return tags if isinstance(tags, Mapping) else {}


def _report(findings: Iterable[Finding], report: sdk.ReportViolation) -> None:
    for it in findings:
        report(str(it), it.urn)
