"""The web application firewall's resources, without the SDK's own module of them.

Its input types describe every statement inside every other, and take longer to import than all else that a stack needs
of the SDK (0.7 s of 1.9 s of processor time, measured with pulumi-aws 7.51). The tokens, and so the state, are those
of the SDK's classes. Inputs are in the provider's words: https://www.pulumi.com/registry/packages/aws/api-docs/wafv2/
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws


class WebAcl(pulumi.CustomResource):
    """One regional list of rules. Outputs: arn."""

    def __init__(
        self,
        name: str,
        *,
        description: str,
        rules: Sequence[Mapping[str, Any]],
        measured_as: str,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs: dict[str, Any] = {
            "scope": "REGIONAL",
            "description": description,
            "defaultAction": {"allow": {}},
            "rules": rules,
            "visibilityConfig": visibility(measured_as),
            "tags": tags,
            "arn": None,
        }
        super().__init__("aws:wafv2/webAcl:WebAcl", name, inputs, _with_version(opts))

    @property
    @pulumi.getter
    def arn(self) -> pulumi.Output[str]:
        """The list's ARN."""
        arn: pulumi.Output[str] = pulumi.get(self, "arn")
        return arn


class WebAclLogging(pulumi.CustomResource):
    """Where a list's decisions are written; the header that carries keys is left out."""

    def __init__(
        self,
        name: str,
        *,
        web_acl: pulumi.Input[str],
        log_group: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "resourceArn": web_acl,
            "logDestinationConfigs": [log_group],
            "redactedFields": [{"singleHeader": {"name": "authorization"}}],
        }
        token = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"  # noqa: S105 - a type, no secret
        super().__init__(token, name, inputs, _with_version(opts))


class WebAclAssociation(pulumi.CustomResource):
    """The list that a load balancer asks."""

    def __init__(
        self, name: str, *, web_acl: pulumi.Input[str], resource: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {"resourceArn": resource, "webAclArn": web_acl}
        super().__init__("aws:wafv2/webAclAssociation:WebAclAssociation", name, inputs, _with_version(opts))


def visibility(metric: str) -> dict[str, Any]:
    """Return the settings that count a rule's requests under a metric's name, and keep samples of them."""
    return {"cloudwatchMetricsEnabled": True, "metricName": metric, "sampledRequestsEnabled": True}


def _with_version(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Ask for the provider plugin of the SDK's version, as its own classes do."""
    return pulumi.ResourceOptions.merge(aws._utilities.get_resource_opts_defaults(), opts)
