"""SNS topics that alarms are sent to, one for each severity, and who is told.

It raises no alarm itself: what it hands out goes to whatever does. Subscribers by mail must confirm first.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import pulumi
import pulumi_aws as aws
from pydantic import BaseModel, ConfigDict, Field, field_validator

from components.aws.account import Account
from components.aws.policy import document, grant
from components.contracts import AlertRoute, KeyHandle

Severity = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,20}$")]
_PUBLISHERS = ("backup", "budgets", "cloudwatch", "events")


class AlertsArgs(BaseModel):
    """Who is told about what: for each severity, mail addresses and `https://` addresses of an on-call service."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    subscribers: Mapping[Severity, tuple[str, ...]]

    @field_validator("subscribers")
    @classmethod
    def _can_be_reached(cls, subscribers: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        if not subscribers:
            raise ValueError("nobody would be told; name a severity such as page, with its subscribers")
        for severity, people in subscribers.items():
            for person in people:
                if not person.startswith("https://") and "@" not in person:
                    raise ValueError(f"{severity}: {person!r} is neither a mail address nor an https:// address")
        return subscribers


class Alerts(pulumi.ComponentResource):
    """Make one encrypted topic for each severity, and its subscriptions. Outputs: routes (topic ARNs by severity)."""

    Args: ClassVar[type[AlertsArgs]] = AlertsArgs
    route: AlertRoute

    def __init__(
        self,
        name: str,
        args: AlertsArgs,
        *,
        platform: Account,
        key: KeyHandle,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:aws:Alerts", name, {}, opts)
        routes: dict[str, pulumi.Output[str]] = {}
        publishers = {"Service": [f"{service}.amazonaws.com" for service in _PUBLISHERS]}
        for severity, people in args.subscribers.items():
            topic = aws.sns.Topic(
                f"{name}-{severity}",
                kms_master_key_id=key.id,
                signature_version=2,
                tags=platform.tags(f"{name}-{severity}"),
                opts=platform.options(self),
            )
            own = {"StringEquals": {"aws:SourceAccount": platform.account_id}}
            aws.sns.TopicPolicy(
                f"{name}-{severity}-policy",
                arn=topic.arn,
                policy=document([grant("Publish", publishers, ("sns:Publish",), [topic.arn], condition=own)]),
                opts=platform.options(self),
            )
            for index, person in enumerate(people):
                aws.sns.TopicSubscription(
                    f"{name}-{severity}-{index}",
                    topic=topic.arn,
                    protocol="https" if person.startswith("https://") else "email",
                    endpoint=person,
                    opts=platform.options(self),
                )
            routes[severity] = topic.arn
        self.route = AlertRoute(routes=routes)
        self.register_outputs({"routes": routes})
