"""A monthly budget over everything that carries the stack's tag, with warnings on what was and will be spent.

It stops nothing: a budget that ended a service at its limit would be a fault of its own.
"""

from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from components.aws.account import Account
from components.aws.tags import PREFIX, REQUIRED_TAGS
from components.contracts import AlertRoute, Budget
from components.errors import SettingsError

Percentage = Annotated[int, Field(ge=1, le=1000)]
# https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
_MAX_NOTIFICATIONS = 10


class CostArgs(BaseModel):
    """The limit, and the shares of it at which a severity is told; `activate_tags` needs the paying account."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    limit_usd_per_month: PositiveInt
    spent_percent: tuple[Percentage, ...] = (50, 80, 100)
    forecast_percent: tuple[Percentage, ...] = (100,)
    severity: str = "ticket"
    activate_tags: bool = False

    @model_validator(mode="after")
    def _warns(self) -> "CostArgs":
        count = len(self.spent_percent) + len(self.forecast_percent)
        if not 1 <= count <= _MAX_NOTIFICATIONS:
            raise ValueError(
                f"spent_percent and forecast_percent have {count} warnings; give 1 to {_MAX_NOTIFICATIONS}"
            )
        return self


class Cost(pulumi.ComponentResource):
    """Make the stack's budget and its warnings. Outputs: budget (its name).

    Raises SettingsError for a severity that nobody is told about.
    """

    Args: ClassVar[type[CostArgs]] = CostArgs
    budget: Budget

    def __init__(
        self,
        name: str,
        args: CostArgs,
        *,
        platform: Account,
        alerts: AlertRoute,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Cost", name, {}, opts)
        if args.severity not in alerts.routes:
            raise SettingsError(f"no alerts of severity {args.severity!r}; there are {', '.join(alerts.routes)}")
        warnings = [
            aws.budgets.BudgetNotificationArgs(
                comparison_operator="GREATER_THAN",
                notification_type=kind,
                threshold=float(percentage),
                threshold_type="PERCENTAGE",
                subscriber_sns_topic_arns=[alerts.routes[args.severity]],
            )
            for kind, percentages in (("ACTUAL", args.spent_percent), ("FORECASTED", args.forecast_percent))
            for percentage in percentages
        ]
        made = aws.budgets.Budget(
            f"{name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.limit_usd_per_month),
            limit_unit="USD",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:{PREFIX}stack${platform.args.tags.stack}"]
                )
            ],
            notifications=warnings,
            tags=platform.tags(f"{name}-budget"),
            opts=platform.options(self),
        )
        if args.activate_tags:
            for tag in sorted(REQUIRED_TAGS):
                aws.costexplorer.CostAllocationTag(
                    f"{name}-tag-{tag.removeprefix(PREFIX)}",
                    tag_key=tag,
                    status="Active",
                    opts=platform.options(self),
                )
        self.budget = Budget(name=made.name, limit_usd_per_month=args.limit_usd_per_month)
        self.register_outputs({"budget": made.name})
