"""A public name: its DNS zone, a certificate that renews itself, and a web application firewall for load balancers.

The load balancer is load_balancer.py's, which takes the certificate and the firewall from here and writes its own
records into the zone. The parent zone must delegate to the name servers before the certificate is validated.
"""

from typing import Annotated, Any, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field

from components.aws.account import Account
from components.aws.firewall import WebAcl, WebAclLogging, visibility
from components.aws.retention import Retention
from components.contracts import EdgeEndpoint, KeyHandle

Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=253)]
# In this order: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
_MANAGED_RULES = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
# Prompts are longer than the 8 KiB that this rule allows in a body.
_COUNTED_RULES = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)}
_RATE_WINDOW_S = 300


class EdgeArgs(BaseModel):
    """The domain, and how many requests one address may send within five minutes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domain: Domain
    requests_per_address: Annotated[int, Field(ge=10, le=2_000_000_000)] = 3000
    log_retention_days: Retention = 90
    protect: bool = True


class Edge(pulumi.ComponentResource):
    """Make the zone, the validated certificate and the firewall. Outputs: zone, certificate, firewall, name_servers."""

    Args: ClassVar[type[EdgeArgs]] = EdgeArgs
    edge: EdgeEndpoint

    def __init__(
        self,
        name: str,
        args: EdgeArgs,
        *,
        platform: Account,
        log_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Edge", name, {}, opts)
        zone = aws.route53.Zone(
            f"{name}-zone",
            name=args.domain,
            comment=f"{platform.args.tags.stack}: {args.domain}",
            force_destroy=False,
            tags=platform.tags(f"{name}-zone"),
            opts=platform.options(self, protect=args.protect),
        )
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=args.domain,
            subject_alternative_names=[f"*.{args.domain}"],
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=platform.tags(f"{name}-certificate"),
            opts=platform.options(self),
        )
        # A name and its wildcard are validated by one and the same record.
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-proof",
            zone_id=zone.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=300,
            opts=platform.options(self),
        )
        validated = aws.acm.CertificateValidation(
            f"{name}-validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=platform.options(self),
        )
        # Measurements know the region and this name, but no stack.
        measured_as = platform.physical_name("firewall_metric", name, "firewall")
        firewall = self._firewall(name, args, platform, log_key, measured_as)
        self.edge = EdgeEndpoint(
            domain=args.domain,
            zone=zone.zone_id,
            certificate=validated.certificate_arn,
            firewall=firewall.arn,
            name_servers=zone.name_servers,
            measured_as=measured_as,
        )
        self.register_outputs(
            {
                "zone": zone.zone_id,
                "certificate": self.edge.certificate,
                "firewall": firewall.arn,
                "name_servers": zone.name_servers,
            }
        )

    def _firewall(self, name: str, args: EdgeArgs, platform: Account, log_key: KeyHandle, measured_as: str) -> WebAcl:
        limit = {
            "name": "rate",
            "priority": 0,
            "action": {"block": {}},
            "statement": {
                "rateBasedStatement": {
                    "aggregateKeyType": "IP",
                    "limit": args.requests_per_address,
                    "evaluationWindowSec": _RATE_WINDOW_S,
                }
            },
            "visibilityConfig": visibility(f"{name}-rate"),
        }
        firewall = WebAcl(
            f"{name}-firewall",
            description=f"{platform.args.tags.stack}: {args.domain}",
            rules=[limit, *(_managed(name, index, rules) for index, rules in enumerate(_MANAGED_RULES, start=1))],
            measured_as=measured_as,
            tags=platform.tags(f"{name}-firewall"),
            opts=platform.options(self),
        )
        logs = aws.cloudwatch.LogGroup(
            f"{name}-firewall-logs",
            # The service writes only to groups whose names begin so.
            name=f"aws-waf-logs-{platform.args.tags.stack}-{name}",
            kms_key_id=log_key.id,
            retention_in_days=args.log_retention_days,
            tags=platform.tags(f"{name}-firewall-logs"),
            opts=platform.options(self),
        )
        WebAclLogging(f"{name}-firewall-logging", web_acl=firewall.arn, log_group=logs.arn, opts=platform.options(self))
        return firewall


def _managed(name: str, priority: int, rules: str) -> dict[str, Any]:
    statement: dict[str, Any] = {"vendorName": "AWS", "name": rules}
    counted = [{"name": rule, "actionToUse": {"count": {}}} for rule in _COUNTED_RULES.get(rules, ())]
    if counted:
        statement["ruleActionOverrides"] = counted
    return {
        "name": rules,
        "priority": priority,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": statement},
        "visibilityConfig": visibility(f"{name}-{rules}"),
    }
