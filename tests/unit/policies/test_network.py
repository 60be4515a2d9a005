from typing import Any

import pytest

from stacks.policies.network import is_everywhere
from stacks.policies.resource import UNKNOWN
from tests.support.policies import broken, findings, resource

RULE, GROUP = "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ec2/securityGroup:SecurityGroup"
LISTENER = "lb/listener:Listener"
MODERN = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


@pytest.mark.parametrize(
    ("block", "everywhere"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("128.0.0.0/1", True),
        ("10.0.0.0/8", False),
        ("not a block", False),
        (UNKNOWN, False),
    ],
)
def test_a_half_of_the_internet_is_everywhere_too(block: Any, everywhere: bool) -> None:
    assert is_everywhere(block) is everywhere


def test_a_port_that_is_open_to_all_is_found_in_every_form_of_rule() -> None:
    assert broken("no-open-ingress", resource(RULE, cidrIpv4="0.0.0.0/0", fromPort=22, toPort=22)) == [
        ("it", "cidrIpv4")
    ]
    rules = [{"cidrBlocks": ["10.0.0.0/8"]}, {"ipv6CidrBlocks": ["::/0"], "fromPort": 0, "toPort": 0}, UNKNOWN]
    (found,) = findings("no-open-ingress", resource(GROUP, ingress=rules))
    assert found.property == "ingress[1]"
    assert "every port" in found.problem
    old = {"cidrBlocks": ["0.0.0.0/0"], "fromPort": 8000, "toPort": 9000}
    kind = "ec2/securityGroupRule:SecurityGroupRule"
    (found,) = findings("no-open-ingress", resource(kind, type="ingress", **old))
    assert "ports 8000 to 9000" in found.problem
    assert broken("no-open-ingress", resource(kind, type="egress", **old)) == []


@pytest.mark.parametrize("first", [443, UNKNOWN])
def test_the_edges_port_may_be_open(first: Any) -> None:
    rule = resource(RULE, cidrIpv4="0.0.0.0/0", fromPort=first, toPort=first)
    assert broken("no-open-ingress", rule) == []
    assert len(broken("no-open-ingress", rule, open_ports=[8443])) == (first == 443)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"protocol": "HTTP", "defaultActions": [{"type": "forward"}]}, "protocol"),
        ({"protocol": "HTTP", "defaultActions": [{"type": "redirect"}]}, None),
        ({"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"}, "sslPolicy"),
        ({"protocol": "HTTPS"}, "sslPolicy"),
        ({"protocol": "HTTPS", "sslPolicy": MODERN}, None),
        ({"protocol": "TLS", "sslPolicy": UNKNOWN}, None),
        ({"protocol": "TCP"}, None),
        ({"protocol": UNKNOWN}, None),
    ],
)
def test_listeners_carry_requests_by_modern_tls(settings: dict[str, Any], path: str | None) -> None:
    assert broken("load-balancer-tls", resource(LISTENER, **settings)) == ([("it", path)] if path else [])


def test_the_traffic_of_a_network_is_recorded() -> None:
    vpc = resource("ec2/vpc:Vpc", "net", id="vpc-1")
    assert broken("traffic-recorded", vpc) == [("net", "flowLog")]
    assert broken("traffic-recorded", vpc, resource("ec2/flowLog:FlowLog", vpcId="vpc-2")) == [("net", "flowLog")]
    assert broken("traffic-recorded", vpc, resource("ec2/flowLog:FlowLog", vpcId="vpc-1")) == []
