"""Kubernetes clusters and the machines that they run on."""

from collections.abc import Iterator

from stacks.policies.controls import Control
from stacks.policies.network import is_everywhere
from stacks.policies.policy import ALWAYS, FROM_ENTERPRISE, FROM_PILOT, Option, Policy, Severity
from stacks.policies.resource import (
    UNKNOWN,
    Finding,
    Options,
    Resource,
    as_list,
    finding,
    is_off,
    is_stated,
    value_at,
)

CLUSTER = "aws:eks/cluster:Cluster"
_NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_MACHINES = frozenset({"aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate", _NODE_GROUP})


def _check_open(resource: Resource, _options: Options) -> Iterator[Finding]:
    access = resource.get("vpcConfig.endpointPublicAccess")
    blocks = resource.get("vpcConfig.publicAccessCidrs")
    # The service opens the endpoint to everybody unless it is told not to.
    public = access is None or not is_off(access)
    if public and blocks is not UNKNOWN and (not blocks or any(is_everywhere(it) for it in as_list(blocks))):
        yield finding(
            resource,
            "vpcConfig.publicAccessCidrs",
            "the whole internet reaches the control plane",
            "set endpointPublicAccess to false, or name your own addresses in publicAccessCidrs",
        )


def _check_private(resource: Resource, _options: Options) -> Iterator[Finding]:
    access = resource.get("vpcConfig.endpointPublicAccess")
    if access is None or not is_off(access):
        yield finding(
            resource,
            "vpcConfig.endpointPublicAccess",
            "the control plane has an address on the internet",
            "set endpointPublicAccess to false and endpointPrivateAccess to true",
        )


def _check_secrets(resource: Resource, _options: Options) -> Iterator[Finding]:
    config = resource.get("encryptionConfig")
    if config is UNKNOWN:
        return
    key = value_at(config, "provider.keyArn")
    if "secrets" not in as_list(value_at(config, "resources")) or not is_stated(key):
        yield finding(
            resource,
            "encryptionConfig",
            "the cluster's secrets are encrypted by no key of the stack",
            'set encryptionConfig to resources ["secrets"] and provider.keyArn',
        )


def _check_logs(resource: Resource, options: Options) -> Iterator[Finding]:
    kinds = resource.get("enabledClusterLogTypes")
    missing = sorted(set(options["kinds"]) - {it for it in as_list(kinds) if isinstance(it, str)})
    if kinds is not UNKNOWN and missing:
        yield finding(
            resource,
            "enabledClusterLogTypes",
            f"the control plane's logs {', '.join(missing)} are not kept",
            f"add {', '.join(missing)} to enabledClusterLogTypes",
        )


def _check_metadata(resource: Resource, _options: Options) -> Iterator[Finding]:
    if resource.type == _NODE_GROUP:
        # The service's own template lets containers reach them:
        # https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
        if not is_stated(resource.get("launchTemplate")):
            yield finding(
                resource,
                "launchTemplate",
                "containers reach the machines' credentials",
                "name a launch template (components/aws/node_template.py)",
            )
        return
    options = resource.get("metadataOptions")
    if options is UNKNOWN or value_at(options, "httpEndpoint") == "disabled":
        return
    if value_at(options, "httpTokens") not in ("required", UNKNOWN):
        yield finding(
            resource,
            "metadataOptions.httpTokens",
            "the machine's credentials are given out without a session token (IMDSv1)",
            "set httpTokens to required",
        )
    if value_at(options, "httpPutResponseHopLimit") not in (1, UNKNOWN):
        yield finding(
            resource,
            "metadataOptions.httpPutResponseHopLimit",
            "containers reach the machine's credentials",
            "set httpPutResponseHopLimit to 1",
        )


POLICIES = (
    Policy(
        name="cluster-endpoint-not-open",
        description="No control plane is open to the whole internet.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset({CLUSTER}),
        check=_check_open,
    ),
    Policy(
        name="cluster-endpoint-private",
        description="Control planes are reached from inside the network only.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_RESILIENCE, Control.HIPAA_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=FROM_ENTERPRISE,
        types=frozenset({CLUSTER}),
        check=_check_private,
    ),
    Policy(
        name="cluster-secrets-encrypted",
        description="A cluster's secrets are encrypted by a key of the stack.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_ENCRYPTION, Control.HIPAA_ENCRYPTION, Control.SOC2_CONFIDENTIAL),
        enforcement=ALWAYS,
        types=frozenset({CLUSTER}),
        check=_check_secrets,
    ),
    Policy(
        name="cluster-logs-kept",
        description="The control plane's logs of requests and of who made them are kept.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_BREACH, Control.HIPAA_ACTIVITY_REVIEW, Control.HIPAA_AUDIT, Control.SOC2_MONITORING),
        enforcement=FROM_PILOT,
        types=frozenset({CLUSTER}),
        check=_check_logs,
        options=(
            Option(
                name="kinds",
                description="Kinds of log that must be kept",
                schema={"type": "array", "items": {"type": "string"}},
                default=["api", "audit", "authenticator"],
            ),
        ),
    ),
    Policy(
        name="instance-metadata-v2",
        description="Machines give out their credentials by session token only, and not to containers.",
        severity=Severity.HIGH,
        controls=(Control.GDPR_RESILIENCE, Control.HIPAA_ACCESS, Control.SOC2_LOGICAL_ACCESS),
        enforcement=ALWAYS,
        types=_MACHINES,
        check=_check_metadata,
    ),
)
