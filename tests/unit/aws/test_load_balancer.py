"""How clients get in: by TLS, through the firewall, to the pods of the cluster's gateway."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.aws.account import Account
from components.aws.load_balancer import LoadBalancer, LoadBalancerArgs
from tests.support.aws_account import Deployment, deploy
from tests.support.aws_wiring import cluster_of, edge_of, key_of, network_of


def entrance(**values: Any) -> Deployment:
    def build(platform: Account) -> Any:
        return LoadBalancer(
            "entrance",
            LoadBalancerArgs(**values),
            platform=platform,
            network=network_of(platform),
            cluster=cluster_of("cluster"),
            edge=edge_of("models.example.test"),
            log_key=key_of("logs"),
        ).load_balancer

    return deploy(build)


def test_by_default_only_the_network_itself_gets_in_and_by_tls_only() -> None:
    made = entrance()
    balancer = made.one("lb/loadBalancer:LoadBalancer").inputs
    assert (balancer["internal"], balancer["loadBalancerType"]) == (True, "application")
    assert all(subnet.startswith("subnet-private-") for subnet in balancer["subnets"])
    (listener,) = made.all("lb/listener:Listener")
    assert (listener.inputs["port"], listener.inputs["protocol"]) == (443, "HTTPS")
    assert listener.inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    assert listener.inputs["certificateArn"].endswith("certificate/one")
    assert made.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "-1").inputs["cidrIpv4"] == "10.40.0.0/16"


def test_the_public_one_stands_in_public_subnets_for_the_blocks_that_are_named() -> None:
    made = entrance(internet_facing=True, clients=("0.0.0.0/0",), minimum_tls="1.3")
    balancer = made.one("lb/loadBalancer:LoadBalancer").inputs
    assert balancer["internal"] is False
    assert all(subnet.startswith("subnet-public-") for subnet in balancer["subnets"])
    assert made.one("lb/listener:Listener").inputs["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    assert made.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "-1").inputs["cidrIpv4"] == "0.0.0.0/0"


def test_nobody_can_open_it_to_the_internet_by_accident() -> None:
    with pytest.raises(ValidationError, match=r"name their blocks, or 0\.0\.0\.0/0"):
        LoadBalancerArgs(internet_facing=True)


def test_requests_reach_the_gateways_pods_and_nothing_else() -> None:
    made = entrance(target_port=9443)
    targets = made.one("lb/targetGroup:TargetGroup").inputs
    assert (targets["targetType"], targets["port"], targets["protocol"]) == ("ip", 9443, "HTTPS")
    out = made.one("vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs
    assert (out["referencedSecurityGroupId"], out["fromPort"], out["toPort"]) == ("sg-cluster", 9443, 9443)
    into = made.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "-into-pods").inputs
    assert (into["securityGroupId"], into["referencedSecurityGroupId"]) == ("sg-cluster", "entrance-clients-id")
    assert made.result.targets.endswith(":entrance-pods")


def test_one_that_reads_requests_stands_behind_the_web_application_firewall() -> None:
    association = entrance().one("wafv2/webAclAssociation:WebAclAssociation").inputs
    assert association["webAclArn"].endswith("webacl/one/1")
    assert association["resourceArn"].endswith(":entrance-balancer")


def test_one_that_passes_connections_on_ends_tls_and_has_no_part_that_reads_requests() -> None:
    made = entrance(layer=4)
    assert not made.all("wafv2/webAclAssociation:WebAclAssociation")
    assert made.one("lb/listener:Listener").inputs["protocol"] == "TLS"
    balancer = made.one("lb/loadBalancer:LoadBalancer").inputs
    assert (balancer["loadBalancerType"], "idleTimeout" in balancer) == ("network", False)
    targets = made.one("lb/targetGroup:TargetGroup").inputs
    assert (targets["protocol"], targets["healthCheck"]["protocol"]) == ("TLS", "HTTPS")


@pytest.mark.parametrize(
    ("layer", "writer", "algorithm"),
    [(7, "logdelivery.elasticloadbalancing.amazonaws.com", "AES256"), (4, "delivery.logs.amazonaws.com", "aws:kms")],
)
def test_its_log_is_written_by_its_own_service_to_a_closed_bucket(layer: int, writer: str, algorithm: str) -> None:
    made = entrance(layer=layer)
    assert made.one("lb/loadBalancer:LoadBalancer").inputs["accessLogs"]["enabled"] is True
    statements = made.one("s3/bucketPolicy:BucketPolicy").document()["Statement"]
    (write,) = [it for it in statements if it["Action"] == ["s3:PutObject"]]
    assert write["Principal"] == {"Service": writer}
    assert write["Resource"][0].endswith("/AWSLogs/123456789012/*")
    assert ":123456789012:" in write["Condition"]["ArnLike"]["aws:SourceArn"]
    rule = made.one("s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration").inputs[
        "rules"
    ][0]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == algorithm


def test_names_lead_to_it_and_are_what_clients_are_told() -> None:
    made = entrance(hosts=("api", ""))
    records = made.all("route53/record:Record")
    assert [it.inputs["name"] for it in records] == ["api.models.example.test", "models.example.test"]
    assert all(it.inputs["aliases"][0]["evaluateTargetHealth"] is True for it in records)
    assert made.result.urls == ["https://api.models.example.test", "https://models.example.test"]
    with pytest.raises(ValidationError, match="name a label in hosts"):
        LoadBalancerArgs(hosts=())


def test_it_is_deleted_by_accident_only_where_it_may_be() -> None:
    assert entrance().one("lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is True
    made = entrance(protect=False)
    assert made.one("lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is False
    assert not made.one("s3/bucket:Bucket").protect
