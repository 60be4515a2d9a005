"""The way in: a load balancer with TLS only, before the pods of the cluster's gateway, and the names that lead to it.

It routes nothing itself: the cluster registers its gateway's pods in the target group, which is why that is of type
`ip`. Nothing listens without TLS, not even to redirect, because a client's key would already have been sent in clear.
"""

import ipaddress
from typing import Annotated, ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from components.aws.access_log import access_log_bucket
from components.aws.account import Account
from components.aws.firewall import WebAclAssociation
from components.contracts import ClusterHandle, EdgeEndpoint, KeyHandle, LoadBalancerHandle, NetworkHandle, SubnetTier

_HTTPS = 443
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html: forward secrecy and
# authenticated encryption alone, from that version on.
TLS_POLICIES = {"1.2": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", "1.3": "ELBSecurityPolicy-TLS13-1-3-2021-06"}
HostLabel = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$")]


class LoadBalancerArgs(BaseModel):
    """Who comes in, by which names, and where their requests go.

    `layer` 7 reads requests and stands behind the web application firewall; 4 passes connections on after TLS.
    `clients` are the blocks that may connect, by default the network's own; an `internet_facing` one must name them.
    `hosts` are labels under the edge's domain, an empty one being the domain itself. Pods listen on `target_port`
    with TLS of their own where `target_tls` is set; the load balancer does not check their certificates' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    layer: Literal[4, 7] = 7
    internet_facing: bool = False
    clients: tuple[str, ...] = ()
    hosts: tuple[HostLabel, ...] = ("api",)
    minimum_tls: Literal["1.2", "1.3"] = "1.2"
    target_port: Annotated[int, Field(ge=1, le=65535)] = 8443
    target_tls: bool = True
    health_path: Annotated[str, Field(pattern=r"^/\S*$")] = "/health"
    idle_timeout_s: Annotated[int, Field(ge=60, le=4000)] = 600
    drain_s: Annotated[int, Field(ge=0, le=3600)] = 120
    log_retention_days: PositiveInt = 90
    protect: bool = True

    @field_validator("clients")
    @classmethod
    def _are_blocks(cls, clients: tuple[str, ...]) -> tuple[str, ...]:
        for client in clients:
            ipaddress.IPv4Network(client)
        return clients

    @model_validator(mode="after")
    def _fits_together(self) -> "LoadBalancerArgs":
        if self.internet_facing and not self.clients:
            raise ValueError(
                "an internet-facing load balancer lets nobody in without clients; name their blocks, or 0.0.0.0/0 "
                "for everybody"
            )
        if not self.hosts:
            raise ValueError("no name leads to the load balancer; name a label in hosts, such as api")
        return self


class LoadBalancer(pulumi.ComponentResource):
    """Make one load balancer, its TLS listener, target group, log, firewall rules and DNS records.

    Outputs: load_balancer (ARN), address, targets (ARN of the target group), urls.
    """

    Args: ClassVar[type[LoadBalancerArgs]] = LoadBalancerArgs
    load_balancer: LoadBalancerHandle

    def __init__(
        self,
        name: str,
        args: LoadBalancerArgs,
        *,
        platform: Account,
        network: NetworkHandle,
        cluster: ClusterHandle,
        edge: EdgeEndpoint,
        log_key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`log_key` encrypts the log of a load balancer of layer 4; one of layer 7 can write by S3's own key alone."""
        super().__init__("inferloop:aws:LoadBalancer", name, {}, opts)
        self._name, self._platform = name, platform
        requests = args.layer == 7
        group = self._firewall(args, network, cluster)
        logs, ready = access_log_bucket(
            f"{name}-log",
            parent=self,
            platform=platform,
            layer=args.layer,
            key=None if requests else log_key,
            retention_days=args.log_retention_days,
            protect=args.protect,
        )
        balancer = aws.lb.LoadBalancer(
            f"{name}-balancer",
            load_balancer_type="application" if requests else "network",
            internal=not args.internet_facing,
            subnets=list(network.subnets[SubnetTier.PUBLIC if args.internet_facing else SubnetTier.PRIVATE]),
            security_groups=[group.id],
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=logs.bucket, enabled=True),
            enable_deletion_protection=args.protect,
            enable_cross_zone_load_balancing=True,
            # What follows is for requests alone.
            drop_invalid_header_fields=True if requests else None,
            desync_mitigation_mode="strictest" if requests else None,
            idle_timeout=args.idle_timeout_s if requests else None,
            enable_waf_fail_open=False if requests else None,
            tags=platform.tags(f"{name}-balancer"),
            opts=platform.options(self, depends_on=ready),
        )
        targets = self._targets(args, network)
        listener = aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=_HTTPS,
            protocol="HTTPS" if requests else "TLS",
            ssl_policy=TLS_POLICIES[args.minimum_tls],
            certificate_arn=edge.certificate,
            alpn_policy=None if requests else "HTTP2Preferred",
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=platform.tags(f"{name}-https"),
            opts=platform.options(self),
        )
        if requests:
            WebAclAssociation(
                f"{name}-filter", web_acl=edge.firewall, resource=balancer.arn, opts=platform.options(self)
            )
        urls = [self._record(host, edge, balancer) for host in args.hosts]
        # Pods are registered once something listens.
        registered = pulumi.Output.all(targets.arn, listener.id).apply(lambda known: str(known[0]))
        self.load_balancer = LoadBalancerHandle(
            id=balancer.arn,
            layer=args.layer,
            address=balancer.dns_name,
            targets=registered,
            firewall=group.id,
            urls=urls,
        )
        self.register_outputs(
            {"load_balancer": balancer.arn, "address": balancer.dns_name, "targets": registered, "urls": urls}
        )

    def _firewall(
        self, args: LoadBalancerArgs, network: NetworkHandle, cluster: ClusterHandle
    ) -> aws.ec2.SecurityGroup:
        """Let clients in by HTTPS, and let the load balancer reach the pods and nothing else."""
        name, platform = f"{self._name}-clients", self._platform
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=network.id,
            description="HTTPS from clients, and on to the cluster's pods",
            tags=platform.tags(name),
            opts=platform.options(self),
        )
        for number, block in enumerate(args.clients or (network.cidr,), start=1):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{number}",
                security_group_id=group.id,
                cidr_ipv4=block,
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                description=f"HTTPS from {block}",
                tags=platform.tags(f"{name}-{number}"),
                opts=platform.options(self),
            )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-to-pods",
            security_group_id=group.id,
            referenced_security_group_id=cluster.firewall,
            ip_protocol="tcp",
            from_port=args.target_port,
            to_port=args.target_port,
            description="Requests to the gateway's pods",
            tags=platform.tags(f"{self._name}-to-pods"),
            opts=platform.options(self),
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-into-pods",
            security_group_id=cluster.firewall,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=args.target_port,
            to_port=args.target_port,
            description="Requests from the load balancer",
            tags=platform.tags(f"{self._name}-into-pods"),
            opts=platform.options(self),
        )
        return group

    def _targets(self, args: LoadBalancerArgs, network: NetworkHandle) -> aws.lb.TargetGroup:
        by_requests = "HTTPS" if args.target_tls else "HTTP"
        by_connections = "TLS" if args.target_tls else "TCP"
        return aws.lb.TargetGroup(
            f"{self._name}-pods",
            target_type="ip",
            vpc_id=network.id,
            port=args.target_port,
            protocol=by_requests if args.layer == 7 else by_connections,
            deregistration_delay=args.drain_s,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=args.health_path,
                protocol=by_requests,
                matcher="200",
                interval=10,
                timeout=5,
                unhealthy_threshold=3,
            ),
            tags=self._platform.tags(f"{self._name}-pods"),
            opts=self._platform.options(self),
        )

    def _record(self, host: str, edge: EdgeEndpoint, balancer: aws.lb.LoadBalancer) -> pulumi.Output[str]:
        domain = f"{host}.{edge.domain}" if host else edge.domain
        record = aws.route53.Record(
            f"{self._name}-name-{host or 'apex'}",
            zone_id=edge.zone,
            name=domain,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True
                )
            ],
            opts=self._platform.options(self),
        )
        return record.id.apply(lambda _: f"https://{domain}")
