"""What the internet may reach, and what is recorded of the traffic."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.policy import ALWAYS, FROM_PILOT, Option, Policy, Severity
from stacks.policies.resource import (
    UNKNOWN,
    Finding,
    Options,
    Resource,
    as_list,
    belongs_to,
    finding,
    of_type,
    value_at,
)

VPC = "aws:ec2/vpc:Vpc"
_FLOW_LOG = "aws:ec2/flowLog:FlowLog"
_GROUPS = frozenset({"aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"})
_OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_LISTENERS = frozenset({"aws:lb/listener:Listener", "aws:alb/listener:Listener"})
_REDIRECT = "redirect"
# Names of policies for TLS 1.2 and 1.3 alone:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
_TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-", "ELBSecurityPolicy-TLS-1-2-")
_TLS_PROTOCOLS = ("HTTPS", "TLS")
# Balancers of layer 4 that pass on what is encrypted by the pods.
_PASSED_ON = ("TCP", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC", "GENEVE")


def is_everywhere(block: Any) -> bool:
    """Tell whether a block of addresses is the whole internet, or a half of it."""
    if not isinstance(block, str):
        return False
    try:
        return ipaddress.ip_network(block, strict=False).prefixlen <= 1
    except ValueError:
        return False


def _check_ingress(resource: Resource, options: Options) -> Iterator[Finding]:
    allowed = set(options["open_ports"])
    for where, rule in _rules(resource):
        blocks = [
            block
            for key in ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
            for block in as_list(rule.get(key))
        ]
        if not any(is_everywhere(block) for block in blocks):
            continue
        first, last = rule.get("fromPort"), rule.get("toPort")
        if UNKNOWN in (first, last) or (first == last and first in allowed):
            continue
        yield finding(
            resource,
            where,
            f"the whole internet reaches {_ports(first, last)}",
            f"name the blocks of addresses that may connect; only {sorted(allowed)} may be open to all",
        )


def _rules(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if resource.type in _GROUPS:
        for index, rule in enumerate(as_list(resource.get("ingress"))):
            if isinstance(rule, Mapping):
                yield f"ingress[{index}]", rule
    elif isinstance(resource.properties, Mapping) and (resource.type == _RULE or resource.get("type") == "ingress"):
        yield "cidrIpv4" if resource.type == _RULE else "cidrBlocks", resource.properties


def _ports(first: Any, last: Any) -> str:
    if first in (None, -1) or (first == 0 and last in (0, 65535)):
        return "every port"
    return f"port {first}" if first == last else f"ports {first} to {last}"


def _check_listeners(resource: Resource, _options: Options) -> Iterator[Finding]:
    protocol = resource.get("protocol")
    if protocol in (UNKNOWN, *_PASSED_ON):
        return
    actions = [value_at(it, "type") for it in as_list(resource.get("defaultActions"))]
    if protocol not in _TLS_PROTOCOLS:
        if actions != [_REDIRECT]:
            yield finding(
                resource,
                "protocol",
                f"{protocol} carries requests in clear",
                "set protocol to HTTPS, or redirect to it",
            )
        return
    policy = resource.get("sslPolicy")
    if policy is not UNKNOWN and not str(policy).startswith(_TLS_POLICIES):
        yield finding(
            resource,
            "sslPolicy",
            "versions of TLS below 1.2 are accepted",
            "set sslPolicy to ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        )


def _check_flow_logs(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    logs = of_type(resources, _FLOW_LOG)
    for vpc in of_type(resources, VPC):
        if not any(belongs_to(it, "vpcId", vpc, "id") for it in logs):
            yield finding(vpc, "flowLog", "nothing records the network's traffic", "add a FlowLog with trafficType ALL")


POLICIES = (
    Policy(
        name="no-open-ingress",
        description="The internet reaches no port but those of the edge.",
        severity=Severity.CRITICAL,
        controls=(Control.GDPR_BY_DEFAULT, Control.HIPAA_ACCESS, Control.SOC2_BOUNDARIES),
        enforcement=ALWAYS,
        types=frozenset({*_GROUPS, _OLD_RULE, _RULE}),
        check=_check_ingress,
        options=(
            Option(
                name="open_ports",
                description="Ports that may be open to the whole internet",
                schema={"type": "array", "items": {"type": "integer"}},
                default=[443],
            ),
        ),
    ),
    Policy(
        name="load-balancer-tls",
        description="Load balancers carry requests by TLS 1.2 or later only.",
        severity=Severity.HIGH,
        controls=(
            Control.GDPR_ENCRYPTION,
            Control.HIPAA_TRANSMISSION,
            Control.HIPAA_TRANSMISSION_ENCRYPTION,
            Control.SOC2_TRANSMISSION,
        ),
        enforcement=ALWAYS,
        types=_LISTENERS,
        check=_check_listeners,
    ),
    Policy(
        name="traffic-recorded",
        description="Flow logs record the traffic of every network.",
        severity=Severity.MEDIUM,
        controls=(Control.GDPR_BREACH, Control.HIPAA_AUDIT, Control.SOC2_MONITORING),
        enforcement=FROM_PILOT,
        types=frozenset({VPC}),
        check_stack=_check_flow_logs,
    ),
)
