"""CloudWatch alarms on what a stack stands on, each sent to the people of its urgency, by the rules of alarm_rules.py.

It watches AWS's own services alone: workloads are watched by Prometheus, inside the cluster. Whatever is not given is
not watched.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from components.aws.account import Account
from components.aws.alarm_rules import ALARM_RULES, AlarmRule, Urgency, Watched
from components.contracts import (
    AlarmSubjects,
    AlertRoute,
)
from components.errors import SettingsError

_Dimensions = Mapping[str, pulumi.Input[str]]
_APPLICATION_LAYER = 7


class AlarmsArgs(BaseModel):
    """Which route each urgency takes, other thresholds by alarm, and the alarms that are not wanted.

    Thresholds are in the metric's own unit: bytes, percent, a count in the rule's period.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    routes: Mapping[Urgency, str] = Field(default={"page": "page", "ticket": "ticket"})
    thresholds: Mapping[str, float] = Field(default_factory=dict)
    without: tuple[str, ...] = ()

    @field_validator("thresholds")
    @classmethod
    def _are_known(cls, thresholds: Mapping[str, float]) -> Mapping[str, float]:
        _check_known(thresholds)
        return thresholds

    @field_validator("without")
    @classmethod
    def _exist(cls, without: tuple[str, ...]) -> tuple[str, ...]:
        _check_known(without)
        return without

    @model_validator(mode="after")
    def _fits_together(self) -> "AlarmsArgs":
        if missing := sorted({rule.urgency for rule in self.rules().values()} - set(self.routes)):
            raise ValueError(f"routes names no severity for {', '.join(missing)}; add it")
        if both := sorted(set(self.thresholds) & set(self.without)):
            raise ValueError(f"{', '.join(both)} has a threshold but is not wanted; remove it from one")
        return self

    def rules(self) -> dict[str, AlarmRule]:
        """Return the rules that are wanted, by name."""
        return {name: rule for name, rule in ALARM_RULES.items() if name not in self.without}


class Alarms(pulumi.ComponentResource):
    """Make one alarm for each rule and thing that it watches; route it by its urgency. Outputs: alarms (ARNs by name).

    Raises SettingsError where a route names a severity that nobody is told of.
    """

    Args: ClassVar[type[AlarmsArgs]] = AlarmsArgs
    alarms: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: AlarmsArgs,
        *,
        platform: Account,
        alerts: AlertRoute,
        subjects: AlarmSubjects,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Alarms", name, {}, opts)
        if unknown := sorted(set(args.routes.values()) - set(alerts.routes)):
            raise SettingsError(
                f"nobody is told of {', '.join(unknown)}; name one of {', '.join(alerts.routes)} in routes"
            )
        watched = _dimensions(subjects, platform.region)
        made: dict[str, pulumi.Output[str]] = {}
        for rule_name, rule in args.rules().items():
            targets = watched.get(rule.watched, [])
            for number, dimensions in enumerate(targets, start=1):
                role = rule_name if len(targets) == 1 else f"{rule_name}-{number}"
                route = [alerts.routes[args.routes[rule.urgency]]]
                alarm = aws.cloudwatch.MetricAlarm(
                    f"{name}-{role}",
                    alarm_description=f"{platform.args.tags.stack}: {rule.meaning}",
                    namespace=rule.namespace,
                    metric_name=rule.metric,
                    dimensions=dimensions,
                    statistic=rule.statistic,
                    comparison_operator="GreaterThanThreshold" if rule.above else "LessThanThreshold",
                    threshold=args.thresholds.get(rule_name, rule.threshold),
                    period=rule.period_s,
                    evaluation_periods=rule.periods,
                    treat_missing_data="notBreaching",
                    alarm_actions=route,
                    ok_actions=route,
                    tags=platform.tags(f"{name}-{role}"),
                    opts=platform.options(self),
                )
                made[role] = alarm.arn
        self.alarms = made
        self.register_outputs({"alarms": made})


def _dimensions(subjects: AlarmSubjects, region: str) -> dict[Watched, list[_Dimensions]]:
    """Return the dimensions under which each thing is measured."""
    found: dict[Watched, list[_Dimensions]] = {
        Watched.CACHE_NODE: [{"CacheClusterId": node} for cache in subjects.caches for node in cache.nodes],
        Watched.DATABASE_NODE: [{"DBInstanceIdentifier": node} for it in subjects.databases for node in it.nodes],
        Watched.DATABASE_DISK: [
            {"DBInstanceIdentifier": node} for it in subjects.databases if it.cluster is None for node in it.nodes
        ],
        Watched.DATABASE_CLUSTER: [
            {"DBClusterIdentifier": it.cluster} for it in subjects.databases if it.cluster is not None
        ],
    }
    if subjects.network is not None:
        found[Watched.NAT_GATEWAY] = [{"NatGatewayId": gateway} for gateway in subjects.network.gateways]
    if subjects.cluster is not None:
        found[Watched.CLUSTER] = [{"ClusterName": subjects.cluster.name}]
    if subjects.vault is not None:
        found[Watched.VAULT] = [{"BackupVaultName": subjects.vault.id.apply(lambda arn: arn.rpartition(":")[2])}]
    if subjects.edge is not None:
        found[Watched.FIREWALL] = [{"WebACL": subjects.edge.measured_as, "Region": region, "Rule": "ALL"}]
    if (balancer := subjects.load_balancer) is not None:
        reads_requests = balancer.layer == _APPLICATION_LAYER
        whole = {"LoadBalancer": balancer.id.apply(lambda arn: arn.rpartition(":loadbalancer/")[2])}
        targets = {**whole, "TargetGroup": balancer.targets.apply(lambda arn: arn.rpartition(":")[2])}
        found[Watched.REQUEST_BALANCER if reads_requests else Watched.CONNECTION_BALANCER] = [whole]
        found[Watched.REQUEST_TARGETS if reads_requests else Watched.CONNECTION_TARGETS] = [targets]
    return found


def _check_known(names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(ALARM_RULES)):
        raise ValueError(f"no alarm {', '.join(unknown)}; there are {', '.join(ALARM_RULES)}")
